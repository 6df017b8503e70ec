"""Faults of the chaos test. Each is done to a round's world, held for a while and undone: when it returns all processes run and
the network is whole, though nothing has recovered yet. What it did is its return value, for the log.

A fault is picked by a seeded generator; the same seed gives the same faults and targets, not the same timing."""
import contextlib
import os
import shutil
import subprocess
import time

from chaos_world import HOSTS, LEADERS, WORKERS

TRANSACTION_SECONDS = 14  # of chaos_job.yaml: its checkpoint's timeout and 10 s
FAULTS = {}  # name -> (function, weight, needs hosts of their own)


def fault(name, weight=3, isolated=False):
    def add(function):
        FAULTS[name] = (function, weight, isolated)
        return function
    return add


def unavailable(isolated):
    """{name: why} of faults that cannot be made here."""
    why = {}
    if not isolated:
        why.update({name: "needs network namespaces" for name, (_, _, isolated) in FAULTS.items() if isolated})
    if not shutil.which("cc"):
        why["clock jump"] = "needs a C compiler"
    return why


def hold(chance, least, most):
    seconds = round(chance.uniform(least, most), 2)
    time.sleep(seconds)
    return f"{seconds} s"


def _any(chance, members):
    return members[chance.choice(sorted(members))]


def _down(chance, member, least=0.0, most=1.5):
    member.kill()
    told = hold(chance, least, most)
    member.start()
    return f"{member.name}, back after {told}"


def _frozen(chance, member, least, most):
    member.freeze()
    try:
        return f"{member.name} for {hold(chance, least, most)}"
    finally:
        member.thaw()


# ---- processes

@fault("worker kill -9", 5)
def _(round_, chance):
    return _down(chance, _any(chance, round_.world.workers))


@fault("worker kill -STOP, -CONT", 5)
def _(round_, chance):
    return _frozen(chance, _any(chance, round_.world.workers), 0.3, 4)


@fault("two workers kill -9", 2)
def _(round_, chance):
    first, second = (round_.world.workers[name] for name in chance.sample(WORKERS, 2))
    first.kill()
    told = _down(chance, second)
    first.start()
    return f"{first.name}, {told}"


def _down_or_frozen(name, process_of, killed_weight, frozen_weight, most_frozen_s):
    """The two faults that any process may have."""
    fault(f"{name} kill -9", killed_weight)(lambda round_, chance: _down(chance, process_of(round_.world)))
    fault(f"{name} kill -STOP, -CONT", frozen_weight)(
        lambda round_, chance: _frozen(chance, process_of(round_.world), 0.3, most_frozen_s))


_down_or_frozen("coordinator", lambda world: world.leader(), 5, 4, 5)
_down_or_frozen("broker", lambda world: world.broker, 4, 3, 6)
_down_or_frozen("database", lambda world: world.database, 4, 3, 6)


@fault("worker frozen while the coordinator is killed", 2)
def _(round_, chance):
    worker = _any(chance, round_.world.workers)
    worker.freeze()
    told = _down(chance, round_.world.leader(), 0, 1)
    time.sleep(chance.uniform(0, 2))
    worker.thaw()
    return f"{worker.name}; {told}"


@fault("worker killed while the broker is down", 2)
def _(round_, chance):
    round_.world.broker.kill()
    told = _down(chance, _any(chance, round_.world.workers), 0, 1)
    round_.world.broker.start()
    return told


@fault("worker leaves by SIGTERM", 2)
def _(round_, chance):
    worker = _any(chance, round_.world.workers)
    began = time.monotonic()
    worker.process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.process.wait(5)  # it waits until its tasks are elsewhere; faults before may be in its way
    told = "left" if not worker.alive() else "killed on its way"
    worker.kill()
    worker.start()
    return f"{worker.name} {told} after {time.monotonic() - began:.1f} s"


# ---- at phases of a checkpoint

def _crash(member, phase, seconds=10, meanwhile=None):
    """Runs the process until it ends itself there, or is killed; it is down afterwards."""
    words = member.words
    member.kill()
    member.words = [*words, "--test-crash-at", phase]
    member.start()
    try:
        if meanwhile:
            meanwhile()
        member.process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        member.kill()
        member.words = words


@fault("worker dies at a phase of a checkpoint", 4)
def _(round_, chance):
    worker, other = (round_.world.workers[name] for name in chance.sample(WORKERS, 2))
    phase = chance.choice(["barrier", "sealed", "durable"]) + f":{chance.randint(1, 4)}"
    other.kill()  # so that it gets tasks, as a worker that comes back does not by itself
    reached = _crash(worker, phase)
    other.start()
    worker.start()
    return f"{worker.name} at {phase}, {other.name} killed{'' if reached else '; not reached'}"


def _leader_dies_at(round_, phase):
    """All coordinators are down afterwards; whether the phase was reached by the only one that was left."""
    first, second = (round_.world.coordinators[name] for name in LEADERS)
    second.kill()
    return _crash(first, phase, 20)


@fault("coordinator dies at a phase of a checkpoint", 4)
def _(round_, chance):
    phase = chance.choice(["metadata", "completed", "before_commit", "mid_commit", "after_commit"]) + f":{chance.randint(1, 3)}"
    reached = _leader_dies_at(round_, phase)
    for each in round_.world.coordinators.values():
        each.start()
    return f"{phase}{'' if reached else ', not reached'}"


@fault("broker restarts in the middle of a commit", 3)
def _(round_, chance):
    phase = chance.choice(["before_commit", "mid_commit"])
    reached = _leader_dies_at(round_, f"{phase}:{chance.randint(1, 2)}")
    round_.world.broker.kill()
    first, second = (round_.world.coordinators[name] for name in chance.sample(LEADERS, 2))
    first.start()
    time.sleep(chance.uniform(0, 1.5))
    round_.world.broker.start()
    second.start()
    return f"{phase}{'' if reached else ', not reached'}"


@fault("broker killed as an epoch is being committed", 3)
def _(round_, chance):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        job = round_.job()
        if job["lastCompletedEpoch"] > job["lastCommittedEpoch"]:
            break
    hit = job["lastCompletedEpoch"] > job["lastCommittedEpoch"]
    return _down(chance, round_.world.broker) + ("" if hit else ", no commit seen")


@fault("outage longer than transaction.timeout.ms", 1)
def _(round_, chance):
    reached = _leader_dies_at(round_, "before_commit:2")
    time.sleep(TRANSACTION_SECONDS + 3)  # the broker ends the transactions that were prepared
    for each in round_.world.coordinators.values():
        each.start()
    return f"coordinators down for {TRANSACTION_SECONDS + 3} s between completion and commit{'' if reached else ', not reached'}"


# ---- network

@fault("host cut off", 6, isolated=True)
def _(round_, chance):
    host = chance.choice(HOSTS)
    round_.world.hosts.cut(host)
    try:
        return f"{host} for {hold(chance, 0.3, 5)}"
    finally:
        round_.world.hosts.heal()


@fault("host's packets to some others lost", 4, isolated=True)
def _(round_, chance):
    host = chance.choice(WORKERS + LEADERS)
    others = chance.sample([each for each in HOSTS if each != host], chance.randint(1, 3))
    round_.world.hosts.deafen(host, others)
    try:
        return f"{host} to {', '.join(others)} for {hold(chance, 0.3, 5)}"
    finally:
        round_.world.hosts.heal()


@fault("delay and loss", 4, isolated=True)
def _(round_, chance):
    host, delay, loss = chance.choice(HOSTS), chance.choice([2, 10, 40, 100]), chance.choice([0, 0.01, 0.05, 0.2])
    round_.world.hosts.slow(host, delay, loss, chance.randrange(1 << 30))
    try:
        return f"{host} {delay} ms, {loss:.0%}, for {hold(chance, 1, 4)}"
    finally:
        round_.world.hosts.heal()


@fault("worker kill -9 while another's packets are late", 3, isolated=True)
def _(round_, chance):
    slow, killed = chance.sample(WORKERS, 2)
    delay = chance.choice([20, 100, 300])
    round_.world.hosts.slow(slow, delay, 0, chance.randrange(1 << 30))
    try:
        return f"{slow} {delay} ms; {_down(chance, round_.world.workers[killed])}, for {hold(chance, 1, 5)}"
    finally:
        round_.world.hosts.heal()


# ---- disk, clock, and what users do

@fault("full disk", 2, isolated=True)
def _(round_, chance):
    round_.disk_was_full = True
    path = round_.world.fill_storage()
    try:
        return f"the shared storage for {hold(chance, 0.5, 3)}"
    finally:
        os.remove(path)


@fault("clock jump", 3)
def _(round_, chance):
    seconds = chance.choice([-86_400, -600, -5, 5, 600, 86_400])
    round_.world.set_clock(seconds)
    told = hold(chance, 0.5, 2)
    if chance.random() < 0.5:
        round_.world.set_clock(0)
        return f"host-2 and lead-1 by {seconds} s for {told}"
    return f"host-2 and lead-1 by {seconds} s"


@fault("rescale", 4)
def _(round_, chance):
    to = chance.choice([p for p in range(1, 5) if p != round_.parallelism])
    if round_.post("rescale", {"parallelism": to}) is None:
        return f"to {to}, refused"
    was, round_.parallelism = round_.parallelism, to
    return f"from {was} to {to}"


@fault("coordinator dies in the first epochs after a rescale", 3)
def _(round_, chance):
    to = 3 if round_.parallelism == 1 else 1  # plans that differ in more than a number
    first, second = (round_.world.coordinators[name] for name in LEADERS)
    second.kill()
    asked = []

    def rescale():
        with contextlib.suppress(AssertionError):  # it died before it answered
            asked.append(round_.post("rescale", {"parallelism": to}, seconds=8))

    phase = f"metadata:{chance.randint(1, 3)}"
    reached = _crash(first, phase, 20, rescale)
    if asked and asked[0] is not None:
        round_.parallelism = to
    first.start()
    second.start()
    return f"to {to}, at {phase}{'' if reached else ', not reached'}"


@fault("savepoint", 2)
def _(round_, _):
    return "asked for" if round_.post("savepoints") is not None else "refused"


@fault("stop with a savepoint, resume", 2)
def _(round_, _):
    if round_.post("stop") is None:
        return "refused"
    round_.wait_for(["stopped"])
    round_.post("resume")
    return ""
