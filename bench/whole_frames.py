"""Outlines of whole photographs, from outlines of crops of them: a crop is found again in the photograph that
it was cut from, and its outline is laid there.

    python bench/sources.py photographs --out sources.csv --masks masks.csv
    python bench/whole_frames.py sources.csv masks.csv --folder frames --out masks_whole.csv

HAM10000 and ISIC 2018 are crops from the middle, in their own proportions; the photographs of the archive are
whole, squeezed to a square. A lesion that both show has an outline on the crop alone. Each photograph of the
archive's training split that shares a lesion or a duplicate group with an outlined crop is compared with it.
The outline is taken where the crop is found (a correlation of at least 0.95) and where the lesion does not
reach the left or right edge of the crop, since nobody knows how it goes on there.

`--out` holds the pairs of `masks.csv` and these, whose masks lie in `--folder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.mask_reading import read_mask
from lentigo.images.photographs import read_image

CROPPED = ("ham10000", "isic2018")  # sources whose photographs are crops of the archive's
WIDTHS = np.arange(0.6, 1.0001, 0.0125)  # of the crop, as a share of the whole photograph's
FINE_WIDTHS = np.arange(-0.015, 0.0151, 0.005)  # about the best of them
COARSE_SIDE = 96  # pixels of both pictures in the search
FINE_SIDE = 224
MARGIN = 0.04  # of the crop's edges, left out of the comparison: so it may be shifted by as much
MIN_CORRELATION = 0.95
EDGE = 0.03  # of the crop's width at its left and right: no lesion may be there
GROUPS = ("lesion_id", "duplicate_group")


@dataclass(frozen=True)
class Placement:
    """Where a crop lies in a whole photograph that is squeezed to a square.

    Attributes:
        correlation: Of the grey values, at most 1.
        width: Of the crop, a share of the photograph's width; it is as high as the photograph.
        x: Of its left edge, a share of the photograph's width.
        y: Of its upper edge, a share of the photograph's height.
    """

    correlation: float
    width: float
    x: float
    y: float


def main() -> None:
    """Finds the crops, writes the masks and the manifest, and prints how many there are."""
    parser = make_parser(__doc__)
    parser.add_argument("sources", help="a manifest of bench/sources.py")
    parser.add_argument("masks", help="its manifest of pairs")
    parser.add_argument("--folder", required=True, type=Path, help="for the masks")
    parser.add_argument("--out", required=True, type=Path, help="a manifest for `lentigo train --masks`")
    options = parser.parse_args()
    print(describe_machine())
    table = pd.read_csv(options.sources, dtype=str)
    crops = table[table["source"].isin(CROPPED) & table["mask"].notna()]
    whole = table[(table["source"] == "archive") & (table["split"] == "train")]
    options.folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    counts = dict.fromkeys(CROPPED, 0)
    drawn = set()
    pairs = list_pairs(crops, whole)
    for crop, photograph in pairs:
        if photograph["image"] in drawn:
            continue
        mask = place_outline(crop, photograph)
        if mask is None:
            continue
        drawn.add(photograph["image"])
        path = options.folder / f"{len(rows):04d}.png"
        Image.fromarray(mask).save(path)
        rows.append({**photograph, "mask": str(path.resolve())})
        counts[crop["source"]] += 1
    known = pd.read_csv(options.masks, dtype=str)
    pd.concat([known, pd.DataFrame(rows)], ignore_index=True)[known.columns].to_csv(options.out, index=False)
    print_table(["crops of", "outlines of whole photographs"], list(counts.items()))
    print(f"{len(pairs)} pairs compared")


def list_pairs(crops: pd.DataFrame, whole: pd.DataFrame) -> list[tuple[dict, dict]]:
    """Crops and whole photographs that share a lesion or a duplicate group, each pair once."""
    pairs = {}
    for column in GROUPS:
        by_group = whole.dropna(subset=[column]).groupby(column)
        rows = {name: group.to_dict("records") for name, group in by_group}
        for crop in crops.dropna(subset=[column]).to_dict("records"):
            for photograph in rows.get(crop[column], []):
                pairs[crop["image"], photograph["image"]] = (crop, photograph)
    return list(pairs.values())


def place_outline(crop: dict, photograph: dict) -> np.ndarray | None:
    """The mask of a whole photograph, uint8 (h, w), 0 or 255; None where the crop does not tell it."""
    outline = read_mask(crop["mask"])
    if reaches_edge(outline):
        return None
    pixels = read_image(photograph["image"]).pixels
    placement = find_crop(read_image(crop["image"]).pixels, pixels)
    if placement.correlation < MIN_CORRELATION:
        return None
    return lay_outline(outline, placement, pixels.shape[:2])


def find_crop(crop: np.ndarray, photograph: np.ndarray) -> Placement:
    """Where a crop lies in a photograph, both uint8 (h, w, 3)."""
    grey_crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    grey_photograph = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    coarse = search_widths(grey_crop, grey_photograph, COARSE_SIDE, WIDTHS)
    return search_widths(grey_crop, grey_photograph, FINE_SIDE, coarse.width + FINE_WIDTHS)


def search_widths(crop: np.ndarray, photograph: np.ndarray, side: int, widths: np.ndarray) -> Placement:
    """The best place of a crop among some widths; both grey, uint8 (h, w)."""
    small = cv2.resize(photograph, (side, side), interpolation=cv2.INTER_AREA)
    margin = round(side * MARGIN)
    placements = []
    for width in widths[widths <= 1]:
        columns = round(side * width)
        resized = cv2.resize(crop, (columns, side), interpolation=cv2.INTER_AREA)
        inner = resized[margin : side - margin, margin : columns - margin]
        correlations = cv2.matchTemplate(small, inner, cv2.TM_CCOEFF_NORMED)
        _, highest, _, (x, y) = cv2.minMaxLoc(correlations)
        placements.append(Placement(highest, float(width), (x - margin) / side, (y - margin) / side))
    return max(placements, key=lambda placement: placement.correlation)


def reaches_edge(outline: np.ndarray) -> bool:
    """Whether a lesion, uint8 (h, w), reaches the left or the right edge."""
    columns = max(1, round(outline.shape[1] * EDGE))
    return bool(outline[:, :columns].any() or outline[:, -columns:].any())


def lay_outline(outline: np.ndarray, placement: Placement, shape: tuple[int, int]) -> np.ndarray:
    """The mask of a crop in the photograph that it was cut from.

    Args:
        outline: Of the crop, 1 where the lesion is, uint8 (h, w).
        placement: Where the crop lies.
        shape: Height and width of the photograph.

    Returns:
        0 or 255, uint8 of that shape.
    """
    height, width = shape
    rows, columns = outline.shape
    to_photograph = np.array(
        [
            [width * placement.width / columns, 0, width * placement.x],
            [0, height / rows, height * placement.y],
        ]
    )
    laid = cv2.warpAffine(outline * 255, to_photograph, (width, height), flags=cv2.INTER_LINEAR)
    return np.where(laid > 127, 255, 0).astype(np.uint8)


if __name__ == "__main__":
    main()
