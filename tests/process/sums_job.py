"""A job that sums numbers by key and copies each row, with its input, and what must come of it: sums in SQLite, copies in files."""
import collections
import glob
import json
import os
import sqlite3

KEYS = 20
MANIFEST = """
apiVersion: systole/v1
kind: Job
metadata: {name: NAME}
spec:
  parallelism: 2
  checkpoint: {interval: 100ms, retained: 3}
  sources:
    - name: numbers
      files: {path: "WORK/in/*.ndjson", follow: true}
      format: {json: {}}
      schema: {columns: {k: int not null, v: int not null}}
  steps:
    - name: sums
      input: numbers
      aggregate: {keyBy: [k], fields: {total: sum(v), rows: count(*)}}
  sinks:
    - name: table
      input: sums
      sqlite: {path: "WORK/OUT.sqlite", table: sums, write: upsert, key: [k]}
    - name: copies
      input: numbers
      file: {path: "WORK/OUT-copies", roll: {interval: 100ms}}
      format: {json: {}}
"""


class SumsJob:
    """Rows that are fed, and what has become of them."""

    def __init__(self, work):
        self.work, self.fed, self.manifests = work, [], 0
        os.makedirs(f"{work}/in")

    def feed(self, count, base=0):
        """Appends rows whose values count up from `base`."""
        rows = [(i % KEYS, base + i) for i in range(count)]
        with open(f"{self.work}/in/part.ndjson", "a") as file:
            file.writelines(f'{{"k": {k}, "v": {v}}}\n' for k, v in rows)
        self.fed += rows

    def manifest(self, name="sums", out="out", more="", change=lambda text: text):
        """The path of a manifest; `more` are further steps and the line `  sinks:`."""
        text = MANIFEST.replace("  sinks:\n", more) if more else MANIFEST
        self.manifests += 1
        path = f"{self.work}/{name}-{self.manifests}.yaml"
        with open(path, "w") as file:
            file.write(change(text).replace("WORK", self.work).replace("OUT", out).replace("NAME", name))
        return path

    def sums(self):
        """Of all that was fed: {key: (total, rows)}."""
        made = collections.defaultdict(lambda: [0, 0])
        for k, v in self.fed:
            made[k][0] += v
            made[k][1] += 1
        return {k: tuple(v) for k, v in made.items()}

    def table(self, out="out", columns="k, total, rows", of="sums"):
        """What a sink's table holds; nothing where there is none yet."""
        try:
            with sqlite3.connect(f"file:{self.work}/{out}.sqlite?mode=ro", uri=True) as database:
                return {row[0]: tuple(row[1:]) for row in database.execute(f"SELECT {columns} FROM {of}")}
        except sqlite3.OperationalError:
            return {}

    def copies(self, out="out"):
        """How often each row is in the published files."""
        rows = collections.Counter()
        for path in glob.glob(f"{self.work}/{out}-copies/part*"):
            with open(path) as file:
                rows.update((row["k"], row["v"]) for row in map(json.loads, file))
        return rows
