#!/usr/bin/env python3
"""How long results stay away when a process is killed with -9.

    ./dev bench failover                                          # all of the below
    ./dev bench failover --kill worker --state-bytes 1e9 --delivery exactlyOnce

worker   in a cluster of a coordinator and two workers, the worker that has the job (bench/workloads/latency.yaml, each event
         a row); the other one has free slots. Events come at a steady rate all the while (bench/probe).
process  the same job as `systole run`, which is started again at once.
backlog  h2 on a backlog in a topic, to a sink that counts, started again at once from the last checkpoint: Systole beside
         Flink in one JVM (bench/peers/flink), for which there is no other way to be told of a row.

"first new row" is the time from the kill to the end of the silence that follows at the output topic (backlog: to the first row that
reaches the sink in the new process). A row lost, wrong, or doubled with exactlyOnce makes the exit code 1, a time never does.
"""
import argparse
import os
import random
import sys
import time

import flink as bench
from backlog_kill import backlog
from broker import Broker
from engine import EngineCluster, Run
from latency import isolation, job_files, job_parameters
from latency_probe import Probe, verdict
from report import heading, record, table
from scale import folder_bytes

TOPIC = "failover"
COLUMNS = [("killed", "killed", 0), ("engine", "engine", 0), ("delivery", "delivery", 0), ("state_mb", "checkpoint MB", 0),
           ("rate", "rate", 0), ("noticed_s", "noticed s", 2), ("running_s", "runs again s", 2), ("attempts", "attempts", 0),
           ("first_new_row_s", "first new row s", 2), ("doubled", "doubled", 0), ("result", "result", 0)]


def point_of(delivery, state_bytes):
    return dict(rows="each", delivery=delivery, interval="1s", state_bytes=state_bytes)


def probe_for(point, options, events):
    fill = point["state_bytes"] // options.key_bytes
    return Probe(TOPIC, events, rate=options.rate, seconds=options.before + options.after, warm_up=2, rows="each", fill=fill,
                 key_bytes=options.key_bytes, settle=5 if fill else 0, isolation=isolation(point), silence_ms=50)


def result_of(probe, told, killed, exactly_once, noticed_s=0.0):
    """Rows that were on their way, or of a worker that did not know yet, may come after the kill; then comes the silence."""
    of_the_kill = [each for each in probe.silences if each[1] > killed and each[0] < killed + noticed_s + 0.2]
    longest = max(of_the_kill, key=lambda each: each[1] - each[0], default=None)
    return dict(first_new_row_s=longest[1] - killed if longest else None, **{name: told[name] for name in ("sent", "expected", "lost", "doubled")},
                result=verdict(told, exactly_once))


def watch(cluster, attempt, killed):
    """When the coordinator no longer says that the attempt runs, and when it says that the next one does; seconds."""
    noticed = None
    while time.monotonic() < killed + 60:
        job = cluster.job("latency")
        if noticed is None and (job["state"] != "running" or job["attempt"] != attempt):
            noticed = time.monotonic() - killed
        if noticed is not None and job["state"] == "running":
            return dict(noticed_s=noticed, running_s=time.monotonic() - killed, attempts=job["attempt"] - attempt,
                        causes=[each["message"] for each in job["exceptions"]])
        time.sleep(0.01)
    return dict(noticed_s=noticed)


def worker(point, options, events):
    with Broker() as broker, EngineCluster(2, options.parallelism, options.memory) as cluster:
        broker.create(TOPIC + "-in", TOPIC + "-out", partitions=options.parallelism)
        cluster.submit_and_wait(job_files(options), job_parameters(point, TOPIC), options.parallelism)
        with probe_for(point, options, events) as probe:
            probe.wait_for("measuring")
            time.sleep(options.before + options.random.random())  # at any moment between two checkpoints
            job = cluster.job("latency")
            size = max((each["bytes"] for each in job["checkpoints"]), default=0)
            victim = cluster.worker(job["tasks"][0]["worker"])
            killed = time.monotonic()
            victim.kill()
            seen = watch(cluster, job["attempt"], killed)
            told = probe.wait_for("done")
        return dict(killed="worker", engine="systole", state_mb=size / 1e6, **seen,
                    **result_of(probe, told, killed, point["delivery"] == "exactlyOnce", seen["noticed_s"] or 0))


def process(point, options, events):
    with Broker() as broker:
        broker.create(TOPIC + "-in", TOPIC + "-out", partitions=options.parallelism)
        arguments = (job_files(options), job_parameters(point, TOPIC), options.memory)
        flags = ("--progress", "none", "--parallelism", str(options.parallelism))
        with Run(*arguments, flags=flags) as job, probe_for(point, options, events) as probe:
            probe.wait_for("measuring", job)
            time.sleep(options.before + options.random.random())  # at any moment between two checkpoints
            size = folder_bytes(job.folder)
            killed = time.monotonic()
            job.kill()
            with Run(*arguments, keep_state=True, flags=flags) as again:
                told = probe.wait_for("done", again)
        return dict(killed="process", engine="systole", state_mb=size / 1e6,
                    **result_of(probe, told, killed, point["delivery"] == "exactlyOnce"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kill", default="worker,process,backlog")
    add("--state-bytes", default="1e8,1e9", help="of the keys that fill the state; worker and process")
    add("--delivery", default="atLeastOnce,exactlyOnce")
    add("--parallelism", type=int, default=1, help="of worker and process; also the topics' partitions")
    add("--rate", type=float, default=20_000, help="events per second")
    add("--before", type=float, default=5, help="seconds of events before the kill")
    add("--after", type=float, default=15, help="and after it")
    add("--linger-ms", type=float, default=1, help="the job's Kafka client waits so long for more; -1: the engine's default")
    add("--key-bytes", type=int, default=400)
    add("--events", type=int, default=500_000, help="of the file that the probe sends again and again with other ids")
    add("--backlog", type=int, default=2_000_000, help="events of the topic of backlog")
    add("--flink-kill-after", type=float, default=6, help="seconds from its first row")
    add("--runs", type=int, default=1)
    add("--seed", type=int, default=1)
    bench.add_engine_flags(parser)
    options = parser.parse_args()
    options.random = random.Random(options.seed)
    heading("failover", options.seed, f"--memory {options.memory}")
    rows = []

    def tell(row):
        rows.append(row)
        record(options, dict(benchmark="failover", **row))
    events = os.path.join(bench.data(1, options.events, options.seed), "part-0.ndjson")
    for what in options.kill.split(","):
        if what == "backlog":
            with bench.bench_lock():
                for row in backlog(options):
                    tell(row)
            continue
        for delivery in options.delivery.split(","):
            for state_bytes in options.state_bytes.split(","):
                for _ in range(options.runs):
                    with bench.bench_lock():
                        point = point_of(delivery, int(float(state_bytes)))
                        row = {"worker": worker, "process": process}[what](point, options, events)
                    tell(dict(delivery=delivery, rate=options.rate, state_bytes=point["state_bytes"], **row))
    table(COLUMNS, rows)
    return 1 if any(each.get("result", "ok") != "ok" for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
