"""Negative controls in the cluster: its processes with one safeguard switched off (base/safeguards.h), and the disturbance that
it is there for. The verifier must find damage; with the safeguard on, and the same disturbance, none."""
import contextlib
import glob
import os
import random
import signal
import threading
import time

import chaos_verifier
from chaos_round import Round
from chaos_world import LEADERS, WORKERS

TRIES = 12  # rounds until damage is found: which rows are on their way when something is frozen is a matter of timing


@contextlib.contextmanager
def _with_words(members, *more):
    """They run with more flags, as long as this lasts."""
    before = {member: member.words for member in members}

    def restart(words_of):
        for member in before:
            member.kill()
            member.words = words_of(member)
            member.start()
    restart(lambda member: [*before[member], *more])
    try:
        yield
    finally:
        restart(lambda member: before[member])


def _workers_killed(round_):
    """Two of them, with the barriers of the third one late, so that many rows come between those of one epoch."""
    hosts, (slow, *others) = round_.world.hosts, WORKERS
    if hosts.isolated:
        hosts.slow(slow, 100, 0, 1)
    try:
        for name in others:
            time.sleep(1)
            member = round_.world.workers[name]
            member.kill()
            member.start()
            round_.new_epoch()
    finally:
        if hosts.isolated:
            hosts.heal()


def _begun(round_, before, seconds=30):
    """When an attempt after `before` has begun to run."""
    deadline = time.monotonic() + seconds
    while True:
        job = round_.job()
        if job["attempt"] > before and job["state"] == "running":
            return time.monotonic()
        if time.monotonic() > deadline:
            raise AssertionError(f"no attempt after {before} in {seconds} s: {job['state']} {job.get('reason')}")
        time.sleep(0.02)


def _sleep_until(moment):
    time.sleep(max(0, moment - time.monotonic()))


def _workers_frozen(round_):
    """Each until others have its tasks, and deaf for the coordinators, so that it goes on for a while then. Its frames do harm where
    their numbers go on from those of the new attempt: so it is frozen in an attempt that has just begun, and goes on when
    the next one is about as old as that was."""
    hosts = round_.world.hosts
    chance = random.Random(round_.name)
    for name, other in zip(WORKERS, WORKERS[1:] + WORKERS[:1]):
        attempt = round_.job()["attempt"]
        round_.world.workers[other].kill()
        round_.world.workers[other].start()
        began, age = _begun(round_, attempt), chance.uniform(0.4, 1)
        _sleep_until(began + age)
        member, attempt = round_.world.workers[name], round_.job()["attempt"]
        member.freeze()
        if hosts.isolated:
            for leader in LEADERS:
                hosts.deafen(leader, [name])
        _sleep_until(_begun(round_, attempt) + age + chance.uniform(-0.2, 0.5))
        member.thaw()
        time.sleep(1)
        hosts.heal()
        round_.new_epoch()


def _undo(world, round_):
    world.ask("POST", f"/api/v1/jobs/{round_.name}/cancel", {}, refusal_is_fine=True)
    round_.feeder.finish()


def _problems(world, number, disturb):
    """What the verifier says of a round that was disturbed so."""
    round_ = Round(world, number, random.Random(number), 60_000, 1500)
    round_.start()
    try:
        disturb(round_)
        told, _ = round_.finish()
    except AssertionError as error:  # a job that cannot go on is no verdict of the verifier's
        print(f"     round {number} did not end: {str(error)[:300]}", flush=True)
        _undo(world, round_)
        return []
    print(f"     round {number}: {len(told)} problems, {'; '.join(told)[:250]}", flush=True)
    round_.forget()
    return told


def _found_in_workers(world, number, name, disturb):
    """Whether the workers' damage is found without the safeguard, and none with it."""
    with _with_words(world.workers.values(), f"--test-without={name}"):
        found = any(_problems(world, number + i, disturb) for i in range(TRIES))
    world.wait_workers()
    return found and not _problems(world, number + TRIES, disturb)


# ---- a coordinator that was told that the job is still its own, and sleeps then

def _stopped(member):
    with open(f"/proc/{member.process.pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


class _Sleeper(threading.Thread):
    """Lets a process that stops itself again and again go on, until it has stopped in front of a rename that is wanted."""

    def __init__(self, member, temporary):
        super().__init__(daemon=True)
        self.member, self.temporary = member, temporary
        self.wanted, self.asleep = threading.Event(), threading.Event()

    def run(self):
        with contextlib.suppress(OSError):  # it was killed meanwhile
            while self.member.alive():
                if _stopped(self.member):
                    if self.wanted.is_set() and glob.glob(self.temporary):
                        return self.asleep.set()
                    self.member.process.send_signal(signal.SIGCONT)
                time.sleep(0.002)


def _published_late(world, number, *more):
    """Problems where a leader is stopped between its question whether it is current and the renaming of a table file, the
    other one leads the job to its end, and then the first one goes on."""
    first, second = (world.coordinators[name] for name in LEADERS)
    second.kill()
    with _with_words([first], "--test-crash-at", "asked:1:stop", *more):
        round_ = Round(world, number, random.Random(number), 8_000, 1500)
        temporary = f"{round_.out}/.departments.ndjson.new-*"
        sleeper = _Sleeper(first, temporary)
        sleeper.start()
        round_.start()
        time.sleep(2)
        sleeper.wanted.set()
        if not sleeper.asleep.wait(30):
            raise AssertionError(f"{first.name} was never stopped in front of a rename")
        first.frozen = True
        # Both believe that they lead: a shared storage may lose its locks, and what is safe must not hang on them.
        os.remove(os.path.join(world.storage, "leader.lock"))
        with _with_words([second], *more):
            told, _ = round_.finish()
            if told:
                raise AssertionError(f"the job was not right even before the first coordinator went on: {told}")
            first.thaw()
            deadline = time.monotonic() + 20
            while glob.glob(temporary) and time.monotonic() < deadline:
                time.sleep(0.05)  # it renames or forgets it; until it knows better it stops at each of its questions
                if _stopped(first):
                    first.process.send_signal(signal.SIGCONT)
            first.kill()
            told = chaos_verifier.problems(*round_.read())
            print(f"     round {number}: {len(told)} problems, {'; '.join(told)[:250]}", flush=True)
            round_.forget()
    world.wait_workers()
    return told


def _found_in_coordinators(world, number):
    return bool(_published_late(world, number, "--test-without=fencing")) and not _published_late(world, number + 1)


def run(world, record):
    """Whether all was found."""
    found = []

    def control(name, seen):
        found.append(seen)
        record.control(name, seen)

    control("without alignment, workers killed", _found_in_workers(world, 9100, "alignment", _workers_killed))
    control("without the attempt check, workers frozen until others have their tasks",
            _found_in_workers(world, 9200, "attempt_check", _workers_frozen))
    control("without fencing, a coordinator asleep before it renames a table file", _found_in_coordinators(world, 9300))
    return all(found)
