"""Recorded JSON Schemas: made from what a command printed, and held against what it prints now.

A schema names the type of each key, and which keys every object has. Version 1.x keeps both. A new key is no
fault for a reader, but it has to be recorded too: run the test that failed with LENTIGO_RECORD=1. What takes a
training, a store or an index is held by the test that makes one anyway.
"""

import json
import os
import re
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent / "schemas"
RECORD = "run this test with LENTIGO_RECORD=1"
WORD = re.compile(r"[a-z][a-z0-9_]*")
MAPPINGS = {  # objects whose keys are data
    "known", "libraries", "licenses", "photographs", "of", "kinds", "sizes", "files", "sources", "without",
    "classes", "labels", "splits", "figures", "columns", "importance", "values", "metrics", "counts",
    "diagnoses", "gemm", "cold_parts",
}  # fmt: skip
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def infer_schema(values: list, name: str = "") -> dict:
    """The schema of some values of one place.

    >>> infer_schema([{"a": 1}, {"a": None, "b": "x"}])["required"]
    ['a']
    >>> infer_schema([None]), infer_schema([None, 1])
    ({}, {'type': ['integer', 'null']})
    """
    kinds = set()
    objects = []
    items = []
    for value in values:
        if isinstance(value, dict):
            kinds.add("object")
            objects.append(value)
        elif isinstance(value, list):
            kinds.add("array")
            items += value
        else:
            kinds.add(TYPES[type(value)])
    if "number" in kinds:
        kinds.discard("integer")
    if kinds == {"null"}:
        kinds = set()  # the toys have no value here: a schema of null alone would refuse those who have one
    ordered = sorted(kinds)
    schema: dict = {"type": ordered[0] if len(ordered) == 1 else ordered} if ordered else {}
    if items:
        schema["items"] = infer_schema(items, name)
    if objects:
        schema |= infer_properties(objects, name)
    return schema


def infer_properties(objects: list[dict], name: str) -> dict:
    """The keys of some objects; where keys are data, what all their values are."""
    keys = list(dict.fromkeys(key for value in objects for key in value))
    if name in MAPPINGS or any(not WORD.fullmatch(key) for key in keys):
        values = [inner for value in objects for inner in value.values()]
        return {"additionalProperties": infer_schema(values)} if values else {}
    properties = {}
    for key in keys:
        properties[key] = infer_schema([value[key] for value in objects if key in value], key)
    required = [key for key in keys if all(key in value for value in objects)]
    return {"properties": properties, "required": required}


def hold_schema(name: str, command: str, objects: list) -> None:
    """Holds objects against the recorded schema of a command, or records it anew.

    Args:
        name: Of the file in tests/schemas/.
        command: As a reader knows it.
        objects: What it printed.
    """
    path = SCHEMAS / f"{name}.json"
    if os.environ.get("LENTIGO_RECORD"):
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "command": command}
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(head | infer_schema(objects, name), indent=1)
        path.write_text(text + "\n", encoding="utf-8")
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert objects
    for value in objects:
        for fault in Draft202012Validator(schema).iter_errors(value):
            raise AssertionError(f"{command}: {fault.json_path}: {fault.message}; version 1.x keeps it")
        unknown = sorted(find_unknown(schema, value))
        assert not unknown, f"{command}: {', '.join(unknown)} not recorded; {RECORD}"


def find_unknown(schema: dict, value, place: str = "") -> set[str]:
    """The keys of a value that its schema does not name."""
    found = set()
    if isinstance(value, list):
        for item in value:
            found |= find_unknown(schema.get("items", {}), item, f"{place}[]")
    elif isinstance(value, dict) and "additionalProperties" in schema:
        for item in value.values():
            found |= find_unknown(schema["additionalProperties"], item, f"{place}.*")
    elif isinstance(value, dict) and "properties" in schema:
        for key, item in value.items():
            here = f"{place}.{key}".lstrip(".")
            if key in schema["properties"]:
                found |= find_unknown(schema["properties"][key], item, here)
            else:
                found.add(here)
    return found
