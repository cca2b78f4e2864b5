"""The colour bar beside a heatmap: what its colours say, in words and in units."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from lentigo.inference.figures.heatmaps import AGAINST_COLOUR, FOR_COLOUR, paint, to_rgb
from lentigo.inference.figures.lettering import load_font

INK = "#111111"  # of words
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def draw_scale(figure: Image.Image, box: Box, limit: float, cells: int) -> None:
    """Draws the colour bar: what the colours say, in words and in units.

    Args:
        figure: Is drawn upon.
        box: Of the bar.
        limit: The value of the strongest colour, as a change of the logit.
        cells: Of the heatmap.
    """
    left, top, right, bottom = box
    column = np.linspace(1, -1, bottom - top)[:, None]  # from the strongest for to the strongest against
    shares = np.repeat(column, right - left, axis=1)
    figure.paste(paint(np.ones(shares.shape), shares), box)
    draw = ImageDraw.Draw(figure)
    draw.rectangle((left - 1, top - 1, right, bottom), outline=INK)
    draw_ticks(draw, box, limit)
    draw_meaning(draw, (left, top - 8), "speaks for\nmalignant", FOR_COLOUR, anchor="ld")
    draw_meaning(draw, (left, bottom + 8), "speaks against\nmalignant", AGAINST_COLOUR, anchor="la")
    middle = round((top + bottom) / 2)
    draw_upwards(figure, (right + 86, middle), f"change of the logit by one of {cells} cells", 15)


def draw_meaning(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    colour: tuple[float, float, float],
    *,
    anchor: str,
) -> None:
    """What a colour means, in that colour."""
    draw.text(place, words, to_rgb(colour), load_font(16), anchor=anchor, spacing=2)


def draw_ticks(draw: ImageDraw.ImageDraw, box: Box, limit: float) -> None:
    """Round values beside the colour bar."""
    _, top, right, bottom = box
    middle = (top + bottom) / 2
    for value, label in list_ticks(limit):
        y = middle - value / limit * (bottom - top) / 2
        draw.line((right, y, right + 6, y), fill=INK)
        draw.text((right + 10, y), label, INK, load_font(15), anchor="lm")


def list_ticks(limit: float) -> list[tuple[float, str]]:
    """Round values from -limit to limit, at most nine, with their labels.

    >>> [label for _, label in list_ticks(0.17)]
    ['-0.15', '-0.10', '-0.05', '0', '+0.05', '+0.10', '+0.15']
    """
    step = find_step(limit)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    form = f"+.{decimals}f" if decimals < 5 and limit < 1e5 else "+.0e"
    count = math.floor(limit / step * (1 + 1e-9))  # on either side of zero
    ticks = []
    for times in range(-count, count + 1):
        value = step * times
        ticks.append((value, format(value, form) if times else "0"))
    return ticks


def find_step(limit: float) -> float:
    """The smallest round step, 1, 2 or 5 times a power of ten, of which at most four fit up to the limit."""
    digit = 10.0 ** math.floor(math.log10(limit / 4))
    for times in (1, 2, 5):
        if limit <= 4 * digit * times * (1 + 1e-9):  # up to rounding
            return digit * times
    return digit * 10


def draw_upwards(figure: Image.Image, centre: tuple[int, int], text: str, size: int) -> None:
    """Text that reads from below to above."""
    left, top, right, bottom = (round(side) for side in load_font(size).getbbox(text))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, load_font(size))
    mask = mask.transpose(Image.Transpose.ROTATE_90)
    figure.paste(INK, (centre[0] - mask.width // 2, centre[1] - mask.height // 2), mask)
