#!/usr/bin/env python3
"""Submits jobs whose PostgreSQL tables fit, do not fit, and cannot be asked, to a cluster of real processes.

    submit_test.py --systole build/release/systole

'skipped' where PostgreSQL is not installed.
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "process")]
from kill_test import BINARIES, Server  # noqa: E402
from small_cluster import SmallCluster  # noqa: E402

SYSTOLE = None
JOB = """apiVersion: systole/v1
kind: Job
metadata: {name: %(name)s}
spec:
  checkpoint: {interval: 200ms}
  sources:
    - name: events
      files: {path: "%(folder)s/*.ndjson", follow: true}
      format: {json: {}}
      schema: {columns: {visit: text not null, department: text, beds: int}}
  steps:
    - name: visits
      input: events
      deduplicate: {key: [visit], keep: last, orderBy: [beds]}
%(tables)s  sinks:
    - name: live
      input: visits
      postgresql: {connection: test-db, table: %(table)s, write: upsert, key: [visit]%(more)s}
%(placed)s---
apiVersion: systole/v1
kind: Connection
metadata: {name: test-db}
spec:
  postgresql: {host: %(host)s, database: postgres, username: systole, sslMode: disable, connectTimeout: 2s}
"""


TABLE = """    - name: placed
      inputs: {v: visits}
      join: {table: {w: wards}, on: v.department = w.department, fields: {visit: v.visit, floor: w.floor}}
  tables:
    - name: wards
      postgresql: {connection: test-db, table: %s}
      schema: {columns: {department: text not null, floor: int}}
      primaryKey: [department]
"""
PLACED = """    - name: places
      input: placed
      blackhole: {}
"""


class SubmitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="systole-submit-"))
        os.chmod(cls.work, 0o755)
        cls.server = Server(cls.work / "server")
        cls.server.sql("CREATE SCHEMA ops; CREATE TABLE ops.fits (visit text PRIMARY KEY, department text, beds int);"
                       "CREATE TABLE ops.lacks (visit text PRIMARY KEY, beds text)")
        cls.cluster = SmallCluster(SYSTOLE, str(cls.work / "cluster"))
        cls.cluster.coordinator()
        cls.cluster.worker("a")
        assert cls.cluster.wait(lambda: cls.cluster.registered() == ["a"]), cls.cluster.logs()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.command("cancel", "fitting", "--wait")
        cls.cluster.__exit__()
        cls.server.kill()
        shutil.rmtree(cls.work, ignore_errors=True)

    def submit(self, name, table, *flags, more="", host=None, tables=""):
        path = self.work / f"{name}.yaml"
        (self.work / "in").mkdir(exist_ok=True)
        path.write_text(JOB % {"name": name, "folder": self.work / "in", "table": table, "more": more, "host": host or self.server.folder,
                               "tables": tables, "placed": PLACED if tables else ""})
        return self.cluster.command("submit", str(path), *flags)

    def test_a_table_that_lacks_a_column_is_refused(self):
        for flags in ((), ("--dry-run",)):
            ran = self.submit("lacking", "ops.lacks", *flags)
            self.assertEqual(ran.returncode, 1, ran.stderr)
            for told in ("sink live: ", "column department is missing", "column beds is text", 'ADD COLUMN "department" text'):
                self.assertIn(told, ran.stderr)
        self.assertEqual(self.cluster.command("describe", "lacking").returncode, 1, "nothing was submitted")

    def test_a_missing_table_is_refused_unless_it_is_to_be_made(self):
        ran = self.submit("missing", "ops.missing", "--dry-run")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("CREATE TABLE", ran.stderr)
        ran = self.submit("missing", "ops.missing", "--dry-run", more=", createTable: ifMissing")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(self.server.sql("SELECT to_regclass('ops.missing') IS NULL").strip(), "t", "a dry run makes none")

    def test_a_table_that_is_read_and_lacks_a_column_is_refused(self):
        self.server.sql("CREATE TABLE ops.wards (department text PRIMARY KEY, floor int); CREATE TABLE ops.halls (department text)")
        for table, told in (("ops.halls", "table wards: PostgreSQL table ops.halls lacks the columns floor"),
                            ("ops.nowhere", "table wards: there is no PostgreSQL table ops.nowhere")):
            ran = self.submit("reading", "ops.fits", "--dry-run", tables=TABLE % table)
            self.assertEqual(ran.returncode, 1, ran.stderr)
            self.assertIn(told, ran.stderr)
        ran = self.submit("reading", "ops.fits", "--dry-run", tables=TABLE % "ops.wards")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))

    def test_a_table_that_fits_is_taken(self):
        ran = self.submit("fitting", "ops.fits", "--wait")
        self.assertEqual((ran.returncode, ran.stderr.count("sink live")), (0, 0), ran.stderr)
        (self.work / "in" / "one.ndjson").write_text('{"visit": "v1", "department": "ICU", "beds": 2}\n')
        self.assertTrue(self.cluster.wait(lambda: self.server.sql("SELECT * FROM ops.fits").strip() == "v1|ICU|2"), self.cluster.logs())
        # Looking at the table of a running job does it no harm.
        attempt = self.cluster.ask("/api/v1/jobs/fitting")[1]["attempt"]
        self.assertIn("is there already", self.submit("fitting", "ops.fits", "--dry-run").stderr)
        (self.work / "in" / "two.ndjson").write_text('{"visit": "v2", "department": "MED", "beds": 4}\n')
        self.assertTrue(self.cluster.wait(lambda: self.server.sql("SELECT count(*) FROM ops.fits").strip() == "2"), self.cluster.logs())
        self.assertEqual(self.cluster.ask("/api/v1/jobs/fitting")[1]["attempt"], attempt)

    def test_a_server_that_is_away_is_told_and_is_no_refusal(self):
        ran = self.submit("away", "ops.fits", "--dry-run", host=self.work / "nowhere")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("sink live could not be checked: ", ran.stderr)


def main():
    global SYSTOLE
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    parsed, rest = parser.parse_known_args()
    SYSTOLE = os.path.abspath(parsed.systole)
    if not (BINARIES / "postgres").exists():
        print("skipped: PostgreSQL 15 is not installed (postgresql-15)")
        return
    unittest.main(argv=[sys.argv[0], "-v"] + rest)


if __name__ == "__main__":
    main()
