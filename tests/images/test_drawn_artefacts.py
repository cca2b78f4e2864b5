"""Artefacts are drawn over a photograph, in place, and nothing else happens to it."""

import numpy as np
import pytest

from lentigo.images.artefacts.drawn_artefacts import (
    ARTEFACTS,
    add_dark_corners,
    add_hairs,
    add_ink,
    blend,
    grid,
    lay,
    rise,
)

DRAWINGS = [*(add for _, add in ARTEFACTS), add_ink]
SKIN = np.float32([220, 180, 160]).reshape(3, 1, 1)


def drawn(add, seed: int, size: int = 64) -> np.ndarray:
    image = np.broadcast_to(SKIN, (3, size, size)).copy()
    add(image, np.random.default_rng(seed))
    return image


@pytest.mark.parametrize("add", DRAWINGS)
def test_an_artefact_covers_a_part_of_the_photograph_in_colours_that_exist(add):
    images = np.stack([drawn(add, seed) for seed in range(10)])
    covered = (images != SKIN).any(axis=1).mean()
    assert 0.005 < covered < 0.6
    assert images.min() >= 0 and images.max() <= 255 and images.dtype == np.float32


@pytest.mark.parametrize("add", DRAWINGS)
def test_the_same_chance_draws_the_same_artefact(add):
    np.testing.assert_array_equal(drawn(add, 1), drawn(add, 1))
    assert (drawn(add, 1) != drawn(add, 2)).any()


def test_dark_corners_darken_the_corners_and_leave_the_middle():
    image = drawn(add_dark_corners, 0)
    assert image[:, 0, 0].max() < 20
    np.testing.assert_array_equal(image[:, 20:44, 20:44], np.broadcast_to(SKIN, (3, 24, 24)))


def test_more_hairs_cover_more():
    few, many = (
        np.mean(
            [
                (drawn(lambda image, rng, n=n: add_hairs(image, rng, n), seed) != SKIN).mean()
                for seed in range(10)
            ]
        )
        for n in (1, 30)
    )
    assert many > 1.5 * few


def test_ink_lets_what_lies_below_show_through():
    image = np.broadcast_to(SKIN, (3, 64, 64)).copy()
    image[:, ::2] = 40
    add_ink(image, np.random.default_rng(0))
    inked = (image[:, 1::2] < 0.6 * SKIN).any(axis=0)
    assert (
        inked.any()
        and (image[:, ::2][:, inked] < image[:, 1::2][:, inked] + 1).mean() > 0.9
        and (image[:, ::2] < 40).any()
    )


def test_shares_are_probabilities():
    assert all(0 < share < 1 for share, _ in ARTEFACTS)


def test_blending_goes_the_given_part_of_the_way():
    image = np.zeros((3, 1, 3), np.float32)
    blend(image, np.float32([[0, 0.5, 1]]), (100, 40, 20))
    assert image[:, 0].T.tolist() == [[0, 0, 0], [50, 20, 10], [100, 40, 20]]


def test_a_layer_of_twice_the_size_is_laid_over_by_its_opacity():
    image, layer = np.zeros((3, 2, 2), np.float32), np.zeros((4, 4), np.uint8)
    layer[:2, :2], layer[2:, 2] = 255, 255
    lay(image, layer, (100, 100, 100))
    assert image[0].round().tolist() == [[100, 0], [0, 50]]


def test_rising_goes_from_0_to_1_and_stays_there():
    values = rise(np.float32([-1, 2, 3, 4, 9]), 2, 4)
    assert values.tolist() == [0, 0, 0.5, 1, 1]


def test_the_grid_counts_image_widths_from_the_upper_left():
    y, x = grid(4)
    assert y[:, 0].tolist() == x[0].tolist() == [0, 0.25, 0.5, 0.75]
