"""Frames: boxes drawn on the photograph, each with its words. Pillow draws."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from lentigo.inference.explanation_figures import font
from lentigo.inference.lesions.overlays import HALO, LINE, WIDTH

LARGEST = 1600  # pixels, of the longer side of a figure


def draw_boxes(
    image: np.ndarray, boxes: Iterable[tuple[tuple[float, float, float, float], str]]
) -> Image.Image:
    """The photograph, uint8 (height, width, 3), with rectangles, left, top, right and bottom in its pixels,
    and words at each; large ones are reduced.
    """
    canvas = Image.fromarray(image)
    canvas.thumbnail((LARGEST, LARGEST), reducing_gap=3.0)
    across, down = canvas.width / image.shape[1], canvas.height / image.shape[0]
    draw, letters = ImageDraw.Draw(canvas), font(max(11, round(max(canvas.size) / 70)))
    width = max(2, round(max(canvas.size) * WIDTH))
    for (left, top, right, bottom), words in boxes:
        corners = left * across - width, top * down - width, right * across + width, bottom * down + width
        draw.rectangle(tuple(np.add(corners, (-1, -1, 1, 1))), outline=to_colour(HALO), width=width + 2)
        draw.rectangle(corners, outline=to_colour(LINE), width=width)
        above = corners[1] > 2 * letters.size
        place = (
            max(0, min(corners[0], canvas.width - letters.getlength(words) - 2)),
            corners[1] - width if above else corners[3] + width,
        )
        draw.text(
            place,
            words,
            to_colour(LINE),
            letters,
            anchor="ld" if above else "la",
            stroke_width=2,
            stroke_fill=to_colour(HALO),
        )
    return canvas


def to_colour(colour: np.ndarray) -> tuple[int, ...]:
    """As Pillow draws it."""
    return tuple(int(part) for part in colour)
