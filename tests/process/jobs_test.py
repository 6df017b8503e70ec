#!/usr/bin/env python3
"""Runs the manifests under jobs/hospital on their fixtures and compares with what they must give.

    jobs_test.py --systole build/release/systole

The golden data of the patient-flow job lie beside the repository (../shared/data/patient_flow); where they are absent that
part says that it is skipped.
"""
import argparse
import collections
import csv
import glob
import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
JOBS = os.path.join(ROOT, "jobs", "hospital")
GOLDEN = os.path.join(os.path.dirname(ROOT), "shared", "data", "patient_flow")
GOLDEN = os.environ.get("SYSTOLE_GOLDEN_PATIENT_FLOW", GOLDEN)


def run(options, manifest, parameters, *flags):
    words = [options.systole, "run", os.path.join(JOBS, manifest), "--progress", "none", *flags]
    for name, value in parameters.items():
        words += ["--param", f"{name}={value}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=600)


def rows(path):
    """A CSV file's header and the multiset of its rows as {column: value} tuples."""
    with open(path, newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    return collections.Counter(tuple(sorted(row.items())) for row in table)


def compare(name, ran, actual, expected):
    if ran.returncode != 0:
        check(False, f"{name}: exit {ran.returncode}: {ran.stderr[-2000:]}")
        return
    want, got = rows(expected), rows(actual)
    check(want == got, f"{name}: {sum(want.values())} rows" +
          ("" if want == got else f"; missing {list((want - got).items())[:3]}, unexpected {list((got - want).items())[:3]}"))


def rejected(directory):
    """The dead letters of a run."""
    found = []
    for path in glob.glob(os.path.join(directory, "**", "*json*"), recursive=True):
        if not os.path.basename(path).startswith((".", "_")):
            with open(path, encoding="utf-8") as file:
                found += [json.loads(line) for line in file]
    return found


def small_jobs(options, work):
    for parallelism in ("1", "2"):
        out = os.path.join(work, "occupancy" + parallelism)
        ran = run(options, "occupancy/job.yaml", {"events": os.path.join(JOBS, "occupancy/fixtures/events.ndjson"), "out": out},
                  "--parallelism", parallelism)
        compare(f"occupancy p={parallelism}", ran, out + "/occupancy.csv", os.path.join(JOBS, "occupancy/expected/occupancy.csv"))
        rules = sorted(letter["rule"] for letter in rejected(out + "/rejected"))
        check(len(rules) == 3 and {"bad_event_type", "missing_department"} <= set(rules), f"occupancy p={parallelism}: dead letters {rules}")
        for method in ("hours", "midnights", "dates"):
            out = os.path.join(work, f"stay-{method}{parallelism}")
            ran = run(options, "length_of_stay/job.yaml",
                      {"events": os.path.join(JOBS, "length_of_stay/fixtures/events.ndjson"), "out": out, "method": method},
                      "--parallelism", parallelism)
            compare(f"length of stay by {method} p={parallelism}", ran, out + "/length_of_stay.csv",
                    os.path.join(JOBS, f"length_of_stay/expected/{method}.csv"))
        out = os.path.join(work, "billing" + parallelism)
        ran = run(options, "billing/job.yaml", {"in": os.path.join(JOBS, "billing/fixtures"), "out": out}, "--parallelism", parallelism)
        compare(f"billing p={parallelism}", ran, out + "/revenue.csv", os.path.join(JOBS, "billing/expected/revenue.csv"))
        rules = sorted(letter["rule"] for letter in rejected(out + "/rejected"))
        check(rules == sorted(["join_miss", "negative_total_amount;insurance_exceeds_total", "insurance_exceeds_total", "paid_bill_missing_payment_ts",
                               "missing_required_field;invalid_payment_status"]), f"billing p={parallelism}: dead letters {rules}")


def golden_check(actual, *flags):
    ran = subprocess.run([sys.executable, os.path.join(GOLDEN, "check.py"), actual, *flags], capture_output=True, text=True)
    return ran.returncode == 0, ran.stdout[-3000:]


def patient_flow(options, work):
    if not os.path.isdir(GOLDEN):
        print("skip  patient flow: the golden data are not beside this repository")
        return
    with gzip.open(os.path.join(GOLDEN, "events.ndjson.gz"), "rb") as file:
        lines = file.read().splitlines(keepends=True)

    def events(count):
        path = os.path.join(work, f"events{count}.ndjson")
        with open(path, "wb") as file:
            file.writelines(lines[:count])
        return path

    parameters = {"replay_now": "2026-03-02T07:00:00Z"}
    for parallelism in ("1", "2"):
        out = os.path.join(work, "flow" + parallelism)
        ran = run(options, "patient_flow/job.yaml", {**parameters, "events": events(len(lines)), "out": out}, "--parallelism", parallelism)
        good, told = golden_check(out) if ran.returncode == 0 else (False, ran.stderr[-3000:])
        check(good, f"patient flow p={parallelism}: all tables" + ("" if good else "\n" + told))
    for count in (2000, 4000):
        out = os.path.join(work, f"flow-after{count}")
        ran = run(options, "patient_flow/job.yaml", {**parameters, "events": events(count), "out": out})
        good, told = golden_check(out, "--expected", os.path.join(GOLDEN, f"after_{count}")) if ran.returncode == 0 else (False, ran.stderr[-3000:])
        check(good, f"patient flow after {count} lines" + ("" if good else "\n" + told))
    killed(options, work, {**parameters, "events": events(len(lines))})
    sqlite(options, work, {**parameters, "events": events(len(lines))})


def killed(options, work, parameters):
    """The patient-flow job under kill -9."""
    out, state = os.path.join(work, "flow-killed"), os.path.join(work, "flow-killed-state")
    chance, kills = random.Random(7), 0
    while kills < 5:
        words = [options.systole, "run", os.path.join(JOBS, "patient_flow/job.yaml"), "--progress", "none", "--state", state]
        for name, value in {**parameters, "out": out}.items():
            words += ["--param", f"{name}={value}"]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.03, 0.15 + 0.1 * kills))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    ran = run(options, "patient_flow/job.yaml", {**parameters, "out": out}, "--state", state)
    good, told = golden_check(out) if ran.returncode == 0 else (False, ran.stderr[-3000:])
    check(good and kills > 0, f"patient flow after {kills} kill -9" + ("" if good else "\n" + told))


def sqlite(options, work, parameters):
    """The same results in SQLite."""
    out = os.path.join(work, "flow-sqlite")
    os.makedirs(out)
    ran = run(options, "patient_flow/job.yaml", {**parameters, "out": out, "to_sqlite": "true", "to_files": "false"})
    if ran.returncode != 0:
        check(False, f"patient flow into SQLite: exit {ran.returncode}: {ran.stderr[-2000:]}")
        return
    database = sqlite3.connect(os.path.join(out, "patient_flow.sqlite"))
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%systole%'")]
    exported = os.path.join(out, "csv")
    os.makedirs(exported)
    for table in tables:
        cursor = database.execute(f'SELECT * FROM "{table}"')
        with open(os.path.join(exported, table + ".csv"), "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([column[0] for column in cursor.description])
            writer.writerows(["" if v is None else v for v in row] for row in cursor)
    good, told = golden_check(exported)
    check(good, "patient flow into SQLite: all tables" + ("" if good else "\n" + told))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    options = parser.parse_args()
    options.systole = os.path.abspath(options.systole)
    with tempfile.TemporaryDirectory(prefix="systole-jobs-") as work:
        small_jobs(options, work)
        patient_flow(options, work)
    return conclude()


sys.exit(main())
