"""Kinds of entries: what a value of a card may be, and what is wrong with one that is not.

A RUN may come from anybody. Names of files are plain names, so that none leads out of the folder; numbers are
finite; an entry of a wrong type is one line that names it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

LARGEST_NUMBER = 2**63
MAX_NAME_BYTES = 255  # of a file, on the systems that we know
MAX_SHOWN_SIGNS = 60  # of a value, in a message
# Which Windows takes for devices
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# A terminal may obey the controls; the surrogates are no text, and cannot be printed
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
BREAKS = re.compile(r"[\x09\x0a\x0d]")  # allowed in a text, not in the name of a file
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Kind:
    """What an entry must be: `words` for the message, and the check."""

    words: str
    fits: Callable[[Any], bool]

    def or_null(self) -> Kind:
        """The same, or null."""
        return Kind(f"{self.words} or null", lambda value: value is None or self.fits(value))


@dataclass(frozen=True)
class Entries:
    """An object with these entries, each of which may be missing; `others` are what all further ones must be,
    None for anything.

    `nullable` allows null in its place. `names` is what the names of its entries must be.
    """

    known: dict[str, Any]
    others: Any = None
    nullable: bool = True
    names: Kind | None = None


@dataclass(frozen=True)
class ListOf:
    """A list whose items are all of one kind."""

    item: Any
    nullable: bool = True


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number, 0 or more.

    Args:
        value: Any value of a card.
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_count_list(value: Any) -> bool:
    """Whether a value is a list of whole numbers."""
    return isinstance(value, list) and all(map(is_count, value))


def is_epochs(value: Any) -> bool:
    """Whether a value is a whole number, one for each fold, or null."""
    return value is None or is_count(value) or is_count_list(value)


def is_interval(value: Any) -> bool:
    """Whether a value is the two ends of an interval, each a number or null."""
    return isinstance(value, list) and len(value) == 2 and all(end is None or is_number(end) for end in value)


def is_table_of_two(value: Any) -> bool:
    """Whether a value is two rows of two whole numbers."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(is_count_list(row) and len(row) == 2 for row in value)


def is_hash(value: Any) -> bool:
    """Whether a value is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def is_plain_name(name: Any) -> bool:
    """Whether a text names a file in a folder and nowhere else, on every system.

    Args:
        name: Any value of a card.

    >>> [is_plain_name(name) for name in ("model.onnx", "../model.onnx", "C:model.onnx", "..")]
    [True, False, False, False]
    """
    if not isinstance(name, str) or name in ("", ".", ".."):
        return False
    if CONTROLS.search(name) or BREAKS.search(name):
        return False
    if PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
        return False  # it leads into a folder
    is_short = len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES
    return is_short and is_plain_on_windows(name)


def is_plain_on_windows(name: str) -> bool:
    """Whether Windows takes a name for that of a file, and leaves it as it is."""
    if ":" in name or DEVICES.fullmatch(name):
        return False  # a stream, a drive or a device
    # Windows leaves out spaces and dots at the end, so that two names would be one file
    return name == name.strip() and not name.endswith(".")


TEXT = Kind("a text", lambda value: isinstance(value, str))
NUMBER = Kind("a number", is_number)
COUNT = Kind("a whole number", is_count)
SHARE = Kind("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
PART = Kind("a number between 0 and 1", lambda value: is_number(value) and 0 < value < 1)
POSITIVE = Kind("a number above 0", lambda value: is_number(value) and value > 0)
YES_NO = Kind("true or false", lambda value: isinstance(value, bool))
INTERVAL = Kind("two numbers", is_interval)
FILE_NAME = Kind("the plain name of a file", is_plain_name)
EPOCHS = Kind("a whole number, or one for each fold, or null", is_epochs)
HASH = Kind("a SHA-256 in 64 hexadecimal digits", is_hash)
TABLE_OF_TWO = Kind("two rows of two whole numbers", is_table_of_two)


def read_json(text: str) -> Any:
    """JSON without NaN, infinities, numbers beyond 64 bits, signs that a terminal obeys, and depths that no
    card has. Raises `ValueError`.

    Args:
        text: Of a card.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number")

    try:
        value = json.loads(text, parse_constant=refuse)
        check_values(value)
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error
    return value


def check_values(value: Any) -> None:
    """Raises `ValueError` for a number or a text, at whatever depth, that would fail where it is computed
    with or printed.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            check_values(name)
            check_values(inner)
    elif isinstance(value, list):
        for inner in value:
            check_values(inner)
    elif isinstance(value, int | float) and not -LARGEST_NUMBER < value < LARGEST_NUMBER:
        raise ValueError("a number is too large")
    elif isinstance(value, str) and CONTROLS.search(value):
        raise ValueError("a text holds signs that are none")


def list_faults(value: Any, kind: Kind | Entries | ListOf, place: str = "") -> Iterator[str]:
    """Lists the entries that are not what they must be.

    Args:
        value: As JSON gives it.
        kind: What it must be.
        place: Its path within the card, for the message; "" for the card itself.

    Yields:
        What is wrong, in a few words each.
    """
    if isinstance(kind, Kind):
        if not kind.fits(value):
            yield describe_misfit(value, kind.words, place)
    elif value is None and kind.nullable:
        return
    elif isinstance(kind, ListOf):
        yield from list_item_faults(value, kind, place)
    else:
        yield from list_entry_faults(value, kind, place)


def list_item_faults(value: Any, kind: ListOf, place: str) -> Iterator[str]:
    """What is wrong with a list."""
    if not isinstance(value, list):
        yield describe_misfit(value, "a list", place)
        return
    for number, item in enumerate(value):
        yield from list_faults(item, kind.item, f"{place}[{number}]")


def list_entry_faults(value: Any, kind: Entries, place: str) -> Iterator[str]:
    """What is wrong with an object."""
    if not isinstance(value, dict):
        yield describe_misfit(value, "an object", place)
        return
    # Entries in the order of the card, so that the first fault is the same each time
    for name, item in value.items():
        if kind.names is not None and not kind.names.fits(name):
            yield f"{place}: {name[:MAX_SHOWN_SIGNS]!a}, expected {kind.names.words}"
        inner = kind.known.get(name, kind.others)
        if inner is not None:  # what nobody knows here is for people, or of a newer Lentigo
            yield from list_faults(item, inner, f"{place}.{name}" if place else name)


def describe_misfit(value: Any, expected: str, place: str) -> str:
    """One value that is not what was expected."""
    return f"{place or 'the card'}: {repr(value)[:MAX_SHOWN_SIGNS]}, expected {expected}"
