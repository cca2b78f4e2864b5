"""Figures are large enough to be looked at."""

import numpy as np
from PIL import Image

from lentigo.inference.figures.box_figures import draw_boxes
from lentigo.inference.figures.overlays import MIN_SIDE, draw_outline, enlarge_small, measure_slopes


def test_a_small_photograph_is_enlarged_for_its_line_and_words():
    assert enlarge_small(Image.new("RGB", (200, 100))).size == (MIN_SIDE, MIN_SIDE // 2)
    large = Image.new("RGB", (1200, 900))
    assert enlarge_small(large) is large


def test_boxes_stay_where_they_are_on_an_enlarged_photograph():
    figure = draw_boxes(np.zeros((100, 200, 3), np.uint8), [((50, 20, 150, 80), "")])
    assert figure.size == (MIN_SIDE, MIN_SIDE // 2)
    bright = np.argwhere(np.asarray(figure).sum(axis=2) > 300)  # y, x
    assert np.abs(bright.min(axis=0) - (80, 200)).max() < 6
    assert np.abs(bright.max(axis=0) - (320, 600)).max() < 6


def test_slopes_at_some_places_are_those_of_numpy():
    values = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    rows, columns = np.nonzero(values > 0.2)
    slopes = measure_slopes(values, rows, columns)
    for found, expected in zip(slopes, np.gradient(values), strict=True):
        np.testing.assert_allclose(found, expected[rows, columns], rtol=1e-5)


def test_an_outline_changes_nothing_but_its_band():
    image = np.full((300, 400, 3), 180, np.uint8)
    mask = np.zeros((300, 400), bool)
    mask[100:200, 150:300] = True
    changed = (np.asarray(draw_outline(image, mask)) != image).any(axis=2)
    assert changed[100, 200] and changed[150, 150]  # on the border
    assert not changed[150, 225] and not changed[20, 20]  # within, and far away
