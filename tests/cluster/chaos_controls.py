"""Negative controls: damage that the verifier must find, else it would find none in the chaos either."""
import collections
import copy
import os
import random
import signal
import subprocess
import time

import chaos_input
import chaos_verifier
from chaos_round import Round
from chaos_servers import DIES_WITH_US

CRASHED = 137  # actors/crash_points.h
SINKS = {"kafka", "postgresql", "files"}
# Between two sinks' commits; after files were written that no checkpoint has yet.
CRASHES = ["metadata:4", "mid_commit:12", "mid_commit:13", "sealed:14", "metadata:5", "mid_commit:19", "sealed:22", "durable:11"]


def _dropped(found, sink, what):
    victim = next(row for row in sorted(found.results[sink]) if row[0] == what)
    del found.results[sink][victim]


def _doubled(found, sink, what):
    victim = next(row for row in sorted(found.results[sink]) if row[0] == what)
    found.results[sink][victim] += 1


def _tampered(expected, found):
    """(name, damaged copy): one thing is wrong in each."""
    for sink in found.results:
        for what in ("row", "stay", "hour"):
            for verb, change in (("dropped", _dropped), ("doubled", _doubled)):
                damaged = copy.deepcopy(found)
                change(damaged, sink, what)
                yield f"a {what} {verb} in {sink}", damaged
        # The other copy of a duplicate is a right row in itself; only that the sinks differ tells.
        damaged = copy.deepcopy(found)
        event, seqs = next((event, seqs) for event, seqs in sorted(expected.copies.items()) if len(seqs) > 1)
        row = next(row for row in damaged.results[sink] if row[:2] == ("row", event))
        del damaged.results[sink][row]
        damaged.results[sink]["row", event, str(next(seq for seq in seqs if str(seq) != row[2]))] += 1
        yield f"another copy of a duplicate in {sink}", damaged
    for sink in found.departments:
        damaged = copy.deepcopy(found)
        name, events, total = damaged.departments[sink][0]
        damaged.departments[sink][0] = (name, events + 1, total)
        yield f"a count one too high in {sink}", damaged
    victim = sorted(found.rejected)[0]
    for verb, count in (("dropped", 0), ("doubled", 2)):
        damaged = copy.deepcopy(found)
        damaged.rejected = collections.Counter({**found.rejected, victim: count})
        yield f"a rejected record {verb}", damaged


def _end_by_drain(world, round_, process, seconds=60):
    """The exit code of a run that is told to drain when it has read all."""
    try:
        round_.feeder.join(seconds)
        deadline = time.monotonic() + seconds
        while chaos_verifier.progress(world, round_.name) < chaos_input.PARTITIONS and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        return process.wait(seconds)
    finally:
        process.kill()
        process.wait()


def _sinks_damaged_without_epoch_check(world):
    """Sinks that the verifier finds damaged where no sink asks whether it has an epoch already: the job in one process, which
    dies in a checkpoint. Which sinks that hits is a matter of timing, so there are some tries."""
    damaged = set()
    for number, crash_at in enumerate(CRASHES):
        round_ = Round(world, 9000 + number, random.Random(number), 1_000, 800)
        path = os.path.join(world.directory, f"{round_.name}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(round_.prepare())
        words = [*world.hosts.prefix("host-1"), *DIES_WITH_US, world.systole, "run", path, "--param", f"out={round_.out}", "--state",
                 f"{round_.out}/state", "--progress", "none", "--drain", "--test-without=epoch_check,marker_read"]
        round_.feeder.start()
        with open(os.path.join(world.directory, "control.log"), "ab") as log:
            crashed = subprocess.run([*words, "--test-crash-at", crash_at], stdout=log, stderr=log, timeout=60, check=False).returncode
            ended = -signal.SIGINT
            while ended == -signal.SIGINT:  # interrupted before it could heed that
                ended = _end_by_drain(world, round_, subprocess.Popen(words, stdout=log, stderr=log))
        if crashed != CRASHED or ended not in (0, 130):
            raise AssertionError(f"the control's runs ended with {crashed} and {ended}, see control.log (--keep)")
        told = chaos_verifier.problems(*round_.read())
        print(f"     {crash_at}: {len(told)} problems, {'; '.join(told)[:150]}", flush=True)
        damaged |= {each.split(":")[0] for each in told} & SINKS
        round_.forget()
        if damaged == SINKS:
            break
    return damaged


def run(world, record):
    """An undisturbed job; then its sinks with each damage; then guards off. Whether all was found."""
    round_ = Round(world, 9999, random.Random(1), 600, 1000)
    round_.start()
    time.sleep(1.5)
    round_.feeder.finish()
    calm, _ = round_.finish()
    record.control("nothing, where nothing was done", not calm)
    expected, found = round_.read()
    missed = [name for name, damaged in _tampered(expected, found) if not chaos_verifier.problems(expected, damaged)]
    count = sum(1 for _ in _tampered(expected, found))
    for name in missed:
        record.control(name, False)
    record.control(f"{count} tampered results: a row dropped, doubled, or another's in each sink", not missed)
    damaged = _sinks_damaged_without_epoch_check(world)
    record.control("systole run --test-without=epoch_check,marker_read, killed between commits: damage in " + ", ".join(sorted(SINKS)) +
                   (f"; only in {', '.join(sorted(damaged)) or 'none'}" if damaged != SINKS else ""), damaged == SINKS)
    return not missed and not calm and damaged == SINKS
