"""Leaks in words, from what a card says of them. Without imports: predicting needs them, too."""

from __future__ import annotations

from typing import Any


def tell_leaks(facts: dict[str, Any]) -> str:
    """What leaks, from `lentigo.splits.leaks.Leaks.to_json()`.

    >>> tell_leaks({"photographs": {"train": 3, "test": 2}, "of": {"train": 90, "test": 10}, "kinds": {"near":
    2, "lesion_id": 1}}) '3 of 90 train and 2 of 10 test photographs belong with some of another side (near:
    2, lesion_id: 1)'
    """
    sides = [f"{number} of {facts['of'][side]} {side}" for side, number in facts["photographs"].items()]
    kinds = ", ".join(f"{kind}: {number}" for kind, number in facts["kinds"].items())
    return f"{', '.join(sides[:-1])} and {sides[-1]} photographs belong with some of another side ({kinds})"


def tell_example(leak: dict[str, Any]) -> str:
    """One of its examples.

    >>> tell_example({"a": "x.jpg", "b": "y.jpg", "splits": ["train", "test"], "kind": "lesion_id"})
    'x.jpg (train) and y.jpg (test): same lesion_id'
    """
    how = f"same {leak['kind']}" if "_" in leak["kind"] else leak["kind"]
    return f"{leak['a']} ({leak['splits'][0]}) and {leak['b']} ({leak['splits'][1]}): {how}"


def mark_leaks(card: dict[str, Any]) -> str:
    """The mark of a RUN that was trained although its split leaks, from its card; "" for another RUN."""
    leaks = card.get("leaks")
    if not leaks:
        return ""
    spoilt = " and ".join(side for side in leaks["photographs"] if side != "train")
    return f"Trained on a split that leaks: {tell_leaks(leaks)}. What is measured on its {spoilt} photographs is too good."


def tell_start(start: dict[str, int]) -> str:
    """What the start of a training has learned from, and for how many photographs that is not known in other
    files.

    >>> tell_start({"photographs": 9272, "not_known": 412})
    'the start has learned from 9,272 photographs, none of which judges; not known for 412 of them: copies in other files are not recognised, and may judge'
    """
    known = f"the start has learned from {start['photographs']:,} photographs, none of which judges"
    if not start["not_known"]:
        return known
    return f"{known}; not known for {start['not_known']:,} of them: copies in other files are not recognised, and may judge"
