#!/usr/bin/env python3
"""The systemd units: flags that the command knows, time to drain, hardening; with systemd-analyze where it is installed.

    units_test.py --systole build/release/systole
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import tempfile

import checking
import flags

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy/systemd"
MUST = {"User": "systole", "Restart": "always", "RestartPreventExitStatus": "2", "KillMode": "mixed", "NoNewPrivileges": "yes",
        "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "", "StateDirectory": "systole"}
WORST_EXPOSURE = 20  # tenths, of systemd-analyze security


def settings(text):
    """{name: value} of a unit; of a name that is there twice the last."""
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", text, re.M))


def words_of(unit, environment):
    """The command line as systemd makes it: an unquoted $NAME is split at blanks."""
    named = dict(re.findall(r'^(\w+)="?(.*?)"?$', environment, re.M))
    words = []
    for word in settings(unit)["ExecStart"].split():
        words += named[word[1:]].split() if word.startswith("$") else [word]
    return words


def problems(systole, verb, files):
    unit, environment = files
    has = settings(unit)
    found = [f"{name}={has.get(name)}, not {value}" for name, value in MUST.items() if has.get(name) != value]
    if has.get("EnvironmentFile") != f"/etc/systole/{verb}.env":
        found.append(f"EnvironmentFile={has.get('EnvironmentFile')}")
    if not re.search(r"^StartLimitIntervalSec=0$", unit, re.M):
        found.append("it gives up after a few restarts")
    if "MemoryMax" not in has:
        found.append("no MemoryMax")
    try:
        program, *words = words_of(unit, environment)
    except KeyError as name:
        return found + [f"nobody sets {name}"]
    if program != "/usr/bin/systole":
        found.append(f"it starts {program}")
    found += flags.misuses(systole, words)
    if verb == "worker":
        drain = int(flags.parsed(words)[1].get("--drain-seconds", ["60"])[0])
        if int(has["TimeoutStopSec"].removesuffix("s")) <= drain:
            found.append(f"TimeoutStopSec={has['TimeoutStopSec']} is not over --drain-seconds {drain}")
    # All that the flags as installed write is in the state directory.
    for name, values in flags.parsed(words)[1].items():
        if name in ("--state", "--storage") and not values[0].startswith("/var/lib/systole/"):
            found.append(f"{name} {values[0]} may not be written")
    return found


def replaced(which, old, new):
    def damage(files):
        changed = list(files)
        changed[which] = re.sub(old, new, changed[which], flags=re.M)
        return tuple(changed)
    return damage


def analyzed(systole):
    """systemd's own opinion, with the program that is there instead of the one that will be installed."""
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed")
        return True
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        for name in ("systole-coordinator.service", "systole-worker.service"):
            text = (FOLDER / name).read_text()

            def told(*words, unit):
                path = pathlib.Path(folder) / name
                path.write_text(unit.replace("/usr/bin/systole", str(systole)))
                ran = subprocess.run(["systemd-analyze", *words, str(path)], capture_output=True, text=True, timeout=60)
                return ran.returncode, ran.stdout + ran.stderr

            code, output = told("verify", unit=text)
            if code != 0 or name in output:
                passed = False
                print(f"FAIL  systemd-analyze verify {name}\n{output}")
            if name not in told("verify", unit=text.replace("KillMode=mixed", "KillMode=softly"))[1]:
                passed = False
                print(f"FAIL  the control of systemd-analyze verify {name} is not found")
            words = ("security", "--offline=true", "--no-pager", f"--threshold={WORST_EXPOSURE}")
            code, output = told(*words, unit=text)
            if code != 0:
                passed = False
                print(f"FAIL  systemd-analyze security {name}\n{output}")
            if told(*words, unit=re.sub(r"^(Protect|Private|Restrict).*\n", "", text, flags=re.M))[0] == 0:
                passed = False
                print(f"FAIL  the control of systemd-analyze security {name} is not found")
    print("ok    systemd-analyze verify and security" if passed else "FAIL  systemd-analyze")
    return passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    systole = parser.parse_args().systole
    passed = []
    for verb in ("coordinator", "worker"):
        files = ((FOLDER / f"systole-{verb}.service").read_text(), (FOLDER / f"{verb}.env").read_text())
        damages = [
            ("ProtectSystem", replaced(0, "^ProtectSystem=strict$", "ProtectSystem=full")),
            ("Restart=", replaced(0, "^Restart=always$", "Restart=on-failure")),
            ("gives up", replaced(0, "^StartLimitIntervalSec=0\n", "")),
            ("nobody sets", replaced(0, r"\$SYSTOLE_\w+", "$SYSTOLE_FLAGS")),
            (f"systole {verb} has no --memroy", replaced(1, r"^(SYSTOLE_\w+)=\"", r'\1="--memroy 1GiB ')),
            ("may not be written", replaced(1, "^([^#].*)/var/lib/systole/(storage|worker)", r"\1/data/\2")),
            ("needs --insecure", replaced(1, r"^([^#].*)\"$", r'\1 --listen 0.0.0.0:8481"') if verb == "worker" else replaced(1, "--listen 127.0.0.1", "--listen 0.0.0.0")),
        ]
        if verb == "worker":
            damages.append(("not over --drain-seconds", replaced(0, "^TimeoutStopSec=90s$", "TimeoutStopSec=60s")))
        else:
            damages.append(("needs --token-file", replaced(1, "^([^#].*)--api 127.0.0.1", r"\1--api 0.0.0.0")))
        passed.append(checking.run(f"systole-{verb}.service", lambda files, verb=verb: problems(systole, verb, files), files, damages))
    checking.end(*passed, analyzed(systole))


main()
