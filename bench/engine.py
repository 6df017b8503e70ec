"""The engine's processes in a benchmark: `systole run`, or a cluster; what they take, what they say of themselves."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from flink import BUILD, ROOT, SYSTOLE, WORK

sys.path.append(os.path.join(ROOT, "tests", "cluster"))
from cluster import Cluster, free_port, scrape  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
__all__ = ["BUILD", "EngineCluster", "Run", "checkpoints_between", "cpu_seconds", "memory_mib", "scrape"]


def cpu_seconds(pid):
    """Of all threads of a process, kernel included."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid, what="VmRSS"):
    """VmRSS: resident now; VmHWM: the most there was; RssAnon: without the program's file."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what + ":")) / 1024


def flags_of(parameters):
    """{name: value} as --param flags."""
    return [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]


class Run:
    """A `systole run` in the background, with metrics."""

    def __init__(self, files, parameters, memory, state="run-state", keep_state=False, flags=()):
        self.folder = folder = os.path.join(WORK, state)
        if not keep_state:
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self.log_path = folder + ".log"
        self.started = time.monotonic()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [SYSTOLE, "run", *files, "--state", folder, "--memory", memory, "--metrics", self.address, *flags_of(parameters),
                 *(flags or ["--progress", "none"])], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_until(self, condition, seconds, what):
        """Until condition() is true: its value. Ends the benchmark where the process ends before."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {what}: not in {seconds} s, or the job ended\n{self.log()[-2000:]}")
            time.sleep(0.005)
        return found

    def wait_running(self):
        """Until it serves its metrics and says that the job runs."""
        def runs():
            with contextlib.suppress(OSError):
                return any(name.startswith("systole_job_state") and 'state="running"' in name and value == 1
                           for name, value in scrape(self.address).items())
            return False
        self.wait_until(runs, 60, "the job to run")

    def stop(self):
        """As SIGTERM does: with a savepoint."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def kill(self):
        """kill -9."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class EngineCluster(Cluster):
    """A coordinator and workers on loopback, in a folder that is made anew."""

    def __init__(self, workers, slots, memory, directory="cluster"):
        folder = os.path.join(WORK, directory)
        shutil.rmtree(folder, ignore_errors=True)
        super().__init__(SYSTOLE, folder, workers=workers, slots=slots, memory=memory)
        self.wait_workers(workers)

    def submit_and_wait(self, files, parameters, parallelism):
        """`systole submit --wait`: returns once the job runs (or has finished)."""
        ran = subprocess.run([SYSTOLE, "submit", *files, *flags_of(parameters), "--parallelism", str(parallelism), "--wait",
                              *self.flags_of("operator")], capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"bench: submit: {ran.stderr or ran.stdout}\n{self.logs()}")

    def wait_finished(self, name, seconds):
        """An error's text, or none."""
        job = self.wait_for(name, ["finished", "failed"], seconds)
        return None if job["state"] == "finished" else f"{job.get('reason')}\n{self.logs()[-3000:]}"

    def usage(self):
        """{process: (CPU seconds since its start, peak RSS in MiB)}"""
        return {each.name: (cpu_seconds(each.process.pid), memory_mib(each.process.pid, "VmHWM")) for each in self.members() if each.alive()}


def checkpoints_between(before, after):
    """What a process's metrics tell of the checkpoints between two scrapes: how many, their mean duration in ms, the bucket
    of the longest, failed ones, and the size of the last."""
    def change(pattern):
        return {name: after[name] - before.get(name, 0) for name in after if re.match(pattern, name)}
    count = sum(change(r"systole_checkpoint_duration_seconds_count").values())
    total = sum(change(r"systole_checkpoint_duration_seconds_sum").values())
    buckets = sorted((float(re.search(r'le="([^"]*)"', name)[1]), value)
                     for name, value in change(r"systole_checkpoint_duration_seconds_bucket").items())
    sizes = [value for name, value in after.items() if name.startswith("systole_checkpoint_last_size_bytes")]
    failed = sum(value for name, value in change(r"systole_checkpoints_total").items() if 'status="failed"' in name)
    return dict(checkpoints=count, checkpoint_mean_ms=total / count * 1000 if count else None,
                checkpoint_most_ms=next((le * 1000 for le, value in buckets if value >= count), None) if count else None,
                checkpoints_failed=failed, checkpoint_bytes=max(sizes, default=None))
