"""The bundled model's probabilities stay what they are, whatever is rewritten around it."""

import numpy as np
import pytest

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH, open_bundle

# Of the graph whose hash begins so, in fp32, by class, for seeds 0 to 3; other weights need other numbers
GRAPH_START = "13fe9da02e1b"
PROBABILITIES = {
    "benign": (0.023161848281427144, 0.05190787369023564, 0.6258950132910939, 0.01061471991356644),
    "malignant": (0.5451941143091155, 0.7585266926166354, 0.05032864787269947, 0.8409901255848466),
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
