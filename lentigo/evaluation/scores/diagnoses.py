"""How well the seven diagnoses are told apart: confusion, sensitivity of each, their mean, and AUROCs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import Ends, estimate_auroc, estimate_share
from lentigo.common.statistics.resampling import bootstrap
from lentigo.datasets.diagnosis_words import DIAGNOSES

BALANCED_ACCURACY = "balanced_accuracy"
UNKNOWN = -1  # the number of a diagnosis that a data set does not name


@dataclass(frozen=True)
class DiagnosisScore:
    """One diagnosis against all others.

    Attributes:
        name: One of `DIAGNOSES`.
        n: How many photographs have it.
        sensitivity: The share of these that are called so; NaN without any.
        sensitivity_ci: Its 95 % interval.
        auroc: Of its probability, against the photographs of all other diagnoses; NaN where either is
            missing.
        auroc_ci: Its 95 % interval.
    """

    name: str
    n: int
    sensitivity: float
    sensitivity_ci: Ends
    auroc: float
    auroc_ci: Ends

    def to_json(self) -> dict[str, Any]:
        """The fields; what does not exist is null."""
        return {
            "n": self.n,
            "sensitivity": replace_nan(self.sensitivity),
            "sensitivity_ci": replace_nan(self.sensitivity_ci),
            "auroc": replace_nan(self.auroc),
            "auroc_ci": replace_nan(self.auroc_ci),
        }


@dataclass(frozen=True)
class DiagnosisScores:
    """How well diagnoses are told apart on the photographs whose diagnosis is known.

    Attributes:
        n: How many photographs that are.
        balanced_accuracy: The mean of the sensitivities of the diagnoses that are among them.
        ci: Its 95 % interval.
        confusion: Photographs by true diagnosis (rows) and likeliest diagnosis (columns), int (7, 7), in the
            order of `DIAGNOSES`.
        each: One score for each diagnosis that is among the photographs.
    """

    n: int
    balanced_accuracy: float
    ci: Ends
    confusion: list[list[int]]
    each: tuple[DiagnosisScore, ...]

    def to_json(self) -> dict[str, Any]:
        """Every number, and the names of the rows of `confusion`."""
        return {
            "n": self.n,
            BALANCED_ACCURACY: replace_nan(self.balanced_accuracy),
            "ci": replace_nan(self.ci),
            "names": list(DIAGNOSES),
            "confusion": self.confusion,
            "each": {score.name: score.to_json() for score in self.each},
        }


def measure_diagnoses(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> DiagnosisScores | None:
    """Compares the probabilities of the seven diagnoses with what the photographs show.

    Args:
        truth: The place in `DIAGNOSES` of each photograph's diagnosis, -1 where it is not known, int (n,).
        probability: Of each diagnosis, float (n, 7).
        groups: Group numbers (patient, lesion, duplicates), int (n,).

    Returns:
        The scores on the photographs whose diagnosis is known; None where there is none.
    """
    known = truth != UNKNOWN
    if not known.any():
        return None
    truth = truth[known]
    probability = probability[known]
    groups = groups[known]
    likeliest = probability.argmax(axis=1)
    confusion = np.zeros((len(DIAGNOSES), len(DIAGNOSES)), int)
    np.add.at(confusion, (truth, likeliest), 1)  # `confusion[truth, likeliest] += 1` would count pairs once

    # Resampled: how often each photograph is drawn stands in `counts`
    def weigh(counts: np.ndarray) -> dict[str, float]:
        return {BALANCED_ACCURACY: average_sensitivity(truth, likeliest, counts)}

    balanced_accuracy = weigh(np.ones(len(truth), int))[BALANCED_ACCURACY]
    ci = bootstrap(weigh, groups)[BALANCED_ACCURACY]
    each = []
    for number in np.unique(truth):
        each.append(score_diagnosis(int(number), truth, probability, groups))
    return DiagnosisScores(len(truth), balanced_accuracy, ci, confusion.tolist(), tuple(each))


def average_sensitivity(truth: np.ndarray, likeliest: np.ndarray, counts: np.ndarray) -> float:
    """The mean of the sensitivities of the diagnoses that are there (balanced accuracy, Brodersen 2010).

    Args:
        truth: Numbers of diagnoses, int (n,).
        likeliest: Those with the highest probability, int (n,).
        counts: How often each photograph counts, int (n,).

    Returns:
        0 to 1; NaN where no photograph counts.

    >>> average_sensitivity(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1, 1, 1]))
    0.75
    """
    # Float (7,): weighted photographs, and right ones, of each diagnosis
    total = np.bincount(truth, weights=counts, minlength=len(DIAGNOSES))
    right = np.bincount(truth, weights=counts * (truth == likeliest), minlength=len(DIAGNOSES))
    # A diagnosis without a photograph in this resample has no sensitivity
    there = total > 0
    if not there.any():
        return float("nan")
    return float(np.mean(right[there] / total[there]))


def score_diagnosis(
    number: int, truth: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> DiagnosisScore:
    """One diagnosis, by its place in `DIAGNOSES`, against all others."""
    has_it = truth == number
    called_so = probability.argmax(axis=1) == number
    right = called_so[has_it]
    auroc, auroc_ci = estimate_auroc(has_it.astype(int), probability[:, number], groups)
    return DiagnosisScore(
        DIAGNOSES[number],
        int(has_it.sum()),
        float(right.mean()),
        estimate_share(right, groups[has_it]),
        auroc,
        auroc_ci,
    )
