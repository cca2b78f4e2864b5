import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.inference.operating_point import choose_threshold

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 400)
SCORES = np.round(np.clip(RNG.normal(0.35 + 0.3 * TRUTH, 0.2), 0.001, 0.999), 2)  # with ties


def rates(threshold):
    decided = threshold <= SCORES
    return decided[TRUTH == 1].mean(), (~decided)[TRUTH == 0].mean()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_the_sensitivity_asked_for_is_reached_and_no_higher_threshold_reaches_it(share):
    threshold = choose_threshold(f"sensitivity={share}", TRUTH, SCORES)
    assert rates(threshold)[0] >= share
    assert rates(np.unique(SCORES)[np.unique(SCORES) > threshold].min())[0] < share


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_the_specificity_asked_for_is_reached_and_no_lower_threshold_reaches_it(share):
    threshold = choose_threshold(f"specificity={share}", TRUTH, SCORES)
    assert rates(threshold)[1] >= share
    assert rates(np.unique(SCORES)[np.unique(SCORES) < threshold].max())[1] < share


def test_youden_is_the_best_of_all_thresholds():
    best = max(sum(rates(threshold)) for threshold in np.unique(SCORES))
    assert sum(rates(choose_threshold("youden", TRUTH, SCORES))) == pytest.approx(best)


def test_cost_is_the_lowest_of_all_thresholds():
    def cost(threshold):
        decided = threshold <= SCORES
        return 5 * (~decided & (TRUTH == 1)).sum() + (decided & (TRUTH == 0)).sum()

    assert cost(choose_threshold("cost=5:1", TRUTH, SCORES)) == min(cost(threshold) for threshold in np.unique(SCORES))


def test_a_number_is_taken_as_it_is():
    assert choose_threshold("0.37", TRUTH, SCORES) == 0.37


@pytest.mark.parametrize("rule", ["", "sensitivity", "sensitivity=95", "cost=3", "cost=0:1", "yuden", "f1=0.5", "1.5", "nan"])
def test_a_rule_that_cannot_be_followed_is_named(rule):
    with pytest.raises(UsageError, match=r"expected sensitivity=0.95"):
        choose_threshold(rule, TRUTH, SCORES)
