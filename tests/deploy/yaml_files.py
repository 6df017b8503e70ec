"""YAML files for the checks of this folder: strictly read (no doubled key), through PyYAML (Debian's python3-yaml)."""
import os
import pathlib
import sys

try:
    import yaml
except ImportError:
    # Another Python than Debian's, which has no PyYAML of its own: Debian's has.
    if os.path.exists("/usr/bin/python3") and os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    sys.exit("python3-yaml is not installed: see tools/packages.txt")

ROOT = pathlib.Path(__file__).resolve().parents[2]


class StrictLoader(yaml.SafeLoader):
    pass


def mapping(loader, node):
    seen = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        name = loader.construct_object(key)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{name} is there twice", key.start_mark)
        seen.add(name)
    loader.flatten_mapping(node)
    return {loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value}


StrictLoader.add_constructor("tag:yaml.org,2002:map", mapping)


def documents(text):
    return list(yaml.load_all(text, Loader=StrictLoader))


def read(path):
    return documents((ROOT / path).read_text())
