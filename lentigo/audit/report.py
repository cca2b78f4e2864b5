"""The report of an audit: one HTML file with the pairs beside one another, grids of flaws, and the tables."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from lentigo.audit.audit import FLAWS, Audit
from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.common.html import render_page
from lentigo.duplicates.duplicates import KINDS, Duplicate, Transformation
from lentigo.images.photographs import DecodedImage, try_image
from lentigo.images.problems import Problem
from lentigo.splits.partition import Conflict

TILE_PIXELS = 168  # the longer side of a thumbnail
JPEG_QUALITY = 80
MAX_PAIRS = 48  # shown in a section: the others are in the JSON
MAX_GRID = 24  # photographs shown of a flaw, or conflicts
FRAME_COLOUR = "#ffd54f"
FLAG_TITLES = {
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
    "gel_bubbles": "Bubbles in the gel",
    "patches": "Coloured patches",
}
ADVICE = {  # by finding: what to do about it
    "leaks": "`lentigo data split DATA --out manifest.csv` writes a split that keeps duplicates, lesions and "
    "patients together. Results measured on the old split do not count.",
    "conflicts": "look each group up in its source (histology first) and correct the label there; leave out "
    "what cannot be settled.",
    "duplicates": "keep them: `train` and `evaluate` count a group of duplicates as one. Look at the weakest "
    "pairs yourself, and delete exact copies at the source.",
    "shortcuts": "where a bar is far above 0.5, crop or mask what it saw, train with `--artefacts` and "
    "`--balance source`, and test on photographs from another place.",
    "artefacts": "where the classes differ and the intervals do not overlap, train with `--artefacts`, and "
    "read the results of `lentigo evaluate --stress`.",
    "skin_tone": "collect more of the tones that are rare, report results by tone, and make no claim for "
    "tones with few photographs.",
    "flaws": "look at the photographs; take out those that nobody could judge, and keep the rest: a model "
    "will meet them.",
    "unreadable": "copy the files again from their source, or take them out of the data set.",
}
# What is small enough to leave out of a transformation's words
MIN_DEGREES = 1
MIN_SCALE_CHANGE = 0.01
MIN_SQUEEZE = 1.02
MIN_SHIFT = 0.01
MIN_WHOLE_OVERLAP = 0.995

Corners = list[tuple[float, float]]  # x and y in pixels


@dataclass(frozen=True)
class Pair:
    """Two photographs as they are shown.

    Attributes:
        kind: How they are duplicates.
        score: Of the pair.
        words: What makes the second out of the first.
        images: Both paths.
        thumbnails: JPEGs, base64; "" for what cannot be read.
        facts: Label and split of each.
    """

    kind: str
    score: float
    words: str
    images: tuple[str, str]
    thumbnails: tuple[str, str]
    facts: tuple[str, str]


def write_audit(audit: Audit) -> str:
    """Writes the report of an audit. The photographs must still be where they were.

    Args:
        audit: What was found.

    Returns:
        HTML that holds everything it shows.
    """
    leaking, others = part_leaking(audit)
    show = partial(show_pair, audit, audit.images.set_index("image"))
    counts = {}
    for kind in KINDS:
        counts[kind] = (count_kind(audit.duplicates.pairs, kind), count_kind(leaking, kind))
    grids = {}
    for flag in (*FLAWS, *audit.artefact_detectors):
        images = spread_out(audit.list_flawed(flag))
        grids[flag] = list(zip(images, map(show_image, images), strict=True))
    return render_page(
        "lentigo.audit",
        "audit.html",
        audit=audit,
        facts=audit.to_json(),
        kinds=KINDS,
        flaws=FLAWS,
        artefacts=list(audit.artefact_detectors),
        titles=FLAG_TITLES,
        shortcut_baselines=BASELINE_TITLES,
        counts=counts,
        leaking=list(map(show, pick_pairs(leaking))),
        leaking_total=len(leaking),
        duplicates=list(map(show, pick_pairs(others))),
        duplicates_total=len(others),
        conflicts=list(map(show_conflict, audit.conflicts[:MAX_GRID])),
        grids=grids,
        baseline_bars=list_bars(audit),
        advice=ADVICE,
        short=partial(shorten, audit.name),
    )


def part_leaking(audit: Audit) -> tuple[list[Duplicate], list[Duplicate]]:
    """The duplicates that leak, and the others."""
    leaks = {(leak.a, leak.b) for leak in audit.leaks}
    leaking = []
    others = []
    for duplicate in audit.duplicates.pairs:
        if name_images(audit, duplicate) in leaks:
            leaking.append(duplicate)
        else:
            others.append(duplicate)
    return leaking, others


def name_images(audit: Audit, duplicate: Duplicate) -> tuple[str, str]:
    """The paths of a pair."""
    return audit.duplicates.images[duplicate.a], audit.duplicates.images[duplicate.b]


def count_kind(duplicates: Iterable[Duplicate], kind: str) -> int:
    """How many pairs are of a kind."""
    return sum(duplicate.kind == kind for duplicate in duplicates)


def get_score(duplicate: Duplicate) -> float:
    """What pairs of a kind are sorted by."""
    return duplicate.score


def pick_pairs(duplicates: Sequence[Duplicate]) -> list[Duplicate]:
    """At most `MAX_PAIRS`, of each kind in turn, the weakest first, since those are the ones to be checked.

    Far kinds come before near ones.
    """
    by_kind = []
    for kind in reversed(KINDS):
        of_kind = [duplicate for duplicate in duplicates if duplicate.kind == kind]
        by_kind.append(sorted(of_kind, key=get_score))
    rounds = zip_longest(*by_kind)
    in_turn = list(filter(None, chain.from_iterable(rounds)))
    return sorted(in_turn[:MAX_PAIRS], key=lambda duplicate: (-KINDS.index(duplicate.kind), duplicate.score))


def spread_out(images: list[str]) -> list[str]:
    """At most `MAX_GRID`, evenly from the whole list."""
    if not images:
        return []
    places = np.linspace(0, len(images) - 1, min(MAX_GRID, len(images)))
    return np.array(images, dtype=object)[np.unique(places.round().astype(int))].tolist()


def show_pair(audit: Audit, table: pd.DataFrame, duplicate: Duplicate) -> Pair:
    """A pair with its thumbnails; where one shows a part of the other, its frame is drawn there.

    `table` is `Audit.images`, by image.
    """
    images = name_images(audit, duplicate)
    first = try_image(images[0], None)
    second = try_image(images[1], None)
    frames: list[Corners] = [[], []]
    may_be_part = duplicate.kind in ("partial", "same lesion")
    if may_be_part and isinstance(first, DecodedImage) and isinstance(second, DecodedImage):
        sizes = (get_size(first), get_size(second))
        frames = [frame_back(duplicate.transformation, *sizes), frame_onto(duplicate.transformation, *sizes)]
    return Pair(
        kind=duplicate.kind,
        score=duplicate.score,
        words=describe_transformation(duplicate.transformation),
        images=images,
        thumbnails=(draw_image(first, frames[0]), draw_image(second, frames[1])),
        facts=(describe_image(images[0], table), describe_image(images[1], table)),
    )


def get_size(image: DecodedImage) -> tuple[int, int]:
    """Width and height in pixels."""
    height, width = image.pixels.shape[:2]
    return width, height


def describe_image(image: str, table: pd.DataFrame) -> str:
    """The label and the split of a photograph, as far as they are known."""
    if image not in table.index:
        return ""
    words = []
    for column in ("label", "split"):
        word: Any = table.at[image, column]
        if pd.notna(word):
            words.append(str(word))
    return ", ".join(words)


def describe_transformation(transformation: Transformation) -> str:
    """Says what makes the second photograph of a pair out of the first.

    Args:
        transformation: Of the pair.

    Returns:
        Words; degrees are counterclockwise.

    >>> describe_transformation(Transformation(1.25, 1.0, 30.2, True, (0.1, 0.0), 0.8))
    'mirrored, turned by 30 degrees, 1.25 times as large, shifted by 10 % and 0 %, 80 % in common'
    """
    changes = []
    if transformation.mirrored:
        changes.append("mirrored")
    if abs(transformation.angle) >= MIN_DEGREES:
        changes.append(f"turned by {round(transformation.angle) % 360} degrees")
    if abs(transformation.scale - 1) >= MIN_SCALE_CHANGE:
        changes.append(f"{transformation.scale:.2f} times as large")
    if transformation.squeeze >= MIN_SQUEEZE:
        changes.append(f"squeezed {transformation.squeeze:.2f} times")
    right, down = transformation.shift
    if max(abs(right), abs(down)) >= MIN_SHIFT:
        changes.append(f"shifted by {format_percent(right)} and {format_percent(down)}")
    if transformation.overlap < MIN_WHOLE_OVERLAP:
        changes.append(f"{format_percent(transformation.overlap)} in common")
    return ", ".join(changes) or "as it is"


def format_percent(share: float) -> str:
    """A share in whole percent, with a space before the sign.

    >>> format_percent(0.1)
    '10 %'
    """
    return f"{share:.0%}".replace("%", " %")


def shorten(folder: str, image: str) -> str:
    """The name of a photograph below the folder of its set.

    Args:
        folder: Of the set.
        image: The photograph's path.

    >>> shorten("photos", "photos/benign/1.jpg"), shorten("photos", "others/1.jpg")
    ('benign/1.jpg', 'others/1.jpg')
    """
    if PurePath(image).is_relative_to(folder):
        return str(PurePath(image).relative_to(folder))
    return image


def show_conflict(conflict: Conflict) -> list[tuple[str, str, str]]:
    """Name, label and thumbnail of each photograph."""
    rows = []
    for image, label in zip(conflict.images, conflict.labels, strict=True):
        rows.append((image, label, show_image(image)))
    return rows


def show_image(image: str) -> str:
    """A photograph as a small JPEG, base64; "" where it cannot be read any more."""
    return draw_image(try_image(image, None), [])


def draw_image(image: DecodedImage | Problem, frame: Corners) -> str:
    """A small JPEG, base64, with a quadrilateral in pixels of the photograph drawn on it."""
    if isinstance(image, Problem):
        return ""
    canvas = Image.fromarray(image.pixels)
    scale = TILE_PIXELS / max(canvas.size)
    size = [max(1, round(scale * side)) for side in canvas.size]
    small = canvas.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    if frame:
        corners = [(scale * x, scale * y) for x, y in frame]
        ImageDraw.Draw(small).line([*corners, corners[0]], fill=FRAME_COLOUR, width=2)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()


def build_map(transformation: Transformation, a: tuple[int, int], b: tuple[int, int]) -> np.ndarray:
    """The map, float (3, 3), from pixels of a photograph of size (width, height) `a` to those of `b`.

    The squeeze, whose direction is not kept, is left out.
    """
    angle = np.radians(transformation.angle)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = transformation.scale * rotation @ np.diag([-1 if transformation.mirrored else 1, 1])
    middle_of_a = np.array(a) / 2
    middle_of_b = np.array(b) / 2
    shift = middle_of_b + np.array(transformation.shift) * b - linear @ middle_of_a
    return np.vstack([np.hstack([linear, shift[:, None]]), [0, 0, 1]])


def frame_onto(transformation: Transformation, a: tuple[int, int], b: tuple[int, int]) -> Corners:
    """Where the corners of the first photograph lie on the second, pixels."""
    return lay_corners(build_map(transformation, a, b), a)


def frame_back(transformation: Transformation, a: tuple[int, int], b: tuple[int, int]) -> Corners:
    """Where the corners of the second photograph lie on the first, pixels."""
    return lay_corners(np.linalg.inv(build_map(transformation, a, b)), b)


def lay_corners(matrix: np.ndarray, size: tuple[int, int]) -> Corners:
    """The corners of a photograph of a size (width, height), laid by a map (3, 3)."""
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    return [(float(x), float(y)) for x, y, _ in corners @ matrix.T]


def list_bars(audit: Audit) -> list[tuple[str, float, float, float]]:
    """Title, AUROC and the ends of its interval of each shortcut baseline, for bars."""
    if audit.shortcut_baselines is None:
        return []
    bars = []
    for name, baseline in audit.shortcut_baselines.baselines.items():
        if baseline is None:
            continue
        low, high = baseline.ci["auroc"]
        if not np.isnan(low):
            bars.append((BASELINE_TITLES[name], baseline.auroc, low, high))
    return bars
