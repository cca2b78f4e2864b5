import numpy as np
import pytest

from lentigo.inference.lesions.mask_cleaning import Box, clean_mask, enlarge_mask, find_box

Y, X = np.mgrid[:224, :224]


def disc(x, y, radius):
    return 1 / (1 + np.exp((np.hypot(X - x, Y - y) - radius) / 2))


def test_specks_and_what_is_small_beside_the_lesion_go():
    mask = np.maximum.reduce([disc(100, 100, 50), disc(200, 30, 12), disc(10, 200, 1.5)])
    np.testing.assert_array_equal(clean_mask(mask) >= 0.5, disc(100, 100, 50) >= 0.5)


def test_another_large_part_stays():
    mask = np.maximum(disc(70, 100, 40), disc(170, 100, 35))
    np.testing.assert_array_equal(clean_mask(mask) >= 0.5, mask >= 0.5)


def test_the_lesion_in_the_middle_goes_before_a_larger_shade_in_the_corner():
    mask = np.maximum(disc(115, 105, 20), disc(224, 0, 50))
    np.testing.assert_array_equal(clean_mask(mask) >= 0.5, disc(115, 105, 20) >= 0.5)


def test_a_lesion_alone_in_the_corner_stays():
    np.testing.assert_array_equal(clean_mask(disc(200, 20, 20)) >= 0.5, disc(200, 20, 20) >= 0.5)


def test_holes_are_filled():
    mask = np.minimum(disc(100, 100, 50), 1 - disc(110, 90, 15))
    np.testing.assert_array_equal(clean_mask(mask) >= 0.5, disc(100, 100, 50) >= 0.5)


def test_what_is_kept_keeps_its_border():
    mask = disc(100, 100, 50)
    assert clean_mask(mask) == pytest.approx(mask)


@pytest.mark.parametrize("mask", [np.zeros((224, 224)), disc(100, 100, 2), np.full((224, 224), 0.49)])
def test_nothing_is_found_where_nothing_is(mask):
    assert find_box(clean_mask(mask) >= 0.5) is None


def test_a_mask_fills_any_proportions():
    drawn = enlarge_mask(disc(111.5, 111.5, 56), 1000, 300)
    assert drawn.shape == (300, 1000) and set(np.unique(drawn)) == {0, 255}
    box = find_box(drawn)
    assert np.abs(np.subtract((box.x, box.y, box.width, box.height), (250, 75, 500, 150))).max() <= 2


def test_a_box_is_around_what_is_there():
    mask = np.zeros((30, 40), bool)
    mask[5, 7], mask[20, 12] = True, True
    assert find_box(mask) == Box(7, 5, 6, 16)
