#!/usr/bin/env python3
"""End-to-end latency of h2 from topic to topic, measured outside of the engine (bench/probe).

    ./dev bench latency                              # all points: alo, eo, state
    ./dev bench latency --points alo --rate 50000    # else the rate is half of what the job does with a backlog,
    ./dev bench latency --load sustained             # or half of what sender, broker and job keep up with together

An event's latency is the time from when it was due at the sender to when a row that tells of it was read at the output
topic. `each`: a row for every event (an append stream); `last`: h2's changelog, where a row tells of its unit's events up to
its own. Points: alo (at least once, read uncommitted) and eo (exactly once, read committed) with a checkpoint each 100 ms;
state: at least once, after a state of so many bytes was made, with a checkpoint each second. The exit code is 1 where rows
were lost, doubled or wrong, never for a time.
"""
import argparse
import os
import sys

import flink as bench
from broker import Broker, connection, written
from engine import Run, checkpoints_between, cpu_seconds, memory_mib, scrape
from latency_probe import Probe, verdict
from report import heading, record, table

LATENCY = os.path.join(bench.HERE, "workloads", "latency.yaml")
COLUMNS = [("rows", "rows", 0), ("delivery", "delivery", 0), ("interval", "interval", 0), ("state_mb", "state MB", 0),
           ("load_per_s", "load: events/s", 0), ("rate", "rate", 0), ("p50_ms", "p50 ms", 1), ("p90_ms", "p90", 1),
           ("p99_ms", "p99", 1), ("p99_9_ms", "p99.9", 1), ("max_ms", "max", 1), ("sender_late_p99_ms", "sender late p99", 1),
           ("checkpoints", "checkpoints", 0), ("checkpoint_mean_ms", "mean ms", 1), ("checkpoint_most_ms", "longest <= ms", 0),
           ("engine_cores", "cores: engine", 2), ("broker_cores", "broker", 2), ("probe_cores", "probe", 2), ("rss_mib", "RSS MiB", 0), ("sent", "sent", 0), ("expected", "to come", 0),
           ("lost", "lost", 0), ("doubled", "doubled", 0), ("result", "result", 0)]


def job_files(options):
    """The manifest and the connection that it names."""
    client = {"linger_ms": options.linger_ms} if options.linger_ms >= 0 else {}
    return [LATENCY, written("connection.yaml", connection(**client))]


def job_parameters(point, topic):
    return dict(input=topic + "-in", output=topic + "-out", delivery=point["delivery"], interval=point["interval"],
                each=str(point["rows"] == "each").lower(), last=str(point["rows"] == "last").lower())


def isolation(point):
    return "read_committed" if point["delivery"] == "exactlyOnce" else "read_uncommitted"


def backlog(point, options, events):
    """Events per second with which the job catches up on a backlog."""
    with Broker() as broker:
        broker.create("backlog-in", "backlog-out")
        with Probe("backlog", events, backlog=options.backlog, rows=point["rows"], isolation=isolation(point)) as probe:
            probe.wait_for("loaded")
            with Run(job_files(options), job_parameters(point, "backlog"), options.memory) as job:
                told = probe.wait_for("done", job)
                job.stop()
    record(options, {"benchmark": "backlog", **told, **point})
    if told["lost"]:
        sys.exit("bench: the backlog's rows did not all come")
    return told["events_per_s"]


def measure(point, options, events, rate):
    with Broker() as broker:
        broker.create("steady-in", "steady-out")
        with Run(job_files(options), job_parameters(point, "steady"), options.memory) as job:
            fill = point["state_bytes"] // options.key_bytes
            with Probe("steady", events, rate=rate, seconds=options.seconds, warm_up=options.warm_up, rows=point["rows"],
                       isolation=isolation(point), fill=fill, key_bytes=options.key_bytes, settle=5 if fill else 0) as probe:
                caught_up = probe.wait_for("caught up", job)
                begin = probe.wait_for("measuring", job)
                processes = dict(engine=job.pid, broker=broker.process.pid, probe=probe.process.pid)
                before, cpu = scrape(job.address), {name: cpu_seconds(pid) for name, pid in processes.items()}
                end = probe.wait_for("sent", job)
                seconds = (end["at_us"] - begin["at_us"]) / 1e6
                after, cores = scrape(job.address), {f"{name}_cores": (cpu_seconds(pid) - cpu[name]) / seconds for name, pid in processes.items()}
                resident = memory_mib(job.pid)
                told = probe.wait_for("done", job)
            job.stop()
    checkpoints = checkpoints_between(before, after)
    return {"rate": rate, "came": told["rows"], **told, **point, **checkpoints, "result": verdict(told), "rss_mib": resident,
            "state_mb": checkpoints["checkpoint_bytes"] / 1e6 if checkpoints["checkpoint_bytes"] else None,
            "fill_s": caught_up["took_s"], **cores}


def sustained(point, options, events, most):
    """The greatest rate, in steps of an eighth (a quarter where it is far off), with which sender, broker and job keep up together: less
    than a backlog's, which the job reads while nobody sends. They keep up where 99 of 100 rows are there within a second and the
    sender is in time."""
    short, rate = argparse.Namespace(**{**vars(options), "seconds": 10, "warm_up": 5}), most
    while rate > 1000:
        told = measure(point, short, events, round(rate))
        kept_up = told["result"] == "ok" and told["p99_ms"] < 1000 and told["sender_late_p99_ms"] < 100
        record(options, {"benchmark": "sustained", "kept_up": kept_up, **told})
        if kept_up:
            return rate
        rate *= 0.75 if told["p99_ms"] > 10_000 else 0.875
    sys.exit("bench: the job does not keep up with 1,000 events a second")


def points(options):
    """What is measured, in this order."""
    made = []
    for name in options.points.split(","):
        for rows in options.rows.split(","):
            if name in ("alo", "eo"):
                made.append(dict(rows=rows, delivery="atLeastOnce" if name == "alo" else "exactlyOnce", interval=options.interval, state_bytes=0))
            elif name != "state":
                sys.exit(f"bench: --points {name}: not one of alo, eo, state")
        if name == "state":
            made += [dict(rows="each", delivery="atLeastOnce", interval="1s", state_bytes=int(float(each)))
                     for each in options.state_bytes.split(",")]
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--points", default="alo,eo,state")
    add("--rows", default="each,last", help="of alo and eo")
    add("--rate", type=float, default=0, help="events per second; 0: half of the load")
    add("--load", choices=["backlog", "sustained"], default="backlog", help="of which --rate 0 is the half")
    add("--seconds", type=float, default=30, help="that are measured")
    add("--warm-up", type=float, default=5, help="seconds before these")
    add("--interval", default="100ms", help="of the checkpoints of alo and eo")
    add("--linger-ms", type=float, default=1, help="the job's Kafka client waits so long for more; -1: the engine's default")
    add("--state-bytes", default="1e8,1e9", help="of the keys that fill the state")
    add("--key-bytes", type=int, default=400)
    add("--backlog", type=int, default=2_000_000, help="events of the backlog")
    add("--events", type=int, default=500_000, help="of the file that the probe sends again and again with other ids")
    add("--runs", type=int, default=1)
    add("--memory", default="512MiB", help="Systole's memory limit")
    add("--seed", type=int, default=1)
    add("--json", default="", help="append a JSON line per run to this file")
    options = parser.parse_args()
    events = os.path.join(bench.data(1, options.events, options.seed), "part-0.ndjson")
    heading("latency", options.seed, f"--memory {options.memory}", f"linger {options.linger_ms:g} ms")
    results, rates = [], {}
    for point in points(options):
        kind = (point["rows"], point["delivery"])
        for _ in range(options.runs):
            with bench.bench_lock():
                if not options.rate and kind not in rates:
                    rates[kind] = backlog({**point, "interval": options.interval, "state_bytes": 0}, options, events)
                    if options.load == "sustained":
                        rates[kind] = sustained(point, options, events, rates[kind])
                result = measure(point, options, events, options.rate or round(rates[kind] / 2))
            result["load_per_s"] = rates.get(kind)
            results.append(result)
            record(options, dict(benchmark="latency", **result))
    table(COLUMNS, results)
    return 1 if any(each["result"] != "ok" for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
