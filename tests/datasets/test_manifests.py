"""Data sets: class folders, split folders and manifests become one table, or one clear line says what is
wrong.
"""

import shutil
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets import dataset as dataset_module
from lentigo.datasets.dataset import select_split
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.splits import frozen_splits


def draw(path, shade: int = 0) -> str:
    """A photograph whose content is its shade; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), shade).save(path)
    return str(path)


def build(folder, *names):
    """A folder of photographs, each of its own shade."""
    for number, name in enumerate(names):
        draw(folder / name, number)
    return folder


def write_manifest(folder, name="manifest.csv", **columns):
    """A manifest of photographs a.png, b.png, ... that are there unless `image` names others."""
    count = len(next(iter(columns.values())))
    images = [f"{letter}.png" for letter in "abcdefghij"[:count]]
    build(folder, *images)
    table = pd.DataFrame({"image": images, **columns})
    table.to_parquet(folder / name) if name.lower().endswith("parquet") else table.to_csv(
        folder / name, index=False
    )
    return folder / name


# --- class folders


def test_class_folders_give_a_row_for_each_photograph_in_order(tmp_path):
    build(tmp_path, "malignant/a.png", "benign/b.JPG", "benign/a.png", "benign/more/c.png")
    table = load_dataset(tmp_path).table
    assert table["label"].tolist() == ["benign"] * 3 + ["malignant"]
    assert [image.removeprefix(f"{tmp_path}/") for image in table["image"]] == [
        "benign/a.png",
        "benign/b.JPG",
        "benign/more/c.png",
        "malignant/a.png",
    ]
    assert table["split"].isna().all()


def test_class_folders_may_be_in_capitals(tmp_path):
    assert load_dataset(build(tmp_path, "BENIGN/a.png", "Malignant/a.png")).malignant.tolist() == [0, 1]


def test_masks_figures_hidden_folders_and_other_files_are_not_classes(tmp_path):
    build(
        tmp_path,
        "benign/a.png",
        "malignant/a.png",
        "masks/a.png",
        "figures/a.png",
        ".cache/a.png",
        "benign/.ipynb_checkpoints/a.png",
        "malignant/._a.png",
    )
    (tmp_path / "README.txt").touch()
    (tmp_path / "benign" / "Thumbs.db").touch()
    assert len(load_dataset(tmp_path)) == 2


def test_a_class_folder_may_be_a_link(tmp_path):
    build(tmp_path, "store/a.png", "set/malignant/b.png")
    (tmp_path / "set" / "benign").symlink_to(tmp_path / "store", target_is_directory=True)
    assert load_dataset(tmp_path / "set").malignant.tolist() == [0, 1]


@pytest.mark.parametrize(
    "typo, right",
    [("bening", "benign"), ("Malignent", "malignant"), ("maligant", "malignant"), ("benig", "benign")],
)
def test_a_typo_in_a_class_folder_is_named_with_the_right_word(tmp_path, typo, right):
    build(tmp_path, f"{typo}/a.png", "malignant/a.png")
    with pytest.raises(
        DataError,
        match=f"class folder '{typo}' is unknown; expected benign and malignant: rename it to {right}$",
    ):
        load_dataset(tmp_path)


def test_a_third_class_is_named(tmp_path):
    build(tmp_path, "benign/a.png", "malignant/a.png", "suspicious/a.png")
    with pytest.raises(
        DataError,
        match=r"class folder 'suspicious' is unknown; .*rename or remove it, say what it means \(--map "
        r"suspicious=benign\), or write a manifest",
    ):
        load_dataset(tmp_path)


def test_an_empty_folder_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="holds no class folder; expected benign/ and malignant/"):
        load_dataset(tmp_path)


def test_photographs_without_class_folders_are_a_data_error(tmp_path):
    with pytest.raises(DataError, match="holds no class folder"):
        load_dataset(build(tmp_path, "a.png", "b.png"))


def test_empty_class_folders_are_a_data_error(tmp_path):
    (tmp_path / "benign").mkdir()
    (tmp_path / "malignant").mkdir()
    with pytest.raises(DataError, match="its class folders are empty"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["none", "x" * 5000, "zero\0byte"])
def test_a_path_that_is_not_there_is_a_data_error(tmp_path, name):
    with pytest.raises(DataError, match="no such folder or file; expected class folders"):
        load_dataset(f"{tmp_path}/{name}")


@pytest.mark.parametrize("there, missing", [("benign", "malignant"), ("malignant", "benign")])
def test_one_class_alone_loads_but_is_refused_where_both_are_needed(tmp_path, there, missing):
    dataset = load_dataset(build(tmp_path, f"{there}/a.png"))
    assert len(dataset) == 1
    with pytest.raises(DataError, match=f"no {missing} photograph; expected both benign and malignant"):
        dataset.require_both_classes()


def test_both_classes_are_not_refused(tmp_path):
    load_dataset(build(tmp_path, "benign/a.png", "malignant/a.png")).require_both_classes()


# --- split folders


@pytest.mark.parametrize(
    "name, split",
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "validation"),
        ("VALID", "validation"),
        ("validation", "validation"),
        ("test", "test"),
        ("Testing", "test"),
    ],
)
def test_split_folders_have_the_names_people_give_them(tmp_path, name, split):
    assert (
        load_dataset(build(tmp_path, f"{name}/benign/a.png", f"{name}/malignant/a.png"))
        .table["split"]
        .tolist()
        == [split] * 2
    )


def test_split_folders_are_put_together(tmp_path):
    dataset = load_dataset(
        build(
            tmp_path,
            "train/benign/a.png",
            "train/malignant/a.png",
            "test/benign/a.png",
            "val/malignant/a.png",
        )
    )
    assert dataset.table.groupby("split").size().to_dict() == {"train": 2, "test": 1, "validation": 1}
    assert dataset.of_split("validation", "test").table["label"].tolist() == ["benign", "malignant"]


def test_a_folder_beside_the_splits_is_listed_not_silently_dropped(tmp_path):
    dataset = load_dataset(build(tmp_path, "train/benign/a.png", "tset/benign/a.png", "masks/a.png"))
    assert len(dataset) == 1
    assert [(p.image, p.error) for p in dataset.problems] == [
        (str(tmp_path / "tset"), "the folder is none of train, validation, test: left out")
    ]


def test_a_typo_in_a_class_of_a_split_names_the_split(tmp_path):
    with pytest.raises(DataError, match=r"test: class folder 'bening' is unknown; .* rename it to benign"):
        load_dataset(build(tmp_path, "train/benign/a.png", "test/bening/a.png"))


# --- manifests


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet", "other.csv", "other.PARQUET"])
def test_a_manifest_is_read_as_csv_or_parquet(tmp_path, name):
    path = write_manifest(
        tmp_path, name, label=["benign", "malignant"], lesion_id=["x", "y"], site=["arm", "back"]
    )
    table = load_dataset(path).table
    assert table["image"].tolist() == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert (
        table["label"].tolist() == ["benign", "malignant"]
        and table["lesion_id"].tolist() == ["x", "y"]
        and table["site"].tolist() == ["arm", "back"]
    )


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet"])
def test_a_folder_with_a_manifest_is_that_manifest(tmp_path, name):
    write_manifest(tmp_path, name, label=["benign", "malignant"])
    build(tmp_path, "pictures/c.png")
    assert len(load_dataset(tmp_path)) == 2


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet"])
@pytest.mark.parametrize(
    "labels", [[0, 1], ["0", "1"], ["benign", "malignant"], [" Benign ", "MALIGNANT"], ["0", "malignant"]]
)
def test_labels_may_be_words_or_0_and_1(tmp_path, name, labels):
    assert load_dataset(write_manifest(tmp_path, name, label=labels)).malignant.tolist() == [0, 1]


def test_a_parquet_manifest_may_hold_categories(tmp_path):
    columns = {"label": ["benign", "malignant"], "split": ["train", None], "patient_id": ["a", "a"]}
    dataset = load_dataset(
        write_manifest(
            tmp_path, "m.parquet", **{name: pd.Categorical(values) for name, values in columns.items()}
        )
    )
    assert dataset.table["split"].isna().tolist() == [False, True] and len(set(dataset.groups)) == 1


def test_a_parquet_manifest_may_hold_bytes_lists_and_a_named_index(tmp_path):
    draw(tmp_path / "a.png")
    table = pd.DataFrame({"image": ["a.png"], "label": [b"benign"], "patient_id": [[1, 2]]})
    table.set_index("image").to_parquet(tmp_path / "m.parquet")
    dataset = load_dataset(tmp_path / "m.parquet")
    assert dataset.table[["label"]].to_dict("list") == {"label": ["benign"]}
    assert "patient_id" not in dataset.table


def test_a_word_of_any_length_is_quoted_in_short(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("image,label\na.png," + "x" * 100_000 + "\n")
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path / "m.csv")
    assert len(str(caught.value)) < 500 and "--map WORD=malignant" not in str(caught.value)


def test_letters_that_cannot_be_seen_change_nothing(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("image,label\u200b\na.png,\uff42enign\u00ad\n", encoding="utf-8")
    assert load_dataset(tmp_path / "m.csv").table["label"].tolist() == ["benign"]


def test_paths_are_relative_to_the_manifest_or_absolute(tmp_path, monkeypatch):
    far = draw(tmp_path / "far" / "a.png")
    build(tmp_path, "set/near/b.png", "c.png")
    path = tmp_path / "set" / "list.csv"
    pd.DataFrame({"image": [far, "near/b.png", "../c.png"], "label": "benign"}).to_csv(path, index=False)
    monkeypatch.chdir(tmp_path / "far")
    assert len(load_dataset(path)) == 3 and load_dataset(path).problems == ()


def test_names_and_ids_that_look_like_numbers_stay_words(tmp_path):
    for name in ("001", "1"):
        Image.new("L", (4, 4), len(name)).save(tmp_path / name, "PNG")
    (tmp_path / "m.csv").write_text("image,label,patient_id\n001,0,007\n1,1,7\n")
    dataset = load_dataset(tmp_path / "m.csv")
    assert [image[len(str(tmp_path)) :] for image in dataset.table["image"]] == ["/001", "/1"] and len(
        set(dataset.groups)
    ) == 2


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_blank_splits_and_ids_are_missing_ones(tmp_path, name):
    dataset = load_dataset(
        write_manifest(
            tmp_path, name, label=["0", "1", "0"], split=["", "train", " "], patient_id=["", " ", ""]
        )
    )
    assert dataset.table["split"].isna().tolist() == [True, False, True]
    assert len(set(dataset.groups)) == 3


def test_a_byte_order_mark_does_not_hide_the_first_column(tmp_path):
    build(tmp_path, "a.png")
    (tmp_path / "m.csv").write_text("image,label\na.png,benign\n", encoding="utf-8-sig")
    assert len(load_dataset(tmp_path / "m.csv")) == 1


@pytest.mark.parametrize(
    "columns, option",
    [
        (["image", "mine"], "--label-column"),
        (["label", "mine"], "--image-column"),
        (["mine", "yours"], "--image-column"),
    ],
)
def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path, columns, option):
    pd.DataFrame({column: ["benign"] for column in columns}).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(
        DataError, match=rf"m\.csv: no column .*; it has {', '.join(columns)}; expected .*{option} NAME"
    ):
        load_dataset(tmp_path / "m.csv")


def test_some_missing_files_are_listed(tmp_path):
    build(tmp_path, "a.png")
    pd.DataFrame({"image": ["no.png", "a.png", None, "x" * 5000], "label": "benign"}).to_csv(
        tmp_path / "m.csv", index=False
    )
    dataset = load_dataset(tmp_path / "m.csv")
    assert len(dataset) == 1 and list(dataset.table.index) == [0]
    assert [problem.error for problem in dataset.problems] == ["no such file"] * 3 and dataset.problems[
        0
    ].image == str(tmp_path / "no.png")


def test_no_file_at_all_is_a_data_error_with_an_example(tmp_path):
    pd.DataFrame({"image": ["a.png", "b.png"], "label": "benign"}).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(
        DataError, match=r"none of its 2 photographs is there; expected files such as .*a\.png"
    ):
        load_dataset(tmp_path / "m.csv")


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_unknown_labels_are_counted_and_named(tmp_path, name):
    path = write_manifest(tmp_path, name, label=["benign", "song", "melanoma", "song", None])
    with pytest.raises(
        DataError,
        match=r"column 'label': not understood: 'song' \(2\), beside .*; expected benign, malignant.*--map "
        r"song=malignant",
    ):
        load_dataset(path)


def test_an_unknown_split_is_named(tmp_path):
    path = write_manifest(tmp_path, label=["benign", "benign"], split=["train", "holdout"])
    with pytest.raises(
        DataError, match="split 'holdout' is unknown; expected train, validation, test or nothing"
    ):
        load_dataset(path)


def test_splits_of_a_manifest_may_have_other_names_and_be_missing(tmp_path):
    dataset = load_dataset(
        write_manifest(tmp_path, label=["0"] * 4, split=["Train", " val ", "TESTING", None])
    )
    assert (
        dataset.table["split"].tolist()[:3] == ["train", "validation", "test"]
        and dataset.table["split"].isna()[3]
    )


def test_a_manifest_without_rows_is_a_data_error(tmp_path):
    (tmp_path / "m.csv").write_text("image,label\n")
    with pytest.raises(DataError, match="lists no photograph with a class"):
        load_dataset(tmp_path / "m.csv")


@pytest.mark.parametrize("name", ["m.csv", "m.parquet", "photo.png"])
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00\xff", b'image,label\n"a'])
def test_a_file_that_is_no_table_is_a_data_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*expected .*"):
        load_dataset(tmp_path / name)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    path = write_manifest(tmp_path, "m.parquet", label=["benign"])
    for module in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, module, None)  # as where it is not installed
    with pytest.raises(
        DataError, match=r"m\.parquet: reading Parquet needs pyarrow; .*pip install 'lentigo\[parquet\]"
    ):
        load_dataset(path)


# --- the data set


def test_the_fingerprint_does_not_depend_on_order_names_or_place(tmp_path):
    one = build(tmp_path / "one", "benign/a.png", "benign/b.png", "malignant/c.png")
    (tmp_path / "two" / "test" / "benign").mkdir(parents=True)
    (tmp_path / "two" / "train" / "malignant").mkdir(parents=True)
    for old, new in (
        ("benign/a.png", "test/benign/z.png"),
        ("benign/b.png", "test/benign/y.png"),
        ("malignant/c.png", "train/malignant/a.png"),
    ):
        shutil.copy(one / old, tmp_path / "two" / new)
    assert (
        load_dataset(one).fingerprint
        == load_dataset(tmp_path / "two").fingerprint
        == load_dataset(one).take(np.array([2, 0, 1])).fingerprint
    )


@pytest.mark.parametrize("change", ["content", "label", "one more", "one less", "a copy"])
def test_the_fingerprint_depends_on_contents_labels_and_count(tmp_path, change):
    build(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png")
    before = load_dataset(tmp_path).fingerprint
    benign, malignant = tmp_path / "benign", tmp_path / "malignant"
    changes = {
        "content": lambda: draw(benign / "a.png", 99),
        "label": lambda: (benign / "a.png").rename(malignant / "a.png"),
        "one more": lambda: draw(benign / "d.png", 99),
        "one less": lambda: (benign / "a.png").unlink(),
        "a copy": lambda: shutil.copy(benign / "a.png", benign / "d.png"),
    }
    changes[change]()
    assert load_dataset(tmp_path).fingerprint != before


def test_files_with_the_same_content_are_one_group(tmp_path):
    build(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png")
    shutil.copy(tmp_path / "benign" / "a.png", tmp_path / "malignant" / "d.png")
    assert load_dataset(tmp_path).groups.tolist() == [0, 1, 2, 0]


def test_files_that_have_vanished_are_not_copies_of_each_other(tmp_path):
    dataset = load_dataset(build(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png"))
    for image in dataset.table["image"]:
        (tmp_path / image).unlink()
    assert dataset.digests == [""] * 3 and len(set(dataset.groups)) == 3


def test_groups_join_patients_lesions_and_copies(tmp_path):
    path = write_manifest(
        tmp_path,
        label=["0"] * 5,
        patient_id=["p", "p", None, None, None],
        lesion_id=[None, "x", "x", None, None],
    )
    shutil.copy(tmp_path / "c.png", tmp_path / "d.png")
    assert load_dataset(path).groups.tolist() == [0, 0, 0, 0, 1]


def test_rows_are_taken_by_mask_or_by_number(tmp_path):
    dataset = load_dataset(build(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png"))
    assert dataset.take(np.array([True, False, True])).malignant.tolist() == [0, 1]
    taken = dataset.take(np.array([2, 0]))
    assert taken.malignant.tolist() == [1, 0] and list(taken.table.index) == [0, 1]
    assert taken.digests == [dataset.digests[2], dataset.digests[0]]


@pytest.mark.parametrize("rows", [np.array([True, False, True]), np.array([0, 2]), np.array([], int)])
def test_taking_hashes_no_file_again(tmp_path, monkeypatch, rows):
    hashed = []
    monkeypatch.setattr(dataset_module, "hash_readable", lambda path: hashed.append(path) or path)
    dataset = load_dataset(build(tmp_path, "benign/a.png", "benign/b.png", "malignant/c.png"))
    taken = dataset.take(rows)
    assert hashed == []
    assert dataset.take(rows).fingerprint == taken.fingerprint and len(hashed) == 2 * len(taken)
    assert (
        dataset.digests and dataset.take(rows).digests == taken.digests and len(hashed) == 2 * len(taken) + 3
    )


def test_taking_keeps_name_and_problems(tmp_path):
    pd.DataFrame({"image": [draw(tmp_path / "a.png"), "none.png"], "label": "benign"}).to_csv(
        tmp_path / "m.csv", index=False
    )
    dataset = load_dataset(tmp_path / "m.csv")
    assert (
        dataset.take(np.array([0])).problems == dataset.problems
        and dataset.take(np.array([0])).name == dataset.name
    )


def test_a_split_is_selected_by_name(tmp_path):
    dataset = load_dataset(
        write_manifest(tmp_path, label=["0", "1", "0", "1"], split=["train", "test", "test", None])
    )
    assert {name: len(select_split(dataset, name)) for name in ("train", "test", "all")} == {
        "train": 1,
        "test": 2,
        "all": 4,
    }


def test_data_without_splits_are_all_taken(tmp_path):
    dataset = load_dataset(write_manifest(tmp_path, label=["0", "1"]))
    assert all(len(select_split(dataset, name)) == 2 for name in ("train", "validation", "test", "all"))


@pytest.mark.parametrize("splits", [["train", "test"], [None, None]])
def test_an_unknown_split_name_is_a_usage_error_whatever_the_data(tmp_path, splits):
    dataset = load_dataset(write_manifest(tmp_path, label=["0", "1"], split=splits))
    with pytest.raises(UsageError, match="split 'tset' is unknown; expected train, validation, test or all"):
        select_split(dataset, "tset")


def test_an_empty_split_is_a_data_error_that_says_which_there_are(tmp_path):
    dataset = load_dataset(write_manifest(tmp_path, label=["0", "1"], split=["train", "test"]))
    with pytest.raises(DataError, match="no photograph in the split 'validation'; it has test, train"):
        select_split(dataset, "validation")


def test_a_manifests_own_age_and_skin_type_stand_whatever_else_it_holds(tmp_path):
    path = write_manifest(
        tmp_path,
        label=["benign", "malignant"],
        age=[40, 50],
        age_approx=[35, 55],
        skin_type=["2", None],
        gender=["f", "m"],
    )
    table = load_dataset(path).table
    assert table["age"].tolist() == [40, 50] and table["age_approx"].tolist() == [35, 55]
    assert (
        table["sex"].tolist() == ["f", "m"]
        and table["skin_type"].tolist()[:1] == ["2"]
        and table["skin_type"].isna().tolist() == [False, True]
    )


# --- what people's disks and spreadsheets do to a data set


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_manifest_may_be_written_by_any_spreadsheet(tmp_path, encoding, separator):
    build(tmp_path, "Leberfleck \u00fc.png", "b.png")
    text = "image,label,patient_id\nLeberfleck \u00fc.png,benign,007\nb.png,malignant,7\n".replace(
        ",", separator
    )
    (tmp_path / "m.csv").write_text(text, encoding=encoding)
    dataset = load_dataset(tmp_path / "m.csv")
    assert (
        dataset.problems == ()
        and dataset.malignant.tolist() == [0, 1]
        and dataset.table["patient_id"].tolist() == ["007", "7"]
    )


def test_a_photograph_that_is_listed_twice_is_taken_once(tmp_path):
    build(tmp_path, "a.png", "b.png")
    pd.DataFrame({"image": ["a.png", "b.png", "a.png"], "label": [0, 1, 0]}).to_csv(
        tmp_path / "m.csv", index=False
    )
    dataset = load_dataset(tmp_path / "m.csv")
    assert len(dataset) == 2
    assert [(problem.image, problem.error) for problem in dataset.problems] == [
        (str(tmp_path / "a.png"), "is listed more than once: taken once")
    ]


def test_a_photograph_with_two_labels_is_left_out(tmp_path):
    build(tmp_path, "a.png", "b.png")
    pd.DataFrame({"image": ["a.png", "b.png", "a.png"], "label": [0, 1, 1]}).to_csv(
        tmp_path / "m.csv", index=False
    )
    dataset = load_dataset(tmp_path / "m.csv")
    assert dataset.table["image"].tolist() == [str(tmp_path / "b.png")]
    assert [problem.error for problem in dataset.problems] == [
        "is listed as benign and as malignant: left out; expected one label: correct the manifest"
    ]


def test_an_empty_file_is_listed_in_folders_and_manifests(tmp_path):
    build(tmp_path, "benign/a.png", "malignant/b.png")
    (tmp_path / "benign" / "empty.png").touch()
    dataset = load_dataset(tmp_path)
    assert len(dataset) == 2
    assert [(problem.image, problem.error) for problem in dataset.problems] == [
        (str(tmp_path / "benign" / "empty.png"), "the file is empty; copy it again from its source")
    ]


def test_a_class_folder_that_cannot_be_read_in_part_is_listed(tmp_path, locked):
    home = locked(build(tmp_path, "benign/a.png", "benign/locked/b.png", "malignant/c.png"))
    dataset = load_dataset(home)
    assert len(dataset) == 2 and [problem.image for problem in dataset.problems] == [
        str(home / "benign" / "locked")
    ]


@pytest.mark.parametrize("names", [["locked/benign/a.png"], ["locked/a.png"]])
def test_a_folder_that_cannot_be_read_at_all_is_a_data_error(tmp_path, locked, names):
    home = locked(build(tmp_path, *names))
    with pytest.raises(
        DataError,
        match=r"locked: the folder cannot be read \(Permission denied\); expected one that you may read",
    ):
        load_dataset(home / "locked")


def test_links_in_a_circle_end(tmp_path):
    build(tmp_path, "benign/a.png", "malignant/b.png")
    (tmp_path / "benign" / "all").symlink_to(tmp_path / "benign")
    (tmp_path / "malignant" / "knot.png").symlink_to("knot.png")
    dataset = load_dataset(tmp_path)
    assert len(dataset) == 2 and [problem.image for problem in dataset.problems] == [
        str(tmp_path / "malignant" / "knot.png")
    ]


def test_two_photographs_of_one_name_are_two(tmp_path):
    assert len(load_dataset(build(tmp_path, "benign/x/a.png", "benign/y/a.png", "malignant/a.png"))) == 3


def test_folders_named_by_a_diagnosis_are_classes(tmp_path):
    dataset = load_dataset(build(tmp_path, "naevus/a.png", "Melanoma/a.png", "benign/b.png"))
    assert dataset.malignant.tolist() == [1, 0, 0]
    assert dataset.table["diagnosis"].tolist() == ["melanoma", None, "nevus"]


def test_ham10000s_seven_as_folders_are_read_by_its_authors_policy(tmp_path):
    dataset = load_dataset(
        build(tmp_path, *(f"{code}/a.png" for code in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")))
    )
    assert dataset.malignant.tolist() == [1, 1, 0, 0, 1, 0, 0] and dataset.reading.policy == "ham10000"
    assert dataset.diagnosis_numbers.tolist() == [3, 2, 4, 5, 0, 1, 6]


# --- diagnoses, and what tables do not know


def test_a_diagnosis_is_one_of_the_seven_or_stays_as_it_is_written(tmp_path):
    path = write_manifest(
        tmp_path,
        label=[0, 1, 1, 0, 0],
        diagnosis=["SEK", "ACK", "Basal cell carcinoma, Nodular", "Neurofibroma", "unknown"],
    )
    dataset = load_dataset(path)
    assert dataset.table["diagnosis"].tolist() == [
        "benign_keratosis",
        "squamous_cell_carcinoma",
        "basal_cell_carcinoma",
        "Neurofibroma",
        None,
    ]
    assert dataset.table["diagnosis_word"].tolist() == [
        "SEK",
        "ACK",
        "Basal cell carcinoma, Nodular",
        "Neurofibroma",
        None,
    ]
    assert dataset.diagnosis_numbers.tolist() == [4, 3, 2, -1, -1]


def test_a_diagnosis_survives_a_manifest_that_is_written_again(tmp_path):
    first = load_dataset(write_manifest(tmp_path, label=[0, 1], diagnosis=["SEK", "ACK"]))
    frozen_splits.write_manifest(first, tmp_path / "again.csv")
    again = load_dataset(tmp_path / "again.csv")
    assert again.table[["diagnosis", "diagnosis_word"]].equals(first.table[["diagnosis", "diagnosis_word"]])


def test_levels_of_the_isic_archive_are_tried_from_the_finest(tmp_path):
    path = write_manifest(
        tmp_path,
        label=[0, 1, 1],
        diagnosis_1=["Benign", "Malignant", "Malignant"],
        diagnosis_2=[
            "Benign melanocytic proliferations",
            "Malignant melanocytic proliferations (Melanoma)",
            "Malignant epidermal proliferations",
        ],
        diagnosis_3=["Nevus", None, "Squamous cell carcinoma in situ"],
    )
    assert load_dataset(path).table["diagnosis"].tolist() == ["nevus", "melanoma", "squamous_cell_carcinoma"]


def test_other_columns_of_a_manifest_stay(tmp_path):
    path = write_manifest(
        tmp_path,
        label=[0, 1],
        source=["a", "b"],
        also_in=["set/train;other", None],
        fitzpatrick=["2.0", "n/a"],
        mask=["m.png", ""],
    )
    table = load_dataset(path).table
    assert (
        table["source"].tolist() == ["a", "b"]
        and table["also_in"].tolist()[0] == "set/train;other"
        and table["mask"].tolist()[0] == str(tmp_path / "m.png")
    )
    assert table["skin_type"].tolist()[0] == "2" and table["skin_type"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    "word",
    [
        "unknown",
        "Unknown ",
        "",
        "nan",
        "N/A",
        "n/a",
        "None",
        "NULL",
        "-",
        "--",
        "?",
        "<NA>",
        "not available",
        "0",
        "-1",
    ],
)
@pytest.mark.parametrize("column", ["patient_id", "lesion_id", "duplicate_group"])
def test_a_placeholder_is_no_patient(tmp_path, column, word):
    path = write_manifest(tmp_path, label=[0, 1, 0, 1], **{column: ["P1", "P1", word, word]})
    assert load_dataset(path).groups.tolist() == [0, 0, 1, 2]


def test_a_patient_0_is_one_where_patients_are_counted(tmp_path):
    path = write_manifest(tmp_path, label=[0, 1, 0, 1], patient_id=["0", "0", "1", "2"])
    assert load_dataset(path).groups.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("column", ["sex", "site", "source", "license", "split"])
def test_placeholders_are_missing_in_every_column_of_words(tmp_path, column):
    table = load_dataset(write_manifest(tmp_path, label=[0, 1], **{column: ["train", "Unknown"]})).table
    assert table[column].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("zip", r"is a ZIP file, or a spreadsheet; .* unpack it; `lentigo data import"),
        (b"%PDF-1.7\n\xff\xfe\x00", r"not a readable manifest \(a PDF document\)"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", r"not a readable manifest \(a photograph\)"),
        (b"PAR1\x15\x04", "a Parquet table under another name"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet of an old Excel: save it as CSV"),
        (b"PK\x03\x04 not a whole spreadsheet", "a ZIP file, or a spreadsheet"),
        (b'\xef\xbb\xbf [{"image": "a.jpg", "label": "benign"}]', "JSON: write its entries as rows"),
        (b"<!DOCTYPE html><p>Sign in, please", "a page of HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
    ids=["ZIP", "PDF", "JPEG", "Parquet", "old Excel", "Excel", "JSON", "HTML", "LFS"],
)
def test_a_file_that_is_no_table_is_named(tmp_path, content, words):
    path = tmp_path / "data.zip"
    if content == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("benign/a.jpg", b"1")
            archive.writestr("malignant/b.jpg", b"2")
    else:
        path = tmp_path / "data.csv"
        path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_dataset(path)
