"""What changed between the photographs of a lesion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from lentigo.serving.store.records import Record


def list_changes(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Compares each photograph of a lesion with the next.

    Args:
        records: the records of a lesion, in the order of `find_moment`.

    Returns:
        JSON with the keys of the schema `Change`, one less than the records.
    """
    return [compare_records(before, after) for before, after in pairwise(records)]


def compare_records(before: Record, after: Record) -> dict[str, Any]:
    """What changed between two photographs of a lesion.

    Areas are compared in mm2 alone: in pixels a lesion grows with the zoom. A photograph that was refused is
    compared with nothing.
    """
    change: dict[str, Any] = {
        "from": before.id,
        "to": after.id,
        "days": (find_moment(after) - find_moment(before)) // timedelta(days=1),
        "area_ratio": None,
        "area_mm2": None,
        "probability": None,
    }
    if is_refused(before) or is_refused(after):
        return change
    change["probability"] = after.answer["probability"] - before.answer["probability"]
    area_before, area_after = get_areas("area_mm2", before, after)
    if area_before is not None and area_after is not None:
        change["area_mm2"] = area_after - area_before
    if area_before and area_after is not None:  # an area of 0 has no ratio
        change["area_ratio"] = area_after / area_before
    return change


def is_refused(record: Record) -> bool:
    """Finds whether the model refused a photograph as unlike those that it knows.

    Args:
        record: a record of the store.

    Returns:
        True where its probability, outline and measures mean nothing.
    """
    return record.answer.get("in_distribution") is False


def get_areas(name: str, before: Record, after: Record) -> tuple[float | None, float | None]:
    """A measure of two records; None where it is not known."""
    area_before = (before.measures or {}).get(name)
    area_after = (after.measures or {}).get(name)
    return area_before, area_after


def find_moment(record: Record) -> datetime:
    """Finds when a photograph was taken, or else when it was sent.

    Args:
        record: a record of the store.

    Returns:
        An aware datetime.
    """
    return record.taken or record.created
