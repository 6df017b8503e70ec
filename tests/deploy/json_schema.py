"""The part of JSON Schema that the schemas of this folder use: $ref, type, enum, pattern, minimum, maximum, required, properties,
additionalProperties, items, minItems, oneOf. A keyword that is not known is an error, so that no check is left out silently."""
import re

KNOWN = {"$ref", "type", "enum", "const", "pattern", "minimum", "maximum", "required", "properties", "additionalProperties", "items",
         "minItems", "oneOf", "description", "$defs", "$schema", "title"}
TYPES = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def misfits(whole, schema, value, at="$"):
    """What of a value does not fit its schema, as texts."""
    if schema is True:
        return []
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"the schema has keywords that nobody checks: {unknown}")
    if "$ref" in schema:
        return misfits(whole, whole["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, at)
    if "oneOf" in schema:
        tries = [misfits(whole, each, value, at) for each in schema["oneOf"]]
        if sum(not each for each in tries) != 1:
            return [f"{at} fits {sum(not each for each in tries)} of {len(tries)} forms: {min(tries, key=len)}"]
        return []
    if "type" in schema and not is_type(value, schema["type"]):
        return [f"{at} is not {schema['type']}: {value!r}"]
    found = []
    if "const" in schema and value != schema["const"]:
        found.append(f"{at} is not {schema['const']!r}: {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at} is none of {schema['enum']}: {value!r}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at} does not match {schema['pattern']}: {value!r}")
    if is_type(value, "integer") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{at} is {value}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{at} has {len(value)} items")
        for index, item in enumerate(value):
            found += misfits(whole, schema.get("items", True), item, f"{at}[{index}]")
    if isinstance(value, dict):
        found += [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, member in value.items():
            if name in known:
                found += misfits(whole, known[name], member, f"{at}.{name}")
            elif rest is False:
                found.append(f"{at}.{name} is unknown")
            else:
                found += misfits(whole, rest, member, f"{at}.{name}")
    return found
