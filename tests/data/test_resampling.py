import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from lentigo.data.resampling import SCORES, measure_scores
from lentigo.data.splits import resample_groups

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(120), 3)
TRUTH = RNG.integers(0, 2, 120)[GROUPS] ^ (RNG.uniform(size=360) < 0.1)
SCORE = np.round(TRUTH + RNG.normal(size=120)[GROUPS] + RNG.normal(size=360), 1)  # with ties
DECIDED = SCORE >= 0.5


def test_values_are_scikit_learns():
    values, _ = measure_scores(TRUTH, SCORE, DECIDED, GROUPS, resamples=2)
    assert values["auroc"] == pytest.approx(roc_auc_score(TRUTH, SCORE))
    assert values["accuracy"] == pytest.approx((DECIDED == TRUTH).mean())
    assert values["sensitivity"] == pytest.approx(DECIDED[TRUTH == 1].mean())
    assert values["specificity"] == pytest.approx(1 - DECIDED[TRUTH == 0].mean())


def test_intervals_are_those_of_resampled_rows():
    _, ci = measure_scores(TRUTH, SCORE, DECIDED, GROUPS, resamples=200, seed=3)
    rows = list(resample_groups(GROUPS, 200, seed=3))
    assert ci["auroc"] == pytest.approx(np.percentile([roc_auc_score(TRUTH[r], SCORE[r]) for r in rows], [2.5, 97.5]))
    assert ci["sensitivity"] == pytest.approx(np.percentile([DECIDED[r][TRUTH[r] == 1].mean() for r in rows], [2.5, 97.5]))


def test_copies_do_not_narrow_an_interval():
    width = lambda ci: ci["auroc"][1] - ci["auroc"][0]  # noqa: E731
    alone = np.arange(0, 360, 3)
    single = measure_scores(TRUTH[alone], SCORE[alone], DECIDED[alone], alone)[1]
    copies = np.repeat(alone, 4)
    assert width(measure_scores(TRUTH[copies], SCORE[copies], DECIDED[copies], copies)[1]) == pytest.approx(width(single), rel=0.15)


def test_one_class_leaves_the_rest():
    values, ci = measure_scores(np.zeros(40, int), SCORE[:40], DECIDED[:40], GROUPS[:40], resamples=50)
    assert np.isnan([values["auroc"], values["sensitivity"], *ci["auroc"], *ci["sensitivity"]]).all()
    assert ci["specificity"][0] < values["specificity"] == values["accuracy"] < ci["specificity"][1]


def test_a_perfect_score_is_not_certain():
    truth, groups = np.arange(60) < 24, np.arange(60) // 2
    values, ci = measure_scores(truth, truth.astype(float), truth, groups, resamples=20)
    assert all(values[name] == 1 for name in SCORES)
    for name, units in {"accuracy": 30, "auroc": 12, "sensitivity": 12, "specificity": 18}.items():
        assert ci[name] == pytest.approx((binomtest(units, units).proportion_ci().low, 1.0)), name
