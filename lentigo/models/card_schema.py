"""What `card.json` may hold: a table of its entries that programs read, held against a card before any of it
is used.

A RUN may come from anybody. Names of files are plain names, so that none leads out of the folder; numbers are
finite; an entry of a wrong type is one line that names it. Entries that are not in the table are for people,
or of a newer Lentigo, and are left alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

LARGEST_CARD = 64 << 20  # bytes
LARGEST_NUMBER = 2**63
DEVICES = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # which Windows takes for devices
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # a terminal may obey them
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Kind:
    """What an entry must be: `words` for the message, and the check."""

    words: str
    fits: Callable[[Any], bool]

    def or_null(self) -> Kind:
        """The same, or null."""
        return Kind(f"{self.words} or null", lambda value: value is None or self.fits(value))


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number, 0 or more.

    Args:
        value: Any value of a card.
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_interval(value: Any) -> bool:
    """Whether a value is the two ends of an interval, each a number or null."""
    return isinstance(value, list) and len(value) == 2 and all(end is None or is_number(end) for end in value)


def is_plain_name(name: Any) -> bool:
    """Whether a text names a file in a folder and nowhere else, on every system.

    Args:
        name: Any value of a card.

    >>> [is_plain_name(name) for name in ("model.onnx", "../model.onnx", "C:model.onnx", "..")]
    [True, False, False, False]
    """
    if not isinstance(name, str) or not name or name in (".", "..") or any(ord(sign) < 32 for sign in name):
        return False
    if CONTROLS.search(name) or any("\ud800" <= sign <= "\udfff" for sign in name):
        return False
    if (
        PurePosixPath(name).name != name
        or PureWindowsPath(name).name != name
        or ":" in name
        or DEVICES.fullmatch(name)
    ):
        return False
    return (
        len(name.encode("utf-8", "surrogatepass")) <= 255 and name == name.strip() and not name.endswith(".")
    )


TEXT = Kind("a text", lambda value: isinstance(value, str))
NUMBER = Kind("a number", is_number)
COUNT = Kind("a whole number", is_count)
SHARE = Kind("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
PART = Kind("a number between 0 and 1", lambda value: is_number(value) and 0 < value < 1)
POSITIVE = Kind("a number above 0", lambda value: is_number(value) and value > 0)
YES_NO = Kind("true or false", lambda value: isinstance(value, bool))
INTERVAL = Kind("two numbers", is_interval)
FILE_NAME = Kind("the plain name of a file", is_plain_name)
EPOCHS = Kind(
    "a whole number, or one for each fold, or null",
    lambda value: value is None or is_count(value) or (isinstance(value, list) and all(map(is_count, value))),
)
HASH = Kind(
    "a SHA-256 in 64 hexadecimal digits",
    lambda value: isinstance(value, str) and DIGEST.fullmatch(value) is not None,
)
TABLE_OF_TWO = Kind(
    "two rows of two whole numbers",
    lambda value: isinstance(value, list) and len(value) == 2
    and all(isinstance(row, list) and len(row) == 2 and all(map(is_count, row)) for row in value),
)  # fmt: skip


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


FILES = Entries({}, others=HASH, nullable=False, names=FILE_NAME)
SCORES = Entries(
    {
        "n": COUNT,
        "n_malignant": COUNT,
        "confusion": TABLE_OF_TWO.or_null(),
        "ci": Entries({}, others=INTERVAL.or_null()),
        "notes": ListOf(TEXT),
        **dict.fromkeys(
            (
                "accuracy",
                "auroc",
                "sensitivity",
                "specificity",
                "brier",
                "ece",
                "average_precision",
                "specificity_at_95_sensitivity",
                "coverage",
                "threshold",
            ),
            NUMBER.or_null(),
        ),
        "diagnoses": Entries(
            {
                "n": COUNT,
                "balanced_accuracy": NUMBER.or_null(),
                "ci": ListOf(NUMBER.or_null()),
                "names": ListOf(TEXT),
                "confusion": ListOf(ListOf(COUNT)),
                "each": Entries({}, others=Entries({"n": COUNT})),
            }
        ),
        "operating_points": ListOf(
            Entries(
                {
                    "rule": TEXT,
                    "threshold": NUMBER,
                    "sensitivity": NUMBER.or_null(),
                    "specificity": NUMBER.or_null(),
                    "ci": Entries({}, others=INTERVAL.or_null()),
                },
                nullable=False,
            )
        ),
        "refusals": Entries({"n": COUNT, "out_of_distribution": COUNT, "uncertain": COUNT}),
    }
)
LEAKS = Entries(
    {
        "n": COUNT,
        "photographs": Entries({}, others=COUNT, nullable=False),
        "of": Entries({}, others=COUNT, nullable=False),
        "kinds": Entries({}, others=COUNT, nullable=False),
        "examples": ListOf(
            Entries(
                {"a": TEXT, "b": TEXT, "splits": ListOf(TEXT, nullable=False), "kind": TEXT}, nullable=False
            ),
            nullable=False,
        ),
    }
)
DATA = Entries(
    {
        **dict.fromkeys(
            (
                "training",
                "validation",
                "training_malignant",
                "validation_malignant",
                "training_groups",
                "validation_groups",
            ),
            COUNT.or_null(),
        ),
        **dict.fromkeys(("name", "fingerprint", "split"), TEXT.or_null()),
        "known": Entries({}, others=COUNT.or_null()),
        "sources": ListOf(TEXT),
        "licenses": ListOf(TEXT),
        "left_out": LEAKS,
        "duplicates": Entries({"photographs": COUNT, "groups": COUNT}),
    }
)
RECIPE = Entries(
    {
        "name": TEXT.or_null(),
        "seed": COUNT.or_null(),
        "head_epochs": COUNT.or_null(),
        "finetune": YES_NO.or_null(),
        "class_weights": YES_NO.or_null(),
    }
)
CALIBRATION = Entries(
    {
        "kind": TEXT,
        "temperature": POSITIVE,
        "slope": NUMBER,
        "slope_below": NUMBER,
        "intercept": NUMBER,
        "knots": ListOf(NUMBER, nullable=False),
        "values": ListOf(SHARE, nullable=False),
        "n": COUNT,
        "note": TEXT,
    },
    nullable=False,
)
CARD = Entries(
    {
        "format": COUNT,
        "files": FILES,
        "coming": FILES,
        "backbone": TEXT,
        "outputs": ListOf(TEXT, nullable=False),
        "threshold": SHARE,
        "alpha": SHARE,
        "prevalence": PART.or_null(),
        "parameters": COUNT.or_null(),
        "best_epoch": EPOCHS,
        "logit_threshold": NUMBER,
        "precision": TEXT,
        "int8": Entries({"neutral": YES_NO}),
        "seconds": NUMBER.or_null(),
        **dict.fromkeys(
            ("lentigo", "disclaimer", "architecture", "licence", "threshold_rule", "machine"), TEXT.or_null()
        ),
        "classes": ListOf(TEXT),
        "libraries": Entries({}, others=TEXT.or_null()),
        "input": Entries({"shape": ListOf(COUNT), "type": TEXT.or_null(), "resize": TEXT.or_null()}),
        "calibration": CALIBRATION,
        "tta": Entries({"calibration": CALIBRATION, "threshold": SHARE}),
        "refusal": Entries(
            {
                "output": Kind(
                    "embedding, middle or reference",
                    lambda value: value in ("embedding", "middle", "reference"),
                ),
                "distance_limit": NUMBER.or_null(),
            },
            nullable=False,
        ),
        "bf16": Entries(
            {
                "neutral": YES_NO,
                "n": COUNT,
                **dict.fromkeys(
                    ("decisions_equal", "auroc_f32", "auroc_bf16", "jaccard_f32", "jaccard_bf16"),
                    NUMBER.or_null(),
                ),
                "auroc_loss_ci": INTERVAL,
            }
        ),
        "metrics": Entries({}, others=SCORES, nullable=False),
        "leaks": LEAKS,
        "data": DATA,
        "recipe": RECIPE,
        "ensemble": Entries(
            {"folds": COUNT, "sizes": ListOf(COUNT), "best_epochs": ListOf(COUNT), "aurocs": ListOf(SHARE)}
        ),
        "measured": Entries(
            {
                **SCORES.known,
                "data": TEXT,
                "model": TEXT,
                "shortcut_baselines": Entries({"ci": Entries({}, others=INTERVAL.or_null())}),
                "stress": ListOf(
                    Entries(
                        {
                            "name": TEXT,
                            "auroc": NUMBER.or_null(),
                            "auroc_ci": INTERVAL.or_null(),
                            "changed": NUMBER,
                        },
                        nullable=False,
                    )
                ),
            }
        ),
        "decoder": Entries(
            {
                "architecture": TEXT.or_null(),
                "parameters": COUNT.or_null(),
                "best_epoch": COUNT.or_null(),
                "stages": ListOf(TEXT),
                "data": Entries({"training": COUNT.or_null(), "validation": COUNT.or_null()}),
                "recipe": RECIPE,
                "validation": Entries({"ci": Entries({}, others=INTERVAL.or_null())}),
            }
        ),
    },
    nullable=False,
)


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
    elif isinstance(value, str) and (
        CONTROLS.search(value) or any("\ud800" <= sign <= "\udfff" for sign in value)
    ):
        raise ValueError("a text holds signs that are none")


def find_fault(card: Any) -> str:
    """What is wrong with a card, the first fault in a few words; "" where it is sound.

    Args:
        card: As JSON gives it.

    >>> find_fault({"threshold": "high"})
    "threshold: 'high', expected a number from 0 to 1"
    """
    fault = next(list_faults(card, CARD, ""), "")
    for entries in (card, card.get("tta") or {}) if not fault else ():
        fault = fault or find_calibration_fault(entries.get("calibration") or {})
    return fault


def list_faults(value: Any, kind: Any, place: str) -> Iterator[str]:
    """The entries below a place that are not what they must be."""
    if isinstance(kind, Kind):
        if not kind.fits(value):
            yield f"{place}: {repr(value)[:60]}, expected {kind.words}"
        return
    if value is None and kind.nullable:
        return
    if isinstance(kind, ListOf):
        if not isinstance(value, list):
            yield f"{place or 'the card'}: {repr(value)[:60]}, expected a list"
            return
        for number, item in enumerate(value):
            yield from list_faults(item, kind.item, f"{place}[{number}]")
        return
    if not isinstance(value, dict):
        yield f"{place or 'the card'}: {repr(value)[:60]}, expected an object"
        return
    for name, item in value.items():
        here = f"{place}.{name}" if place else name
        if kind.names is not None and not kind.names.fits(name):
            yield f"{place}: {name[:60]!a}, expected {kind.names.words}"
        inner = kind.known.get(name, kind.others)
        if inner is not None:
            yield from list_faults(item, inner, here)


def find_calibration_fault(calibration: dict[str, Any]) -> str:
    """What is wrong with an isotonic map, "" where there is none or it is sound."""
    if calibration.get("kind") != "isotonic":
        return ""
    for name in ("knots", "values"):
        numbers = calibration.get(name) or []
        if not numbers or numbers != sorted(numbers):
            return f"calibration.{name}: expected ascending numbers, one at least"
    if len(calibration["knots"]) != len(calibration["values"]):
        return "calibration: expected as many knots as values"
    return ""
