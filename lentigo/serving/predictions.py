"""Answers: from bytes to what the network sees, and from what it said to what is kept and sent."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

from lentigo.common.hashing import hash_bytes
from lentigo.errors import ImageError
from lentigo.images.decoding.decode_budget import DecodeLimits, keeps_coefficients
from lentigo.images.photographs import DecodedImage, check_upload, develop_image, view_content
from lentigo.images.problems import Problem
from lentigo.inference.lesions.segmentation import VIEW, draw_lesion
from lentigo.inference.prediction import Answer, Predictor
from lentigo.serving.http.uploads import Details
from lentigo.serving.outlines import trace_outline
from lentigo.serving.settings import Settings
from lentigo.serving.store.records import Lesion, Record


@dataclass(frozen=True)
class RequestContext:
    """What is the same for all photographs of a request: who asks, the request's name, when, what was said of
    the photographs, and a hash of it all.
    """

    who: str
    request: str
    created: datetime
    details: Details
    fingerprint: str = ""


def hash_request(contents: Iterable[bytes], details: Details) -> str:
    """A hash of all that a request asks: its photographs in their order, also those that cannot be read, and
    what is said of them.
    """
    told = [details.lesion, details.taken and details.taken.isoformat(), details.mm_per_pixel]
    return hash_bytes(json.dumps(told).encode(), *(hashlib.sha256(content).digest() for content in contents))


class InferencePool:
    """A model that answers one photograph at a time and several at once, each by a graph compiled for it.
    Raises `ModelError`.
    """

    def __init__(self, model: Any, **options: Any) -> None:
        self.few = Predictor(model, count=1, **options)
        self.few.require_classifier()
        self.many = Predictor(self.few.bundle, **options)
        self.name, self.bundle, self.outlines = self.few.name, self.few.bundle, self.few.outlines

    def answer(self, photos: Sequence[DecodedImage]) -> list[Answer]:
        """One answer for each photograph, in order. One or two beyond full batches are asked about singly: a
        batch costs what it holds when full.
        """
        size = self.many.session.batch
        rest = len(photos) % size
        full = len(photos) if rest > 2 else len(photos) - rest
        return [*self.many.answer_images(iter(photos[:full])), *self.few.answer_images(iter(photos[full:]))]


@dataclass(frozen=True)
class Upload:
    """A photograph that was sent, not yet decoded. It `is_heavy` where decoding takes much time and
    memory.
    """

    content: bytes
    position: int
    is_heavy: bool


def inspect_upload(content: bytes, position: int, settings: Settings) -> Upload | Problem:
    """What the head of a file says of the photograph in it, held against the limits; `position` is its place
    among those sent.
    """
    name = str(position)
    limits = DecodeLimits(settings.most_pixels, min(settings.most_pixels, settings.most_pixels_whole))
    try:
        width, height = check_upload(content, name, limits)
    except ImageError as error:
        return Problem(name, str(error).removeprefix(f"{name}: "))
    pixels = width * height
    if content.startswith(JPEG_START) and not keeps_coefficients(content):
        pixels /= JPEG_GAIN
    return Upload(content, position, pixels > HEAVY_PIXELS)


JPEG_START = b"\xff\xd8"
JPEG_GAIN = 8  # a baseline JPEG is decoded at an eighth of its size at the least, for less work
HEAVY_PIXELS = 6_000_000  # decoded whole in about 0.2 s


def read_upload(upload: Upload) -> DecodedImage | Problem:
    """The photograph that the network sees."""
    name = str(upload.position)
    try:
        return develop_image(upload.content, name)
    except ImageError as error:
        return Problem(name, str(error).removeprefix(f"{name}: "))


def describe_answer(
    answer: Answer, photo: DecodedImage, content: bytes, panel: InferencePool, ask: RequestContext
) -> Record:
    """What is kept of an answer. Raises `ImageError` where the photograph cannot be decoded at the size at
    which lesions are measured.
    """
    pixels, size = view_content(content, photo.image, VIEW)
    found = (
        draw_lesion(answer, pixels, size, panel.name, mm_per_pixel=ask.details.mm_per_pixel)
        if panel.outlines
        else None
    )
    said = asdict(answer.prediction)
    return Record(
        id=str(uuid4()),
        created=ask.created,
        who=ask.who,
        request=ask.request,
        position=int(photo.image),
        sha256=photo.digest,
        width=size[0],
        height=size[1],
        model=panel.name,
        model_sha256=panel.bundle.card["files"]["model.onnx"],
        answer={name: said[name] for name in said if name != "image"}
        | {"warnings": list(said["warnings"]), CENTRES: list(answer.centres)},
        measures=asdict(found.measures) if found and found.measures else None,
        heatmap=None if answer.heatmap is None else answer.heatmap.astype(float).round(4).tolist(),
        outline=trace_outline(found) if found else None,
        lesion=ask.details.lesion,
        taken=ask.details.taken,
        fingerprint=ask.fingerprint,
    )


def write_record(record: Record) -> dict[str, Any]:
    """A record as the interface gives it."""
    answer, review = record.answer, record.review
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
        "taken": record.taken and write_moment(record.taken),
        **{name: answer.get(name) for name in ANSWER},
        "measures": record.measures,
        "heatmap": record.heatmap,
        CENTRES: answer.get(CENTRES) or None,
        "outline": record.outline,
        "kept": record.kept,
        "review": review
        and {
            "created": write_moment(review.created),
            "who": review.who,
            "verdict": review.verdict,
            "note": review.note,
        },
    }


# What the cells look at, kept with the answer; records from before 2026-11-29 have none
CENTRES = "heatmap_centres"
ANSWER = (  # of a prediction, as `predict --json` has them
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


def write_lesion(lesion: Lesion) -> dict[str, Any]:
    """A lesion as the interface gives it."""
    return asdict(lesion) | {"created": write_moment(lesion.created)}


def write_moment(moment: datetime) -> str:
    """ISO 8601 with a zone."""
    return moment.isoformat()


def list_changes(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What changed from each photograph of a lesion to the next; `records` are in the order of `find_moment`.

    `area_ratio` is of pixels, or of mm2 where both are known: without a scale it holds for photographs from
    the same distance only. `area_mm2` is the difference.
    """
    return [compare_records(before, after) for before, after in pairwise(records)]


def compare_records(before: Record, after: Record) -> dict[str, Any]:
    """What changed between two photographs of a lesion."""
    areas = [
        [(record.measures or {}).get(name) for record in (before, after)] for name in ("area_mm2", "area_px")
    ]
    known = next((pair for pair in areas if None not in pair and pair[0] > 0), None)
    return {
        "from": before.id,
        "to": after.id,
        "days": math.floor((find_moment(after) - find_moment(before)).total_seconds() / 86400),
        "area_ratio": known and known[1] / known[0],
        "area_mm2": None if None in areas[0] else areas[0][1] - areas[0][0],
        "probability": after.answer["probability"] - before.answer["probability"],
    }


def find_moment(record: Record) -> datetime:
    """When a photograph was taken, else when it was sent."""
    return record.taken or record.created
