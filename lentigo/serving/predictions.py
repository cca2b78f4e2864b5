"""Predictions: from the bytes of an upload to what the network sees, and from its answer to what is kept and
sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from lentigo.common.hashing import hash_bytes
from lentigo.errors import ImageError
from lentigo.images.decoding.decode_costs import DecodeLimits
from lentigo.images.decoding.jpeg_segments import keeps_coefficients
from lentigo.images.image_sizes import check_upload
from lentigo.images.photographs import DecodedImage, develop_image
from lentigo.images.problems import Problem
from lentigo.inference.lesions.outlines import trace_outline
from lentigo.inference.lesions.segmentation import Segmentation, segment_result
from lentigo.inference.prediction import Predictor
from lentigo.inference.results import InferenceResult
from lentigo.serving.http.uploads import Details
from lentigo.serving.settings import Settings
from lentigo.serving.store.records import Lesion, Record, Review

# What the cells of the heatmap look at, kept with the prediction; records from before 2026-11-29 have none.
CENTRES = "heatmap_centres"
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
NOT_STORED = ("image", "similar", "thumbnail")  # of a prediction: the record has no name, and no pixels
JPEG_START = b"\xff\xd8"
JPEG_GAIN = 8  # a baseline JPEG can be decoded at an eighth of its size, for less work
HEAVY_PIXELS = 6_000_000  # decoded whole in about 0.2 s
MAX_SINGLE_IMAGES = 2  # so many images beyond full batches are computed one by one


@dataclass(frozen=True)
class RequestContext:
    """What all photographs of a request share.

    Args:
        who: the name of the key that was used.
        request: the name of the request: its Idempotency-Key, else an id of its own.
        created: when it came in.
        details: what was said of the photographs.
        fingerprint: a hash of all that was asked, of `hash_request`.
        is_named: whether the client has named it, so that it may have come before.
    """

    who: str
    request: str
    created: datetime
    details: Details
    fingerprint: str = ""
    is_named: bool = True


def hash_request(contents: Iterable[bytes | bytearray], details: Details) -> str:
    """Hashes all that a request asks.

    Args:
        contents: its files in their order, also those that cannot be read.
        details: what is said of them.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    taken = None if details.taken is None else details.taken.isoformat()
    head = json.dumps([details.lesion, taken, details.mm_per_pixel]).encode()
    digests = [hashlib.sha256(content).digest() for content in contents]
    return hash_bytes(head, *digests)


class InferencePool:
    """A model with two compiled graphs: one for a single image, one for batches."""

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Loads the model. Raises `ModelError` where it cannot be used or has no classifier.

        Args:
            model: a RUN or "bundled".
            threads: how many processors the network uses; None for all.
        """
        self.single = Predictor(model, count=1, threads=threads)
        self.single.require_classifier()
        self.batched = Predictor(self.single.bundle, threads=threads)
        self.name = self.single.name
        self.bundle = self.single.bundle
        self.outlines = self.single.has_decoder

    def predict(self, images: Sequence[DecodedImage]) -> list[InferenceResult]:
        """Puts images through the network. A batch costs what it holds when full, so one or two images beyond
        full batches are computed singly.

        Args:
            images: decoded images, (side, side, 3) each.

        Returns:
            One answer for each image, in order.
        """
        rest = len(images) % self.batched.session.batch
        batched_count = len(images)
        if rest <= MAX_SINGLE_IMAGES:
            batched_count -= rest
        answers: list[Any] = list(self.batched.infer_images(iter(images[:batched_count])))
        answers.extend(self.single.infer_images(iter(images[batched_count:])))
        return answers


@dataclass(frozen=True)
class Upload:
    """A file that was sent, not yet decoded.

    Args:
        content: its bytes.
        position: its place among the files of the request, from 0.
        is_heavy: whether decoding takes much time and memory.
    """

    content: bytes
    position: int
    is_heavy: bool


def inspect_upload(content: bytes, position: int, settings: Settings) -> Upload | Problem:
    """Reads the head of a file, and holds it against the limits.

    Args:
        content: the bytes of the file.
        position: its place among the files of the request, from 0.
        settings: with the limits of pixels.

    Returns:
        The upload, or the problem where its image cannot be taken.
    """
    name = str(position)
    max_pixels_whole = min(settings.max_pixels, settings.max_pixels_whole)
    limits = DecodeLimits(settings.max_pixels, max_pixels_whole)
    try:
        width, height = check_upload(content, name, limits)
    except ImageError as error:
        return describe_failure(name, error)
    pixels: float = width * height
    if content.startswith(JPEG_START) and not keeps_coefficients(content):
        pixels /= JPEG_GAIN
    return Upload(content, position, pixels > HEAVY_PIXELS)


def read_light(content: bytes, position: int, settings: Settings) -> DecodedImage | Upload | Problem:
    """Reads the head of a file as `inspect_upload` does, and decodes it at once unless that is heavy.

    Args:
        content: the bytes of the file.
        position: its place among the files of the request, from 0.
        settings: with the limits of pixels.

    Returns:
        The image; a heavy upload, not decoded; or the problem where the image cannot be taken.
    """
    upload = inspect_upload(content, position, settings)
    if isinstance(upload, Problem) or upload.is_heavy:
        return upload
    return read_upload(upload)


def read_upload(upload: Upload) -> DecodedImage | Problem:
    """Decodes a file.

    Args:
        upload: the file.

    Returns:
        The image as the network sees it, uint8 (side, side, 3), or the problem where it cannot be decoded.
    """
    name = str(upload.position)
    try:
        return develop_image(upload.content, name)
    except ImageError as error:
        return describe_failure(name, error)


def describe_failure(name: str, error: ImageError) -> Problem:
    """Turns an error into the problem of one photograph.

    Args:
        name: its position, which stands for its file name.
        error: what was raised.

    Returns:
        The problem; its text does not repeat the name.
    """
    return Problem(name, str(error).removeprefix(f"{name}: "))


def make_record(
    answer: InferenceResult, image: DecodedImage, pool: InferencePool, context: RequestContext
) -> Record:
    """Makes the record of one prediction.

    Args:
        answer: what the network gave.
        image: the image that it saw.
        pool: the model.
        context: the request.

    Returns:
        The record, not yet in the store.
    """
    segmentation: Segmentation | None = None
    if pool.outlines:
        scale = context.details.mm_per_pixel or image.mm_per_pixel
        segmentation = segment_result(answer, pool.name, scale)
    outline = None
    measures = None
    if segmentation is not None:
        outline = trace_outline(segmentation)
        if segmentation.measures:
            measures = asdict(segmentation.measures)
    heatmap = None
    if answer.heatmap is not None:
        heatmap = answer.heatmap.astype(float).round(4).tolist()  # (h, w)
    return Record(
        id=str(uuid4()),
        created=context.created,
        who=context.who,
        request=context.request,
        position=int(image.image),
        sha256=image.digest,
        width=answer.size[0],
        height=answer.size[1],
        model=pool.name,
        model_sha256=pool.bundle.card["files"]["model.onnx"],
        answer=describe_prediction(answer),
        measures=measures,
        heatmap=heatmap,
        outline=outline,
        lesion=context.details.lesion,
        taken=context.details.taken,
        fingerprint=context.fingerprint,
    )


def describe_prediction(answer: InferenceResult) -> dict[str, Any]:
    """The prediction of an answer as JSON, without the image's name, and with the centres of the heatmap's
    cells.
    """
    assert answer.prediction is not None  # the pool requires a classifier
    facts = asdict(answer.prediction)
    for name in NOT_STORED:
        del facts[name]
    facts["warnings"] = list(facts["warnings"])
    facts[CENTRES] = list(answer.centres)
    return facts


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
    if area_before and area_after is not None:
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
