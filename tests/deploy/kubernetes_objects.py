"""What Kubernetes would notice late or never about a set of objects: names that are not there, selectors that select nothing,
command lines that the program refuses."""
import re

import flags


def of_kind(objects, *kinds):
    return [each for each in objects if each["kind"] in kinds]


def pods(objects):
    """(object, pod template) of all that make pods."""
    return [(each, each["spec"]["template"]) for each in of_kind(objects, "StatefulSet", "Job")]


def selects(selector, labels):
    return selector.items() <= labels.items()


def unnamed(objects, secrets):
    """References to what is not there, selectors that select nothing. `secrets`: those that the README has the user make."""
    found = []
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    if len(names) != len(objects):
        found.append("two objects have one name")
    all_labels = [template["metadata"]["labels"] for _, template in pods(objects)]
    for each in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = each["spec"]
        selector = spec["selector"] if each["kind"] == "Service" else spec.get("podSelector", spec.get("selector"))["matchLabels"]
        if sum(selects(selector, labels) for labels in all_labels) != 1:
            found.append(f"{each['kind']} {each['metadata']['name']} does not select one kind of pod")
    for each in of_kind(objects, "StatefulSet"):
        if not selects(each["spec"]["selector"]["matchLabels"], each["spec"]["template"]["metadata"]["labels"]):
            found.append(f"{each['metadata']['name']} does not select its own pods")
        if ("Service", each["spec"]["serviceName"]) not in names:
            found.append(f"{each['metadata']['name']}: no service {each['spec']['serviceName']}")
        budgets = [budget for budget in of_kind(objects, "PodDisruptionBudget")
                   if selects(budget["spec"]["selector"]["matchLabels"], each["spec"]["template"]["metadata"]["labels"])]
        if len(budgets) != 1:
            found.append(f"{each['metadata']['name']} has {len(budgets)} budgets against evictions")
        elif budgets[0]["spec"].get("minAvailable", 0) >= each["spec"]["replicas"]:
            found.append(f"{each['metadata']['name']}: its budget lets no machine be emptied")
    for owner, template in pods(objects):
        name, spec = owner["metadata"]["name"], template["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for volume in volumes.values():
            wanted = [(kind, volume[key][member]) for kind, key, member in (
                ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"), ("ConfigMap", "configMap", "name")) if key in volume]
            found += [f"{name}: no {kind} {what}" for kind, what in wanted if (kind, what) not in names]
            if "secret" in volume and volume["secret"]["secretName"] not in secrets:
                found.append(f"{name}: nobody is told to make the secret {volume['secret']['secretName']}")
        mounts = [mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])]
        found += [f"{name}: no volume {each}" for each in mounts if each not in volumes]
        found += [f"{name}: the volume {each} is mounted nowhere" for each in volumes if each not in mounts]
        for container in spec["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for form in ("httpGet", "tcpSocket"):
                    port = container.get(probe, {}).get(form, {}).get("port")
                    if port and port not in ports:
                        found.append(f"{name}: {probe} asks the port {port}")
            if container["resources"]["requests"]["memory"] != container["resources"]["limits"]["memory"] and owner["kind"] == "StatefulSet" and "worker" in name:
                found.append(f"{name}: its memory may be taken away")
    for service in of_kind(objects, "Service"):
        ports = {port["name"] for _, template in pods(objects) if selects(service["spec"]["selector"], template["metadata"]["labels"])
                 for container in template["spec"]["containers"] for port in container.get("ports", [])}
        found += [f"Service {service['metadata']['name']}: no port {each['targetPort']}" for each in service["spec"]["ports"]
                  if each["targetPort"] not in ports]
    return found


def pod_names(stateful_set):
    return [f"{stateful_set['metadata']['name']}-{i}.{stateful_set['spec']['serviceName']}" for i in range(stateful_set["spec"]["replicas"])]


def processes(systole, objects):
    """Coordinators and workers: flags, and what of the pod must agree with them."""
    found, sets = [], {}
    for each in of_kind(objects, "StatefulSet"):
        container, = each["spec"]["template"]["spec"]["containers"]
        wrong = flags.misuses(systole, container["args"])
        if wrong:
            return [f"{each['metadata']['name']}: {text}" for text in wrong]
        verb, given = flags.parsed(container["args"])
        sets[verb] = (each, container, given)
        variables = {variable["name"] for variable in container.get("env", [])}
        found += [f"{verb}: nobody sets $({name})" for word in container["args"] for name in re.findall(r"\$\((\w+)\)", word) if name not in variables]
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        for flag, name in (("--listen", "nodes"), ("--api", "api"), ("--metrics", "metrics")):
            if flag in given and given[flag][0].rsplit(":", 1)[1] != ports.get(name):
                found.append(f"{verb}: {flag} is not the port {name}")
        if given["--listen"][0].startswith("127."):
            found.append(f"{verb}: others cannot reach it")
        mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}

        def writable(path):
            places = [place for place in mounts if path == place or path.startswith(place + "/")]
            return bool(places) and not mounts[max(places, key=len)]

        found += [f"{verb}: {flag} {given[flag][0]} cannot be written" for flag in ("--storage", "--state") if flag in given and not writable(given[flag][0])]
        if "/srv/systole" not in mounts:
            found.append(f"{verb}: it does not share the storage")
    if set(sets) != {"coordinator", "worker"}:
        return found + ["a cluster is coordinators and workers"]
    coordinator, asked, _ = sets["coordinator"]
    worker, container, given = sets["worker"]
    if set(given["--coordinator"]) != {f"{name}:8481" for name in pod_names(coordinator)}:
        found.append(f"worker: its coordinators are not {pod_names(coordinator)}")
    if coordinator["spec"]["replicas"] < 2:
        found.append("coordinator: nobody stands by")
    # /readyz is 200 at the leader only: as readiness it would end no rollout, as liveness it would kill standbys.
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if asked[probe]["httpGet"]["path"] != "/healthz":
            found.append(f"coordinator: a standby fails its {probe}")
    if worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] <= int(given["--drain-seconds"][0]):
        found.append("worker: its grace period is not over --drain-seconds")
    if flags.bytes_of(container["resources"]["limits"]["memory"]) < flags.bytes_of(given["--memory"][0]) + flags.OWN_MEMORY:
        found.append("worker: its memory limit is below --memory and the program's own")
    secrets = [sorted(mount["mountPath"] for mount in each["volumeMounts"] if mount["mountPath"].startswith("/etc/systole/secrets/")) for each in (asked, container)]
    if secrets[0] != secrets[1]:
        found.append("coordinators and workers have different secrets")
    if "--metrics" not in given:
        found.append("worker: nobody sees its metrics")
    return found


def reachable(objects):
    """Network policies: who must reach whom may, and nobody else reaches the ports between processes."""
    labels = {template["metadata"]["labels"]["app.kubernetes.io/component"]: template["metadata"]["labels"] for _, template in pods(objects)}

    def allowed(policy, direction, peer, port):
        key = "from" if direction == "ingress" else "to"
        return any(port in [each["port"] for each in rule["ports"]] and
                   (key not in rule or any(selects(each["podSelector"]["matchLabels"], peer) for each in rule[key]))
                   for rule in policy["spec"][direction])

    def policy_of(component):
        return next(each for each in of_kind(objects, "NetworkPolicy") if selects(each["spec"]["podSelector"]["matchLabels"], labels[component]))

    found = []
    for source, target, port in (("worker", "coordinator", 8481), ("worker", "worker", 8482), ("submit", "coordinator", 8480)):
        if not allowed(policy_of(target), "ingress", labels[source], port):
            found.append(f"{target} does not let {source} in at {port}")
        if source != "submit" and not allowed(policy_of(source), "egress", labels[target], port):
            found.append(f"{source} may not go to {target} at {port}")
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    found += [f"{target} does not let Prometheus in at {port}" for target, port in (("coordinator", 8480), ("worker", 9461))
              if not allowed(policy_of(target), "ingress", prometheus, port)]
    for target, port in (("coordinator", 8481), ("worker", 8482)):
        if allowed(policy_of(target), "ingress", prometheus, port):
            found.append(f"{target} lets Prometheus in at {port}")
    for target, port in (("coordinator", 8481), ("worker", 8482), ("coordinator", 8480), ("worker", 9461)):
        if allowed(policy_of(target), "ingress", {"app": "stranger"}, port):
            found.append(f"{target} lets strangers in at {port}")
    if allowed(policy_of("worker"), "ingress", labels["submit"], 8482):
        found.append("worker lets who submits in at 8482")
    return found
