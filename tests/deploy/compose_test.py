#!/usr/bin/env python3
"""The Compose file: its structure, what it refers to, and the command lines in it.

    compose_test.py --systole build/release/systole
"""
import argparse
import json
import pathlib

import checking
import flags
import json_schema
import yaml_files

FOLDER = "deploy/compose"
SCHEMA = json.loads((yaml_files.ROOT / "tests/deploy/schemas/compose.json").read_text())


def references(whole):
    """What is named and not there."""
    found, published = [], set()
    base = yaml_files.ROOT / FOLDER
    for name, service in whole["services"].items():
        found += [f"{name}: no network {each}" for each in service["networks"] if each not in whole["networks"]]
        found += [f"{name}: no secret {each}" for each in service.get("secrets", []) if each not in whole["secrets"]]
        for each in service.get("volumes", []):
            where = each.split(":")[0]
            if where.startswith("."):
                # Secrets are made by who runs it.
                if not where.startswith("./secrets/") and not (base / where).exists():
                    found.append(f"{name}: there is no {where}")
            elif where not in whole["volumes"]:
                found.append(f"{name}: no volume {where}")
        for each in service.get("ports", []):
            outside = each.rsplit(":", 1)[0]
            if outside in published:
                found.append(f"{name}: {outside} is published twice")
            published.add(outside)
        if "build" in service and not (base / service["build"]["context"] / service["build"]["dockerfile"]).is_file():
            found.append(f"{name}: there is no {service['build']['dockerfile']}")
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("__FILE") and value.removeprefix("/run/secrets/") not in service.get("secrets", []):
                found.append(f"{name}: {variable} is no secret of it")
    return found


def processes(systole, whole):
    """The cluster's own services."""
    own = {name: service for name, service in whole["services"].items() if service["image"].startswith("systole:")}
    found, names, coordinators = [], set(), set()
    for name, service in own.items():
        found += [f"{name}: {each}" for each in flags.misuses(systole, service["command"])]
        if found:
            continue
        verb, given = flags.parsed(service["command"])
        mounted = {each.split(":")[1]: each.split(":")[0] for each in service["volumes"]}
        if mounted.get("/srv/systole") != "storage":
            found.append(f"{name}: it does not share the storage")
        if verb == "coordinator":
            coordinators.add(f"{name}:{given['--listen'][0].rsplit(':', 1)[1]}")
            if given["--storage"] != ["/srv/systole"]:
                found.append(f"{name}: its storage is not the shared one")
            if given["--token-file"][0].removeprefix("/run/secrets/") not in service.get("secrets", []):
                found.append(f"{name}: its token file is no secret of it")
            continue
        if given["--name"] != [name] or given["--advertise"] != [name]:
            found.append(f"{name}: others would know it by another name")
        if flags.bytes_of(service["mem_limit"]) < flags.bytes_of(given["--memory"][0]) + flags.OWN_MEMORY:
            found.append(f"{name}: mem_limit is below --memory and the program's own")
        if int(service["stop_grace_period"][:-1]) <= int(given["--drain-seconds"][0]):
            found.append(f"{name}: stop_grace_period is not over --drain-seconds")
        state = [source for place, source in mounted.items() if given["--state"][0].startswith(place)]
        if len(state) != 1 or state[0] in names:
            found.append(f"{name}: its state is not in a volume of its own")
        names.update(state)
    for name, service in own.items():
        verb, given = flags.parsed(service["command"])
        if verb == "worker" and set(given.get("--coordinator", [])) != coordinators:
            found.append(f"{name}: its coordinators are not {sorted(coordinators)}")
    if len(coordinators) < 2:
        found.append("no coordinator stands by")
    return found


def scraped(whole, prometheus):
    """Prometheus' configuration against that of deploy/prometheus and against the services."""
    (model,) = yaml_files.read("deploy/prometheus/prometheus.yml")
    jobs = {each["job_name"]: each for each in prometheus["scrape_configs"]}
    found = []
    if set(jobs) != {each["job_name"] for each in model["scrape_configs"]} - {"systole-run"}:
        found.append(f"prometheus.yml: its jobs are {sorted(jobs)}")
    if {name: value for name, value in prometheus.items() if name != "scrape_configs"} != {name: value for name, value in model.items() if name != "scrape_configs"}:
        found.append("prometheus.yml: it is another than deploy/prometheus besides its targets")
    for verb, flag in (("worker", "--metrics"), ("coordinator", "--api")):
        given = {name: flags.parsed(service["command"]) for name, service in whole["services"].items() if service["image"].startswith("systole:")}
        wanted = {f"{name}:{words[flag][0].rsplit(':', 1)[1]}" for name, (kind, words) in given.items() if kind == verb and flag in words}
        if {target for group in jobs.get(f"systole-{verb}", {}).get("static_configs", []) for target in group["targets"]} != wanted:
            found.append(f"prometheus.yml: systole-{verb} does not scrape {sorted(wanted)}")
    service = whole["services"]["prometheus"]
    token = jobs.get("systole-coordinator", {}).get("authorization", {}).get("credentials_file", "")
    if token.removeprefix("/run/secrets/") not in service.get("secrets", []):
        found.append("prometheus.yml: it has no token for coordinators")
    mounted = {each.split(":")[1] for each in service["volumes"]}
    found += [f"prometheus: {each} is not mounted" for each in ["prometheus.yml", *prometheus["rule_files"]] if f"/etc/prometheus/{each}" not in mounted]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    systole = parser.parse_args().systole

    (prometheus,) = yaml_files.read(f"{FOLDER}/prometheus.yml")

    def problems(whole):
        return json_schema.misfits(SCHEMA, SCHEMA, whole) or references(whole) + (processes(systole, whole) or scraped(whole, prometheus))

    def set_in(service, name, value):
        def damage(whole):
            whole["services"][service][name] = value
        return damage

    def swap(service, old, new):
        def damage(whole):
            # YAML's merged parts are shared by services: only this one's is to change.
            command = whole["services"][service]["command"]
            whole["services"][service]["command"] = [new if word == old else word for word in command]
        return damage

    (whole,) = yaml_files.read(f"{FOLDER}/compose.yaml")
    damages = [
        ("is unknown", set_in("worker-1", "privileged", True)),
        ("does not match", set_in("prometheus", "image", "prom/prometheus:latest")),
        ("does not match", set_in("grafana", "ports", ["0.0.0.0:3000:3000"])),
        ("no network", set_in("worker-1", "networks", ["host"])),
        ("no volume", set_in("grafana", "volumes", ["grafanas:/var/lib/grafana"])),
        ("there is no", set_in("prometheus", "volumes", ["../promotheus:/etc/prometheus:ro"])),
        ("published twice", set_in("grafana", "ports", ["127.0.0.1:9090:3000"])),
        ("is no secret of it", set_in("grafana", "secrets", ["tokens"])),
        ("systole worker has no --coordinators", swap("worker-2", "--coordinator", "--coordinators")),
        ("needs --insecure", swap("coordinator-2", "--insecure", "--secrets=/x")),
        ("its coordinators", swap("worker-3", "coordinator-2:8481", "coordinator-3:8481")),
        ("another name", swap("worker-3", "worker-3", "worker-2")),
        ("mem_limit", swap("worker-1", "1GiB", "2GiB")),
        ("stop_grace_period", set_in("worker-1", "stop_grace_period", "60s")),
        ("volume of its own", set_in("worker-3", "volumes", ["storage:/srv/systole", "worker-1:/var/lib/systole"])),
        ("systole-worker does not scrape", swap("worker-2", "0.0.0.0:9461", "0.0.0.0:9462")),
        ("has no token", set_in("prometheus", "secrets", ["tokens"])),
        ("alerts.yml is not mounted", set_in("prometheus", "volumes", ["./prometheus.yml:/etc/prometheus/prometheus.yml:ro"])),
        ("share the storage", set_in("worker-3", "volumes", ["worker-3:/var/lib/systole"])),
    ]
    def jobs(change):
        return lambda config: {**config, "scrape_configs": change(config["scrape_configs"])}

    passed = checking.run("compose.yaml", problems, whole, damages)
    watched = checking.run("prometheus.yml", lambda config: scraped(whole, config), prometheus, [
        ("its jobs are", jobs(lambda each: each[:1])),
        ("does not scrape", jobs(lambda each: [{**one, "static_configs": []} for one in each])),
        ("another than deploy/prometheus", lambda config: {**config, "rule_files": ["rules.yml"]}),
    ])
    doubled = False
    try:
        yaml_files.documents("a: 1\nb: {c: 1, c: 2}\n")
    except Exception as problem:
        doubled = "there twice" in str(problem)
    print("ok    a doubled key is found" if doubled else "FAIL  a doubled key is not found")
    checking.end(passed, watched, doubled)


main()
