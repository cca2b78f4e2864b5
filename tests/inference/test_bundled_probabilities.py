"""The bundled model's probabilities stay what they are, whatever is rewritten around it."""

import numpy as np
import pytest
from PIL import Image

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import GRAPH, open_bundle
from lentigo.training.views.lesion_removal import remove_lesion

# Of the graph whose hash begins so, in fp32, by class, for seeds 0 to 3; other weights need other numbers
GRAPH_START = "862b74e68a82"
PROBABILITIES = {
    "benign": (0.05465461040339065, 0.08301260094281182, 0.9363517552528162, 0.0012081039686871464),
    "malignant": (0.7790698678113842, 0.9824623578156999, 0.01228539913864135, 0.8252306806258403),
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


@pytest.mark.parametrize("seed", range(3))
def test_a_drawn_lesion_is_answered_and_its_skin_alone_is_refused(predictor, tmp_path, seed):
    lesion = draw_synthetic_lesion("malignant", seed)
    skin = remove_lesion(lesion.image, (lesion.mask > 0).astype(np.uint8))
    paths = [tmp_path / "lesion.png", tmp_path / "skin.png"]
    for path, pixels in zip(paths, (lesion.image, skin), strict=True):
        Image.fromarray(pixels).save(path)
    answered, refused = predictor.predict(paths)
    assert answered.in_distribution is True
    assert refused.in_distribution is False and refused.reason.startswith("no lesion found in it")
