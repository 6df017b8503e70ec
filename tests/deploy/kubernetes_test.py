#!/usr/bin/env python3
"""The Kubernetes manifests: each object's structure, what they refer to, the command lines in them, and the job of the
ConfigMap, which the command itself validates.

    kubernetes_test.py --systole build/release/systole
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import checking
import json_schema
import kubernetes_objects
import yaml_files

FOLDER = "deploy/kubernetes"
SCHEMA = json.loads((yaml_files.ROOT / "tests/deploy/schemas/kubernetes.json").read_text())


def structure(objects):
    found = []
    for each in objects:
        form = SCHEMA["$defs"].get(each.get("kind"))
        name = f"{each.get('kind')} {each.get('metadata', {}).get('name')}"
        found += [f"{name}: no kind of the schema"] if form is None else [f"{name}: {text}" for text in json_schema.misfits(SCHEMA, form, each, "")]
    return found


def jobs(systole, objects):
    """The job that is submitted is valid, and its secrets are there."""
    found = []
    mounts = {mount["mountPath"] for each in kubernetes_objects.of_kind(objects, "StatefulSet")
              for container in each["spec"]["template"]["spec"]["containers"] for mount in container["volumeMounts"]}
    for config in kubernetes_objects.of_kind(objects, "ConfigMap"):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / name for name in config["data"]]
            for path, text in zip(paths, config["data"].values()):
                path.write_text(text)
            ran = subprocess.run([systole, "validate", *map(str, paths)], capture_output=True, text=True, timeout=60)
        if ran.returncode != 0:
            found.append(f"{config['metadata']['name']}: {ran.stdout}{ran.stderr}")
        for name, key in re.findall(r"secretRef: \{name: ([\w-]+), key: ([\w-]+)\}", "".join(config["data"].values())):
            if f"/etc/systole/secrets/{name}" not in mounts:
                found.append(f"{config['metadata']['name']}: the secret {name}/{key} is mounted nowhere")
        for submit in kubernetes_objects.of_kind(objects, "Job"):
            container = submit["spec"]["template"]["spec"]["containers"][0]
            line = container["command"][-1]
            found += [f"it submits {each}, which is not in the ConfigMap" for each in re.findall(r"/jobs/(\S+)", line) if each not in config["data"]]
            servers = next(variable["value"] for variable in container["env"] if variable["name"] == "SYSTOLE_SERVER").split(",")
            coordinator = next(each for each in kubernetes_objects.of_kind(objects, "StatefulSet") if "coordinator" in each["metadata"]["name"])
            if servers != [f"http://{name}:8480" for name in kubernetes_objects.pod_names(coordinator)]:
                found.append(f"it asks {servers}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systole", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    systole = parser.parse_args().systole
    base = yaml_files.ROOT / FOLDER
    (kustomization,) = yaml_files.read(f"{FOLDER}/kustomization.yaml")
    files = sorted(path.name for path in base.glob("*.yaml") if path.name != "kustomization.yaml")
    listed = sorted(kustomization["resources"]) == files
    print("ok    kustomization.yaml" if listed else f"FAIL  kustomization.yaml does not list {files}")
    secrets = set(re.findall(r"create secret generic (\S+)", (base / "README.md").read_text()))
    good = [each for name in kustomization["resources"] for each in yaml_files.read(f"{FOLDER}/{name}")]

    def problems(objects):
        return structure(objects) or (kubernetes_objects.unnamed(objects, secrets) + kubernetes_objects.processes(systole, objects) or
                                      kubernetes_objects.reachable(objects) + jobs(systole, objects))

    def text(old, new, kind, name=None):
        """Replaces within an object, as text."""
        def damage(objects):
            return [json.loads(json.dumps(each).replace(old, new)) if each["kind"] == kind and name in (None, each["metadata"]["name"]) else each
                    for each in objects]
        return damage

    worker, coordinator = ("StatefulSet", "systole-worker"), ("StatefulSet", "systole-coordinator")
    checking.end(listed, checking.run("kubernetes", problems, good, [
        (".replica is unknown", text('"replicas"', '"replica"', *worker)),
        ("is not integer", text('"replicas": 3', '"replicas": "3"', *worker)),
        ("no kind of the schema", text('"PodDisruptionBudget"', '"PodDisruptionBudgets"', "PodDisruptionBudget")),
        ("is not 'policy/v1'", text("policy/v1", "policy/v1beta1", "PodDisruptionBudget")),
        ("readOnlyRootFilesystem", text('"readOnlyRootFilesystem": true', '"readOnlyRootFilesystem": false', *worker)),
        (".hostNetwork is unknown", text('"enableServiceLinks"', '"hostNetwork": true, "enableServiceLinks"', *worker)),
        ("does not match", text("systole:0.1.0", "systole:latest", *worker)),
        ("does not select one kind of pod", text('"worker"', '"workers"', "PodDisruptionBudget", "systole-worker")),
        ("does not select its own pods", text('"matchLabels": {"app.kubernetes.io/name": "systole"', '"matchLabels": {"app.kubernetes.io/name": "sistole"', *worker)),
        ("lets no machine be emptied", text('"minAvailable": 1', '"minAvailable": 2', "PodDisruptionBudget")),
        ("no service", text('"serviceName": "systole-worker"', '"serviceName": "workers"', *worker)),
        ("no PersistentVolumeClaim", text("systole-storage", "storage", "PersistentVolumeClaim")),
        ("nobody is told to make the secret", text("systole-tokens", "tokens", *coordinator)),
        ("asks the port", text('"port": "metrics"', '"port": "api"', *worker)),
        ("no port", text('"targetPort": "api"', '"targetPort": "http"', "Service")),
        ("systole worker has no --memroy", text("--memory", "--memroy", *worker)),
        ("nobody sets $(POD_IP)", text('"name": "POD_IP"', '"name": "IP"', *worker)),
        ("--listen is not the port", text("0.0.0.0:8482", "0.0.0.0:8483", *worker)),
        ("cannot be written", text("--state=/var/lib/systole/worker", "--state=/var/cache/worker", *worker)),
        ("its coordinators", text("systole-coordinator-1.", "systole-coordinator-2.", *worker)),
        ("a standby fails its readinessProbe", text("/healthz", "/readyz", *coordinator)),
        ("grace period", text('"terminationGracePeriodSeconds": 90', '"terminationGracePeriodSeconds": 60', *worker)),
        ("memory limit is below", text("--memory=2GiB", "--memory=3GiB", *worker)),
        ("different secrets", text("/secrets/warehouse", "/secrets/lake", *worker)),
        ("does not let worker in at 8481", text("8481", "8482", "NetworkPolicy", "systole-coordinator")),
        ("lets strangers in at 8480", text('"systole-api": "allowed"', '"app": "stranger"', "NetworkPolicy")),
        ("does not let Prometheus in at 9461", text("9461", "9460", "NetworkPolicy", "systole-worker")),
        ("lets Prometheus in at 8482", text("9461", "8482", "NetworkPolicy", "systole-worker")),
        ("--metrics is not the port", text("--metrics=0.0.0.0:9461", "--metrics=0.0.0.0:9460", *worker)),
        ("may not go to worker", text('"port": 8482', '"port": 8484', "NetworkPolicy", "systole-worker")),
        ("unknown key", text("keep: last", "kept: last", "ConfigMap")),
        ("is mounted nowhere", text("{name: warehouse, key", "{name: lake, key", "ConfigMap")),
        ("not in the ConfigMap", text("/jobs/job.yaml", "/jobs/other.yaml", "Job")),
        ("it asks", text("systole-coordinator-1", "systole-coordinator-9", "Job")),
    ]))


main()
