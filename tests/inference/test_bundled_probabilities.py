"""The bundled model's probabilities stay what they are, whatever is rewritten around it."""

import numpy as np
import pytest

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH, open_bundle

# Of the graph whose hash begins so, in fp32, by class, for seeds 0 to 3; other weights need other numbers
GRAPH_START = "b80eac2fb2fe"
PROBABILITIES = {
    "benign": (0.06081018907838853, 0.042577370763411615, 0.8896204957422806, 0.003211849603825645),
    "malignant": (0.9002300196496467, 0.9659158269914052, 0.02705531651279941, 0.8693729568126538),
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


def test_the_cells_of_the_heatmap_lie_all_over_the_photograph(predictor, image):
    """Its networks see photographs at 160 pixels: five cells along a side, a fifth of it apart."""
    result = next(iter(predictor.infer([image])))
    assert result.centres == pytest.approx([(31.5 + 32 * cell) / 160 for cell in range(5)])
    assert np.shape(result.heatmap) == (5, 5)
