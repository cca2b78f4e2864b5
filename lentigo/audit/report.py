"""The report of an audit: one HTML file with the pairs side by side, grids of what was flagged, and the
tables.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import PurePath

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from lentigo.audit.audit import FLAWS, Audit, describe_transformation
from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.common.html import render_page
from lentigo.duplicates.duplicates import KINDS, Duplicate, Transformation
from lentigo.images.artefacts.artefact_detection import KINDS as ARTEFACTS
from lentigo.images.photographs import DecodedImage, try_image
from lentigo.images.problems import Problem
from lentigo.splits.partition import Conflict

TILE, QUALITY = 168, 80  # pixels of a picture's longer side, and its JPEG quality
PAIRS, GRID = 48, 24  # pictures of a section: the others are in the JSON
FRAME = "#ffd54f"
FLAGS = {
    "empty": "Empty: one even surface",
    "tiny": "Tiny",
    "blurred": "Blurred",
    "dark": "Dark",
    "over-exposed": "Over-exposed",
    "small": "Small originals",
    "cut off": "Lesions cut off by the edge",
    "hair": "Hair",
    "ruler": "Rulers",
    "ink": "Ink",
    "dark_corners": "Dark corners",
    "white_frame": "White frames",
    "colour_cast": "A cast of colour",
}


@dataclass(frozen=True)
class Pair:
    """Two photographs as they are shown: names, pictures (JPEG, base64), labels and sides, and what is known
    of the pair.
    """

    kind: str
    score: float
    words: str
    images: tuple[str, str]
    thumbnails: tuple[str, str]
    facts: tuple[str, str]


def write_audit(audit: Audit) -> str:
    """The HTML of an audit. The photographs must still be where they were."""
    known = audit.images.set_index("image")
    leaks = {(leak.a, leak.b) for leak in audit.leaks}
    leaking, others = [], []
    for duplicate in audit.duplicates.pairs:
        (
            leaking
            if (audit.duplicates.images[duplicate.a], audit.duplicates.images[duplicate.b]) in leaks
            else others
        ).append(duplicate)
    show = partial(show_pair, audit, known)
    return render_page(
        "lentigo.audit",
        "audit.html",
        audit=audit,
        facts=audit.to_json(),
        kinds=KINDS,
        flaws=FLAWS,
        artefacts=ARTEFACTS,
        titles=FLAGS,
        shortcut_baselines=BASELINE_TITLES,
        counts={
            kind: (
                sum(duplicate.kind == kind for duplicate in audit.duplicates.pairs),
                sum(duplicate.kind == kind for duplicate in leaking),
            )
            for kind in KINDS
        },
        leaking=[show(duplicate) for duplicate in pick_pairs(leaking)],
        leaking_total=len(leaking),
        duplicates=[show(duplicate) for duplicate in pick_pairs(others)],
        duplicates_total=len(others),
        conflicts=[show_conflict(conflict) for conflict in audit.conflicts[:GRID]],
        grids={
            flag: [(image, show_image(image)) for image in spread_out(audit.list_flawed(flag))]
            for flag in (*FLAWS, *ARTEFACTS)
        },
        baseline_bars=list_bars(audit),
        short=partial(shorten, audit.name),
    )


def pick_pairs(duplicates: Sequence[Duplicate]) -> list[Duplicate]:
    """At most `PAIRS`, of each kind in turn, the weakest first, since those are the ones to be looked at; far
    kinds before near ones.
    """
    by_kind = [
        sorted(
            (duplicate for duplicate in duplicates if duplicate.kind == kind),
            key=lambda duplicate: duplicate.score,
        )
        for kind in reversed(KINDS)
    ]
    in_turn = [duplicate for rank in zip_longest(*by_kind) for duplicate in rank if duplicate is not None]
    return sorted(in_turn[:PAIRS], key=lambda duplicate: (-KINDS.index(duplicate.kind), duplicate.score))


def spread_out(images: list[str]) -> list[str]:
    """At most `GRID`, evenly from the whole list."""
    return (
        [
            images[row]
            for row in np.unique(np.linspace(0, len(images) - 1, min(GRID, len(images))).round().astype(int))
        ]
        if images
        else []
    )


def show_pair(audit: Audit, known: pd.DataFrame, duplicate: Duplicate) -> Pair:
    """A pair with its pictures; where one shows a part of the other, its frame is drawn there."""
    images = audit.duplicates.images[duplicate.a], audit.duplicates.images[duplicate.b]
    decoded = [try_image(image, None) for image in images]
    frames: list[list[tuple[float, float]]] = [[], []]
    if duplicate.kind in KINDS[2:] and all(isinstance(each, DecodedImage) for each in decoded):
        sizes = [each.pixels.shape[1::-1] for each in decoded]
        frames = [frame_back(duplicate.transformation, *sizes), frame_onto(duplicate.transformation, *sizes)]
    facts = tuple(
        ", ".join(str(value) for value in known.loc[image, ["label", "split"]] if pd.notna(value))
        if image in known.index
        else ""
        for image in images
    )
    return Pair(
        duplicate.kind,
        duplicate.score,
        describe_transformation(duplicate),
        images,
        tuple(map(draw_image, decoded, frames)),
        facts,
    )


def shorten(folder: str, image: str) -> str:
    """The name of a photograph below the folder of its set.

    >>> shorten("photos", "photos/benign/1.jpg"), shorten("photos", "others/1.jpg")
    ('benign/1.jpg', 'others/1.jpg')
    """
    below = PurePath(image).is_relative_to(folder)
    return str(PurePath(image).relative_to(folder)) if below else image


def show_conflict(conflict: Conflict) -> list[tuple[str, str, str]]:
    """Name, label and picture of each photograph."""
    return [
        (image, label, show_image(image))
        for image, label in zip(conflict.images, conflict.labels, strict=True)
    ]


def show_image(image: str) -> str:
    """A photograph as a small JPEG, base64; "" where it cannot be read any more."""
    return draw_image(try_image(image, None), [])


def draw_image(image: DecodedImage | Problem, frame: Iterable[tuple[float, float]]) -> str:
    """A small JPEG, base64, with a quadrilateral in pixels of the photograph drawn on it."""
    if isinstance(image, Problem):
        return ""
    canvas = Image.fromarray(image.pixels)
    scale = TILE / max(canvas.size)
    small = canvas.resize(
        [max(1, round(scale * side)) for side in canvas.size], Image.Resampling.BILINEAR, reducing_gap=3.0
    )
    corners = [(scale * x, scale * y) for x, y in frame]
    if corners:
        ImageDraw.Draw(small).line([*corners, corners[0]], fill=FRAME, width=2)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()


def read_map(change: Transformation, a: tuple[int, int], b: tuple[int, int]) -> np.ndarray:
    """The map, float (3, 3), from pixels of a photograph of size (width, height) `a` to those of `b`; the
    squeeze, whose direction is not kept, is left out.
    """
    angle = np.radians(change.angle)
    turn = (
        change.scale
        * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        @ np.diag([-1 if change.mirrored else 1, 1])
    )
    middle, onto = (np.array(size) / 2 for size in (a, b))
    shift = onto + np.array(change.shift) * b - turn @ middle
    return np.vstack([np.hstack([turn, shift[:, None]]), [0, 0, 1]])


def frame_onto(change: Transformation, a: tuple[int, int], b: tuple[int, int]) -> list[tuple[float, float]]:
    """Where the corners of the first photograph lie on the second, pixels."""
    return lay_corners(read_map(change, a, b), a)


def frame_back(change: Transformation, a: tuple[int, int], b: tuple[int, int]) -> list[tuple[float, float]]:
    """Where the corners of the second photograph lie on the first, pixels."""
    return lay_corners(np.linalg.inv(read_map(change, a, b)), b)


def lay_corners(matrix: np.ndarray, size: tuple[int, int]) -> list[tuple[float, float]]:
    """The corners of a photograph of a size (width, height), laid by a map (3, 3)."""
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    return [(float(x), float(y)) for x, y, _ in corners @ matrix.T]


def list_bars(audit: Audit) -> list[tuple[str, float, float, float]]:
    """Title, AUROC and the ends of its interval of each shortcut baseline, for bars."""
    shortcut_baselines = audit.shortcut_baselines.shortcut_baselines if audit.shortcut_baselines else {}
    return [
        (BASELINE_TITLES[name], floor.auroc, *floor.ci["auroc"])
        for name, floor in shortcut_baselines.items()
        if floor and not np.isnan(floor.ci["auroc"][0])
    ]
