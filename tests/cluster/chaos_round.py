"""One round of the chaos test: a job of its own, input that flows, faults, a drain, and the verifier."""
import json
import os
import shutil
import time

import chaos_input
import chaos_verifier
from chaos_kafka import Producer, create_topics

HERE = os.path.dirname(os.path.abspath(__file__))
RECOVERY_SECONDS = 90  # for an epoch to be committed once all is whole again; a machine that is busy included


class Round:
    def __init__(self, world, number, chance, events, per_second):
        self.world, self.name, self.chance = world, f"chaos_{number}", chance
        self.events, self.per_second = events, per_second
        self.out = os.path.join(world.directory, self.name)
        self.parallelism = 3
        self.slowest, self.disk_was_full = 0.0, False

    # ---- what faults ask of it

    def job(self):
        return self.world.ask("GET", f"/api/v1/jobs/{self.name}")

    def post(self, verb, body=None, seconds=60):
        """None where the job's state does not allow it now."""
        return self.world.ask("POST", f"/api/v1/jobs/{self.name}/{verb}", body or {}, seconds, refusal_is_fine=True)

    def resumed(self, job):
        """A job that failed since the disk was full is for its user to resume; any other that failed fails the test."""
        if job["state"] != "failed":
            return False
        if not self.disk_was_full or "No space left" not in job.get("reason", ""):
            raise AssertionError(f"the job has failed: {job.get('reason')}")
        self.post("resume")
        return True

    def wait_for(self, states, seconds=RECOVERY_SECONDS):
        deadline = time.monotonic() + seconds
        while (job := self.job())["state"] not in states:
            self.resumed(job)
            if time.monotonic() > deadline:
                raise AssertionError(f"the job is {job['state']} ({job.get('reason')}) after {seconds} s, not one of {states}: "
                                     f"{json.dumps(job)[:1500]}")
            time.sleep(0.05)
        return job

    def new_epoch(self, seconds=RECOVERY_SECONDS):
        """Waits until one is committed that began after this call: the second from now."""
        began, first = time.monotonic(), None
        while True:
            job = self.job()
            self.resumed(job)
            first = job["lastCommittedEpoch"] if first is None else first
            if job["lastCommittedEpoch"] >= first + 2:
                self.slowest = max(self.slowest, time.monotonic() - began)
                return
            if time.monotonic() - began > seconds:
                raise AssertionError(f"no new epoch in {seconds} s: {json.dumps(job)[:1500]}")
            time.sleep(0.05)

    # ---- its life

    def prepare(self):
        """Topics, schema and feeder; the manifest's text."""
        os.makedirs(self.out)
        broker = self.world.broker.servers
        create_topics(broker, {f"{self.name}.in": chaos_input.PARTITIONS, f"{self.name}.results": chaos_verifier.RESULT_PARTITIONS,
                               f"{self.name}.departments": 1})
        self.world.database.sql(f"CREATE SCHEMA {self.name}")
        with open(os.path.join(HERE, "chaos_job.yaml"), encoding="utf-8") as file:
            text = file.read()
        for word, value in {"NAME": self.name, "BROKER": broker, "PGHOST": self.world.database.address,
                            "PGPORT": str(self.world.database.port)}.items():
            text = text.replace(word, value)
        records, last = chaos_input.make(self.chance, self.events)
        self.feeder = chaos_input.Feeder(Producer(broker, f"{self.name}.in"), records, last, self.per_second)
        return text

    def start(self):
        text = self.prepare()
        self.world.ask("POST", "/api/v1/jobs", {
            "files": [{"name": "job.yaml", "text": text}], "directory": self.out, "parameters": {"out": self.out},
            "parallelism": self.parallelism, "request": self.name})
        self.wait_for(["running"])
        self.feeder.start()

    def finish(self):
        """Problems that the verifier finds, and a word about what it read."""
        self.feeder.finish()
        self.new_epoch()
        deadline = time.monotonic() + RECOVERY_SECONDS
        while chaos_verifier.progress(self.world, self.name) < chaos_input.PARTITIONS:
            if time.monotonic() > deadline:
                raise AssertionError(f"the input was not read to its end in {RECOVERY_SECONDS} s: {json.dumps(self.job())[:1500]}")
            time.sleep(0.1)
        self.post("drain")
        job = self.wait_for(["finished"])
        expected, found = self.read()
        told = (f"{expected.rows} records = {len(expected.copies)} rows + {expected.duplicates} duplicates + {sum(expected.rejected.values())} "
                f"rejected; {len(expected.stays)} stays, {len(expected.hours)} windows; {job.get('attempt')} attempts")
        return chaos_verifier.problems(expected, found), told

    def read(self):
        return chaos_verifier.read_source(self.world, self.name), chaos_verifier.read_sinks(self.world, self.name, self.out)

    def forget(self):
        """Its folders are no use any more; topics and tables stay until the servers end."""
        self.world.ask("DELETE", f"/api/v1/jobs/{self.name}", refusal_is_fine=True)
        shutil.rmtree(self.out, ignore_errors=True)
