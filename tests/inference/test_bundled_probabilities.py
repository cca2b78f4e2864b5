"""The bundled model's probabilities stay what they are, whatever is rewritten around it."""

import numpy as np
import pytest

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import GRAPH, open_bundle

# Of the graph whose hash begins so, in fp32, by class, for seeds 0 to 3; other weights need other numbers
GRAPH_START = "34282e7bf6c6"
PROBABILITIES = {
    "benign": (0.0659063890689025, 0.23169695139325464, 0.8649354582085227, 0.034720609153550575),
    "malignant": (0.4040311376229677, 0.8384415222391293, 0.5834458156802468, 0.9474257802816883),
}


@pytest.fixture(scope="module")
def predictor():
    return Predictor("bundled", fp32=True)


def test_the_numbers_are_of_these_weights():
    assert open_bundle("bundled").card["files"][GRAPH].startswith(GRAPH_START)


@pytest.mark.parametrize("label", PROBABILITIES)
def test_the_probabilities_of_drawn_lesions_are_the_stored_ones(predictor, label):
    lesions = [draw_synthetic_lesion(label, seed).image for seed in range(4)]
    found = list(predictor.predict_probabilities(lesions))
    np.testing.assert_allclose(found, PROBABILITIES[label], atol=1e-6, rtol=0)
