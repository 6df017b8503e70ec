#!/usr/bin/env python3
"""A cluster whose jobs keep their checkpoints in a bucket of a real S3 service: every row counted once over kill -9 of a worker and
of all processes with their local folders; another manifest; what is left of a job that is deleted; keys that are wrong.

    s3_cluster_test.py --systole build/release/systole --service build/release/tests/s3/s3_service_run
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from small_cluster import SmallCluster  # noqa: E402

failures = []
KEYS = 20
WORKERS = ("w1", "w2")
JOB = """
apiVersion: systole/v1
kind: Job
metadata: {name: sums}
spec:
  parallelism: 2
  checkpoint: {interval: 100ms, retained: 2}
  sources:
    - name: numbers
      files: {path: "WORK/in/*.ndjson", follow: true}
      format: {json: {}}
      schema: {columns: {k: int not null, v: int not null}}
  steps:
    - name: sums
      input: numbers
      aggregate: {keyBy: [k], fields: {total: sum(v), rows: count(*)}}
  sinks:
    - name: table
      input: sums
      sqlite: {path: "WORK/out.sqlite", table: sums, write: upsert, key: [k]}
    - name: copies
      input: numbers
      file: {path: "WORK/copies", roll: {interval: 100ms}}
      format: {json: {}}
"""
MORE = """    - name: most
      input: numbers
      aggregate: {keyBy: [k], fields: {most: max(v)}}
  sinks:
    - name: most_table
      input: most
      sqlite: {path: "WORK/out.sqlite", table: most, write: upsert, key: [k]}
"""


def check(condition, what, told=""):
    print(("ok    " if condition else "FAIL  ") + what + ("" if condition else "\n" + str(told)[-4000:]), flush=True)
    if not condition:
        failures.append(what)


class Service:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def names(self, prefix):
        self.process.stdin.write(f"list {prefix}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class World:
    def __init__(self, cluster, service, work):
        self.cluster, self.service, self.work, self.fed = cluster, service, work, []
        self.url = f"s3://checkpoints/ward?secret=store&endpoint=http://127.0.0.1:{service.port}"
        os.makedirs(f"{work}/in")
        self.write_keys("test/secret+key")

    def write_keys(self, secret, folder="secrets"):
        os.makedirs(f"{self.work}/{folder}/store", exist_ok=True)
        for name, value in (("accessKeyId", "TESTACCESSKEY"), ("secretAccessKey", secret)):
            with open(f"{self.work}/{folder}/store/{name}", "w") as file:
                file.write(value + "\n")

    def start(self):
        self.cluster.coordinator("--checkpoints", self.url, "--secrets", f"{self.work}/secrets")
        for name in WORKERS:
            self.start_worker(name)

    def start_worker(self, name):
        self.cluster.worker(name, "--secrets", f"{self.work}/secrets", slots=2)

    def feed(self, count):
        rows = [(i % KEYS, len(self.fed) + i) for i in range(count)]
        with open(f"{self.work}/in/part.ndjson", "a") as file:
            file.writelines(f'{{"k": {k}, "v": {v}}}\n' for k, v in rows)
        self.fed += rows

    def manifest(self, more=""):
        path = f"{self.work}/job{len(more)}.yaml"
        with open(path, "w") as file:
            file.write((JOB.replace("  sinks:\n", more) if more else JOB).replace("WORK", self.work))
        return path

    def wanted(self):
        sums = collections.defaultdict(lambda: [0, 0])
        for k, v in self.fed:
            sums[k][0] += v
            sums[k][1] += 1
        return {k: tuple(v) for k, v in sums.items()}

    def table(self):
        try:
            with sqlite3.connect(f"file:{self.work}/out.sqlite?mode=ro", uri=True) as database:
                return {row[0]: row[1:] for row in database.execute("SELECT k, total, rows FROM sums")}
        except sqlite3.OperationalError:
            return {}

    def copies(self):
        rows = collections.Counter()
        for path in glob.glob(f"{self.work}/copies/part*"):
            with open(path) as file:
                rows.update((row["k"], row["v"]) for row in map(json.loads, file))
        return rows

    def is_right(self, what):
        check(self.cluster.wait(lambda: self.table() == self.wanted(), 60), what, str(self.table()) + self.cluster.logs())
        check(self.cluster.wait(lambda: self.copies() == collections.Counter(self.fed)), "  and each row is published once",
              (sum(self.copies().values()), len(self.fed)))


def scenario(world):
    cluster, service = world.cluster, world.service
    world.start()
    cluster.wait(lambda: cluster.registered() == sorted(WORKERS))
    world.feed(20_000)
    ran = cluster.command("submit", world.manifest(), "--wait")
    check(ran.returncode == 0, "a job is submitted", ran.stderr + cluster.logs())
    world.is_right("it counts")
    job = json.loads(cluster.command("describe", "sums", "-o", "json").stdout)["id"]
    check(cluster.wait(lambda: any(each.endswith("log/00000000000000000002") for each in service.names(f"ward/jobs/{job}/log/"))),
          "its checkpoints are in the bucket", service.names("ward/"))
    check(not os.path.exists(f"{cluster.work}/storage/jobs/{job}/checkpoints"), "and not in the shared folder")

    cluster.kill("w1")
    world.feed(5_000)
    world.start_worker("w1")
    world.is_right("a worker was killed")
    for name in list(cluster.processes):
        cluster.kill(name)
    for name in WORKERS:
        shutil.rmtree(f"{cluster.work}/{name}")
    world.start()
    world.feed(5_000)
    world.is_right("all were killed, and the workers' folders are gone")

    check(cluster.command("stop", "sums", "--wait").returncode == 0, "it stops")
    ran = cluster.command("submit", world.manifest(MORE), "--wait")
    check(ran.returncode == 0 and "goes on from checkpoint" in ran.stdout, "another manifest goes on", ran.stdout + ran.stderr + cluster.logs())
    world.feed(1_000)
    world.is_right("its sums include what the first one had read")
    check(service.names(f"ward/jobs/{job}/") != [], "the first job's checkpoints are still there")
    ran = cluster.command("delete", job)
    check(ran.returncode == 0, "the first job is deleted", ran.stderr)
    check(cluster.wait(lambda: service.names(f"ward/jobs/{job}/") == []), "with its checkpoints", service.names(f"ward/jobs/{job}/"))
    check(service.names("ward/jobs/") != [], "the other's stay")


def wrong_keys(world):
    world.write_keys("not-the-secret-key", "wrong")
    ran = subprocess.run([world.cluster.systole, "coordinator", "--storage", f"{world.work}/other", "--listen", "127.0.0.1:0", "--api",
                          "127.0.0.1:0", "--checkpoints", world.url, "--secrets", f"{world.work}/wrong"], capture_output=True, text=True, timeout=60)
    check(ran.returncode == 2 and "403 SignatureDoesNotMatch" in ran.stderr and "not-the-secret-key" not in ran.stderr,
          "a coordinator that the service refuses does not start", (ran.returncode, ran.stderr))
    cluster = world.cluster
    cluster.command("stop", "sums", "--wait")
    cluster.kill("w1")
    cluster.kill("w2")
    cluster.worker("w3", "--secrets", f"{world.work}/wrong", slots=4)
    cluster.wait(lambda: cluster.registered() == ["w3"])
    cluster.command("resume", "sums")
    told = lambda: cluster.command("describe", "sums").stdout
    check(cluster.wait(lambda: "403 SignatureDoesNotMatch" in told()), "a job says that its worker is refused", told() + cluster.logs())
    check(re.search("not-the-secret-key|test/secret", cluster.logs() + told()) is None, "no key is told")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    parser.add_argument("--service", required=True)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="systole-s3-cluster-")
    service = Service(options.service)
    try:
        with SmallCluster(os.path.abspath(options.systole), f"{work}/cluster") as cluster:
            world = World(cluster, service, work)
            scenario(world)
            wrong_keys(world)
    finally:
        service.end()
        shutil.rmtree(work, ignore_errors=True)
    print(f"{len(failures)} failures" if failures else "all as expected")
    return 1 if failures else 0


sys.exit(main())
