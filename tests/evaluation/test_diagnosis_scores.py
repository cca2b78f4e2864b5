"""Scores of the seven diagnoses."""

import numpy as np
import pytest

from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.evaluation.scores.diagnoses import average_sensitivity, measure_diagnoses

TRUTH = np.array([0, 0, 1, 1, 1, 1, 4, -1])
GROUPS = np.arange(len(TRUTH))


def give(likeliest: list[int], sure: float = 0.7) -> np.ndarray:
    """Probabilities, float (n, 7), whose highest is that of the diagnosis that is given for each photograph."""
    probability = np.full((len(likeliest), len(DIAGNOSES)), (1 - sure) / (len(DIAGNOSES) - 1))
    probability[np.arange(len(likeliest)), likeliest] = sure
    return probability


def test_a_photograph_without_a_diagnosis_does_not_count():
    scores = measure_diagnoses(TRUTH, give([0, 0, 1, 1, 1, 1, 4, 2]), GROUPS)
    assert scores.n == 7 and np.sum(scores.confusion) == 7


def test_without_any_diagnosis_there_are_no_scores():
    assert measure_diagnoses(np.full(3, -1), give([0, 1, 2]), np.arange(3)) is None


def test_each_diagnosis_counts_alike_whatever_its_number():
    scores = measure_diagnoses(TRUTH, give([0, 1, 1, 1, 1, 1, 1, 0]), GROUPS)
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_diagnoses_that_are_not_there_are_not_scored():
    scores = measure_diagnoses(TRUTH, give([0] * 8), GROUPS)
    assert [score.name for score in scores.each] == ["melanoma", "nevus", "benign_keratosis"]
    assert [score.n for score in scores.each] == [2, 4, 1]


def test_rows_are_the_truth_and_columns_what_is_said():
    scores = measure_diagnoses(TRUTH, give([0, 1, 1, 1, 1, 0, 4, 0]), GROUPS)
    assert scores.confusion[0][1] == 1 and scores.confusion[1][0] == 1 and scores.confusion[4][4] == 1


def test_a_perfect_answer_has_an_interval_that_does_not_shrink_to_a_point():
    scores = measure_diagnoses(TRUTH, give(np.maximum(TRUTH, 0).tolist()), GROUPS)
    assert scores.balanced_accuracy == 1 and scores.ci[0] < 0.9 and scores.ci[1] == 1
    assert all(score.auroc == 1 for score in scores.each)


def test_the_json_names_the_rows():
    values = measure_diagnoses(TRUTH, give([0] * 8), GROUPS).to_json()
    assert values["names"] == list(DIAGNOSES)
    assert set(values["each"]) == {"melanoma", "nevus", "benign_keratosis"}


def test_counts_weigh_photographs():
    truth = np.array([0, 0, 1])
    likeliest = np.array([0, 1, 1])
    assert average_sensitivity(truth, likeliest, np.array([3, 1, 1])) == pytest.approx((3 / 4 + 1) / 2)
