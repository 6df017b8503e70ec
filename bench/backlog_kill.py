"""A process is killed with -9 in the middle of a backlog and started again at once: Systole and Flink, the same job and topic."""
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import flink as bench
import kafka
from broker import Broker, written
from engine import Run
from scale import folder_bytes


def systole_backlog(options, _):
    """Killed when it has read a quarter or more of the topic."""
    files = [written("h2.yaml", kafka.from_topic("h2", 1, "h2"))]
    flags = ("--progress", "json")

    def read():
        rows = re.findall(r'"sources":\[\{"step":"events","rows":(\d+)', job.log())
        return rows and int(rows[-1]) >= options.backlog // 4
    with Run(files, {}, options.memory, flags=flags) as job:
        job.wait_until(read, options.timeout, "a quarter of the topic")
        size = folder_bytes(job.folder)
        killed = time.monotonic()
        job.kill()
    with Run(files, {}, options.memory, keep_state=True, flags=flags) as again:
        again.wait_until(lambda: '"first_row_s"' in again.log(), options.timeout, "a new row")
        return dict(state_mb=size / 1e6, first_new_row_s=time.monotonic() - killed)


def flink_backlog(options, folder):
    """Killed some seconds after its first row: about a quarter of the topic. Restored from its last complete checkpoint."""
    point = dict(workload="h2", parallelism=1)
    shutil.rmtree(os.path.join(bench.WORK, "checkpoints"), ignore_errors=True)
    command = bench.flink_command(point, options, folder, "stream", "failover-") + ["--blackhole", "1"]

    def first_row(words):
        job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        guard = threading.Timer(options.timeout, job.kill)
        guard.start()
        told = next((line for line in job.stdout if line.startswith("FIRST_RESULT")), None)
        guard.cancel()
        if not told:
            sys.exit("bench: Flink gave no row")
        return job, int(told.split()[1]) / 1000
    job, _ = first_row(command)
    time.sleep(options.flink_kill_after)
    killed = time.time()
    job.kill()
    job.wait()
    complete = max(glob.glob(os.path.join(bench.WORK, "checkpoints", "*", "chk-*", "_metadata")), key=os.path.getmtime, default=None)
    if not complete:
        sys.exit("bench: Flink has no complete checkpoint")
    size = folder_bytes(os.path.join(bench.WORK, "checkpoints"))
    again, at = first_row(command + ["--restore", "file://" + os.path.dirname(complete)])
    again.kill()  # a bounded KafkaSource that was restored never finished
    again.wait()
    return dict(state_mb=size / 1e6, first_new_row_s=at - killed)


def backlog(options):
    """A row of figures for each engine and run, in turns."""
    bench.build_flink()
    folder = bench.data(1, options.backlog, options.seed)
    with Broker() as broker:
        broker.load("patient-flow-1", sorted(glob.glob(folder + "/*.ndjson")))
        for engine, measured in (("systole", systole_backlog), ("flink", flink_backlog)) * options.runs:
            yield dict(killed="backlog", engine=engine, delivery="counted", **measured(options, folder))
