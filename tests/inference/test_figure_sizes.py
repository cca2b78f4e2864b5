"""Figures are large enough to be looked at."""

import numpy as np
from PIL import Image

from lentigo.inference.figures.box_figures import draw_boxes
from lentigo.inference.figures.overlays import MIN_SIDE, enlarge_small


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
