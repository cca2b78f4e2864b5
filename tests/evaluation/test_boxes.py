import numpy as np
import pytest

from lentigo.evaluation.masks.boxes import THRESHOLDS, match_boxes, measure_precision


def precision(*photographs):
    """AP at 0.5 of photographs, each (boxes with scores, true boxes)."""
    matches = [
        match_boxes(
            np.array([box for box, _ in found]).reshape(-1, 4),
            np.array([score for _, score in found]),
            np.array(true).reshape(-1, 4),
        )
        for found, true in photographs
    ]
    return measure_precision(matches)[0]


A, B, FAR = (0, 0, 10, 10), (50, 50, 10, 10), (200, 200, 10, 10)


def test_all_found_is_one():
    assert precision(([(A, 0.9), (B, 0.4)], [A, B])) == 1


def test_nothing_found_is_zero():
    assert precision(([], [A])) == 0 and precision(([(FAR, 0.9)], [A])) == 0


def test_no_true_box_is_not_defined():
    assert np.isnan(precision(([(A, 0.9)], [])))


def test_one_of_two_is_half_of_the_recalls():
    assert precision(([(A, 0.9)], [A, B])) == pytest.approx(51 / 101)


def test_a_false_box_behind_all_true_ones_costs_nothing():
    assert precision(([(A, 0.9), (FAR, 0.1)], [A])) == 1


def test_a_false_box_before_the_true_one_halves_the_precision():
    assert precision(([(A, 0.5), (FAR, 0.9)], [A])) == pytest.approx(0.5)


def test_a_second_box_of_the_same_lesion_is_false():
    assert precision(([(A, 0.9), ((1, 0, 10, 10), 0.8), (B, 0.7)], [A, B])) == pytest.approx(
        (51 + 50 * 2 / 3) / 101
    )


def test_photographs_share_one_ranking():
    assert precision(([(A, 0.5)], [A]), ([(FAR, 0.9)], [])) == pytest.approx(0.5)


def test_the_threshold_is_of_the_overlap():
    box = (0, 0, 10, 7)  # overlaps A by 0.7
    (match,) = [match_boxes(np.array([box]), np.array([0.9]), np.array([A]))]
    assert match.right[:, 0].tolist() == [threshold <= 0.7 for threshold in THRESHOLDS]


def test_a_photograph_that_counts_twice_is_one_that_stands_there_twice():
    rng = np.random.default_rng(0)
    matches = [
        match_boxes(rng.uniform(0, 30, (4, 4)) + 5, rng.random(4), rng.uniform(0, 30, (3, 4)) + 5)
        for _ in range(5)
    ]
    twice = measure_precision([matches[row] for row in (0, 0, 2, 3)])
    np.testing.assert_allclose(measure_precision(matches, np.array([2.0, 0, 1, 1, 0])), twice, atol=1e-9)
