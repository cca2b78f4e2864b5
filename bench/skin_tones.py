"""The typology angle of the skin against Fitzpatrick's types, and a model's results by type.

    python bench/skin_tones.py photographs/phone --model bundled

The set is a manifest with a column `skin_type` (or `fitzpatrick`). Intervals count patients, not photographs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from tables import describe_machine, make_parser, print_table, show_share, show_value

from lentigo.common.statistics.resampling import resample_groups
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.scores.subgroups import ROMAN, Subgroup, tabulate_subgroups
from lentigo.images.measures.skin_tone import UNKNOWN, classify_ita, estimate_ita
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction

TYPE_GROUPS = {"I": "I-II", "II": "I-II", "III": "III-IV", "IV": "III-IV", "V": "V-VI", "VI": "V-VI"}
TONE_GROUPS = {  # the types that each class of the angle stands for at best
    "very light": "I-II",
    "light": "I-II",
    "intermediate": "III-IV",
    "tan": "III-IV",
    "brown": "V-VI",
    "dark": "V-VI",
}
GROUPS = ("I-II", "III-IV", "V-VI")
RESAMPLES = 2000  # of the patients, for the interval of a rank correlation


def main() -> None:
    """Prints rank correlation, confusion, and the model's results by type."""
    parser = make_parser(__doc__)
    parser.add_argument("data")
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args()
    print(describe_machine())
    dataset = load_dataset(options.data)
    table = pd.DataFrame(
        {
            "type": dataset.table["skin_type"].map(name_type),
            "ita": measure_angles(dataset),
            "patient": dataset.groups,
        }
    )
    compare_tones(table)
    compare_model(dataset, options.model)


def name_type(word: str | float | None) -> str | None:
    """Fitzpatrick's type in Roman numerals; None where it is not known."""
    if pd.isna(word):
        return None
    return ROMAN.get(str(word).strip().removesuffix(".0").lower())


def measure_angles(dataset: Dataset) -> list[float]:
    """The angle of each photograph, degrees; NaN where it is unknown."""
    angles = []
    for image in stream_images(dataset.table["image"]):
        angles.append(estimate_ita(image.pixels) if isinstance(image, DecodedImage) else float("nan"))
    return angles


def compare_tones(table: pd.DataFrame) -> None:
    """Prints how the angle goes with the type."""
    typed = table.dropna(subset=["type"]).reset_index(drop=True)
    typed["seen"] = typed["ita"].map(classify_ita).map(TONE_GROUPS).fillna(UNKNOWN)
    typed["true"] = typed["type"].map(TYPE_GROUPS)
    known = typed[typed["seen"] != UNKNOWN].reset_index(drop=True)
    unknown = (typed["seen"] == UNKNOWN).to_numpy()
    rows: list[list[object]] = [
        ["photographs with a type", len(typed)],
        ["patients", typed["patient"].nunique()],
        ["angle unknown", show_share(unknown, typed["patient"].to_numpy())],
        ["rank correlation of angle and type", correlate(known)],
        [
            "right group of three, of the known",
            show_share((known["seen"] == known["true"]).to_numpy(), known["patient"].to_numpy()),
        ],
    ]
    print_table(["skin tone", "value"], rows)
    confusion = []
    for group in GROUPS:
        chosen = typed[typed["true"] == group]
        shares = []
        for seen in (*GROUPS, UNKNOWN):
            found = (chosen["seen"] == seen).to_numpy()
            shares.append(show_share(found, chosen["patient"].to_numpy()))
        confusion.append([group, len(chosen), *shares])
    print_table(["Fitzpatrick's type", "n", *(f"angle says {name}" for name in GROUPS), UNKNOWN], confusion)


def correlate(known: pd.DataFrame) -> str:
    """Spearman's rank correlation with its interval from a bootstrap of patients."""
    types = known["type"].map({name: number for number, name in enumerate(TYPE_GROUPS)}).to_numpy()
    angles = known["ita"].to_numpy()
    patients = known["patient"].to_numpy()
    drawn = []
    for rows in resample_groups(patients, RESAMPLES):
        drawn.append(spearmanr(types[rows], angles[rows]).statistic)
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return show_value(spearmanr(types, angles).statistic, (low, high), digits=2)


def compare_model(dataset: Dataset, model: str) -> None:
    """Prints the model's results by type."""
    predictor = Predictor(model, count=len(dataset))
    probability = np.full(len(dataset), np.nan)
    for row, answer in enumerate(predictor.predict(dataset.table["image"])):
        if isinstance(answer, Prediction):
            probability[row] = answer.probability
    answered = np.flatnonzero(~np.isnan(probability))
    subgroups = tabulate_subgroups(
        dataset.table.iloc[answered][["skin_type"]],
        dataset.malignant[answered],
        probability[answered],
        predictor.bundle.threshold,
        dataset.groups[answered],
    )
    print_table(
        [predictor.name, "n (malignant)", "AUROC", "sensitivity", "specificity", "note"],
        map(show_subgroup, subgroups),
    )


def show_subgroup(row: Subgroup) -> list:
    """A row of the table by type."""
    values = []
    for name in ("auroc", "sensitivity", "specificity"):
        values.append(show_value(getattr(row, name), row.ci[name], digits=2))
    return [row.value, f"{row.n} ({row.n_malignant})", *values, row.note]


if __name__ == "__main__":
    main()
