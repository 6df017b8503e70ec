#!/usr/bin/env python3
"""A PostgreSQL that asks for TLS and a password: who has both writes; who has not is told why, without the password; and a password
that is changed while a job runs holds it up until the worker has the new one.

    access_test.py --systole build/release/systole

'skipped' where PostgreSQL is not installed.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "support")]
from checks import check, conclude  # noqa: E402
from free_port import free_port  # noqa: E402
from kill_test import BINARIES, Server  # noqa: E402

SYSTOLE = None
JOB = """apiVersion: systole/v1
kind: Job
metadata: {name: access}
spec:
  checkpoint: {interval: 100ms}
  sources:
    - name: numbers
      files: {path: "WORK/in/*.ndjson", follow: true}
      format: {json: {}}
      schema: {columns: {n: int not null}}
  sinks:
    - name: table
      input: numbers
      postgresql: {connection: ward, table: numbers, write: append}
---
apiVersion: systole/v1
kind: Connection
metadata: {name: ward}
spec:
  postgresql: {host: 127.0.0.1, port: PORT, database: postgres, username: writer, sslMode: verify-full, connectTimeout: 2s,
    caFile: "CA", password: {secretRef: {name: ward, key: password}}}
"""


class World:
    def __init__(self, work):
        self.work, self.port, self.fed = pathlib.Path(work), free_port(), 0
        (self.work / "in").mkdir()
        self.certificates(self.work / "tls")
        self.certificates(self.work / "strangers")
        self.server = Server(self.work / "server")
        data = self.server.folder / "data"
        owner = data.stat()
        for source, target in (("127.0.0.1.pem", "server.crt"), ("127.0.0.1.key", "server.key")):
            shutil.copy(self.work / "tls" / source, data / target)
            os.chmod(data / target, 0o600)
            os.chown(data / target, owner.st_uid, owner.st_gid)
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.server.sql("CREATE ROLE writer LOGIN PASSWORD 'first-secret'; CREATE TABLE numbers (n int);"
                        "GRANT INSERT ON numbers TO writer; GRANT CREATE, USAGE ON SCHEMA public TO writer")
        self.server.kill()
        self.server.settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "ssl=on"]
        self.server.start()
        self.write_password("first-secret")

    def certificates(self, folder):
        subprocess.run([SYSTOLE, "certificates", str(folder), "--host", "127.0.0.1"], check=True, capture_output=True)

    def write_password(self, text):
        (self.work / "secrets/ward").mkdir(parents=True, exist_ok=True)
        (self.work / "secrets/ward/password").write_text(text + "\n")

    def start(self, state, authority="tls"):
        manifest = self.work / f"{state}.yaml"
        manifest.write_text(JOB.replace("WORK", str(self.work)).replace("PORT", str(self.port)).replace("CA", str(self.work / authority / "ca.pem")))
        log = open(self.work / f"{state}.log", "ab")
        with log:
            return subprocess.Popen([SYSTOLE, "run", str(manifest), "--state", str(self.work / state), "--secrets", str(self.work / "secrets"),
                                     "--progress", "plain"], stdout=log, stderr=log)

    def log(self, state):
        return (self.work / f"{state}.log").read_text()

    def feed(self, count):
        with open(self.work / "in/numbers.ndjson", "a", encoding="utf-8") as file:
            file.writelines(f'{{"n": {n}}}\n' for n in range(self.fed, self.fed + count))
        self.fed += count

    def written(self):
        return sorted(map(int, self.server.sql("SELECT n FROM numbers").split()))

    def wait(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not what() and time.monotonic() < deadline:
            time.sleep(0.05)
        return what()


def refused(world, state, authority, wanted):
    process = world.start(state, authority)
    try:
        code = process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        code = "none"
    told = world.log(state)
    check(code == 1 and wanted in told and "secret" not in told.replace("secrets", ""), f"{state}: ends and says why", f"exit {code}\n{told}")


def changed_while_it_runs(world):
    process = world.start("right")
    world.feed(1_000)
    check(world.wait(lambda: world.written() == list(range(world.fed))), "with a password and an authority it writes", world.log("right"))
    encrypted = world.server.sql("SELECT bool_and(ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'writer'")
    check(encrypted.strip() == "t", "over TLS", encrypted)
    time.sleep(15)  # what fails sooner ends the job: coordination/restart_policy.h
    world.server.sql("ALTER ROLE writer PASSWORD 'second-secret'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'writer'")
    world.feed(1_000)
    check(world.wait(lambda: world.log("right").count("password authentication failed") >= 4), "a changed password is told", world.log("right"))
    check(process.poll() is None, "and the job does not end", world.log("right"))
    world.write_password("second-secret")
    check(world.wait(lambda: world.written() == list(range(world.fed)), 60), "it goes on with the new one, each row once", world.log("right"))
    check("-secret" not in world.log("right"), "no password is told")
    process.terminate()
    process.wait(30)


def main():
    global SYSTOLE
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    SYSTOLE = os.path.abspath(parser.parse_args().systole)
    if not (BINARIES / "postgres").exists():
        print("skipped: PostgreSQL is not installed")
        return 0
    work = tempfile.mkdtemp(prefix="systole-postgres-access-")
    os.chmod(work, 0o755)
    world = World(work)
    try:
        refused(world, "strangers", "strangers", "certificate verify failed; see the connection's sslMode, caFile")
        world.write_password("wrong-secret")
        refused(world, "wrong", "tls", "password authentication failed")
        world.write_password("first-secret")
        changed_while_it_runs(world)
    finally:
        world.server.kill()
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
