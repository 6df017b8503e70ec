"""How the benchmarks tell what they saw: a heading, tables, a line of JSON for each run."""
import json
import os
import sys

import flink


def heading(what, seed, *more):
    """Machine, commit, seed and load: what every table needs to be read later."""
    about = flink.machine()
    print(f"# {what}: {about['date']}, commit {about['commit']}, {about['cores']} cores ({about['cpu']}), seed {seed}, "
          f"load {about['load']:.1f}" + "".join(f", {each}" for each in more) + "\n", flush=True)


def record(options, result):
    """Tells a run's figures on stderr, and appends them to the file of --json."""
    print(json.dumps(result), file=sys.stderr, flush=True)
    if options.json:
        with open(options.json, "a", encoding="utf-8") as file:
            file.write(json.dumps({**result, "machine": flink.machine()}) + "\n")


def cell(value, digits=0):
    """A number as tables have it; - for None."""
    return "-" if value is None else value if isinstance(value, str) else f"{value:,.{digits}f}"


def table(columns, rows):
    """columns: (name in a row, heading, digits)."""
    print("| " + " | ".join(title for _, title, _ in columns) + " |\n" + "|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(cell(row.get(name), digits) for name, _, digits in columns) + " |")
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f}\n", flush=True)
