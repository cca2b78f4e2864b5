"""How much of each set of photographs a model refuses as no lesion, how much it calls shifted, and what it
says of the others; drawn pictures without a lesion come last.

    python bench/refusal.py photographs/phone photographs/not_lesions --model bundled --most 600
    python bench/refusal.py photographs/phone --skin photographs/lesion_masks      # bare skin of its training split, too
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from detection import draw_skin
from overviews import Composer
from PIL import Image
from tables import describe_machine, make_parser, print_table

from lentigo.common.statistics.intervals import estimate_share
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.masks import load_masks
from lentigo.images.listing import find_images
from lentigo.images.non_lesions import DRAWINGS, draw_no_lesions
from lentigo.images.photographs import SIDE
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction

SEED = 77  # other pictures than those that set the limit
EACH = 40  # drawn pictures of each kind
LABELS = ("benign", "malignant", "uncertain")
COLUMNS = ("set", "n", "refused", "95 % interval", "shifted", *(f"not refused: {label}" for label in LABELS))


def main() -> None:
    """Prints one row a set."""
    parser = make_parser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--most", type=int, default=600, help="photographs of a set, spread over its names")
    parser.add_argument(
        "--skin", metavar="MASKS", help="photographs with outlines: bare skin is composed of theirs"
    )
    options = parser.parse_args()
    print(describe_machine())
    predictor = Predictor(options.model)
    rows = []
    for folder in options.folders:
        name = "/".join(folder.parts[-2:])
        rows.append(describe(predictor, name, choose_images(folder, options.most)))
    for number, draw in enumerate(DRAWINGS):
        name = draw.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as temporary:
            rows.append(describe(predictor, name, write_drawings(Path(temporary), number)))
    if options.skin:
        with tempfile.TemporaryDirectory() as temporary:
            rows.append(describe(predictor, "composed skin", write_skins(Path(temporary), options.skin)))
    print_table(COLUMNS, rows)


def choose_images(folder: Path, most: int) -> list[Path]:
    """The photographs of a folder that are no masks, or some that are spread over their names."""
    images = [path for path in find_images(folder) if "masks" not in path.parts]
    return [images[row] for row in spread_rows(len(images), most)]


def write_drawings(folder: Path, kind: int) -> list[Path]:
    """Drawn pictures of one kind, as files."""
    images = draw_no_lesions(SIDE, EACH, SEED)[kind * EACH : (kind + 1) * EACH]
    paths = [folder / f"{number}.png" for number in range(EACH)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def write_skins(folder: Path, masks: str) -> list[Path]:
    """Bare skin, composed of what lies around the lesions of a set, as files."""
    composer = Composer(load_masks(masks, "train"))
    paths = []
    for number in range(EACH):
        path = folder / f"{number}.png"
        Image.fromarray(draw_skin(composer, number).pixels).save(path)
        paths.append(path)
    return paths


def describe(predictor: Predictor, name: str, images: list[Path]) -> list:
    """A row of the table."""
    answers = [answer for answer in predictor.predict(images) if isinstance(answer, Prediction)]
    refused = np.array([answer.in_distribution is False for answer in answers])
    shifted = np.array([bool(answer.shifted) for answer in answers])
    low, high = estimate_share(refused, np.arange(len(refused)))
    labels = np.array([answer.label for answer in answers])
    shares = [(~refused & (labels == label)).mean() for label in LABELS]
    return [name, len(answers), refused.mean(), f"{low:.3f} to {high:.3f}", shifted.mean(), *shares]


if __name__ == "__main__":
    main()
