"""The figure of an explanation: a photograph, and beside it the same in grey with the heatmap over it. Pillow
draws.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lentigo.common.files import write_whole
from lentigo.inference.lesions.mask_cleaning import clean_mask, enlarge_mask
from lentigo.inference.lesions.overlays import draw_outline
from lentigo.inference.prediction import Answer

PANEL = 640  # pixels, of the photograph's longer side in a figure
NARROWEST, LOWEST = 460, 320  # pixels, of the place for a photograph: words and colour bar need it
MARGIN, GAP, HEAD, FOOT = 28, 28, 132, 88  # pixels around and between the places
BAR, SIDE = 30, 150  # pixels: the colour bar, and the bar with its words
FOR, AGAINST = (
    (0.86, 0.18, 0.0),
    (0.0, 0.36, 0.75),
)  # a red and a blue that the colour-blind tell apart, and from grey
STRONGEST, LINE = 0.75, 0.85  # opacity of the strongest cell's colour, and of lines
INK, QUIET = "#111111", "#37474f"  # of words
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


@dataclass(frozen=True)
class Layout:
    """Where the parts of a figure stand."""

    size: tuple[int, int]
    image: Box
    heatmap: Box
    bar: Box


@dataclass(frozen=True)
class Words:
    """What a figure says of an answer."""

    name: str
    decision: str
    total: str
    footer: str


def draw_explanation(image: np.ndarray, answer: Answer) -> Image.Image:
    """The photograph, uint8 (height, width, 3), with the lesion's outline where the answer has a mask, and
    beside it the same in grey with the heatmap over it."""
    layout = arrange(image.shape[1], image.shape[0])
    left, top, right, bottom = layout.image
    canvas = Image.fromarray(image).resize(
        (right - left, bottom - top), Image.Resampling.LANCZOS, reducing_gap=3.0
    )
    limit = float(np.abs(answer.heatmap).max()) or 1.0
    figure = Image.new("RGB", layout.size, "white")
    figure.paste(canvas if answer.mask is None else outline(canvas, answer.mask), layout.image)
    figure.paste(lay_over(canvas, answer.heatmap / limit, answer.centres), layout.heatmap)
    draw_scale(figure, layout.bar, limit, answer.heatmap.size)
    draw_words(figure, layout, describe(answer))
    return figure


def outline(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """The picture with a line around the lesion of its mask, P(lesion) (side, side)."""
    return draw_outline(np.asarray(image), enlarge_mask(clean_mask(mask), *image.size) > 0)


def save_figure(figure: Image.Image, path: Path) -> None:
    """Writes a PNG, whole or not at all."""
    with write_whole(path) as temporary:
        figure.save(temporary, dpi=(144, 144))


def arrange(width: int, height: int) -> Layout:
    """Two places side by side for a photograph of that size, room for words above and below, the colour bar
    on the right.
    """
    shrink = PANEL / max(width, height)
    across, down = max(1, round(width * shrink)), max(1, round(height * shrink))
    wide, high = max(across, NARROWEST), max(down, LOWEST)
    x, y = MARGIN + (wide - across) // 2, HEAD + (high - down) // 2
    beside, bar = x + wide + GAP, MARGIN + wide + GAP + wide + GAP // 2
    image, heatmap = (x, y, x + across, y + down), (beside, y, beside + across, y + down)
    return Layout((bar + SIDE, HEAD + high + FOOT), image, heatmap, (bar, HEAD, bar + BAR, HEAD + high))


def lay_over(image: Image.Image, shares: np.ndarray, centres: Sequence[float] = ()) -> Image.Image:
    """The picture in grey, with the heatmap in shares of its strongest cell, (h, w), over it; `centres` as in
    `enlarge`.
    """
    grey = 0.4 + 0.6 * np.asarray(image.convert("L")) / 255  # pale, so that the colours are the map's alone
    return paint(grey, enlarge(shares, *grey.shape, centres))


def paint(grey: np.ndarray, shares: np.ndarray) -> Image.Image:
    """Colours and lines for shares, (h, w), over grey, 0..1 (h, w)."""
    painted = tint(grey, shares) * (1 - LINE * trace(shares)[..., None])
    return Image.fromarray((painted * 255).round().astype(np.uint8))


def tint(grey: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Grey, 0..1 (h, w), under a coloured glass, RGB (h, w, 3): red for malignant (shares above zero), blue
    against, clear at zero.
    """
    opacity = STRONGEST * np.abs(shares)[..., None]
    return (1 - opacity) * grey[..., None] + opacity * np.where(shares[..., None] > 0, FOR, AGAINST)


def trace(shares: np.ndarray) -> np.ndarray:
    """Lines along half of the strongest value, as opacity 0..1 (h, w): one line for malignant, a double line
    against.

    A pixel's distance from a line is taken as its difference from the line's value over the slope there.
    """
    if min(shares.shape) < 2:
        return np.zeros(shares.shape)
    slope = np.hypot(*np.gradient(shares))
    away, beyond = (
        np.divide(np.abs(shares - level), slope, out=np.full(shares.shape, np.inf), where=slope > 2e-4)
        for level in (0.5, -0.5)
    )
    return np.clip(np.maximum(1.3 - away, 1.1 - np.abs(beyond - 2.5)), 0, 1)


def enlarge(heatmap: np.ndarray, height: int, width: int, centres: Sequence[float] = ()) -> np.ndarray:
    """The heatmap at the size of a photograph, by monotone cubics along both axes.

    Plain bicubic overshoots: beside a blue cell it paints a red rim that the model never spoke of.

    Args:
        heatmap: Float (n, n).
        height: Pixels.
        width: Pixels.
        centres: What the cells of a row, and the rows, look at, as shares of the side, n of them at equal
            distances. Without them the cells tile the photograph.

    Returns:
        Float (height, width).
    """
    tall = interpolate(heatmap.astype(np.float64), height, centres)
    return interpolate(tall.T, width, centres).T


def interpolate(rows: np.ndarray, size: int, centres: Sequence[float] = ()) -> np.ndarray:
    """`size` rows between the given ones, (n, m), by monotone cubics (PCHIP: Fritsch and Butland 1984);
    beyond the outer centres they stay.
    """
    knots = np.pad(rows, ((2, 2), (0, 0)), mode="edge")
    rises = np.diff(knots, axis=0)
    before, after = rises[:-1], rises[1:]
    rising = before * after > 0  # elsewhere a peak or a plain, whose slope is zero
    slopes = np.where(rising, 2 * before * after / np.where(rising, before + after, 1), 0)
    shares = (np.arange(size) + 0.5) / size
    first, step = (
        (centres[0], centres[1] - centres[0]) if len(centres) > 1 else (0.5 / len(rows), 1 / len(rows))
    )
    places = np.clip((shares - first) / step, -1, len(rows) - 1e-9) + 1  # in rows of `knots[1:-1]`
    left = places.astype(int)
    t, rise, start, end = (places - left)[:, None], rises[left + 1], slopes[left], slopes[left + 1]
    return knots[left + 1] + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise)))


def draw_scale(figure: Image.Image, box: Box, limit: float, cells: int) -> None:
    """The colour bar: what the colours say, in words and in units."""
    left, top, right, bottom = box
    shares = np.repeat(np.linspace(1, -1, bottom - top)[:, None], right - left, axis=1)
    figure.paste(paint(np.ones(shares.shape), shares), box)
    draw, middle = ImageDraw.Draw(figure), (top + bottom) / 2
    draw.rectangle((left - 1, top - 1, right, bottom), outline=INK)
    for value, label in list_ticks(limit):
        y = middle - value / limit * (bottom - top) / 2
        draw.line((right, y, right + 6, y), fill=INK)
        draw.text((right + 10, y), label, INK, font(15), anchor="lm")
    draw.text((left, top - 8), "speaks for\nmalignant", to_rgb(FOR), font(16), anchor="ld", spacing=2)
    draw.text(
        (left, bottom + 8), "speaks against\nmalignant", to_rgb(AGAINST), font(16), anchor="la", spacing=2
    )
    draw_upwards(figure, (right + 86, round(middle)), f"change of the logit by one of {cells} cells", 15)


def list_ticks(limit: float) -> list[tuple[float, str]]:
    """Round values from -limit to limit, at most nine, with their labels.

    >>> [label for _, label in list_ticks(0.17)]
    ['-0.15', '-0.10', '-0.05', '0', '+0.05', '+0.10', '+0.15']
    """
    digit = 10.0 ** math.floor(math.log10(limit / 4))
    step = next(digit * times for times in (1, 2, 5, 10) if limit <= 4 * digit * times * (1 + 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    form = f"+.{decimals}f" if decimals < 5 and limit < 1e5 else "+.0e"
    most = math.floor(limit / step * (1 + 1e-9))
    return [(step * times, format(step * times, form) if times else "0") for times in range(-most, most + 1)]


def draw_upwards(figure: Image.Image, centre: tuple[int, int], text: str, size: int) -> None:
    """Text that reads from below to above."""
    left, top, right, bottom = (round(side) for side in font(size).getbbox(text))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, font(size))
    mask = mask.transpose(Image.Transpose.ROTATE_90)
    figure.paste(INK, (centre[0] - mask.width // 2, centre[1] - mask.height // 2), mask)


def draw_words(figure: Image.Image, layout: Layout, words: Words) -> None:
    """Title, captions, sum and footer."""
    draw, middle, room = ImageDraw.Draw(figure), figure.width / 2, figure.width - 2 * MARGIN
    draw.text((middle, 40), shorten(words.name, font(20), room), QUIET, font(20), anchor="ms")
    draw.text((middle, 74), words.decision, INK, font(26), anchor="ms", stroke_width=0.4)
    for box, caption in (
        (layout.image, "photograph"),
        (layout.heatmap, "what speaks for malignant, and what against"),
    ):
        draw.text(((box[0] + box[2]) / 2, layout.bar[1] - 12), caption, QUIET, font(18), anchor="ms")
    draw.text(
        ((layout.heatmap[0] + layout.heatmap[2]) / 2, layout.bar[3] + 8),
        words.total,
        QUIET,
        font(16),
        anchor="ma",
    )
    draw.text(
        (middle, figure.height - 14), shorten(words.footer, font(14), room), QUIET, font(14), anchor="ms"
    )


def describe(answer: Answer) -> Words:
    """The words for an answer, in letters that the font has."""
    said, cells = answer.prediction, float(answer.heatmap.sum())
    constant = round(answer.logit, 2) - round(
        cells, 2
    )  # so that the three numbers add up as they are printed
    return Words(
        spell(Path(said.image).name),
        f"{said.label}: P(malignant) {said.probability:.3f}, threshold {said.threshold:.3f}",
        f"all cells {cells:+.2f}, the network's constant {constant:+.2f}: logit {answer.logit:+.2f}",
        f"research tool, not a diagnosis; model {spell(said.model)}",
    )


def spell(name: str) -> str:
    """A name as the font can write it: accents are dropped, and what it does not know is a question mark.

    >>> spell("mélanome \u75e3.jpg")
    'melanome ?.jpg'
    """
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return "".join(letter if is_known(letter) else "?" for letter in letters)


def shorten(text: str, letters: ImageFont.FreeTypeFont, room: float) -> str:
    """The text, with its middle left out where it is wider than `room` pixels."""
    short, kept = text, len(text) // 2
    while letters.getlength(short) > room and kept > 1:
        kept -= 1
        short = f"{text[:kept]}...{text[-kept:]}"
    return short


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings, Aileron, at a size in pixels: figures look alike on every machine."""
    return ImageFont.load_default(size)


@cache
def is_known(letter: str) -> bool:
    """Whether the font has that letter, and not its sign for a missing one."""
    return letter.isprintable() and bytes(font(20).getmask(letter)) != bytes(font(20).getmask("\uffff"))


def to_rgb(colour: tuple[float, float, float]) -> tuple[int, ...]:
    """A colour in 0..1 as Pillow's 0..255."""
    return tuple(round(255 * part) for part in colour)
