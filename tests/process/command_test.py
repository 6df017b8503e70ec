#!/usr/bin/env python3
"""Uses the command as people do: the first five minutes, typos, Ctrl-C, a second run, two at once.

    command_test.py --systole build/release/systole
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402


class Command:
    def __init__(self, systole):
        self.systole = systole

    def __call__(self, *words, cwd=None, timeout=120):
        return subprocess.run([self.systole, *words], capture_output=True, text=True, cwd=cwd, timeout=timeout, stdin=subprocess.DEVNULL)

    def start(self, *words, cwd=None):
        return subprocess.Popen([self.systole, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)


def first_minutes(systole, work):
    ran = systole("init", "first-job", cwd=work)
    check(ran.returncode == 0 and os.path.exists(f"{work}/first-job/job.yaml"), "init writes a first job", ran.stderr)
    again = systole("init", "first-job", cwd=work)
    check(again.returncode == 1 and "already" in again.stderr, "init leaves an existing job alone", again.stderr)
    job = f"{work}/first-job"
    ran = systole("run", "job.yaml", cwd=job)
    check(ran.returncode == 0, "the first job runs", ran.stderr)
    table = open(f"{job}/out/occupancy.csv").read() if os.path.exists(f"{job}/out/occupancy.csv") else ""
    check(sorted(table.splitlines()) == sorted(["department,occupied_beds,avg_heart_rate", "Medicine,1,72.0", "ICU,1,101.0", "Surgery,1,80.0"]),
          "the first job's table is right", table)
    check("ICU" in ran.stdout, "the console sink writes to standard output", ran.stdout)
    check(re.search(r"rejected\D+1\b", ran.stderr) is not None, "the summary tells that one row was rejected", ran.stderr)
    ran = systole("validate", "job.yaml", cwd=job)
    check(ran.returncode == 0, "the first job validates", ran.stderr)
    ran = systole("explain", "job.yaml", cwd=job)
    check(ran.returncode == 0 and "occupancy" in ran.stdout and "changelog" in ran.stdout, "explain shows the plan", ran.stdout + ran.stderr)
    for form in ("json", "dot"):
        ran = systole("explain", "-o", form, "job.yaml", cwd=job)
        check(ran.returncode == 0 and ("digraph" in ran.stdout if form == "dot" else json.loads(ran.stdout) is not None), f"explain -o {form}", ran.stderr)


def help_and_usage(systole, work):
    ran = systole("--help")
    check(ran.returncode == 0 and "run" in ran.stdout, "--help", ran.stderr)
    for verb in ("run", "validate", "explain", "schema", "generate", "init", "version", "completion"):
        ran = systole(verb, "--help")
        check(ran.returncode == 0 and len(ran.stdout) > 80, f"{verb} --help", ran.stderr)
    check(systole().returncode == 2, "no verb is wrong usage")
    check(systole("rum").returncode == 2, "an unknown verb is wrong usage")
    check(systole("run", "--parallelism", "many", "x.yaml").returncode == 2, "a bad flag value is wrong usage")
    ran = systole("version")
    check(ran.returncode == 0 and ran.stdout.startswith("systole "), "version", ran.stderr)
    schema = systole("schema")
    check(schema.returncode == 0 and "draft-07" in json.loads(schema.stdout)["$schema"], "schema prints JSON Schema draft-07", schema.stderr)
    for shell in ("bash", "zsh", "fish"):
        ran = systole("completion", shell)
        check(ran.returncode == 0 and "validate" in ran.stdout, f"completion {shell}", ran.stderr)
    script = f"{work}/completion.bash"
    with open(script, "w") as file:
        file.write(systole("completion", "bash").stdout + "\nCOMP_WORDS=(systole va); COMP_CWORD=1; _systole; echo ${COMPREPLY[@]}\n")
    ran = subprocess.run(["bash", script], capture_output=True, text=True)
    check(ran.stdout.strip() == "validate", "bash completes a verb", ran.stdout + ran.stderr)


def mistakes(systole, work):
    job = open(f"{work}/first-job/job.yaml").read()
    broken = f"{work}/first-job/broken.yaml"
    with open(broken, "w") as file:
        file.write(job.replace("deduplicate: {key: [event_id]}", "deduplicate: {key: [evnt_id]}").replace("in_bed\n      aggregate", "in_bet\n      aggregate"))
    ran = systole("validate", broken)
    check(ran.returncode == 1, "a broken manifest is invalid", ran.stderr)
    found = re.findall(r"broken\.yaml:\d+:\d+: error\[SYS\d{4}\]", ran.stderr)
    check(len(found) >= 2, "all errors at once, with file, line and column", ran.stderr)
    check("event_id" in ran.stderr and "in_bed" in ran.stderr, "each with a suggestion", ran.stderr)
    ran = systole("run", "no-such.yaml", cwd=work)
    check(ran.returncode in (1, 2) and "no-such.yaml" in ran.stderr, "a file that is not there is named", ran.stderr)
    with open(f"{work}/first-job/absent.yaml", "w") as file:
        file.write(job.replace("path: events.ndjson", "path: absent/*.ndjson"))
    ran = systole("run", "first-job/absent.yaml", cwd=work)
    check(ran.returncode == 1 and "absent/*.ndjson" in ran.stderr, "an input that is not there is named", ran.stderr)
    ran = systole("run", "first-job/job.yaml", "--param", "outt=x", cwd=work)
    check(ran.returncode in (1, 2) and "`outt`" in ran.stderr and "out" in ran.stderr.replace("outt", ""), "an unknown parameter is refused with a suggestion", ran.stderr)


UNBOUNDED = """
apiVersion: systole/v1
kind: Job
metadata: {name: endless}
spec:
  checkpoint: {interval: 200ms}
  sources:
    - name: simulated
      generator: {kind: patient-flow, rate: 2000}
      format: {json: {}}
      schema: {columns: {event_id: text, event_type: text, department: text}}
  steps:
    - {name: unique_events, input: simulated, deduplicate: {key: [event_id]}}
    - {name: counted, input: unique_events, aggregate: {keyBy: [event_type], fields: {events: count(*)}}}
  sinks:
    - {name: ids, input: unique_events, file: {path: "OUT/ids", roll: {interval: 300ms}}, format: {csv: {}}}
    - {name: counts, input: counted, file: {path: "OUT/counts.csv", write: table, key: [event_type]}, format: {csv: {}}}
"""


def ids(out):
    found = []
    for base, _, names in os.walk(out + "/ids"):
        for name in names:
            if name.endswith(".csv") and not name.startswith((".", "_")):
                with open(os.path.join(base, name)) as file:
                    found += file.read().splitlines()[1:]
    return found


def stopping_and_resuming(systole, work):
    out, state = f"{work}/endless", f"{work}/endless-state"
    manifest = f"{work}/endless.yaml"
    hourly = UNBOUNDED.replace("OUT", out).replace("300ms", "1h")  # no part would end by itself
    with open(manifest, "w") as file:
        file.write(hourly)
    for number, sent in enumerate((signal.SIGINT, signal.SIGTERM)):
        process = systole.start("run", manifest, "--state", state)
        time.sleep(1.5)
        second = systole("run", manifest, "--state", state)
        check(second.returncode == 1 and str(process.pid) in second.stderr, f"a second process on the same state is refused by name ({number})", second.stderr)
        process.send_signal(sent)
        told = process.communicate(timeout=30)[1]
        check(process.returncode in (0, 130) and "--state" in told, f"{sent.name} takes a savepoint and says how to go on", f"exit {process.returncode}\n{told}")
        found = ids(out)
        written = int(re.search(r"^ids +[\d,]+ +([\d,]+)", told, re.MULTILINE).group(1).replace(",", ""))
        check(len(found) > 100 and len(found) == len(set(found)), f"after {sent.name} nothing is doubled: {len(found)} rows")
        check(len(found) == written, f"after {sent.name} nothing waits for its part's hour: {len(found)} of {written} rows")
    process = systole.start("run", manifest, "--state", state)
    time.sleep(1.0)
    process.kill()
    process.wait()
    process = systole.start("run", manifest, "--state", state)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=30)[1]
    found = ids(out)
    check(len(found) == len(set(found)), f"after kill -9 too: {len(found)} rows", told)
    with open(manifest, "w") as file:
        file.write(hourly.replace("keyBy: [event_type]", "keyBy: [department]").replace("key: [event_type]", "key: [department]"))
    ran = systole("run", manifest, "--state", state)
    check(ran.returncode == 1 and "counted" in ran.stderr, "a step whose state does not fit the manifest any more is refused by name", ran.stderr)


BOUNDED = UNBOUNDED.replace("rate: 2000", "rate: RATE, count: 120000").replace("name: endless", "name: bounded")


def interrupted_without_state(systole, work):
    """Ctrl-C of a run that was given no --state: what it suggests goes on, to complete output."""
    results = {}
    for name in ("calm", "it's interrupted", "twice"):
        out = f"{work}/{name}"
        manifest = f"{work}/{name}.yaml"
        with open(manifest, "w") as file:
            file.write(BOUNDED.replace("OUT", out).replace("RATE", "0" if name == "calm" else "20000").replace("spec:\n", "spec:\n  parameters: {wanted: {type: string, default: none}}\n"))
        if name == "calm":
            ran = systole("run", manifest)
            check(ran.returncode == 0, "an undisturbed run", ran.stderr)
        else:
            process = systole.start("run", manifest, "--param", "wanted=a 'b' $c", "--parallelism", "2")
            deadline = time.monotonic() + 30
            while not (os.path.isdir(f"{out}/ids") and ids(out)) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            # Frozen in between, so that the second signal comes while the first one's savepoint is not made yet.
            for each in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT) if name == "twice" else (signal.SIGINT,):
                process.send_signal(each)
            told = process.communicate(timeout=60)[1]
            suggested = re.search(r"^  (systole run .*--state (\S+).*)$", told, re.MULTILINE)
            check(process.returncode == 130 and suggested is not None, f"Ctrl-C without --state says how to go on ({name})", told)
            check(("Ended at once" in told) == (name == "twice"), f"what was done is said ({name})", told)
            if not suggested:
                return
            state = suggested.group(2)
            check(os.path.isdir(state) and state.startswith(tempfile.gettempdir()), f"its temporary state is kept: {state}", told)
            partly = ids(out)
            check(0 < len(partly) < 100_000, f"it was interrupted on the way: {len(partly)} rows")
            command = suggested.group(1).replace("systole", shlex.quote(systole.systole), 1)
            ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
            check(ran.returncode == 0 and "resumed from checkpoint" in ran.stderr, "the suggested command goes on and ends", command + "\n" + ran.stderr)
            shutil.rmtree(state, ignore_errors=True)
        with open(f"{out}/counts.csv") as file:
            results[name] = sorted(ids(out)), sorted(file.read().splitlines())
    left = f"{work}/temporary"
    os.makedirs(left)
    ran = subprocess.run([systole.systole, "run", f"{work}/calm.yaml"], capture_output=True, text=True, timeout=60, env={**os.environ, "TMPDIR": left})
    check(ran.returncode == 1 and not os.listdir(left), f"a run that fails before its first checkpoint leaves no state behind: {os.listdir(left)}", ran.stderr)
    calm = results.pop("calm")
    for name, resumed in results.items():
        check(len(calm[0]) > 100_000 and calm == resumed,
              f"complete and undoubled output ({name}): {len(resumed[0])} rows, {len(set(resumed[0]))} different, of {len(calm[0])}",
              str((calm[1], resumed[1])))


def bounded_twice(systole, work):
    job, state = f"{work}/first-job/job.yaml", f"{work}/first-state"
    out = f"{work}/first-out"
    flags = ("--state", state, "--param", f"out={out}")
    first = systole("run", job, *flags)
    before = os.stat(f"{out}/occupancy.csv").st_mtime_ns if first.returncode == 0 else 0
    second = systole("run", job, *flags)
    check(first.returncode == 0 and second.returncode == 0 and "nothing to do" in second.stderr, "the state of a finished job: nothing to do", second.stderr)
    check(before == os.stat(f"{out}/occupancy.csv").st_mtime_ns, "and nothing is written")
    other = systole("run", job, "--param", f"out={out}")
    check(other.returncode == 1 and "output of another run" in other.stderr and "choose another folder" in other.stderr,
          "another run over its output is refused, with what to do", other.stderr)
    check("restarting" not in other.stderr and other.stderr.count("another run") == 1, "at once, and told once", other.stderr)


def idle_cpu(systole, work):
    """A job that gets one event a second uses under 1 % of a core."""
    manifest = f"{work}/idle.yaml"
    with open(manifest, "w") as file:
        file.write(UNBOUNDED.replace("OUT", f"{work}/idle").replace("rate: 2000", "rate: 1").replace("interval: 200ms", "interval: 1s"))
    process = systole.start("run", manifest, "--state", f"{work}/idle-state", "--progress", "none")
    time.sleep(2)

    def cpu():
        """Nanoseconds on a processor, of all threads."""
        used = 0
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{thread}/schedstat") as file:
                used += int(file.read().split()[0])
        return used

    began, before = time.monotonic(), cpu()
    time.sleep(6)
    used = (cpu() - before) / 1e9 / (time.monotonic() - began)
    with open(f"/proc/{process.pid}/status") as file:
        resident = re.search(r"VmRSS:\s+(\d+)", file.read())
    print(f"      idle: {used * 100:.2f} % of a core, {int(resident.group(1)) / 1024:.0f} MiB resident")
    check(used < 0.01, f"an idle job uses {used * 100:.2f} % of a core")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def generate(systole, work):
    for seed in ("1", "1", "2"):
        ran = subprocess.run([systole.systole, "generate", "patient-flow", "--count", "2000", "--seed", seed], capture_output=True)
        with open(f"{work}/generated-{seed}-{len(os.listdir(work))}", "wb") as file:
            file.write(ran.stdout)
        lines = ran.stdout.splitlines()
        check(ran.returncode == 0 and len(lines) == 2000 and all(json.loads(line)["event_type"] for line in lines), f"generate --seed {seed}: {len(lines)} events", ran.stderr.decode())
    made = [open(os.path.join(work, name), "rb").read() for name in sorted(os.listdir(work)) if name.startswith("generated-")]
    check(made[0] == made[1] != made[2], "equal seeds give equal events, others do not")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systole", required=True)
    options = parser.parse_args()
    systole = Command(os.path.abspath(options.systole))
    with tempfile.TemporaryDirectory(prefix="systole-command-") as work:
        for part in (first_minutes, help_and_usage, mistakes, bounded_twice, interrupted_without_state, stopping_and_resuming, idle_cpu, generate):
            try:
                part(systole, work)
            except Exception as problem:  # one part's accident must not hide the others
                check(False, f"{part.__name__}: {type(problem).__name__}: {problem}")
    return conclude()


sys.exit(main())
