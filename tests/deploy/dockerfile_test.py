#!/usr/bin/env python3
"""The Dockerfile against the rules that it states, and its entrypoint in process namespaces."""
import json
import pathlib
import re
import signal
import subprocess
import tempfile

import checking

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy/container"


def instructions(text):
    """(name, arguments) of each instruction, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def problems(text):
    found, stages = [], []
    for name, what in instructions(text):
        if name == "FROM":
            image, *rest = what.split()
            if not re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", image):
                found.append(f"{image} is not pinned to a release")
            stages.append(rest[1] if rest and rest[0].upper() == "AS" else None)
        elif name == "RUN":
            if "apt-get install" in what:
                for part in ("apt-get update", "-y", "--no-install-recommends", "rm -rf /var/lib/apt/lists/*"):
                    if part not in what:
                        found.append(f"apt-get install without {part}")
            if re.search(r"\b(curl|wget|pip|npm|sudo)\b", what):
                found.append(f"fetched past the package manager: {what}")
            if re.search(r"chmod\s+(-R\s+)?0?777|\bapt-get (dist-)?upgrade", what):
                found.append(f"not to be run: {what}")
        elif name == "ADD":
            found.append("ADD unpacks and fetches: use COPY")
        elif name in ("ENV", "ARG") and re.search(r"PASS|SECRET|TOKEN|KEY", what, re.I):
            found.append(f"a secret in the image: {what.split('=')[0]}")
        elif name == "WORKDIR" and not what.startswith("/"):
            found.append(f"WORKDIR {what} is relative")
        elif name in ("ENTRYPOINT", "CMD"):
            try:
                json.loads(what)
            except ValueError:
                found.append(f"{name} is not in exec form")
        elif name == "COPY" and what.startswith("--from=") and what.split()[0].removeprefix("--from=") not in stages[:-1]:
            found.append(f"COPY {what}: no such stage")
        elif name not in ("COPY", "USER", "ENV", "ARG", "WORKDIR", "LABEL", "EXPOSE"):
            found.append(f"{name} is no instruction that is used here")
    if len(stages) < 2:
        found.append("one stage: compilers stay in the image")
    last = instructions(text[text.rindex("\nFROM "):])
    users = [what for name, what in last if name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        found.append("it runs as root, or as a name whose number nobody knows")
    entry = [json.loads(what) for name, what in last if name == "ENTRYPOINT" and what.startswith("[")]
    if entry != [["/usr/bin/tini", "--", "/usr/local/bin/systole-entrypoint"]]:
        found.append("the entrypoint does not begin with tini and the random process id")
    if any(name == "COPY" and what.split()[0] == "." for name, what in last):
        found.append("the sources are copied into the image")
    return found


def changed(old, new):
    return lambda text: text.replace(old, new)


def entrypoint():
    """Signals and exit codes go through, and the ids differ."""
    if subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True).returncode != 0:
        print("skipped: process namespaces are not allowed here")
        return True
    passed = True

    def expect(good, what):
        nonlocal passed
        if not good:
            passed = False
            print(f"FAIL  entrypoint: {what}")

    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "systole"
        program.write_text('#!/bin/sh\ntrap "echo drained; exit 7" TERM\necho $$ "$@"\nwhile [ "$1" = wait ]; do sleep 0.05; done\n')
        program.chmod(0o755)
        script = pathlib.Path(folder) / "entrypoint"
        text = (FOLDER / "entrypoint.sh").read_text()
        script.write_text(text.replace("/usr/bin/systole", str(program)))
        # As in a container, below a process 1 which is another one (tini there).
        words = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", 'sh "$@"; exit $?', "init", script]
        ids = {int(subprocess.run([*words, "list"], capture_output=True, text=True, timeout=30).stdout.split()[0]) for _ in range(4)}
        expect(len(ids) > 1, f"equal process ids: {ids}")
        expect(all(each > 2 for each in ids), f"the first ids: {ids}")
        expect(subprocess.run([*words, "a b", "c"], capture_output=True, text=True).stdout.split(maxsplit=1)[1] == "a b c\n", "its words")
        # Without a namespace the script is a child of ours, so that a signal can be sent to it.
        running = subprocess.Popen(["sh", script, "wait"], stdout=subprocess.PIPE, text=True)
        running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=30)
        expect((running.returncode, output) == (7, "drained\n"), f"exit {running.returncode}, {output!r} after SIGTERM")
    print("ok    entrypoint" if passed else "FAIL  entrypoint")
    return passed


def main():
    damages = [
        ("not pinned", changed("FROM debian:12.12-slim AS build", "FROM debian:latest AS build")),
        ("without --no-install-recommends", changed("install -y --no-install-recommends /tmp", "install -y /tmp")),
        ("without rm -rf", changed("rm -rf /var/lib/apt/lists/*", "true")),
        ("ADD", changed("COPY deploy", "ADD deploy")),
        ("past the package manager", changed("&& cd build/release", "&& curl -O https://example.com/x")),
        ("as root", changed("USER 10001:10001", "USER root")),
        ("exec form", changed('CMD ["--help"]', "CMD --help")),
        ("random process id", changed('"/usr/local/bin/systole-entrypoint"]', '"/usr/bin/systole"]')),
        ("no such stage", changed("--from=build", "--from=builder")),
        ("a secret", changed("USER 10001", "ENV API_TOKEN=x\nUSER 10001")),
        ("sources are copied", changed("COPY deploy/container", "COPY . .\nCOPY deploy/container")),
    ]
    checking.end(checking.run("Dockerfile", problems, (FOLDER / "Dockerfile").read_text(), damages), entrypoint())


main()
