#!/usr/bin/env python3
"""Jobs that begin with saved state: another manifest for a stopped job, a copy from a savepoint, what is refused; with real
processes, and every row counted once.

    savepoint_test.py --systole build/release/systole
"""
import argparse
import collections
import json
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402
from small_cluster import SmallCluster  # noqa: E402
from sums_job import KEYS, SumsJob  # noqa: E402

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


def changed_manifests(cluster, sums):
    """The same job with other manifests: one after the other, each going on from where the one before was stopped."""
    # Its files wait for their hour when it stops: they are published with the stop.
    v1 = sums.manifest(change=lambda text: text.replace("roll: {interval: 100ms}", "roll: {interval: 1h}"))
    sums.feed(2_000)
    ran = cluster.command("submit", v1, "--wait")
    check(ran.returncode == 0 and "goes on" not in ran.stdout, "a first job begins with nothing", ran.stderr + cluster.logs())
    check(cluster.wait(lambda: sums.table() == sums.sums()), "it counts", sums.table())
    epoch = json.loads(cluster.command("savepoint", "create", "sums", "-o", "json").stdout)["epoch"]
    at_savepoint = len(sums.fed)
    sums.feed(1_000)
    check(cluster.wait(lambda: sums.table() == sums.sums()), "it goes on", sums.table())

    v2 = sums.manifest(out="out", more=MORE)
    ran = cluster.command("diff", "sums", v2)
    check(ran.returncode == 0 and re.search(r"sums +same +kept", ran.stdout) and re.search(r"largest +added +new", ran.stdout)
          and re.search(r"table +same +kept", ran.stdout), "diff tells what is new and what is kept, of a running job", ran.stdout + ran.stderr)
    ran = cluster.command("submit", v2)
    check(ran.returncode == 1 and "is there already" in ran.stderr, "a running job is not replaced", ran.stdout + ran.stderr)
    check(sums.copies() == {}, "its files wait for their time", sums.copies())
    check(cluster.command("stop", "sums", "--wait").returncode == 0, "it stops")
    check(sums.copies() == collections.Counter(sums.fed), "a stop publishes what waited", (sum(sums.copies().values()), len(sums.fed)))

    ran = cluster.command("submit", v2, "--dry-run")
    check(ran.returncode == 0 and re.search(r"goes on from checkpoint \d+ of job sums: kept: .*sums.*; new: .*largest", ran.stdout), "a dry run tells what becomes of its state", ran.stdout + ran.stderr)
    first = json.loads(cluster.command("describe", "sums", "-o", "json").stdout)["id"]
    ran = cluster.command("submit", v2, "--wait")
    check(ran.returncode == 0 and "goes on from checkpoint" in ran.stdout, "another manifest goes on with the stopped job's state", ran.stdout + ran.stderr + cluster.logs())
    sums.feed(1_000, base=100_000)
    check(cluster.wait(lambda: sums.table() == sums.sums()), "its sums include what the first one had read", sums.table())
    largest = {k: (max(v for key, v in sums.fed if key == k),) for k in range(KEYS)}
    check(cluster.wait(lambda: sums.table(columns="k, most", of="largest") == largest), "the new steps begin with what comes", sums.table(columns="k, most", of="largest"))
    check(cluster.wait(lambda: sums.copies() == collections.Counter(sums.fed)), "every row is published once over both manifests", (sum(sums.copies().values()), len(sums.fed)))

    # What was taken over is the new job's own.
    for name in list(cluster.processes):
        cluster.kill(name)
    cluster.coordinator()
    for name in ("w1", "w2"):
        cluster.worker(name, slots=4)
    sums.feed(500)
    check(cluster.wait(lambda: sums.table() == sums.sums(), 60), "it recovers after all processes were killed", str(sums.table()) + cluster.logs())
    check(cluster.wait(lambda: sums.copies() == collections.Counter(sums.fed)), "and still publishes each row once")
    return first, epoch, at_savepoint


def what_does_not_fit(cluster, sums):
    check(cluster.command("stop", "sums", "--wait").returncode == 0, "it stops again")
    dropped = sums.manifest()
    ran = cluster.command("diff", "sums", dropped)
    check(ran.returncode == 1 and re.search(r"largest +removed +dropped: 1 state table", ran.stdout) and "--drop-state" in ran.stderr, "diff tells what is dropped", ran.stdout + ran.stderr)
    ran = cluster.command("submit", dropped)
    check(ran.returncode == 1 and re.search(r"dropped: .*largest \(1 state table\)", ran.stderr) and "--drop-state" in ran.stderr, "a manifest without a step that has state is refused", ran.stdout + ran.stderr)
    other = sums.manifest(more=MORE, change=lambda text: text.replace("most: max(v)", "most: avg(v)"))
    ran = cluster.command("submit", other, "--drop-state")
    check(ran.returncode == 1 and re.search(r"incompatible: largest", ran.stderr), "another function is incompatible, also with --drop-state", ran.stdout + ran.stderr)
    groups = sums.manifest(change=lambda text: text.replace("parallelism: 2", "parallelism: 2\n  maxParallelism: 64"), more=MORE)
    ran = cluster.command("submit", groups)
    check(ran.returncode == 1 and "maxParallelism" in ran.stderr, "another maxParallelism is refused", ran.stdout + ran.stderr)
    ran = cluster.command("submit", dropped, "--drop-state", "--wait")
    check(ran.returncode == 0, "with --drop-state it goes on without the step", ran.stdout + ran.stderr + cluster.logs())
    sums.feed(500)
    check(cluster.wait(lambda: sums.table() == sums.sums()), "and keeps the rest", sums.table())


def copies_of_a_job(cluster, sums, first, epoch, at_savepoint):
    """Other names, beside the first job, which runs on."""
    copy = sums.manifest(name="copy", out="copy")
    ran = cluster.command("submit", copy, "--from-savepoint", f"{first}:{epoch}", "--wait")
    check(ran.returncode == 0 and f"goes on from checkpoint {epoch} of job sums" in ran.stdout, "a job of another name begins with a savepoint", ran.stdout + ran.stderr + cluster.logs())
    check(cluster.wait(lambda: sums.table("copy") == sums.sums()), "its sums go on from those of the savepoint", sums.table("copy"))
    rest = collections.Counter(sums.fed[at_savepoint:])
    check(cluster.wait(lambda: sums.copies("copy") == rest), "and its files begin with the rows after it", (sum(sums.copies("copy").values()), sum(rest.values())))
    path = f"{cluster.work}/storage/jobs/{first}"
    ran = cluster.command("submit", sums.manifest(name="bypath", out="bypath"), "--from-savepoint", f"{path}:{epoch}", "--wait")
    check(ran.returncode == 0, "a savepoint is found by its directory, too", ran.stdout + ran.stderr + cluster.logs())
    check(cluster.wait(lambda: sums.table("bypath") == sums.sums()), "with the same sums", sums.table("bypath"))

    def refuse(what, pattern, origin, name="refused"):
        ran = cluster.command("submit", sums.manifest(name=name, out=name), "--from-savepoint", origin)
        check(ran.returncode == 1 and re.search(pattern, ran.stderr) is not None, what, ran.stdout + ran.stderr)

    refuse("a job that is not there", "there is no job absent", "absent")
    refuse("a checkpoint that is not there names those that are", rf"no checkpoint 999999 .*there are: .*{epoch}", f"{first}:999999")
    refuse("a running job without a savepoint", "runs and has no savepoint", "copy")
    refuse("a directory without checkpoints", "no checkpoints in", sums.work)
    check(not os.path.exists(f"{sums.work}/log"), "nothing is made in it")
    check(cluster.command("stop", "copy", "--drain", "--wait").returncode == 0, "a job is drained")
    refuse("nothing goes on from a drained job", "nothing goes on from it", "copy")
    check(os.listdir(f"{cluster.work}/storage/scratch") == [], "nothing is left of comparisons")


def going_back(cluster, sums):
    """A stopped job's name begins anew from an older savepoint, when part of its rows was not published yet."""
    back = sums.manifest(name="back", out="back", change=lambda text: text.replace("roll: {interval: 100ms}", "roll: {interval: 1h}"))
    check(cluster.command("submit", back, "--wait").returncode == 0, "a job whose files wait begins")
    check(cluster.wait(lambda: sums.table("back") == sums.sums()), "it counts all", sums.table("back"))
    epoch = json.loads(cluster.command("savepoint", "create", "back", "-o", "json").stdout)["epoch"]
    sums.feed(300)
    check(cluster.wait(lambda: sums.table("back") == sums.sums()), "it goes on behind its savepoint", sums.table("back"))
    check(cluster.command("stop", "back", "--wait").returncode == 0, "it stops with more")
    without_table = sums.manifest(name="back", out="back", change=lambda text: re.sub(r"    - name: table\n.*\n.*\n", "", text).replace("100ms}}", "1h}}"))
    ran = cluster.command("submit", without_table, "--from-savepoint", f"back:{epoch}", "--drop-state", "--wait")
    check(ran.returncode == 0 and f"goes on from checkpoint {epoch}" in ran.stdout, "it goes back to its savepoint", ran.stdout + ran.stderr + cluster.logs())
    sums.feed(200)
    check(cluster.wait(lambda: json.loads(cluster.command("describe", "back", "-o", "json").stdout).get("state") == "running"), "it runs")
    check(cluster.wait(lambda: cluster.command("stop", "back", "--wait").returncode == 0), "it stops once more")
    check(sums.copies("back") <= collections.Counter(sums.fed) and sum(sums.copies("back").values()) >= len(sums.fed) - 200, "its files hold each row once", (sum(sums.copies("back").values()), len(sums.fed)))


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
            sums = SumsJob(work)
            taken = changed_manifests(cluster, sums)
            what_does_not_fit(cluster, sums)
            copies_of_a_job(cluster, sums, *taken)
            going_back(cluster, sums)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
