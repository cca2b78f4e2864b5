"""How well boxes find lesions: on photographs of one lesion, on composed overviews of many, and on composed
skin without any.

    python bench/detection.py runs/masks photographs/lesion_masks --split train --count 30
    python bench/detection.py runs/masks photographs/lesion_masks --split test --count 60
    python bench/detection.py runs/masks pseudo/manifest.csv --split validation --skins held_out.csv      # lesions of one set on the skin of another

Parameters were chosen on the training split (`--set margin=0.4` tries another); the test split is for the
final number.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from overviews import Composer, Overview, weave_skin
from PIL import Image
from tables import describe_machine, make_parser, print_table, require_readable, show_value

from lentigo.common.statistics.resampling import bootstrap
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import load_masks
from lentigo.evaluation.masks.boxes import Match, match_boxes, measure_precision
from lentigo.inference.lesions.detection import Detection, find_lesions
from lentigo.inference.lesions.mask_cleaning import Box, find_box
from lentigo.inference.lesions.search import SearchSettings
from lentigo.inference.predictor import Predictor


def main() -> None:
    """Measures and prints."""
    parser = make_parser(__doc__)
    parser.add_argument("run")
    parser.add_argument("masks")
    parser.add_argument("--split", default="train")
    parser.add_argument("--count", type=int, default=30, help="overviews")
    parser.add_argument("--bare", type=int, default=40, help="composed pictures without a lesion")
    parser.add_argument(
        "--skins",
        help="masks whose photographs give the skin that the lesions are laid on, of the same split; else "
        "their own",
    )
    parser.add_argument("--set", nargs="*", default=[], help="parameters of the search, name=value")
    options = parser.parse_args()
    search = replace(
        SearchSettings(),
        **{
            name: type(getattr(SearchSettings(), name))(value)
            for name, value in (pair.split("=") for pair in options.set)
        },
    )
    predictor, masks = Predictor(options.run), load_masks(options.masks, options.split)
    rows = [
        measure(
            "one lesion",
            predictor,
            search,
            (
                (path, find_truth(mask))
                for path, mask in zip(masks.table["image"], masks.table["mask"], strict=True)
            ),
        )
    ]
    composer = Composer(masks)
    if options.skins:
        composer.skins = Composer(load_masks(options.skins, options.split)).skins
    with tempfile.TemporaryDirectory() as folder:
        rows.append(
            measure(
                "overviews",
                predictor,
                search,
                save_all((composer.compose(seed) for seed in range(options.count)), Path(folder)),
            )
        )
        rows.append(
            measure(
                "skin alone",
                predictor,
                search,
                save_all((draw_skin(composer, seed) for seed in range(options.bare)), Path(folder)),
            )
        )
    print(f"{predictor.name}, {predictor.session.precision}; {search}\n{describe_machine()}")
    print_table(
        [
            "pictures",
            "n",
            "lesions",
            "AP50 (95 %)",
            "AP50:95 (95 %)",
            "found at 0.5",
            "boxes",
            "exactly as many boxes",
            "s each",
        ],
        rows,
    )


def find_truth(mask: str) -> np.ndarray:
    """The box of a mask, int (1, 4)."""
    box = find_box(read_mask(mask))
    if box is None:
        raise SystemExit(f"{mask}: is empty; expected the outline of a lesion")
    return np.array([list_sides(box)])


def list_sides(box: Box) -> list[int]:
    """Left edge, upper edge, width and height."""
    return [box.x, box.y, box.width, box.height]


def draw_skin(composer: Composer, seed: int) -> Overview:
    """Skin without a lesion."""
    rng = np.random.default_rng(10_000 + seed)
    skin = weave_skin(composer.skins[rng.integers(len(composer.skins))], rng)
    return Overview(np.clip(skin, 0, 255).astype(np.uint8), np.zeros((0, 4)))


def save_all(overviews: Iterator[Overview], folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The overviews as photographs, one file at a time, with their boxes."""
    for overview in overviews:
        Image.fromarray(overview.pixels).save(folder / "overview.jpg", quality=92)
        yield str(folder / "overview.jpg"), overview.boxes


def measure(
    name: str, predictor: Predictor, search: SearchSettings, images: Iterator[tuple[str, np.ndarray]]
) -> list:
    """A row of the table."""
    matches, fp32, boxes, seconds = [], [], 0, 0.0
    for path, truth in images:
        started = time.perf_counter()
        (answer,) = find_lesions(predictor, [next(predictor.infer([path]))], settings=search)
        found = require_readable(answer)
        seconds += time.perf_counter() - started
        matches.append(match(found, truth))
        fp32.append(len(found.lesions) == len(truth))
        boxes += len(found.lesions)
    right, truths = sum(int(each.right[0].sum()) for each in matches), sum(each.truths for each in matches)
    share = f"{right / truths:.3f}" if truths else "-"
    return [
        name,
        len(matches),
        truths,
        *show_precision(matches),
        share,
        boxes,
        f"{np.mean(fp32):.3f}",
        f"{seconds / len(matches):.2f}",
    ]


def match(found: Detection, truth: np.ndarray) -> Match:
    """The boxes of a photograph beside the true ones."""
    boxes = np.array([list_sides(spot.box) for spot in found.lesions]).reshape(-1, 4)
    return match_boxes(boxes, np.array([spot.score for spot in found.lesions]), truth)


def show_precision(matches: list[Match]) -> list[str]:
    """AP50 and AP50:95 with intervals over photographs."""

    def measure(weights: np.ndarray) -> dict[str, float]:
        precision = measure_precision(matches, weights)
        return {"AP50": float(precision[0]), "AP50:95": float(precision.mean())}

    intervals = bootstrap(measure, np.arange(len(matches)), resamples=500)
    cells = []
    for name, value in measure(np.ones(len(matches), int)).items():
        cells.append(show_value(value, intervals[name]))
    return cells


if __name__ == "__main__":
    main()
