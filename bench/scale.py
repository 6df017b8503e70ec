#!/usr/bin/env python3
"""How time and memory grow, what a small memory limit costs, and how long a restart takes.

    ./dev bench scale growth         h2, h3, h4 with 1, 4 and 16 million events, beside the hand-written programs
    ./dev bench scale memory         h2 with 3.9 million ids and ever less memory
    ./dev bench scale restart        kill -9 with 1 GB of state, then the time to the first new row

16 million events are 10 GB of input, kept in SYSTOLE_BENCH_WORK. Prints Markdown; --json FILE appends a line per run.
"""
import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import flink as bench
from report import heading, record

MILLION = 1_000_000


def measured(options, engine, workload, events, memory):
    """One run; the result of flink.py's run_systole or run_limit."""
    options.memory = memory
    point = dict(workload=workload, events=events, parallelism=1, seed=options.seed)
    folder = bench.data(1, events, options.seed)
    with bench.bench_lock():
        bench.warm_page_cache(folder)
        result = bench.run(engine, point, options, folder)
    record(options, dict(point, engine=engine, memory=memory, **result))
    return result


def cells(result, events):
    if "error" in result:
        return "failed | | |"
    cpu = result["process_cpu_s"]
    return f"{cpu:.2f} | {cpu / events * 1e6:.2f} | {events / cpu:,.0f} | {result['peak_rss_mib']:,.0f} |"


def growth(options):
    rows = []
    for workload in options.workload.split(","):
        for events in (MILLION, 4 * MILLION, 16 * MILLION):
            for engine in ("systole", "hand-written"):
                result = measured(options, engine, workload, events, options.limit)
                rows.append(f"| {workload} | {events:,} | {engine} | {cells(result, events)}")
    print(f"Systole with --memory {options.limit}\n\n| job | events | engine | CPU s | µs/event | events/CPU-s | peak RSS MiB |\n"
          "|---|---|---|---|---|---|---|\n" + "\n".join(rows))


def memory(options):
    rows = []
    for limit in ("512MiB", "64MiB", "32MiB", "14MiB"):
        result = measured(options, "systole", "h2", 4 * MILLION, limit)
        rows.append(f"| {limit} | {cells(result, 4 * MILLION)}")
    print("| --memory | CPU s | µs/event | events/CPU-s | peak RSS MiB |\n|---|---|---|---|---|\n" + "\n".join(rows))


def folder_bytes(folder):
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.path.getsize(os.path.join(base, name))
    return total


class Job:
    """A run of restart.yaml whose progress is read as it comes."""

    def __init__(self, options, folder, state):
        self.started = time.monotonic()
        self.first_row = None
        self.process = subprocess.Popen(
            [bench.SYSTOLE, "run", os.path.join(bench.HERE, "workloads", "restart.yaml"), "--state", state, "--memory",
             options.limit, "--progress", "json", "--param", f"input={folder}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            if self.first_row is None and '"first_row_s"' in line:
                self.first_row = time.monotonic() - self.started

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()


def restart(options):
    state = os.path.join(bench.WORK, "state")
    folder = bench.data(1, 16 * MILLION, options.seed)
    rows = []
    for _ in range(options.runs):
        shutil.rmtree(state, ignore_errors=True)
        bench.warm_page_cache(folder)
        job = Job(options, folder, state)
        while folder_bytes(os.path.join(state, "checkpoints")) < options.state_bytes:
            if job.process.poll() is not None:
                sys.exit("bench: the job ended before its state was large enough")
            time.sleep(0.1)
        job.kill()
        size = folder_bytes(os.path.join(state, "checkpoints"))
        again = Job(options, folder, state)
        while again.first_row is None and again.process.poll() is None:
            time.sleep(0.01)
        first = again.first_row
        again.kill()
        if first is None:
            sys.exit("bench: the job did not come back")
        record(options, dict(workload="restart", state_bytes=size, first_row_s=first))
        rows.append(f"| {size / 1e9:.2f} | {first:.2f} |")
    print("| checkpointed state, GB | from the restarted process's start to its first row, s |\n|---|---|\n" + "\n".join(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=["growth", "memory", "restart"])
    add("--workload", default="h2,h3,h4")
    add("--limit", default="512MiB", help="the memory limit of growth and restart")
    add("--state-bytes", type=int, default=1_000_000_000, help="of restart")
    add("--runs", type=int, default=3, help="of restart")
    add("--seed", type=int, default=1)
    add("--timeout", type=int, default=600)
    add("--json", default="")
    options = parser.parse_args()
    heading(options.what, options.seed)
    {"growth": growth, "memory": memory, "restart": restart}[options.what](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
