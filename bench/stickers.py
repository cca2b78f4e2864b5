"""How often a coloured sticker gets a box: a disc is drawn beside the lesion of each photograph.

    python bench/stickers.py bundled runs/second/masks.csv --split validation --most 150

The sticker lies on skin, whole, and has one colour under the photograph's own light. A box is on it where more
than half of the box is sticker. The photographs are squeezed to a square first.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from tables import describe_machine, make_parser, print_table, require_readable

from lentigo.common.statistics.intervals import estimate_share
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import MaskSet, load_masks
from lentigo.images.held_images import hold_images
from lentigo.images.photographs import read_image
from lentigo.inference.lesions.detection import detect_images
from lentigo.inference.lesions.mask_cleaning import Box
from lentigo.inference.predictor import Predictor

SIDE = 448  # pixels of a photograph
RADII = 0.05, 0.12  # of a sticker, of the side
GAP = 8  # pixels between lesion and sticker at least
EDGE = 1.5  # pixels, of the blur of a sticker's edge
LIGHT = 3  # pixels, of the blur that leaves light and shade of the photograph


def main() -> None:
    """Prints one row."""
    parser = make_parser(__doc__)
    parser.add_argument("run")
    parser.add_argument("masks")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--most", type=int, default=150, help="photographs, spread over the list")
    options = parser.parse_args()
    predictor = Predictor(options.run)
    pairs = list(draw_stickers(load_masks(options.masks, options.split), options.most))
    photographs = hold_images([pixels for pixels, _ in pairs])
    on_sticker = []
    boxes = 0
    for result, (_, sticker) in zip(detect_images(predictor, photographs, {}), pairs, strict=True):
        found = require_readable(result)
        shares = [measure_share(lesion.box, sticker) for lesion in found.lesions]
        boxes += len(shares)
        on_sticker.append(max(shares, default=0.0) > 0.5)
    low, high = estimate_share(np.array(on_sticker), np.arange(len(on_sticker)))
    print(describe_machine())
    row = [options.run, len(pairs), boxes, sum(on_sticker), f"{100 * low:.1f} to {100 * high:.1f} %"]
    print_table(["RUN", "photographs", "boxes", "with a box on the sticker", "95 % interval"], [row])


def draw_stickers(masks: MaskSet, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photographs with a sticker, uint8 (SIDE, SIDE, 3), and where it lies, bool (SIDE, SIDE); those without
    room for one are left out.
    """
    for row in spread_rows(len(masks.table), most):
        pair = masks.table.iloc[row]
        pixels = cv2.resize(
            read_image(pair["image"], side=None).pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA
        )
        lesion = read_mask(pair["mask"], SIDE) > 0
        rng = np.random.default_rng(int(row))
        radius = round(rng.uniform(*RADII) * SIDE)
        centre = choose_place(lesion, radius, rng)
        if centre is not None:
            opacity = draw_disc(centre, radius)
            yield lay_sticker(pixels, opacity, draw_colour(rng)), opacity > 0.5


def choose_place(lesion: np.ndarray, radius: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """X and y of a disc that touches neither lesion nor border; None where there is no room."""
    skin = np.pad(~lesion, 1).astype(np.uint8)
    distance = cv2.distanceTransform(skin, cv2.DIST_L2, 5)[1:-1, 1:-1]
    places = np.argwhere(distance > radius + GAP)
    if not len(places):
        return None
    y, x = places[rng.integers(len(places))]
    return int(x), int(y)


def draw_disc(centre: tuple[int, int], radius: int) -> np.ndarray:
    """The opacity of a sticker, float (SIDE, SIDE), 0 to 1."""
    drawing = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(drawing, centre, radius, 255, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(drawing, (0, 0), EDGE) / 255


def draw_colour(rng: np.random.Generator) -> np.ndarray:
    """A colour that no skin has, RGB (3,)."""
    hue = [
        rng.integers(0, 180),
        rng.integers(90, 256),
        rng.integers(90, 256),
    ]  # OpenCV's hue, 2 degrees a step
    return cv2.cvtColor(np.array([[hue]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]


def lay_sticker(pixels: np.ndarray, opacity: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A photograph with a sticker of one colour under its own light."""
    light = cv2.GaussianBlur(pixels, (0, 0), LIGHT).mean(axis=2, keepdims=True)
    sticker = colour * light / light.mean()
    opaque = opacity[..., None]
    return np.clip(pixels * (1 - opaque) + sticker * opaque, 0, 255).astype(np.uint8)


def measure_share(box: Box, sticker: np.ndarray) -> float:
    """How much of a box is sticker, 0 to 1."""
    return float(sticker[box.y : box.y + box.height, box.x : box.x + box.width].mean())


if __name__ == "__main__":
    main()
