#!/usr/bin/env python3
"""TLS between the processes of a cluster: who has a certificate of the cluster's authority joins, nobody else does, and the
logs say why.

    node_tls_test.py --systole build/release/systole
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402
from small_cluster import SmallCluster, free_port  # noqa: E402

JOB = """
apiVersion: systole/v1
kind: Job
metadata: {name: counted}
spec:
  parallelism: 2
  sources:
    - name: numbers
      files: {path: "WORK/in.ndjson"}
      format: {json: {}}
      schema: {columns: {k: int not null, v: int not null}}
  steps:
    - name: sums
      input: numbers
      aggregate: {keyBy: [k], fields: {total: sum(v)}}
  sinks:
    - name: table
      input: sums
      file: {path: "WORK/out.csv", write: table, key: [k]}
      format: {csv: {}}
"""


def made(systole, directory, *hosts, days=2):
    words = [systole, "certificates", directory, "--days", str(days)]
    for each in hosts:
        words += ["--host", each]
    return subprocess.run(words, capture_output=True, text=True, timeout=30)


def flags(directory, name):
    return ["--tls-cert", f"{directory}/{name}.pem", "--tls-key", f"{directory}/{name}.key", "--tls-ca", f"{directory}/ca.pem"]


def certificates(systole, work):
    ours, theirs = f"{work}/ours", f"{work}/theirs"
    ran = made(systole, ours, "c,127.0.0.1", "w1,localhost,127.0.0.1")
    check(ran.returncode == 0 and ran.stdout.split() == [f"{ours}/ca.pem", f"{ours}/c.pem", f"{ours}/w1.pem"], "certificates are made", ran.stderr)
    ca = open(f"{ours}/ca.pem").read()
    ran = made(systole, ours, "w2")
    check(ran.returncode == 0 and open(f"{ours}/ca.pem").read() == ca, "more of them by the same authority", ran.stderr)
    check(all(os.stat(f"{ours}/{name}.key").st_mode & 0o077 == 0 for name in ("ca", "c", "w1", "w2")), "keys are their owner's only")
    ran = made(systole, ours, "w2")
    check(ran.returncode == 1 and "w2.key is there already" in ran.stderr, "what is there stays", ran.stderr)
    ran = made(systole, ours, "evil,DNS:other")
    check(ran.returncode == 2 and "DNS:other" in ran.stderr, "a host is a name or an address", ran.stderr)
    check(made(systole, theirs, "w3").returncode == 0, "another authority")
    told = subprocess.run(["openssl", "verify", "-CAfile", f"{ours}/ca.pem", "-verify_ip", "127.0.0.1", f"{ours}/w1.pem"], capture_output=True, text=True)
    check(told.returncode == 0, "OpenSSL's own program verifies them", told.stderr)
    return ours, theirs


def a_job_over_two_workers(systole, work, ours):
    with open(f"{work}/in.ndjson", "w") as file:
        for i in range(20_000):
            file.write(f'{{"k": {i % 101}, "v": {i}}}\n')
    with open(f"{work}/job.yaml", "w") as file:
        file.write(JOB.replace("WORK", work))
    with SmallCluster(systole, f"{work}/a") as cluster:
        cluster.coordinator(*flags(ours, "c"))
        cluster.worker("w1", *flags(ours, "w1"))
        cluster.worker("w2", *flags(ours, "w2"))
        check(cluster.wait(lambda: cluster.registered() == ["w1", "w2"]), "workers with certificates join", cluster.logs())
        ran = cluster.command("submit", f"{work}/job.yaml")
        check(ran.returncode == 0, "a job is submitted", ran.stderr)
        ran = cluster.command("wait", "counted", "--timeout", "60")
        check(ran.returncode == 0, "and finishes on two workers with one slot each", ran.stderr + cluster.logs())
        want = {str(k): sum(i for i in range(20_000) if i % 101 == k) for k in range(101)}
        lines = open(f"{work}/out.csv").read().split()[1:] if os.path.exists(f"{work}/out.csv") else []
        check({line.split(",")[0]: int(line.split(",")[1]) for line in lines} == want, "with the right sums", str(lines[:5]))
        check("network: refused" not in cluster.logs(), "nobody was refused", cluster.logs())


def who_is_refused(systole, work, ours, theirs):
    with SmallCluster(systole, f"{work}/b") as cluster:
        cluster.coordinator(*flags(ours, "c"))
        cluster.worker("w1", *flags(ours, "w1"))
        check(cluster.wait(lambda: cluster.registered() == ["w1"]), "one worker is in", cluster.logs())

        cluster.worker("w3", *flags(theirs, "w3"))
        told = cluster.wait(lambda: re.search(r"our authority's", cluster.log("w3")))
        check(told, "a worker of another authority says that it does not trust the coordinator", cluster.logs())
        told = cluster.wait(lambda: re.search(r"refused 127\.0\.0\.1:\d+: it refuses our certificate: tlsv1 alert unknown ca", cluster.log("coordinator")))
        check(told, "the coordinator's log says that it was refused, by whom and why", cluster.logs())

        # It takes ours for true, and shows its own: the coordinator decides.
        cluster.worker("w4", "--tls-cert", f"{theirs}/w3.pem", "--tls-key", f"{theirs}/w3.key", "--tls-ca", f"{work}/both.pem")
        told = cluster.wait(lambda: re.search(r"refused 127\.0\.0\.1:\d+: its certificate is not one of our authority's", cluster.log("coordinator")))
        check(told, "the coordinator refuses a certificate of another authority, and says so", cluster.logs())
        told = cluster.wait(lambda: re.search(r"it refuses our certificate: .*unknown ca", cluster.log("w4")))
        check(told, "the worker's log says that its certificate is refused", cluster.logs())

        cluster.worker("w5")
        told = cluster.wait(lambda: re.search(r"it says nothing: it may want TLS", cluster.log("w5")))
        check(told, "a worker without TLS says what is missing", cluster.logs())
        told = cluster.wait(lambda: re.search(r"refused 127\.0\.0\.1:\d+: it left while shaking hands", cluster.log("coordinator")))
        check(told, "the coordinator's log says that somebody did not shake hands", cluster.logs())

        host, port = cluster.listen.split(":")
        with socket.create_connection((host, int(port)), 10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.settimeout(10)
            try:
                while plain.recv(4096):
                    pass
            except ConnectionError:
                pass
        told = cluster.wait(lambda: re.search(r"refused .*it does not speak TLS", cluster.log("coordinator")))
        check(told, "who speaks something else is cut off", cluster.logs())
        anonymous = subprocess.run(["openssl", "s_client", "-connect", cluster.listen, "-CAfile", f"{ours}/ca.pem"], input="", capture_output=True, text=True, timeout=20)
        told = cluster.wait(lambda: re.search(r"refused .*it shows no certificate", cluster.log("coordinator")))
        check(told, "who shows no certificate is refused", anonymous.stderr + cluster.logs())

        check("lost the coordinator" not in cluster.log("w1"), "whoever is refused, the others' connections stay", cluster.log("w1"))
        cluster.worker("w2", *flags(ours, "w2"))
        check(cluster.wait(lambda: cluster.registered() == ["w1", "w2"]), "who has one still joins after all that, and nobody else did", cluster.logs())
        cluster.kill("w2")
        check(cluster.wait(lambda: cluster.registered() == ["w1"]), "a worker that is killed is noticed", cluster.logs())
        check("lost the coordinator" not in cluster.log("w1"), "and ends no other connection", cluster.log("w1"))


def tls_meets_none(systole, work, ours):
    with SmallCluster(systole, f"{work}/c") as cluster:
        cluster.worker("w1", *flags(ours, "w1"))
        check(cluster.wait(lambda: "no coordinator yet" in cluster.log("w1")), "a worker says why it has no coordinator", cluster.logs())
        cluster.coordinator()
        told = cluster.wait(lambda: "it does not speak TLS" in cluster.log("w1"))
        check(told and cluster.registered() == [], "a worker with TLS does not join a coordinator without", cluster.logs())


def what_cannot_start(systole, work, ours, theirs):
    def refuse(what, pattern, *words, code=2):
        try:
            ran = subprocess.run([systole, *words], capture_output=True, text=True, timeout=20)
        except subprocess.TimeoutExpired:
            return check(False, what, "it ran")
        check(ran.returncode == code and re.search(pattern, ran.stderr) is not None, what, f"exit {ran.returncode}: {ran.stderr}")

    worker = ["worker", "--state", f"{work}/none"]
    refuse("a key of another certificate", r"w2\.key is not that of the certificate in .*w1\.pem", *worker, "--tls-cert", f"{ours}/w1.pem", "--tls-key", f"{ours}/w2.key", "--tls-ca", f"{ours}/ca.pem")
    refuse("a certificate of another authority", r"w3\.pem is not valid under the authority in .*ours/ca\.pem", *worker, "--tls-cert", f"{theirs}/w3.pem", "--tls-key", f"{theirs}/w3.key", "--tls-ca", f"{ours}/ca.pem")
    refuse("a file that is not there", r"cannot use the certificate in .*absent\.pem", *worker, "--tls-cert", f"{work}/absent.pem", "--tls-key", f"{ours}/w2.key", "--tls-ca", f"{ours}/ca.pem")
    refuse("half of the flags", r"needs --tls-cert, --tls-key and --tls-ca", *worker, "--tls-cert", f"{ours}/w1.pem")
    refuse("other addresses without TLS", r"--insecure", *worker, "--listen", "0.0.0.0:0")
    refuse("a coordinator at other addresses without TLS", r"--insecure", "coordinator", "--storage", f"{work}/none", "--listen", f"0.0.0.0:{free_port()}")
    with SmallCluster(systole, f"{work}/d") as cluster:
        cluster.listen = f"0.0.0.0:{free_port()}"
        cluster.coordinator(*flags(ours, "c"))
        check(cluster.wait(lambda: cluster.ask("/readyz")[0] == 200), "with TLS it may listen at any address", cluster.logs())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    systole = os.path.abspath(parser.parse_args().systole)
    work = tempfile.mkdtemp(prefix="systole-node-tls-")
    try:
        ours, theirs = certificates(systole, work)
        with open(f"{work}/both.pem", "w") as both:
            both.write(open(f"{ours}/ca.pem").read() + open(f"{theirs}/ca.pem").read())
        a_job_over_two_workers(systole, work, ours)
        who_is_refused(systole, work, ours, theirs)
        tls_meets_none(systole, work, ours)
        what_cannot_start(systole, work, ours, theirs)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
