#!/usr/bin/env python3
"""Kills the real process with kill -9 at random moments, restarts it, and compares the results with an undisturbed run.

    kill_test.py --systole build/release/systole --kills 20 [--seed S] [--parallelism 1,3,mixed] [--without-epoch-check]

Every other kill comes at a phase of a checkpoint (--test-crash-at), all phases in turn. Files compare as multisets of lines,
SQLite and table files as tables. At the end a negative control: with --without-epoch-check the sinks apply an epoch again
without looking whether they have it, and the comparison must find rows that are doubled, else the test fails.
Exit 0 equal, 1 different.
"""
import argparse
import collections
import contextlib
import glob
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


# actors/crash_points.h
PHASES = ["mid_commit", "barrier", "completed", "sealed", "before_commit", "durable", "after_commit", "metadata"]
CRASHED = 137
MIXED = "mixed"  # each restart at another parallelism


def command(options, events, out, state, parallelism):
    if parallelism == MIXED:
        parallelism = options.chance.choice([1, 3, 4])
    made = [options.systole, "run", os.path.join(HERE, "kill_job.yaml"), "--param", f"events={events}", "--param", f"out={out}",
            "--state", state, "--parallelism", str(parallelism), "--progress", "none"]
    return made + (["--test-without=epoch_check"] if options.without_epoch_check else [])


def results(out):
    """{name: multiset of rows} of all sinks."""
    found = {}
    for name in ("stays", "hourly", "rejected"):
        rows = collections.Counter()
        for path in glob.glob(os.path.join(out, name, "**", "*"), recursive=True):
            if os.path.isfile(path) and not os.path.basename(path).startswith((".", "_")) and path.endswith(("json", "csv")):
                with open(path, encoding="utf-8") as file:
                    lines = file.read().splitlines()
                rows.update(lines[1:] if path.endswith("csv") else lines)
        found[name] = rows
    with open(os.path.join(out, "occupancy.csv"), encoding="utf-8") as file:
        found["occupancy.csv"] = collections.Counter(file.read().splitlines())
    with contextlib.closing(sqlite3.connect(os.path.join(out, "result.sqlite"))) as database:
        for table in ("per_unit", "stays"):
            found["sqlite " + table] = collections.Counter(database.execute(f"SELECT * FROM {table}").fetchall())
    return found


def run_to_end(options, events, out, state, parallelism):
    ran = subprocess.run(command(options, events, out, state, parallelism), capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        sys.exit(f"the run failed with {ran.returncode}:\n{ran.stderr[-3000:]}")


def difference(name, want, got):
    lost, extra = want - got, got - want
    if not lost and not extra:
        return None
    examples = "".join(f"\n    {what} {row}" for what, rows in (("lost", lost), ("too many", extra)) for row in sorted(map(str, rows))[:4])
    return f"{name}: {sum(want.values())} rows expected, {sum(lost.values())} lost, {sum(extra.values())} too many{examples}"


def fail_unless_crashed(process):
    if process.returncode not in (0, CRASHED):
        sys.exit(f"the run failed with {process.returncode}:\n{process.stderr.read().decode()[-3000:]}")


def disturbed_run(options, chance, events, directory, parallelism, duration, kills, phases):
    """Kills and restarts until `kills` kills were made, then lets it end. Returns how many kills hit a living process."""
    out, state = os.path.join(directory, "out"), os.path.join(directory, "state")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(out)
    made = 0
    while made < kills:
        words = command(options, events, out, state, parallelism)
        at_phase = made % 2 == 0
        if at_phase:
            words += ["--test-crash-at", f"{next(phases)}:{chance.randint(1, 2)}"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        # Short lives are likelier: they hit start, restore and the first checkpoints, and leave work for the next ones.
        life = chance.uniform(0.01, 1) ** 2 * max(duration * 2 / kills, 0.15)
        try:
            process.wait(300 if at_phase else life)
            fail_unless_crashed(process)
            if process.returncode == 0:
                break  # it had ended: the job is done
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        made += 1
    run_to_end(options, events, out, state, parallelism)
    return made


def control_notices(options, events, directory, want):
    """True where the comparison finds what crashes in the middle of commits do without the epoch check. Which sinks have
    committed at a crash is a matter of timing, so several runs may be needed."""
    return any(control_run(options, events, directory, want, first) for first in range(2, 14))


def control_run(options, events, directory, want, first):
    unchecked = argparse.Namespace(**{**vars(options), "without_epoch_check": True})
    shutil.rmtree(directory, ignore_errors=True)
    out, state = os.path.join(directory, "out"), os.path.join(directory, "state")
    os.makedirs(out)
    for occurrence in (first, first + 1, first):
        words = command(unchecked, events, out, state, 1) + ["--test-crash-at", f"mid_commit:{occurrence}"]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if ran.returncode not in (0, CRASHED):
            return True  # it met its own mess
    ran = subprocess.run(command(unchecked, events, out, state, 1), capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        return True
    got = results(out)
    problems = [d for name in want if (d := difference(name, want[name], got[name]))]
    for problem in problems:
        print(f"negative control: {problem.splitlines()[0]}")
    return bool(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--parallelism", default="1,3,mixed")
    parser.add_argument("--without-epoch-check", action="store_true")
    options = parser.parse_args()
    options.systole = os.path.abspath(options.systole)
    print(f"seed {options.seed}", flush=True)
    chance = options.chance = random.Random(options.seed)
    good = True
    with tempfile.TemporaryDirectory(prefix="systole-kill-") as work:
        events = os.path.join(work, "events.ndjson")
        with open(events, "wb") as file:
            subprocess.run([options.systole, "generate", "patient-flow", "--count", str(options.events), "--seed",
                            str(options.seed)], stdout=file, check=True)
        phases = itertools.cycle(PHASES)
        parallelisms = [p if p == MIXED else int(p) for p in options.parallelism.split(",")]
        for parallelism in parallelisms:
            calm = os.path.join(work, "calm")
            shutil.rmtree(calm, ignore_errors=True)
            os.makedirs(os.path.join(calm, "out"))
            options_calm = argparse.Namespace(**{**vars(options), "without_epoch_check": False})
            started = time.monotonic()
            run_to_end(options_calm, events, os.path.join(calm, "out"), os.path.join(calm, "state"), parallelism)
            duration = time.monotonic() - started
            want = results(os.path.join(calm, "out"))
            assert all(sum(rows.values()) > 1 for rows in want.values()), {k: sum(v.values()) for k, v in want.items()}
            each = -(-options.kills // len(parallelisms))
            left, rounds = each, 0
            while left > 0:
                rounds += 1
                made = disturbed_run(options, chance, events, os.path.join(work, "disturbed"), parallelism, duration, min(left, 10), phases)
                got = results(os.path.join(work, "disturbed", "out"))
                problems = [d for name in want if (d := difference(name, want[name], got[name]))]
                for problem in problems:
                    print(f"parallelism {parallelism}, round {rounds}: {problem}")
                good &= not problems
                left -= max(made, 1)
            print(f"parallelism {parallelism}: {each} kills in {rounds} rounds, "
                  f"{sum(sum(r.values()) for r in want.values())} rows compared, undisturbed run {duration:.1f} s", flush=True)
        if not options.without_epoch_check and not control_notices(options, events, os.path.join(work, "control"), want):
            print("negative control: without the epoch check nothing is lost or doubled, so this test notices nothing")
            good = False
    print("equal" if good else "DIFFERENT")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
