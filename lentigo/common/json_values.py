"""Numbers as JSON holds them: JSON has no NaN, so a value that does not exist is null."""

from __future__ import annotations

import math
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
        return [replace_nan(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
