import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lentigo.errors import ModelError
from lentigo.inference.decisions.calibration import (
    Calibration,
    explain_calibration,
    read_calibration,
    sigmoid,
)
from lentigo.training.calibration.calibration_fit import fit_beta, fit_calibration, fit_isotonic, fit_platt


def draw(n, distort=lambda logits: logits, seed=0):
    """Honest logits that were distorted, and truths."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, n)
    return distort(honest), (rng.random(n) < sigmoid(honest)).astype(int)


def shifted(logits):
    return 2.5 * logits + 1.5


def bent(logits):
    return np.where(logits > 0, 3 * logits, logits)


def wavy(logits):
    return logits**3


def test_slope_and_intercept_are_those_of_a_logistic_regression():
    logits, malignant = draw(1800, shifted)
    calibration = fit_calibration(logits, malignant)
    regression = LogisticRegression(C=1e9, tol=1e-9).fit(logits[:, None], malignant)
    assert calibration.kind == "platt" and calibration.n == 1800
    assert calibration.slope == pytest.approx(regression.coef_[0, 0], rel=0.01)
    assert calibration.intercept == pytest.approx(regression.intercept_[0], abs=0.01)


def test_shifted_logits_are_right_on_average_which_no_temperature_can_make_them():
    logits, malignant = draw(1800, shifted)
    calibration = fit_calibration(logits, malignant)
    assert calibration.apply(logits).mean() == pytest.approx(malignant.mean(), abs=0.001)
    fresh, truth = draw(20000, shifted, seed=1)
    near_half = np.abs(fresh - 1.5) < 0.5
    assert calibration.apply(fresh[near_half]).mean() == pytest.approx(truth[near_half].mean(), abs=0.05)


def test_with_999_of_a_class_it_stays_with_two_parameters():
    logits, malignant = draw(6000, wavy)
    rows = np.concatenate([np.flatnonzero(malignant == 1)[:999], np.flatnonzero(malignant == 0)])
    assert fit_calibration(logits[rows], malignant[rows]).kind == "platt"


@pytest.mark.parametrize(("distort", "kind"), [(shifted, "platt"), (bent, "beta"), (wavy, "isotonic")])
def test_with_many_photographs_cross_validation_chooses_the_map(distort, kind):
    assert fit_calibration(*draw(6000, distort)).kind == kind


def test_folds_of_the_choice_keep_groups_together():
    rng = np.random.default_rng(0)
    logits, malignant = (
        rng.normal(0, 2, 300).repeat(20),
        rng.integers(0, 2, 300).repeat(20),
    )  # 20 photographs of each of 300 lesions
    assert fit_calibration(logits, malignant).kind == "isotonic"  # learns the copies by heart
    assert fit_calibration(logits, malignant, np.arange(300).repeat(20)).kind == "platt"


@pytest.mark.parametrize("fit", [fit_platt, fit_beta, fit_isotonic])
def test_a_map_that_was_fitted_on_many_is_true_on_others(fit):
    calibration = fit(*draw(6000, shifted))
    logits, truth = draw(6000, shifted, seed=1)
    probability = calibration.apply(logits)
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        inside = (probability >= low) & (probability < high)
        assert probability[inside].mean() == pytest.approx(truth[inside].mean(), abs=0.06)


def test_classes_without_overlap_do_not_lead_to_certainty():
    malignant = np.tile([0, 1], 50)
    calibration = fit_calibration(10.0 * (2 * malignant - 1), malignant)
    assert 0.95 < calibration.apply(np.array([10.0]))[0] < 0.99


def test_probability_never_falls_with_the_logit_even_where_the_network_is_wrong():
    logits, malignant = draw(500)
    assert np.diff(fit_calibration(-logits, malignant).apply(np.linspace(-20, 20, 100))).min() >= 0


def test_few_photographs_are_left_uncalibrated_and_the_card_says_so():
    calibration = fit_calibration(*draw(40))
    assert calibration.kind == "none" and "fewer than 30" in calibration.note
    np.testing.assert_allclose(calibration.apply(np.array([0.3])), sigmoid(np.array([0.3])))


@pytest.mark.parametrize("fit", [fit_platt, fit_beta, fit_isotonic])
def test_probabilities_stay_between_0_and_1_and_rise_with_the_logit(fit):
    probability = fit(*draw(3000, bent)).apply(np.linspace(-800, 800, 1001))
    assert (np.diff(probability) >= 0).all() and probability.min() >= 0 and probability.max() <= 1


@pytest.mark.parametrize("fit", [fit_platt, fit_beta, fit_isotonic])
def test_the_card_keeps_the_map(fit):
    calibration = fit(*draw(3000, bent))
    entry = calibration.to_card()
    assert read_calibration(entry) == calibration
    assert {"slope", "intercept"} <= set(entry) or {"knots", "values"} <= set(entry)


def test_a_card_of_a_temperature_is_a_slope_without_an_intercept():
    old = read_calibration(
        {"kind": "temperature", "temperature": 2.5, "knots": [], "values": [], "n": 9, "note": ""}
    )
    assert old == Calibration("platt", slope=0.4, intercept=0.0, n=9)


@pytest.mark.parametrize("entry", [{"kind": "platt", "slope": 1.0}, {"kind": "magic"}, {}])
def test_a_damaged_card_is_named(entry):
    with pytest.raises(ModelError, match=r"calibration in card.json: is damaged"):
        read_calibration(entry)


@pytest.mark.parametrize("fit", [fit_platt, fit_beta])
def test_the_formula_for_others_gives_the_same_probability(fit):
    calibration = fit(*draw(3000, bent))
    formula = explain_calibration(calibration).replace("log", "np.log").replace("np.logit", "logit")
    logit = np.array([-3.0, 0.2, 4.0])
    value = eval(formula, {"np": np, "exp": np.exp, "sigmoid": sigmoid, "logit": logit})
    np.testing.assert_allclose(value, calibration.apply(logit), atol=1e-4)
