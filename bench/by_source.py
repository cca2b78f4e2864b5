"""How models do on each source of a manifest: validation photographs of a RUN that none of them knows.

    python bench/by_source.py sources.csv --of runs/weights --models bundled runs/weights

For each source and model: AUROC, sensitivity and specificity at the model's own threshold, and what it
refuses, calls shifted, or leaves uncertain. `--of` names the RUN whose `splits.csv` says which photographs
are validation. Those of lesions and patients that one of the models has learned from are left out: a
photograph of one source may stand in another as another file.
"""

from __future__ import annotations

import argparse

import numpy as np
from known import take_split, take_unlearned
from tables import describe_machine, print_table

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.assessment import Assessment, assess
from lentigo.evaluation.scores.diagnoses import DiagnosisScores
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction
from lentigo.models.bundle import open_bundle

HEADINGS = (
    "source",
    "model",
    "n",
    "malignant",
    "AUROC (95 %)",
    "sensitivity",
    "specificity",
    "ECE",
    "refused, %",
    "shifted, %",
    "uncertain, %",
)


def main() -> None:
    """Prints a row for each source and model, and the diagnoses where a model tells them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a manifest with a column `source`")
    parser.add_argument("--of", required=True, help="the RUN whose validation photographs are taken")
    parser.add_argument("--models", nargs="+", required=True)
    options = parser.parse_args()
    print(describe_machine())
    unlearned = take_unlearned(load_dataset(options.data), [open_bundle(model) for model in options.models])
    dataset = take_validation(unlearned, options.of)
    rows: list[list[object]] = []
    for model in options.models:
        predictor = Predictor(model)
        predictions = list(predictor.predict(dataset.table["image"]))
        readable = np.array([isinstance(answer, Prediction) for answer in predictions])
        kept = dataset.take(readable)
        answers = [answer for answer in predictions if isinstance(answer, Prediction)]
        sources = kept.table["source"].to_numpy()
        for source in [*sorted(set(sources)), "all"]:
            chosen = np.flatnonzero((sources == source) | (source == "all"))
            some = [answers[row] for row in chosen]
            assessment = assess(predictor, kept.take(chosen), some, source)
            rows.append([source, model, *describe(assessment, some)])
            if assessment.diagnoses is not None:
                print_diagnoses(source, assessment.diagnoses)
    rows.sort(key=lambda row: (row[0] == "all", str(row[0])))
    print_table(HEADINGS, rows)


def take_validation(dataset: Dataset, run: str) -> Dataset:
    """The photographs of a data set that a RUN validated on. Raises `SystemExit` where there are none."""
    validation = take_split(dataset, open_bundle(run), "validation")
    if not len(validation):
        raise SystemExit(
            f"{run}: validated on no photograph of {dataset.name}, or the models know them all; expected the "
            "manifest that it had"
        )
    return validation


def describe(assessment: Assessment, answers: list[Prediction]) -> list:
    """The cells of a row."""
    metrics = assessment.metrics
    low, high = assessment.ci["auroc"]
    refused = np.array([not answer.in_distribution for answer in answers])
    shifted = np.array([bool(answer.shifted) for answer in answers])
    uncertain = np.array([answer.label == "uncertain" for answer in answers])
    return [
        assessment.n,
        assessment.n_malignant,
        f"{metrics.auroc:.3f} ({low:.3f} to {high:.3f})",
        f"{metrics.sensitivity:.3f}",
        f"{metrics.specificity:.3f}",
        f"{metrics.ece:.3f}",
        f"{100 * refused.mean():.1f}",
        f"{100 * (shifted & ~refused).mean():.1f}",
        f"{100 * (uncertain & ~refused).mean():.1f}",
    ]


def print_diagnoses(source: str, scores: DiagnosisScores) -> None:
    """The balanced accuracy of a source, and what each diagnosis reaches."""
    low, high = scores.ci
    print(
        f"\n{source}: balanced accuracy {scores.balanced_accuracy:.3f} ({low:.3f} to {high:.3f}), {scores.n}"
    )
    rows = []
    for each in scores.each:
        rows.append([each.name, each.n, f"{each.sensitivity:.3f}", f"{each.auroc:.3f}"])
    print_table(["diagnosis", "n", "sensitivity", "AUROC"], rows)


if __name__ == "__main__":
    main()
