#!/usr/bin/env python3
"""maxDrift over workers: files are dealt to tasks on several workers; what is far ahead of the slowest file, wherever that one
is read, waits for it.

    drift_test.py --systole build/release/systole
"""
import argparse
import datetime
import glob
import json
import os
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cluster import Cluster, run_tests  # noqa: E402

OPTIONS = argparse.Namespace(systole="build/release/systole")
START = datetime.datetime(2026, 1, 1)
FILES, ROWS, STEP = 6, 40_000, datetime.timedelta(seconds=0.5)  # five and a half hours in each
DRIFT = datetime.timedelta(hours=1)
ANNOUNCED = 1024 * STEP  # how often a file's progress counts; two more batches may be under way
MANIFEST = """apiVersion: systole/v1
kind: Job
metadata: {name: drift}
spec:
  parameters:
    events: {type: string, description: files}
    out: {type: string, description: folder}
  checkpoint: {interval: 200ms}
  schemas:
    event: {at: timestamptz, file: int}
  sources:
    - name: events
      files: {path: "${param.events}", follow: true}
      format: {json: {}}
      schema: {ref: event}
      watermark: {column: at, maxOutOfOrderness: 0s, maxDrift: DRIFT, idleTimeout: 1h}
  sinks:
    - name: read
      input: events
      file: {path: "${param.out}", roll: {interval: 200ms}}
      format: {json: {}}
"""


def line(at, file):
    return json.dumps({"at": at.isoformat() + "Z", "file": file}).encode() + b"\n"


class DriftTest(unittest.TestCase):
    def run_job(self, directory, drift):
        """Reads the fast files beside a slow one; calls back with the cluster."""
        folder = os.path.join(directory, "in")
        os.makedirs(folder)
        for number in range(1, FILES + 1):
            with open(os.path.join(folder, f"fast-{number}.ndjson"), "wb") as file:
                file.writelines(line(START + i * STEP, number) for i in range(ROWS))
        self.tell_slow(directory, START)
        manifest = os.path.join(directory, "job.yaml")
        with open(manifest, "w", encoding="utf-8") as file:
            file.write(MANIFEST.replace("DRIFT", drift))
        it = Cluster(OPTIONS.systole, os.path.join(directory, "cluster"), workers=3, slots=1)
        self.enterContext(it)
        it.wait_workers(3)
        it.submit(manifest, {"events": f"{folder}/*.ndjson", "out": os.path.join(directory, "out")}, parallelism=3)
        it.wait_for("drift", ["running"])
        return it

    @staticmethod
    def tell_slow(directory, at):
        with open(os.path.join(directory, "in", "slow.ndjson"), "ab") as file:
            file.write(line(at, 0))

    @staticmethod
    def read(directory):
        """The newest event time that was read of each file, and the number of rows."""
        newest, rows = {}, 0
        for path in glob.glob(os.path.join(directory, "out", "part*")):
            with open(path, "rb") as file:
                for row in map(json.loads, file):
                    rows += 1
                    at = datetime.datetime.fromisoformat(row["at"].rstrip("Z"))
                    newest[row["file"]] = max(newest.get(row["file"], at), at)
        return newest, rows

    def wait_until_read(self, it, directory, least):
        """Until each fast file was read so far, and for a second more."""
        deadline = time.monotonic() + 60
        while True:
            newest, rows = self.read(directory)
            if len(newest) == FILES + 1 and all(at >= least for file, at in newest.items() if file != 0):
                break
            self.assertLess(time.monotonic(), deadline, f"{newest} {rows} {it.logs()}")
            time.sleep(0.2)
        time.sleep(1)
        return self.read(directory)

    def test_what_is_ahead_waits_for_the_slowest_file_of_all_workers(self):
        with tempfile.TemporaryDirectory(prefix="systole-drift-") as directory:
            it = self.run_job(directory, "1h")
            for slow in (START, START + datetime.timedelta(hours=2)):
                self.tell_slow(directory, slow)
                newest, _ = self.wait_until_read(it, directory, slow + DRIFT)
                for file, at in newest.items():
                    self.assertLess(at, slow + DRIFT + 3 * ANNOUNCED, f"file {file} did not wait")
            self.tell_slow(directory, START + datetime.timedelta(hours=10))
            _, rows = self.wait_until_read(it, directory, START + (ROWS - 1) * STEP)
            self.assertEqual(rows, FILES * ROWS + 4)
            self.doCleanups()

    def test_without_it_nothing_waits(self):
        with tempfile.TemporaryDirectory(prefix="systole-drift-") as directory:
            it = self.run_job(directory, "0s")
            _, rows = self.wait_until_read(it, directory, START + (ROWS - 1) * STEP)
            self.assertEqual(rows, FILES * ROWS + 1)
            self.doCleanups()


if __name__ == "__main__":
    run_tests(OPTIONS, __doc__)
