#!/usr/bin/env python3
"""Shows the console templates in headless Chromium over running jobs. With --pictures DIR the screenshots are kept there
(docs/ has them); else they are only looked at: the graphs must have lines."""
import argparse
import pathlib
import shutil
import subprocess
import tempfile

from monitored_jobs import ROOT, MonitoredJobs

# What is shown of each console: the query and the picture's height.
PAGES = {"systole-engine.html": ("?job_name=metrics-test", 1500), "systole-hospital.html": ("", 1000)}
LAST_MINUTES = "#pctc%7B%22duration%22%3A120%2C%22endTime%22%3A0%7D"  # how the consoles' own script remembers its range
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=8000"]


def chromium(*words):
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(["chromium", *FLAGS, f"--user-data-dir={profile}", *words], capture_output=True, text=True, timeout=60)
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True)
    parser.add_argument("--pictures")
    parser.add_argument("--after", type=float, default=0, help="seconds of data before the pictures")
    flags = parser.parse_args()
    for program, package in (("prometheus", "prometheus"), ("chromium", "chromium")):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed (Debian package {package})")
            return
    with MonitoredJobs(flags.systole) as jobs, tempfile.TemporaryDirectory() as scratch:
        missing = jobs.wait_for(["systole_result_occupied_beds", "systole_result_revenue", "systole_sink_commit_duration_seconds_bucket",
                                 "job_name_step:systole_end_to_end_latency_seconds:p99_5m"])
        assert not missing, missing
        jobs.ended.wait(flags.after)
        for page, (query, height) in PAGES.items():
            url = f"{jobs.prometheus}/consoles/{page}{query}{LAST_MINUTES}"
            html = chromium("--dump-dom", url)
            graphs = html.count('id="graph')
            lines = html.count("<path ")
            assert graphs > 5 and lines >= graphs, f"{page}: {graphs} graphs have {lines} lines"
            picture = pathlib.Path(flags.pictures or scratch) / page.replace(".html", ".png").replace("systole-", "console_")
            chromium(f"--screenshot={picture}", f"--window-size=1000,{height}", url)
            assert picture.stat().st_size > 20_000, f"{page}: an empty picture"
            print(f"{page}: {graphs} graphs, {lines} lines, {picture.stat().st_size} bytes")


main()
