#!/usr/bin/env python3
"""A cluster of real processes runs the kill test's job on files that grow; whatever is done to the processes, the results
are those of one undisturbed process.

    cluster_test.py --systole build/release/systole [-k NAME]
"""
import argparse
import collections
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "process")]
from cluster import Cluster, run_tests, scrape  # noqa: E402
from kill_test import difference  # noqa: E402
import kill_test  # noqa: E402

KILL_JOB = os.path.join(os.path.dirname(HERE), "process", "kill_job.yaml")
OPTIONS = argparse.Namespace(systole="build/release/systole", events=120_000)
SPLITS = 4


def following_manifest(directory):
    """The kill test's job on files that grow; the epoch's interval is what a user would take."""
    with open(KILL_JOB, encoding="utf-8") as file:
        text = file.read()
    plain = 'files: {path: "${param.events}"}'
    assert plain in text
    path = os.path.join(directory, "job.yaml")
    with open(path, "w", encoding="utf-8") as file:
        text = text.replace('file: {path: "${param.out}/rejected"}', 'file: {path: "${param.out}/rejected", roll: {interval: 200ms}}')
        bound = "maxOutOfOrderness: "
        assert bound in text
        text = text.replace(bound, "maxDrift: 30d, " + bound).replace("interval: 50ms", "interval: 200ms")
        file.write(text.replace(plain, 'files: {path: "${param.events}", follow: true}'))
    return path


def results(out):
    """As the kill test's; where a rejected line was read from is another file here."""
    found = kill_test.results(out)
    rejected = collections.Counter()
    for line, count in found["rejected"].items():
        row = json.loads(line)
        rejected[row["step"], row["rule"], row["raw"]] += count
    return {**found, "rejected": rejected}


def progress(out):
    """How many events have reached SQLite, and how many the dead letter."""
    seen = 0
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
            sqlite3.connect(f"file:{out}/result.sqlite?mode=ro", uri=True)) as database:
        seen = database.execute("SELECT sum(events) FROM per_unit").fetchone()[0] or 0
    rejected = 0
    for path in glob.glob(os.path.join(out, "rejected", "part*")):
        with open(path, "rb") as file:
            rejected += sum(1 for _ in file)
    return seen, rejected


class Feeder(threading.Thread):
    """Appends events to the files of a folder, at a pace."""

    def __init__(self, lines, folder, seconds):
        super().__init__(daemon=True)
        self.lines, self.folder, self.seconds = lines, folder, seconds
        self.fed = 0
        os.makedirs(folder)
        self.files = [open(os.path.join(folder, f"part-{i}.ndjson"), "ab") for i in range(SPLITS)]

    def run(self):
        started, chunk = time.monotonic(), 500
        for at in range(0, len(self.lines), chunk):
            self.files[(at // chunk) % SPLITS].write(b"".join(self.lines[at:at + chunk]))
            self.files[(at // chunk) % SPLITS].flush()
            self.fed = at + chunk
            ahead = self.seconds * self.fed / len(self.lines) - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(ahead)
        for each in self.files:
            each.close()


class Tap:
    """A `systole tap` that runs until the end of its scope."""

    def __init__(self, it, step, role):
        self.rows, self.told = [], []
        self.process = subprocess.Popen([OPTIONS.systole, "tap", step, "--rows", "10000", "--for", "120", *it.flags_of(role)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.readers = [threading.Thread(target=self.read, args=(pipe, into), daemon=True)
                        for pipe, into in ((self.process.stdout, self.rows), (self.process.stderr, self.told))]
        for each in self.readers:
            each.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for each in self.readers:
            each.join()
        self.process.stdout.close()
        self.process.stderr.close()

    @staticmethod
    def read(pipe, into):
        for line in pipe:
            into.append(line)

    def wait_for_rows(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.rows) < count:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{len(self.rows)} rows, not {count}; {self.process.poll()} {self.told}")
            time.sleep(0.05)

    def interrupt(self):
        """As Ctrl-C; the exit code and what it says."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        for each in self.readers:
            each.join()
        return code, "".join(self.told)


class ClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="systole-cluster-")
        made = subprocess.run([OPTIONS.systole, "generate", "patient-flow", "--count", str(OPTIONS.events), "--seed", "11"],
                              stdout=subprocess.PIPE, check=True)
        cls.lines = made.stdout.splitlines(keepends=True)
        calm = os.path.join(cls.root, "calm")
        os.makedirs(os.path.join(calm, "out"))
        whole = os.path.join(calm, "events.ndjson")
        with open(whole, "wb") as file:
            file.writelines(cls.lines)
        subprocess.run([OPTIONS.systole, "run", KILL_JOB, "--param", f"events={whole}", "--param", f"out={calm}/out", "--state",
                        os.path.join(calm, "state"), "--progress", "none"], check=True, capture_output=True, timeout=300)
        cls.want = results(os.path.join(calm, "out"))
        cls.all_read = (sum(row[2] for row in cls.want["sqlite per_unit"]), sum(cls.want["rejected"].values()))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root, ignore_errors=True)

    def setUp(self):
        self.directory = os.path.join(self.root, self.id().rsplit(".", 1)[-1])
        self.out = os.path.join(self.directory, "out")
        os.makedirs(self.out)

    def disturbed(self, disturb, seconds=6.0, parallelism=3, **cluster):
        """Runs the job while files grow and `disturb(cluster, feeder)` does its worst; then drains and compares."""
        with Cluster(OPTIONS.systole, os.path.join(self.directory, "cluster"), **cluster) as it:
            try:
                it.wait_workers(len(it.workers))
                feeder = Feeder(self.lines, os.path.join(self.directory, "in"), seconds)
                it.submit(following_manifest(self.directory), {"events": f"{self.directory}/in/*.ndjson", "out": self.out},
                          parallelism=parallelism)
                it.wait_for("kill-test", ["running"])
                feeder.start()
                disturb(it, feeder)
                feeder.join()
                self.drain(it)
            except BaseException:
                print(it.logs(), file=sys.stderr)
                raise
        self.compare()

    def read_whole(self, it, wanted, seconds=60):
        """Waits until so many events are in SQLite and in the dead letter."""
        deadline = time.monotonic() + seconds
        while progress(self.out) != wanted:
            self.assertLess(time.monotonic(), deadline, f"{progress(self.out)} of {wanted} were read; {it.job('kill-test')}")
            time.sleep(0.1)

    def drain(self, it):
        """Once everything was read: what a drain finds unread is not read any more."""
        self.read_whole(it, self.all_read)
        it.ask("POST", "/api/v1/jobs/kill-test/drain", {})
        it.wait_for("kill-test", ["finished"])

    def compare(self):
        got = results(self.out)
        problems = [d for name in self.want if (d := difference(name, self.want[name], got[name]))]
        self.assertEqual(problems, [])

    def new_epoch(self, it, after, seconds=30):
        """Seconds until an epoch after `after` is committed."""
        began = time.monotonic()
        while it.job("kill-test")["lastCommittedEpoch"] <= after:
            self.assertLess(time.monotonic() - began, seconds, it.job("kill-test"))
            time.sleep(0.02)
        return time.monotonic() - began

    def test_nothing_happens(self):
        self.disturbed(lambda it, feeder: None, seconds=2)

    def test_tasks_are_spread_over_workers(self):
        def look(it, _):
            workers = {task["worker"] for task in it.job("kill-test")["tasks"]}
            self.assertEqual(len(workers), 3, workers)
        self.disturbed(look, seconds=1)

    def wait_all_count(self, it, seconds=30):
        """Waits until each worker has counted rows of a step with a key, whose rows are spread over all of them; of the source that
        cannot be said, since files are dealt by the hash of their paths."""
        rows = 'systole_step_records_in_total{job_name="kill-test",step="unique_events"}'
        deadline = time.monotonic() + seconds
        while any(scrape(address).get(rows, 0) == 0 for address in it.metrics.values()):
            self.assertLess(time.monotonic(), deadline, "a worker counts none")
            time.sleep(0.1)

    def test_metrics(self):
        def look(it, _):
            self.new_epoch(it, 2)
            leader = scrape(it.apis[0])
            self.assertEqual(leader['systole_job_state{job_name="kill-test",state="running"}'], 1)
            self.assertGreaterEqual(leader['systole_checkpoints_total{job_name="kill-test",status="completed"}'], 2)
            self.assertGreater(leader['systole_checkpoint_duration_seconds_count{job_name="kill-test"}'], 0)
            parts = [scrape(address) for address in it.metrics.values()]
            self.assertEqual([each["systole_worker_slots"] for each in parts], [2, 2, 2])
            self.assertEqual([each["systole_worker_slots_used"] for each in parts], [1, 1, 1])
            self.wait_all_count(it)
        self.disturbed(look, seconds=2)

    def command(self, it, *words):
        """What the command says as the cluster's client."""
        ran = self.ran(it, *words)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def ran(self, it, *words, role="admin"):
        return subprocess.run([OPTIONS.systole, *words, *it.flags_of(role)], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)

    def test_rejected_records_replayed(self):
        with Cluster(OPTIONS.systole, os.path.join(self.directory, "cluster")) as it:
            it.wait_workers(3)
            Feeder(self.lines, os.path.join(self.directory, "in"), 1).run()
            it.submit(following_manifest(self.directory), {"events": f"{self.directory}/in/*.ndjson", "out": self.out},
                      parallelism=3)
            events, rejected = self.all_read
            self.assertGreater(rejected, 10)
            self.read_whole(it, (events, rejected))
            listed = self.command(it, "deadletter", "list", "kill-test", "--limit", "1000000", "-o", "json")
            entries = json.loads(listed)["entries"]
            self.assertEqual(len({each["id"] for each in entries}), rejected)
            self.assertEqual({each["source"] for each in entries}, {"events"})
            self.assertNotIn("patient_id", listed)
            rule = entries[0]["rule"]
            chosen = self.command(it, "deadletter", "list", "kill-test", "--rule", rule, "--limit", "1000000", "-o", "name").split()
            self.assertEqual(chosen, [each["id"] for each in entries if each["rule"] == rule])
            # To standard output: each record as it came. Into the followed folder: the job reads them once more, all of them.
            raws = sorted(raw for _, _, raw in results(self.out)["rejected"].elements())
            self.assertEqual(sorted(self.command(it, "deadletter", "replay", "kill-test").splitlines()), raws)
            self.command(it, "deadletter", "replay", "kill-test", "--rule", rule, "--file", f"{self.directory}/in/replayed.ndjson")
            self.read_whole(it, (events, rejected + len(chosen)))

    def test_logs_and_top(self):
        def look(it, _):
            deadline = time.monotonic() + 20
            while True:
                top = json.loads(self.command(it, "top", "kill-test", "-o", "json"))
                events = next(each for each in top["steps"] if each["step"] == "events")
                if top["workers"] == 3 and events["recordsOutPerSecond"] > 0:
                    break
                self.assertLess(time.monotonic(), deadline, top)
                time.sleep(0.2)
            self.assertGreater(events["recordsOut"], 0)
            self.assertIn("per_unit", self.command(it, "top", "kill-test"))
            it.worker("worker-1").kill()
            it.worker("worker-1").start()
            it.wait_workers(3)
            deadline = time.monotonic() + 20
            while True:
                logs = self.command(it, "logs")
                if logs.count("worker-1 info worker: connected to the coordinator") == 2:
                    break  # of both its lives
                self.assertLess(time.monotonic(), deadline, logs)
                time.sleep(0.2)
            self.assertIn("coordinator info coordinator: leads in term 1", logs)
            self.assertRegex(self.command(it, "logs", "kill-test"), "kill-test failed attempt 1: ")
            payload = json.loads(self.lines[0])["patient_id"]
            for each in it.members():
                self.assertNotIn(payload, each.log())
        self.disturbed(look, seconds=8)

    def test_rows_tapped(self):
        allowed = {"coordinator_flags": ["--allow-tap"], "worker_flags": ["--allow-tap"], "tokens": True}
        events = {row["event_id"]: row for row in map(json.loads, self.lines) if row.get("event_id")}
        shown = []

        def look(it, _):
            sums = [json.loads(line) for line in self.command(it, "tap", "kill-test.per_unit", "--rows", "20", "--for", "30").splitlines()]
            self.assertEqual(len(sums), 20)
            self.assertLessEqual({each["kind"] for each in sums}, {"+I", "-U", "+U"})
            for each in sums:
                self.assertIn(each["row"]["hospital_id"], range(1, 8))
                self.assertGreaterEqual(each["row"]["events"], 1)
            table = self.command(it, "tap", "kill-test.stays_files", "--rows", "1", "--for", "30", "-o", "table")
            self.assertRegex(table, r"^KIND +EVENT TIME +department +patient_id +seconds\n\+I ")
            ran = self.ran(it, "tap", "kill-test.events", "--rows", "1", role="viewer")
            self.assertEqual((ran.returncode, ran.stdout), (3, ""), ran.stderr)
            self.assertIn("operator", ran.stderr)
            ran = self.ran(it, "tap", "kill-test.per_units")
            self.assertEqual(ran.returncode, 1, ran.stderr)
            self.assertRegex(ran.stderr, "has no step per_units: did you mean per_unit\\? Its steps are .*events")
            with Tap(it, "kill-test.events", "operator") as tap:
                tap.wait_for_rows(50)
                before = it.job("kill-test")["attempt"]
                it.worker("worker-1").kill()
                deadline = time.monotonic() + 20
                while True:
                    job = it.wait_for("kill-test", ["running"])
                    if job["attempt"] > before:
                        break
                    self.assertLess(time.monotonic(), deadline, job)
                tap.wait_for_rows(len(tap.rows) + 50)
                it.worker("worker-1").start()
                code, told = tap.interrupt()
            self.assertEqual(code, 130, told)
            deadline = time.monotonic() + 20
            while "taps step events of job kill-test: ends: nobody listens any more" not in it.coordinators[0].log():
                self.assertLess(time.monotonic(), deadline, "the client's end is noticed")
                time.sleep(0.1)
            self.assertRegex(told, r"kill-test\.events: \d+ of \d+ rows shown; interrupted")
            shown.extend(tap.rows)
            for each in map(json.loads, shown):
                row, event = each["row"], events[each["row"]["event_id"]]
                self.assertEqual(each["kind"], "+I")
                for name in ("event_type", "patient_id", "department"):
                    self.assertEqual(row[name], event.get(name), each)
            log = it.coordinators[0].log()
            self.assertIn("test at 127.0.0.1: taps step events of job kill-test", re.sub(r"(127\.0\.0\.1):\d+", r"\1", log))
            for each in it.members():
                for row in shown[:100]:
                    self.assertNotIn(json.loads(row)["row"]["patient_id"] or "no patient", each.log())
        self.disturbed(look, seconds=12, **allowed)

    def test_tap_ends_with_its_coordinator(self):
        def look(it, _):
            with Tap(it, "kill-test.events", "admin") as tap:
                tap.wait_for_rows(10)
                it.coordinators[0].kill()
                self.assertEqual(tap.process.wait(20), 3, tap.told)
            deadline = time.monotonic() + 20
            while not all("shows no rows any more" in each.log() for each in it.workers):
                self.assertLess(time.monotonic(), deadline, it.logs())
                time.sleep(0.1)
            it.coordinators[0].start()
            it.wait_for("kill-test", ["running"])
            with Tap(it, "kill-test.events", "admin") as tap:
                tap.wait_for_rows(10)
        self.disturbed(look, seconds=20, coordinator_flags=["--allow-tap"], worker_flags=["--allow-tap"])

    def test_rows_are_not_tapped_where_that_is_not_allowed(self):
        for number, (flags, refusal) in enumerate((((), "taps are off in this cluster.*--allow-tap"),
                                                  (("--allow-tap",), "worker worker-0 shows no rows: .*--allow-tap"))):
            directory = os.path.join(self.directory, str(number))
            with Cluster(OPTIONS.systole, os.path.join(directory, "cluster"), workers=1, coordinator_flags=flags) as it:
                it.wait_workers(1)
                Feeder(self.lines[:1000], os.path.join(directory, "in"), 0).run()
                it.submit(following_manifest(directory), {"events": f"{directory}/in/*.ndjson", "out": self.out})
                it.wait_for("kill-test", ["running"])
                ran = self.ran(it, "tap", "kill-test.events", "--for", "20")
                self.assertEqual((ran.returncode, ran.stdout), (1, ""), ran.stderr)
                self.assertRegex(ran.stderr, refusal)

    def test_worker_killed(self):
        def disturb(it, _):
            for name in ("worker-0", "worker-1"):
                time.sleep(1)
                before = it.job("kill-test")["lastCommittedEpoch"]
                victim = it.worker(name)
                victim.kill()
                took = self.new_epoch(it, before + 1)
                print(f"kill -9 of a worker: a new epoch is committed {took:.2f} s later")
                log = it.coordinators[0].log()
                self.assertRegex(log, f"warning coordinator: worker {name} at [^ ]+ is gone")
                self.assertRegex(log, "warning coordinator: job kill-test: attempt [0-9]+ failed: ")
                attempt = it.job("kill-test")["attempt"]
                self.assertIn(f"info coordinator: job kill-test: running, attempt {attempt}", log)
                self.assertLess(took, 10)
                victim.start()
        self.disturbed(disturb, slots=2)

    def test_worker_frozen(self):
        def disturb(it, _):
            time.sleep(1)
            victim = it.worker("worker-1")
            before = it.job("kill-test")
            victim.freeze()
            began = time.monotonic()
            while it.job("kill-test")["attempt"] == before["attempt"]:
                self.assertLess(time.monotonic() - began, 10)
                time.sleep(0.02)
            print(f"kill -STOP of a worker: another attempt {time.monotonic() - began:.2f} s later")
            self.new_epoch(it, before["lastCommittedEpoch"] + 1)
            victim.thaw()
            it.wait_workers(3)
            time.sleep(1)
        self.disturbed(disturb)

    def test_coordinator_killed(self):
        def disturb(it, _):
            time.sleep(1)
            attempt = it.job("kill-test")["attempt"]
            it.coordinators[0].kill()
            time.sleep(1)
            it.coordinators[0].start()
            job = it.wait_for("kill-test", ["running"])
            self.assertEqual(job["attempt"], attempt, "the attempt that ran was to be taken over")
            self.new_epoch(it, job["lastCommittedEpoch"])
        self.disturbed(disturb)

    def test_standby_takes_over(self):
        def disturb(it, _):
            time.sleep(1)
            leader = next(i for i, c in enumerate(it.coordinators) if "leads in term" in c.log())
            it.coordinators[leader].kill()
            began = time.monotonic()
            job = it.wait_for("kill-test", ["running"])
            self.new_epoch(it, job["lastCommittedEpoch"])
            print(f"kill -9 of the coordinator: an epoch of the standby is committed {time.monotonic() - began:.2f} s later")
        self.disturbed(disturb, coordinators=2)

    def test_worker_leaves(self):
        def disturb(it, _):
            time.sleep(1)
            before = it.job("kill-test")
            self.assertEqual(it.worker("worker-2").terminate(), 0)
            job = it.wait_for("kill-test", ["running"])
            self.assertNotIn("worker-2", {task["worker"] for task in job["tasks"]})
            self.assertEqual(job["restarts"], before["restarts"], "leaving is no failure")
        self.disturbed(disturb)

    def test_rescaled(self):
        def disturb(it, _):
            for parallelism in (4, 2):
                time.sleep(0.5)
                it.ask("POST", "/api/v1/jobs/kill-test/rescale", {"parallelism": parallelism})
                deadline = time.monotonic() + 30
                while True:
                    job = it.wait_for("kill-test", ["running"])
                    if job["parallelism"] == parallelism:
                        break
                    self.assertLess(time.monotonic(), deadline, job)
                    time.sleep(0.05)
        self.disturbed(disturb, parallelism=1)

    def test_stopped_and_resumed(self):
        def disturb(it, _):
            time.sleep(1)
            it.ask("POST", "/api/v1/jobs/kill-test/stop", {})
            it.wait_for("kill-test", ["stopped"])
            self.assertEqual(sum(each["slotsUsed"] for each in it.wait_workers(3)), 0)
            it.ask("POST", "/api/v1/jobs/kill-test/resume", {})
            it.wait_for("kill-test", ["running"])
        self.disturbed(disturb, seconds=3)

    def test_waits_for_slots(self):
        with Cluster(OPTIONS.systole, os.path.join(self.directory, "cluster"), workers=1, slots=1) as it:
            it.wait_workers(1)
            Feeder(self.lines, os.path.join(self.directory, "in"), 1).run()
            it.submit(following_manifest(self.directory), {"events": f"{self.directory}/in/*.ndjson", "out": self.out},
                      parallelism=2)
            job = it.wait_for("kill-test", ["waiting"])
            deadline = time.monotonic() + 10
            while "slots" not in job["reason"]:
                self.assertLess(time.monotonic(), deadline, job)
                job = it.job("kill-test")
            it.add_worker("late")
            it.wait_for("kill-test", ["running"])
            self.drain(it)
        self.compare()


if __name__ == "__main__":
    run_tests(OPTIONS, __doc__)
