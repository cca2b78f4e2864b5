from dataclasses import replace

import numpy as np
import pytest

from lentigo.inference.lesions.rectangles import is_near
from lentigo.inference.lesions.scoring import score_lesion, trim_lesion
from lentigo.inference.lesions.search import (
    LesionCandidate,
    SearchSettings,
    find_dark_corners,
    is_close_up,
    list_sides,
    suppress_overlapping,
)
from lentigo.inference.lesions.verification import is_out_of_distribution, surround

Y, X = np.mgrid[:224, :224]
SKIN, BROWN, PALE = (225, 195, 180), (85, 55, 45), (221, 190, 175)


def disc(x, y, radius):
    return np.hypot(X - x, Y - y) <= radius


def paint(lesion, colour):
    noise = np.random.default_rng(0).normal(0, 4, (224, 224, 1))
    return np.clip(np.where(lesion[..., None], colour, SKIN) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([(110, 110, 60)], True),
        ([(110, 110, 60), (20, 200, 10)], True),
        ([(110, 110, 15)], False),
        ([], False),
        ([(60, 110, 30), (160, 110, 25)], False),
    ],
)
def test_one_lesion_of_a_good_size_makes_a_close_up(regions, expected):
    mask = np.max([disc(*region) for region in regions] or [np.zeros((224, 224))], axis=0)
    assert is_close_up(mask.astype(np.float32), SearchSettings()) == expected


def test_a_lesion_without_contrast_is_doubtful():
    lesion, sure = disc(110, 110, 50), np.where(disc(110, 110, 50), 0.9, 0.05)
    assert (
        score_lesion(paint(lesion, BROWN), sure, lesion) > 0.75
        and score_lesion(paint(lesion, PALE), sure, lesion) < 0.45
    )


@pytest.mark.parametrize("colour", [(20, 140, 70), (40, 80, 190)])
def test_a_green_or_blue_sticker_is_no_lesion(colour):
    sticker = disc(110, 110, 50)
    mask = np.where(sticker, 0.95, 0.05)
    assert score_lesion(paint(sticker, colour), mask, sticker) == 0
    assert score_lesion(paint(np.ones_like(sticker), colour), mask, sticker) == 0  # no skin is left


def test_a_lesion_that_leaves_no_skin_is_as_sure_as_the_network():
    everywhere = np.ones((224, 224), bool)
    assert score_lesion(paint(everywhere, BROWN), np.full((224, 224), 0.8), everywhere) == pytest.approx(0.8)


def test_hairs_and_rulers_are_trimmed_off():
    lesion = disc(110, 110, 40)
    with_hair = lesion | ((np.abs(Y - 110) < 2) & (X > 110))
    box = np.flatnonzero(trim_lesion(with_hair).any(axis=0))
    assert box[0] >= 69 and box[-1] <= 151


def test_a_lesion_that_is_narrow_throughout_stays():
    line = np.abs(Y - 110) < 1
    np.testing.assert_array_equal(trim_lesion(line), line)


def test_of_two_boxes_of_one_lesion_the_surer_stays():
    looks = [
        LesionCandidate((0, 0, 100, 100), 0.8),
        LesionCandidate((5, 5, 105, 100), 0.9),
        LesionCandidate((90, 90, 190, 190), 0.7),
    ]
    assert suppress_overlapping(looks, 0.4) == [looks[1], looks[2]]


def test_the_margin_stays_within_the_photograph():
    assert surround((0, 0, 40, 20), (300, 400, 3), 0.5) == (0, 0, 81)
    assert surround((10, 10, 290, 190), (200, 300, 3), 0.5) == (50, 0, 200)


def test_dark_corners_are_known_and_what_is_near_them():
    image = paint(np.hypot(X - 112, Y - 112) > 145, (5, 5, 5))
    image[:112, :112] = SKIN
    assert sorted(find_dark_corners(image)) == [(0, 224), (224, 0), (224, 224)]
    assert is_near((200, 5, 215, 20), (224, 0), 12) and not is_near((150, 5, 200, 20), (224, 0), 12)


def test_sides_halve_as_far_as_the_photograph_is_fine_enough():
    assert (
        list_sides(3000, SearchSettings(finest=160, levels=4)) == [3000, 1500, 750, 375]
        and list_sides(100, SearchSettings(finest=160)) == []
    )


def test_without_a_reference_nothing_is_strange(toy_run):
    from lentigo.inference.predictor import Predictor

    assert not is_out_of_distribution(Predictor(toy_run()), {"embedding": np.full(3, 1e9)})


def test_what_is_far_from_all_that_the_classifier_knows_is_strange(toy_run):
    from lentigo.inference.decisions.refusal import Reference
    from lentigo.inference.predictor import Predictor

    predictor = Predictor(toy_run())
    reference = Reference(np.eye(3)[:2], np.eye(3), 1.0, np.array([0.1]), np.array([0.9]))
    predictor.decider = replace(predictor.decider, reference=reference)
    assert not is_out_of_distribution(predictor, {"embedding": np.array([2.0, 1.0, 1.0])})
    assert is_out_of_distribution(predictor, {"embedding": np.array([-2.0, -2.0, -0.1])})
