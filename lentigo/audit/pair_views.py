"""Pairs of duplicates as the report shows them: side by side, with words for what makes the second out of the
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.audit.audit import Audit
from lentigo.audit.thumbnails import Corners, draw_image
from lentigo.duplicates.duplicates import Duplicate, Transformation
from lentigo.images.photographs import DecodedImage, try_image

# What is small enough to leave out of a transformation's words
MIN_DEGREES = 1
MIN_SCALE_CHANGE = 0.01
MIN_SQUEEZE = 1.02
MIN_SHIFT = 0.01
MIN_WHOLE_OVERLAP = 0.995


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


def name_images(audit: Audit, duplicate: Duplicate) -> tuple[str, str]:
    """The paths of a pair.

    Args:
        audit: What was found.
        duplicate: One of its pairs.
    """
    return audit.duplicates.images[duplicate.a], audit.duplicates.images[duplicate.b]


def show_pair(audit: Audit, table: pd.DataFrame, duplicate: Duplicate) -> Pair:
    """A pair with its thumbnails; where one shows a part of the other, its frame is drawn there.

    Args:
        audit: What was found.
        table: `Audit.images`, by image.
        duplicate: One of its pairs.
    """
    images = name_images(audit, duplicate)
    first = try_image(images[0], None)
    second = try_image(images[1], None)
    frames: list[Corners] = [[], []]
    # A frame is drawn where one may show a part of the other, not for whole duplicates
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


def build_map(transformation: Transformation, a: tuple[int, int], b: tuple[int, int]) -> np.ndarray:
    """The map, float (3, 3), from pixels of a photograph of size (width, height) `a` to those of `b`.

    The squeeze, whose direction is not kept, is left out.
    """
    angle = np.radians(transformation.angle)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mirror = -1 if transformation.mirrored else 1
    linear = transformation.scale * rotation @ np.diag([mirror, 1])  # mirrored first
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
