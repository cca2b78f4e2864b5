"""The figure of an explanation: a photograph, and beside it the same in grey with the heatmap over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lentigo.common.files import write_whole
from lentigo.inference.figures.colour_bar import INK, Box, draw_scale
from lentigo.inference.figures.heatmaps import lay_over
from lentigo.inference.figures.lettering import load_font, shorten, spell
from lentigo.inference.figures.overlays import outline_mask
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
QUIET_INK = "#37474f"  # of words that matter less


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
    map: str  # what the heatmap shows
    total: str  # what makes up the logit
    footer: str


def draw_explanation(image: np.ndarray, result: InferenceResult) -> Image.Image:
    """Draws the figure of an explanation.

    Args:
        image: The photograph, uint8 (height, width, 3).
        result: What the network says of it.

    Returns:
        The photograph, with the lesion's outline where there is a mask, and beside it the same in grey with
        the heatmap over it; of a photograph that is refused without outline, heatmap and probability.
    """
    heatmap = result.get_heatmap()
    layout = arrange(image.shape[1], image.shape[0])
    left, top, right, bottom = layout.image
    photograph, explained = draw_images(image, result, (right - left, bottom - top))
    figure = Image.new("RGB", layout.size, "white")
    figure.paste(photograph, layout.image)
    figure.paste(explained, layout.heatmap)
    if not result.is_refused:
        draw_scale(figure, layout.bar, find_limit(heatmap), heatmap.size)
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
    width, height = reduce_size(image.shape[1], image.shape[0], longer_side)
    photograph, explained = draw_images(image, result, (width, height))
    pair = Image.new("RGB", (2 * width + PAIR_GAP, height), "white")
    pair.paste(photograph, (0, 0))
    pair.paste(explained, (width + PAIR_GAP, 0))
    return pair


def draw_images(
    image: np.ndarray, result: InferenceResult, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """A photograph, uint8 (height, width, 3), at another size, with the lesion's outline where there is a
    mask; and the same in grey under its heatmap.
    """
    heatmap = result.get_heatmap()
    canvas = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if result.is_refused:
        return canvas, canvas.convert("L").convert("RGB")
    outlined = canvas if result.mask is None else outline_mask(canvas, result.mask)
    return outlined, lay_over(canvas, heatmap / find_limit(heatmap), result.centres)


def find_limit(heatmap: np.ndarray) -> float:
    """The value of the strongest colour, in changes of the logit; 1 where the heatmap is nil everywhere."""
    return float(np.abs(heatmap).max()) or 1.0


def reduce_size(width: int, height: int, longer_side: int) -> tuple[int, int]:
    """Width and height, in pixels, where the longer side gets a length."""
    shrink = longer_side / max(width, height)
    return max(1, round(width * shrink)), max(1, round(height * shrink))


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
    shown_width, shown_height = reduce_size(width, height, LONGER_SIDE)
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


def draw_captions(figure: Image.Image, layout: Layout, captions: Captions) -> None:
    """Title, names of both images, sum and footer.

    Args:
        figure: Is drawn upon.
        layout: Where its parts are.
        captions: What it says.
    """
    draw = ImageDraw.Draw(figure)
    draw_title(draw, figure, captions)
    _, bar_top, _, bar_bottom = layout.bar
    above = bar_top - 12
    for box, caption in (
        (layout.image, "photograph"),
        (layout.heatmap, captions.map),
    ):
        draw.text((find_middle(box), above), caption, QUIET_INK, load_font(18), anchor="ms")
    below = (find_middle(layout.heatmap), bar_bottom + 8)
    draw.text(below, captions.total, QUIET_INK, load_font(16), anchor="ma")


def draw_title(draw: ImageDraw.ImageDraw, figure: Image.Image, captions: Captions) -> None:
    """The photograph's name and the decision above, the footer below."""
    middle = figure.width / 2
    room = figure.width - 2 * MARGIN  # pixels: longer text is shortened
    name = shorten(captions.name, load_font(20), room)
    draw.text((middle, 40), name, QUIET_INK, load_font(20), anchor="ms")
    draw.text((middle, 74), captions.decision, INK, load_font(26), anchor="ms", stroke_width=0.4)
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
    footer = f"research tool, not a diagnosis; model {spell(prediction.model)}"
    name = spell(Path(prediction.image).name)
    if prediction.is_refused:
        return Captions(
            name=name,
            decision="refused: no probability is given",
            map="no map of a refused photograph",
            total="",
            footer=f"{spell(prediction.reason)}; {footer}",
        )
    cells = float(result.get_heatmap().sum())
    # So that the three numbers add up as they are printed
    constant = round(result.logit, 2) - round(cells, 2)
    return Captions(
        name=name,
        decision=(
            f"{prediction.label}: P(malignant) {prediction.probability:.3f}, threshold "
            f"{prediction.threshold:.3f}"
        ),
        map="what speaks for malignant, and what against",
        total=(f"all cells {cells:+.2f}, the network's constant {constant:+.2f}: logit {result.logit:+.2f}"),
        footer=footer,
    )
