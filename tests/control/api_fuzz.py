#!/usr/bin/env python3
"""Reads the API's OpenAPI document from a server and sends what it describes, and what it does not: every answer must be one
that the document describes, with a body that fits its schema.

    api_fuzz.py --server fake_coordinator [--requests 15000] [--seed N]
"""
import argparse
import http.client
import json
import random
import re
import subprocess
import sys
import time
import urllib.parse

JSON = "application/json"
EVENTS = "text/event-stream"


def resolve(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def type_fits(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}[name])


def misfits(document, schema, value, at="$"):
    """What of a value does not fit its schema, as texts."""
    schema = resolve(document, schema)
    kinds = schema.get("type")
    if kinds is not None and not any(type_fits(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return [f"{at} is not {kinds}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is none of {schema['enum']}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
            found.append(f"{at} does not match {schema['pattern']}")
        size = len(value.encode())
        if size < schema.get("minLength", 0) or size > schema.get("maxLength", size):
            found.append(f"{at} has {size} bytes")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{at} is {value}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
            found.append(f"{at} has {len(value)} items")
        for index, item in enumerate(value):
            found += misfits(document, schema.get("items", {}), item, f"{at}[{index}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        if len(value) > schema.get("maxProperties", len(value)):
            found.append(f"{at} has {len(value)} members")
        found += [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in known:
                found += misfits(document, known[name], member, f"{at}.{name}")
            elif rest is False:
                found.append(f"{at}.{name} is unknown")
            elif rest is not True:
                found += misfits(document, rest, member, f"{at}.{name}")
    return found


def events_of(body):
    """[(name, data)] of server-sent events; None where the bytes are none."""
    made = []
    for block in body.decode().split("\n\n")[:-1]:
        event = re.fullmatch("event: (.*)\ndata: (.*)", block)
        if not event:
            return None
        made.append(event.groups())
    return made if body.endswith(b"\n\n") else None


def as_parameter(schema, text):
    """A query parameter's text as a value of its schema; the text where it is none."""
    if schema["type"] == "integer" and re.fullmatch("[0-9]+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if schema["type"] == "boolean" else text


class Maker:
    """Values that fit a schema, and values that mostly do not."""

    def __init__(self, document, seed):
        self.document = document
        self.random = random.Random(seed)

    def text(self, schema):
        longest = min(schema.get("maxLength", 30), 30)
        letters = "abcxyzABC019-_.: /\u00e9\u6f22"
        made = "".join(self.random.choice(letters) for _ in range(self.random.randint(schema.get("minLength", 0), longest)))
        while len(made.encode()) > longest:
            made = made[:-1]
        return made

    def fitting(self, schema):
        schema = resolve(self.document, schema)
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "examples" in schema and self.random.random() < 0.8:
            return self.random.choice(schema["examples"])
        if kind == "string":
            return self.text(schema)
        if kind == "integer":
            low, high = schema.get("minimum", -5), schema.get("maximum", 1 << 40)
            return self.random.choice([low, high, self.random.randint(low, high), min(high, low + 1)])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "array":
            least = schema.get("minItems", 0)
            return [self.fitting(schema["items"]) for _ in range(self.random.randint(least, least + 2))]
        if kind == "object":
            made = {name: self.fitting(member) for name, member in schema.get("properties", {}).items()
                    if name in schema.get("required", []) or self.random.random() < 0.4}
            rest = schema.get("additionalProperties", False)
            if isinstance(rest, dict):
                made.update({self.text({"minLength": 1}): self.fitting(rest) for _ in range(self.random.randint(0, 3))})
            return made
        return None

    def odd(self):
        return self.random.choice([None, True, 0, -1, 1.5, 1e300, 1 << 63, 1 << 70, "", "x" * 5000, "a\x01b", "\x7f", "\ufffd", [], {}, [[]],
                                   {"a": {"a": 1}}, "' OR 1=1", "../../etc/passwd", [1, "a", None]])

    def bent(self, value):
        """A value with something changed somewhere."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            name = self.random.choice(list(value))
            made = dict(value)
            how = self.random.random()
            if how < 0.2:
                del made[name]
            elif how < 0.35:
                made[name + "x"] = made.pop(name)
            else:
                made[name] = self.bent(made[name])
            return made
        if isinstance(value, list) and value and self.random.random() < 0.8:
            at = self.random.randrange(len(value))
            return value[:at] + [self.bent(value[at])] + value[at + 1:]
        return self.odd()

    def broken_bytes(self, value):
        text = json.dumps(value).encode()
        how = self.random.randrange(6)
        at = self.random.randrange(len(text) + 1)
        if how == 0:
            return text[:at]
        if how == 1:
            return text[:at] + bytes([self.random.randrange(256)]) + text[at:]
        if how == 2:
            return bytes(self.random.randrange(256) for _ in range(self.random.randint(1, 200)))
        if how == 3:
            return b"[" * self.random.choice([10, 63, 65, 100000])
        if how == 4:
            return text + text
        return b'{"files": [], "files": []}'


class Checker:
    def __init__(self, url, requests, seed):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.connection = None
        self.requests = requests
        self.problems = []
        self.seen = {}
        status, _, body = self.send("GET", "/api/v1/openapi.json")
        assert status == 200, (status, body)
        self.document = json.loads(body)
        self.make = Maker(self.document, seed)
        self.random = self.make.random
        self.names = ["a", "b", "fails", "ends", "absent"]
        self.savepoints = []

    def send(self, method, target, body=None, headers=None):
        for fresh in (False, True):
            if self.connection is None or fresh:
                self.connection = http.client.HTTPConnection(*self.address, timeout=10)
            try:
                self.connection.request(method, target, body=body, headers=headers or {})
                answer = self.connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except (http.client.HTTPException, ConnectionError):  # the server ends a connection after a bad request
                self.connection.close()
                if fresh:
                    raise
        raise AssertionError

    def target(self, path, odd):
        if path.endswith("{epoch}") and self.savepoints and self.random.random() < 0.7:
            return self.savepoints.pop()
        def value(match):
            if odd:
                return urllib.parse.quote(self.random.choice(["x y", "\u00e9", "..", "%", "0" * 300, "-1", "1.5", "99999999999999999999", "a/b", "?"]), safe="")
            return str(self.random.randint(0, 200)) if match.group(1) == "epoch" else self.random.choice(self.names)
        made = re.sub(r"\{(\w+)\}", value, path)
        return made

    def query(self, operation):
        """A query of the described parameters, and whether it fits."""
        made, fits = {}, True
        for each in operation.get("parameters", []):
            if self.random.random() < (0.05 if each.get("required") else 0.7):
                fits = fits and not each.get("required")
                continue
            if self.random.random() < 0.85:
                value = self.make.fitting(each["schema"])
                text = value if isinstance(value, str) else json.dumps(value)
            else:
                text = self.random.choice(["", "x", "-1", "0", "1x", "\u00e9", "99999999999999999999", "y" * 5000, "yes"])
            fits = fits and not misfits(self.document, each["schema"], as_parameter(each["schema"], text))
            made[each["name"]] = text
        if self.random.random() < 0.1:
            made[self.make.text({"minLength": 1})] = self.make.text({})
        return ("?" + urllib.parse.urlencode(made) if made else ""), fits

    def body(self, operation):
        """The bytes of a body, and whether they fit."""
        described = operation.get("requestBody")
        if not described:
            return None, True
        schema = described["content"][JSON]["schema"]
        how = self.random.random()
        if how < 0.1:
            return None, not described["required"]
        value = self.make.fitting(schema)
        if "files" in value and self.random.random() < 0.7:
            value["files"][0]["text"] = f"name: {self.random.choice(self.names)}\n" + ("broken" if self.random.random() < 0.2 else "")
        if how < 0.55:
            return json.dumps(value).encode(), True
        if how < 0.9:
            value = self.make.bent(value)
            return json.dumps(value).encode(), not misfits(self.document, schema, value)
        data = self.make.broken_bytes(value)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return data, not data and not described["required"]  # cut off at its first byte it is no body at all
        return data, None  # whether it fits may hang on what Python's reader lets pass

    def check(self, method, path, operation, target, data, status, headers, body, fits):
        if path.endswith("savepoints") and status == 201:
            self.savepoints.append(f"{target.split('?')[0]}/{json.loads(body)['epoch']}")
        told = f"{method} {target} {data[:300] if data else ''} -> {status} {body[:300]}"
        self.seen[(method, path, status)] = self.seen.get((method, path, status), 0) + 1
        answer = operation["responses"].get(str(status))
        if answer is None:
            self.problems.append("a status that is not described: " + told)
            return
        answer = resolve(self.document, answer)
        if "content" not in answer:
            if status == 204 and body:
                self.problems.append("a body where none is described: " + told)
            return
        kind = next(iter(answer["content"]))
        if headers.get("Content-Type") != kind:
            self.problems.append(f"not {kind}: " + told)
            return
        if kind == EVENTS:
            wrong = self.wrong_events(answer["content"][EVENTS]["x-events"], body)
        else:
            wrong = misfits(self.document, answer["content"][JSON]["schema"], json.loads(body))
        if wrong:
            self.problems.append(f"{'; '.join(wrong[:3])}: " + told)
        if fits is True and status in (400, 415):
            self.problems.append("what fits is refused: " + told)
        if fits is False and status < 400:
            self.problems.append("what does not fit is taken: " + told)

    def wrong_events(self, described, body):
        events = events_of(body)
        if events is None:
            return ["it is no stream of events"]
        wrong = [f"the last event is no end: {events[-1:]}"] if [name for name, _ in events[-1:]] != ["end"] else []
        for name, data in events:
            wrong += misfits(self.document, described[name], json.loads(data), name) if name in described else [f"event {name}"]
        return wrong

    def run(self):
        operations = [(method.upper(), path, item, item[method]) for path, item in self.document["paths"].items() for method in item if method != "parameters"]
        for _ in range(self.requests):
            method, path, item, operation = self.random.choice(operations)
            odd = "{" in path and self.random.random() < 0.1
            if self.random.random() < 0.03:
                self.wrong_method(path, item)
                continue
            query, query_fits = self.query(operation)
            target = self.target(path, odd) + query
            data, fits = self.body(operation)
            if not query_fits and fits is not None:
                fits = False
            headers = {"Content-Type": JSON} if data is not None else {}
            status, got, body = self.send(method, target, data, headers)
            if odd and status == 404:  # the target may be no path of the document's any more
                if misfits(self.document, {"$ref": "#/components/schemas/Error"}, json.loads(body)):
                    self.problems.append(f"{method} {target} -> {body}")
                continue
            self.check(method, path, operation, target, data, status, got, body, fits)
        unseen = [f"{method} {path}" for method, path, _, operation in operations
                  if not any(self.seen.get((method, path, int(status))) for status in operation["responses"] if status.startswith("2"))]
        if unseen:
            self.problems.append(f"no request succeeded of: {unseen}")

    def wrong_method(self, path, item):
        method = self.random.choice([name for name in ("PUT", "PATCH", "POST", "DELETE", "GET", "OPTIONS") if name.lower() not in item])
        status, headers, body = self.send(method, self.target(path, False))
        allowed = {name.strip().lower() for name in headers.get("Allow", "").split(",")}
        if status != 405 or allowed != {name for name in item if name != "parameters"} or misfits(self.document, {"$ref": "#/components/schemas/Error"}, json.loads(body)):
            self.problems.append(f"{method} {path} -> {status} {headers} {body}")


def negative_control(checker):
    """The checker must notice an answer that does not fit."""
    operation = checker.document["paths"]["/api/v1/workers"]["get"]
    for status, body in ((200, b'{"workers": [{}]}'), (200, b'{"workers": null}'), (299, b"{}"), (503, b'{"error": {"code": "odd", "message": ""}}')):
        before = len(checker.problems)
        checker.check("GET", "/api/v1/workers", operation, "/control", None, status, {"Content-Type": JSON}, body, True)
        if len(checker.problems) == before:
            return f"not noticed: {status} {body}"
    path = "/api/v1/jobs/{job}/tap"
    end = b'event: end\ndata: {"reason": "rows", "message": ""}\n\n'
    for body in (b"", end[:-1], b'event: row\ndata: {"kind": "+I"}\n\n' + end, end + b'event: odd\ndata: {}\n\n', end.replace(b"rows", b"odd")):
        before = len(checker.problems)
        checker.check("GET", path, checker.document["paths"][path]["get"], "/control", None, 200, {"Content-Type": EVENTS}, body, True)
        if len(checker.problems) == before:
            return f"not noticed: {body}"
    checker.problems.clear()
    checker.seen.clear()
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--requests", type=int, default=15000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    server = subprocess.Popen([options.server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        problems = fuzz(server.stdout.readline().strip(), options)
        if server.poll() is not None:
            problems.append(f"the server has ended with {server.returncode}")
    finally:
        server.stdin.close()
        ended = server.wait(30)
    if ended != 0:
        problems.append(f"the server ended with {ended}")
    for problem in problems[:20]:
        print("FAIL  " + problem)
    return 1 if problems else 0


def fuzz(url, options):
    checker = Checker(url, options.requests, options.seed)
    missed = negative_control(checker)
    if missed:
        return [missed]
    begun = time.time()
    checker.run()
    statuses = {}
    for (_, _, status), count in checker.seen.items():
        statuses[status] = statuses.get(status, 0) + count
    print(f"{options.requests} requests in {time.time() - begun:.1f} s, {len(checker.problems)} problems; answers by status: {dict(sorted(statuses.items()))}")
    return checker.problems


sys.exit(main())
