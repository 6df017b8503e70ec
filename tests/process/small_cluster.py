"""A coordinator and workers as a user starts them, and the API as one would ask it; for tests of what the processes' flags do."""
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from free_port import free_port  # noqa: E402


class SmallCluster:
    def __init__(self, systole, work):
        self.systole, self.work = systole, work
        self.listen, self.api = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.api}"
        self.processes = {}
        os.makedirs(work, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.processes.values():
            each.send_signal(signal.SIGTERM)
        for each in self.processes.values():
            try:
                each.wait(20)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()

    def start(self, name, *words):
        with open(self.log_path(name), "ab") as log:
            self.processes[name] = subprocess.Popen([self.systole, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def coordinator(self, *flags):
        self.start("coordinator", "coordinator", "--storage", f"{self.work}/storage", "--listen", self.listen, "--api", self.api, *flags)

    def worker(self, name, *flags, slots=1):
        self.start(name, "worker", "--state", f"{self.work}/{name}", "--name", name, "--node", name, "--coordinator", self.listen,
                   "--slots", str(slots), "--memory", "128MiB", "--drain-seconds", "0", *flags)

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def log_path(self, name):
        return f"{self.work}/{name}.log"

    def log(self, name):
        with open(self.log_path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def logs(self):
        return "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)

    def ask(self, path, method="GET", body=None):
        """(status, JSON) of an answer; (0, None) where nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def command(self, *words, timeout=120):
        """The command as this cluster's client."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYSTOLE_")} | {"SYSTOLE_SERVER": self.url}
        return subprocess.run([self.systole, *words], capture_output=True, text=True, env=environment, timeout=timeout, stdin=subprocess.DEVNULL)

    def wait(self, what, seconds=30):
        """Until `what` is true; what it said last."""
        deadline = time.monotonic() + seconds
        while True:
            said = what()
            if said or time.monotonic() > deadline:
                return said
            time.sleep(0.05)

    def registered(self):
        status, body = self.ask("/api/v1/workers")
        return sorted(each["name"] for each in body["workers"]) if status == 200 else []
