import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.inference.decisions.operating_point import choose_threshold

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

    assert cost(choose_threshold("cost=5:1", TRUTH, SCORES)) == min(
        cost(threshold) for threshold in np.unique(SCORES)
    )


@pytest.mark.parametrize("n", [1, 7, 20, 60, 100, 150, 193])
def test_a_share_is_counted_exactly(n):
    """As many are found as S wants, and not one more for the rounding of 1 - missed / n."""
    scores, truth = np.append(np.linspace(0.5, 0.9, n), 0.1), np.append(np.ones(n, int), 0)
    for percent in (50, 93, 95, 97):
        found = (scores[:n] >= choose_threshold(f"sensitivity={percent / 100}", truth, scores)).sum()
        assert found == max(1, -(-percent * n // 100))


def test_calling_nothing_malignant_is_the_cheapest_where_a_false_alarm_costs_most():
    threshold = choose_threshold("cost=1:1000", np.array([0, 1, 0, 0]), np.array([0.2, 0.6, 0.7, 0.9]))
    assert threshold == 1.0  # 1 for the missed one; any other threshold costs 1000 at least


def test_calling_nothing_malignant_holds_where_a_probability_is_1():
    scores = np.array([0.2, 0.6, 1.0])
    for rule in ("cost=1:1000", "specificity=0.9"):
        assert not (scores >= choose_threshold(rule, np.array([0, 1, 0]), scores)).any()


def test_a_number_is_taken_as_it_is():
    assert choose_threshold("0.37", TRUTH, SCORES) == 0.37


@pytest.mark.parametrize(
    "rule", ["", "sensitivity", "sensitivity=95", "cost=3", "cost=0:1", "yuden", "f1=0.5", "1.5", "nan"]
)
def test_a_rule_that_cannot_be_followed_is_named(rule):
    with pytest.raises(UsageError, match=r"expected sensitivity=0.95"):
        choose_threshold(rule, TRUTH, SCORES)
