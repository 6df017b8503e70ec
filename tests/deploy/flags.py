"""What the command itself says of its flags, and what a command line that we ship gives them."""
import functools
import re
import subprocess

MIB = 1 << 20
OWN_MEMORY = 50 * MIB  # of the program besides --memory: docs/operations.md, Sizing


@functools.cache
def known(systole, verb):
    """{flag: whether it takes a value}"""
    text = subprocess.run([systole, verb, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    return {name: bool(value) for name, value in re.findall(r"^  (?:-\w,)?(--[a-z-]+)(?: ([A-Z]+))?", text, re.M)}


def parsed(words):
    """(verb, {flag: [values]}) of `verb --flag value --flag=value --flag`; the first error otherwise."""
    verb, rest, flags = words[0], list(words[1:]), {}
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"{word!r} stands where a flag should")
        name, equals, value = word.partition("=")
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else None
        flags.setdefault(name, []).append(value)
    return verb, flags


def bytes_of(text):
    """Of systole's sizes (2GiB), Kubernetes' (2Gi) and Compose's (2g)."""
    number, unit = re.fullmatch(r"(\d+) ?([A-Za-z]*)", str(text)).groups()
    return int(number) * {"": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}[unit.lower()[:1]]


def misuses(systole, words):
    """What is wrong with a coordinator's or worker's command line, as texts."""
    try:
        verb, flags = parsed(words)
    except (ValueError, IndexError) as problem:
        return [str(problem)]
    if verb not in ("coordinator", "worker"):
        return [f"{verb} is no process of a cluster"]
    there, found = known(systole, verb), []
    for name, values in flags.items():
        if name not in there:
            found.append(f"systole {verb} has no {name}")
        elif any((value is not None) != there[name] for value in values):
            found.append(f"{name} {'needs a value' if there[name] else 'takes no value'}")
    needed = {"coordinator": ["--storage"], "worker": ["--state", "--coordinator"]}[verb]
    found += [f"{name} is missing" for name in needed if name not in flags]
    listen = flags.get("--listen", ["127.0.0.1:0"])[0]
    if listen and not listen.startswith("127.") and "--insecure" not in flags:
        found.append("--listen on another address than loopback needs --insecure")
    api = flags.get("--api", ["127.0.0.1:0"])[0]
    if api and not api.startswith("127.") and "--token-file" not in flags:
        found.append("--api on another address than loopback needs --token-file")
    return found
