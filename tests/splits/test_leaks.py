"""What leaks in a split: ids and pictures in two splits, counted, named, left out or refused."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.duplicates import Duplicate, Transformation, gather_duplicates
from lentigo.errors import DataError
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.splits.leak_words import mark_leaks
from lentigo.splits.leaks import (
    count_joined,
    find_leaking,
    gather_leaks,
    join_duplicates,
    list_leaks,
    refuse_leaks,
    search_dataset,
)

SAME = Transformation(1.0, 1.0, 0.0, False, (0.0, 0.0), 1.0)


def make(**columns):
    """A data set of files that are nowhere; a column `split` or an id each."""
    n = len(next(iter(columns.values())))
    table = pd.DataFrame(
        {"image": [f"{row}.jpg" for row in range(n)], "label": "benign", "split": None, **columns}
    )
    dataset = Dataset("photos", table)
    vars(dataset)["digests"] = [f"{row:064d}" for row in range(n)]
    return dataset


def pair(dataset, *pairs, kind="near"):
    return gather_duplicates(
        tuple(dataset.table["image"]), [Duplicate(a, b, kind, 1.0, SAME) for a, b in pairs], (), (), 0
    )


@pytest.fixture
def leaking(tmp_path):
    """A split tree: a training photograph stands turned in the test folder, another mirrored in
    validation.
    """
    lesions = {
        (label, number): draw_synthetic_lesion(label, number).image
        for label in ("benign", "malignant")
        for number in range(4)
    }
    for number, split in enumerate(("train", "train", "validation", "test")):
        for label in ("benign", "malignant"):
            (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(lesions[label, number]).save(tmp_path / split / label / f"{number}.png")
    Image.fromarray(np.rot90(lesions["benign", 0]).copy()).save(tmp_path / "test" / "benign" / "turned.png")
    Image.fromarray(lesions["malignant", 1][:, ::-1].copy()).save(
        tmp_path / "validation" / "malignant" / "mirrored.png"
    )
    return load_dataset(tmp_path)


# --- groups


def test_duplicates_share_a_group_that_is_named_after_a_content():
    dataset = make(split=[None] * 4)
    joined = join_duplicates(dataset, pair(dataset, (0, 2))).table["duplicate_group"]
    assert joined[0] == joined[2] and joined[0].startswith("D") and joined[[1, 3]].isna().all()


def test_the_name_of_a_group_does_not_depend_on_the_order():
    dataset = make(split=[None] * 4)
    turned = dataset.take(np.array([3, 2, 1, 0]))
    assert (
        join_duplicates(dataset, pair(dataset, (0, 2))).table["duplicate_group"][0]
        == join_duplicates(turned, pair(turned, (1, 3))).table["duplicate_group"][1]
    )


def test_given_groups_keep_their_name_and_take_their_duplicates_in():
    dataset = make(duplicate_group=["a", "a", None, "b", None])
    joined = join_duplicates(dataset, pair(dataset, (1, 2), (3, 4))).table["duplicate_group"]
    assert joined.tolist() == ["a", "a", "a", "b", "b"]


def test_given_groups_that_are_duplicates_become_one():
    dataset = make(duplicate_group=["b", "b", "a", "a"])
    assert set(join_duplicates(dataset, pair(dataset, (0, 3))).table["duplicate_group"]) == {"a"}


def test_given_groups_may_be_numbers():
    dataset = make(duplicate_group=[1, 1, None])
    assert len(set(join_duplicates(dataset, pair(dataset, (1, 2))).table["duplicate_group"])) == 1


def test_without_duplicates_nothing_is_joined():
    dataset = make(split=[None] * 3)
    joined = join_duplicates(dataset, pair(dataset))
    assert joined.table["duplicate_group"].isna().all() and count_joined(joined) == {
        "photographs": 0,
        "groups": 0,
    }


def test_photographs_in_groups_are_counted():
    dataset = make(duplicate_group=["x", None, None, None, "alone"])
    assert count_joined(join_duplicates(dataset, pair(dataset, (0, 1), (2, 3)))) == {
        "photographs": 4,
        "groups": 2,
    }


# --- leaks


def test_pictures_in_two_splits_leak(leaking):
    leaks = gather_leaks(leaking, search_dataset(leaking))
    assert leaks.photographs == {"train": 2, "validation": 1, "test": 1} and leaks.of == {
        "train": 4,
        "validation": 3,
        "test": 3,
    }
    assert leaks.kinds == {"near": 2}
    assert {
        (leak.a.rpartition("/")[2], leak.b.rpartition("/")[2], leak.splits) for leak in leaks.examples
    } == {
        ("0.png", "turned.png", ("train", "test")),
        ("1.png", "mirrored.png", ("train", "validation")),
    }


def test_by_ids_alone_pictures_do_not_leak(leaking):
    assert gather_leaks(leaking) is None


def test_ids_in_two_splits_leak():
    dataset = make(
        patient_id=["p", "p", "q", "r"],
        lesion_id=["1", "2", "3", "3"],
        split=["train", "test", "train", "validation"],
    )
    leaks = gather_leaks(dataset)
    assert leaks.kinds == {"patient_id": 1, "lesion_id": 1} and leaks.photographs == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    first = leaks.examples[0]
    assert (first.a, first.b, first.splits, first.kind) == ("0.jpg", "1.jpg", ("train", "test"), "patient_id")


def test_splits_may_have_other_names():
    """Two sets beside one another."""
    (leak,) = list_leaks(make(patient_id=["p", "p", "q"], split=["ours", "theirs/test", "ours"]))
    assert (leak.a, leak.b, leak.splits, leak.kind) == (
        "0.jpg",
        "1.jpg",
        ("ours", "theirs/test"),
        "patient_id",
    )


def test_what_has_no_split_is_there_to_learn_from():
    assert gather_leaks(make(patient_id=["p", "p"], split=[None, "test"])).photographs == {
        "train": 1,
        "test": 1,
    }
    assert gather_leaks(make(patient_id=["p", "p"], split=[None, "train"])) is None
    assert gather_leaks(make(patient_id=["p", "p"], split=[None, None])) is None


def test_examples_show_each_kind_first():
    dataset = make(split=["train", "test"] * 4)
    duplicates = gather_duplicates(
        tuple(dataset.table["image"]),
        [
            Duplicate(a, a + 1, kind, 1.0, SAME)
            for a, kind in ((0, "near"), (2, "near"), (4, "partial"), (6, "same lesion"))
        ],
        (),
        (),
        0,
    )
    assert [leak.kind for leak in gather_leaks(dataset, duplicates).examples] == [
        "near",
        "partial",
        "same lesion",
        "near",
    ]


def test_a_chain_over_a_patient_leaks_at_both_ends():
    dataset = make(patient_id=["p", "p", None], split=["train", "train", "test"])
    leaks = gather_leaks(dataset, pair(dataset, (1, 2)))
    assert leaks.photographs == {"train": 2, "test": 1}


# --- what to do about them


def test_what_is_left_out_belongs_with_a_later_split(leaking):
    duplicates = search_dataset(leaking)
    left_out = find_leaking(leaking, duplicates)
    assert sorted(path.rpartition("/")[2] for path in leaking.table["image"][left_out]) == ["0.png", "1.png"]
    kept = leaking.take(~left_out)
    assert gather_leaks(kept, search_dataset(kept)) is None


def test_validation_gives_way_to_test():
    dataset = make(
        patient_id=["p", "p", "p", "q", "q"], split=["train", "validation", "test", "validation", "train"]
    )
    assert find_leaking(dataset, None).tolist() == [True, True, False, False, True]


def test_refusing_names_numbers_examples_and_cures(leaking):
    with pytest.raises(DataError) as refusal:
        refuse_leaks(gather_leaks(leaking, search_dataset(leaking)), "photos")
    words = str(refusal.value)
    assert words.startswith(
        "photos: its split leaks: 2 of 4 train, 1 of 3 validation and 1 of 3 test photographs belong with "
        "some of another split (near: 2), such as "
    )
    assert "turned.png (test): near" in words
    assert (
        all(cure in words for cure in ("lentigo data split photos --out", "--leaks drop", "--leaks allow"))
        and "\n" not in words
    )


def test_the_mark_says_which_numbers_are_too_good(leaking):
    card = {"leaks": gather_leaks(leaking, search_dataset(leaking)).to_json()}
    assert mark_leaks(card).endswith("What is measured on its validation and test photographs is too good.")
    assert mark_leaks({"leaks": None}) == mark_leaks({}) == ""
