"""The quality gate on photographs as they are and after known damage: shares flagged by each measure, and the
time it takes.

With outlines drawn by people also how well a lesion cut off by the edge is found: in the photographs as they
are, and in windows of them that cut the lesion. Example:

    python bench/quality.py photos/train more/ --sample 2000 --masks lesion_masks/manifest.csv --split train
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tables import describe_machine, make_parser, print_table

if TYPE_CHECKING:
    from PIL.Image import Image

Damage = Callable[[np.ndarray], np.ndarray]  # of uint8 (224, 224, 3) RGB
TOUCHING = 0.02  # of the edge, from which on a lesion outlined by people counts as cut off
WINDOWS = 2  # that cut the lesion, of each outlined photograph


def main() -> None:
    """A row for each damage and a column for each kind of flaw; then the lesions cut off."""
    parser = make_parser(__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--sample", type=int, metavar="N", help="take N photographs by chance (default: all)")
    parser.add_argument("--masks", metavar="MANIFEST", help="CSV with split,image,mask")
    parser.add_argument("--split", default="train", help="of the manifest with masks")
    options = parser.parse_args()
    print(describe_machine())
    images = sample_photos(options.folders, options.sample)
    print_table(
        [
            f"{len(images)} photographs",
            "blurred, %",
            "dark, %",
            "over-exposed, %",
            "cut off, %",
            "ms of processor",
        ],
        (row(name, damage, images) for name, damage in damages()),
    )
    if options.masks:
        columns = [
            "outlined by people",
            "photographs",
            "cut off",
            "flagged",
            "precision",
            "recall",
            "recall where a tenth of the edge is touched",
        ]
        print_table(columns, cut_rows(Path(options.masks), options.split))


def sample_photos(folders: list[str], count: int | None) -> list[Path]:
    """`count` photographs by chance, or all.

    Args:
        folders: With photographs.
        count: How many; None for all.
    """
    from lentigo.images.listing import find_images

    found: list[Path] = []
    for folder in folders:
        found += find_images(folder)
    chosen = np.random.default_rng(0).permutation(len(found))[:count]
    return [found[index] for index in sorted(chosen)]


def damages() -> list[tuple[str, Damage]]:
    """Names, and functions of uint8 (224, 224, 3) RGB."""
    from lentigo.images.corruptions import blur, dim, recompress

    table: list[tuple[str, Damage]] = [("as they are", lambda pixels: pixels)]
    for sigma in (1, 2, 3, 5):
        table.append((f"blurred, sigma {sigma} px", partial(blur, sigma=sigma)))
    table.append(("blurred, sigma 3 px, JPEG quality 85", lambda pixels: recompress(blur(pixels, 3), 85)))
    table.append(("JPEG quality 30", lambda pixels: recompress(pixels, 30)))
    for factor in (0.25, 0.5, 1.5, 2.5):
        table.append((f"light x {factor}", partial(dim, factor=factor)))
    return table


def row(name: str, damage: Damage, paths: list[Path]) -> list:
    """Shares flagged, and the milliseconds of processor time of measuring one photograph."""
    from lentigo.images.measures.quality import judge_quality, measure_quality
    from lentigo.images.photographs import DecodedImage, stream_images

    kinds, seconds = [], 0.0
    for image in stream_images(paths):
        if isinstance(image, DecodedImage):
            pixels, start = damage(image.pixels), time.thread_time()
            flaws = judge_quality(measure_quality(pixels))
            seconds += time.thread_time() - start
            kinds.append({flaw.kind for flaw in flaws})
    shares = [
        100 * float(np.mean([kind in found for found in kinds]))
        for kind in ("blurred", "dark", "over-exposed", "cut off")
    ]
    return [name, *shares, 1000 * seconds / len(kinds)]


def cut_rows(manifest: Path, split: str) -> list[list]:
    """Of the photographs as they are, and of windows in which the lesion is cut."""
    import pandas as pd
    from PIL.Image import open as open_image

    table, rng = pd.read_csv(manifest).query("split == @split"), np.random.default_rng(0)
    whole, windows = [], []
    for image, mask in zip(table["image"], table["mask"], strict=True):
        with (
            open_image(manifest.parent / image) as image_file,
            open_image(manifest.parent / mask) as mask_file,
        ):
            photograph = image_file.convert("RGB")
            outline = mask_file.convert("L")
        whole.append(compare(photograph, outline))
        for _ in range(WINDOWS):
            window = cut_window(photograph, outline, rng)
            if window is not None:
                windows.append(compare(*window))
    return [describe("photographs", whole), describe("windows that cut the lesion", windows)]


def compare(image: Image, outline: Image) -> tuple[float, bool]:
    """The share of the edge that the outlined lesion touches, and whether the gate calls it cut off."""
    from PIL.Image import Resampling

    from lentigo.images.measures.quality import judge_quality, measure_quality

    pixels = np.asarray(image.resize((224, 224), Resampling.BILINEAR, reducing_gap=3.0))
    return touch(np.asarray(outline.resize((224, 224))) > 127), any(
        flaw.kind == "cut off" for flaw in judge_quality(measure_quality(pixels))
    )


def touch(lesion: np.ndarray) -> float:
    """The share of the edge of a mask, bool (h, w), that is lesion."""
    return float(np.concatenate([lesion[0], lesion[-1], lesion[1:-1, 0], lesion[1:-1, -1]]).mean())


def cut_window(image: Image, outline: Image, rng: np.random.Generator) -> tuple[Image, Image] | None:
    """A part of the photograph with at least 30 % of the lesion, which touches 4 to 50 % of its edge; None
    where 50 tries find none.
    """
    area = (np.asarray(outline) > 127).sum()
    for _ in range(50):
        width, height = (
            int(side * scale) for side, scale in zip(image.size, [rng.uniform(0.45, 0.9)] * 2, strict=True)
        )
        left = int(rng.integers(0, image.width - width + 1))
        top = int(rng.integers(0, image.height - height + 1))
        box = (left, top, left + width, top + height)
        lesion = np.asarray(outline.crop(box)) > 127
        if 0.04 < touch(lesion) < 0.5 and lesion.sum() > 0.3 * area:
            return image.crop(box), outline.crop(box)
    return None


def describe(name: str, pairs: list[tuple[float, bool]]) -> list:
    """Precision and recall of the flag."""
    touched, flagged = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    cut = touched > TOUCHING
    return [
        name,
        len(pairs),
        int(cut.sum()),
        int(flagged.sum()),
        float(cut[flagged].mean()),
        float(flagged[cut].mean()),
        float(flagged[touched > 0.1].mean()),
    ]


if __name__ == "__main__":
    main()
