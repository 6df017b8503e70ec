#!/usr/bin/env python3
"""Injects faults into a real cluster, a real Kafka broker and a real PostgreSQL while a job runs, and proves that no row is lost
or doubled in any sink.

    chaos.py --systole build/release/systole                      each kind of fault once (some minutes)
    chaos.py --systole build/release/systole --faults 500 --record docs/chaos_results.md
    chaos.py --systole build/release/systole --only 'worker kill -9' --faults 5 --seed 7

Runs as root in namespaces of its own: seven hosts, a network that can be cut, a storage that can be full. Else as plain
processes, without these faults, and says so. Exit 0: nothing lost or doubled, and the verifier has found all damage of the
negative controls; 1 otherwise."""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import chaos_controls  # noqa: E402
import chaos_faults  # noqa: E402
import chaos_hosts  # noqa: E402
import chaos_unguarded  # noqa: E402
from chaos_record import Record  # noqa: E402
from chaos_round import Round  # noqa: E402
from chaos_servers import PG_BIN  # noqa: E402
from chaos_world import HOSTS, World  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))


def schedule(options, chance, names):
    """Rounds of fault names: each once, or so many by weight."""
    if options.in_order:
        picked = options.only
    elif options.faults:
        weights = [chaos_faults.FAULTS[name][1] for name in names]
        picked = chance.choices(names, weights, k=options.faults)
    else:
        picked = chance.sample(names, len(names))
    return [picked[at:at + options.per_round] for at in range(0, len(picked), options.per_round)]


def run_round(options, world, number, seed, names, record):
    """Its problems; all of its randomness is from its own seed."""
    chance = random.Random(seed)
    round_ = Round(world, number, chance, options.events, options.rate)
    record.doing = "the start of the round"
    round_.start()
    for name in names:
        began = time.monotonic()
        record.doing = name
        told = chaos_faults.FAULTS[name][0](round_, chance)
        record.doing, recovered = f"after {name}: {told}", ""
        # Half of the time the next one comes before this one is over.
        if chance.random() < 0.5:
            since = time.monotonic()
            round_.new_epoch()
            recovered = f", new epochs {time.monotonic() - since:.1f} s later"
        else:
            time.sleep(chance.uniform(0, 1))
        record.doing = "the end of the round"
        record.fault(number, seed, name, told + recovered, time.monotonic() - began)
    problems, told = round_.finish()
    record.round(number, seed, len(names), told, problems, round_.slowest)
    if not problems:
        round_.forget()
    return problems


def make_world(options, directory, number):
    hosts = chaos_hosts.Hosts(HOSTS) if options.inside == "namespaces" else chaos_hosts.Loopback(HOSTS)
    return World(options.systole, hosts, os.path.join(directory, f"world-{number}"), options.kafka)


def chaos(options, directory):
    """Runs all rounds; one that fails has the next begin with new processes."""
    chance = random.Random(options.seed)
    missing = chaos_faults.unavailable(options.inside == "namespaces")
    names = [name for name in chaos_faults.FAULTS
             if name not in missing and name not in options.without and (not options.only or name in options.only)]
    record = Record(options, options.inside == "namespaces", missing)
    rounds = list(enumerate(schedule(options, chance, names), 1))
    good = True
    while rounds:
        number = rounds[0][0]
        world = make_world(options, directory, number)
        try:
            with world:
                try:
                    while rounds:
                        number, picked = rounds.pop(0)
                        if options.minutes and record.minutes() > options.minutes:
                            rounds.clear()
                            break
                        world.set_clock(0)
                        good &= not run_round(options, world, number, options.seed * 1000 + number, picked, record)
                        record.write(good)
                    record.doing = "the negative controls"
                    if not options.only or options.controls:
                        good &= chaos_controls.run(world, record)
                    if not options.only or options.unguarded:
                        record.doing = "the negative controls without a safeguard"
                        good &= chaos_unguarded.run(world, record)
                except BaseException:
                    print(world.history(f"chaos_{number}"), world.logs(), sep="\n", file=sys.stderr, flush=True)
                    raise
        except (AssertionError, OSError, RuntimeError, ValueError, KeyError, subprocess.SubprocessError) as error:
            record.failure(number, options.seed * 1000 + number, error)
            traceback.print_exc()
            good = False
    record.write(good)
    record.tell(good)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    parser.add_argument("--kafka", default=os.path.join(ROOT, "build", "kafka"), help="folder of tools/kafka_jars.sh")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--faults", type=int, default=0, help="so many, by weight; 0: each kind once")
    parser.add_argument("--per-round", type=int, default=15, help="faults of one job")
    parser.add_argument("--only", action="append", help="only this kind of fault")
    parser.add_argument("--without", action="append", default=[], help="not this kind of fault")
    parser.add_argument("--controls", action="store_true", help="the negative controls also with --only")
    parser.add_argument("--unguarded", action="store_true", help="processes without a safeguard also with --only; some minutes")
    parser.add_argument("--in-order", action="store_true", help="those of --only, one after another")
    parser.add_argument("--minutes", type=float, default=0, help="no new round after so many")
    parser.add_argument("--events", type=int, default=30_000, help="the most events of a round")
    parser.add_argument("--rate", type=int, default=250, help="events a second")
    parser.add_argument("--record", help="Markdown file for the results")
    parser.add_argument("--keep", action="store_true", help="leave the folder of logs and results")
    parser.add_argument("--list", action="store_true", help="the kinds of faults")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        print("\n".join(chaos_faults.FAULTS))
        return 0
    if not (PG_BIN / "initdb").exists():
        print("skipped: PostgreSQL 15 is not installed")
        return 0
    options.systole, options.kafka = os.path.abspath(options.systole), os.path.abspath(options.kafka)
    if not options.inside:
        subprocess.run([os.path.join(ROOT, "tools", "kafka_jars.sh"), options.kafka], check=True)
        reason = chaos_hosts.can_isolate()
        print(f"seed {options.seed}; " + (f"plain processes on loopback ({reason}): no network faults, no full disk" if reason else
                                          "network namespaces as hosts: " + ", ".join(HOSTS)), flush=True)
        words = [sys.executable, *sys.argv, "--seed", str(options.seed), "--inside", "plain" if reason else "namespaces"]
        if not reason:
            # What is left of it, processes and mounts too, ends with the namespaces.
            words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *words]
        sys.stdout.flush()
        return subprocess.run(words, check=False).returncode
    directory = tempfile.mkdtemp(prefix="systole-chaos-")
    os.chmod(directory, 0o755)
    try:
        return 0 if chaos(options, directory) else 1
    finally:
        if options.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
