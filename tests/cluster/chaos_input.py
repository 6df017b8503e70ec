"""The chaos test's input, and what must come of it: an oracle in Python that knows nothing of the engine."""
import collections
import datetime
import json
import threading
import time

PARTITIONS = 4
DEPARTMENTS = ["ICU", "ED", "Cardiology", "Surgery", "Maternity"]
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def make(chance, count):
    """([(partition, value)], last ones) in the order of sending. Dirty (1 of 50), unreadable (1 of 100) and doubled records (1 of
    12) are among them; a double comes up to 200 records later, in any partition. The last ones are good, one for each partition."""
    records, last, later, waiting, seq = [], [], collections.defaultdict(list), [], 0

    def add(record, to=records, partition=None):
        nonlocal seq
        record["seq"] = seq = seq + 1
        to.append((chance.randrange(PARTITIONS) if partition is None else partition, json.dumps(record).encode()))

    for at in range(count):
        event = {"event_id": f"e{at}", "department": chance.choice(DEPARTMENTS), "amount": chance.randrange(10_000),
                 "at": (START + datetime.timedelta(minutes=at)).isoformat()}
        if waiting and chance.random() < 0.5:
            event.update(kind="D", patient=waiting.pop(chance.randrange(len(waiting))))
        else:
            event.update(kind="A", patient=f"p{at}")
            waiting.append(event["patient"])
        luck = chance.random()
        if luck < 0.02:
            event["amount"] = -1
        elif luck < 0.03:
            seq += 1
            records.append((chance.randrange(PARTITIONS), b'{"event_id": "e%d", "seq": %d, "at' % (at, seq)))
            continue
        elif luck < 0.11:
            later[at + chance.randint(1, 200)].append(dict(event))
        add(event)
        for double in later.pop(at, []):
            add(double)
    for partition in range(PARTITIONS):
        add({"event_id": f"last-{partition}", "department": "ICU", "amount": 0, "kind": "A", "patient": f"last-{partition}",
             "at": (START + datetime.timedelta(minutes=count)).isoformat()}, last, partition)
    return records, last


class Expected:
    """What the sinks must hold at the end, from the source's records.

    `copies`: event -> its seqs, of which one is in each sink; `duplicates`: records beyond the first of an event; `stays`:
    patient -> (admission's event, discharge's); `hours`, `departments`: key -> (events, total); `rejected`: raw record -> how
    often."""

    def __init__(self, values):
        self.copies, self.stays, self.hours, self.departments = collections.defaultdict(set), {}, {}, {}
        self.rejected, self.rows, self.duplicates = collections.Counter(), len(values), 0
        self.late = []  # see chaos_verifier.late_in_topic
        hours, departments = collections.defaultdict(lambda: [0, 0]), collections.defaultdict(lambda: [0, 0])
        patients = collections.defaultdict(dict)
        for value in values:
            try:
                record = json.loads(value)
            except ValueError:
                record = None
            if record is None or record["amount"] < 0:
                self.rejected[value.decode()] += 1
                continue
            event = record["event_id"]
            known = event in self.copies
            self.copies[event].add(record["seq"])
            if known:
                self.duplicates += 1
                continue
            patients[record["patient"]][record["kind"]] = event
            start = int(datetime.datetime.fromisoformat(record["at"]).timestamp()) // 3600 * 3600
            for group in (hours[f"{record['department']}@{start}"], departments[record["department"]]):
                group[0] += 1
                group[1] += record["amount"]
        self.stays = {who: (kinds["A"], kinds["D"]) for who, kinds in patients.items() if len(kinds) == 2}
        self.hours = {key: tuple(value) for key, value in hours.items()}
        self.departments = {key: tuple(value) for key, value in departments.items()}

    def results(self):
        return len(self.copies) + len(self.stays) + len(self.hours)


class Feeder(threading.Thread):
    """Sends records at a pace until finish() says that it is enough; then the last ones."""

    def __init__(self, producer, records, last, per_second):
        super().__init__(daemon=True)
        self.producer, self.records, self.last, self.per_second = producer, records, last, per_second
        self.enough, self.error = threading.Event(), None

    def run(self):
        try:
            started, pace = time.monotonic(), self.per_second
            for at, (partition, value) in enumerate(self.records):
                ahead = at / pace - (time.monotonic() - started)
                if at % 20 == 0 and ahead > 0:
                    self.enough.wait(ahead)
                if self.enough.is_set():
                    break
                self.producer.send(partition, value)
            for partition, value in self.last:
                self.producer.send(partition, value)
            self.producer.finish(120)
        except Exception as error:  # told by finish()
            self.error = error

    def finish(self):
        self.enough.set()
        self.join(300)
        if self.is_alive() or self.error:
            raise AssertionError(f"the input was not all sent: {self.error}")
