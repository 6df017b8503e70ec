#!/usr/bin/env python3
"""Uses the command as a client of a cluster: of a coordinator's API that only remembers (tests/control/server).

    cluster_command_test.py --systole build/release/systole --coordinator build/release/tests/control/fake_coordinator
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from checks import check, conclude  # noqa: E402


class Coordinator:
    """Serves until the end of its scope."""

    def __init__(self, program, *flags):
        self.process = subprocess.Popen([program, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)


class Command:
    def __init__(self, systole, **environment):
        self.systole = systole
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SYSTOLE_")} | environment

    def __call__(self, *words):
        return subprocess.run([self.systole, *words], capture_output=True, text=True, env=self.environment, timeout=120, stdin=subprocess.DEVNULL)


def said(ran):
    return f"exit {ran.returncode}\nstdout: {ran.stdout[-1500:]}\nstderr: {ran.stderr[-1500:]}"


def expect(ran, code, what, out=None, err=None):
    good = ran.returncode == code and (out is None or re.search(out, ran.stdout)) and (err is None or re.search(err, ran.stderr))
    check(good, what, said(ran))
    return ran


def manifest(work, name, text=None):
    path = f"{work}/{name}.yaml"
    with open(path, "w") as file:
        file.write(text or f"metadata: {{name: {name}}}\n")
    return path


def life_of_a_job(systole, work):
    beds = manifest(work, "beds")
    ran = expect(systole("submit", beds, "--dry-run"), 0, "a dry run says so", out="dry run")
    check(systole("list", "-o", "name").stdout == "", "a dry run submits nothing")
    ran = expect(systole("submit", beds, "--param", "env=prod", "--parallelism", "2", "--wait"), 0, "submit --wait waits until it runs", out=r"^beds is submitted as [0-9a-f]{16}$", err="beds|running")
    job = ran.stdout.split()[-1]
    expect(systole("submit", beds), 1, "a job that is there already is refused", err="already")
    ran = expect(systole("list"), 0, "list shows it", out=rf"NAME .*\nbeds +running +2 +0 +\d+ +2026-01-01T00:00:00 +{job}\n")
    check(json.loads(systole("list", "-o", "json").stdout)["jobs"][0]["id"] == job, "list -o json")
    check(systole("list", "-o", "name").stdout == "beds\n", "list -o name")
    ran = systole("list", "-o", "yaml")
    check(ran.stdout.startswith(f"jobs:\n  - id: \"{job}\"\n    name: beds\n    state: running\n    reason: \"\"\n    parallelism: 2\n"), "list -o yaml", ran.stdout)
    for which in ("beds", job):
        expect(systole("describe", which), 0, f"describe {which}", out=r"(?s)State: running.*adt.*worker-1.*checkpoint.*worker worker-2 was lost")
    expect(systole("describe", "absent"), 1, "an unknown job is named", err="there is no job absent")
    expect(systole("top", "beds"), 0, "top shows rates", out=r"(?s)^beds: running, 1 workers.*\nSTEP +IN/S.*\nadt +1234 +1200 +0\.25 +0\.50 +1000 +10 +0 +3\.0 MiB +7 +2026-01-01T00:00:00\noccupancy +0 ")
    check(json.loads(systole("top", "beds", "-o", "json").stdout)["steps"][0]["lagRecords"] == 7, "top -o json")
    expect(systole("logs", "beds"), 0, "logs of a job", out=r"(?s)beds failed attempt 1: worker worker-2 was lost.*worker-1 warning worker-1: job beds has news")
    check(systole("logs", "--process", "worker-2").stdout.count("\n") == 1, "logs of a process")
    check([each["process"] for each in json.loads(systole("logs", "-o", "json").stdout)["lines"]] == ["coordinator", "worker-1", "worker-2"], "logs -o json")
    expect(systole("logs", "--lines", "0"), 2, "no line at all is wrong usage")
    expect(systole("logs", "absent"), 1, "logs of an unknown job", err="there is no job absent")
    rejected_records(systole, work)
    rows_of_a_step(systole)
    expect(systole("rescale", "beds", "--parallelism", "4"), 0, "rescale", out="parallelism 4")
    check(json.loads(systole("describe", "beds", "-o", "json").stdout)["parallelism"] == 4, "it has been rescaled")
    ran = expect(systole("savepoint", "create", "beds"), 0, "savepoint create", out=r"savepoint \d+ is complete")
    epoch = re.search(r"savepoint (\d+)", ran.stdout).group(1)
    check(systole("savepoint", "list", "beds", "-o", "name").stdout == f"beds:{epoch}\n", "savepoint list")
    expect(systole("wait", "beds", "--timeout", "0"), 4, "wait gives up while the job goes on", err="goes on")
    expect(systole("stop", "beds", "--wait"), 0, "stop --wait", err="beds: stopped")
    expect(systole("stop", "beds"), 1, "a stopped job cannot be stopped", err="is stopped")
    expect(systole("wait", "beds", "--for", "running"), 1, "a stopped job will not run")
    expect(systole("resume", "beds", "--wait"), 0, "resume --wait", err="beds: running")
    expect(systole("stop", "beds", "--drain", "--no-savepoint"), 2, "two ways to stop at once are wrong usage")
    expect(systole("stop", "beds", "--drain", "--wait"), 0, "stop --drain", err="beds: finished")
    expect(systole("submit", manifest(work, "more"), "--from-savepoint", f"beds:{epoch}"), 0, "submit --from-savepoint says what becomes of the state", out="state is kept")
    expect(systole("diff", "more", manifest(work, "more"), "--drop-state"), 0, "diff", out=r"(?s)occupancy +changed +incompatible: table counts.*old +removed +dropped: 2 state tables.*checkpoint")
    expect(systole("diff", "more", manifest(work, "more")), 1, "diff of a manifest that cannot go on", err="does not fit")
    expect(systole("diff", "more", manifest(work, "more", "name: more broken\n")), 1, "diff of a manifest with errors", err="it is broken")
    expect(systole("stop", "more", "--no-savepoint", "--wait"), 0, "stop --no-savepoint", err="more: cancelled")
    expect(systole("savepoint", "delete", "beds", epoch), 0, "savepoint delete")
    expect(systole("savepoint", "delete", "beds", epoch), 1, "a savepoint that is not there")
    expect(systole("delete", "beds"), 0, "delete")
    expect(systole("describe", "beds"), 1, "it is gone")
    expect(systole("workers"), 0, "workers", out=r"worker-1 +10\.0\.0\.1:9000 +rack-1 +4 +2 +no")


def rejected_records(systole, work):
    part = "part-00000001-0000.ndjson"
    ran = expect(systole("deadletter", "list", "beds"), 0, "deadletter list", out=rf"ENTRY +STEP +RULE +SQLSTATE +SOURCE +PARTITION +OFFSET\n{part}:0 +adt +decode +22P02 +adt +1 +0\n{part}:100 +valid")
    check("visit" not in ran.stdout and "PV1" not in ran.stdout, "no record in it", ran.stdout)
    expect(systole("deadletter", "list", "beds", "--records", "--rule", "bad_event_type"), 0, "deadletter list --records", out=r'no PV1-3 location on A99 +\{"visit":"v1"\}')
    ran = expect(systole("deadletter", "list", "beds", "--limit", "1", "-o", "json"), 0, "deadletter list --limit")
    check(json.loads(ran.stdout)["next"] == f"{part}:0" and len(json.loads(ran.stdout)["entries"]) == 1, "it says where to go on", ran.stdout)
    check(systole("deadletter", "list", "beds", "--after", f"{part}:100", "-o", "name").stdout == f"{part}:200\n{part}:300\n", "deadletter list --after")
    ran = subprocess.run([systole.systole, "deadletter", "replay", "beds"], capture_output=True, env=systole.environment, timeout=120)
    check(ran.returncode == 0 and ran.stdout == b'\xff{\n{"visit":"v1"}\n', "deadletter replay gives each record once, as it came", str(ran))
    check(b"beds: 2 records of source adt are written; 1 entries were of the same records; 1 have no record" in ran.stderr and f"--after {part}:300".encode() in ran.stderr, "and says what it did", str(ran.stderr))
    target = f"{work}/replayed.ndjson"
    expect(systole("deadletter", "replay", "beds", "--entry", f"{part}:100", "--file", target), 0, "deadletter replay --file")
    check(open(target, "rb").read() == b'{"visit":"v1"}\n', "only the wanted record is in it")
    expect(systole("deadletter", "replay", "beds", "--file", target), 1, "a file that is there is not added to", err="is there already")
    expect(systole("deadletter", "replay", "beds", "--entry", f"{part}:7", "--file", f"{work}/none"), 1, "an entry that is not there", err="there is no entry")
    expect(systole("deadletter", "replay", "beds", "--source", "vitals", "--file", f"{work}/none"), 0, "nothing to replay", err="0 records are written")
    check(not [each for each in os.listdir(work) if each.startswith((".", "none"))], "nothing is left of them", str(os.listdir(work)))
    expect(systole("deadletter", "list", "absent"), 1, "a job that is not there", err="there is no job absent")


def rows_of_a_step(systole):
    ran = expect(systole("tap", "beds.adt"), 0, "tap shows rows", err=r"beds\.adt: 2 of 7 rows shown; the job is finished\n$")
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    check([(each["kind"], each["row"]["beds"]) for each in rows] == [("+I", 0), ("-U", 1)], "each is a line of JSON", ran.stdout)
    expect(systole("tap", "beds.adt", "--rows", "1", "-o", "table"), 0, "tap -o table", out=r"^KIND +EVENT TIME +department +beds\n\+I +ICU +0\n$", err="all rows that were asked for")
    expect(systole("tap", "beds.absent"), 1, "a step that is not there", out="^$", err="no step absent")
    expect(systole("tap", "absent.adt"), 1, "a job that is not there", err="there is no job absent")
    for wrong in (("tap", "beds"), ("tap", ".adt"), ("tap", "beds."), ("tap", "beds.adt", "--rows", "0"), ("tap", "beds.adt", "--for", "3601"), ("tap", "beds.adt", "-o", "yaml")):
        expect(systole(*wrong), 2, " ".join(wrong) + " is wrong usage")


def answers_that_are_negative(systole, work):
    expect(systole("submit", manifest(work, "wrong", "metadata: {name: wrong} # broken\n")), 1, "a refused manifest is told as validate tells it", err=r"wrong\.yaml:1:1: error\[SYS0101\]")
    expect(systole("submit", f"{work}/absent.yaml"), 1, "a file that is not there is named", err="absent.yaml")
    expect(systole("submit", manifest(work, "fails")), 0, "a job that will fail")
    expect(systole("wait", "fails"), 1, "wait tells that it failed, and why", err="fails: failed: poison")
    expect(systole("submit", manifest(work, "ends")), 0, "a job that will end")
    expect(systole("wait", "ends"), 0, "wait ends with it", err="ends: finished")
    expect(systole("tap", "ends.adt"), 1, "a tap that is not allowed", out="^$", err="--allow-tap")
    expect(systole("cancel", "ends"), 1, "a finished job cannot be cancelled")
    expect(systole("rescale", "ends"), 2, "rescale needs a parallelism")
    expect(systole("savepoint"), 2, "savepoint needs a verb")
    expect(systole("list", "-o", "xml"), 2, "an unknown output is wrong usage")


def who_is_let_in(program, command, work):
    tokens = f"{work}/tokens"
    made = {}
    for role in ("viewer", "operator", "admin"):
        ran = expect(command("token", role, "anna", "--file", tokens), 0, f"token {role}", out=r"^systole_[0-9a-f]{64}\n$")
        made[role] = f"{work}/{role}.token"
        with open(made[role], "w") as file:
            file.write(ran.stdout)
        check(ran.stdout.strip() not in open(tokens).read(), "the file of tokens does not tell the token")
    expect(command("token", "viewer", "bert"), 0, "token without a file prints token and line", out=r"token: systole_\w+\nline:  viewer [0-9a-f]{64} bert\n")
    expect(command("token", "root", "x"), 2, "an unknown role is wrong usage")
    refused = subprocess.run([program, "--address", "0.0.0.0"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(refused.returncode == 1 and "would be open to others" in refused.stderr, "no tokens, no other machines", refused.stderr)
    with Coordinator(program, "--tokens", tokens, "--address", "0.0.0.0") as server:
        beds = manifest(work, "beds")
        expect(command("list", "--server", server.url), 3, "without a token nothing is told", err="token")
        expect(command("list", "--server", server.url, "--token-file", beds), 2, "a file that holds no token", err="beds.yaml")
        expect(command("list", "--server", server.url, "--token-file", made["viewer"]), 0, "a viewer lists")
        expect(command("submit", beds, "--server", server.url, "--token-file", made["viewer"]), 3, "a viewer does not submit", err="operator")
        expect(command("submit", beds, "--server", server.url, "--token-file", made["operator"]), 0, "an operator submits")
        expect(command("wait", "beds", "--server", server.url), 3, "wait does not wait for a token", err="token")
        expect(command("deadletter", "list", "beds", "--server", server.url, "--token-file", made["viewer"]), 0, "a viewer lists the dead letter")
        for words in (("list", "beds", "--records"), ("replay", "beds")):
            expect(command("deadletter", *words, "--server", server.url, "--token-file", made["viewer"]), 3, f"a viewer does not {words[0]} records", out="^$", err="operator")
        expect(command("tap", "beds.adt", "--server", server.url, "--token-file", made["viewer"]), 3, "a viewer sees no rows", out="^$", err="operator")
        expect(command("tap", "beds.adt", "--server", server.url, "--token-file", made["operator"]), 0, "an operator sees rows", out="beds")
        expect(command("cancel", "beds", "--server", server.url, "--token-file", made["operator"], "--wait"), 0, "an operator cancels")
        expect(command("delete", "beds", "--server", server.url, "--token-file", made["operator"]), 3, "an operator does not delete", err="admin")
        expect(command("delete", "beds", "--server", server.url, "--token-file", made["admin"]), 0, "an admin deletes")


def over_tls(program, command, work):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
                           "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{work}/key.pem", "-out", f"{work}/certificate.pem"], capture_output=True, text=True)
    check(made.returncode == 0, "a certificate is made", made.stderr)
    with Coordinator(program, "--certificate", f"{work}/certificate.pem", "--key", f"{work}/key.pem") as server:
        check(server.url.startswith("https://"), "it speaks TLS", server.url)
        expect(command("workers", "--server", server.url, "--ca", f"{work}/certificate.pem"), 0, "a trusted certificate")
        expect(command("workers", "--server", server.url), 3, "a certificate that nobody signed is refused", err="certificate verify failed")
        expect(command("workers", "--server", server.url.replace("https", "http")), 3, "in the clear nothing is told")


def several_coordinators(program, command):
    with Coordinator(program) as leader, Coordinator(program, "--follows", leader.url) as follower:
        expect(command("list", "--server", follower.url), 3, "a follower tells who leads", err=re.escape(leader.url) + " leads")
        expect(command("list", "--server", f"{follower.url},{leader.url}"), 0, "the one that leads is found in a list")
        expect(command("list", "--server", f"http://127.0.0.1:1,{leader.url}"), 0, "one that is down is passed over")
        url = leader.url
    begun = time.time()
    expect(command("list", "--server", url), 3, "nobody there is told with the address", err=re.escape(url) + ": Connection refused")
    expect(command("wait", "beds", "--server", url, "--timeout", "0"), 3, "wait for a job of a cluster that is not there")
    check(time.time() - begun < 10, "both at once")
    expect(command("list", "--server", "coordinator:8480"), 2, "what is no URL is wrong usage", err="http://HOST:PORT")


def completion(command):
    script = command("completion", "bash").stdout + "\nCOMP_WORDS=(systole savepoint cr); COMP_CWORD=2; _systole; echo ${COMPREPLY[@]}\n" \
        "COMP_WORDS=(systole submit --from); COMP_CWORD=2; _systole; echo ${COMPREPLY[@]}\n"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    check(ran.stdout.split() == ["create", "--from-savepoint"], "bash completes a verb below a verb, and flags", ran.stdout + ran.stderr)
    for verb in ("submit", "diff", "top", "logs", "list", "describe", "wait", "stop", "cancel", "resume", "rescale", "savepoint", "tap", "deadletter", "delete", "workers", "token"):
        expect(command(verb, "--help"), 0, f"{verb} --help has an example", out=rf"systole {verb}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    parser.add_argument("--coordinator", required=True)
    options = parser.parse_args()
    systole, program = os.path.abspath(options.systole), os.path.abspath(options.coordinator)
    work = tempfile.mkdtemp(prefix="systole-cluster-command-")
    try:
        with Coordinator(program) as server:
            life_of_a_job(Command(systole, SYSTOLE_SERVER=server.url), work)
            answers_that_are_negative(Command(systole, SYSTOLE_SERVER=server.url), work)
        command = Command(systole)
        who_is_let_in(program, command, work)
        over_tls(program, command, work)
        several_coordinators(program, command)
        completion(command)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return conclude()


sys.exit(main())
