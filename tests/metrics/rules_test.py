#!/usr/bin/env python3
"""Checks deploy/prometheus with promtool: the configuration, rules and alerts, their unit tests; and that the unit tests
notice when any alert never fires, or always does."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


def promtool(*words, cwd=DEPLOY):
    done = subprocess.run(["promtool", *words], cwd=cwd, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def must(*words):
    good, said = promtool(*words)
    if not good:
        sys.exit(f"promtool {' '.join(words)}:\n{said}")


def unnoticed(wrong):
    """Alerts that fail no test although all expressions are changed by `wrong`."""
    text = (DEPLOY / "alerts.yml").read_text()
    names, changed = re.subn(r"(- alert: \w+\n        expr: >-\n)((?:          .*\n)+)",
                             lambda it: it.group(1) + wrong(it.group(2)), text)
    assert changed == text.count("- alert:"), "an alert is written in another form"
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(DEPLOY / "tests", copy / "tests")
        shutil.copy(DEPLOY / "rules.yml", copy)
        (copy / "alerts.yml").write_text(names)
        good, said = promtool("check", "rules", "alerts.yml", cwd=copy)
        assert good, f"the changed file is no rule file: {said}"
        passed, said = promtool("test", "rules", "tests/alerts_test.yml", cwd=copy)
        assert not passed, "the tests of alerts notice nothing"
    failed = set(re.findall(r"alertname: ?(\w+)", said))
    return sorted(set(re.findall(r"- alert: (\w+)", text)) - failed)


def main():
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed (Debian package prometheus)")
        return
    must("check", "config", "prometheus.yml")
    must("check", "rules", "--lint=all", "--lint-fatal", "rules.yml", "alerts.yml")
    must("test", "rules", "tests/rules_test.yml", "tests/alerts_test.yml")
    never = unnoticed(lambda expression: f"          (\n{expression}          ) and on () (vector(0) == 1)\n")
    always = unnoticed(lambda expression: "          sum by (job_name, step, instance) ({__name__=~\"systole_.+|up\"}) >= 0\n")
    if never or always:
        sys.exit(f"the tests of alerts do not notice when these never fire: {never}, or always do: {always}")
    print("configuration, rules and alerts pass; each alert that never or always fires is noticed")


main()
