"""The bundled model's probabilities stay what they are, whatever is rewritten around it."""

import numpy as np
import pytest

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH, open_bundle

# Of the graph whose hash begins so, in fp32, by class, for seeds 0 to 3; other weights need other numbers
GRAPH_START = "c2a15eca7d75"
PROBABILITIES = {
    "benign": (0.05072608055422306, 0.03816013888700731, 0.6158780391113003, 0.007916022494937336),
    "malignant": (0.8165473756516088, 0.8941869185934733, 0.08059753847505713, 0.9158753685346126),
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
