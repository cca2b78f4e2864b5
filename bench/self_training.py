"""Outlines that a RUN draws on photographs without any, and a manifest of those that two looks agree on,
beside the outlines drawn by hand.

    python bench/self_training.py runs/teacher photographs/lesion_masks photographs/more --out pseudo
    lentigo train pseudo/manifest.csv --masks --leaks drop --out runs/student

The first look takes the whole photograph in four mirrored views, the second what lies around the lesion that
the first one found, enlarged. The second look's outline is kept, at 224 x 224, where both agree. Validation
is the teacher's; the test photographs stay in the manifest, so that `--leaks drop` leaves out what shows one
of them, or of validation.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tables import describe_machine, print_table

from lentigo.datasets.masks import list_masks
from lentigo.images.listing import find_images
from lentigo.images.photographs import SIDE
from lentigo.images.problems import Problem
from lentigo.inference.lesions.mask_cleaning import HALF, clean_mask
from lentigo.inference.lesions.tiles import shrink_square
from lentigo.inference.lesions.verification import surround
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult

AGREE = 0.8  # Jaccard of both looks
MARGIN = 0.6  # of the lesion's longer side, around it
SMALLEST, LARGEST = 0.003, 0.75  # of the photograph
CLOSE = 0.85  # of the photograph's side: a second look that takes in more shows nothing new


def main() -> None:
    """Writes the manifest and prints how many photographs were taken, and why the others were not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("masks")
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--agree", type=float, default=AGREE)
    parser.add_argument("--limit", type=int, help="photographs at most, drawn by chance")
    options = parser.parse_args()
    images = [str(path) for folder in options.images for path in find_images(Path(folder))]
    if options.limit:
        images = sorted(np.random.default_rng(0).permutation(images)[: options.limit])
    (options.out / "masks").mkdir(parents=True, exist_ok=True)
    rows, reasons = [], Counter()
    for image, found in outline_all(
        Predictor(options.run, tta=True, count=len(images)), images, options.agree
    ):
        if isinstance(found, str):
            reasons[found] += 1
            continue
        mask = options.out / "masks" / f"{len(rows):05d}.png"
        cv2.imwrite(str(mask), found.astype(np.uint8) * 255)
        rows.append({"image": str(Path(image).resolve()), "mask": str(mask.resolve()), "split": "train"})
    listed = list_masks(options.masks).table
    known = pd.concat([pd.read_csv(Path(options.run) / "masks.csv"), listed[listed["split"] == "test"]])[
        ["image", "mask", "split"]
    ]
    known[["image", "mask"]] = known[["image", "mask"]].map(lambda path: str(Path(path).resolve()))
    pd.concat([known, pd.DataFrame(rows)]).to_csv(options.out / "manifest.csv", index=False)
    print(describe_machine())
    print_table(
        ["photographs", "n"],
        [["drawn by hand, test included", len(known)], ["taken", len(rows)], *map(list, reasons.items())],
    )


def outline_all(
    predictor: Predictor, images: list[str], agree: float
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each photograph with its outline, bool (SIDE, SIDE), or why it has none."""
    answers = predictor.infer(images)
    while chunk := list(islice(answers, predictor.session.batch)):
        firsts = [
            answer if isinstance(answer, Problem) else clean_mask(answer.mask) >= HALF for answer in chunk
        ]
        squares = [
            None if isinstance(first, Problem) or not first.any() else frame(first) for first in firsts
        ]
        seconds = predictor.session.stream(
            shrink_square(answer.pixels, *square)
            for answer, square in zip(chunk, squares, strict=True)
            if square
        )
        for answer, first, square in zip(chunk, firsts, squares, strict=True):
            yield (
                answer.image,
                "unreadable"
                if isinstance(answer, Problem)
                else "no lesion"
                if square is None
                else judge(answer, first, square, next(seconds)["mask"], agree),
            )


def frame(lesion: np.ndarray) -> tuple[int, int, int]:
    """The square around a lesion, left, top and side."""
    rows, columns = np.flatnonzero(lesion.any(axis=1)), np.flatnonzero(lesion.any(axis=0))
    return surround((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), lesion.shape, MARGIN)


def judge(
    answer: InferenceResult, first: np.ndarray, square: tuple[int, int, int], close: np.ndarray, agree: float
) -> np.ndarray | str:
    """The outline that both looks agree on, or why there is none."""
    if not SMALLEST <= first.mean() <= LARGEST:
        return "lesion too small or too large"
    left, top, side = square
    if side >= CLOSE * SIDE:
        unsure = ((answer.mask > 0.2) & (answer.mask < 0.8)).sum() / first.sum()
        return first if unsure <= 0.25 else "unsure"
    second = np.zeros(first.shape, bool)
    second[top : top + side, left : left + side] = (
        cv2.resize(clean_mask(close), (side, side), interpolation=cv2.INTER_AREA) >= HALF
    )
    overlap = (first & second).sum() / (first | second).sum()
    return second if overlap >= agree else "looks disagree"


if __name__ == "__main__":
    main()
