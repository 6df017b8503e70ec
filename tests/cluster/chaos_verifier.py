"""Reads the source and all sinks of the chaos test's job and tells every row that is lost, doubled, wrong, or differs between sinks."""
import collections
import contextlib
import datetime
import glob
import json

from chaos_input import Expected, PARTITIONS
from chaos_kafka import read_topic

RESULT_PARTITIONS = 3
OUT_OF_ORDER = datetime.timedelta(hours=12)  # of chaos_job.yaml


class Found:
    """What is in the sinks: `results`: sink -> Counter of (what, id, value); `departments`: sink -> rows of (department, events,
    total); `rejected`: Counter of raw records."""

    def __init__(self):
        self.results, self.departments, self.rejected = {}, {}, collections.Counter()


def _lines(pattern):
    for path in sorted(glob.glob(pattern)):
        with open(path, encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def read_source(world, job):
    records = read_topic(world.broker.servers, f"{job}.in", PARTITIONS)
    expected = Expected([value for _, _, value in records])
    expected.late = late_in_topic([(partition, value) for partition, _, value in records])
    return expected


def late_in_topic(records):
    """[(partition, seq, seq of the newest before it)] of records that lie further behind in their partition than the job's
    maxOutOfOrderness: the job has to take them for late, so that a producer which delivers so is no fault of the engine's."""
    newest, late = {}, []
    for partition, value in records:
        try:
            record = json.loads(value)
        except ValueError:
            continue
        at = datetime.datetime.fromisoformat(record["at"])
        before = newest.setdefault(partition, (at, record["seq"]))
        if at < before[0] - OUT_OF_ORDER:
            late.append((partition, record["seq"], before[1]))
        newest[partition] = max(before, (at, record["seq"]))
    return late


def read_sinks(world, job, out):
    found = Found()
    rows = [json.loads(value) for _, _, value in read_topic(world.broker.servers, f"{job}.results", RESULT_PARTITIONS)]
    found.results["kafka"] = collections.Counter((row["what"], row["id"], row["value"]) for row in rows)
    found.results["postgresql"] = collections.Counter(world.database.sql(f"SELECT what, id, value FROM {job}.results"))
    found.results["files"] = collections.Counter((row["what"], row["id"], row["value"]) for row in _lines(f"{out}/results/part*"))
    latest = {}
    for _, key, value in read_topic(world.broker.servers, f"{job}.departments", 1):
        latest[key] = value
    found.departments["kafka"] = sorted(_department(json.loads(value)) for value in latest.values() if value is not None)
    found.departments["postgresql"] = sorted(
        (name, int(events), int(total)) for name, events, total in world.database.sql(f"SELECT department, events, total FROM {job}.departments"))
    found.departments["files"] = sorted(map(_department, _lines(f"{out}/departments.ndjson")))
    found.rejected.update(row["raw"] for row in _lines(f"{out}/rejected/part*"))
    return found


def _department(row):
    return row["department"], int(row["events"]), int(row["total"])


def problems(expected, found, most=5):
    """One line for each kind of damage in each sink, with some of its rows; none where all is well."""
    told = []
    if expected.late:
        told.append(f"source: the producer has delivered {len(expected.late)} records too late for the job's watermark: {expected.late[:most]}")

    def tell(sink, kind, rows):
        rows = sorted(rows, key=str)
        if rows:
            told.append(f"{sink}: {len(rows)} {kind}: {rows[:most]}")

    for sink, rows in found.results.items():
        by_kind = {kind: collections.defaultdict(list) for kind in ("row", "stay", "hour")}
        for (what, key, value), count in rows.items():
            by_kind[what][key] += [value] * count
        seqs = {event: int(values[0]) for event, values in by_kind["row"].items()}
        want_stays = {who: f"{seqs.get(a)}-{seqs.get(d)}" for who, (a, d) in expected.stays.items()}
        want_hours = {key: f"{events}/{total}" for key, (events, total) in expected.hours.items()}
        for kind, want in (("row", expected.copies), ("stay", want_stays), ("hour", want_hours)):
            got = by_kind[kind]
            tell(sink, f"{kind}s lost", want.keys() - got.keys())
            tell(sink, f"{kind}s doubled", ((key, values) for key, values in got.items() if len(values) > 1))
            tell(sink, f"{kind}s of no record", got.keys() - want.keys())
            if kind != "row":
                tell(sink, f"{kind}s wrong", ((key, values[0], want[key]) for key, values in got.items() if key in want and values[0] != want[key]))
        tell(sink, "rows with a wrong seq", ((event, seq) for event, seq in seqs.items() if seq not in expected.copies.get(event, ())))
        accounted = sum(map(len, by_kind["row"].values())) + expected.duplicates + sum(found.rejected.values())
        if accounted != expected.rows:
            told.append(f"{sink}: {accounted} of {expected.rows} source records accounted for")
    for sink, rows in found.results.items():
        if rows != found.results["files"]:
            differ = (rows - found.results["files"]) + (found.results["files"] - rows)
            tell(sink, "rows differ from the files'", differ)
    departments = sorted((name, *values) for name, values in expected.departments.items())
    for sink, rows in found.departments.items():
        if rows != departments:
            told.append(f"{sink}: departments are {rows}, not {departments}")
    tell("dead letter", "records lost", (expected.rejected - found.rejected).elements())
    tell("dead letter", "records too many", (found.rejected - expected.rejected).elements())
    return told


def progress(world, job):
    """How many of the partitions' last records are in the table: when all are, all was read."""
    with contextlib.suppress(AssertionError):  # no table yet
        return int(world.database.sql(f"SELECT count(*) FROM {job}.results WHERE what = 'row' AND id LIKE 'last-%'")[0][0])
    return 0
