#!/usr/bin/env python3
"""What a worker and a job take that have nothing to do.

    ./dev bench idle --seconds 60

RSS and CPU of a worker without a job, of the same worker with a job whose topic is empty or whose files are not there yet, and
of `systole run` with that job. The job has h2's steps and a checkpoint each second.
"""
import argparse
import os
import shutil
import sys
import time

import flink as bench
from broker import Broker, connection, written
from engine import EngineCluster, Run, cpu_seconds, memory_mib
from report import heading, record, table

IDLE = os.path.join(bench.HERE, "workloads", "idle.yaml")
SOURCES = {"topic": "an empty topic", "files": "followed files"}
COLUMNS = [("what", "what", 0), ("rss_mib", "RSS MiB", 1), ("anonymous_mib", "of it anonymous", 1), ("grown_mib", "grown by MiB", 1),
           ("cpu_percent", "% of a core", 2), ("cpu_per_minute_s", "CPU s per minute", 3)]


def job(source):
    """Files and parameters of an idle job."""
    files = [IDLE, written("connection.yaml", connection())]
    watched = os.path.join(bench.WORK, "watched")
    shutil.rmtree(watched, ignore_errors=True)
    os.makedirs(watched)
    return files, dict(from_topic=str(source == "topic").lower(), from_files=str(source == "files").lower(), topic="idle-in",
                       files=f"{watched}/*.ndjson")


def watch(pid, options):
    """RSS and CPU of a process over some seconds, after some in which it comes to rest."""
    time.sleep(options.settle)
    began, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(options.seconds)
    share = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
    return dict(rss_mib=memory_mib(pid), anonymous_mib=memory_mib(pid, "RssAnon"), cpu_percent=share * 100, cpu_per_minute_s=share * 60)


def worker(options, source):
    """A worker before and after it got an idle job."""
    with EngineCluster(1, 1, options.memory) as cluster:
        pids = {"worker": cluster.workers[0].process.pid, "coordinator": cluster.coordinators[0].process.pid}
        alone = watch(pids["worker"], options)
        yield dict(what="worker", **alone)
        yield dict(what="its coordinator", rss_mib=memory_mib(pids["coordinator"]), anonymous_mib=memory_mib(pids["coordinator"], "RssAnon"))
        files, parameters = job(source)
        cluster.submit_and_wait(files, parameters, 1)
        cpu, began = cpu_seconds(pids["coordinator"]), time.monotonic()
        with_job = watch(pids["worker"], options)
        share = (cpu_seconds(pids["coordinator"]) - cpu) / (time.monotonic() - began)
        yield dict(what=f"worker with a job of {SOURCES[source]}", **with_job, grown_mib=with_job["rss_mib"] - alone["rss_mib"])
        yield dict(what="its coordinator", rss_mib=memory_mib(pids["coordinator"]), anonymous_mib=memory_mib(pids["coordinator"], "RssAnon"),
                   cpu_percent=share * 100, cpu_per_minute_s=share * 60)


def one_process(options, source):
    files, parameters = job(source)
    with Run(files, parameters, options.memory) as run:
        run.wait_running()
        yield dict(what=f"run with a job of {SOURCES[source]}", **watch(run.pid, options))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--source", default="topic,files")
    add("--seconds", type=float, default=60, help="that are measured")
    add("--settle", type=float, default=5, help="seconds before these")
    add("--memory", default="512MiB", help="Systole's memory limit")
    add("--seed", type=int, default=0, help="nothing is drawn; for the heading")
    add("--json", default="", help="append a JSON line per run to this file")
    options = parser.parse_args()
    heading("idle", options.seed, f"--memory {options.memory}")
    rows = []
    with Broker() as broker, bench.bench_lock():
        broker.create("idle-in")
        for source in options.source.split(","):
            for measured in (worker, one_process):
                for row in measured(options, source):
                    rows.append(row)
                    record(options, dict(benchmark="idle", source=source, **row))
    table(COLUMNS, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
