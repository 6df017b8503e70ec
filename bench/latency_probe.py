"""The probe of bench/probe as a benchmark uses it: started, waited for, asked what it saw."""
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time

from broker import BROKER
from flink import LIMITS

GIVEN_UP_S = 900


class Probe:
    """Sends events to `topic`-in and reads `topic`-out; flags are the probe's, _ for -."""

    def __init__(self, topic, events, **flags):
        words = [os.path.join(LIMITS, "latency_probe"), "--brokers", BROKER, "--input", topic + "-in", "--output", topic + "-out",
                 "--events", events]
        for name, value in flags.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.lines, self.silences = queue.Queue(), []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            if told["phase"] == "silence":
                self.silences.append((told["from_us"] / 1e6, told["to_us"] / 1e6))
            else:
                self.lines.put(told)
        self.lines.put(None)

    def wait_for(self, phase, job=None):
        """What it tells when it comes to a phase. Ends the benchmark where it, or the job's process, ends before."""
        deadline = time.monotonic() + GIVEN_UP_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                told = self.lines.get(timeout=0.2)
                if told is None:
                    sys.exit(f"bench: the probe ended before '{phase}'" + (f"\n{job.log()[-2000:]}" if job else ""))
                if told["phase"] == phase:
                    return told
            if job and job.process.poll() is not None:
                sys.exit(f"bench: the job ended before '{phase}'\n{job.log()[-2000:]}")
        sys.exit(f"bench: '{phase}' did not come in {GIVEN_UP_S} s")


def verdict(told, exactly_once=True):
    """'ok', or what is wrong with the rows: none lost, none that no event gives, none doubled."""
    wrong = [f"{told[name]} {name}" for name in ("lost", "wrong", "refused") + (("doubled",) if exactly_once else ()) if told[name]]
    return ", ".join(wrong) or "ok"
