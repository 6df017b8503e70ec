#!/usr/bin/env python3
"""Kills systole and a real PostgreSQL with kill -9 at random moments and compares the tables with an undisturbed run's.

    kill_test.py --systole build/release/systole --kills 12 [--seed S] [--parallelism 1,3]

Systole is killed at random moments and at the phases of a checkpoint (--test-crash-at); the server, with all its processes,
at random moments while systole goes on, and started again a little later. At the end a negative control: with
--test-without=epoch_check rows must be doubled, else the test fails. Exit 0 equal, 1 different; 'skipped' where PostgreSQL
is not installed.
"""
import argparse
import collections
import itertools
import os
import pathlib
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARIES = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
PHASES = ["mid_commit", "sealed", "completed", "before_commit", "after_commit", "durable"]  # actors/crash_points.h
CRASHED = 137
TABLES = ("discharges", "per_unit", "in_bed")


class Server:
    """A cluster in a folder of its own; runs as the user postgres where this one is root."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.process, self.settings = None, ["-c", "listen_addresses="]
        self.run("initdb", "-D", str(self.folder / "data"), "--locale=C", "--encoding=UTF8", "-A", "trust", "-U", "systole", "--no-sync")
        self.start()

    def run(self, program, *words):
        done = subprocess.run([str(BINARIES / program), *words], user=self.user, cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{program} failed: {done.stderr}")

    def start(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                # It ends by itself while processes of the one before hold its memory.
                with open(self.folder / "log", "ab") as log:
                    self.process = subprocess.Popen([str(BINARIES / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *self.settings,
                                                     "-c", "fsync=off", "-c", "shared_buffers=32MB",
                                                     "-c", "dynamic_shared_memory_type=mmap"],  # which goes with the folder
                                                    user=self.user, cwd="/", stdout=log, stderr=log)
            if subprocess.run([str(BINARIES / "pg_isready"), "-q", "-h", str(self.folder), *self.port()], check=False).returncode == 0:
                return
            time.sleep(0.02)  # it has no other sign of being ready
        sys.exit("the server does not start: " + (self.folder / "log").read_text()[-2000:])

    def kill(self):
        self.process.send_signal(signal.SIGSTOP)  # no new backend while they are listed
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                    if entry.isdigit() and stat.read().rsplit(")", 1)[1].split()[1] == str(self.process.pid):
                        os.kill(int(entry), signal.SIGKILL)
            except (OSError, IndexError):
                pass  # gone meanwhile, or not a process
        self.process.kill()
        self.process.wait()

    def port(self):
        """The flag of programs that look for the socket, which is named by the port."""
        return [f"-p{setting.removeprefix('port=')}" for setting in self.settings if setting.startswith("port=")]

    def sql(self, text):
        done = subprocess.run([str(BINARIES / "psql"), "-h", str(self.folder), *self.port(), "-U", "systole", "-d", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                              input=text, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"psql failed: {done.stderr[:2000]}")
        return done.stdout

    def tables(self, schema):
        return {table: collections.Counter(self.sql(f"SELECT t::text FROM {schema}.{table} t").splitlines()) for table in TABLES}


class Test:
    def __init__(self, options, work):
        self.options, self.work, self.schemas = options, pathlib.Path(work), itertools.count(1)
        self.server = Server(self.work / "server")
        self.server.sql("CREATE SCHEMA ref; CREATE TABLE ref.hospitals (hospital_id int PRIMARY KEY, name varchar(20));"
                        "INSERT INTO ref.hospitals SELECT n, 'hospital ' || n FROM generate_series(1, 7) n")
        connection = self.work / "connection.yaml"
        connection.write_text("apiVersion: systole/v1\nkind: Connection\nmetadata: {name: test-db}\nspec:\n  postgresql: "
                              f"{{host: {self.server.folder}, database: postgres, username: systole, sslMode: disable, connectTimeout: 2s}}\n")
        self.manifests = [os.path.join(HERE, "kill_job.yaml"), str(connection)]
        self.events = self.work / "events.ndjson"

    def fresh(self):
        schema = f"run_{next(self.schemas)}"
        self.server.sql(f"CREATE SCHEMA {schema}")
        return schema, str(self.work / schema)

    def command(self, schema, state, parallelism, *more):
        return [self.options.systole, "run", *self.manifests, "--param", f"events={self.events}", "--param", f"schema={schema}", "--state", state,
                "--parallelism", str(parallelism), "--progress", "none", *more]

    def finish(self, schema, state, parallelism):
        ran = subprocess.run(self.command(schema, state, parallelism), capture_output=True, text=True, timeout=300)
        if ran.returncode != 0:
            sys.exit(f"the run failed with {ran.returncode}:\n{ran.stderr[-3000:]}")
        return ran.stderr

    def disturbed(self, chance, parallelism, duration, kills, phases):
        """A run with so many kills; its tables, and how many hit."""
        schema, state = self.fresh()
        made = 0
        while made < kills:
            kind = made % 3
            more = ["--test-crash-at", f"{next(phases)}:{chance.randint(1, 2)}"] if kind == 0 else []
            with tempfile.TemporaryFile("w+") as errors:
                process = subprocess.Popen(self.command(schema, state, parallelism, *more), stdout=subprocess.DEVNULL, stderr=errors)
                try:
                    if kind == 0:
                        process.wait(300)
                    elif kind == 1:
                        process.wait(chance.uniform(0.05, duration))
                    else:
                        # The server dies under it, twice, and comes back.
                        for _ in range(2):
                            time.sleep(chance.uniform(0.02, duration / 2))
                            self.server.kill()
                            time.sleep(chance.uniform(0, 0.3))
                            self.server.start()
                        process.wait(chance.uniform(0.05, duration))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.returncode not in (0, CRASHED, -signal.SIGKILL):
                    errors.seek(0)
                    sys.exit(f"the run failed with {process.returncode}:\n{errors.read()[-3000:]}")
            made += 1
            if process.returncode == 0:
                break
        self.finish(schema, state, parallelism)
        return self.server.tables(schema), made

    def control_notices(self, want):
        """True where rows are doubled without the epoch check; which sinks had committed at the crash is a matter of timing."""
        for first in range(1, 12):
            schema, state = self.fresh()
            for _ in range(2):
                subprocess.run(self.command(schema, state, 1, "--test-without=epoch_check", "--test-crash-at", f"mid_commit:{first}"), capture_output=True, timeout=300)
            subprocess.run(self.command(schema, state, 1, "--test-without=epoch_check"), capture_output=True, timeout=300)
            for table, rows in self.server.tables(schema).items():
                if rows != want[table]:
                    print(f"negative control: {table} has {sum(rows.values())} rows and not {sum(want[table].values())}")
                    return True
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--parallelism", default="1,3")
    options = parser.parse_args()
    options.systole = os.path.abspath(options.systole)
    if not (BINARIES / "initdb").exists():
        print("skipped: PostgreSQL 15 is not installed")
        return 0
    print(f"seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    good = True
    work = tempfile.mkdtemp(prefix="systole-pg-kill-")
    os.chmod(work, 0o755)
    test = Test(options, work)
    try:
        with open(test.events, "wb") as file:
            subprocess.run([options.systole, "generate", "patient-flow", "--count", str(options.events), "--seed", str(options.seed)], stdout=file, check=True)
        phases = itertools.cycle(PHASES)
        parallelisms = [int(p) for p in options.parallelism.split(",")]
        want = None
        for parallelism in parallelisms:
            schema, state = test.fresh()
            started = time.monotonic()
            test.finish(schema, state, parallelism)
            duration = time.monotonic() - started
            calm = test.server.tables(schema)
            assert all(sum(rows.values()) > 1 for rows in calm.values()), {k: sum(v.values()) for k, v in calm.items()}
            want = want or calm
            good &= calm == want
            left = options.kills // len(parallelisms)
            rounds = 0
            while left > 0:
                rounds += 1
                got, made = test.disturbed(chance, parallelism, duration, min(left, 6), phases)
                left -= made
                for table in TABLES:
                    if got[table] != want[table]:
                        good = False
                        print(f"parallelism {parallelism}, round {rounds}: {table}: {sum((want[table] - got[table]).values())} lost, "
                              f"{sum((got[table] - want[table]).values())} too many")
            print(f"parallelism {parallelism}: {options.kills // len(parallelisms)} kills in {rounds} rounds, "
                  f"{sum(sum(r.values()) for r in want.values())} rows compared, undisturbed run {duration:.1f} s", flush=True)
        if not test.control_notices(want):
            print("negative control: without the epoch check nothing is doubled, so this test notices nothing")
            good = False
    finally:
        test.server.kill()
        shutil.rmtree(work, ignore_errors=True)
    print("equal" if good else "DIFFERENT")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
