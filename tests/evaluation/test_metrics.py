import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from lentigo.common.statistics.intervals import measure_scores
from lentigo.evaluation.scores.metrics import (
    Metrics,
    assign_bins,
    calibration_error,
    estimate_intervals,
    measure,
    rank_images,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 300)
PROBABILITY = np.clip(0.5 + 0.25 * (TRUTH - 0.5) + RNG.normal(0, 0.2, 300), 0, 1)


def test_auroc_is_the_share_of_pairs_in_order():
    pairs = PROBABILITY[TRUTH == 1][:, None] - PROBABILITY[TRUTH == 0]
    assert measure(TRUTH, PROBABILITY, 0.5).auroc == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def test_counts_follow_the_threshold():
    metrics = measure(np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.6, 0.6, 0.7, 0.2]), 0.6)
    assert (metrics.accuracy, metrics.sensitivity, metrics.specificity) == (0.6, pytest.approx(2 / 3), 0.5)


def test_specificity_at_a_sensitivity_is_the_best_of_all_thresholds():
    best = max(
        np.mean(PROBABILITY[TRUTH == 0] < t)
        for t in np.unique(PROBABILITY)
        if np.mean(PROBABILITY[TRUTH == 1] >= t) >= 0.95
    )
    assert measure(TRUTH, PROBABILITY, 0.5).specificity_at_95_sensitivity == pytest.approx(best)


def test_average_precision_is_scikit_learns():
    probability = np.round(PROBABILITY, 1)  # with ties
    assert measure(TRUTH, probability, 0.5).average_precision == pytest.approx(
        average_precision_score(TRUTH, probability)
    )


def test_a_photograph_that_counts_twice_is_two():
    weights = np.random.default_rng(0).integers(0, 3, 300)
    rows, probability = np.repeat(np.arange(300), weights), np.round(PROBABILITY, 2)
    repeated = rank_images(TRUTH[rows], probability[rows]).measure(np.ones(len(rows)))
    assert rank_images(TRUTH, probability).measure(weights) == pytest.approx(repeated)


def test_calibration_error_of_two_bins_by_hand():
    assert calibration_error(np.array([0, 1, 1, 1]), np.array([0.2, 0.4, 0.7, 0.9]), bins=2) == pytest.approx(
        (0.2 + 0.2) / 2
    )


def test_calibration_error_is_small_for_true_probabilities():
    probability = np.random.default_rng(1).uniform(size=20_000)
    truth = (np.random.default_rng(2).uniform(size=20_000) < probability).astype(int)
    assert calibration_error(truth, probability) < 0.02


def test_one_class_leaves_ranking_undefined():
    metrics = measure(np.zeros(5, int), np.linspace(0, 0.4, 5), 0.5)
    assert metrics.specificity == 1.0
    assert np.isnan(
        [metrics.auroc, metrics.sensitivity, metrics.average_precision, metrics.specificity_at_95_sensitivity]
    ).all()


def accuracy_interval(truth, groups):
    return estimate_intervals(truth, np.full(len(truth), 0.9), 0.5, groups)["accuracy"]


def test_the_interval_of_a_share_is_about_binomial():
    truth = (np.arange(400) < 300).astype(int)
    fp32 = binomtest(300, 400).proportion_ci()
    assert accuracy_interval(truth, np.arange(400)) == pytest.approx((fp32.low, fp32.high), abs=0.015)


def test_copies_do_not_narrow_the_interval_of_groups():
    truth = (np.arange(100) < 75).astype(int)
    alone = accuracy_interval(truth, np.arange(100))
    copied = accuracy_interval(np.repeat(truth, 5), np.repeat(np.arange(100), 5))
    naive = accuracy_interval(np.repeat(truth, 5), np.arange(500))
    width = lambda pair: pair[1] - pair[0]  # noqa: E731
    assert width(copied) == pytest.approx(width(alone), rel=0.15)
    assert width(naive) < 0.6 * width(copied)


def test_an_interval_exists_for_each_metric():
    intervals = estimate_intervals(TRUTH, PROBABILITY, 0.5, np.arange(300))
    values = measure(TRUTH, PROBABILITY, 0.5)
    for name in Metrics.__dataclass_fields__:
        low, high = intervals[name]
        assert low - 0.05 <= getattr(values, name) <= high + 0.05, name


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_a_calibrated_classifiers_calibration_error_holds_it(seed):
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.7, 0.7, 660)
    truth = (rng.uniform(size=660) < probability).astype(int)
    low, high = estimate_intervals(truth, probability, 0.5, np.arange(660))["ece"]
    value = calibration_error(truth, probability)
    assert low < value - 0.005 and value + 0.005 < high


def test_the_interval_of_a_large_calibration_error_is_its_percentile_interval():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.7, 0.9, 2000)  # of photographs half of which are malignant
    truth = (rng.uniform(size=2000) < 0.5).astype(int)
    low, high = estimate_intervals(truth, probability, 0.5, np.arange(2000))["ece"]
    gap = probability.mean() - truth.mean()
    assert (low, high) == pytest.approx(
        (gap - 1.96 * np.sqrt(0.25 / 2000), gap + 1.96 * np.sqrt(0.25 / 2000)), abs=0.006
    )


def test_one_photograph_excludes_next_to_nothing():
    low, high = estimate_intervals(np.array([1]), np.array([0.3]), 0.5, np.arange(1))["ece"]
    assert low < 0.05 and high > 0.95


def test_a_perfect_score_on_twenty_photographs_is_certain_of_nothing():
    truth = np.arange(20) % 2
    values, intervals = (
        measure(truth, 0.1 + 0.8 * truth, 0.5),
        estimate_intervals(truth, 0.1 + 0.8 * truth, 0.5, np.arange(20)),
    )
    for name in (
        "accuracy",
        "auroc",
        "sensitivity",
        "specificity",
        "average_precision",
        "specificity_at_95_sensitivity",
        "coverage",
    ):
        assert getattr(values, name) == 1 and intervals[name][0] < 0.84 and intervals[name][1] == 1, name
    assert intervals["brier"][1] > 0.15


def test_a_number_has_one_interval_wherever_it_is_told():
    groups = np.arange(300) // 2
    intervals = estimate_intervals(TRUTH, PROBABILITY, 0.5, groups)
    others = measure_scores(TRUTH, PROBABILITY, PROBABILITY >= 0.5, groups)[1]
    assert {name: intervals[name] for name in others} == others


def test_the_same_probability_for_all_is_calibrated_if_it_is_the_share_of_malignant():
    truth = np.arange(600) >= 300
    for order in (np.arange(600), np.random.default_rng(0).permutation(600)):
        assert calibration_error(truth[order].astype(int), np.full(600, 0.5)) == 0


def test_the_calibration_error_does_not_depend_on_the_order_of_rows():
    probability = np.round(PROBABILITY, 1)  # with ties
    errors = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(300)
        errors.append(calibration_error(TRUTH[order], probability[order]))
    assert errors == pytest.approx([errors[0]] * 5, abs=1e-12)


def test_equal_probabilities_stand_in_one_bin():
    bins = assign_bins(np.repeat([0.2, 0.7, 0.9], [5, 30, 5]), 15)
    assert [len(np.unique(part)) for part in np.split(bins, [5, 35])] == [1, 1, 1] and len(
        np.unique(bins)
    ) == 3
