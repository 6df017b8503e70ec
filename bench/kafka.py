#!/usr/bin/env python3
"""Runs h1 and h2 from a Kafka topic to a Kafka topic, exactly once, with Systole and with Apache Flink on the same broker.

    ./dev bench kafka --workload h1,h2 --runs 3

The jobs are those of workloads/ with another source and sink. A broker is started for the time of the benchmark; the
input is one topic with as many partitions as tasks, read to its end. What was published is read back, committed records
only, and its checksum compared with bench/expected. CPU seconds are the engine's process', not the broker's.
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import flink
from broker import Broker, connection, written
from flink import SYSTOLE, WORK

SINKS = {"h1": ("flagged", "key: [event_id]"), "h2": ("occupancy", "key: [hospital_id, department]")}
# What reads an output topic back: h2's last row of each group.
READ_BACK = {
    "h1": """  sinks:
    - {name: files, input: rows, file: {path: "${param.out}"}, format: {json: {}}}
""",
    "h2": """  steps:
    - {name: last_rows, input: rows, deduplicate: {key: [hospital_id, department], keep: last, orderBy: [at]}}
    - {name: final_rows, input: last_rows, project: {fields: {hospital_id: hospital_id, department: department, occupied: occupied}}}
  sinks:
    - {name: checked, input: final_rows, collect: {}}
""",
}


def kafka_source(topic):
    return f"      kafka: {{connection: broker, topic: {topic}, startingOffsets: earliest, bounded: true}}\n"


def from_topic(workload, parallelism, name):
    """workloads/<workload>.yaml with the topic of its events as its source."""
    with open(os.path.join(flink.HERE, "workloads", workload + ".yaml"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"      files: .*\n", kafka_source(f"patient-flow-{parallelism}"), text)
    text = re.sub(r"    input: .*\n", "", text, count=1)
    return text.replace(f"metadata: {{name: {workload}}}", f"metadata: {{name: {name}}}") + connection()


def job(workload, parallelism, topic):
    """The same from topic to topic."""
    text = from_topic(workload, parallelism, topic)  # a job's runs are told apart by its name
    text = re.sub(r"  parameters:\n(?:    .*\n)+", "", text)
    step, key = SINKS[workload]
    sinks = (f"  sinks:\n    - name: published\n      input: {step}\n      kafka: {{connection: broker, topic: {topic}, {key}}}\n"
             "      format: {json: {}}\n")
    return re.sub(r"  sinks:\n(?:    .*\n)+", sinks, text)


def reader(workload, topic):
    """A job that reads an output topic back to its end, committed records only."""
    if workload == "h1":
        with open(os.path.join(flink.HERE, "workloads", "h1.yaml"), encoding="utf-8") as file:
            columns = re.findall(r"^      (\w+: [a-z ]+?)(?: from .*)?$", file.read().split("  sources:")[0], re.MULTILINE)
        columns.append("dq_flags: text")
    else:
        columns = ["hospital_id: int", "department: text", "occupied: bigint", "at: bigint from kafka.offset"]
    lines = "".join(f"          {each}\n" for each in columns)
    parameters = "  parameters: {out: {type: string}}\n" if workload == "h1" else ""
    return (f"apiVersion: systole/v1\nkind: Job\nmetadata: {{name: read-{workload}}}\nspec:\n{parameters}  sources:\n"
            f"    - name: rows\n{kafka_source(topic)}      format: {{json: {{}}}}\n      schema:\n        columns:\n{lines}"
            + READ_BACK[workload] + connection())


def read_back(workload, topic):
    """Rows and checksum of what was published."""
    out = os.path.join(WORK, "out")
    shutil.rmtree(out, ignore_errors=True)
    command = [SYSTOLE, "run", written("read.yaml", reader(workload, topic)), "--progress", "none"]
    ran = subprocess.run(command + (["--param", f"out={out}"] if workload == "h1" else []), capture_output=True, text=True, timeout=400)
    if ran.returncode != 0:
        return dict(error="reading back: " + ran.stderr[-500:])
    if workload == "h1":
        rows, checksum = flink.h1_checksum(out)
        return dict(rows=rows, checksum=checksum)
    told = next(json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"rows"'))
    return dict(rows=told["rows"], checksum=told["checksum"])


def run_systole(point, options, topic):
    state = os.path.join(WORK, "state")
    shutil.rmtree(state, ignore_errors=True)
    command = [SYSTOLE, "run", written("job.yaml", job(point["workload"], point["parallelism"], topic)), "--state", state,
               "--parallelism", str(point["parallelism"]), "--memory", options.memory, "--progress", "json"]
    ran = flink.run_process(command, options.timeout, None, lambda line: '"first_row_s"' in line)
    if ran["exit"] != 0:
        return dict(error=ran["errors"] or ran["out"][-500:], exit=ran["exit"])
    return dict(process_cpu_s=ran["process_cpu_s"], wall_s=ran["wall_s"], peak_rss_mib=ran["peak_rss_mib"],
                events_per_cpu_s=point["events"] / ran["process_cpu_s"], events_per_s=point["events"] / ran["wall_s"],
                first_row_s=ran["noticed_s"], first_result_s=ran["noticed_s"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", default="h1,h2")
    add("--parallelism", type=int, default=1)
    add("--engine", default="systole,flink-stream")
    add("--events", type=int, default=2_000_000)
    add("--seed", type=int, default=1)
    add("--runs", type=int, default=3)
    flink.add_engine_flags(parser)
    options = parser.parse_args()
    flink.build_flink()  # which also loads the topics
    about = flink.machine()
    print(f"# {about['date']}, commit {about['commit']}, {about['cores']} cores ({about['cpu']}), seed {options.seed}, "
          f"load {about['load']:.1f}", flush=True)
    folder = flink.data(options.parallelism, options.events, options.seed)
    broker, results, made = Broker(quick=False), [], 0
    try:
        broker.load(f"patient-flow-{options.parallelism}", sorted(glob.glob(folder + "/*.ndjson")))
        for workload in options.workload.split(","):
            base = dict(workload=workload, events=options.events, parallelism=options.parallelism, seed=options.seed)
            for _ in range(options.runs):
                for engine in options.engine.split(","):
                    made += 1
                    topic = f"run{made}-{workload}-out"
                    broker.create(topic, partitions=options.parallelism)
                    with flink.bench_lock():
                        if engine == "systole":
                            result = run_systole(base, options, topic)
                        else:
                            result = flink.run_flink(base, options, folder, engine[6:], topic_prefix=f"run{made}-")
                    result.pop("checksum", None)
                    if "error" not in result and options.parallelism == 1:
                        result.update(read_back(workload, topic))
                    result = {**base, "engine": engine, "source": "kafka", **result, "machine": about}
                    broker.delete(topic)
                    result["result"] = flink.verdict(base, result)
                    results.append(result)
                    print(json.dumps({k: v for k, v in result.items() if k != "machine"}), file=sys.stderr, flush=True)
                    if options.json:
                        with open(options.json, "a", encoding="utf-8") as file:
                            file.write(json.dumps(result) + "\n")
    finally:
        broker.stop()
    print("\n" + flink.table(results))
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f} on {about['cores']} cores.")
    return 1 if any(r["result"] == "wrong" or "error" in r for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
