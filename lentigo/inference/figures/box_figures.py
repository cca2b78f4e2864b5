"""Boxes drawn on the photograph, each with its caption."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lentigo.inference.figures.lettering import load_font
from lentigo.inference.figures.overlays import HALO, LINE, LINE_WIDTH, enlarge_small

MAX_SIDE = 1600  # pixels, of the longer side of a figure
MIN_LETTER_PIXELS = 18
LETTERS_PER_SIDE = 70  # heights of a letter in the longer side of a figure
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def draw_boxes(image: np.ndarray, boxes: Iterable[tuple[Rectangle, str]]) -> Image.Image:
    """Draws rectangles and their captions; a large photograph is reduced, a small one enlarged.

    Args:
        image: The photograph, uint8 (height, width, 3).
        boxes: Left, top, right and bottom of each in its pixels, and the caption.
    """
    canvas = enlarge_small(Image.fromarray(image))
    canvas.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=3.0)
    across = canvas.width / image.shape[1]
    down = canvas.height / image.shape[0]
    for (left, top, right, bottom), caption in boxes:
        draw_box(canvas, (left * across, top * down, right * across, bottom * down), caption)
    return canvas


def draw_box(canvas: Image.Image, rectangle: Rectangle, caption: str) -> None:
    """Draws a rectangle, in pixels of the canvas, around what it says, and its caption."""
    longer = max(canvas.size)
    width = max(2, round(longer * LINE_WIDTH))
    left, top, right, bottom = rectangle
    # Outside of the lesion, so that nothing of it is covered
    line = (left - width, top - width, right + width, bottom + width)
    halo = (line[0] - 1, line[1] - 1, line[2] + 1, line[3] + 1)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle(halo, outline=to_colour(HALO), width=width + 2)
    draw.rectangle(line, outline=to_colour(LINE), width=width)
    letters = load_font(max(MIN_LETTER_PIXELS, round(longer / LETTERS_PER_SIDE)))
    place, anchor = place_caption(canvas.width, line, width, letters, caption)
    draw.text(
        place,
        caption,
        to_colour(LINE),
        letters,
        anchor=anchor,
        stroke_width=2,
        stroke_fill=to_colour(HALO),
    )


def place_caption(
    canvas_width: int, line: Rectangle, width: int, letters: ImageFont.FreeTypeFont, caption: str
) -> tuple[tuple[float, float], str]:
    """Where a caption stands, and Pillow's name of the corner that stands there: above the box, or below
    where there is no room above.
    """
    left, top, _, bottom = line
    # Within the canvas, also for a box at its right edge
    x = max(0, min(left, canvas_width - letters.getlength(caption) - 2))
    if top > 2 * letters.size:
        return (x, top - width), "ld"
    return (x, bottom + width), "la"


def to_colour(colour: np.ndarray) -> tuple[int, ...]:
    """A colour as Pillow takes it."""
    return tuple(int(channel) for channel in colour)
