"""Groups are spread by shares, several counts at once."""

import numpy as np
import pytest

from lentigo.splits.balance import fill_splits, spread_groups

SHARES = np.array([0.6, 0.2, 0.2])


def toy(seed, n=2000, kinds=6):
    """Counts, int (g, kinds), of groups of one to six photographs each of one kind, the largest first."""
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.geometric(0.6, n).clip(max=6))[::-1]
    counts = np.zeros((n, kinds), int)
    counts[np.arange(n), rng.choice(kinds, n, p=[0.5, 0.3, 0.1, 0.06, 0.03, 0.01])] = sizes
    return counts


def tally(counts, parts):
    return np.stack([counts[parts == part].sum(axis=0) for part in range(3)])


@pytest.mark.parametrize("seed", range(5))
def test_each_count_comes_within_one_photograph_of_its_share(seed):
    counts = toy(seed)
    off = tally(counts, spread_groups(counts, SHARES, np.full(len(counts), -1))) - SHARES[
        :, None
    ] * counts.sum(axis=0)
    assert np.abs(off).max() <= 1.0


def test_crossed_counts_come_close_too():
    rng = np.random.default_rng(0)
    label, source, site = (
        rng.integers(0, 2, 3000),
        rng.choice(5, 3000, p=[0.5, 0.3, 0.15, 0.04, 0.01]),
        rng.integers(0, 8, 3000),
    )
    counts = np.concatenate(
        [np.eye(2)[label], np.eye(10)[label * 5 + source], np.eye(16)[label * 8 + site]], axis=1
    ).astype(int)
    off = tally(counts, spread_groups(counts, SHARES, np.full(3000, -1))) - SHARES[:, None] * counts.sum(
        axis=0
    )
    assert np.abs(off).max() <= 3.0


def test_large_groups_do_not_all_go_to_the_largest_part():
    counts = np.full((100, 1), 10)
    assert tally(counts, spread_groups(counts, SHARES, np.full(100, -1)))[:, 0].tolist() == [600, 200, 200]


def test_what_has_a_part_stays_and_the_rest_makes_up_for_it():
    before = np.array([2] * 10 + [-1] * 90)
    parts = spread_groups(np.ones((100, 1), int), SHARES, before)
    assert (parts[:10] == 2).all() and np.bincount(parts).tolist() == [60, 20, 20]


def test_a_count_that_nothing_has_does_not_matter():
    counts = np.array([[1, 0], [1, 0], [1, 0]])
    assert np.bincount(spread_groups(counts, np.array([0.6, 0.4]), np.full(3, -1))).tolist() == [2, 1]


def test_a_part_without_a_class_gets_the_smallest_group_that_can_be_spared():
    counts = np.array([[3, 0], [2, 0], [1, 0], [0, 2], [0, 1]])
    assert fill_splits(np.array([0, 0, 0, 0, 1]), counts, 2, np.ones(5, bool)).tolist() == [0, 0, 1, 0, 1]


def test_a_group_that_is_the_last_of_its_class_is_not_spared():
    counts = np.array([[3, 1], [2, 0]])
    assert fill_splits(np.array([0, 0]), counts, 2, np.ones(2, bool)).tolist() == [0, 1]


def test_what_has_a_part_is_not_spared():
    assert fill_splits(np.array([0, 0]), np.array([[1], [1]]), 2, np.array([True, False])).tolist() == [1, 0]
