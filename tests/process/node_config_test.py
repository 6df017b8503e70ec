#!/usr/bin/env python3
"""Starts a coordinator and a worker from YAML files; and files that are wrong.

    node_config_test.py --systole build/release/systole
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402
from small_cluster import SmallCluster, free_port  # noqa: E402


def written(work, name, text):
    with open(f"{work}/{name}", "w") as file:
        file.write(text)
    return f"{work}/{name}"


def a_cluster_from_files(systole, work):
    with SmallCluster(systole, f"{work}/cluster") as cluster:
        coordinator = written(work, "coordinator.yaml", f"# of this machine\nstorage: {work}/storage\nlisten: {cluster.listen}\napi: {cluster.api}\ninsecure: false\nallowTap: true\n")
        worker = written(work, "worker.yaml", f"state: {work}/worker\ncoordinator:\n  - {cluster.listen}\n  - 127.0.0.1:{free_port()}\nname: from-file\nslots: 3\nmemory: 64MiB\ndrainSeconds: 0\nallowTap: true\n")
        cluster.start("coordinator", "coordinator", "--config", coordinator)
        cluster.start("worker", "worker", f"--config={worker}", "--slots", "5")
        check(cluster.wait(lambda: cluster.registered() == ["from-file"]), "a coordinator and a worker run from their files", cluster.logs())
        workers = cluster.ask("/api/v1/workers")[1]["workers"]
        check([each["slots"] for each in workers] == [5], "a flag replaces the file's value", str(workers))


def wrong_files(systole, work):
    def refuse(what, verb, text, pattern):
        path = written(work, "wrong.yaml", text)
        try:
            ran = subprocess.run([systole, verb, "--config", path], capture_output=True, text=True, timeout=20)
        except subprocess.TimeoutExpired as problem:
            return check(False, what, f"it ran: {problem}")
        said = ran.stderr + ran.stdout
        check(ran.returncode == 2 and re.search(pattern, said) is not None, what, f"exit {ran.returncode}\n{said}")

    state = f"state: {work}/absent\n"
    refuse("an unknown key is told with its line and what was meant", "worker", state + "slot: 3\n", r"wrong\.yaml:2:1: error\[SYS0100\]: unknown key: slot(.|\n)*slots")
    refuse("a flag's spelling leads to the key's", "worker", state + "drain-seconds: 3\n", r"wrong\.yaml:2:1(.|\n)*drainSeconds")
    refuse("a key of the coordinator is unknown to a worker", "worker", state + "api: 127.0.0.1:1\n", r"wrong\.yaml:2:1: error\[SYS0100\]")
    refuse("a key that stands there twice", "worker", state + "slots: 1\nslots: 2\n", r"wrong\.yaml:3:1: error\[SYS0008\]")
    refuse("a list where one value is wanted", "worker", state + "slots: [1, 2]\n", r"wrong\.yaml:2:8: error\[SYS0103\]: slots is one value")
    refuse("a switch is true or false", "worker", state + "insecure: yes\n", r"wrong\.yaml:2:11: error\[SYS0104\]: insecure is true or false")
    refuse("a value out of range is told with its line", "worker", state + "slots: 5000\n", r"wrong\.yaml:2: --slots:.*5000 not in range")
    refuse("a value that is no number", "coordinator", "storage: x\nlisten: nowhere\n", r"--listen")
    refuse("what is no YAML", "worker", "state: [\n", r"wrong\.yaml:\d+:\d+: error\[SYS0003\]")
    refuse("a text is no mapping", "worker", "slots\n", r"wrong\.yaml:1:1: error\[SYS0103\]")
    refuse("a required flag is missing in both", "worker", "slots: 2\n", r"--state is required")
    ran = subprocess.run([systole, "worker", "--config", f"{work}/none.yaml"], capture_output=True, text=True, timeout=20)
    check(ran.returncode == 2 and "none.yaml" in ran.stderr, "a file that is not there is named", ran.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    systole = os.path.abspath(parser.parse_args().systole)
    work = tempfile.mkdtemp(prefix="systole-node-config-")
    try:
        a_cluster_from_files(systole, work)
        wrong_files(systole, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
