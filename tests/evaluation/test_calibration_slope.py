import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from lentigo.evaluation.scores.calibration_slope import measure_calibration


def draw(n, slope=1.0, intercept=0.0, seed=0):
    """Truths, and probabilities whose log-odds need this slope and intercept to be true."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 1.5, n)
    malignant = (rng.random(n) < expit(slope * log_odds + intercept)).astype(int)
    return malignant, expit(log_odds)


def test_the_slope_is_that_of_a_logistic_regression():
    malignant, probability = draw(500, slope=0.6)
    found = measure_calibration(malignant, probability, np.arange(500))
    expected = LogisticRegression(C=1e9, tol=1e-9).fit(logit(probability)[:, None], malignant).coef_[0, 0]
    assert found.slope == pytest.approx(expected, rel=1e-3)


def test_the_intercept_is_what_makes_the_mean_right():
    malignant, probability = draw(500, intercept=-0.8)
    found = measure_calibration(malignant, probability, np.arange(500))
    assert expit(logit(probability) + found.intercept).mean() == pytest.approx(malignant.mean())


@pytest.mark.parametrize("groups", [1, 4])
def test_intervals_hold_the_true_values(groups):
    held = []
    for seed in range(200):
        malignant, probability = draw(240 // groups, slope=0.7, intercept=0.0, seed=seed)
        group = np.repeat(np.arange(len(malignant)), groups)
        found = measure_calibration(malignant.repeat(groups), probability.repeat(groups), group)
        held.append(found.slope_ci[0] <= 0.7 <= found.slope_ci[1])
    assert np.mean(held) > 0.9


@pytest.mark.parametrize("truth", [np.zeros(4), np.array([0, 0, 1, 1])], ids=["one class", "no overlap"])
def test_what_has_no_slope_has_none(truth):
    found = measure_calibration(truth.astype(int), np.array([0.1, 0.2, 0.8, 0.9]), np.arange(4))
    assert np.isnan([found.slope, *found.slope_ci]).all()


def test_probabilities_of_0_and_1_are_no_error():
    found = measure_calibration(np.array([0, 1, 0, 1, 1]), np.array([0.0, 1.0, 1.0, 0.4, 0.6]), np.arange(5))
    assert np.isfinite(found.intercept)


def test_a_constant_probability_has_an_intercept_and_no_slope():
    found = measure_calibration(np.array([0, 1, 0, 0]), np.full(4, 0.5), np.arange(4))
    assert np.isnan(found.slope) and found.intercept == pytest.approx(logit(0.25))
