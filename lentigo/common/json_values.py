"""Values as JSON holds them: results are dictionaries, and a number that does not exist is null."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lentigo.common.file_names import spell_all
from lentigo.common.files import write_text


def replace_nan(value: Any) -> Any:
    """Replaces NaN by None, also inside lists and dictionaries.

    Args:
        value: A number, or nested dictionaries, lists and tuples of numbers and other values.

    Returns:
        The same with None for NaN, and with lists for tuples.

    >>> replace_nan({"auroc": float("nan"), "ci": (0.5, float("nan"))})
    {'auroc': None, 'ci': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: replace_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(replace_nan, value))
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def list_fields(results: Iterable[Any]) -> list[dict[str, Any]]:
    """Lists results as JSON.

    Args:
        results: Dataclasses, with a method `to_json` or without.

    Returns:
        What that method gives, else the fields, for each.
    """
    rows = []
    for result in results:
        if hasattr(result, "to_json"):
            rows.append(result.to_json())
        else:
            rows.append(asdict(result))
    return rows


def write_json(path: str | Path, value: Any) -> None:
    """Writes indented JSON, whole or not at all.

    Args:
        path: The file to be written.
        value: Of dictionaries, lists, text, numbers, booleans and None.

    Raises:
        ValueError: For NaN, which JSON does not have: a file of ours is readable everywhere.
        SpaceError: When the disk is full or not writable.
    """
    # JSON has no NaN: one that was forgotten is an error here, not in somebody's browser
    write_text(path, json.dumps(spell_all(value), indent=2, allow_nan=False) + "\n")


def read_json_object(path: Path) -> dict[str, Any]:
    """Reads a file that holds a JSON object.

    Args:
        path: The file.

    Returns:
        The object.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds something else.
    """
    value = parse_json(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def parse_json(text: str | bytes) -> Any:
    """Reads a JSON text that somebody else may have written.

    Args:
        text: UTF-8, as text or bytes.

    Returns:
        The value.

    Raises:
        ValueError: For what is no JSON, and for lists and objects that are nested deeper than Python reads.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error
