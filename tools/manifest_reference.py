#!/usr/bin/env python3
"""Writes docs/manifest_reference.md from `systole schema`: every key of a manifest, its type, default and meaning.

    tools/manifest_reference.py build/release/systole [--check]     (--check: exit 1 where the page is out of date)
"""
import json
import os
import subprocess
import sys

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "manifest_reference.md")
HEAD = """# Every key of a manifest
Made by `tools/manifest_reference.py` from `systole schema`, which an editor can use to complete and explain.
docs/manifest.md explains how to write one.
"""


def kind_of(node):
    if "enum" in node:
        return " \\| ".join(f"`{word}`" for word in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    kind = node.get("type", "")
    if isinstance(kind, list):
        return "text" if "string" in kind else " or ".join(kind)
    if not kind and ("oneOf" in node or "anyOf" in node):
        kinds = [kind_of(each) for each in node.get("oneOf", node.get("anyOf", [])) if "$" not in str(each.get("pattern", ""))]
        return " or ".join(dict.fromkeys(word for word in kinds if word))
    return {"array": "list", "object": "keys", "string": "text"}.get(kind, kind)


def children(node):
    """The properties of a node, of its items and of its alternatives."""
    found = dict(node.get("properties", {}))
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            found.update(children(node[key]))
    for key in ("oneOf", "anyOf", "allOf"):
        for each in node.get(key, []):
            for name, child in children(each).items():
                found.setdefault(name, child)
    return found


def rows(node, depth, lines):
    for name, child in children(node).items():
        default = f" Default: `{json.dumps(child['default']).strip(chr(34)) or ' '}`." if "default" in child and child["default"] is not None else ""
        indent = "&nbsp;" * 4 * depth
        lines.append(f"| {indent}`{name}` | {kind_of(child)} | {child.get('description', '')}{default} |")
        rows(child, depth + 1, lines)


def document(schema, kind):
    return next(each for each in schema.get("oneOf", schema.get("anyOf", [schema]))
                if children(each).get("kind", {}).get("const", children(each).get("kind", {}).get("enum", [kind])[0]) == kind)


def page(schema):
    job = document(schema, "Job")
    lines = [HEAD]
    for section, node in children(children(job)["spec"]).items():
        lines += [f"## `{section}`", node.get("description", ""), ""]
        inner = []
        rows(node, 0, inner)
        if inner:
            lines += ["| key | value | meaning |", "|---|---|---|", *inner, ""]
        elif "default" in node:
            lines += [f"Default: `{node['default']}`.", ""]
    lines += ["## Connection documents", "`kind: Connection`; their `spec` has one of these.", ""]
    inner = []
    rows(children(document(schema, "Connection"))["spec"], 0, inner)
    lines += ["| key | value | meaning |", "|---|---|---|", *inner, ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    made = page(json.loads(subprocess.run([sys.argv[1], "schema"], capture_output=True, text=True, check=True).stdout))
    if "--check" in sys.argv:
        with open(PAGE, encoding="utf-8") as file:
            return 0 if file.read() == made else print("docs/manifest_reference.md is out of date") or 1
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(made)
    return 0


sys.exit(main())
