"""What a model says where the lesion is covered by skin: how much it reads from the rest of the photograph.

    python bench/covered.py sources.csv --of runs/second --models runs/first bundled

The lesion and a margin of a twentieth of the side are filled from the skin around (Telea 2004). What a model
still tells apart comes from the surroundings, and from how large the filled place is: the AUROC should come
near 0.5. `--of` names the RUN whose validation photographs are taken, of them those with a drawn outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from by_source import take_validation
from known import take_unlearned
from tables import describe_machine, make_parser, print_table, show_value

from lentigo.common.statistics.intervals import measure_scores
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.mask_reading import read_mask
from lentigo.images.photographs import SIDE, read_image
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import open_bundle

MARGIN = SIDE // 20  # pixels around the lesion
REACH = 9  # pixels from which a filled pixel takes its colour
COLUMNS = (
    "source",
    "model",
    "n",
    "malignant",
    "AUROC, whole",
    "AUROC, covered",
    "P(malignant), covered: median of benign",
    "of malignant",
)


def main() -> None:
    """Prints a row for each source and model."""
    parser = make_parser(__doc__)
    parser.add_argument("data", help="a manifest with the columns `source` and `mask`")
    parser.add_argument("--of", required=True, help="the RUN whose validation photographs are taken")
    parser.add_argument("--models", nargs="+", default=["bundled"])
    parser.add_argument("--most", type=int, default=250, help="photographs of a source")
    options = parser.parse_args()
    print(describe_machine())
    unlearned = take_unlearned(load_dataset(options.data), [open_bundle(model) for model in options.models])
    dataset = take_validation(unlearned, options.of)
    dataset = dataset.take(dataset.table["mask"].notna().to_numpy())
    rows = []
    for source in sorted(dataset.table["source"].unique()):
        found = np.flatnonzero(dataset.table["source"] == source)
        chosen = dataset.take(found[spread_rows(len(found), options.most)])
        photographs = [read_image(path).pixels for path in chosen.table["image"]]
        covered = []
        for pixels, path in zip(photographs, chosen.table["mask"], strict=True):
            covered.append(cover_lesion(pixels, path))
        for model in options.models:
            rows.append([source, model, *compare(Predictor(model, fp32=True), chosen, photographs, covered)])
    print_table(COLUMNS, rows)


def cover_lesion(pixels: np.ndarray, mask: str) -> np.ndarray:
    """Fills the lesion of a photograph, uint8 (side, side, 3), from the skin around; `mask` is its drawing."""
    drawn = read_mask(mask).astype(np.uint8)
    lesion = cv2.resize(drawn, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    kernel = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    return cv2.inpaint(pixels, cv2.dilate(lesion, kernel), REACH, cv2.INPAINT_TELEA)


def compare(
    predictor: Predictor, dataset: Dataset, photographs: list[np.ndarray], covered: list[np.ndarray]
) -> list:
    """The cells of a row."""
    malignant = dataset.malignant
    cells = [len(dataset), malignant.sum()]
    for images in (photographs, covered):
        probability = np.array(list(predictor.predict_probabilities(images)))
        scores, intervals = measure_scores(malignant, probability, probability >= 0.5, dataset.groups)
        cells.append(show_value(scores["auroc"], intervals["auroc"]))
    medians = [np.median(probability[malignant == 0]), np.median(probability[malignant == 1])]
    return [*cells, *medians]


if __name__ == "__main__":
    main()
