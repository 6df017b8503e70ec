#!/usr/bin/env python3
"""Runs h1 to h4 with Systole, with Apache Flink and by hand, on the same input in one run, and compares.

    ./dev bench flink --workload h1,h2,h3,h4 --parallelism 1,2 --runs 3

Prints a Markdown table (median, minimum-maximum) and, with --json FILE, appends a JSON line per run. Every result's
checksum is compared with bench/expected; a wrong one is printed as such and makes the exit code 1. Timings never do.
bench/README.md says what each figure means.
"""
import argparse
import contextlib
import fcntl
import glob
import hashlib
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
WORK = os.environ.get("SYSTOLE_BENCH_WORK", os.path.join(tempfile.gettempdir(), "systole-bench"))
LOCK = os.path.join(tempfile.gettempdir(), "bench.lock")
BUILD = os.path.abspath(os.environ.get("SYSTOLE_BUILD", os.path.join(ROOT, "build", "release")))
SYSTOLE = os.path.join(BUILD, "systole")
LIMITS = os.path.join(BUILD, "bench")
OPENS = [f"--add-opens=java.base/java.{p}=ALL-UNNAMED" for p in ("util", "lang", "time")]
# (workload, events) -> rows, checksum; from bench/expected/README.md. h2's rows are its final groups.
EXPECTED = {
    ("h1", 100_000): (97076, "9b87280234828ffb"), ("h1", 2_000_000): (1941854, "80cf2f063c22d53d"),
    ("h2", 100_000): (277, "03b7d60c9cabb769"), ("h2", 2_000_000): (319, "e1ef6974201efb5a"),
    ("h3", 100_000): (58, "ba4e649f9d7d4f88"), ("h3", 500_000): (203, "50fb9d1117060523"),
    ("h3", 2_000_000): (696, "16443bd67734e934"),
    ("h4", 100_000): (12015, "906ed4684f8bba98"), ("h4", 2_000_000): (192830, "07cfa8a348162fe1"),
}
H1_FIELDS = """event_type event_id patient_id gender age department hospital_id hospital_name bed_id admission_time
 expected_discharge_time discharge_time length_of_stay_hrs discharge_status admission_priority diagnosis_code
 insurance_type heart_rate bp_systolic bp_diastolic temperature_f oxygen_saturation event_timestamp dq_flags""".split()
TIMES = {"admission_time", "expected_discharge_time", "discharge_time", "event_timestamp"}
SCALED = {"length_of_stay_hrs": 100, "temperature_f": 10}


@contextlib.contextmanager
def bench_lock():
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_flink():
    """Builds the peer with Maven where a source is newer than the result; offline where it can."""
    folder, out = os.path.join(HERE, "peers", "flink"), os.path.join(WORK, "flink")
    product = os.path.join(out, "flink-baseline-1.jar")
    sources = [p for p in glob.glob(folder + "/**", recursive=True) if os.path.isfile(p)]
    if os.path.exists(product) and os.path.getmtime(product) >= max(map(os.path.getmtime, sources)):
        return
    print("==> building Flink's jobs; the first time downloads from Maven Central", file=sys.stderr)
    if not shutil.which("mvn") or not shutil.which("java"):
        sys.exit("bench: Flink needs java and mvn (packages openjdk-17-jdk-headless and maven); "
                 "without them: --engine systole,hand-written")
    command = ["mvn", "-B", "-q", f"-Dbench.out={out}", "package"]
    if subprocess.call(command + ["-o"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) != 0:
        subprocess.check_call(command, cwd=folder, stdout=sys.stderr)


def data(parts, events, seed):
    """The folder of the input, made if absent."""
    folder = os.path.join(WORK, "data", f"patient_flow-{events}-s{seed}-p{parts}")
    if not os.path.isdir(folder):
        partial = folder + ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        subprocess.check_call([os.path.join(LIMITS, "generate_input"), "patient_flow", "--events", str(events),
                               "--seed", str(seed), "--parts", str(parts), "--out", partial])
        os.rename(partial, folder)
    return folder


def warm_page_cache(folder):
    for path in glob.glob(folder + "/*.ndjson"):
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass


def micros(text):
    return (datetime.fromisoformat(text.rstrip("Z")) - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def h1_line(line):
    event, cells = json.loads(line), []
    for name in H1_FIELDS:
        value = event.get(name)
        if value is None:
            cells.append("")
        elif name in TIMES:
            cells.append(str(micros(value)))
        elif name in SCALED:
            cells.append(str(math.floor(float(value) * SCALED[name] + 0.5)))
        else:
            cells.append(str(value))
    return int.from_bytes(hashlib.sha256(",".join(cells).encode()).digest()[:8], "big")


def h1_checksum(folder):
    """Rows and checksum of the published files of h1."""
    rows = total = 0
    for path in sorted(glob.glob(folder + "/**/*.ndjson", recursive=True)):
        with open(path, encoding="utf-8") as file:
            for line in file:
                total = (total + h1_line(line)) % 2**64
                rows += 1
    return rows, f"{total:016x}"


def published(folder):
    """True once a file is visible in an output folder."""
    for base, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith((".", "_"))]
        for name in names:
            if not name.startswith((".", "_")) and name.endswith(".ndjson") and os.path.getsize(os.path.join(base, name)):
                return True
    return False


def run_process(command, timeout, first=None, notice=None):
    """Runs to the end: exit code, stdout, stderr tail, wall and CPU seconds, peak RSS in MiB, seconds until first() was
    true, and seconds until stderr had a line for which notice(line) is."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    guard = threading.Timer(timeout, process.kill)
    guard.start()
    seen, noticed, errors, peak, ended = [], [], [], [0], threading.Event()

    def watch():
        while not ended.is_set() and not seen:
            if first():
                seen.append(time.monotonic() - started)
                return
            time.sleep(0.01)

    def sample():
        # ru_maxrss would not do: it begins with what this program had when it forked.
        while not ended.is_set():
            with contextlib.suppress(OSError):
                with open(f"/proc/{process.pid}/status") as status:
                    peak[0] = max([peak[0]] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
            time.sleep(0.01)

    def drain():
        for line in process.stderr:
            if notice and not noticed and notice(line):
                noticed.append(time.monotonic() - started)
            errors.append(line)

    threading.Thread(target=sample, daemon=True).start()
    if first:
        threading.Thread(target=watch, daemon=True).start()
    drainer = threading.Thread(target=drain, daemon=True)
    drainer.start()
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    guard.cancel()
    drainer.join(2)
    return dict(exit=process.returncode, out=out, errors="".join(errors)[-1500:], wall_s=wall,
                process_cpu_s=usage.ru_utime + usage.ru_stime, peak_rss_mib=peak[0] / 1024,
                first_result_s=seen[0] if seen else None, noticed_s=noticed[0] if noticed else None)


def run_systole(point, options, folder):
    out, state = os.path.join(WORK, "out"), os.path.join(WORK, "state")
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(out)
    h1 = point["workload"] == "h1"
    command = [SYSTOLE, "run", os.path.join(HERE, "workloads", point["workload"] + ".yaml"), "--state", state,
               "--parallelism", str(point["parallelism"]), "--memory", options.memory, "--progress", "json",
               "--param", f"input={folder}"]
    if h1:
        command += ["--param", f"out={out}"]
    elif point["workload"] == "h2" and point.get("check"):
        command += ["--param", "check=true", "--param", "count=false"]
    ran = run_process(command, options.timeout, (lambda: published(out)) if h1 else None,
                      lambda line: '"first_row_s"' in line)
    if ran["exit"] != 0:
        return dict(error=ran["errors"] or ran["out"][-500:], exit=ran["exit"])
    result = dict(process_cpu_s=ran["process_cpu_s"], wall_s=ran["wall_s"], peak_rss_mib=ran["peak_rss_mib"],
                  events_per_cpu_s=point["events"] / ran["process_cpu_s"], events_per_s=point["events"] / ran["wall_s"],
                  first_row_s=ran["noticed_s"], first_result_s=ran["first_result_s"] if h1 else ran["noticed_s"])
    if h1 and point.get("check"):
        result["rows"], result["checksum"] = h1_checksum(out)
    for line in ran["out"].splitlines():
        if line.startswith('{"rows"'):
            told = json.loads(line)
            result["rows"], result["changes"], result["checksum"] = told["rows"], told["changes"], told.get("checksum")
    return result


def flink_command(point, options, folder, variant, topic_prefix=None):
    """The peer's command line; with a prefix from topic to topic."""
    jar = os.path.join(WORK, "flink")
    command = ["java", f"-Xmx{options.heap}", f"-XX:+Use{options.gc}GC", *OPENS,
               "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{jar}/flink-baseline-1.jar:{jar}/lib/*",
               "baseline.Bench", "--workload", point["workload"], "--variant", variant, "--backend", "rocksdb",
               "--source", "kafka" if topic_prefix else "file", "--parallelism", str(point["parallelism"]), "--input", folder,
               "--output", os.path.join(WORK, "out"), "--checkpoints", os.path.join(WORK, "checkpoints"), "--checkpoint-ms", "1000",
               "--managed", options.managed, "--rocksdb-options", "use-bloom-filter=true"]
    return command + (["--topic-prefix", topic_prefix] if topic_prefix else [])


def run_flink(point, options, folder, variant, topic_prefix=None):
    shutil.rmtree(os.path.join(WORK, "out"), ignore_errors=True)
    shutil.rmtree(os.path.join(WORK, "checkpoints"), ignore_errors=True)
    command = flink_command(point, options, folder, variant, topic_prefix)
    if point.get("check") and point["workload"] == "h1":
        command += ["--check", "1"]
    started = time.time()
    ran = run_process(command, options.timeout)
    lines = [line[7:] for line in ran["out"].splitlines() if line.startswith("RESULT ")]
    if not lines:
        return dict(error=ran["errors"][-500:], exit=ran["exit"])
    told = json.loads(lines[-1])
    return dict(events_per_cpu_s=told["warm_events_per_cpu_s"], steady_events_per_cpu_s=told["steady_events_per_cpu_s"],
                process_events_per_cpu_s=told["events"] / told["cpu_s"], events_per_s=told["warm_events_per_s"],
                process_cpu_s=ran["process_cpu_s"], wall_s=ran["wall_s"], peak_rss_mib=ran["peak_rss_mib"],
                first_result_s=told["first_result_epoch_ms"] / 1000 - started,
                rows=told.get("final_rows", told["rows"]), checksum=told.get("checksum"))


def run_limit(point, options, folder):
    out = os.path.join(WORK, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    files = sorted(glob.glob(folder + "/*.ndjson"))
    command = [os.path.join(LIMITS, "limit_" + point["workload"]), os.path.join(WORK, "limit.log")]
    ran = run_process(command + ([out] if point["workload"] == "h1" else []) + files, options.timeout)
    if ran["exit"] != 0:
        return dict(error=ran["errors"], exit=ran["exit"])
    told = json.loads(ran["out"])
    result = dict(events_per_cpu_s=told["events_per_cpu_s"], events_per_s=point["events"] / told["wall_s"],
                  process_cpu_s=told["cpu_s"], wall_s=told["wall_s"], peak_rss_mib=ran["peak_rss_mib"],
                  rows=told["rows"], checksum=told["checksum"])
    if point["workload"] == "h1":
        if point.get("check"):
            result["rows"], result["checksum"] = h1_checksum(out)
        else:
            del result["checksum"]
    return result


def run(engine, point, options, folder):
    if engine == "systole":
        return run_systole(point, options, folder)
    if engine.startswith("flink-"):
        return run_flink(point, options, folder, engine[6:])
    return run_limit(point, options, folder)


def verdict(point, result):
    """'ok', 'wrong' or '-' (not checked in this run)."""
    expected = EXPECTED.get((point["workload"], point["events"])) if point["seed"] == 1 else None
    if not expected or not result.get("checksum"):
        return "-"
    return "ok" if result["checksum"] == expected[1] else "wrong"


COLUMNS = [("events_per_cpu_s", "events/CPU-s", 0), ("events_per_s", "events/s", 0), ("process_cpu_s", "CPU s", 2),
           ("peak_rss_mib", "peak RSS MiB", 0), ("first_row_s", "first row s", 2), ("first_result_s", "first result s", 2)]


def table(results):
    groups = {}
    for r in results:
        groups.setdefault((r["workload"], r["events"], r["parallelism"], r["engine"]), []).append(r)
    lines = ["| job | events | p | engine | runs | " + " | ".join(c[1] for c in COLUMNS) + " | to Flink's better | to the limit | RSS of Flink's smaller | result |",
             "|" + "---|" * (len(COLUMNS) + 9)]

    def median(key, name):
        values = [r[name] for r in groups.get(key, []) if not r.get("check_run") and r.get(name) is not None]
        return statistics.median(values) if values else None

    for key, runs in groups.items():
        timed = [r for r in runs if not r.get("check_run") and "error" not in r]
        cells = []
        for name, _, digits in COLUMNS:
            values = [r[name] for r in timed if r.get(name) is not None]
            cells.append("-" if not values else f"{statistics.median(values):,.{digits}f}" +
                         (f" ({min(values):,.{digits}f}-{max(values):,.{digits}f})" if len(values) > 1 else ""))
        mine = median(key, "events_per_cpu_s")
        flink = [v for e in ("flink-stream", "flink-sql") if (v := median((*key[:3], e), "events_per_cpu_s"))]
        limit = median((*key[:2], 1, "hand-written"), "events_per_cpu_s")
        ratio = [f"{mine / max(flink):.1f}x" if mine and flink else "-", f"{mine / limit:.2f}" if mine and limit else "-"]
        memory = median(key, "peak_rss_mib")
        theirs = [v for e in ("flink-stream", "flink-sql") if (v := median((*key[:3], e), "peak_rss_mib"))]
        ratio.append(f"1/{min(theirs) / memory:.1f}" if memory and theirs else "-")
        checks = {r["result"] for r in runs} - {"-"}
        failed = len([r for r in runs if "error" in r])
        state = "failed" if failed == len(runs) else "/".join(sorted(checks)) or "-"
        lines.append("| " + " | ".join([key[0], f"{key[1]:,}", str(key[2]), key[3], f"{len(timed)}", *cells, *ratio, state]) + " |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return dict(cpu=models[0] if models else platform.machine(), cores=os.cpu_count(), kernel=platform.release(),
                commit=commit, date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), load=os.getloadavg()[0])


def add_engine_flags(parser):
    """What engines get, and where the results go."""
    add = parser.add_argument
    add("--memory", default="512MiB", help="Systole's memory limit")
    add("--heap", default="2g", help="Flink's heap")
    add("--managed", default="1gb", help="Flink's managed memory, which RocksDB uses")
    add("--gc", default="Parallel", help="Flink's collector: Parallel or G1")
    add("--timeout", type=int, default=400, help="seconds of one run")
    add("--json", default="", help="append a JSON line per run to this file")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", default="h1,h2,h3,h4")
    add("--parallelism", default="1")
    add("--engine", default="systole,flink-stream,flink-sql,hand-written")
    add("--events", default="2000000", help="comma-separated")
    add("--seed", type=int, default=1)
    add("--runs", type=int, default=3)
    add_engine_flags(parser)
    add("--no-check", action="store_true", help="skip the runs that only check h1's files and h2's final rows")
    options = parser.parse_args()
    engines, results, wrong = options.engine.split(","), [], False
    about = machine()
    print(f"# {about['date']}, commit {about['commit']}, {about['cores']} cores ({about['cpu']}), seed {options.seed}, "
          f"load {about['load']:.1f}", flush=True)
    if any(e.startswith("flink") for e in engines):
        build_flink()
    for workload in options.workload.split(","):
        for events in map(int, options.events.split(",")):
            for parallelism in map(int, options.parallelism.split(",")):
                folder = data(parallelism, events, options.seed)
                base = dict(workload=workload, events=events, parallelism=parallelism, seed=options.seed)
                plan = [dict(base, check=True)] if workload in ("h1", "h2") and not options.no_check else []
                plan += [dict(base)] * options.runs
                for point in plan:
                    for engine in engines:  # the engines take turns, so that a slow minute hits all
                        if engine == "flink-sql" and workload == "h3" and events > 500_000:
                            continue  # needs over an hour at this size
                        if engine == "hand-written" and parallelism > 1:
                            continue
                        with bench_lock():
                            warm_page_cache(folder)
                            result = run(engine, point, options, folder)
                        result = {**base, "engine": engine, "check_run": bool(point.get("check")), **result, "machine": about}
                        result["result"] = verdict(point, result)
                        wrong |= result["result"] == "wrong" or "error" in result
                        results.append(result)
                        told = {k: v for k, v in result.items() if k not in ("machine",)}
                        print(json.dumps(told), file=sys.stderr, flush=True)
                        if options.json:
                            with open(options.json, "a") as file:
                                file.write(json.dumps(result) + "\n")
    print("\n" + table(results))
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f} on {about['cores']} cores.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
