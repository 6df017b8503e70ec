#!/usr/bin/env python3
"""A changelog joined with a table of a real PostgreSQL that is refreshed: results follow both, without events where only the table has
changed, and over kill -9 of the process while the table changes.

    live_table_test.py --systole build/release/systole

'skipped' where PostgreSQL is not installed.
"""
import argparse
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from kill_test import BINARIES, Server  # noqa: E402

SYSTOLE = None
JOB = """apiVersion: systole/v1
kind: Job
metadata: {name: live}
spec:
  parallelism: 2
  checkpoint: {interval: 100ms}
  sources:
    - name: moves
      files: {path: "%(work)s/in/*.ndjson", follow: true}
      format: {json: {}}
      schema: {columns: {department: text not null, delta: int not null}}
  tables:
    - name: departments
      postgresql: {connection: test-db, table: departments}
      schema: {columns: {department: text not null, staffed_beds: int not null}}
      primaryKey: [department]
      refresh: {interval: 1s}
  steps:
    - name: occupancy
      input: moves
      aggregate: {keyBy: [department], fields: {occupied: sum(delta)}}
    - name: occupancy_live
      inputs: {o: occupancy}
      join:
        table: {d: departments}
        on: o.department = d.department
        onRefresh: reemit
        fields: {department: o.department, percent: o.occupied * 100 / d.staffed_beds}
  sinks:
    - name: board
      input: occupancy_live
      sqlite: {path: "%(work)s/board.sqlite", table: board, write: upsert, key: [department]}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: test-db}
spec:
  postgresql: {host: %(host)s, database: postgres, username: systole, sslMode: disable, connectTimeout: 2s}
"""


class LiveTableTest(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="systole-live-table-"))
        os.chmod(self.work, 0o755)
        (self.work / "in").mkdir()
        self.server = Server(self.work / "server")
        self.server.sql("CREATE TABLE departments (department text PRIMARY KEY, staffed_beds int NOT NULL);"
                        "INSERT INTO departments VALUES ('ICU', 10), ('MED', 20)")
        (self.work / "job.yaml").write_text(JOB % {"work": self.work, "host": self.server.folder})
        self.process = None
        self.start()

    def tearDown(self):
        self.kill()
        self.server.kill()
        shutil.rmtree(self.work, ignore_errors=True)

    def start(self):
        with open(self.work / "log", "ab") as log:
            self.process = subprocess.Popen([SYSTOLE, "run", self.work / "job.yaml", "--state", self.work / "state", "--progress", "none"], stdout=log, stderr=log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def feed(self, *moves):
        with open(self.work / "in/moves.ndjson", "a", encoding="utf-8") as file:
            file.writelines(f'{{"department": "{department}", "delta": {delta}}}\n' for department, delta in moves)

    def board(self):
        try:
            with sqlite3.connect(f"file:{self.work}/board.sqlite?mode=ro", uri=True) as database:
                return dict(database.execute("SELECT department, percent FROM board"))
        except sqlite3.OperationalError:
            return {}

    def expect(self, wanted):
        deadline = time.monotonic() + 30
        while self.board() != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.board(), wanted, (self.work / "log").read_text()[-2000:])

    def test_results_follow_the_stream_and_the_table(self):
        self.feed(("ICU", 1), ("MED", 4), ("SUR", 3))
        self.expect({"ICU": 10, "MED": 20})
        self.server.sql("UPDATE departments SET staffed_beds = 5 WHERE department = 'ICU'; INSERT INTO departments VALUES ('SUR', 6)")
        self.expect({"ICU": 20, "MED": 20, "SUR": 50})
        self.server.sql("DELETE FROM departments WHERE department = 'MED'")
        self.expect({"ICU": 20, "SUR": 50})
        self.feed(("MED", 1), ("ICU", 1), ("SUR", -3))
        self.expect({"ICU": 40, "SUR": 0})

        self.kill()
        self.server.sql("UPDATE departments SET staffed_beds = 8 WHERE department = 'ICU'; DELETE FROM departments WHERE department = 'SUR';"
                        "INSERT INTO departments VALUES ('MED', 10)")
        self.start()
        self.expect({"ICU": 25, "MED": 50})

    def test_kill_9_while_both_change(self):
        beds = {"ICU": 10, "MED": 20}
        occupied = {}
        for turn in range(6):
            for department in ("ICU", "MED"):
                occupied[department] = occupied.get(department, 0) + turn
                self.feed((department, turn))
                beds[department] += 1
            self.server.sql(f"UPDATE departments SET staffed_beds = {beds['ICU']} WHERE department = 'ICU';"
                            f"UPDATE departments SET staffed_beds = {beds['MED']} WHERE department = 'MED'")
            time.sleep(0.07 * turn)  # the moment of the fault
            self.kill()
            self.start()
        self.expect({each: occupied[each] * 100 // beds[each] for each in beds})


def main():
    global SYSTOLE
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    options, rest = parser.parse_known_args()
    SYSTOLE = os.path.abspath(options.systole)
    if not (BINARIES / "postgres").exists():
        print("skipped: PostgreSQL is not installed")
        return
    unittest.main(argv=[sys.argv[0], *rest])


main()
