"""The page of what `--json` prints, made from the recorded schemas and the dataclasses' own words."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from command_blocks import HOUSE

SCHEMAS = HOUSE / "tests" / "schemas"
WORDS = {  # dataclasses whose attributes name what a command prints
    "predict": ("lentigo.inference.results.Prediction", "lentigo.images.problems.Problem"),
    "explain": ("lentigo.inference.results.Prediction", "lentigo.inference.results.InferenceResult"),
    "segment": ("lentigo.inference.lesions.segmentation.Segmentation", "lentigo.inference.lesions.measures.Measures"),
    "detect": ("lentigo.inference.lesions.detection.Detection", "lentigo.inference.lesions.detection.DetectedLesion"),
    "evaluate": (
        "lentigo.evaluation.assessment.Assessment",
        "lentigo.evaluation.analysis.Analysis",
        "lentigo.evaluation.scores.metrics.Metrics",
        "lentigo.evaluation.scores.decisions.Decisions",
        "lentigo.evaluation.scores.decisions.Refusals",
        "lentigo.evaluation.contamination.Contamination",
    ),
    "audit": (
        "lentigo.audit.audit.Audit",
        "lentigo.audit.shortcut_baselines.ShortcutBaselines",
        "lentigo.duplicates.duplicates.Duplicates",
    ),
    "data_info": ("lentigo.datasets.description.Description",),
    "data_split": ("lentigo.splits.partition.Partition",),
}  # fmt: skip
INTRODUCTION = """# JSON

What `--json` prints, a JSON object a line. Each table is a recorded JSON Schema (`tests/schemas/`) that a test holds:
within 1.x no key goes, and no key changes its type. New keys may come.

"always" says that every object has the key.
"""


def write_json_reference() -> str:
    """The page as Markdown."""
    sections = [INTRODUCTION]
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if "command" in schema:
            sections.append(describe_schema(path, schema))
    return "\n".join(sections)


def describe_schema(path: Path, schema: dict[str, Any]) -> str:
    """The keys that a command prints."""
    words = collect_words(path.stem)
    lines = [f"## {schema['command']}", "", "| key | type | always | what |", "|---|---|---|---|"]
    for key, inner, always in list_keys(schema, ""):
        what = words.get(key.rpartition(".")[2].removesuffix("[]"), "")
        lines.append(f"| `{key}` | {name_type(inner)} | {'yes' if always else ''} | {what} |")
    return "\n".join([*lines, ""])


def list_keys(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """The path of each key, its schema, and whether it is always there."""
    for name, inner in schema.get("properties", {}).items():
        key = f"{place}.{name}" if place else name
        yield key, inner, name in schema.get("required", [])
        yield from list_keys(inner, key)
        yield from list_keys(inner.get("items", {}), f"{key}[]")


def name_type(schema: dict[str, Any]) -> str:
    """The type of a value in words; none where the toys of the tests have no value."""
    kinds = schema.get("type", [])
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)


def collect_words(command: str) -> dict[str, str]:
    """What the dataclasses of a command say of their attributes."""
    found: dict[str, str] = {}
    for name in WORDS.get(command, ()):
        module, _, kind = name.rpartition(".")
        found = read_attributes(getattr(import_module(module), kind)) | found
    return found


def read_attributes(kind: type) -> dict[str, str]:
    """The section "Attributes" of a docstring.

    >>> class Toy:
    ...     '''A toy.
    ...
    ...     Attributes:
    ...         size: How large
    ...             it is.
    ...     '''
    >>> read_attributes(Toy)
    {'size': 'How large it is.'}
    """
    text = inspect.cleandoc(kind.__doc__ or "")
    _, _, section = text.partition("Attributes:\n")
    words = {}
    for match in re.finditer(r"^    (\w+): (.*(?:\n        .*)*)", section, re.MULTILINE):
        words[match[1]] = " ".join(match[2].split()).replace("|", "\\|")
    return words
