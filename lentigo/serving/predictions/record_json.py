"""Records, lesions and reviews as the interface gives them; the keys are those of its schemas."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from lentigo.serving.store.records import CENTRES, SIMILAR, Lesion, Record, Review

PREDICTION_KEYS = (  # of a prediction, as `predict --json` has them
    "label",
    "probability",
    "threshold",
    "in_distribution",
    "shifted",
    "diagnosis",
    "reason",
    "warnings",
    "seconds",
)


def write_record(record: Record) -> dict[str, Any]:
    """Writes a record as the interface gives it.

    Args:
        record: a record of the store.

    Returns:
        JSON with the keys of the schema `Prediction`.
    """
    prediction = {name: record.answer.get(name) for name in PREDICTION_KEYS}
    return {
        "id": record.id,
        "created": write_moment(record.created),
        "position": record.position,
        "model": record.model,
        "model_sha256": record.model_sha256,
        "sha256": record.sha256,
        "width": record.width,
        "height": record.height,
        "lesion": record.lesion,
        "taken": None if record.taken is None else write_moment(record.taken),
        **prediction,
        "measures": record.measures,
        "heatmap": record.heatmap,
        CENTRES: record.answer.get(CENTRES) or None,
        SIMILAR: record.answer.get(SIMILAR),
        "outline": record.outline,
        "kept": record.kept,
        "review": None if record.review is None else write_review(record.review),
    }


def write_review(review: Review) -> dict[str, Any]:
    """Writes a reader's verdict as the interface gives it.

    Args:
        review: the verdict.

    Returns:
        JSON with the keys of the schema `Review`.
    """
    return {
        "created": write_moment(review.created),
        "who": review.who,
        "verdict": review.verdict,
        "note": review.note,
    }


def write_lesion(lesion: Lesion) -> dict[str, Any]:
    """Writes a lesion as the interface gives it.

    Args:
        lesion: a lesion of the store.

    Returns:
        JSON with the keys of the schema `Lesion`.
    """
    return asdict(lesion) | {"created": write_moment(lesion.created)}


def write_moment(moment: datetime) -> str:
    """Writes a point in time as ISO 8601 with its zone.

    Args:
        moment: an aware datetime.

    Returns:
        The text.
    """
    return moment.isoformat()
