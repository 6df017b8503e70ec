"""The chaos test's processes, each on its host: two coordinators, three workers, a Kafka broker, a PostgreSQL server."""
import contextlib
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

from chaos_servers import Broker, Database, DIES_WITH_US
from cluster import Member

WORKERS = ["host-1", "host-2", "host-3"]
LEADERS = ["lead-1", "lead-2"]
HOSTS = WORKERS + LEADERS + ["kafka", "postgres"]
SLOTS = 2
STORAGE_BYTES = 128 << 20
CLOCK_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chaos_clock.c")


class World:
    """All of it, started; `with` stops it, whatever happens."""

    def __init__(self, systole, hosts, directory, kafka_folder):
        self.systole, self.hosts, self.directory = systole, hosts, directory
        self.storage = os.path.join(directory, "storage")
        os.makedirs(self.storage)
        os.chmod(directory, 0o755)
        if hosts.isolated:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={STORAGE_BYTES}", "none", self.storage], check=True)
        self.clock = os.path.join(directory, "clock")
        self.set_clock(0)
        self.closed, self.ended_by_themselves = threading.Event(), []
        self.clock_library = None
        if shutil.which("cc"):
            self.clock_library = os.path.join(directory, "clock.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.clock_library, CLOCK_SOURCE], check=True)
        self.broker = Broker(hosts, "kafka", os.path.join(directory, "broker"), kafka_folder)
        self.database = Database(hosts, "postgres", os.path.join(directory, "database"))
        self.apis, self.coordinators, self.workers, lines = {}, {}, {}, []
        for name in LEADERS:
            listen = f"{hosts.address(name)}:{hosts.port(name)}"
            self.apis[name] = hosts.port(name)
            lines += ["--coordinator", listen]
            self.coordinators[name] = self._member(name, ["coordinator", "--storage", self.storage, "--listen", listen, "--api",
                                                          f"127.0.0.1:{self.apis[name]}"])
        for name in WORKERS:
            self.workers[name] = self._member(name, ["worker", "--name", name, "--node", name, "--state", os.path.join(directory, name),
                                                     "--slots", str(SLOTS), "--memory", "128MiB", "--listen",
                                                     f"{hosts.address(name)}:{hosts.port(name)}", *lines])

    def _member(self, name, words):
        clock = []
        if self.clock_library and name in ("host-2", "lead-1"):
            clock = ["env", f"LD_PRELOAD={self.clock_library}", f"CHAOS_CLOCK={self.clock}"]
        insecure = ["--insecure"] if self.hosts.isolated else []
        return Member(name, [*self.hosts.prefix(name), *DIES_WITH_US, *clock, self.systole, *words, *insecure],
                      os.path.join(self.directory, name + ".log"))

    def __enter__(self):
        try:
            self.broker.start()
            self.database.start()
            for each in self.members():
                each.start()
            threading.Thread(target=self._supervise, daemon=True).start()
            self.wait_workers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _supervise(self):
        """A worker whose task hangs in a call ends itself and counts on its service manager."""
        while not self.closed.wait(0.5):
            for each in self.workers.values():
                code = each.start_if_it_ended()
                if code is not None:
                    self.ended_by_themselves.append(each.name)
                    print(f"{each.name} ended by itself ({code}) and is started again: {each.log()[-300:]}", flush=True)

    def close(self):
        self.closed.set()
        for each in [*self.members(), self.broker, self.database]:
            with contextlib.suppress(OSError):
                each.kill()
        if self.hosts.isolated:
            subprocess.run(["umount", "-l", self.storage], check=False)
        self.hosts.close()

    def members(self):
        return [*self.coordinators.values(), *self.workers.values()]

    def set_clock(self, seconds):
        """The wall clock of host-2 and lead-1 is ahead by so much from now on; written in place, since they have it mapped."""
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    def logs(self):
        return "\n".join(f"--- {each.name}\n{each.log()[-3000:]}" for each in self.members())

    def history(self, job):
        """A job's last checkpoints and failures, as text; for a test that has failed."""
        told = []
        for what in ("", "/exceptions", "/checkpoints"):
            try:
                told.append(json.dumps(self.ask("GET", f"/api/v1/jobs/{job}{what}", seconds=10))[:4000])
            except AssertionError as error:
                told.append(str(error))
        return "\n".join(told)

    # ---- the API; it listens on each coordinator's loopback, so no network fault hides it from the test

    def ask_one(self, name, method, path, body=None, seconds=8):
        """(status, answer) of one coordinator; OSError where it does not answer."""
        with self.hosts.at(name):
            handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        handle.settimeout(seconds)
        handle.connect(("127.0.0.1", self.apis[name]))
        connection = http.client.HTTPConnection("127.0.0.1", self.apis[name])
        connection.sock = handle
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()

    def ask(self, method, path, body=None, seconds=60, refusal_is_fine=False):
        """The answer of the coordinator that leads, within so many seconds; None where it was refused and that is fine."""
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            for name, member in self.coordinators.items():
                if not member.alive() or member.frozen:
                    continue
                try:
                    status, answer = self.ask_one(name, method, path, body)
                except OSError as error:
                    last = str(error)
                    continue
                if status < 400:
                    return answer
                last = f"{status} {answer}"
                if status < 500:
                    if refusal_is_fine:
                        return None
                    raise AssertionError(f"{method} {path}: {last}")
            time.sleep(0.1)
        raise AssertionError(f"{method} {path}: no answer in {seconds} s, last: {last}")

    def leader(self):
        """The coordinator that leads, by its own word, or any that lives."""
        for name, member in self.coordinators.items():
            if member.alive() and not member.frozen:
                with contextlib.suppress(OSError):
                    if self.ask_one(name, "GET", "/api/v1/workers", seconds=2)[0] == 200:
                        return member
        return next((each for each in self.coordinators.values() if each.alive()), None)

    def wait_workers(self, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            found = self.ask("GET", "/api/v1/workers")
            found = found["workers"] if isinstance(found, dict) else found
            if len(found) >= len(WORKERS):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} workers registered, not {len(WORKERS)}")
            time.sleep(0.1)

    def fill_storage(self):
        """The path of a file that takes what is left of the storage."""
        path = os.path.join(self.storage, "filler")
        with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        return path
