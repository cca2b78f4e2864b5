"""One rule for all verbs: a photograph that shows no lesion has no box, no outline, no map and no probability."""

import numpy as np
import pytest

import lentigo
from lentigo.images.synthetic_lesions import draw_synthetic_lesion

STRIPES = np.repeat(np.uint8(np.indices((240, 240)).sum(axis=0) % 32 // 16 * 255)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def flower():
    """A red disc on green: the decoder outlines it, and the classifier knows nothing like it."""
    rows, columns = np.indices((240, 240))
    is_disc = np.hypot(rows - 120, columns - 120) < 60
    return np.where(is_disc[..., None], (230, 20, 90), (20, 150, 30)).astype(np.uint8)


@pytest.fixture(scope="module")
def lesion():
    return draw_synthetic_lesion("malignant", 3, 0, 240).image


def test_a_refused_photograph_has_no_box_and_no_outline(flower):
    for image in (flower, STRIPES):
        assert lentigo.predict(image).is_refused
        assert not lentigo.detect(image).lesions
        outlined = lentigo.segment(image)
        assert not outlined.found and outlined.measures is None and not outlined.draw_mask().any()
        assert "refused, unlike the photographs" in repr(outlined)


def test_its_figures_show_neither_map_nor_outline(flower):
    drawn = np.asarray(lentigo.explain(flower).draw().convert("RGB")).astype(int)
    right = drawn[140:-90, drawn.shape[1] // 2 + 40 :]
    assert np.ptp(right, axis=2).max() < 8  # grey: no colour of a map, and no colour bar


def test_the_line_of_a_refused_photograph_has_no_probability(lentigo, flower, tmp_path):
    from PIL import Image

    Image.fromarray(flower).save(tmp_path / "flower.png")
    shown = lentigo("predict", tmp_path / "flower.png").stdout
    assert shown.startswith("uncertain  -----  ") and "lesion" not in shown
    assert lentigo("segment", tmp_path / "flower.png", "--out", tmp_path).stdout.startswith("refused, ")


def test_the_box_of_a_close_up_has_the_probability_of_predict(lesion):
    (found,) = lentigo.detect(lesion).lesions
    assert found.malignant_probability == pytest.approx(lentigo.predict(lesion).probability, abs=1e-6)
