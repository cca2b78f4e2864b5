import numpy as np
import pytest

from lentigo.evaluation.masks.mask_scores import compare_masks

Y, X = np.mgrid[:200, :300]


def disc(radius, x=150, y=100):
    return np.hypot(X - x, Y - y) <= radius


def test_the_same_mask_agrees_in_all():
    scores = compare_masks(disc(50), disc(50))
    assert (
        scores.jaccard
        == scores.threshold_jaccard
        == scores.dice
        == scores.sensitivity
        == scores.specificity
        == 1
    )
    assert scores.surface_distance_px == scores.hausdorff95_px == 0


def test_a_disc_that_is_too_large():
    scores, ratio = compare_masks(disc(40), disc(50)), 1600 / 2500
    assert scores.jaccard == pytest.approx(ratio, abs=0.01) and scores.dice == pytest.approx(
        2 * ratio / (1 + ratio), abs=0.01
    )
    assert scores.threshold_jaccard == 0  # just under 0.65
    assert scores.sensitivity == 1 and scores.specificity == pytest.approx(
        1 - np.pi * 900 / (60_000 - np.pi * 1600), abs=0.01
    )
    assert scores.surface_distance_px == pytest.approx(
        10, abs=0.5
    ) and scores.hausdorff95_px == pytest.approx(10, abs=0.7)
    assert scores.hausdorff95_share == pytest.approx(scores.hausdorff95_px / np.hypot(200, 300))


def test_a_satellite_far_away_moves_the_worst_distance_and_not_the_mean_one():
    scores = compare_masks(disc(50), disc(50) | disc(12, x=270))
    assert scores.hausdorff95_px > 40 and scores.surface_distance_px < 10 and scores.jaccard > 0.9


def test_nothing_found_scores_nothing_and_has_no_distance():
    scores = compare_masks(disc(50), np.zeros((200, 300), bool))
    assert scores.jaccard == scores.dice == scores.sensitivity == 0 and scores.specificity == 1
    assert np.isnan(scores.surface_distance_px) and np.isnan(scores.hausdorff95_share)


def test_a_lesion_that_fills_the_photograph_has_no_specificity():
    assert np.isnan(compare_masks(np.ones((20, 30), bool), np.ones((20, 30), bool)).specificity)
