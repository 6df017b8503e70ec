#!/usr/bin/env python3
"""Checkpoints in a bucket that is reached by TLS, with keys that have a session token: a job goes on from it; certificates that are
not trusted, or another host's, are told before the job runs.

    s3_tls_test.py --systole build/release/systole --service build/release/tests/s3/s3_service_run
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(TESTS, "support"), os.path.join(TESTS, "process")]
from bucket_service import KEYS, BucketService, write_keys  # noqa: E402
from checks import check, conclude  # noqa: E402
from sums_job import SumsJob  # noqa: E402

KEYSTORE_PASSWORD = "keystore"  # as s3_service_tls has it
TOKEN = "a-session's-token"


class World(SumsJob):
    def __init__(self, systole, service, work):
        super().__init__(work)
        self.systole = systole
        self.make_certificates("tls")
        subprocess.run(["openssl", "pkcs12", "-export", "-in", f"{work}/tls/localhost.pem", "-inkey", f"{work}/tls/localhost.key", "-out",
                        f"{work}/keystore", "-passout", f"pass:{KEYSTORE_PASSWORD}"], check=True, capture_output=True)
        write_keys(f"{work}/secrets", sessionToken=TOKEN)
        self.service = BucketService(service, f"{work}/keystore", f"{work}/tls/ca.pem")

    def make_certificates(self, folder):
        subprocess.run([self.systole, "certificates", f"{self.work}/{folder}", "--host", "localhost"], check=True, capture_output=True)

    def run(self, manifest, prefix, host="localhost", authority="tls/ca.pem", state="state"):
        """A whole run of the job; its exit code and what it says."""
        file = f"&caFile={self.work}/{authority}" if authority else ""
        url = f"s3://checkpoints/{prefix}?secret=store&endpoint=https://{host}:{self.service.port}{file}"
        ran = subprocess.run([self.systole, "run", manifest, "--state", f"{self.work}/{state}", "--checkpoints", url, "--secrets",
                              f"{self.work}/secrets", "--progress", "none"], capture_output=True, text=True, timeout=120)
        return ran.returncode, ran.stdout + ran.stderr


def scenario(world):
    manifest = world.manifest(change=lambda text: text.replace(", follow: true", ""))
    world.feed(20_000)
    code, told = world.run(manifest, "ward")
    check(code == 0, "a job keeps its checkpoints in a bucket behind TLS", told)
    check(world.table() == world.sums(), "its results are right", world.table())
    check(any(each.startswith("ward/log/") for each in world.service.names("ward/")), "its log is in the bucket", world.service.names("ward/"))
    check(not any(value in told for value in (TOKEN, *KEYS.values())), "no key and no token is told", told)

    world.make_certificates("other")
    for what, more, says in (("no authority is given", {"authority": None}, "certificate verify failed: "),
                             ("another's authority is given", {"authority": "other/ca.pem"}, "certificate verify failed: "),
                             ("the certificate is another host's", {"host": "127.0.0.1"}, "it is not the certificate of 127.0.0.1"),
                             ("there is no such file", {"authority": "nowhere.pem"}, "nowhere.pem")):
        code, told = world.run(manifest, "other", state="state-" + what.replace(" ", "-"), **more)
        check(code in (1, 2) and says in told and "caFile" in told, f"{what}: it is told, with what to do", (code, told))
        check(world.service.names("other/") == [], "  and nothing was written")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    parser.add_argument("--service", required=True)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="systole-s3-tls-")
    world = World(os.path.abspath(options.systole), options.service, work)
    try:
        scenario(world)
    finally:
        world.service.end()
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
