#!/usr/bin/env python3
"""Runs the patient-flow job on seeded dirty events and compares every table with the slow oracle beside this file.

    patient_flow_test.py --systole build/release/systole [--seeds 3] [--events 1500] [--first-seed 1]
"""
import argparse
import collections
import csv
import decimal
import glob
import os
import subprocess
import sys
import tempfile

import patient_flow_oracle as oracle

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFEST = os.path.join(ROOT, "jobs", "hospital", "patient_flow", "job.yaml")
NOW = "2026-03-02T07:00:00Z"
NUMBERS = {"length_of_stay_hrs", "temperature_f", "occupancy_pct", "avg_stay_hrs", "avg_heart_rate", "avg_bp_systolic",
           "avg_bp_diastolic", "avg_temperature_f", "avg_oxygen_saturation"}


def canonical(row, columns):
    """Values as they compare: numbers without trailing zeros, times without trailing zeros of a fraction."""
    shown = []
    for name in columns:
        value = row[name]
        if value and name in NUMBERS:
            value = format(decimal.Decimal(value).normalize(), "f")
        elif value and (name in oracle.TIMES or name.startswith("effective_")):
            value = oracle.show_time(oracle.parse_time(value))
        shown.append(value)
    return tuple(shown)


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(table, want, got):
    """What is wrong with a table, or None."""
    if want and got and not set(want[0]) <= set(got[0]):
        return f"{table}: the columns {sorted(set(want[0]) - set(got[0]))} are missing"
    columns = sorted(want[0]) if want else []
    want_rows = collections.Counter(canonical(row, columns) for row in want)
    got_rows = collections.Counter(canonical(row, columns) for row in got)
    if want_rows == got_rows:
        return None
    missing, more = want_rows - got_rows, got_rows - want_rows
    return (f"{table}: {sum(missing.values())} rows missing, {sum(more.values())} unexpected; columns {columns}\n"
            f"  missing    {list(missing)[:2]}\n  unexpected {list(more)[:2]}")


def check_keys(tables):
    """Surrogate keys are unique, and lead from each fact to its own patient, version and department."""
    problems, versions = [], {}
    for row in tables["dim_patient"]:
        if row["patient_sk"] in versions:
            problems.append("dim_patient: a patient_sk occurs twice")
        versions[row["patient_sk"]] = row
    units = {row["department_sk"]: row for row in tables["dim_department"]}
    silver = {row["event_id"]: row for row in tables["silver"]}
    for fact in tables["fact_patient_flow"]:
        if fact["patient_id"] and versions.get(fact["patient_sk"], {}).get("patient_id") != fact["patient_id"]:
            problems.append("fact_patient_flow: a patient_sk leads to another patient")
        elif fact["patient_id"] and fact["event_id"]:
            event, version = silver[fact["event_id"]], versions[fact["patient_sk"]]
            if any(event[name] != version[name] for name in ("gender", "age", "insurance_type")):
                problems.append("fact_patient_flow: a patient_sk leads to a version that was not valid at the event")
        if fact["department"] and fact["hospital_id"]:
            unit = units.get(fact["department_sk"], {})
            if (unit.get("department"), unit.get("hospital_id")) != (fact["department"], fact["hospital_id"]):
                problems.append("fact_patient_flow: a department_sk leads elsewhere")
    return sorted(set(problems))


def run_once(options, seed, parallelism, work):
    lines = oracle.nasty_lines(seed, options.events)
    events, out = os.path.join(work, "events.ndjson"), os.path.join(work, f"out-{seed}-{parallelism}")
    with open(events, "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    want, dead = oracle.tables(lines, NOW)
    ran = subprocess.run([options.systole, "run", MANIFEST, "--progress", "none", "--parallelism", str(parallelism), "--param",
                          f"events={events}", "--param", f"out={out}", "--param", f"replay_now={NOW}"],
                         capture_output=True, text=True, timeout=600)
    if ran.returncode != 0:
        return [f"exit {ran.returncode}: {ran.stderr[-1500:]}"]
    got = {table: read(os.path.join(out, table + ".csv")) for table in want}
    problems = [problem for problem in (compare(table, want[table], got[table]) for table in want) if problem]
    problems += check_keys(got)
    letters = 0
    for path in glob.glob(os.path.join(out, "rejected", "**", "part-*"), recursive=True):
        with open(path, "rb") as file:
            letters += sum(1 for _ in file)
    if letters != dead:
        problems.append(f"rejected: {letters} letters for {dead} broken lines")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1500)
    options = parser.parse_args()
    options.systole = os.path.abspath(options.systole)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="systole-flow-") as work:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for parallelism in (1, 3):
                problems = run_once(options, seed, parallelism, work)
                failures += bool(problems)
                print(("FAIL  " if problems else "ok    ") + f"dirty events, seed {seed}, parallelism {parallelism}")
                for problem in problems:
                    print("      " + problem)
    print(f"{failures} failures")
    return 1 if failures else 0


sys.exit(main())
