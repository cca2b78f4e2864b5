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

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tables import describe_machine, make_parser, print_table

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
SMALLEST = 0.003  # lesions, as shares of the photograph
LARGEST = 0.75
MAX_UNSURE = 0.25  # pixels whose probability is between 0.2 and 0.8, by those of the lesion
CLOSE = 0.85  # of the photograph's side: a second look that takes in more shows nothing new


def main() -> None:
    """Writes the manifest and prints how many photographs were taken, and why the others were not."""
    parser = make_parser(__doc__)
    parser.add_argument("run")
    parser.add_argument("masks")
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--agree", type=float, default=AGREE)
    parser.add_argument("--limit", type=int, help="photographs at most, drawn by chance")
    options = parser.parse_args()
    images: list[str] = []
    for folder in options.photos:
        images += map(str, find_images(Path(folder)))
    if options.limit:
        images = sorted(np.random.default_rng(0).permutation(images)[: options.limit])
    (options.out / "masks").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    reasons: Counter[str] = Counter()
    predictor = Predictor(options.run, tta=True, count=len(images))
    for image, found in outline_all(predictor, images, options.agree):
        if isinstance(found, str):
            reasons[found] += 1
            continue
        mask = options.out / "masks" / f"{len(rows):05d}.png"
        cv2.imwrite(str(mask), found.astype(np.uint8) * 255)
        rows.append({"image": str(Path(image).resolve()), "mask": str(mask.resolve()), "split": "train"})
    known = list_drawn(Path(options.run), options.masks)
    pd.concat([known, pd.DataFrame(rows)]).to_csv(options.out / "manifest.csv", index=False)
    print(describe_machine())
    print_table(
        ["photographs", "n"],
        [["drawn by hand, test included", len(known)], ["taken", len(rows)], *map(list, reasons.items())],
    )


def list_drawn(run: Path, masks: str) -> pd.DataFrame:
    """The pairs that were drawn by hand: those of the teacher's training and validation, and the test pairs
    of a manifest, under whole paths.
    """
    listed = list_masks(masks).table
    tables = [pd.read_csv(run / "masks.csv"), listed[listed["split"] == "test"]]
    drawn = pd.concat(tables)[["image", "mask", "split"]]
    for column in ("image", "mask"):
        drawn[column] = drawn[column].map(lambda path: str(Path(path).resolve()))
    return drawn


def outline_all(
    predictor: Predictor, images: list[str], agree: float
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each photograph with its outline, bool (SIDE, SIDE), or why it has none."""
    answers = predictor.infer(images)
    while chunk := list(islice(answers, predictor.session.batch)):
        looks: list[Look | None] = []  # of each photograph; None where there is no lesion to look at closely
        closer = []  # pixels of the second looks
        for answer in chunk:
            look = None if isinstance(answer, Problem) else look_first(answer)
            looks.append(look)
            if look is not None:
                closer.append(shrink_square(look.answer.pixels, *look.square))
        seconds = iter(predictor.session.stream(closer))
        for answer, look in zip(chunk, looks, strict=True):
            if isinstance(answer, Problem):
                yield answer.image, "unreadable"
            elif look is None:
                yield answer.image, "no lesion"
            else:
                yield answer.image, judge(look, next(seconds)["mask"], agree)


@dataclass(frozen=True)
class Look:
    """The first look at a photograph.

    Attributes:
        answer: What the network gave.
        lesion: Where it saw the lesion, bool (SIDE, SIDE).
        square: Around the lesion: left, top and side in pixels.
    """

    answer: InferenceResult
    lesion: np.ndarray
    square: tuple[int, int, int]


def look_first(answer: InferenceResult) -> Look | None:
    """The lesion of the whole photograph; None where there is none."""
    lesion = clean_mask(answer.get_mask()) >= HALF
    if not lesion.any():
        return None
    return Look(answer, lesion, frame(lesion))


def frame(lesion: np.ndarray) -> tuple[int, int, int]:
    """The square around a lesion, left, top and side."""
    rows = np.flatnonzero(lesion.any(axis=1))
    columns = np.flatnonzero(lesion.any(axis=0))
    place = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return surround(place, lesion.shape, MARGIN)


def judge(look: Look, close: np.ndarray, agree: float) -> np.ndarray | str:
    """The outline that both looks agree on, or why there is none; `close` is the second look's mask."""
    first = look.lesion
    if not SMALLEST <= first.mean() <= LARGEST:
        return "lesion too small or too large"
    left, top, side = look.square
    if side >= CLOSE * SIDE:
        mask = look.answer.get_mask()
        unsure = ((mask > 0.2) & (mask < 0.8)).sum() / first.sum()
        return first if unsure <= MAX_UNSURE else "unsure"
    enlarged = cv2.resize(clean_mask(close), (side, side), interpolation=cv2.INTER_AREA)
    second = np.zeros(first.shape, bool)
    second[top : top + side, left : left + side] = enlarged >= HALF
    jaccard = (first & second).sum() / (first | second).sum()
    return second if jaccard >= agree else "looks disagree"


if __name__ == "__main__":
    main()
