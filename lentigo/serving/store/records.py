"""What the service keeps: values without behaviour, shared by the store, the HTTP service and the command
line.

Times are aware datetimes in UTC; ids are UUIDs as text. Names of files are never kept: they hold names of
patients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SCOPES = ("read", "predict", "review")
VERDICTS = ("benign", "malignant", "uncertain")
# What the cells of the heatmap look at, kept with the answer; records from before 2026-11-29 have none
CENTRES = "heatmap_centres"
SIMILAR = "similar"  # of a prediction: known lesions, where the service had an index of them


@dataclass(frozen=True)
class Record:
    """The prediction of one photograph. `answer` is the prediction as `predict --json` writes it, without
    image; `measures` the lesion's area, diameter and the like with their units; `heatmap` 7 x 7 numbers;
    `outline` polygons in pixels of the photograph.

    `model_sha256` is the hash of the model's graph. `request` names the request that asked (its
    Idempotency-Key, else its own id) and `position` the photograph within it: the pair is unique for a key,
    so that a request that is sent again is answered from the store and never written twice. `fingerprint` is
    a hash of all that the request asked: another request of that name has another one.
    """

    id: str
    created: datetime
    who: str
    request: str
    position: int
    sha256: str
    width: int
    height: int
    model: str
    model_sha256: str
    answer: dict[str, Any]
    measures: dict[str, Any] | None = None
    heatmap: list[list[float]] | None = None
    outline: list[list[list[float]]] | None = None
    lesion: str | None = None
    taken: datetime | None = None
    kept: bool = False
    fingerprint: str = ""
    review: Review | None = None


@dataclass(frozen=True)
class Review:
    """A reader's own verdict on a photograph. Later ones stand beside earlier ones; the last one counts."""

    created: datetime
    who: str
    verdict: str
    note: str = ""


@dataclass(frozen=True)
class Lesion:
    """A spot that is looked at again and again; its name is a pseudonym that the reader chose."""

    id: str
    created: datetime
    name: str
    site: str = ""
    count: int = 0


@dataclass(frozen=True)
class Key:
    """Who may do what. The key itself is shown once, when it is made; the store has its hash."""

    id: str
    name: str
    created: datetime
    scopes: tuple[str, ...]
    revoked: datetime | None = None
    used: datetime | None = None


@dataclass(frozen=True)
class Event:
    """One line of the audit trail, which is only ever added to: who did what to which record."""

    number: int
    created: datetime
    who: str
    action: str
    subject: str = ""


@dataclass(frozen=True)
class Query:
    """Which records a list shows; newest first, `limit` of them after the `cursor` that the page before
    gave.
    """

    lesion: str | None = None
    label: str | None = None
    model: str | None = None
    sha256: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reviewed: bool | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Page:
    """Some records, and the cursor of the next page; None on the last."""

    records: tuple[Record, ...] = field(default=())
    cursor: str | None = None


@dataclass(frozen=True)
class LesionPage:
    """Some lesions, newest first, and the cursor of the next page; None on the last."""

    lesions: tuple[Lesion, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True)
class EventPage:
    """Some lines of the audit trail, newest first, and the cursor of the next page; None on the last."""

    events: tuple[Event, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True)
class Forgotten:
    """What retention deleted: how many predictions and lesions, and the hashes of kept photographs that no
    record names any more. The names of the fields are keys of `lentigo history --forget --json`.
    """

    predictions: int = 0
    lesions: int = 0
    photos: tuple[str, ...] = ()
