"""Lesions laid onto other photographs' skin."""

import cv2
import numpy as np
import pytest

from lentigo.training.loop.background_swap import match_light, swap_background

SIDE = 128
PALE = np.array([230, 190, 170])
TANNED = np.array([150, 110, 90])
BROWN = np.array([90, 50, 30])


def draw(skin: np.ndarray, x: int, radius: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """A brown disc on skin with a little grain, and its mask."""
    mask = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (x, SIDE // 2), radius, 1, -1)
    image = np.where(mask[:, :, None] == 1, BROWN, skin) + np.random.default_rng(0).normal(
        0, 3, (SIDE, SIDE, 3)
    )
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture
def swapped() -> np.ndarray:
    """The lesion of a pale photograph, at the left, on the skin of a tanned one, whose own lay at the right."""
    return swap_background(*draw(PALE, 40), *draw(TANNED, 90))


def test_the_skin_is_that_of_the_other_photograph(swapped):
    assert np.abs(np.median(swapped[:15], axis=(0, 1)) - TANNED).max() < 4


def test_the_lesion_is_still_there_and_the_other_one_is_gone(swapped):
    middle = SIDE // 2
    assert swapped[middle, 40].mean() < 0.7 * TANNED.mean()
    assert np.abs(swapped[middle - 8 : middle + 8, 95:105].mean(axis=(0, 1)) - TANNED).max() < 12


def test_the_lesion_takes_on_the_light_of_its_new_skin():
    image, mask = draw(PALE, 40)
    assert match_light(image, mask, draw(TANNED, 90)[0].astype(np.float32)) == pytest.approx(
        np.maximum((TANNED + 1) / (PALE + 1), 1 / 1.5), abs=0.03
    )


def test_on_its_own_skin_a_lesion_keeps_its_colours():
    image, mask = draw(PALE, 40)
    inner = cv2.erode(mask, np.ones((13, 13), np.uint8)) == 1  # away from the soft edge
    swapped = swap_background(image, mask, image, mask).astype(int)
    assert np.abs(swapped - image)[inner].mean() < 4


@pytest.mark.parametrize("share", ["none", "all"])
def test_without_lesion_or_without_skin_the_photograph_stays(share):
    image, mask = draw(PALE, 40)
    empty = np.full_like(mask, share == "all")
    assert swap_background(image, empty, *draw(TANNED, 90)) is image
    assert swap_background(image, mask, image, empty) is image


def test_a_painted_place_is_not_smoother_than_skin(swapped):
    painted = swapped[SIDE // 2 - 8 : SIDE // 2 + 8, 84:100].astype(float)
    assert painted.std(axis=(0, 1)).min() > 1
