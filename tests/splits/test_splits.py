"""Splits: whole groups, both classes in both splits, about the share that was asked for, the same for the same
seed.
"""

import numpy as np
import pandas as pd
import pytest

from lentigo.common.statistics.resampling import resample_groups
from lentigo.datasets.groups import find_leaks, group_images
from lentigo.errors import DataError
from lentigo.splits.splits import split_validation


def join_by_hand(table: pd.DataFrame, columns: list[str]) -> list[set[int]]:
    """The groups of a table, slowly: sets of rows, merged until none shares a value with another."""
    keys = [
        {(c, table[c].iloc[row]) for c in columns if pd.notna(table[c].iloc[row])}
        for row in range(len(table))
    ]
    groups = [({row}, key) for row, key in enumerate(keys)]
    merged = True
    while merged:
        merged = False
        for one in range(len(groups)):
            for two in range(one + 1, len(groups)):
                if groups[one][1] & groups[two][1]:
                    rows, values = groups.pop(two)
                    groups[one] = (groups[one][0] | rows, groups[one][1] | values)
                    merged = True
                    break
            if merged:
                break
    return [rows for rows, _ in groups]


def toy(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Malignant (n,) and groups (n,) of one to several photographs; a third of the groups is malignant."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n // 2, n)
    return (rng.random(n // 2) < 0.33)[groups].astype(int), groups


# --- groups


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_the_union_over_all_columns(seed):
    rng = np.random.default_rng(seed)
    columns = {
        name: [None if value == 0 else f"v{value}" for value in rng.integers(0, 12, 25)]
        for name in ("patient_id", "lesion_id", "duplicate_group")
    }
    table = pd.DataFrame(columns)
    groups = group_images(table)
    assert {frozenset(np.flatnonzero(groups == number).tolist()) for number in set(groups)} == {
        frozenset(rows) for rows in join_by_hand(table, list(columns))
    }


def test_missing_ids_join_nothing():
    assert (
        len(
            set(
                group_images(
                    pd.DataFrame({"patient_id": [None, np.nan, None], "lesion_id": [None, "a", "b"]})
                )
            )
        )
        == 3
    )


def test_the_same_value_in_two_columns_joins_nothing():
    assert len(set(group_images(pd.DataFrame({"patient_id": ["1", None], "lesion_id": [None, "1"]})))) == 2


def test_without_id_columns_each_photograph_is_a_group():
    assert group_images(pd.DataFrame({"image": ["a", "a", "b"]})).tolist() == [0, 1, 2]


def test_an_empty_table_has_no_groups():
    assert group_images(pd.DataFrame({"patient_id": []})).tolist() == []


def test_the_index_of_the_table_does_not_matter():
    table = pd.DataFrame({"patient_id": ["a", "b", "a"]}, index=[7, 7, 3])
    assert group_images(table).tolist() == [0, 1, 0]


# --- the validation split


def draw(
    malignant: np.ndarray, groups: np.ndarray, fraction: float, seed: int, contents: np.ndarray | None = None
) -> np.ndarray:
    """The split of photographs whose contents are as given, else each its own."""
    contents = np.arange(len(groups)) if contents is None else contents
    return split_validation(malignant, groups, [f"{content:064x}" for content in contents], fraction, seed)


def unequal(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Malignant (n,) and groups (n,) of 120 patients, a few of whom have most of the photographs, of both
    classes.
    """
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(120), np.minimum(150, (rng.pareto(0.9, 120) * 3 + 1).astype(int)))
    return (rng.random(len(groups)) < rng.beta(0.3, 0.7, 120)[groups]).astype(int), groups


def test_a_few_large_groups_leave_the_share_as_it_was_asked_for():
    groups = np.concatenate([np.repeat(np.arange(5), 200), np.arange(5, 505)])
    malignant = np.isin(groups, [0, 1, *range(5, 205)]).astype(int)
    for seed in range(10):
        held_out = draw(malignant, groups, 0.2, seed)
        assert abs(held_out.mean() - 0.2) < 0.001 and abs(held_out[malignant == 1].mean() - 0.2) < 0.002


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_patients_of_any_size_leave_both_classes_their_share(seed, fraction):
    malignant, groups = unequal(seed)
    held_out = draw(malignant, groups, fraction, seed)
    assert (
        abs(held_out[malignant == 1].mean() - fraction) < 0.02
        and abs(held_out[malignant == 0].mean() - fraction) < 0.02
    )


@pytest.mark.parametrize("seed", range(5))
def test_neither_the_order_of_the_rows_nor_the_names_of_the_groups_matter(seed):
    malignant, groups = unequal(seed)
    order = np.random.default_rng(seed).permutation(len(groups))
    names = np.random.default_rng(seed + 1).permutation(1000)[groups]
    held_out = draw(malignant, groups, 0.2, seed)
    np.testing.assert_array_equal(
        draw(malignant[order], names[order], 0.2, seed, contents=order), held_out[order]
    )


def test_other_contents_are_drawn_otherwise():
    malignant, groups = unequal(0)
    assert (
        draw(malignant, groups, 0.2, 0)
        != draw(malignant, groups, 0.2, 0, contents=np.arange(len(groups)) + 10**6)
    ).any()


def test_a_group_whose_size_no_other_has_is_drawn_by_some_seeds_and_not_by_others():
    groups = np.repeat(np.arange(40), np.arange(21, 61))
    malignant = groups % 2
    share = np.mean([draw(malignant, groups, 0.2, seed)[groups == 39].all() for seed in range(40)])
    assert 0.05 < share < 0.6


def test_both_classes_are_in_both_splits_of_patients_with_both():
    rng = np.random.default_rng(0)
    for _ in range(300):
        groups = rng.integers(0, rng.integers(2, 5), rng.integers(4, 9))
        malignant = rng.integers(0, 2, len(groups))
        if min(len(np.unique(groups[malignant == label])) for label in (0, 1)) >= 2:
            held_out = draw(malignant, groups, 0.2, 0)
            assert set(malignant[held_out]) == set(malignant[~held_out]) == {0, 1}


@pytest.mark.parametrize("seed", range(10))
def test_no_group_is_in_both_splits(seed):
    malignant, groups = toy(seed)
    held_out = draw(malignant, groups, 0.2, seed)
    assert not set(groups[held_out]) & set(groups[~held_out])


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_group_with_one_malignant_photograph_is_drawn_as_a_malignant_one(order):
    malignant, groups = np.array([1, 0, 0, 0, 1, 0, 0, 0])[order], np.array([0, 0, 0, 1, 2, 2, 3, 1])[order]
    for seed in range(5):
        held_out = draw(malignant, groups, 0.5, seed)
        assert malignant[held_out].sum() == malignant[~held_out].sum() == 1


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8])
def test_about_the_fraction_of_the_photographs_is_held_out(fraction):
    malignant, groups = toy(0, 2000)
    assert abs(draw(malignant, groups, fraction, 0).mean() - fraction) < 0.001


def test_without_groups_the_fraction_is_exact_in_each_class():
    malignant = np.repeat([0, 1], [100, 50])
    held_out = draw(malignant, np.arange(150), 0.2, 0)
    assert (held_out[:100].sum(), held_out[100:].sum()) == (20, 10)


def test_both_splits_have_about_the_same_share_of_malignant_photographs():
    malignant, groups = toy(1, 2000)
    held_out = draw(malignant, groups, 0.2, 0)
    assert abs(malignant[held_out].mean() - malignant[~held_out].mean()) < 0.005


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("benign, cancers", [(2, 2), (98, 2), (2, 98), (3, 5), (1000, 2)])
def test_both_classes_are_in_both_splits_whenever_that_is_possible(benign, cancers, fraction):
    malignant = np.repeat([0, 1], [benign, cancers])
    for seed in range(5):
        held_out = draw(malignant, np.arange(len(malignant)), fraction, seed)
        assert set(malignant[held_out]) == set(malignant[~held_out]) == {0, 1}


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    malignant, groups = toy(3)
    splits = [draw(malignant, groups, 0.2, seed) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(splits[0], splits[1])
    assert (splits[0] != splits[2]).any()


def test_the_names_of_the_groups_may_be_words_and_truth_may_be_bool():
    malignant, groups = toy(3)
    words = np.array([f"P{number:05d}" for number in groups])
    np.testing.assert_array_equal(draw(malignant == 1, words, 0.2, 0), draw(malignant, groups, 0.2, 0))


@pytest.mark.parametrize(
    "malignant, groups, count",
    [
        ([0, 0, 0, 1], [0, 1, 2, 3], 1),
        ([0, 0, 0, 0], [0, 1, 2, 3], 0),
        ([0, 0, 1, 1, 1], [0, 1, 2, 2, 2], 1),
        ([1, 0, 1, 1], [0, 0, 1, 2], 1),
        ([], [], 0),
    ],
)
def test_a_class_of_fewer_than_two_groups_is_a_data_error_with_its_count(malignant, groups, count):
    with pytest.raises(DataError, match=f"two groups .* the smaller class has {count}: add photographs"):
        draw(np.array(malignant, dtype=int), np.array(groups, dtype=int), 0.2, 0)


# --- leaks of a given split


def test_an_id_in_two_splits_is_a_leak_and_is_named():
    table = pd.DataFrame(
        {
            "patient_id": ["a", "a", "b", "b"],
            "lesion_id": [1, 2, 3, 3],
            "split": ["train", "test", "test", "test"],
        }
    )
    assert find_leaks(table) == [{"column": "patient_id", "value": "a", "splits": ["test", "train"]}]


@pytest.mark.parametrize("column", ["patient_id", "lesion_id", "duplicate_group"])
def test_leaks_are_found_in_every_id_column(column):
    table = pd.DataFrame({column: ["a"] * 3, "split": ["train", "validation", "test"]})
    assert find_leaks(table) == [{"column": column, "value": "a", "splits": ["test", "train", "validation"]}]


@pytest.mark.parametrize(
    "ids, splits",
    [
        ([None, None], ["train", "test"]),
        (["a", "a"], ["train", None]),
        (["a", "b"], ["train", "test"]),
        (["a", "a"], [None, None]),
    ],
)
def test_missing_ids_and_missing_splits_are_no_leak(ids, splits):
    table = pd.DataFrame({"patient_id": ids, "split": splits}, dtype=object)
    assert find_leaks(table) == []


def test_a_table_without_ids_has_no_leak():
    assert find_leaks(pd.DataFrame({"image": ["a", "b"], "split": ["train", "test"]})) == []


def test_groups_are_resampled_whole():
    groups = np.array([0, 1, 0, 2])
    draws = [rows.tolist() for rows in resample_groups(groups, 50, seed=3)]
    assert all(rows.count(0) == rows.count(2) and 3 <= len(rows) <= 6 for rows in draws)
    assert draws == [rows.tolist() for rows in resample_groups(groups, 50, seed=3)]
