#!/usr/bin/env python3
"""h1 to h4 on a cluster of one and of two worker processes, beside one `systole run`, on the same files.

    ./dev bench processes --workload h1,h2,h3,h4 --runs 3

Parallelism 1 on one worker, 2 on one, 2 on two (a slot each). Time is from `systole submit` until the job has finished, CPU
seconds are all engine processes' over that time, coordinator included; those of `systole run` are from its start to its end.
The results' checksums are compared with bench/expected: h1's published files are read back, h2 to h4 collect (the coordinator,
which commits, prints the line). In h2 only --check runs collect, the others count.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import time

import flink as bench
from engine import EngineCluster
from report import cell, heading, record

LAYOUTS = [(1, 1), (2, 1), (2, 2)]  # parallelism, workers
COLUMNS = [("events_per_s", "events/s", 0), ("process_cpu_s", "CPU s", 2), ("events_per_cpu_s", "events/CPU-s", 0)]


def on_cluster(point, options, folder, workers):
    out = os.path.join(bench.WORK, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    workload, parallelism = point["workload"], point["parallelism"]
    parameters = dict(input=folder)
    if workload == "h1":
        parameters["out"] = out
    if workload == "h2" and point["check"]:
        parameters.update(check="true", count="false")
    with EngineCluster(workers, -(-parallelism // workers), options.memory) as cluster:
        before = cluster.usage()
        started = time.monotonic()
        cluster.submit_and_wait([os.path.join(bench.HERE, "workloads", workload + ".yaml")], parameters, parallelism)
        error = cluster.wait_finished(workload, options.timeout)
        wall = time.monotonic() - started
        after = cluster.usage()
        printed = cluster.coordinators[0].log()
    if error:
        return dict(error=error)
    cpu = sum(seconds - before[name][0] for name, (seconds, _) in after.items())
    result = dict(wall_s=wall, process_cpu_s=cpu, events_per_s=point["events"] / wall, events_per_cpu_s=point["events"] / cpu,
                  peak_rss_mib={name: round(peak) for name, (_, peak) in after.items()})
    if workload == "h1" and point["check"]:
        result["rows"], result["checksum"] = bench.h1_checksum(out)
    for line in printed.splitlines():
        if line.startswith('{"rows"'):
            result.update(json.loads(line))
    return result


def in_one_process(point, options, folder):
    result = bench.run_systole(point, options, folder)
    if "error" not in result:
        result["peak_rss_mib"] = {"run": round(result["peak_rss_mib"])}
    return result


def print_table(results):
    groups = {}
    for each in results:
        groups.setdefault((each["workload"], each["parallelism"], each["where"]), []).append(each)
    print("| job | p | where | runs | " + " | ".join(c[1] for c in COLUMNS) + " | to `run`'s events/s | peak RSS MiB | result |")
    print("|---" * (len(COLUMNS) + 7) + "|")
    alone = {}
    for (workload, parallelism, where), runs in groups.items():
        timed = [each for each in runs if not each["check"] and "error" not in each]
        cells = [cell(statistics.median([each[name] for each in timed]) if timed else None, digits) for name, _, digits in COLUMNS]
        rate = statistics.median([each["events_per_s"] for each in timed]) if timed else None
        if where == "run":
            alone[workload, parallelism] = rate
        base = alone.get((workload, parallelism))
        peaks = {}
        for each in timed:
            for name, peak in each["peak_rss_mib"].items():
                peaks[name] = max(peak, peaks.get(name, 0))
        checks = sorted({each["result"] for each in runs} - {"-"})
        print("| " + " | ".join([workload, str(parallelism), where, str(len(timed)), *cells, cell(rate / base if rate and base else None, 2),
                                 ", ".join(f"{name} {peak}" for name, peak in peaks.items()), "/".join(checks) or "-"]) + " |")
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", default="h1,h2,h3,h4")
    add("--events", type=int, default=2_000_000)
    add("--runs", type=int, default=3)
    add("--seed", type=int, default=1)
    add("--memory", default="512MiB", help="the limit of each process")
    add("--timeout", type=int, default=400, help="seconds of one run")
    add("--no-check", action="store_true", help="skip the runs that only check h1's files and h2's final rows")
    add("--json", default="", help="append a JSON line per run to this file")
    options = parser.parse_args()
    heading("processes", options.seed, f"--memory {options.memory}", f"{options.events:,} events")
    results = []
    for workload in options.workload.split(","):
        checks = [True] if workload in ("h1", "h2") and not options.no_check else []
        for check in checks + [False] * options.runs:
            for parallelism, workers in LAYOUTS:  # in turns, so that a slow minute hits all
                for where in ["run"] * (workers == 1) + [f"{workers} worker" + "s" * (workers > 1)]:
                    folder = bench.data(parallelism, options.events, options.seed)
                    point = dict(workload=workload, events=options.events, parallelism=parallelism, seed=options.seed, check=check)
                    with bench.bench_lock():
                        bench.warm_page_cache(folder)
                        result = in_one_process(point, options, folder) if where == "run" else on_cluster(point, options, folder, workers)
                    result = dict(benchmark="processes", where=where, **point, **result)
                    result["result"] = "failed" if "error" in result else bench.verdict(point, result)
                    results.append(result)
                    record(options, result)
    print_table(results)
    return 1 if any(each["result"] in ("failed", "wrong") for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
