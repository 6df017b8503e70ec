"""The patient-flow job said once more, slowly and in another language: row by row, from the rules alone.

tables(lines, replay_now) takes raw NDJSON lines (bytes) and gives {table: [row dict]} of text values, "" for null, and how
many lines must be in the dead letter. nasty_lines(seed, count) makes lines of every kind of dirt that the rules name.
"""
import datetime
import decimal
import json
import random
import re

TEXTS = ["event_type", "event_id", "patient_id", "gender", "department", "hospital_name", "bed_id", "discharge_status",
         "admission_priority", "diagnosis_code", "insurance_type"]
INTS = ["age", "hospital_id"]
TIMES = ["admission_time", "expected_discharge_time", "discharge_time", "event_timestamp"]
VITALS = ["heart_rate", "bp_systolic", "bp_diastolic", "oxygen_saturation"]
BEDS = {"Emergency": 40, "Surgery": 30, "ICU": 20, "Pediatrics": 25, "Maternity": 20, "Oncology": 25, "Cardiology": 25}
HOSPITALS = {1: "MHA Central Hospital", 2: "MHA Lakeside Medical Center", 3: "MHA Riverside General", 4: "MHA Prairie Health",
             5: "MHA Summit Medical", 6: "MHA Valley Care", 7: "MHA Metro Hospital"}
TYPOS = {"Emergency": "Emergancy Emergncy ER EMERGENCY", "Surgery": "Surgey Surgeyr SURGERY", "ICU": "icu I.C.U. IntensiveCare",
         "Pediatrics": "Paediatrics Pedeatrics PEDS", "Maternity": "Maternty Maternitiy OB/GYN",
         "Oncology": "Oncolgy Oncologgy ONCO", "Cardiology": "Cardiolgy Cardilogy CARDIO"}
RIGHT = {typo: name for name, typos in TYPOS.items() for typo in typos.split()}
EPOCH = datetime.datetime(1970, 1, 1)
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?)?$")


class number(str):
    """A JSON number as its text."""


def parse_time(text):
    """Microseconds since 1970 UTC, or None."""
    found = TIME.match(text) if isinstance(text, str) and not isinstance(text, number) else None
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    try:
        at = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    offset = (int(zone_hour) * 60 + int(zone_minute)) * 60 * (1 if sign == "+" else -1) if sign else 0
    whole = at - EPOCH
    return (whole.days * 86400 + whole.seconds - offset) * 1_000_000 + int(((fraction or "") + "000000")[:6])


def show_time(us):
    at = EPOCH + datetime.timedelta(microseconds=us)
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond:06d}"


def compact(value):
    """JSON without blanks, numbers as they were."""
    if isinstance(value, number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{compact(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def decode(line):
    """The event as a dict of columns, or None for the dead letter."""
    def refuse(_):
        raise ValueError
    try:
        text = line.decode("utf-8")
        if "\\u0000" in text or "\0" in text or text.startswith("\ufeff"):
            return None
        event = json.loads(text, parse_int=number, parse_float=number, parse_constant=refuse)
    except (ValueError, UnicodeDecodeError):
        return None
    if not isinstance(event, dict):
        return None

    def as_text(value):
        if value is None or isinstance(value, str):
            return value
        return compact(value)

    def as_int(value):
        if not isinstance(value, number) or not re.fullmatch(r"-?\d+", value):
            return None
        return int(value) if -2**31 <= int(value) < 2**31 else None

    def as_decimal(value):
        return decimal.Decimal(value) if isinstance(value, number) else None

    row = {name: as_text(event.get(name)) for name in TEXTS}
    row.update({name: as_int(event.get(name)) for name in INTS})
    row.update({name: parse_time(event.get(name)) for name in TIMES})
    row["length_of_stay_hrs"] = as_decimal(event.get("length_of_stay_hrs"))
    vitals = event.get("vitals") if isinstance(event.get("vitals"), dict) else {}
    row.update({name: as_int(vitals.get(name)) for name in VITALS})
    row["temperature_f"] = as_decimal(vitals.get("temperature_f"))
    return row


def half_away(value, places=2):
    return value.quantize(decimal.Decimal(1).scaleb(-places), rounding=decimal.ROUND_HALF_UP)


def clean(row, replay_now):
    """Flags and repairs, in the order of the rules."""
    flags, now = [], row["event_timestamp"] if row["event_timestamp"] is not None else replay_now
    row["event_at"] = now
    if row["admission_time"] is not None and row["admission_time"] > now:
        flags.append("FUTURE_ADMISSION")
        row["admission_time"] = None
    if row["admission_time"] is None:
        row["admission_time"] = now
    if row["age"] is not None and not 0 <= row["age"] <= 120:
        flags.append("INVALID_AGE")
        row["age"] = None
    if row["discharge_time"] is not None and row["discharge_time"] < row["admission_time"]:
        flags.append("DISCHARGE_BEFORE_ADMIT")
        row["discharge_time"] = None
    if row["department"] is not None and row["department"] not in BEDS:
        flags.append("DEPT_TYPO")
        row["department"] = RIGHT.get(row["department"], row["department"])
    if row["hospital_id"] is not None and row["hospital_id"] not in HOSPITALS:
        flags.append("INVALID_HOSPITAL_ID")
        row["hospital_id"] = None
    flags += ["MISSING_" + name.upper() for name in ("patient_id", "event_type", "department") if row[name] is None]
    row["dq_flags"] = "|".join(flags) or "CLEAN"
    if row["discharge_time"] is not None:
        seconds = row["discharge_time"] // 1_000_000 - row["admission_time"] // 1_000_000
        row["length_of_stay_hrs"] = half_away(decimal.Decimal(seconds) / 3600)
    row["known_unit"] = row["department"] is not None and row["hospital_id"] is not None


def count(table, key, rows, name):
    counts = {}
    for row in rows:
        counts[row[key]] = counts.get(row[key], 0) + 1
    return [{key: value, name: n} for value, n in counts.items()]


def tables(lines, replay_now):
    decimal.getcontext().prec = 60
    now, silver, seen, dead = parse_time(replay_now), [], set(), 0
    for at, line in enumerate(lines):
        if not line.strip(b" \t\r\n"):
            continue
        row = decode(line)
        if row is None:
            dead += 1
            continue
        if row["event_id"] is not None:
            if row["event_id"] in seen:
                continue
            seen.add(row["event_id"])
        row["arrival"] = at
        clean(row, now)
        silver.append(row)

    versions, occupied_by, gender_now = [], {}, {}
    by_patient = {}
    for row in silver:
        if row["patient_id"] is not None:
            by_patient.setdefault(row["patient_id"], []).append(row)
    for patient, events in by_patient.items():
        events.sort(key=lambda row: (row["event_at"], row["arrival"]))
        mine = []
        for row in events:
            attributes = (row["gender"], row["age"], row["insurance_type"])
            if not mine or mine[-1]["attributes"] != attributes:
                mine.append({"patient_id": patient, "attributes": attributes, "gender": row["gender"], "age": row["age"],
                             "insurance_type": row["insurance_type"], "effective_from": row["event_at"], "effective_to": None})
                if len(mine) > 1:
                    mine[-2]["effective_to"] = row["event_at"]
            row["version"] = mine[-1]
        for each in mine:
            each["is_current"] = each is mine[-1]
        versions += mine
        gender_now[patient] = events[-1]["gender"]
        moves = [row for row in events if row["event_type"] in ("ADMISSION", "DISCHARGE")]
        if moves:
            last = max(moves, key=lambda row: (row["event_at"], row["event_type"] == "DISCHARGE", row["arrival"]))
            if last["event_type"] == "ADMISSION" and last["discharge_time"] is None:
                occupied_by[patient] = last

    taken, by_gender = {}, {}
    for patient, row in occupied_by.items():
        if row["known_unit"]:
            unit = (row["department"], row["hospital_id"])
            taken[unit] = taken.get(unit, 0) + 1
            key = (row["department"], gender_now[patient])
            by_gender[key] = by_gender.get(key, 0) + 1
    known = [row for row in silver if row["known_unit"]]
    units = sorted({(row["department"], row["hospital_id"]) for row in known})
    in_bed = {id(row) for row in occupied_by.values()}
    admissions = [row for row in silver if row["event_type"] == "ADMISSION"]
    days = sorted({row["admission_time"] // 86_400_000_000 for row in silver})

    out = {"silver": [{key: value for key, value in row.items() if key not in ("arrival", "version", "event_at", "known_unit")}
                      for row in silver]}
    out["dim_patient"] = [{key: value for key, value in each.items() if key != "attributes"} for each in versions]
    out["dim_department"] = [{"department": d, "hospital_id": h, "hospital_name": HOSPITALS[h], "bed_capacity": BEDS.get(d)}
                             for d, h in units]
    out["dim_date"] = []
    for day in range(days[0], days[-1] + 1) if days else []:
        at = EPOCH.date() + datetime.timedelta(days=day)
        of_week = at.isoweekday() % 7
        out["dim_date"].append({"date_key": at.isoformat(), "year": at.year, "quarter": (at.month + 2) // 3, "month": at.month,
                                "month_name": at.strftime("%B"), "day": at.day, "day_of_week": of_week + 1,
                                "day_name": at.strftime("%A"), "is_weekend": of_week in (0, 6)})
    out["fact_patient_flow"] = [
        {**{key: row[key] for key in TEXTS if key not in ("gender", "hospital_name", "insurance_type")},
         "hospital_id": row["hospital_id"], **{key: row[key] for key in VITALS}, "temperature_f": row["temperature_f"],
         "length_of_stay_hrs": row["length_of_stay_hrs"], "admission_time": row["admission_time"],
         "discharge_time": row["discharge_time"], "expected_discharge_time": row["expected_discharge_time"],
         "admission_date": (EPOCH.date() + datetime.timedelta(days=row["admission_time"] // 86_400_000_000)).isoformat(),
         "is_currently_admitted": id(row) in in_bed} for row in silver]
    out["kpi_occupancy"] = [
        {"department": d, "hospital_id": h, "hospital_name": HOSPITALS[h], "bed_capacity": BEDS.get(d),
         "occupied_beds": taken.get((d, h), 0),
         "occupancy_pct": half_away(decimal.Decimal(100 * taken.get((d, h), 0)) / BEDS[d]) if d in BEDS else None}
        for d, h in units]
    out["kpi_occupancy_by_gender"] = [{"department": d, "gender": g, "occupied_beds": n} for (d, g), n in by_gender.items()]

    def average(values):
        values = [value for value in values if value is not None]
        return half_away(sum(map(decimal.Decimal, values)) / len(values)) if values else None

    out["kpi_los"], out["kpi_vitals"] = [], []
    for department in sorted({row["department"] for row in known}):
        rows = [row for row in known if row["department"] == department]
        stays = [row["length_of_stay_hrs"] for row in rows if row["event_type"] == "DISCHARGE"
                 and row["length_of_stay_hrs"] is not None and row["length_of_stay_hrs"] > 0]
        if stays:
            out["kpi_los"].append({"department": department, "avg_stay_hrs": average(stays), "total_discharges": len(stays)})
        out["kpi_vitals"].append({"department": department, **{"avg_" + name: average([row[name] for row in rows])
                                                               for name in VITALS + ["temperature_f"]}})
    out["kpi_priority"] = count("kpi_priority", "admission_priority", admissions, "admissions")
    out["kpi_diagnoses"] = count("kpi_diagnoses", "diagnosis_code",
                                 [row for row in admissions if row["diagnosis_code"] is not None], "admissions")
    per_day = {}
    for row in admissions:
        at = EPOCH.date() + datetime.timedelta(days=row["admission_time"] // 86_400_000_000)
        key = (at.strftime("%A"), at.isoweekday() >= 6)
        per_day[key] = per_day.get(key, 0) + 1
    out["kpi_day_of_week"] = [{"day_name": d, "is_weekend": w, "admissions": n} for (d, w), n in per_day.items()]
    flags = {}
    for row in silver:
        for flag in row["dq_flags"].split("|"):
            flags[flag] = flags.get(flag, 0) + 1
    out["kpi_quality"] = [{"dq_flag": flag, "events": n} for flag, n in flags.items()]
    return {name: [as_shown(row) for row in rows] for name, rows in out.items()}, dead


def as_shown(row):
    def show(name, value):
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if name in TIMES or name in ("effective_from", "effective_to"):
            return show_time(value)
        return str(value)
    return {name: show(name, value) for name, value in row.items()}


def nasty_lines(seed, count):
    """NDJSON lines of few patients, so that much happens to each, with every dirt that the rules name."""
    chance = random.Random(seed)
    start, lines, sent = 1772323200, [], []  # 2026-03-01

    def stamp(second):
        at = EPOCH + datetime.timedelta(seconds=second)
        text = at.strftime("%Y-%m-%d") + chance.choice("TTT ") + at.strftime("%H:%M:%S")
        return text + chance.choice(["", "", ".5", ".123456", ".1234567891"]) + chance.choice(["", "", "Z", "+02:00", "-05:30"])

    def time(second):
        return chance.choice([stamp(second)] * 12 + [None, "", "2026-02-31T00:00:00", "soon", 5, "2026-03-01", "2026-03-01T24:00:01"])

    def whole(low, high):
        value = chance.randint(low, high)
        return chance.choice([value] * 12 + [None, str(value), value + 0.5, float(value), 2**31, -2**31 - 1, True, [value]])

    def text(*choices):
        return chance.choice(list(choices) * 4 + [None, "", " ", 7, 7.50, True, {"a": [1, None]}, "Zoë \"x\"\n,|'", "null"])

    departments = list(BEDS) + [typo for typos in TYPOS.values() for typo in typos.split()] + ["Radiology", "icu ", "surgery"]
    for number_of in range(count):
        at = start + number_of * chance.choice([0, 0, 20, 60]) + chance.randint(-7200, 7200)
        event = {"event_type": text("ADMISSION", "ADMISSION", "DISCHARGE", "DISCHARGE", "TRANSFER", "admission"),
                 "event_id": chance.choice([f"e{number_of}"] * 9 + [f"e{chance.randint(0, number_of)}", None]),
                 "patient_id": chance.choice([f"p{chance.randint(1, count // 12 + 1)}"] * 15 + [None, "", 12]),
                 "gender": text("Male", "Female"), "age": whole(-3, 130), "department": text(*departments),
                 "hospital_id": chance.choice([chance.randint(1, 7)] * 9 + [0, -1, 8, 999, None, "3", 3.0]),
                 "hospital_name": text("MHA Somewhere"), "bed_id": text("H1-ICU-3"),
                 "admission_time": time(at + chance.choice([-9000, -600, 0, 0, 90000])),
                 "diagnosis_code": text("I25.1-Coronary Artery Disease", "C61-Prostate Cancer"),
                 "insurance_type": text("Medicare", "Self-Pay"), "event_timestamp": time(at),
                 "vitals": {"heart_rate": whole(40, 160), "bp_systolic": whole(80, 200), "bp_diastolic": whole(40, 120),
                            "oxygen_saturation": whole(70, 100), "temperature_f": chance.choice([98.6, 101, 99.25, None, "99"])}}
        if chance.random() < 0.5:
            event.update(discharge_time=time(at + chance.choice([-90000, -3600, 0, 3601, 86399])), discharge_status=text("Deceased"),
                         length_of_stay_hrs=chance.choice([None, 3.5, -2, 12, "4", 0, 100.125]))
        else:
            event.update(expected_discharge_time=time(at + 86400), admission_priority=text("Urgent", "Scheduled"))
        for _ in range(chance.choice([0, 0, 0, 1, 3])):
            event.pop(chance.choice(list(event)), None)
        if chance.random() < 0.05:
            event["vitals"] = chance.choice([None, [], "none", {}])
        if chance.random() < 0.1:
            event["unknown"] = {"vitals": {"heart_rate": 1}, "age": [1, {"age": 2}]}
        line = json.dumps(event, ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.05:
            line = line[:-1] + ', "gender": "Other", "age": 50}'
        line = line.encode()
        broken = chance.random()
        if broken < 0.06:
            line = chance.choice([line[:-1], line[:len(line) // 2], line + b" x", line + line, b"null", b"[" + line + b"]", b"17",
                                  line.replace(b'"', b"'"), line[:-1] + b', "x": NaN}', line[:-1] + b', "x": "\xff"}',
                                  line[:-1] + b', "gender": "\\u0000"}', b"\xef\xbb\xbf" + line, line[:-1] + b', "y": tru}',
                                  line[:-1] + b', "open": "}', b"{", b"}" + line])
        if broken > 0.97:
            lines.append(chance.choice([b"", b"   ", b"\t"]))
        if chance.random() < 0.1:
            line = b"  " + line.replace(b": ", b" :\t") + b"\r"
        lines.append(line)
        sent.append(line)
        if chance.random() < 0.05:
            lines.append(chance.choice(sent))
    return lines
