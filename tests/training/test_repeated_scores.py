import numpy as np
import pytest
from scipy.stats import t

from lentigo.training.selection.repeated_scores import adjust_holm, average_scores

SCORES = np.array([0.90, 0.92, 0.88, 0.91, 0.94])


def test_the_interval_is_that_of_nadeau_and_bengio():
    reach = t.ppf(0.975, 4) * np.sqrt((1 / 5 + 1 / 4) * SCORES.var(ddof=1))
    assert average_scores(SCORES, 1 / 4).ci == pytest.approx((SCORES.mean() - reach, SCORES.mean() + reach))


def test_the_interval_of_an_auroc_never_leaves_0_to_1():
    low, high = average_scores([0.97, 1.0, 0.88, 1.0, 0.94], 1 / 4, cases=40).ci
    assert 0.5 < low < 0.9 and 0.98 < high < 1


def test_far_from_the_edge_the_interval_of_an_auroc_is_that_of_nadeau_and_bengio():
    scores = SCORES / 10 + 0.5
    assert average_scores(scores, 1 / 4, cases=2000).ci == pytest.approx(
        average_scores(scores, 1 / 4).ci, abs=1e-4
    )


def test_perfect_folds_are_not_certain():
    assert average_scores(np.ones(5), 1 / 4, cases=20).ci == pytest.approx((0.025 ** (1 / 20), 1))


def test_overlapping_trainings_make_the_interval_wider():
    low, high = average_scores(SCORES, 0.0).ci
    wider = average_scores(SCORES, 1 / 4).ci
    assert wider[0] < low and high < wider[1]


def test_one_training_says_nothing_of_chance():
    mean = average_scores([0.9], 0.25)
    assert mean.mean == 0.9 and mean.to_json()["ci"] == [None, None] and np.isnan(mean.p)


def test_without_a_difference_p_is_one():
    assert average_scores(np.zeros(5), 0.25).p == 1.0


def test_chance_is_called_a_difference_once_in_twenty_times():
    """Differences of independent trainings, ratio 0: the level of Student's test."""
    rng = np.random.default_rng(0)
    found = [average_scores(rng.normal(size=10), 0.0).p < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.015)


def test_holm_keeps_order_and_leaves_out_tests_that_could_not_be_made():
    adjusted = adjust_holm([0.04, float("nan"), 0.01, 0.5])
    assert (
        adjusted[0] == pytest.approx(0.08)
        and np.isnan(adjusted[1])
        and adjusted[2] == pytest.approx(0.03)
        and adjusted[3] == 0.5
    )
