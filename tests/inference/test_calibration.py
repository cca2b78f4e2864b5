import numpy as np
import pytest

from lentigo.evaluation.calibration import fit_calibration, fit_isotonic
from lentigo.inference.calibration import Calibration, read_calibration, sigmoid


def draw(n, temperature=1.0, seed=0):
    """Logits that are `temperature` times too sure, and truths."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, n)
    return honest * temperature, (rng.random(n) < sigmoid(honest)).astype(int)


def test_the_temperature_of_overconfident_logits_is_found():
    calibration = fit_calibration(*draw(1800, 2.5))
    assert calibration.kind == "temperature" and calibration.temperature == pytest.approx(2.5, rel=0.1)


def test_many_photographs_are_calibrated_by_an_isotonic_map():
    logits, malignant = draw(6000, 3.0)
    calibration = fit_calibration(logits, malignant)
    fresh, truth = draw(6000, 3.0, seed=1)
    probability = calibration.apply(fresh)
    assert calibration.kind == "isotonic"
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        inside = (probability >= low) & (probability < high)
        assert probability[inside].mean() == pytest.approx(truth[inside].mean(), abs=0.06)


def test_few_photographs_are_left_uncalibrated_and_the_card_says_so():
    calibration = fit_calibration(*draw(40))
    assert calibration.kind == "none" and "fewer than 30" in calibration.note
    np.testing.assert_allclose(calibration.apply(np.array([0.3])), sigmoid(np.array([0.3])))


@pytest.mark.parametrize("make", [lambda: Calibration("temperature", 1.7), lambda: fit_isotonic(*draw(3000))])
def test_probabilities_stay_between_0_and_1_and_rise_with_the_logit(make):
    probability = make().apply(np.linspace(-50, 50, 1001))
    assert (np.diff(probability) >= 0).all() and probability.min() > -1e-12 and probability.max() <= 1


@pytest.mark.parametrize("make", [lambda: Calibration("temperature", 1.7), lambda: fit_isotonic(*draw(3000))])
def test_a_probability_leads_back_to_its_logit(make):
    calibration = make()
    assert calibration.apply(np.array([calibration.invert(0.3)]))[0] == pytest.approx(0.3, abs=0.01)


def test_the_card_keeps_the_map():
    calibration = fit_isotonic(*draw(3000))
    assert read_calibration({"calibration": {**calibration.__dict__, "knots": list(calibration.knots), "values": list(calibration.values)}}) == calibration
