"""The figure of an explanation: a photograph, and beside it the same in grey with the heatmap over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lentigo.common.files import write_whole
from lentigo.inference.figures.lettering import load_font, shorten, spell
from lentigo.inference.figures.overlays import draw_outline
from lentigo.inference.lesions.mask_cleaning import clean_mask, enlarge_mask
from lentigo.inference.results import InferenceResult

LONGER_SIDE = 640  # pixels, of the photograph in a figure
MIN_PLACE_WIDTH = 460  # pixels, of the place for a photograph: words and colour bar need it
MIN_PLACE_HEIGHT = 320
MARGIN = 28  # pixels around the places
GAP = 28  # pixels between the places
HEAD_HEIGHT = 132  # pixels above the places, for the title
FOOT_HEIGHT = 88  # pixels below the places
BAR_WIDTH = 30  # pixels, of the colour bar
PAIR_GAP = 6  # pixels between a photograph and its map in a report
SCALE_WIDTH = 150  # pixels, of the colour bar with its words
# RGB 0..1: a red and a blue that the colour-blind tell apart, and from grey
FOR_COLOUR = (0.86, 0.18, 0.0)
AGAINST_COLOUR = (0.0, 0.36, 0.75)
MAX_OPACITY = 0.75  # of the strongest cell's colour
LINE_OPACITY = 0.85
LINE_LEVEL = 0.5  # of the strongest value, along which lines are drawn
MIN_SLOPE = 2e-4  # a pixel: what is flatter has no line
INK = "#111111"  # of words
QUIET_INK = "#37474f"  # of words that matter less
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


@dataclass(frozen=True)
class Layout:
    """Where the parts of a figure are."""

    size: tuple[int, int]  # of the figure, width and height in pixels
    image: Box
    heatmap: Box
    bar: Box


@dataclass(frozen=True)
class Captions:
    """What a figure says of a prediction."""

    name: str  # of the photograph
    decision: str
    total: str  # what makes up the logit
    footer: str


def draw_explanation(image: np.ndarray, result: InferenceResult) -> Image.Image:
    """Draws the figure of an explanation.

    Args:
        image: The photograph, uint8 (height, width, 3).
        result: What the network says of it.

    Returns:
        The photograph, with the lesion's outline where there is a mask, and beside it the same in grey with
        the heatmap over it.
    """
    heatmap = result.get_heatmap()
    layout = arrange(image.shape[1], image.shape[0])
    left, top, right, bottom = layout.image
    size = (right - left, bottom - top)
    canvas = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    outlined = canvas if result.mask is None else outline(canvas, result.mask)
    limit = float(np.abs(heatmap).max()) or 1.0  # of the colours
    figure = Image.new("RGB", layout.size, "white")
    figure.paste(outlined, layout.image)
    figure.paste(lay_over(canvas, heatmap / limit, result.centres), layout.heatmap)
    draw_scale(figure, layout.bar, limit, heatmap.size)
    draw_captions(figure, layout, describe(result))
    return figure


def draw_pair(image: np.ndarray, result: InferenceResult, longer_side: int) -> Image.Image:
    """Draws a photograph and its map side by side, without words.

    Args:
        image: The photograph, uint8 (height, width, 3).
        result: What the network says of it.
        longer_side: Of each of the two, in pixels.

    Returns:
        The photograph, with the lesion's outline where there is a mask, and the same in grey under the
        heatmap.
    """
    heatmap = result.get_heatmap()
    shrink = longer_side / max(image.shape[:2])
    height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
    canvas = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    limit = float(np.abs(heatmap).max()) or 1.0  # of the colours
    pair = Image.new("RGB", (2 * width + PAIR_GAP, height), "white")
    pair.paste(canvas if result.mask is None else outline(canvas, result.mask), (0, 0))
    pair.paste(lay_over(canvas, heatmap / limit, result.centres), (width + PAIR_GAP, 0))
    return pair


def outline(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """The image with a line around the lesion of its mask, P(lesion) (side, side)."""
    lesion = enlarge_mask(clean_mask(mask), *image.size) > 0
    return draw_outline(np.asarray(image), lesion)


def save_figure(figure: Image.Image, path: Path) -> None:
    """Writes a PNG, whole or not at all.

    Args:
        figure: The figure.
        path: The file.
    """
    with write_whole(path) as temporary:
        figure.save(temporary, dpi=(144, 144))


def arrange(width: int, height: int) -> Layout:
    """Two places side by side for a photograph of that size, room for words above and below, the colour bar
    on the right.
    """
    shrink = LONGER_SIDE / max(width, height)
    shown_width = max(1, round(width * shrink))
    shown_height = max(1, round(height * shrink))
    place_width = max(shown_width, MIN_PLACE_WIDTH)
    place_height = max(shown_height, MIN_PLACE_HEIGHT)
    # A photograph stands in the middle of its place
    x = MARGIN + (place_width - shown_width) // 2
    y = HEAD_HEIGHT + (place_height - shown_height) // 2
    heatmap_x = x + place_width + GAP
    bar_x = MARGIN + place_width + GAP + place_width + GAP // 2
    return Layout(
        size=(bar_x + SCALE_WIDTH, HEAD_HEIGHT + place_height + FOOT_HEIGHT),
        image=(x, y, x + shown_width, y + shown_height),
        heatmap=(heatmap_x, y, heatmap_x + shown_width, y + shown_height),
        bar=(bar_x, HEAD_HEIGHT, bar_x + BAR_WIDTH, HEAD_HEIGHT + place_height),
    )


def lay_over(image: Image.Image, shares: np.ndarray, centres: Sequence[float] = ()) -> Image.Image:
    """The image in grey, with the heatmap in shares of its strongest cell, (h, w), over it; `centres` as in
    `enlarge`.
    """
    # Pale, so that the colours are the map's alone
    grey = 0.4 + 0.6 * np.asarray(image.convert("L")) / 255
    height, width = grey.shape
    return paint(grey, enlarge(shares, height, width, centres))


def paint(grey: np.ndarray, shares: np.ndarray) -> Image.Image:
    """Colours and lines for shares, (h, w), over grey, 0..1 (h, w)."""
    painted = tint(grey, shares) * (1 - LINE_OPACITY * trace(shares)[..., None])
    return Image.fromarray((painted * 255).round().astype(np.uint8))


def tint(grey: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Grey, 0..1 (h, w), under a coloured glass, RGB (h, w, 3): red for malignant (shares above zero), blue
    against, clear at zero.
    """
    opacity = MAX_OPACITY * np.abs(shares)[..., None]
    colour = np.where(shares[..., None] > 0, FOR_COLOUR, AGAINST_COLOUR)
    return (1 - opacity) * grey[..., None] + opacity * colour


def trace(shares: np.ndarray) -> np.ndarray:
    """Lines along half of the strongest value, as opacity 0..1 (h, w): one line for malignant, a double line
    against.

    A pixel's distance from a line is taken as its difference from the line's value over the slope there.
    """
    if min(shares.shape) < 2:
        return np.zeros(shares.shape)
    slope = np.hypot(*np.gradient(shares))
    distance_for = measure_level_distance(shares, slope, LINE_LEVEL)
    distance_against = measure_level_distance(shares, slope, -LINE_LEVEL)
    single_line = 1.3 - distance_for
    double_line = 1.1 - np.abs(distance_against - 2.5)  # 2.5 pixels on both sides
    return np.clip(np.maximum(single_line, double_line), 0, 1)


def measure_level_distance(shares: np.ndarray, slope: np.ndarray, level: float) -> np.ndarray:
    """About the distance, pixels, of each pixel from where the shares have a value; infinite where flat."""
    far = np.full(shares.shape, np.inf)
    return np.divide(np.abs(shares - level), slope, out=far, where=slope > MIN_SLOPE)


def enlarge(heatmap: np.ndarray, height: int, width: int, centres: Sequence[float] = ()) -> np.ndarray:
    """Enlarges a heatmap to the size of a photograph, by monotone cubics along both axes.

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
    before = rises[:-1]
    after = rises[1:]
    # The harmonic mean of both rises; a peak or a plain has no slope
    rising = before * after > 0
    slopes = np.where(rising, 2 * before * after / np.where(rising, before + after, 1), 0)
    if len(centres) > 1:
        first = centres[0]
        step = centres[1] - centres[0]
    else:
        first = 0.5 / len(rows)
        step = 1 / len(rows)
    shares = (np.arange(size) + 0.5) / size
    places = np.clip((shares - first) / step, -1, len(rows) - 1e-9) + 1  # in rows of `knots[1:-1]`
    left = places.astype(int)
    t = (places - left)[:, None]  # from 0 at the row before to 1 at the row after
    rise = rises[left + 1]
    start = slopes[left]
    end = slopes[left + 1]
    # The cubic with these slopes at its ends, in Horner's form
    return knots[left + 1] + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise)))


def draw_scale(figure: Image.Image, box: Box, limit: float, cells: int) -> None:
    """The colour bar: what the colours say, in words and in units."""
    left, top, right, bottom = box
    shares = np.repeat(np.linspace(1, -1, bottom - top)[:, None], right - left, axis=1)
    figure.paste(paint(np.ones(shares.shape), shares), box)
    draw = ImageDraw.Draw(figure)
    middle = (top + bottom) / 2
    draw.rectangle((left - 1, top - 1, right, bottom), outline=INK)
    for value, label in list_ticks(limit):
        y = middle - value / limit * (bottom - top) / 2
        draw.line((right, y, right + 6, y), fill=INK)
        draw.text((right + 10, y), label, INK, load_font(15), anchor="lm")
    draw.text(
        (left, top - 8), "speaks for\nmalignant", to_rgb(FOR_COLOUR), load_font(16), anchor="ld", spacing=2
    )
    draw.text(
        (left, bottom + 8),
        "speaks against\nmalignant",
        to_rgb(AGAINST_COLOUR),
        load_font(16),
        anchor="la",
        spacing=2,
    )
    draw_upwards(figure, (right + 86, round(middle)), f"change of the logit by one of {cells} cells", 15)


def list_ticks(limit: float) -> list[tuple[float, str]]:
    """Round values from -limit to limit, at most nine, with their labels.

    >>> [label for _, label in list_ticks(0.17)]
    ['-0.15', '-0.10', '-0.05', '0', '+0.05', '+0.10', '+0.15']
    """
    digit = 10.0 ** math.floor(math.log10(limit / 4))
    # The smallest round step of which at most four fit, up to rounding
    step = next(digit * times for times in (1, 2, 5, 10) if limit <= 4 * digit * times * (1 + 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    form = f"+.{decimals}f" if decimals < 5 and limit < 1e5 else "+.0e"
    count = math.floor(limit / step * (1 + 1e-9))  # on either side of zero
    ticks = []
    for times in range(-count, count + 1):
        value = step * times
        ticks.append((value, format(value, form) if times else "0"))
    return ticks


def draw_upwards(figure: Image.Image, centre: tuple[int, int], text: str, size: int) -> None:
    """Text that reads from below to above."""
    left, top, right, bottom = (round(side) for side in load_font(size).getbbox(text))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, load_font(size))
    mask = mask.transpose(Image.Transpose.ROTATE_90)
    figure.paste(INK, (centre[0] - mask.width // 2, centre[1] - mask.height // 2), mask)


def draw_captions(figure: Image.Image, layout: Layout, captions: Captions) -> None:
    """Title, names of both images, sum and footer."""
    draw = ImageDraw.Draw(figure)
    middle = figure.width / 2
    room = figure.width - 2 * MARGIN
    name = shorten(captions.name, load_font(20), room)
    draw.text((middle, 40), name, QUIET_INK, load_font(20), anchor="ms")
    draw.text((middle, 74), captions.decision, INK, load_font(26), anchor="ms", stroke_width=0.4)
    _, bar_top, _, bar_bottom = layout.bar
    image_middle = find_middle(layout.image)
    heatmap_middle = find_middle(layout.heatmap)
    above = bar_top - 12
    heatmap_caption = "what speaks for malignant, and what against"
    draw.text((image_middle, above), "photograph", QUIET_INK, load_font(18), anchor="ms")
    draw.text((heatmap_middle, above), heatmap_caption, QUIET_INK, load_font(18), anchor="ms")
    draw.text((heatmap_middle, bar_bottom + 8), captions.total, QUIET_INK, load_font(16), anchor="ma")
    footer = shorten(captions.footer, load_font(14), room)
    draw.text((middle, figure.height - 14), footer, QUIET_INK, load_font(14), anchor="ms")


def find_middle(box: Box) -> float:
    """The x in the middle of a box."""
    left, _, right, _ = box
    return (left + right) / 2


def describe(result: InferenceResult) -> Captions:
    """The captions for a prediction, in letters that the font has.

    Args:
        result: Of one photograph.
    """
    prediction = result.get_prediction()
    cells = float(result.get_heatmap().sum())
    # So that the three numbers add up as they are printed
    constant = round(result.logit, 2) - round(cells, 2)
    return Captions(
        name=spell(Path(prediction.image).name),
        decision=(
            f"{prediction.label}: P(malignant) {prediction.probability:.3f}, threshold "
            f"{prediction.threshold:.3f}"
        ),
        total=(f"all cells {cells:+.2f}, the network's constant {constant:+.2f}: logit {result.logit:+.2f}"),
        footer=f"research tool, not a diagnosis; model {spell(prediction.model)}",
    )


def to_rgb(colour: tuple[float, float, float]) -> tuple[int, ...]:
    """A colour in 0..1 as Pillow's 0..255."""
    return tuple(round(255 * channel) for channel in colour)
