#!/usr/bin/env python3
"""A cluster whose jobs keep their checkpoints in a bucket of a real S3 service: every row counted once over kill -9 of a worker and
of all processes with their local folders; another manifest; what is left of a job that is deleted; keys that are wrong.

    s3_cluster_test.py --systole build/release/systole --service build/release/tests/s3/s3_service_run
"""
import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(TESTS, "support"), os.path.join(TESTS, "process")]
from bucket_service import BucketService, write_keys  # noqa: E402
from checks import check, conclude  # noqa: E402
from small_cluster import SmallCluster  # noqa: E402
from sums_job import SumsJob  # noqa: E402

WORKERS = ("w1", "w2")
MORE = """    - name: most
      input: numbers
      aggregate: {keyBy: [k], fields: {most: max(v)}}
  sinks:
    - name: most_table
      input: most
      sqlite: {path: "WORK/OUT.sqlite", table: most, write: upsert, key: [k]}
"""


class World(SumsJob):
    def __init__(self, cluster, service, work):
        super().__init__(work)
        self.cluster, self.service = cluster, service
        self.url = f"s3://checkpoints/ward?secret=store&endpoint=http://127.0.0.1:{service.port}"
        write_keys(f"{work}/secrets")

    def start(self):
        self.cluster.coordinator("--checkpoints", self.url, "--secrets", f"{self.work}/secrets")
        for name in WORKERS:
            self.start_worker(name)

    def start_worker(self, name):
        self.cluster.worker(name, "--secrets", f"{self.work}/secrets", slots=2)

    def is_right(self, what):
        check(self.cluster.wait(lambda: self.table() == self.sums(), 60), what, str(self.table()) + self.cluster.logs())
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
    ran = cluster.command("submit", world.manifest(more=MORE), "--wait")
    check(ran.returncode == 0 and "goes on from checkpoint" in ran.stdout, "another manifest goes on", ran.stdout + ran.stderr + cluster.logs())
    world.feed(1_000)
    world.is_right("its sums include what the first one had read")
    check(service.names(f"ward/jobs/{job}/") != [], "the first job's checkpoints are still there")
    ran = cluster.command("delete", job)
    check(ran.returncode == 0, "the first job is deleted", ran.stderr)
    check(cluster.wait(lambda: service.names(f"ward/jobs/{job}/") == []), "with its checkpoints", service.names(f"ward/jobs/{job}/"))
    check(service.names("ward/jobs/") != [], "the other's stay")


def wrong_keys(world):
    write_keys(f"{world.work}/wrong", secretAccessKey="not-the-secret-key")
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
    service = BucketService(options.service)
    try:
        with SmallCluster(os.path.abspath(options.systole), f"{work}/cluster") as cluster:
            world = World(cluster, service, work)
            scenario(world)
            wrong_keys(world)
    finally:
        service.end()
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
