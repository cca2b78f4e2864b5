import json

import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.inference.decisions.prevalence import estimate_predictive_values, shift_prevalence


def test_a_shifted_probability_is_that_of_bayes_theorem():
    sick, healthy = np.array([0.1, 0.2, 0.7]), np.array([0.6, 0.3, 0.1])  # of three appearances
    posterior = lambda prevalence: sick * prevalence / (sick * prevalence + healthy * (1 - prevalence))  # noqa: E731
    assert shift_prevalence(posterior(0.45), 0.45, 0.02) == pytest.approx(posterior(0.02))


def test_a_shifted_probability_is_calibrated_in_the_other_population():
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=200_000) < 0.02
    score = rng.normal(size=200_000) + 2 * truth
    probability = 1 / (1 + np.exp(-(2 * score - 2)))  # exact where half are malignant
    shifted = shift_prevalence(probability, 0.5, 0.02)
    for low, high in ((0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 1)):
        rows = (shifted >= low) & (shifted < high)
        assert truth[rows].mean() == pytest.approx(shifted[rows].mean(), rel=0.15)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_there_and_back_is_where_one_was(probability):
    assert shift_prevalence(shift_prevalence(probability, 0.45, 0.02), 0.02, 0.45) == pytest.approx(
        probability
    )


@pytest.mark.parametrize("prevalence", [0, 1, 2, -0.1, float("nan")])
def test_an_impossible_prevalence_is_refused(prevalence):
    with pytest.raises(UsageError, match="expected the share of malignant lesions"):
        shift_prevalence(0.5, 0.5, prevalence)
    with pytest.raises(UsageError, match="expected the share of malignant lesions"):
        estimate_predictive_values(9, 10, 9, 10, prevalence)


# The 70-gene signature, 31 of 34 cases and 32 of 44 controls, at a prevalence of 0.07: an example of Mercaldo
# 2007, with the
# values of the R package CIfinder 2.0.0 (README, method "zhou": logit, and with continuity correction
# adjusted logit).
def test_the_published_example():
    values = estimate_predictive_values(31, 34, 32, 44, 0.07)
    assert (values.ppv, *values.ppv_ci) == pytest.approx((0.2010444, 0.1331384, 0.2919216), abs=1e-7)
    assert (values.npv, *values.npv_ci) == pytest.approx((0.9909508, 0.9734141, 0.9969560), abs=1e-7)


def test_the_published_example_without_a_false_alarm():
    values = estimate_predictive_values(31, 34, 44, 44, 0.07)
    assert (values.ppv, *values.ppv_ci) == pytest.approx(
        (1.0, 0.2886800, 1.0), abs=1e-7
    )  # there to 0.8676335, short of the value
    assert (values.npv, *values.npv_ci) == pytest.approx((0.9934025, 0.9772354, 0.9955563), abs=1e-7)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, se, sp, prevalence = np.random.default_rng(1), 0.9, 0.8, 0.05
    truth = se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence))
    found = [
        estimate_predictive_values(int(a), 120, int(b), 150, prevalence)
        for a, b in zip(rng.binomial(120, se, 1000), rng.binomial(150, sp, 1000))
    ]
    assert 0.935 <= np.mean([values.ppv_ci[0] <= truth <= values.ppv_ci[1] for values in found]) <= 0.975


def test_the_studys_own_prevalence_gives_the_studys_own_shares():
    values = estimate_predictive_values(80, 100, 150, 200, 1 / 3)
    assert (values.ppv, values.npv) == (pytest.approx(80 / 130), pytest.approx(150 / 170))


@pytest.mark.parametrize("counts", [(0, 0, 9, 10), (9, 10, 0, 0), (0, 10, 10, 10)])
def test_what_cannot_be_computed_is_null_in_the_json(counts):
    answers = json.loads(json.dumps(estimate_predictive_values(*counts, 0.1).to_json(), allow_nan=False))
    assert answers["ppv"] is None
