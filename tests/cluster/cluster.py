"""Real processes of a cluster on this machine: a coordinator, a standby, workers; started, killed, frozen, asked."""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from free_port import free_port  # noqa: E402


def run_tests(options, what):
    """Runs the calling program's tests: options.systole, and whatever else `options` has, from its command line."""
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in vars(options).items():
        parser.add_argument("--" + name, type=type(value), default=value, required=name == "systole")
    _, rest = parser.parse_known_args(namespace=options)
    options.systole = os.path.abspath(options.systole)
    unittest.main(argv=[sys.argv[0], "-v"] + rest)


def scrape(address):
    """{metric{labels}: value} of a process."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and not line.startswith("#")}


class Member:
    """A process that can be killed, frozen and started again with the same words."""

    def __init__(self, name, words, log_path):
        self.name, self.words, self.log_path = name, words, log_path
        self.process = None
        self.frozen = False
        self.lock = threading.RLock()

    def start(self):
        with self.lock, open(self.log_path, "ab") as log:
            assert self.process is None, self.name
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self

    def start_if_it_ended(self):
        """Starts it again where it has ended by itself, as a service manager does; its exit code, else None."""
        with self.lock:
            code = None if self.process is None else self.process.poll()
            if code is not None:
                self.process = None
                self.start()
            return code

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9; a frozen one, too."""
        with self.lock:
            if self.process:
                self.process.kill()
                self.process.wait()
            self.process, self.frozen = None, False

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def terminate(self, seconds=30):
        with self.lock:
            self.process.terminate()
            code = self.process.wait(seconds)
            self.process = None
        return code

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Cluster:
    def __init__(self, systole, directory, workers=3, slots=2, coordinators=1, memory="256MiB", coordinator_flags=(), worker_flags=(),
                 tokens=False):
        self.systole, self.directory = os.path.abspath(systole), directory
        self.storage = os.path.join(directory, "storage")
        self.slots, self.memory = slots, memory
        os.makedirs(directory, exist_ok=True)
        self.coordinators, self.apis, self.workers = [], [], []
        self.lines, self.metrics = [], {}
        self.worker_flags = list(worker_flags)
        self.tokens = self._make_tokens() if tokens else {}
        more = list(coordinator_flags) + (["--token-file", os.path.join(directory, "tokens")] if tokens else [])
        for i in range(coordinators):
            listen, api = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
            self.lines.append(listen)
            self.apis.append(api)
            self.coordinators.append(self._member(
                f"coordinator-{i}", ["coordinator", "--storage", self.storage, "--listen", listen, "--api", api] + more).start())
        for i in range(workers):
            self.add_worker(f"worker-{i}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.members():
            each.kill()

    def members(self):
        return self.coordinators + self.workers

    def _member(self, name, words):
        return Member(name, [self.systole] + words, os.path.join(self.directory, name + ".log"))

    def add_worker(self, name):
        words = ["worker", "--name", name, "--node", name, "--state", os.path.join(self.directory, name), "--slots",
                 str(self.slots), "--memory", self.memory]
        for line in self.lines:
            words += ["--coordinator", line]
        self.metrics[name] = f"127.0.0.1:{free_port()}"
        words += ["--metrics", self.metrics[name]] + self.worker_flags
        self.workers.append(self._member(name, words).start())
        return self.workers[-1]

    def _make_tokens(self):
        """{role: a file with a token of it}"""
        made = {}
        for role in ("viewer", "operator", "admin"):
            ran = subprocess.run([self.systole, "token", role, "test", "--file", os.path.join(self.directory, "tokens")],
                                 capture_output=True, text=True, check=True)
            made[role] = os.path.join(self.directory, role + ".token")
            with open(made[role], "w", encoding="utf-8") as file:
                file.write(ran.stdout)
        return made

    def flags_of(self, role):
        """With these the command is a client of the cluster."""
        flags = ["--server", ",".join(f"http://{api}" for api in self.apis)]
        return flags + (["--token-file", self.tokens[role]] if self.tokens else [])

    def worker(self, name):
        return next(each for each in self.workers if each.name == name)

    # ---- the API

    def ask(self, method, path, body=None, seconds=30):
        """The answer of the coordinator that leads; waits until one does."""
        deadline = time.monotonic() + seconds
        last = None
        while time.monotonic() < deadline:
            for api, member in zip(self.apis, self.coordinators):
                if not member.alive() or member.frozen:
                    continue
                data = None if body is None else json.dumps(body).encode()
                headers = {"Content-Type": "application/json"}
                if self.tokens:
                    with open(self.tokens["admin"], encoding="utf-8") as file:
                        headers["Authorization"] = "Bearer " + file.read().strip()
                request = urllib.request.Request(f"http://{api}{path}", data=data, method=method, headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        text = answer.read()
                        return json.loads(text) if text else None
                except urllib.error.HTTPError as error:
                    text = error.read().decode()
                    if error.code != 503:
                        raise AssertionError(f"{method} {path}: {error.code} {text}") from None
                    last = text
                except (urllib.error.URLError, ConnectionError, socket.timeout, TimeoutError) as error:
                    last = str(error)
            time.sleep(0.05)
        raise AssertionError(f"{method} {path}: no answer in {seconds} s, last: {last}")

    def submit(self, manifest, parameters, parallelism=0, request=""):
        with open(manifest, encoding="utf-8") as file:
            text = file.read()
        return self.ask("POST", "/api/v1/jobs", {
            "files": [{"name": os.path.basename(manifest), "text": text}],
            "directory": os.path.dirname(os.path.abspath(manifest)),
            "parameters": parameters, "parallelism": parallelism, "request": request})

    def job(self, name):
        return self.ask("GET", f"/api/v1/jobs/{name}")

    def wait_for(self, name, states, seconds=120):
        deadline = time.monotonic() + seconds
        while True:
            job = self.job(name)
            if job["state"] in states:
                return job
            if time.monotonic() > deadline:
                raise AssertionError(f"job {name} is {job['state']} ({job.get('reason')}) after {seconds} s, not one of "
                                     f"{states}; {json.dumps(job)[:2000]}")
            time.sleep(0.02)

    def wait_workers(self, count, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            workers = self.ask("GET", "/api/v1/workers")
            found = workers["workers"] if isinstance(workers, dict) else workers
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} workers registered, not {count}")
            time.sleep(0.05)

    def logs(self):
        return "\n".join(f"--- {each.name}\n{each.log()[-3000:]}" for each in self.members())
