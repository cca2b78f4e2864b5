"""Values as JSON holds them: results are dictionaries, and a number that does not exist is null."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any


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
