import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from lentigo.common.statistics.aurocs import covary_aurocs
from lentigo.common.statistics.intervals import (
    SCORES,
    bound_difference,
    bound_share,
    compare_aurocs,
    count_cases,
    estimate_auroc,
    estimate_share,
    measure_scores,
    widen,
)
from lentigo.common.statistics.resampling import bootstrap, resample_groups

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(120), 3)
TRUTH = RNG.integers(0, 2, 120)[GROUPS] ^ (RNG.uniform(size=360) < 0.1)
SCORE = np.round(TRUTH + RNG.normal(size=120)[GROUPS] + RNG.normal(size=360), 1)  # with ties
DECIDED = SCORE >= 0.5


def width(ends):
    return ends[1] - ends[0]


@pytest.mark.parametrize("found, n", [(20, 20), (0, 20), (19, 20), (75, 100), (970, 1000)])
def test_a_share_of_single_photographs_has_the_interval_of_clopper_and_pearson(found, n):
    exact = binomtest(found, n).proportion_ci()
    assert estimate_share(np.arange(n) < found, np.arange(n)) == pytest.approx((exact.low, exact.high))


def test_twenty_of_twenty_is_0832_to_1():
    assert estimate_share(np.ones(20, bool), np.arange(20)) == pytest.approx((0.8316, 1.0), abs=5e-5)


def test_copies_of_photographs_add_nothing():
    right = np.arange(40) < 30
    alone = estimate_share(right, np.arange(40))
    assert estimate_share(np.repeat(right, 5), np.repeat(np.arange(40), 5)) == pytest.approx(alone)
    assert width(estimate_share(np.repeat(right, 5), np.arange(200))) < 0.6 * width(alone)


def test_photographs_of_a_group_that_have_nothing_in_common_count_almost_as_single_ones():
    right = np.random.default_rng(1).random(900) < 0.7
    grouped, single = (
        estimate_share(right, np.repeat(np.arange(300), 3)),
        estimate_share(right, np.arange(900)),
    )
    assert width(single) <= width(grouped) < 1.1 * width(single)


def test_a_perfect_share_of_groups_counts_groups():
    low, high = estimate_share(np.ones(60, bool), np.repeat(np.arange(12), 5))
    assert (low, high) == pytest.approx((binomtest(12, 12).proportion_ci().low, 1.0))


def test_the_variance_of_a_share_by_groups_is_that_of_the_cluster_bootstrap():
    right = DECIDED == TRUTH
    draws = [right[rows].mean() for rows in resample_groups(GROUPS, 1000)]
    assert width(estimate_share(right, GROUPS)) == pytest.approx(2 * 1.96 * np.std(draws), rel=0.12)


def test_cases_are_groups_where_all_are_of_one_size():
    assert count_cases(np.repeat(np.arange(7), 4)) == pytest.approx(7)
    assert count_cases(np.array([0, 0, 0, 1])) == pytest.approx(16 / 10)
    assert count_cases(np.array([], int)) == 0


def test_values_are_scikit_learns():
    values, _ = measure_scores(TRUTH, SCORE, DECIDED, GROUPS)
    assert values["auroc"] == pytest.approx(roc_auc_score(TRUTH, SCORE))
    assert values["accuracy"] == pytest.approx((DECIDED == TRUTH).mean())
    assert values["sensitivity"] == pytest.approx(DECIDED[TRUTH == 1].mean())
    assert values["specificity"] == pytest.approx(1 - DECIDED[TRUTH == 0].mean())


def test_the_interval_of_an_auroc_is_delongs_where_it_is_far_from_the_edge():
    auroc, ends = estimate_auroc(TRUTH, SCORE, GROUPS)
    deviation = np.sqrt(covary_aurocs(TRUTH, SCORE[None], GROUPS)[1][0, 0])
    assert ends == pytest.approx((auroc - 1.96 * deviation, auroc + 1.96 * deviation), abs=0.01)


def test_a_perfect_auroc_is_as_uncertain_as_the_smaller_class():
    truth = np.arange(60) < 12
    assert estimate_auroc(truth, truth.astype(float), np.arange(60))[1] == pytest.approx(
        (0.025 ** (1 / 12), 1.0)
    )


def test_an_almost_perfect_auroc_is_no_more_certain_than_a_perfect_one():
    truth = np.arange(40) % 2
    score = truth + 0.01 * np.arange(40)
    score[1] = 0.375  # one malignant photograph is below one benign one
    auroc, (low, _) = estimate_auroc(truth, score, np.arange(40))
    assert 1 > auroc > 0.99 and low <= 0.025 ** (1 / 20)


def test_an_auroc_never_leaves_0_to_1():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        truth = np.arange(12) % 2
        _, (low, high) = estimate_auroc(truth, truth + 0.5 * rng.normal(size=12), np.arange(12) // 2)
        assert 0 <= low < high <= 1


def test_a_class_in_one_group_has_the_widest_interval():
    truth = np.arange(40) >= 36
    _, (low, high) = estimate_auroc(truth, np.arange(40.0), np.minimum(np.arange(40), 36))
    assert low < 0.05 and high == 1


def test_one_class_leaves_the_rest():
    values, ci = measure_scores(np.zeros(40, int), SCORE[:40], DECIDED[:40], GROUPS[:40])
    assert np.isnan([values["auroc"], values["sensitivity"], *ci["auroc"], *ci["sensitivity"]]).all()
    assert ci["specificity"][0] < values["specificity"] == values["accuracy"] < ci["specificity"][1]


def test_a_perfect_score_is_not_certain():
    truth, groups = np.arange(60) < 24, np.arange(60) // 2
    values, ci = measure_scores(truth, truth.astype(float), truth, groups)
    assert all(values[name] == 1 for name in SCORES)
    for name, units in {"accuracy": 30, "auroc": 12, "sensitivity": 12, "specificity": 18}.items():
        assert ci[name] == pytest.approx((binomtest(units, units).proportion_ci().low, 1.0)), name


def test_an_interval_reaches_as_far_as_unseen_cases_may():
    assert widen(0.02, (0.01, 0.03), 1000)[1] == 0.03  # wide enough
    assert widen(0.02, (0.02, 0.02), 20)[1] == pytest.approx(0.02 + 0.98 * (1 - 0.025 ** (1 / 20)))
    assert np.isnan(widen(float("nan"), (0.0, 1.0), 20)).all()


def test_the_bootstrap_draws_whole_groups():
    values = RNG.normal(size=120)[GROUPS] * 0.1 + 0.5
    mean = lambda weights: {"mean": float(np.average(values, weights=weights))}  # noqa: E731
    grouped, alone = bootstrap(mean, GROUPS)["mean"], bootstrap(mean, np.arange(360))["mean"]
    assert width(grouped) == pytest.approx(2 * 1.96 * values.std() / np.sqrt(120), rel=0.1)
    assert width(alone) < 0.75 * width(grouped)


def test_what_does_not_exist_has_no_interval():
    answer = bootstrap(lambda weights: {"never": float("nan"), "always": 0.5}, np.arange(10), resamples=5)
    assert np.isnan(answer["never"]).all() and answer["always"][0] < 0.5 < answer["always"][1]


def test_a_number_without_bounds_may_have_no_spread():
    assert bootstrap(lambda weights: {"pixels": 3.0}, np.arange(10), unbounded=("pixels",), resamples=5)[
        "pixels"
    ] == (3.0, 3.0)


def test_two_perfect_scores_may_still_differ():
    truth, rng = np.arange(40) % 2, np.random.default_rng(0)
    first, second = truth + rng.random(40), truth + rng.random(40)
    _, (low, high), p = compare_aurocs(truth, first, second, np.arange(40))
    assert -1 <= low < -0.1 and 0.1 < high <= 1 and p == 1
    assert compare_aurocs(truth, first, 2 * first, np.arange(40))[1] == (0, 0)  # the same ranks


def test_a_difference_never_leaves_minus_1_to_1():
    ends, p = bound_difference(0.9, 0.04)
    assert ends == (pytest.approx(0.9 - 1.96 * 0.2, abs=1e-3), 1.0) and p < 0.001


@pytest.mark.parametrize("share, cases", [(float("nan"), 10), (0.5, 0)])
def test_no_share_no_interval(share, cases):
    assert np.isnan(bound_share(share, cases)).all()
