#!/usr/bin/env python3
"""What a user meets when a job goes on from saved state: crashes, other parallelism, changed manifests, damaged files, going
back, full disks, slow sinks.

    recovery_test.py --systole build/release/systole [--only NAME]

The full disk is a small tmpfs; where none can be mounted the part says so.
"""
import argparse
import collections
import contextlib
import glob
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402

JOB = """
apiVersion: systole/v1
kind: Job
metadata: {name: recovery}
spec:
  parameters:
    out: {type: string}
  checkpoint: {interval: 50ms, retained: 5}
  sources:
    - name: events
      generator: {kind: patient-flow, seed: 7, count: 60000, rate: 40000}
      format: {json: {}}
      schema: {columns: {event_id: text, event_type: text, department: text, patient_id: text}}
  steps:
    - {name: unique_events, input: events, deduplicate: {key: [event_id]}}
    - {name: per_type, input: unique_events, aggregate: {keyBy: [event_type, department], fields: {events: count(*)}}}
  sinks:
    - {name: ids, input: unique_events, file: {path: "${param.out}/ids", roll: {interval: 100ms}}, format: {csv: {}}}
    - {name: counts, input: per_type, sqlite: {path: "${param.out}/counts.sqlite", table: counts, write: upsert, key: [event_type, department]}}
"""
CRASHED = 137


class Job:
    """A manifest with its input, output and state in one folder."""

    def __init__(self, options, work, name, manifest=JOB):
        self.systole, self.folder = options.systole, os.path.join(work, name)
        os.makedirs(self.folder + "/out")
        self.manifest, self.state, self.out = self.folder + "/job.yaml", self.folder + "/state", self.folder + "/out"
        self.write(manifest)

    def write(self, manifest):
        with open(self.manifest, "w", encoding="utf-8") as file:
            file.write(manifest)

    def words(self, *flags):
        return [self.systole, "run", self.manifest, "--param", f"out={self.out}", "--state",
                self.state, "--progress", "plain", *flags]

    def run(self, *flags, timeout=300):
        return subprocess.run(self.words(*flags), capture_output=True, text=True, timeout=timeout)

    def start(self, *flags):
        return subprocess.Popen(self.words(*flags), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def crash(self, point, *flags):
        ran = self.run("--test-crash-at", point, *flags)
        self.told = ran.stderr
        check(ran.returncode == CRASHED, f"{os.path.basename(self.folder)}: crashes at {point} {' '.join(flags)}", ran.stderr)

    def results(self):
        rows = collections.Counter()
        for path in glob.glob(self.out + "/ids/*.csv"):
            if not os.path.basename(path).startswith((".", "_")):
                with open(path, encoding="utf-8") as file:
                    rows.update(file.read().splitlines()[1:])
        with contextlib.closing(sqlite3.connect(self.out + "/counts.sqlite")) as database:
            counts = collections.Counter(database.execute("SELECT * FROM counts").fetchall())
        return rows, counts


def calm_results(options, work):
    """What an undisturbed run gives, made once."""
    if not hasattr(options, "calm"):
        calm = Job(options, work, "calm")
        ran = calm.run()
        check(ran.returncode == 0, "an undisturbed run", ran.stderr)
        options.calm = calm.results()
        check(sum(options.calm[0].values()) > 50_000, "gives rows", options.calm[1])
    return options.calm


def expect_equal(options, work, job, what):
    want, got = calm_results(options, work), job.results()
    told = [f"{sum((a - b).values())} lost, {sum((b - a).values())} too many" for a, b in zip(want, got)]
    check(want == got, what, told)


def crashes_and_other_parallelism(options, work):
    job = Job(options, work, "rescaled")
    job.crash("completed:2")
    job.crash("before_commit:2", "--parallelism", "3")
    job.crash("durable:2", "--parallelism", "1")
    ran = job.run("--parallelism", "2")
    check(ran.returncode == 0 and "resumed from checkpoint" in ran.stderr, "a run says which checkpoint it goes on from", ran.stderr)
    expect_equal(options, work, job, "after crashes at parallelism 1, 3 and 1, finished at 2: equal output")
    ran = job.run()
    check(ran.returncode == 0 and "nothing to do" in ran.stderr, "then there is nothing to do", ran.stderr)


def changed_manifests(options, work):
    job = Job(options, work, "changed")
    job.crash("after_commit:2")
    job.write(JOB.replace("per_type", "by_type"))
    ran = job.run()
    check(ran.returncode == 1 and "per_type" in ran.stderr and "--drop-state" in ran.stderr and "renamedFrom" in ran.stderr,
          "a dropped step is refused by name, with what to do", ran.stderr)
    check("kept: events, unique_events" in ran.stderr and "new: by_type" in ran.stderr, "the comparison is by step", ran.stderr)
    job.write(JOB.replace("name: per_type, input", "name: by_type, renamedFrom: per_type, input").replace("input: per_type", "input: by_type"))
    job.crash("after_commit:2")
    ran = job.run()
    check(ran.returncode == 0, "a renamed step keeps its state", ran.stderr)
    expect_equal(options, work, job, "a renamed step: equal output")

    job = Job(options, work, "incompatible")
    job.crash("after_commit:2")
    job.write(JOB.replace("count(*)", "count(DISTINCT patient_id)").replace("key: [event_id]", "key: [event_id, event_type]")
              .replace("  sinks:\n", "    - {name: fewer, input: unique_events, filter: \"event_type = 'ADMISSION'\"}\n  sinks:\n")
              .replace("input: unique_events, file", "input: fewer, file"))
    ran = job.run()
    told = ran.stderr.strip().splitlines()[-2:]
    summary = next((line for line in ran.stderr.splitlines() if "incompatible:" in line), "")
    check(ran.returncode == 1 and "kept: events" in summary and "new: fewer" in summary and "unique_events (" in summary
          and "per_type (" in summary and "rename the step" in summary,
          "all steps whose state does not fit are refused by name in one message, beside kept and new ones, with what to do", told)
    job.write(JOB)
    ran = job.run()
    check(ran.returncode == 0, "the old manifest goes on after the refusal", ran.stderr)
    expect_equal(options, work, job, "a refusal harms nothing: equal output")

    job = Job(options, work, "grown")
    job.crash("after_commit:2")
    more = """    - {name: appended, input: unique_events, sqlite: {path: "${param.out}/more.sqlite", table: more, write: append}}
    - {name: table, input: per_type, file: {path: "${param.out}/more.csv", write: table, key: [event_type, department]}, format: {csv: {}}}
    - {name: parts, input: unique_events, file: {path: "${param.out}/more"}, format: {csv: {}}}
"""
    job.write(JOB + more)
    job.crash("before_commit:1")
    ran = job.run()
    check(ran.returncode == 0 and "new: appended, table, parts" in job.told + ran.stderr, "new sinks begin where the job goes on, also after a crash", ran.stderr)
    expect_equal(options, work, job, "new sinks: the others' output is equal")
    with contextlib.closing(sqlite3.connect(job.out + "/more.sqlite")) as database:
        rows, distinct = database.execute("SELECT count(*), count(DISTINCT event_id) FROM more").fetchone()
    check(0 < rows == distinct, f"a new sink has the rows from then on, each once: {rows}")
    check(os.path.getsize(job.out + "/more.csv") > 100 and os.listdir(job.out + "/more"), "and so have files")

    job = Job(options, work, "dropped")
    job.crash("after_commit:2")
    job.write(JOB.replace("per_type", "by_type"))
    ran = job.run("--drop-state")
    check(ran.returncode == 0 and "dropped: per_type" in ran.stderr, "--drop-state goes on without it and says so", ran.stderr)


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


def damaged_files(options, work):
    job = Job(options, work, "damaged")
    job.crash("after_commit:4")
    epochs = sorted(os.listdir(job.state + "/checkpoints/metadata"))
    check(len(epochs) >= 3, f"{len(epochs)} checkpoints are kept", epochs)
    damaged = 0
    for folder in ("metadata", "files", "log"):
        for name in sorted(os.listdir(f"{job.state}/checkpoints/{folder}")):
            path = f"{job.state}/checkpoints/{folder}/{name}"
            if folder == "metadata" and name != epochs[-1]:
                continue  # only the last is read
            for at in (0, os.path.getsize(path) // 2, os.path.getsize(path) - 1):
                flip(path, at)
                ran = job.run("--test-crash-at", "barrier:1")
                flip(path, at)
                damaged += 1
                if ran.returncode != 1 or name not in ran.stderr:
                    check(False, f"a flipped bit at {at} of {folder}/{name} is told: exit {ran.returncode}", ran.stderr)
    check(damaged > 12, f"{damaged} flipped bits, each told with the file's name")
    flip(f"{job.state}/checkpoints/metadata/{epochs[-1]}", 40)
    ran = job.run()
    offered = re.search(r"--rewind with one of: ([\d, ]+)", ran.stderr)
    last = int(epochs[-1].split("-")[0])
    check(ran.returncode == 1 and f"epoch {last}" in ran.stderr and offered, "damage names the epoch and offers older ones", ran.stderr)
    if not offered:
        return
    older = [int(epoch) for epoch in offered.group(1).split(",")]
    check(older == [int(name.split("-")[0]) for name in epochs[:-1]], "those that are kept", older)
    ran = job.run("--rewind", str(last + 1000))
    check(ran.returncode == 1 and str(older[0]) in ran.stderr, "a rewind to an unknown checkpoint is refused with those that there are", ran.stderr)
    ran = job.run("--rewind", "0")
    check(ran.returncode == 1 and "ids" in ran.stderr and "counts" in ran.stderr, "a rewind to the start is refused by sink", ran.stderr)
    ran = job.run("--rewind", str(older[0]))
    check(ran.returncode == 0 and "sink ids:" in ran.stderr and "sink counts:" in ran.stderr and "moved aside" in ran.stderr,
          "a rewind says what it does to each sink", ran.stderr)
    expect_equal(options, work, job, "after a rewind: equal output")
    aside = [name for name in os.listdir(job.out + "/ids") if name.startswith("_") and ".csv" in name]
    check(aside, "later files were moved aside", os.listdir(job.out + "/ids"))

    job = Job(options, work, "appended", JOB.replace("write: upsert, key: [event_type, department]", "write: append").replace(
        "input: per_type, sqlite", "input: unique_events, sqlite"))
    job.crash("after_commit:4")
    epochs = [int(name.split("-")[0]) for name in sorted(os.listdir(job.state + "/checkpoints/metadata"))]
    ran = job.run("--rewind", str(epochs[0]))
    check(ran.returncode == 1 and "sink counts" in ran.stderr and "appended" in ran.stderr, "an appended table refuses a rewind", ran.stderr)
    ran = job.run()
    check(ran.returncode == 0, "and the job goes on without it", ran.stderr)


@contextlib.contextmanager
def small_disk(work, mebibytes):
    folder = os.path.join(work, "disk")
    os.makedirs(folder, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", folder], capture_output=True)
    try:
        yield folder if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=False)


def full_disk(options, work):
    calm_results(options, work)
    for size in (2, 5):
        with small_disk(work, size) as disk:
            if disk is None:
                print("skipped  full disk: no tmpfs can be mounted here")
                return
            job = Job(options, work, f"full{size}")
            job.state, job.out = disk + "/state", disk + "/out"
            os.makedirs(job.out)
            ran = job.run()
            check(ran.returncode == 1 and re.search(r"[Nn]o space|disk full|is full", ran.stderr) is not None,
                  f"a disk of {size} MiB is full: the job stops and says so", ran.stderr)
            subprocess.run(["mount", "-o", "remount,size=300m", disk], check=True)
            ran = job.run()
            check(ran.returncode == 0, "with more space it goes on", ran.stderr)
            expect_equal(options, work, job, f"after a full disk of {size} MiB: equal output")


def directory_bytes(folder):
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(base, name)).st_size
    return total


SLOW_ROWS = 2_500_000
SLOW = """
apiVersion: systole/v1
kind: Job
metadata: {name: slow-sink}
spec:
  parameters:
    out: {type: string}
  checkpoint: {interval: INTERVAL}
  sources:
    - name: simulated
      generator: {kind: patient-flow, count: ROWS, rate: 0}
      format: {json: {}}
      schema:
        columns: {event_id: text, event_type: text, department: text, patient_id: text, hospital_id: int, hospital_name: text, age: int,
                  gender: text, bed_id: text, admission_time: text, diagnosis_code: text, insurance_type: text, event_timestamp: text}
  sinks:
    - {name: rows, input: simulated, sqlite: {path: "${param.out}/rows.sqlite", table: rows, write: append}}
"""
OUTBOX_MIB = 256  # base/limits.h
ONE_BATCH_MIB = 4


class Watch:
    """What a process takes of memory, at most, and its outbox of disk."""

    def __init__(self, process, job):
        self.process, self.job, self.resident, self.outbox, self.outbox_now = process, job, 0, 0, 0

    def alive(self):
        with contextlib.suppress(FileNotFoundError, AttributeError), open(f"/proc/{self.process.pid}/status") as file:
            self.resident = max(self.resident, int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024)
        self.outbox_now = directory_bytes(self.job.state + "/outbox") / 2**20
        self.outbox = max(self.outbox, self.outbox_now)
        return self.process.poll() is None


def rows_of(path):
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, contextlib.suppress(sqlite3.OperationalError):
        return database.execute("SELECT count(*) FROM rows").fetchone()[0]
    return 0


def lock_until_full(path, watch):
    """Keeps the database locked but for moments, until the job takes no more while it is. How many rows it has then, or None where
    it never came to that, and how long that took."""
    began = time.monotonic()
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        while watch.alive() and time.monotonic() - began < 90:
            database.execute("BEGIN IMMEDIATE")
            locked = grown = time.monotonic()
            while watch.alive() and time.monotonic() - locked < 5:  # less than what the sink waits for a lock
                before = watch.outbox_now
                time.sleep(0.05)
                if watch.alive() and watch.outbox_now > before:
                    grown = time.monotonic()
                if watch.outbox_now > OUTBOX_MIB / 2 and time.monotonic() - grown > 2:
                    return rows_of(path), time.monotonic() - began
            database.execute("ROLLBACK")
            time.sleep(0.15)
    return None, time.monotonic() - began


def slow_sink(options, work):
    """The sink's database is locked nearly all the time, so that it takes a hundredth of what the source gives. Once with
    epochs by the clock, once with none: then they come because the outbox fills."""
    for interval in ("100ms", "1h"):
        job = Job(options, work, "slow" + interval, SLOW.replace("INTERVAL", interval).replace("ROWS", str(SLOW_ROWS)))
        process = job.start("--memory", "128MiB")
        told = []
        reader = threading.Thread(target=lambda: told.append(process.stderr.read()))
        reader.start()
        watch, path = Watch(process, job), job.out + "/rows.sqlite"
        deadline = time.monotonic() + 30
        while not os.path.exists(path) and watch.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        slow_rows, took = lock_until_full(path, watch)
        # From here on it is as fast as SQLite, which is still slower than the source.
        deadline = time.monotonic() + 240
        while watch.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        ended = process.poll() is not None
        if not ended:
            process.kill()
        process.wait()
        reader.join()
        told = "".join(told)
        print(f"      interval {interval}: at most {watch.resident:.0f} MiB resident, outbox at most {watch.outbox:.1f} MiB, "
              f"{slow_rows} rows in the first {took:.0f} s")
        check(slow_rows is not None and slow_rows < SLOW_ROWS, f"interval {interval}: the source waits for the sink: {slow_rows} rows have arrived", told)
        check(ended and process.returncode == 0, f"interval {interval}: the job ends when the sink is free again", told)
        check(OUTBOX_MIB / 2 < watch.outbox <= OUTBOX_MIB + ONE_BATCH_MIB,
              f"interval {interval}: its outbox fills, and stays within its limit: {watch.outbox:.1f} MiB", told)
        check(0 < watch.resident < 128 + 192, f"interval {interval}: its memory stays bounded: {watch.resident:.0f} MiB", told)
        check(rows_of(path) == SLOW_ROWS, f"interval {interval}: every row arrives once: {rows_of(path)} rows", told)
        left = directory_bytes(job.state + "/outbox")
        check(left == 0, f"interval {interval}: nothing is left in the outbox: {left} bytes")
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    parser.add_argument("--only")
    options = parser.parse_args()
    options.systole = os.path.abspath(options.systole)
    parts = (crashes_and_other_parallelism, changed_manifests, damaged_files, full_disk, slow_sink)
    with tempfile.TemporaryDirectory(prefix="systole-recovery-") as work:
        for part in parts:
            if options.only and options.only not in part.__name__:
                continue
            try:
                part(options, work)
            except Exception as problem:  # one part's accident must not hide the others
                check(False, f"{part.__name__}: {type(problem).__name__}: {problem}")
    return conclude()


if __name__ == "__main__":
    sys.exit(main())
