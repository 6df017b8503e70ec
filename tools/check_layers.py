#!/usr/bin/env python3
"""Checks the layering: a folder includes only folders above it, and third-party headers stay inside their fences.

Prints each offence as file:line and exits 1 if there is one.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Design order; a folder may include those before it.
ORDER = ["base", "http", "s3", "kafka", "proto", "data", "expr", "state", "operators", "formats", "connectors", "plan", "coordination", "actors", "control", "app"]
# Neighbours that must not see each other, although they come later in the order.
FORBIDDEN = {
    "operators": {"state"},  # but for the interface below
    "formats": {"state", "operators"},
    "connectors": {"state", "operators"},
    "plan": {"state", "operators", "formats", "connectors"},
    "coordination": {"state", "operators", "formats", "connectors", "plan", "expr"},
}
ALLOWED = {("operators", "state/keyed_state.h")}
# Folders within a folder: what each includes of its neighbours. All of them see the folder itself.
NEIGHBOURS = {
    "connectors": {"outbox": set(), "files": {"outbox"}, "kafka": {"outbox"}, "postgres": {"outbox"}, "sqlite": {"outbox"}, "generator": set()},
    "state": {"store": set(), "changes": {"store"}, "tables": {"changes", "tiered"}, "tiered": {"tables", "changes", "store"}},
    "operators": {"aggregate": set(), "window": {"aggregate"}, "over": {"aggregate"}, "join": set()},
    "actors": {"wire": set(), "worker": {"wire"}, "coordinator": {"wire"}},
    "expr": {"text": set(), "time": {"text"}, "bind": {"text"}},
}
FENCES = [
    (r"caf/", {"actors"}),
    (r"rocksdb/", {"state/tiered"}),
    (r"pg_query", {"expr", "plan"}),
    (r"sqlite3\.h", {"connectors/sqlite"}),
    (r"simdjson", {"formats"}),
    (r"yaml-cpp/", {"plan"}),
    (r"CLI/", {"app"}),
    (r"spdlog/", {"base"}),
    (r"prometheus/", {"control"}),
    (r"boost/", {"http"}),
    (r"librdkafka/", {"connectors/kafka"}),
    (r"libpq", {"connectors/postgres"}),
]
DOCUMENT = re.compile(r"docs/[a-z0-9_/-]+\.md")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources():
    listed = subprocess.run(["git", "ls-files", "*.h", "*.cc"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def inner_folder(path):
    """`kafka` of connectors/kafka/kafka_sink.h; empty for connectors/sink.h."""
    parts = path.split("/")
    return parts[1] if len(parts) == 3 else ""


def offences(path):
    folder = path.split("/")[0]
    tested = folder == "tests"
    if tested:
        folder = path.split("/")[1]
    if path.startswith(("bench/limits/", "bench/probe/")):  # programs without an engine; they use the libraries directly
        return
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            for named in DOCUMENT.findall(line):
                if not os.path.exists(os.path.join(ROOT, named)):
                    yield f"{path}:{number}: there is no {named}"
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            for pattern, owners in FENCES:
                if re.match(pattern, target) and not path.startswith(tuple(f"{owner}/" for owner in owners)) and not tested:
                    yield f"{path}:{number}: <{target}> may be included in {', '.join(sorted(owners))}/ only"
            if quote != '"' or tested or folder not in ORDER:
                continue
            other = target.split("/")[0]
            if other == folder:
                inner, used = inner_folder(path), inner_folder(target)
                if inner and used and inner != used and used not in NEIGHBOURS[folder][inner]:
                    yield f"{path}:{number}: {folder}/{inner}/ must not include {target}"
                continue
            if other not in ORDER:
                continue
            if ORDER.index(other) > ORDER.index(folder):
                yield f"{path}:{number}: {folder}/ must not include {other}/, which is below it"
            elif other in FORBIDDEN.get(folder, ()) and (folder, target) not in ALLOWED:
                yield f"{path}:{number}: {folder}/ must not include {target}"


def main():
    files = sources()
    found = [offence for path in files for offence in offences(path)]
    print("\n".join(found) if found else f"layering: {len(files)} files, each folder includes only those above it")
    return 1 if found else 0


sys.exit(main())
