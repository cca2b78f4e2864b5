"""Leaks in words, from what a card says of them. Without imports: predicting needs them, too."""

from __future__ import annotations

from typing import Any


def format_leaks(facts: dict[str, Any]) -> str:
    """Says what leaks.

    Args:
        facts: `lentigo.splits.leaks.Leaks.to_json()`.

    Returns:
        A clause without a stop.

    >>> found = {"photographs": {"train": 3, "test": 2}, "of": {"train": 90, "test": 10}, "kinds": {"near": 2}}
    >>> format_leaks(found)
    '3 of 90 train and 2 of 10 test photographs belong with some of another split (near: 2)'
    """
    counts = [f"{number} of {facts['of'][split]} {split}" for split, number in facts["photographs"].items()]
    kinds = ", ".join(f"{kind}: {number}" for kind, number in facts["kinds"].items())
    listed = f"{', '.join(counts[:-1])} and {counts[-1]}"
    return f"{listed} photographs belong with some of another split ({kinds})"


def format_example(leak: dict[str, Any]) -> str:
    """Names an example of a leak.

    Args:
        leak: One of `examples` in `lentigo.splits.leaks.Leaks.to_json()`.

    Returns:
        Both photographs, their splits, and what they share.

    >>> format_example({"a": "x.jpg", "b": "y.jpg", "splits": ["train", "test"], "kind": "lesion_id"})
    'x.jpg (train) and y.jpg (test): same lesion_id'
    """
    kind = leak["kind"]
    # Kinds with an underscore are columns; the others are kinds of duplicates
    is_column = "_" in kind
    shared = f"same {kind}" if is_column else kind
    first, second = leak["splits"]
    return f"{leak['a']} ({first}) and {leak['b']} ({second}): {shared}"


def mark_leaks(card: dict[str, Any]) -> str:
    """Gives the mark of a RUN that was trained although its split leaks.

    Args:
        card: Of the RUN.

    Returns:
        Two sentences; "" for another RUN.
    """
    leaks = card.get("leaks")
    if not leaks:
        return ""
    measured = " and ".join(split for split in leaks["photographs"] if split != "train")
    return (
        f"Trained on a split that leaks: {format_leaks(leaks)}. What is measured on its {measured} "
        "photographs "
        "is too good."
    )


def describe_start(start: dict[str, int]) -> str:
    """Says what the start of a training has learned from, and of how many photographs that is not known.

    Args:
        start: `photographs`, and how many of them cannot be recognised in other files (`not_known`).

    Returns:
        A clause without a stop.

    >>> describe_start({"photographs": 9272, "not_known": 0})
    'the start has learned from 9,272 photographs, none of which is used for validation'
    """
    learned = (
        f"the start has learned from {start['photographs']:,} photographs, none of which is used for "
        "validation"
    )
    if not start["not_known"]:
        return learned
    return (
        f"{learned}; not known for {start['not_known']:,} of them: duplicates in other files are not "
        "recognised, and may be used for validation"
    )
