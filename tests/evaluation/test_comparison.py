import json

import numpy as np
import pytest
from scipy.stats import binomtest

from lentigo.common.statistics.aurocs import covary_aurocs
from lentigo.common.statistics.resampling import resample_groups
from lentigo.errors import UsageError
from lentigo.evaluation.scores.comparison import compare_models, judge_decisions

# The data of DeLong 1988: 43 patients with ovarian cancer; albumin, total protein, K-G score, whether surgery
# helped. Read from
# the SAS/STAT 14.1 user's guide, LOGISTIC procedure, "Comparing Receiver Operating Characteristic Curves",
# whose output
# (from memory, to its four digits) the first test expects.
PATIENTS = (
    np.array(
        [
            3.0,
            5.8,
            10,
            0,
            3.2,
            6.3,
            5,
            1,
            3.9,
            6.8,
            3,
            1,
            2.8,
            4.8,
            6,
            0,
            3.2,
            5.8,
            3,
            1,
            0.9,
            4.0,
            5,
            0,
            2.5,
            5.7,
            8,
            0,
            1.6,
            5.6,
            5,
            1,
            3.8,
            5.7,
            5,
            1,
            3.7,
            6.7,
            6,
            1,
            3.2,
            5.4,
            4,
            1,
            3.8,
            6.6,
            6,
            1,
            4.1,
            6.6,
            5,
            1,
            3.6,
            5.7,
            5,
            1,
            4.3,
            7.0,
            4,
            1,
            3.6,
            6.7,
            4,
            0,
            2.3,
            4.4,
            6,
            1,
            4.2,
            7.6,
            4,
            0,
            4.0,
            6.6,
            6,
            0,
            3.5,
            5.8,
            6,
            1,
            3.8,
            6.8,
            7,
            1,
            3.0,
            4.7,
            8,
            0,
            4.5,
            7.4,
            5,
            1,
            3.7,
            7.4,
            5,
            1,
            3.1,
            6.6,
            6,
            1,
            4.1,
            8.2,
            6,
            1,
            4.3,
            7.0,
            5,
            1,
            4.3,
            6.5,
            4,
            1,
            3.2,
            5.1,
            5,
            1,
            2.6,
            4.7,
            6,
            1,
            3.3,
            6.8,
            6,
            0,
            1.7,
            4.0,
            7,
            0,
            3.7,
            6.1,
            5,
            1,
            3.3,
            6.3,
            7,
            1,
            4.2,
            7.7,
            6,
            1,
            3.5,
            6.2,
            5,
            1,
            2.9,
            5.7,
            9,
            0,
            2.1,
            4.8,
            7,
            1,
            2.8,
            6.2,
            8,
            0,
            4.0,
            7.0,
            7,
            1,
            3.3,
            5.7,
            6,
            1,
            3.7,
            6.9,
            5,
            1,
            3.6,
            6.6,
            5,
            1,
        ]
    )
    .reshape(-1, 4)
    .T
)
ALBUMIN, PROTEIN, SCORE, HELPED = PATIENTS[0], PATIENTS[1], 10 - PATIENTS[2], PATIENTS[3].astype(int)


def simulate(seed, patients=60, gain=0.0, shared=1.0):
    """Patients with one to four photographs; `shared` is the spread of what a patient's photographs have in
    common.
    """
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    malignant = rng.integers(0, 2, patients)[groups] ^ (rng.uniform(size=len(groups)) < 0.15)
    scores = [
        malignant * (1 + g) + shared * rng.normal(size=patients)[groups] + rng.normal(size=len(groups))
        for g in (0, gain)
    ]
    return malignant, scores[0], scores[1], groups


def delong_by_loops(malignant, scores):
    """The covariance of AUROCs, photograph by photograph, as DeLong 1988 writes it."""
    psi = lambda x, y: float(x > y) + 0.5 * (x == y)  # noqa: E731
    parts = []
    for row in scores:
        sick, healthy = row[malignant == 1], row[malignant == 0]
        parts.append(
            (
                [np.mean([psi(x, y) for y in healthy]) for x in sick],
                [np.mean([psi(x, y) for x in sick]) for y in healthy],
            )
        )
    return sum(np.cov([part[side] for part in parts]) / len(parts[0][side]) for side in (0, 1))


@pytest.mark.parametrize(
    "second, auroc, error, difference, low, high, p",
    [
        (ALBUMIN, 0.7366, 0.0927, 0.0108, -0.1761, 0.1976, 0.9102),
        (PROTEIN, 0.6478, 0.1000, -0.0780, -0.2830, 0.1271, 0.4561),
    ],
)
def test_the_published_example(second, auroc, error, difference, low, high, p):
    comparison = compare_models(HELPED, SCORE, second)
    covariance = covary_aurocs(HELPED, np.stack([SCORE, second]), np.arange(43))[1]
    assert (comparison.first_auroc, comparison.second_auroc) == pytest.approx((0.7258, auroc), abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx((0.1028, error), abs=5e-5)
    assert (comparison.difference, *comparison.ci, comparison.p) == pytest.approx(
        (difference, low, high, p), abs=6e-5
    )


@pytest.mark.parametrize("digits", [1, 9])  # with ties and without
def test_ungrouped_covariance_is_that_of_delongs_double_loops(digits):
    malignant, *scores, groups = simulate(3, gain=0.5)
    scores = np.round(scores, digits)
    found = covary_aurocs(malignant, scores, np.arange(len(groups)))[1]
    assert found == pytest.approx(delong_by_loops(malignant, scores), rel=1e-9)


def test_grouped_variance_is_that_of_the_cluster_bootstrap():
    malignant, first, second, groups = simulate(5, patients=150, gain=0.3)
    draws = [
        compare_models(malignant[rows], first[rows], second[rows]).difference
        for rows in resample_groups(groups, 600)
    ]
    low, high = compare_models(malignant, first, second, groups=groups).ci
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.1)


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    truth = 0.0483  # of 500,000 photographs of this simulation: 0.04833 (0.0455 to 0.0512)
    held = {"grouped": 0, "alone": 0}
    for seed in range(1, 401):
        malignant, first, second, groups = simulate(seed, gain=0.4, shared=2.0)
        for name, chosen in (("grouped", groups), ("alone", None)):
            low, high = compare_models(malignant, first, second, groups=chosen).ci
            held[name] += low <= truth <= high
    assert 0.925 <= held["grouped"] / 400 <= 0.975
    assert held["alone"] / 400 < 0.9


def test_equal_models_are_called_different_once_in_twenty():
    found = [compare_models(*simulate(seed)[:3], groups=simulate(seed)[3]) for seed in range(300)]
    assert 0.025 <= np.mean([comparison.p < 0.05 for comparison in found]) <= 0.08
    assert np.mean([comparison.p_decisions < 0.05 for comparison in found]) <= 0.08


@pytest.mark.parametrize("only_first, only_second", [(0, 0), (3, 3), (1, 8), (30, 12)])
def test_decisions_of_single_photographs_are_judged_as_by_mcnemar(only_first, only_second):
    first = np.array([True] * only_first + [False] * only_second + [True] * 20)
    second = np.array([False] * only_first + [True] * only_second + [True] * 20)
    expected = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    assert judge_decisions(first, second, np.arange(len(first))) == pytest.approx(expected, rel=1e-9)


def test_decisions_of_groups_are_judged_by_all_ways_to_swap_the_models():
    rng = np.random.default_rng(4)
    first, second, groups = rng.random(40) < 0.6, rng.random(40) < 0.85, np.repeat(np.arange(10), 4)
    differences = np.array([(second.astype(int) - first)[groups == group].sum() for group in range(10)])
    sums = [np.dot(differences, 2 * np.array(list(f"{number:010b}"), int) - 1) for number in range(2**10)]
    expected = np.mean(np.abs(sums) >= abs(differences.sum()))
    assert judge_decisions(first, second, groups) == pytest.approx(expected, rel=1e-9) and 0 < expected < 0.5


def test_copies_of_a_photograph_add_nothing_to_groups():
    malignant, first, second, _ = simulate(7, gain=0.6)
    alone, copies = compare_models(malignant, first, second), np.repeat(np.arange(len(malignant)), 3)
    grouped = compare_models(malignant[copies], first[copies], second[copies], groups=copies)
    assert grouped.ci == pytest.approx(alone.ci) and grouped.p == pytest.approx(alone.p)
    assert grouped.p_decisions == pytest.approx(alone.p_decisions)
    assert compare_models(malignant[copies], first[copies], second[copies]).p < alone.p / 2


def test_decisions_follow_each_models_own_threshold():
    comparison = compare_models(
        np.array([0, 0, 1, 1]),
        np.array([0.1, 0.6, 0.6, 0.7]),
        np.array([0.1, 0.2, 0.3, 0.4]),
        thresholds=(0.65, 0.25),
    )
    assert (comparison.first_accuracy, comparison.second_accuracy) == (0.75, 1.0)
    assert (comparison.only_first_right, comparison.only_second_right, comparison.p_decisions) == (0, 1, 1.0)


def test_a_model_does_not_differ_from_itself():
    comparison = compare_models(HELPED, ALBUMIN, ALBUMIN * 2)
    assert (comparison.difference, comparison.ci, comparison.p) == (0.0, (0.0, 0.0), 1.0)


@pytest.mark.parametrize("malignant", [[0, 0, 0, 0], [1, 0, 0, 0]])
def test_what_cannot_be_estimated_is_null_in_the_json(malignant):
    answers = json.loads(
        json.dumps(
            compare_models(np.array(malignant), np.arange(4), np.arange(4)[::-1]).to_json(), allow_nan=False
        )
    )
    assert answers["ci"] == [None, None] and answers["p"] is None and answers["p_decisions"] is not None


def test_answers_for_other_photographs_are_refused():
    with pytest.raises(UsageError, match="expected the same photographs for both"):
        compare_models(HELPED, ALBUMIN, PROTEIN[:-1])
