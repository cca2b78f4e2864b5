"""Scores of a model's predictions: at its operating points, of what it answers, and of its diagnoses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.evaluation.scores.decisions import Decisions, measure_decisions
from lentigo.evaluation.scores.diagnoses import DiagnosisScores, measure_diagnoses
from lentigo.inference.decisions.decider import Decider
from lentigo.inference.results import Prediction


def measure_operating_points(
    decider: Decider, malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> tuple[Decisions, ...]:
    """Measures the decisions at every threshold that a RUN knows.

    Args:
        decider: Of the RUN.
        malignant: The truth, 0 or 1, int (n,).
        probability: P(malignant), float (n,).
        groups: The group of each photograph, (n,).

    Returns:
        One for each threshold; that in use comes first.
    """
    decisions = []
    for rule, threshold in decider.list_thresholds().items():
        decisions.append(measure_decisions(rule, threshold, malignant, probability, groups))
    return tuple(decisions)


def measure_answered(
    threshold: float,
    malignant: np.ndarray,
    probability: np.ndarray,
    groups: np.ndarray,
    answered: np.ndarray,
) -> Decisions | None:
    """Measures the decisions on photographs that are not refused.

    Args:
        threshold: From which P(malignant) is called malignant.
        malignant: The truth, 0 or 1, int (n,).
        probability: P(malignant), float (n,).
        groups: The group of each photograph, (n,).
        answered: Those that are not refused, bool (n,).

    Returns:
        The decisions; None where all are refused.
    """
    if not answered.any():
        return None
    return measure_decisions(
        "answered", threshold, malignant[answered], probability[answered], groups[answered]
    )


def assess_diagnoses(dataset: Dataset, predictions: list[Prediction]) -> DiagnosisScores | None:
    """Measures how well diagnoses are told apart.

    Args:
        dataset: n photographs, with the diagnoses that are known.
        predictions: One for each photograph.

    Returns:
        The scores; None where the model gives no diagnoses or the data set names none.
    """
    diagnoses = [prediction.diagnosis for prediction in predictions if prediction.diagnosis is not None]
    # One without it is enough: the model has no such output
    if len(diagnoses) < len(predictions):
        return None
    probabilities = pd.DataFrame(diagnoses, columns=list(DIAGNOSES)).to_numpy()  # float (n, 7)
    return measure_diagnoses(dataset.diagnosis_numbers, probabilities, dataset.groups)
