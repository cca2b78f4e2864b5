"""How much of each decoder the mask of two joined RUNs should be: Jaccard on validation drawings, by set.

    python bench/decoder_shares.py runs/first runs/second --most 110

The drawings are those that the second RUN's decoder was validated on (`masks.csv`); a set is named by its folder. The first RUN
may have learned from some of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.mask_reading import read_mask
from lentigo.evaluation.masks.mask_scores import measure_jaccard
from lentigo.images.photographs import read_image
from lentigo.models.bundle import MASKS, open_bundle
from lentigo.models.runtime import Session

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the first RUN's logits
SEED = 0  # draws the photographs of a set
NO_SETS = ("images", "train", "benign", "malignant")  # folders within a set


def main() -> None:
    """Prints one row a set."""
    parser = make_parser(__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--most", type=int, default=110, help="drawings of a set")
    options = parser.parse_args()
    print(describe_machine())
    sessions = []
    for folder in (options.first, options.second):
        sessions.append(Session(open_bundle(folder).graph, precision="f32", outputs=("mask",)))
    drawings = choose_drawings(options.second, options.most)
    rows = []
    for name, chosen in drawings.groupby("set"):
        overlaps = [
            measure_shares(sessions, *pair) for pair in zip(chosen["image"], chosen["mask"], strict=True)
        ]
        rows.append([name, len(chosen), *np.mean(overlaps, axis=0)])
    print_table(["set", "n", *[f"first {share:g}" for share in SHARES]], rows)


def choose_drawings(run: Path, most: int) -> pd.DataFrame:
    """Validation drawings of a RUN's decoder with the name of their set, at most so many of each."""
    table = pd.read_csv(run / MASKS, dtype=str)
    validation = table[table["split"] == "validation"]
    named = validation.assign(set=validation["image"].map(name_set))
    parts = []
    for _, of_set in named.groupby("set"):
        parts.append(of_set.sample(min(len(of_set), most), random_state=SEED))
    return pd.concat(parts)


def name_set(image: str) -> str:
    """The folder that holds the photographs of a set, whose own are those of `NO_SETS`."""
    folders = [name for name in Path(image).parts[:-1] if name not in NO_SETS]
    return folders[-1]


def measure_shares(sessions: list[Session], image: str, mask: str) -> list[float]:
    """The Jaccard index of the mean of two masks' logits, for each of `SHARES`."""
    from lentigo.training.masks.mask_validation import MIN_MASK_PROBABILITY, resize_logits

    pixels = read_image(image).pixels[None]
    logits = []
    for session in sessions:
        probability = np.clip(session.run(pixels)["mask"][0], MIN_MASK_PROBABILITY, 1 - MIN_MASK_PROBABILITY)
        logits.append(logit(probability).astype(np.float32))
    truth = read_mask(mask)
    overlaps = []
    for share in SHARES:
        mean = np.float32(share) * logits[0] + np.float32(1 - share) * logits[1]
        overlaps.append(measure_jaccard(truth == 1, resize_logits(mean, truth.shape) >= 0))
    return overlaps


if __name__ == "__main__":
    main()
