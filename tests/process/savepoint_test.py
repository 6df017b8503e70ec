#!/usr/bin/env python3
"""Jobs that begin with saved state: another manifest for a stopped job, a copy from a savepoint, what is refused; with real
processes, and every row counted once.

    savepoint_test.py --systole build/release/systole
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile

from small_cluster import SmallCluster

failures = []
KEYS = 20

JOB = """
apiVersion: systole/v1
kind: Job
metadata: {name: NAME}
spec:
  parallelism: 2
  checkpoint: {interval: 100ms, retained: 3}
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
      sqlite: {path: "WORK/OUT.sqlite", table: sums, write: upsert, key: [k]}
    - name: copies
      input: numbers
      file: {path: "WORK/OUT-copies", roll: {interval: 100ms}}
      format: {json: {}}
"""
MORE = """    - name: large
      input: numbers
      filter: v >= 100000
    - name: largest
      input: large
      aggregate: {keyBy: [k], fields: {most: max(v)}}
  sinks:
    - name: largest_table
      input: largest
      sqlite: {path: "WORK/OUT.sqlite", table: largest, write: upsert, key: [k]}
"""


def check(condition, what, told=""):
    print(("ok    " if condition else "FAIL  ") + what + ("" if condition else "\n" + str(told)[-4000:]), flush=True)
    if not condition:
        failures.append(what)


class Bench:
    """Rows that are fed, and what has become of them."""

    def __init__(self, work):
        self.work, self.fed, self.manifests = work, [], 0
        os.makedirs(f"{work}/in")

    def feed(self, count, base=0):
        rows = [(i % KEYS, base + i) for i in range(count)]
        with open(f"{self.work}/in/part.ndjson", "a") as file:
            file.writelines(f'{{"k": {k}, "v": {v}}}\n' for k, v in rows)
        self.fed += rows

    def manifest(self, name="sums", out="out", more="", change=lambda text: text):
        text = JOB if not more else JOB.replace("  sinks:\n", more)
        self.manifests += 1
        path = f"{self.work}/{name}-{self.manifests}.yaml"
        with open(path, "w") as file:
            file.write(change(text).replace("WORK", self.work).replace("OUT", out).replace("NAME", name))
        return path

    def sums(self, rows):
        made = collections.defaultdict(lambda: [0, 0])
        for k, v in rows:
            made[k][0] += v
            made[k][1] += 1
        return {k: tuple(v) for k, v in made.items()}

    def table(self, out="out", columns="k, total, rows", of="sums"):
        try:
            with sqlite3.connect(f"file:{self.work}/{out}.sqlite?mode=ro", uri=True) as database:
                return {row[0]: tuple(row[1:]) for row in database.execute(f"SELECT {columns} FROM {of}")}
        except sqlite3.OperationalError:
            return {}

    def copies(self, out="out"):
        rows = collections.Counter()
        for path in glob.glob(f"{self.work}/{out}-copies/part*"):
            with open(path) as file:
                for line in file:
                    row = json.loads(line)
                    rows[row["k"], row["v"]] += 1
        return rows


def changed_manifests(cluster, bench):
    """The same job with other manifests: one after the other, each going on from where the one before was stopped."""
    # Its files wait for their hour when it stops: they are published with the stop.
    v1 = bench.manifest(change=lambda text: text.replace("roll: {interval: 100ms}", "roll: {interval: 1h}"))
    bench.feed(2_000)
    ran = cluster.command("submit", v1, "--wait")
    check(ran.returncode == 0 and "goes on" not in ran.stdout, "a first job begins with nothing", ran.stderr + cluster.logs())
    check(cluster.wait(lambda: bench.table() == bench.sums(bench.fed)), "it counts", bench.table())
    epoch = json.loads(cluster.command("savepoint", "create", "sums", "-o", "json").stdout)["epoch"]
    at_savepoint = len(bench.fed)
    bench.feed(1_000)
    check(cluster.wait(lambda: bench.table() == bench.sums(bench.fed)), "it goes on", bench.table())

    v2 = bench.manifest(out="out", more=MORE)
    ran = cluster.command("diff", "sums", v2)
    check(ran.returncode == 0 and re.search(r"sums +same +kept", ran.stdout) and re.search(r"largest +added +new", ran.stdout)
          and re.search(r"table +same +kept", ran.stdout), "diff tells what is new and what is kept, of a running job", ran.stdout + ran.stderr)
    ran = cluster.command("submit", v2)
    check(ran.returncode == 1 and "is there already" in ran.stderr, "a running job is not replaced", ran.stdout + ran.stderr)
    check(bench.copies() == {}, "its files wait for their time", bench.copies())
    check(cluster.command("stop", "sums", "--wait").returncode == 0, "it stops")
    check(bench.copies() == collections.Counter(bench.fed), "a stop publishes what waited", (sum(bench.copies().values()), len(bench.fed)))

    ran = cluster.command("submit", v2, "--dry-run")
    check(ran.returncode == 0 and re.search(r"goes on from checkpoint \d+ of job sums: kept: .*sums.*; new: .*largest", ran.stdout), "a dry run tells what becomes of its state", ran.stdout + ran.stderr)
    first = json.loads(cluster.command("describe", "sums", "-o", "json").stdout)["id"]
    ran = cluster.command("submit", v2, "--wait")
    check(ran.returncode == 0 and "goes on from checkpoint" in ran.stdout, "another manifest goes on with the stopped job's state", ran.stdout + ran.stderr + cluster.logs())
    bench.feed(1_000, base=100_000)
    check(cluster.wait(lambda: bench.table() == bench.sums(bench.fed)), "its sums include what the first one had read", bench.table())
    largest = {k: (max(v for key, v in bench.fed if key == k),) for k in range(KEYS)}
    check(cluster.wait(lambda: bench.table(columns="k, most", of="largest") == largest), "the new steps begin with what comes", bench.table(columns="k, most", of="largest"))
    check(cluster.wait(lambda: bench.copies() == collections.Counter(bench.fed)), "every row is published once over both manifests", (sum(bench.copies().values()), len(bench.fed)))

    # What was taken over is the new job's own.
    for name in list(cluster.processes):
        cluster.kill(name)
    cluster.coordinator()
    for name in ("w1", "w2"):
        cluster.worker(name, slots=4)
    bench.feed(500)
    check(cluster.wait(lambda: bench.table() == bench.sums(bench.fed), 60), "it recovers after all processes were killed", str(bench.table()) + cluster.logs())
    check(cluster.wait(lambda: bench.copies() == collections.Counter(bench.fed)), "and still publishes each row once")
    return first, epoch, at_savepoint


def what_does_not_fit(cluster, bench):
    check(cluster.command("stop", "sums", "--wait").returncode == 0, "it stops again")
    dropped = bench.manifest()
    ran = cluster.command("diff", "sums", dropped)
    check(ran.returncode == 1 and re.search(r"largest +removed +dropped: 1 state table", ran.stdout) and "--drop-state" in ran.stderr, "diff tells what is dropped", ran.stdout + ran.stderr)
    ran = cluster.command("submit", dropped)
    check(ran.returncode == 1 and re.search(r"dropped: .*largest \(1 state table\)", ran.stderr) and "--drop-state" in ran.stderr, "a manifest without a step that has state is refused", ran.stdout + ran.stderr)
    other = bench.manifest(more=MORE, change=lambda text: text.replace("most: max(v)", "most: avg(v)"))
    ran = cluster.command("submit", other, "--drop-state")
    check(ran.returncode == 1 and re.search(r"incompatible: largest", ran.stderr), "another function is incompatible, also with --drop-state", ran.stdout + ran.stderr)
    groups = bench.manifest(change=lambda text: text.replace("parallelism: 2", "parallelism: 2\n  maxParallelism: 64"), more=MORE)
    ran = cluster.command("submit", groups)
    check(ran.returncode == 1 and "maxParallelism" in ran.stderr, "another maxParallelism is refused", ran.stdout + ran.stderr)
    ran = cluster.command("submit", dropped, "--drop-state", "--wait")
    check(ran.returncode == 0, "with --drop-state it goes on without the step", ran.stdout + ran.stderr + cluster.logs())
    bench.feed(500)
    check(cluster.wait(lambda: bench.table() == bench.sums(bench.fed)), "and keeps the rest", bench.table())


def copies_of_a_job(cluster, bench, first, epoch, at_savepoint):
    """Other names, beside the first job, which runs on."""
    copy = bench.manifest(name="copy", out="copy")
    ran = cluster.command("submit", copy, "--from-savepoint", f"{first}:{epoch}", "--wait")
    check(ran.returncode == 0 and f"goes on from checkpoint {epoch} of job sums" in ran.stdout, "a job of another name begins with a savepoint", ran.stdout + ran.stderr + cluster.logs())
    check(cluster.wait(lambda: bench.table("copy") == bench.sums(bench.fed)), "its sums go on from those of the savepoint", bench.table("copy"))
    rest = collections.Counter(bench.fed[at_savepoint:])
    check(cluster.wait(lambda: bench.copies("copy") == rest), "and its files begin with the rows after it", (sum(bench.copies("copy").values()), sum(rest.values())))
    path = f"{cluster.work}/storage/jobs/{first}"
    ran = cluster.command("submit", bench.manifest(name="bypath", out="bypath"), "--from-savepoint", f"{path}:{epoch}", "--wait")
    check(ran.returncode == 0, "a savepoint is found by its directory, too", ran.stdout + ran.stderr + cluster.logs())
    check(cluster.wait(lambda: bench.table("bypath") == bench.sums(bench.fed)), "with the same sums", bench.table("bypath"))

    def refuse(what, pattern, origin, name="refused"):
        ran = cluster.command("submit", bench.manifest(name=name, out=name), "--from-savepoint", origin)
        check(ran.returncode == 1 and re.search(pattern, ran.stderr) is not None, what, ran.stdout + ran.stderr)

    refuse("a job that is not there", "there is no job absent", "absent")
    refuse("a checkpoint that is not there names those that are", rf"no checkpoint 999999 .*there are: .*{epoch}", f"{first}:999999")
    refuse("a running job without a savepoint", "runs and has no savepoint", "copy")
    refuse("a directory without checkpoints", "no checkpoints in", bench.work)
    check(not os.path.exists(f"{bench.work}/log"), "nothing is made in it")
    check(cluster.command("stop", "copy", "--drain", "--wait").returncode == 0, "a job is drained")
    refuse("nothing goes on from a drained job", "nothing goes on from it", "copy")
    check(os.listdir(f"{cluster.work}/storage/scratch") == [], "nothing is left of comparisons")


def going_back(cluster, bench):
    """A stopped job's name begins anew from an older savepoint, when part of its rows was not published yet."""
    back = bench.manifest(name="back", out="back", change=lambda text: text.replace("roll: {interval: 100ms}", "roll: {interval: 1h}"))
    check(cluster.command("submit", back, "--wait").returncode == 0, "a job whose files wait begins")
    check(cluster.wait(lambda: bench.table("back") == bench.sums(bench.fed)), "it counts all", bench.table("back"))
    epoch = json.loads(cluster.command("savepoint", "create", "back", "-o", "json").stdout)["epoch"]
    bench.feed(300)
    check(cluster.wait(lambda: bench.table("back") == bench.sums(bench.fed)), "it goes on behind its savepoint", bench.table("back"))
    check(cluster.command("stop", "back", "--wait").returncode == 0, "it stops with more")
    without_table = bench.manifest(name="back", out="back", change=lambda text: re.sub(r"    - name: table\n.*\n.*\n", "", text).replace("100ms}}", "1h}}"))
    ran = cluster.command("submit", without_table, "--from-savepoint", f"back:{epoch}", "--drop-state", "--wait")
    check(ran.returncode == 0 and f"goes on from checkpoint {epoch}" in ran.stdout, "it goes back to its savepoint", ran.stdout + ran.stderr + cluster.logs())
    bench.feed(200)
    check(cluster.wait(lambda: json.loads(cluster.command("describe", "back", "-o", "json").stdout).get("state") == "running"), "it runs")
    check(cluster.wait(lambda: cluster.command("stop", "back", "--wait").returncode == 0), "it stops once more")
    check(bench.copies("back") <= collections.Counter(bench.fed) and sum(bench.copies("back").values()) >= len(bench.fed) - 200, "its files hold each row once", (sum(bench.copies("back").values()), len(bench.fed)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    systole = os.path.abspath(parser.parse_args().systole)
    work = tempfile.mkdtemp(prefix="systole-savepoint-")
    try:
        with SmallCluster(systole, f"{work}/cluster") as cluster:
            cluster.coordinator()
            for name in ("w1", "w2"):
                cluster.worker(name, slots=4)
            cluster.wait(lambda: cluster.registered() == ["w1", "w2"])
            bench = Bench(work)
            taken = changed_manifests(cluster, bench)
            what_does_not_fit(cluster, bench)
            copies_of_a_job(cluster, bench, *taken)
            going_back(cluster, bench)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{len(failures)} failures" if failures else "all as expected")
    return 1 if failures else 0


sys.exit(main())
