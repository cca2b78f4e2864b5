"""Fields of a recipe: their explanation, their type, their range, and where `lentigo tune` searches them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from lentigo.errors import UsageError


@dataclass(frozen=True)
class Search:
    """Where `lentigo tune` looks for a better value of a field.

    Attributes:
        low: The lowest value.
        high: The highest value.
        log: Whether values are drawn evenly in their logarithm.
        choices: The values to choose among, instead of a range.
        whole: Whether the field matters only where the whole network learns.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple = ()
    whole: bool = False


def number(
    default: float, text: str, low: float = 0.0, high: float = math.inf, search: Search | None = None
) -> Any:
    """A field with its explanation and its range, ends included, and where it is worth searching.

    Args:
        default: Its value unless another is given.
        text: What it decides, for `--help`.
        low: The least that it may be.
        high: The most.
        search: Where `lentigo tune` looks; None: it is not searched.
    """
    return field(default=default, metadata={"help": text, "low": low, "high": high, "search": search})


def switch(default: bool, text: str, search: Search | None = None) -> Any:
    """A field that is on or off.

    Args:
        default: Its value unless another is given.
        text: What it decides, for `--help`.
        search: As for `number`.
    """
    return field(default=default, metadata={"help": text, "search": search})


def search_views(high: float) -> Search:
    """Where a half-width or a probability of views is searched: from 0 up.

    Args:
        high: The highest value that is tried.
    """
    return Search(0.0, high, whole=True)


def check_range(recipe_field: dataclasses.Field[Any], value: Any) -> None:
    """Raises `UsageError` for a value that is none of its field's choices, or outside its range.

    Args:
        recipe_field: Of `Recipe`.
        value: Of its type.
    """
    name = recipe_field.name.replace("_", "-")
    choices = recipe_field.metadata.get("choices")
    if choices and value not in choices:
        raise UsageError(f"{name} is {value!r}; expected {' or '.join(choices)}")
    low = recipe_field.metadata.get("low")
    high = recipe_field.metadata.get("high")
    if low is not None and high is not None:
        check_bounds(name, value, low, high)


def check_bounds(name: str, value: float, low: float, high: float) -> None:
    """Raises `UsageError` for a number that is not between two others."""
    # NaN would pass every comparison below
    if not math.isfinite(value):
        raise UsageError(f"{name} is {value}; expected a finite number")
    if not low <= value <= high:
        raise UsageError(f"{name} is {value}; expected {low:g} to {high:g}")


TYPES = {"str": str, "int": int, "float": int | float, "bool": bool}  # a whole number may stand for any
TYPE_WORDS = {"str": "a word", "int": "a whole number", "float": "a number", "bool": "true or false"}


def check_type(recipe_field: dataclasses.Field[Any], value: Any) -> None:
    """Raises `UsageError` for a value of another type than its field's.

    Args:
        recipe_field: Of `Recipe`.
        value: Any.
    """
    kind = str(recipe_field.type)
    is_misplaced_bool = isinstance(value, bool) and kind != "bool"  # a bool is an int to Python
    if not isinstance(value, TYPES[kind]) or is_misplaced_bool:
        raise UsageError(f"{recipe_field.name} is {value!r}; expected {TYPE_WORDS[kind]}")
