"""Composes photographs of a stretch of skin with many lesions, whose boxes are known, from photographs of
single lesions with their masks.

    python bench/overviews.py photographs/lesion_masks --split train --count 20 --out /tmp/overviews

Skin is synthesised from patches around a lesion, overlapping, each less its mean. A lesion is cut out with a
soft edge and laid on as light sees it: the skin there is multiplied by the lesion's share of its own skin's
colour.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tables import make_parser

from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import MaskSet, load_masks
from lentigo.images.photographs import read_image

WIDTH, HEIGHT = 1600, 1200
LESIONS = 5, 20  # in a picture
SIDES = 44, 320  # pixels of a lesion's longer side, drawn on a scale of logarithms
GAP = 10  # pixels between two boxes at least
PATCH = 96  # pixels of a patch of skin
MIN_PATCHES = 12  # of a photograph whose skin is used
SOFT = 0.06  # of a lesion's longer side: the width of its edge


@dataclass(frozen=True)
class Cutout:
    """A lesion by its share of the light that its skin returns, float32 (h, w, 3), and how much of each pixel
    it is, 0..1 (h, w).
    """

    share: np.ndarray
    opacity: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Overview:
    """A composed photograph, uint8 (HEIGHT, WIDTH, 3), and the boxes of its lesions, int (n, 4): x, y, width,
    height.
    """

    pixels: np.ndarray
    boxes: np.ndarray


class Composer:
    """Composes from the pairs of a set; lesions that leave their photograph, or of which little skin is seen,
    are left out.
    """

    def __init__(self, masks: MaskSet):
        self.lesions: list[tuple[np.ndarray, np.ndarray]] = []  # a photograph and its mask, each
        self.skins: list[np.ndarray] = []
        for image_file, mask_file in zip(masks.table["image"], masks.table["mask"], strict=True):
            image = read_image(image_file, side=None).pixels
            mask = read_mask(mask_file)
            if mask.shape != image.shape[:2]:
                mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            if is_whole(mask):
                self.lesions.append((image, mask))
            skin = find_skin(image, mask)
            if skin is not None:
                self.skins.append(skin)

    def compose(self, seed: int) -> Overview:
        """Composes one overview.

        Args:
            seed: The same one gives the same overview.
        """
        rng = np.random.default_rng(seed)
        skin = weave_skin(self.skins[rng.integers(len(self.skins))], rng)
        boxes: list[list[int]] = []
        for row in rng.permutation(len(self.lesions))[: rng.integers(LESIONS[0], LESIONS[1] + 1)]:
            image, mask = self.lesions[row]
            side = float(np.exp(rng.uniform(*np.log(SIDES))))
            cutout = cut_out(image, mask, side, rng)
            place = find_place(cutout, boxes, rng)
            if place is not None:
                boxes.append(lay_on(skin, cutout, *place))
        # The lens' softness, then the sensor's noise
        skin = cv2.GaussianBlur(skin, (0, 0), rng.uniform(0.4, 0.9))
        skin += rng.normal(0, 1.5, (HEIGHT, WIDTH, 1)).astype(np.float32)
        return Overview(np.clip(skin, 0, 255).astype(np.uint8), np.array(boxes))


def is_whole(mask: np.ndarray) -> bool:
    """Whether a lesion, uint8 (height, width), is one piece, does not touch the edges and leaves half of the
    photograph to skin.
    """
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return not border.any() and mask.mean() < 0.5 and cv2.connectedComponents(mask)[0] == 2


def find_skin(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Patches of skin, float32 (n, PATCH, PATCH, 3), without lesion and without dark or glaring places; None
    where there are few.
    """
    light = cv2.GaussianBlur(image, (0, 0), 3).mean(axis=2)
    middle = np.median(light[mask == 0])
    odd = (light < 0.8 * middle) | (light > 1.15 * middle)
    free = 1 - cv2.dilate((mask | odd).astype(np.uint8), np.ones((15, 15), np.uint8))
    height, width = mask.shape
    patches = []
    for y in range(0, height - PATCH + 1, PATCH // 4):
        for x in range(0, width - PATCH + 1, PATCH // 4):
            if free[y : y + PATCH, x : x + PATCH].all():
                patches.append(image[y : y + PATCH, x : x + PATCH])
    return np.array(patches, np.float32) if len(patches) >= MIN_PATCHES else None


def weave_skin(patches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Skin without end, float32 (HEIGHT, WIDTH, 3): patches less their blur, at random places of a grid and
    turned, over a colour that drifts.
    """
    colour = patches.mean(axis=(0, 1, 2))
    step = PATCH // 2  # patches overlap by half, and fade into one another
    fade = np.hanning(PATCH + 2)[1:-1, None].astype(np.float32)
    window = (fade * fade.T)[..., None]
    grain = np.zeros((HEIGHT + 2 * PATCH, WIDTH + 2 * PATCH, 3), np.float32)
    power = np.zeros((HEIGHT + 2 * PATCH, WIDTH + 2 * PATCH, 1), np.float32)
    for y in range(0, HEIGHT + PATCH, step):
        for x in range(0, WIDTH + PATCH, step):
            patch = np.rot90(patches[rng.integers(len(patches))], int(rng.integers(4)))
            patch = patch - cv2.GaussianBlur(patch, (0, 0), PATCH / 6)
            grain[y : y + PATCH, x : x + PATCH] += window * patch
            power[y : y + PATCH, x : x + PATCH] += window**2
    # Sums of independent patches keep the strength of one where they are divided by the root of their power
    grain /= np.sqrt(np.maximum(power, 1e-6))
    within = grain[PATCH:-PATCH, PATCH:-PATCH]
    drift = spread_out(rng.normal(0, 1, (4, 5, 3)))
    light = spread_out(rng.normal(1, 0.06, (3, 4, 1)))[..., None]
    return (colour + within + 2.5 * drift) * light


def spread_out(coarse: np.ndarray) -> np.ndarray:
    """A few values as a smooth field of an overview's size, float32."""
    return cv2.resize(coarse.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def cut_out(image: np.ndarray, mask: np.ndarray, side: float, rng: np.random.Generator) -> Cutout:
    """A lesion turned at random, and its longer side about `side` pixels, never enlarged."""
    near = cv2.dilate(mask, np.ones((41, 41), np.uint8)) - cv2.dilate(mask, np.ones((9, 9), np.uint8))
    skin = np.median(image[near > 0], axis=0) if near.any() else image.mean(axis=(0, 1))
    share = image.astype(np.float32) / skin.astype(np.float32)
    y, x = np.nonzero(mask)
    centre = (float(x.mean()), float(y.mean()))
    length = float(np.hypot(np.ptp(x), np.ptp(y)))  # pixels
    zoom = min(1.0, side / (max(np.ptp(x), np.ptp(y)) + 1))
    reach = int(np.ceil(length * zoom * (1 + 3 * SOFT))) + 4
    turn = cv2.getRotationMatrix2D(centre, rng.uniform(0, 360), 1.0)
    turn[:, 2] += np.array([reach, reach]) / 2 / zoom - np.array(centre)
    big = int(np.ceil(reach / zoom))
    fields = []
    for field in (share, mask.astype(np.float32)):
        moved = cv2.warpAffine(
            field, turn, (big, big), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        fields.append(cv2.resize(moved, (reach, reach), interpolation=cv2.INTER_AREA))
    share, turned = fields
    soft = max(1.0, SOFT * length * zoom)
    opacity = np.clip(2 * cv2.GaussianBlur(cv2.dilate(turned, np.ones((3, 3))), (0, 0), soft / 2), 0, 1)
    return Cutout(share, opacity, turned >= 0.5)


def find_place(cutout: Cutout, boxes: list[list[int]], rng: np.random.Generator) -> tuple[int, int] | None:
    """Where a cut-out can lie, x and y, without coming near another; None where none was found."""
    y, x = np.nonzero(cutout.mask)
    size = cutout.mask.shape[0]
    for _ in range(200):
        left = int(rng.integers(0, WIDTH - size + 1))
        top = int(rng.integers(0, HEIGHT - size + 1))
        wide = [left + x.min() - GAP, top + y.min() - GAP, np.ptp(x) + 1 + 2 * GAP, np.ptp(y) + 1 + 2 * GAP]
        if not any(overlap(wide, box) for box in boxes):
            return left, top
    return None


def overlap(a: list[int], b: list[int]) -> bool:
    """Whether two boxes, x, y, width and height, have a pixel in common."""
    beside = a[0] >= b[0] + b[2] or b[0] >= a[0] + a[2]
    above = a[1] >= b[1] + b[3] or b[1] >= a[1] + a[3]
    return not (beside or above)


def lay_on(skin: np.ndarray, cutout: Cutout, left: int, top: int) -> list[int]:
    """Lays a cut-out on the skin; gives its box."""
    size = cutout.mask.shape[0]
    place = skin[top : top + size, left : left + size]
    opacity = cutout.opacity[..., None]
    place *= 1 - opacity + opacity * cutout.share
    y, x = np.nonzero(cutout.mask)
    return [left + int(x.min()), top + int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1]


def main() -> None:
    """Writes overviews and their boxes."""
    parser = make_parser(__doc__)
    parser.add_argument("masks")
    parser.add_argument("--split", default="train")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    composer = Composer(load_masks(options.masks, options.split))
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(options.count):
        overview = composer.compose(seed)
        Image.fromarray(overview.pixels).save(options.out / f"{seed:03d}.jpg", quality=92)
        (options.out / f"{seed:03d}.json").write_text(json.dumps(overview.boxes.tolist()))


if __name__ == "__main__":
    main()
