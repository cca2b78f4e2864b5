import json

import numpy as np
import pandas as pd
import pytest

from lentigo.common.statistics.intervals import measure_scores
from lentigo.evaluation.scores.subgroups import tabulate_subgroups

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 400)
PROBABILITY = 1 / (1 + np.exp(-(RNG.normal(size=400) + 2 * TRUTH - 1)))
GROUPS = np.arange(400) // 2


def tabulate(truth=TRUTH, **columns):
    return tabulate_subgroups(pd.DataFrame(columns), truth, PROBABILITY, 0.5, GROUPS)


def values_of(rows):
    return [row.value for row in rows]


def test_a_row_is_what_its_photographs_give():
    sex = np.where(RNG.uniform(size=400) < 0.4, "female", "male")
    rows = tabulate(sex=sex)
    assert values_of(rows) == ["male", "female"]
    chosen = np.flatnonzero(sex == "female")
    values, ci = measure_scores(
        TRUTH[chosen], PROBABILITY[chosen], PROBABILITY[chosen] >= 0.5, GROUPS[chosen]
    )
    row = rows[1]
    assert (row.n, row.n_malignant, row.groups) == (
        len(chosen),
        TRUTH[chosen].sum(),
        len(set(GROUPS[chosen])),
    )
    assert (row.auroc, row.sensitivity, row.specificity) == (
        values["auroc"],
        values["sensitivity"],
        values["specificity"],
    )
    assert row.ci == {name: ci[name] for name in ("auroc", "sensitivity", "specificity")} and row.note == ""


def test_a_model_that_fails_one_site_is_seen_there():
    site = np.where(np.arange(400) % 2, "back", "face")
    probability = np.where(site == "face", RNG.uniform(size=400), PROBABILITY)
    back, face = tabulate_subgroups(pd.DataFrame({"site": site}), TRUTH, probability, 0.5, GROUPS)
    assert face.ci["auroc"][0] < 0.5 < face.ci["auroc"][1] < back.ci["auroc"][0]


def test_ages_are_binned_by_twenty_years_in_order():
    ages = [85.0, 59, 60, 40, 19, 0, None, "n/a", -1, 100] * 40
    rows = tabulate(age=ages)
    assert [(row.value, row.n) for row in rows] == [
        ("0 to 19", 80),
        ("40 to 59", 80),
        ("60 to 79", 40),
        ("80 and above", 80),
        ("unknown", 120),
    ]


def test_rows_of_a_column_hold_every_photograph_once():
    rows = tabulate(source=[f"clinic {n}" for n in np.minimum(RNG.geometric(0.1, 400), 30)])
    assert sum(row.n for row in rows) == 400 and len(rows) == 13 and rows[-1].value.endswith(" others")


def test_skin_types_are_one_scale_however_they_are_written():
    rows = tabulate(skin_type=["I", "2", 2.0, "ii", "4.0", None, "unknown", "V"] * 50)
    assert [(row.value, row.n) for row in rows] == [
        ("I", 50),
        ("II", 150),
        ("IV", 50),
        ("V", 50),
        ("unknown", 100),
    ]


def test_skin_tones_stand_from_light_to_dark():
    rows = tabulate(skin_tone=["dark", "light", "unknown", "very light", "tan"] * 80)
    assert values_of(rows) == ["very light", "light", "tan", "dark", "unknown"]


def test_other_words_stand_by_their_number():
    assert values_of(tabulate(site=["Back"] * 100 + ["back"] * 60 + [" face"] * 140 + [""] * 100)) == [
        "back",
        "face",
        "unknown",
    ]


def test_columns_that_tell_nothing_apart_are_left_out():
    assert tabulate(source=["HAM10000"] * 400, sex=[None] * 400, other=["a", "b"] * 200) == ()


def test_below_thirty_photographs_nothing_is_claimed():
    site = np.array(["back"] * 400, dtype=object)
    site[:29], site[29:59] = "face", "hand"
    rows = {row.value: row for row in tabulate(site=site)}
    assert rows["face"].note == "fewer than 30 photographs: no claim" and rows["hand"].note == ""
    assert np.isnan([rows["face"].auroc, rows["face"].sensitivity, *rows["face"].ci["specificity"]]).all()
    assert not np.isnan(rows["hand"].auroc)


@pytest.mark.parametrize(
    "malignant, note",
    [
        (0, "no malignant photographs: no claim on sensitivity and AUROC"),
        (1, "only 1 malignant photograph: no claim on sensitivity and AUROC"),
        (10, ""),
    ],
)
def test_below_ten_of_a_class_nothing_is_claimed_that_rests_on_it(malignant, note):
    truth = TRUTH.copy()
    truth[:200] = np.arange(200) < malignant
    row = next(row for row in tabulate(truth, site=["back"] * 200 + ["face"] * 200) if row.value == "back")
    assert (
        row.note == note
        and not np.isnan(row.specificity)
        and np.isnan(row.sensitivity) == np.isnan(row.auroc) == bool(note)
    )


def test_the_json_has_null_for_what_is_not_claimed():
    rows = [row.to_json() for row in tabulate(site=["back"] * 390 + ["face"] * 10)]
    face = json.loads(json.dumps(rows, allow_nan=False))[1]
    assert (
        face["auroc"] is None
        and face["ci"]["auroc"] == [None, None]
        and face["n"] == 10
        and face["column"] == "site"
    )


def test_the_same_seed_gives_the_same_table():
    assert tabulate(sex=["m", "f"] * 200) == tabulate(sex=["m", "f"] * 200)
