"""Records, and a clock that says what it is told."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from lentigo.serving.store.records import Lesion, Record, Review

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
ANSWER = {
    "label": "benign",
    "probability": 0.1234567890123456,
    "threshold": 0.5,
    "in_distribution": True,
    "model": "toy",
    "seconds": 0.01,
    "reason": "",
    "warnings": [],
}


def make_record(
    request: str = "", position: int = 0, *, label: str = "benign", minutes: float = 0, **changes: Any
) -> Record:
    """A record of its own request unless one is named, made so many minutes after noon."""
    id = str(uuid.uuid4())
    values: dict[str, Any] = {
        "id": id,
        "created": NOON + timedelta(minutes=minutes),
        "who": "clinic",
        "request": request or id,
        "position": position,
        "sha256": hashlib.sha256(id.encode()).hexdigest(),
        "width": 600,
        "height": 450,
        "model": "toy",
        "model_sha256": "c" * 64,
        "answer": ANSWER | {"label": label},
        "measures": {"area_px": 1234.5, "colours": ["red", "black"]},
        "heatmap": [[0.25] * 7] * 7,
        "outline": [[[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]],
    }
    return Record(**values | changes)


def make_lesion(name: str, minutes: float = 0) -> Lesion:
    return Lesion(str(uuid.uuid4()), NOON + timedelta(minutes=minutes), name, "left forearm")


def make_review(verdict: str = "malignant", note: str = "grown", minutes: float = 0) -> Review:
    return Review(NOON + timedelta(minutes=minutes), "dr k", verdict, note)


class Clock:
    """Says `moment`, which tests set."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment

    def jump(self, **time: float) -> None:
        self.moment += timedelta(**time)
