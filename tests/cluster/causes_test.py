#!/usr/bin/env python3
"""Why a job's attempts failed is told also by the coordinator that comes after the one that saw it, once.

    causes_test.py --systole build/release/systole
"""
import argparse
import datetime
import os
import pathlib
import re
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cluster import Cluster, run_tests, scrape  # noqa: E402

OPTIONS = argparse.Namespace(systole="build/release/systole")
MANIFEST = """apiVersion: systole/v1
kind: Job
metadata: {name: beds}
spec:
  checkpoint: {interval: INTERVAL}
  restart: {strategy: STRATEGY}
  sources:
    - name: events
      generator: {rate: 200}
      schema: {columns: {event_id: text}}
  sinks:
    - name: away
      input: events
      blackhole: {}
"""
ATTEMPTS_FAILED = r"job beds: attempt \d+ failed: "


class CausesTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="systole-causes-"))

    def run_job(self, strategy="exponentialDelay", interval="200ms", **cluster):
        """A cluster with one slot to spare, in which the job runs."""
        with open(os.path.join(self.directory, "job.yaml"), "w", encoding="utf-8") as file:
            file.write(MANIFEST.replace("STRATEGY", strategy).replace("INTERVAL", interval))
        it = self.enterContext(Cluster(OPTIONS.systole, os.path.join(self.directory, "cluster"), workers=3, slots=1, **cluster))
        it.wait_workers(3)
        self.submit(it)
        return it

    def submit(self, it):
        it.submit(os.path.join(self.directory, "job.yaml"), {}, parallelism=2)
        it.wait_for("beds", ["running"])

    def lose_a_worker(self, it):
        """Kills one that runs a task of the job, and waits until the job has noticed. Its name."""
        before = self.exceptions(it)
        name = next(task["worker"] for task in it.job("beds")["tasks"] if task["worker"])
        it.worker(name).kill()
        deadline = time.monotonic() + 30
        while self.exceptions(it) == before:
            self.assertLess(time.monotonic(), deadline, it.logs())
            time.sleep(0.02)
        return name

    @staticmethod
    def log_of(it):
        return os.path.join(it.storage, "jobs", it.job("beds")["id"], "checkpoints", "log")

    def wait_until_recorded(self, it, lost):
        """In a record, which has a number for a name: what is killed sooner has told nobody."""
        folder, deadline = pathlib.Path(self.log_of(it)), time.monotonic() + 30
        while not any(f"worker {lost} is gone".encode() in each.read_bytes() for each in folder.glob("[0-9]" * 20)):
            self.assertLess(time.monotonic(), deadline, it.logs())
            time.sleep(0.02)

    @staticmethod
    def exceptions(it):
        """Without the times, which go through two clocks on their way."""
        found = it.ask("GET", "/api/v1/jobs/beds/exceptions")["exceptions"]
        return [(each["attempt"], each["code"], each["message"], each["restoredFromEpoch"]) for each in found]

    @staticmethod
    def moments(it):
        found = it.ask("GET", "/api/v1/jobs/beds/exceptions")["exceptions"]
        return [datetime.datetime.fromisoformat(each["at"].rstrip("Z")) for each in found]

    @staticmethod
    def restarts(it):
        """Of the coordinator that leads."""
        leader = next(api for api, each in zip(it.apis, it.coordinators) if each.alive())
        return sum(value for name, value in scrape(leader).items() if name.startswith("systole_job_restarts_total{"))

    def check_told_once(self, it, lost, coordinator, log_before):
        """By the coordinator that has come, after the worker `lost` failed the first attempt under another one."""
        it.wait_for("beds", ["running"])
        told = self.exceptions(it)
        self.assertEqual([each[:3] for each in told], [(1, "unavailable", f"worker {lost} is gone")])
        time.sleep(0.5)  # more than a tick, in which its figures and log lines are made
        self.assertEqual(self.restarts(it), 0, "another coordinator has counted it")
        self.assertEqual(it.job("beds")["restarts"], 0)
        self.assertNotRegex(coordinator.log()[len(log_before):], ATTEMPTS_FAILED)
        another = self.lose_a_worker(it)
        self.assertEqual(self.exceptions(it)[:1], told)
        self.assertEqual([each[:3] for each in self.exceptions(it)[1:]], [(2, "unavailable", f"worker {another} is gone")])
        time.sleep(0.5)
        self.assertEqual(self.restarts(it), 1)
        self.assertEqual(len(re.findall(ATTEMPTS_FAILED, coordinator.log()[len(log_before):])), 1)

    def test_a_coordinator_that_is_started_again_tells_them(self):
        it = self.run_job()
        lost = self.lose_a_worker(it)
        it.wait_for("beds", ["running"])
        at = self.moments(it)[0]
        self.assertEqual(self.restarts(it), 1)
        it.worker(lost).start()
        it.wait_workers(3)
        self.wait_until_recorded(it, lost)
        coordinator = it.coordinators[0]
        coordinator.kill()
        log_before = coordinator.log()
        coordinator.start()
        it.wait_for("beds", ["running"])
        self.assertLess(abs(self.moments(it)[0] - at), datetime.timedelta(seconds=1))
        self.check_told_once(it, lost, coordinator, log_before)

    def test_a_standby_tells_them(self):
        it = self.run_job(coordinators=2)
        lost = self.lose_a_worker(it)
        it.worker(lost).start()
        it.wait_workers(3)
        self.wait_until_recorded(it, lost)
        leader, standby = sorted(it.coordinators, key=lambda each: "leads in term" not in each.log())
        leader.kill()
        self.check_told_once(it, lost, standby, "")

    def test_the_cause_of_a_job_that_gave_up_stays(self):
        it = self.run_job(strategy="none")
        lost = self.lose_a_worker(it)
        job = it.wait_for("beds", ["failed"])
        self.assertEqual(job["reason"], f"worker {lost} is gone; the job's restart strategy is none")
        told = self.exceptions(it)
        self.wait_until_recorded(it, lost)
        it.coordinators[0].kill()
        it.coordinators[0].start()
        it.wait_for("beds", ["adopting", "waiting", "deploying", "running"])  # the next coordinator tries again
        self.assertEqual(self.exceptions(it), told)

    def test_a_job_that_goes_on_from_another_has_none_of_its(self):
        it = self.run_job()
        self.wait_until_recorded(it, self.lose_a_worker(it))
        it.wait_for("beds", ["running"])
        it.ask("POST", "/api/v1/jobs/beds/stop", {})
        stopped = it.wait_for("beds", ["stopped"])
        self.submit(it)
        self.assertNotEqual(it.job("beds")["id"], stopped["id"])
        self.assertEqual(self.exceptions(it), [])

    def test_a_log_that_takes_no_record_costs_the_cause_and_not_the_coordinator(self):
        it = self.run_job(strategy="none", interval="1h")  # else an epoch would need the log
        folder = self.log_of(it)
        os.rename(folder, folder + ".away")
        lost = self.lose_a_worker(it)
        it.wait_for("beds", ["failed"])
        coordinator = it.coordinators[0]
        deadline = time.monotonic() + 30
        while "a failure is not in its log" not in coordinator.log():
            self.assertLess(time.monotonic(), deadline, it.logs())
            time.sleep(0.1)
        self.assertEqual([each[2] for each in self.exceptions(it)], [f"worker {lost} is gone"], "as long as it lives")
        self.assertNotIn("is over", coordinator.log())
        os.rename(folder + ".away", folder)
        it.ask("POST", "/api/v1/jobs/beds/resume", {})
        it.wait_for("beds", ["running"])
        self.assertNotIn("is over", coordinator.log())


if __name__ == "__main__":
    run_tests(OPTIONS, __doc__)
