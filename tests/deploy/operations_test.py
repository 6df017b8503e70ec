#!/usr/bin/env python3
"""docs/operations.md: what to do for each alert that deploy/prometheus can send, commands and flags that there are.

    operations_test.py --systole build/release/systole
"""
import argparse
import pathlib
import re
import subprocess

import checking
import yaml_files


def commands_of(systole):
    """{verb: its help}, also of verbs below verbs."""
    def help_of(*words):
        return subprocess.run([systole, *words, "--help"], capture_output=True, text=True, timeout=60).stdout

    def below(text):
        return re.findall(r"^  (\w+) ", text.partition("Subcommands:\n")[2], re.M)

    verbs = {}
    for verb in below(help_of()):
        verbs[verb] = help_of(verb)
        verbs |= {f"{verb} {deeper}": help_of(verb, deeper) for deeper in below(verbs[verb].partition("\n\nExamples")[0])}
    return verbs


def problems(alerts, verbs, text):
    found = []
    sections = set(re.findall(r"^### (\w+)$", text, re.M))
    found += [f"nobody says what to do for {each}" for each in alerts - sections]
    found += [f"{each} is no alert" for each in sections - alerts]
    for words in re.findall(r"`(?:\w+=\S+ )?systole ([a-z][^`]*)`", text):
        verb = next((each for each in (" ".join(words.split()[:2]), words.split()[0]) if each in verbs), None)
        if verb is None:
            found.append(f"systole {words}: no such command")
            continue
        found += [f"systole {verb} has no {flag}" for flag in re.findall(r"--[a-z-]+", words) if flag not in verbs[verb]]
    all_help = "".join(verbs.values())
    elsewhere = {"--now", "--delete"}  # of systemctl, rsync
    found += [f"no command has {flag}" for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - elsewhere if flag not in all_help]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    verbs = commands_of(parser.parse_args().systole)
    (rules,) = yaml_files.read("deploy/prometheus/alerts.yml")
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    text = (yaml_files.ROOT / "docs/operations.md").read_text()
    checking.end(checking.run("docs/operations.md", lambda text: problems(alerts, verbs, text), text, [
        ("nobody says what to do for SystoleJobFailed", lambda text: text.replace("### SystoleJobFailed", "### JobFailed")),
        ("is no alert", lambda text: text.replace("### SystoleJobFailed", "### SystoleJobFails")),
        ("no such command", lambda text: text.replace("`systole workers`", "`systole nodes`")),
        ("has no --parallel", lambda text: text.replace("systole rescale JOB --parallelism", "systole rescale JOB --parallels")),
        ("no command has --drain", lambda text: text.replace("--drain-seconds", "--drain-minutes")),
    ]))


main()
