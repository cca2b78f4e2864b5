"""Batches balanced by source and by class inside each source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lentigo.errors import DataError, UsageError
from lentigo.training.loop.epochs import order_rows
from lentigo.training.loop.sampling import average_auroc, draw_balanced, plan_cells, share_out
from lentigo.training.preparation import check_call
from lentigo.training.recipes import Recipe

SOURCES = np.array(["clinic"] * 900 + ["phone"] * 100 + ["screening"] * 1000, dtype=object)
MALIGNANT = np.concatenate([np.arange(900) % 2, np.arange(100) % 4 == 0, np.arange(1000) < 32]).astype(int)


def test_within_every_source_half_of_what_is_drawn_is_malignant():
    rows = draw_balanced(plan_cells(SOURCES, MALIGNANT), 6000, np.random.default_rng(0))
    for source in np.unique(SOURCES):
        assert MALIGNANT[rows[SOURCES[rows] == source]].mean() == pytest.approx(0.5, abs=0.01)


def test_a_source_is_drawn_by_the_square_root_of_its_smaller_class():
    rows = draw_balanced(plan_cells(SOURCES, MALIGNANT), 6000, np.random.default_rng(0))
    drawn = {source: (SOURCES[rows] == source).sum() for source in np.unique(SOURCES)}
    assert drawn["clinic"] / drawn["phone"] == pytest.approx(np.sqrt(450 / 25), rel=0.02)


def test_a_source_with_one_class_is_drawn_as_it_is():
    sources = np.array(["a"] * 50 + ["b"] * 50, dtype=object)
    malignant = np.array([0] * 50 + [0, 1] * 25)
    rows = draw_balanced(plan_cells(sources, malignant), 300, np.random.default_rng(0))
    assert (sources[rows] == "a").any() and (sources[rows] == "b").any()


def test_a_class_is_used_up_before_a_photograph_comes_again():
    rows = draw_balanced(plan_cells(SOURCES, MALIGNANT), 6000, np.random.default_rng(0))
    rare = rows[(SOURCES[rows] == "screening") & (MALIGNANT[rows] == 1)]
    counts = np.bincount(rare, minlength=2000)[1000:1032]
    assert counts.max() - counts.min() <= 1


def test_a_diagnosis_is_drawn_by_the_square_root_of_its_size_and_its_class_stays_half():
    diagnoses = np.array(["nevus"] * 2000, dtype=object)
    benign = np.flatnonzero(MALIGNANT == 0)
    diagnoses[benign[::100]] = "vascular_lesion"
    diagnoses[benign[1::50]] = None
    cells = plan_cells(SOURCES, MALIGNANT, diagnoses)
    rows = draw_balanced(cells, 12000, np.random.default_rng(0))
    clinic = rows[SOURCES[rows] == "clinic"]
    assert MALIGNANT[clinic].mean() == pytest.approx(0.5, abs=0.01)
    drawn = diagnoses[clinic[MALIGNANT[clinic] == 0]]
    counts = {
        name: (diagnoses[benign][SOURCES[benign] == "clinic"] == name).sum()
        for name in ("nevus", "vascular_lesion")
    }
    ratio = np.sqrt(counts["vascular_lesion"] / counts["nevus"])
    assert (drawn == "vascular_lesion").sum() / (drawn == "nevus").sum() == pytest.approx(ratio, rel=0.05)
    assert any(name is None for name in drawn)


def test_without_diagnoses_the_cells_are_those_of_source_and_class():
    unnamed = np.array([None] * 2000, dtype=object)
    for with_names, without in zip(
        plan_cells(SOURCES, MALIGNANT, unnamed), plan_cells(SOURCES, MALIGNANT), strict=True
    ):
        assert (with_names.rows == without.rows).all() and with_names.share == pytest.approx(without.share)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9), st.integers(0, 500))
def test_shares_add_up_and_are_met_to_within_one(weights, n):
    shares = np.array(weights) / np.sum(weights)
    counts = share_out(shares, n)
    assert counts.sum() == n
    assert np.abs(counts - shares * n).max() <= 1


def test_the_same_epoch_draws_the_same_and_another_draws_otherwise():
    cells = plan_cells(SOURCES, MALIGNANT)
    first, again, other = (
        np.concatenate(order_rows(2000, Recipe(), "finetune", epoch, cells)) for epoch in (3, 3, 4)
    )
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("views", [700, 5000])
def test_an_epoch_has_as_many_views_as_the_recipe_says(views):
    assert sum(map(len, order_rows(2000, Recipe(), "finetune", 0, None, views))) == views


def test_a_photograph_without_a_source_is_an_error():
    with pytest.raises(DataError, match="column `source` without gaps"):
        plan_cells(np.array(["a", None], dtype=object), np.array([0, 1]))


def test_an_unknown_balance_is_an_error():
    with pytest.raises(UsageError, match="expected none or source"):
        Recipe(balance="class")


def test_a_network_that_knows_the_source_alone_has_no_better_average():
    sources = np.array(["clinic"] * 10 + ["screening"] * 10)
    malignant = np.array([1] * 8 + [0] * 2 + [1] * 2 + [0] * 8)
    knows_source = np.where(sources == "clinic", 1.0, -1.0)
    assert average_auroc(knows_source, malignant, sources) == 0.5


def test_sources_with_one_class_are_left_out_of_the_average():
    sources = np.array(["both", "both", "benign", "benign"])
    malignant = np.array([0, 1, 0, 0])
    assert average_auroc(np.array([0.0, 1.0, 5.0, 6.0]), malignant, sources) == 1.0


def test_a_source_with_a_handful_of_one_class_has_no_say():
    """One malignant photograph of a screening set would decide the best epoch of a training."""
    sources = np.array(["clinic"] * 10 + ["screening"] * 10)
    malignant = np.array([0] * 5 + [1] * 5 + [0] * 9 + [1])
    logits = np.concatenate([np.arange(10.0), -np.arange(10.0)])
    assert average_auroc(logits, malignant, sources) == 1.0
    of_screening = sources == "screening"
    assert average_auroc(logits[of_screening], malignant[of_screening], sources[of_screening]) == 0.0


def test_diagnoses_to_balance_by_need_a_column(tmp_path):
    with pytest.raises(UsageError, match="--diagnosis COLUMN, or --balance source"):
        check_call(tmp_path / "run", Recipe(balance="diagnosis"), resume=False)
