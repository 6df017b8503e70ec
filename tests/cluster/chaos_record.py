"""What a run of the chaos test has done: a line for each fault as it goes, and a summary in Markdown."""
import collections
import datetime
import os
import platform
import subprocess
import time


class Record:
    def __init__(self, options, isolated, missing):
        self.options, self.isolated, self.missing = options, isolated, missing
        self.began, self.doing = time.monotonic(), ""
        self.faults, self.rounds, self.failures, self.controls = [], [], [], []
        for name, why in missing.items():
            print(f"not here: {name} ({why})", flush=True)

    def minutes(self):
        return (time.monotonic() - self.began) / 60

    def fault(self, number, seed, name, told, seconds):
        self.faults.append((number, seed, name, told, seconds))
        print(f"{len(self.faults):4} round {number} seed {seed} [{seconds:5.1f} s] {name}: {told}", flush=True)

    def round(self, number, seed, faults, told, problems, slowest):
        self.rounds.append((number, seed, faults, told, problems, slowest))
        print(f"     round {number} seed {seed}: {told}; slowest recovery {slowest:.1f} s: {'DAMAGE' if problems else 'all sinks right'}", flush=True)
        for each in problems:
            print("     " + each, flush=True)

    def failure(self, number, seed, error):
        self.failures.append((number, seed, f"{self.doing}: {type(error).__name__}: {str(error)[:400]}"))
        print(f"     round {number} seed {seed} FAILED, {self.doing}", flush=True)

    def control(self, name, found):
        self.controls.append((name, found))
        print(f"     control: {name}: {'found' if found else 'NOT FOUND'}", flush=True)

    def tell(self, good):
        print(f"{len(self.faults)} faults in {len(self.rounds)} rounds, {self.minutes():.1f} minutes, seed {self.options.seed}: "
              f"{'nothing lost or doubled' if good else 'FAILED'}", flush=True)

    def write(self, good):
        """So far; nothing where no file was named."""
        if self.options.record:
            with open(self.options.record, "w", encoding="utf-8") as file:
                file.write(self.markdown(good))

    def markdown(self, good):
        here = os.path.dirname(os.path.abspath(__file__))
        good = good and not self.failures
        commit = subprocess.run(["git", "-C", here, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
        kinds = collections.Counter(name for _, _, name, _, _ in self.faults)
        text = [
            "# Chaos test: results", "Written by `tests/cluster/chaos.py --record`; what it does: tests/cluster/README.md.", "",
            f"- {datetime.date.today()}, commit {commit}, {platform.system()} {platform.release()}, {os.cpu_count()} cores; "
            + ("each process in a network namespace of its own" if self.isolated else "plain processes on loopback"),
            f"- seed {self.options.seed}: **{len(self.faults)} faults** in {len(self.rounds)} rounds, {self.minutes():.0f} minutes",
            f"- result: {'no row lost, none doubled, all sinks equal to the oracle' if good else '**failed**, see below'}", "",
            "| fault | times |", "|---|---|", *(f"| {name} | {count} |" for name, count in sorted(kinds.items())), ""]
        if self.missing:
            text += ["Not possible there: " + "; ".join(f"{name} ({why})" for name, why in self.missing.items()), ""]
        text += ["| round | seed | faults | source and result | slowest recovery | verifier |", "|---|---|---|---|---|---|"]
        text += [f"| {number} | {seed} | {faults} | {told} | {slowest:.1f} s | {'<br>'.join(problems) or 'right'} |"
                 for number, seed, faults, told, problems, slowest in self.rounds]
        text += ["", *(f"Round {number} (seed {seed}) was not finished: {error}" for number, seed, error in self.failures)]
        if self.controls:
            text += ["", "| negative control | damage |", "|---|---|", *(f"| {name} | {'found' if found else '**not found**'} |" for name, found in self.controls)]
        return "\n".join(text).rstrip() + "\n"
