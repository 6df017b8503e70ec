#!/usr/bin/env python3
"""A real Prometheus scrapes running jobs: every metric of docs/metrics.md is there and no other, and every query of every
panel of the dashboards and console templates gives data."""
import argparse
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error

from monitored_jobs import ROOT, MonitoredJobs, fetch


def documented_metrics():
    names = re.findall(r"^\| `(systole_[a-z_]+)` \|", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len(names) > 30 and len(names) == len(set(names)), names
    return names


def exposed_types(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def series_of(text, name):
    return [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]


def check_exposition(jobs):
    """What is exposed is what is documented, and labels are bounded."""
    exposed = {}
    for port in jobs.ports.values():
        text = fetch(f"http://127.0.0.1:{port}/metrics")
        exposed.update(exposed_types(text))
        for label in re.findall(r'[{,]([a-z_]+)="', re.sub(r"^systole_result.*$", "", text, flags=re.M)):
            assert label in ("job_name", "step", "state", "reason", "status", "rule", "le", "version"), f"label {label}"
    documented = set(documented_metrics())
    results = {name for name in exposed if name.startswith("systole_result_")}
    assert documented - {"systole_result_full"} <= set(exposed), f"documented and not exposed: {documented - set(exposed)}"
    undocumented = set(exposed) - documented - results
    assert not undocumented, f"exposed and not documented: {undocumented}"
    for name, kind in exposed.items():
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    return documented


def check_meanings(jobs):
    text = fetch(f"http://127.0.0.1:{jobs.ports['metrics-test']}/metrics")
    value = lambda line: float(line.rsplit(" ", 1)[1])
    of = lambda name, **labels: sum(value(line) for line in series_of(text, name) if all(f'{k}="{v}"' in line for k, v in labels.items()))
    read = of("systole_step_records_in_total", step="events")
    assert read > 400
    # One in ten each, and half of one in a hundred is doubled or no JSON.
    for rule, share in (("negative", 0.1), ("no_unit", 0.1)):
        got = of("systole_step_records_rejected_total", step="valid", rule=rule) / read
        assert abs(got - share) < 0.02, f"{rule}: {got}"
    assert of("systole_step_records_rejected_total", step="events", rule="decode") > 0
    assert of("systole_step_records_flagged_total", step="flagged", rule="large") > 0
    assert of("systole_step_records_late_total", step="counted") > 0
    assert of("systole_job_state", state="running") == 1 and of("systole_job_state") == 1
    assert 0 < of("systole_sink_records_committed_total", step="seen") <= of("systole_step_records_in_total", step="seen")
    assert len(series_of(text, "systole_result_events")) == 3, "maxSeries is 3"
    assert of("systole_result_full") == 1
    best = min(timed(jobs) for _ in range(10))
    print(f"a scrape of 10 steps took {best * 1000:.1f} ms")


def timed(jobs):
    start = time.monotonic()
    fetch(f"http://127.0.0.1:{jobs.ports['metrics-test']}/metrics")
    return time.monotonic() - start


def check_endpoint(jobs, systole):
    base = f"http://127.0.0.1:{jobs.ports['metrics-test']}"
    assert fetch(base + "/healthz") == "ok\n"
    try:
        fetch(base + "/other")
        raise AssertionError("/other is answered")
    except urllib.error.HTTPError as refused:
        assert refused.code == 404
    refused = subprocess.run([systole, "run", str(ROOT / "tests/metrics/job.yaml"), "--param", "in=/nowhere", "--param", "out=/nowhere",
                              "--metrics", "0.0.0.0:0"], capture_output=True, text=True, timeout=20)
    assert refused.returncode == 2 and "--insecure" in refused.stderr, refused.stderr


def dashboard_queries():
    """(where, query) of every panel; variables stand for what Grafana puts there."""
    boards = sorted((ROOT / "deploy/dashboards").glob("*.json"))
    assert len(boards) == 2
    for path in boards:
        board = json.loads(path.read_text())
        assert board["uid"] == f"systole-{path.stem}"
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name} {panel['title']}", target["expr"].replace("$job", ".+").replace("$__rate_interval", "1m")
        variable = board["templating"]["list"][0]["query"]
        yield f"{path.name} variable", re.fullmatch(r"label_values\((\w+), job_name\)", variable).group(1)


def console_queries(jobs, page):
    """The queries of a console as Prometheus gives it to a browser."""
    html = fetch(f"{jobs.prometheus}/consoles/{page}")
    assert "error executing" not in html, html
    numbers = re.search(r'class="systole-numbers">(.*?)</tr>', html).group(1)
    assert "<td>-</td>" not in numbers, f"{page} has a number without data: {numbers}"
    lists = re.findall(r'^graph\(\d+, "\w+", "[^"]*", "[^"]*", \[(.*?)\], \[', html, re.MULTILINE)
    assert len(lists) > 5
    for each in lists:
        text = re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", each).replace("\\'", "'")
        yield from ((page, query) for query in json.loads(f"[{text}]"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    systole = parser.parse_args().systole
    made = subprocess.run([sys.executable, ROOT / "deploy/dashboards/make.py", "--check"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    if not shutil.which("prometheus"):
        print("skipped: prometheus is not installed (Debian package prometheus)")
        return
    with MonitoredJobs(systole) as jobs:
        queries = dict((query, where) for where, query in dashboard_queries())
        missing = jobs.wait_for(queries)
        assert not missing, "no data: " + "; ".join(f"{queries[each]}: {each}" for each in missing)
        metrics = check_exposition(jobs)
        types = exposed_types(fetch(f"http://127.0.0.1:{jobs.ports['metrics-test']}/metrics"))
        missing = jobs.wait_for([name + "_bucket" if types.get(name) == "histogram" else name for name in metrics])
        assert not missing, f"Prometheus has no series of {missing}"
        assert jobs.wait_for(["systole_no_such_metric"], 0.1), "a metric that does not exist has data: the test cannot fail"
        consoles = sorted(path.name for path in (ROOT / "deploy/prometheus/consoles").glob("*.html"))
        assert len(consoles) == 2
        shown = dict((query, where) for page in consoles for where, query in console_queries(jobs, page))
        missing = jobs.wait_for(shown)
        assert not missing, "no data: " + "; ".join(f"{shown[each]}: {each}" for each in missing)
        firing = {each["metric"]["alertname"] for each in jobs.query('ALERTS{alertstate="firing"}')}
        assert "SystoleJobFailed" not in firing and "SystoleCheckpointStale" not in firing, firing
        check_meanings(jobs)
        check_endpoint(jobs, systole)
        print(f"{len(metrics)} metrics, {len(queries)} queries of dashboards and {len(shown)} of consoles have data")


main()
