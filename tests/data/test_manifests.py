"""Data sets: each kind of folder gives the same table; what is wrong with the whole is one line."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.data.manifests import load_dataset, select_split
from lentigo.errors import DataError, UsageError


def put(folder, name, shade=100):
    """A small photograph of its own shade."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 50, 50)).save(path)
    return path


def put_classes(folder, start=0):
    for number, name in enumerate(("benign", "malignant")):
        put(folder, f"{name}/a.png", start + number)
        put(folder, f"{name}/deeper/B.PNG", start + 10 + number)
    return folder


def write_manifest(folder, text):
    (folder / "manifest.csv").write_text(text)
    return folder / "manifest.csv"


def test_class_folders(tmp_path):
    dataset = load_dataset(put_classes(tmp_path))
    assert dataset.table["label"].tolist() == ["benign", "benign", "malignant", "malignant"]
    assert dataset.malignant.tolist() == [0, 0, 1, 1] and dataset.table["split"].isna().all()


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "VAL"])
def test_split_folders_and_their_aliases(tmp_path, name):
    for number, split in enumerate(("Train", name, "test")):
        put_classes(tmp_path / split, 40 * number)
    assert load_dataset(tmp_path).table["split"].value_counts().to_dict() == {"train": 4, "validation": 4, "test": 4}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_keeps_its_columns_and_its_folder(tmp_path, kind):
    put(tmp_path, "photos/a.png", 1), put(tmp_path, "photos/b.png", 2)
    table = pd.DataFrame({"image": ["photos/a.png", "photos/b.png"], "label": ["benign", "malignant"], "patient_id": ["1", None]})
    path = tmp_path / f"manifest.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    dataset = load_dataset(path)
    assert dataset.table["image"].tolist() == [str(tmp_path / image) for image in table["image"]]
    assert dataset.table["patient_id"].iloc[0] == "1" and len(load_dataset(tmp_path)) == 2


def test_labels_may_be_numbers_and_of_any_case(tmp_path):
    put(tmp_path, "a.png")
    path = write_manifest(tmp_path, "image,label\na.png,0\na.png,1\na.png, Benign\na.png,MALIGNANT\n")
    assert load_dataset(path).table["label"].tolist() == ["benign", "malignant", "benign", "malignant"]


def test_missing_files_are_listed_and_the_rest_goes_on(tmp_path):
    put(tmp_path, "a.png")
    dataset = load_dataset(write_manifest(tmp_path, "image,label\na.png,benign\ngone.png,benign\n"))
    assert len(dataset) == 1 and [problem.image for problem in dataset.problems] == [str(tmp_path / "gone.png")]


@pytest.mark.parametrize(("text", "words"), [
    ("image,diagnosis\na.png,benign\n", "lacks the column label (it has image, diagnosis)"),
    ("path\na.png\n", "lacks the column image and label"),
    ("image,label\na.png,nevus\na.png,benign\n", "1 labels are unknown (nevus); expected benign or malignant"),
    ("image,label,split\na.png,benign,trian\n", "split 'trian' is unknown"),
    ("image,label\ngone.png,benign\n", "none of its 1 photographs is there"),
    ("image,label\n", "lists no photograph"),
    ("", "not a readable manifest"),
])  # fmt: skip
def test_a_manifest_that_cannot_be_used_says_why(tmp_path, text, words):
    put(tmp_path, "a.png")
    with pytest.raises(DataError) as error:
        load_dataset(write_manifest(tmp_path, text))
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("names", "words"), [
    ([], "holds no class folder"),
    (["benign", "malignent"], "'malignent' is unknown; expected benign and malignant: rename it to malignant"),
    (["benign", "malignant", "unsure"], "'unsure' is unknown"),
])  # fmt: skip
def test_class_folders_that_cannot_be_used_say_why(tmp_path, names, words):
    for name in names:
        put(tmp_path, f"{name}/a.png")
    with pytest.raises(DataError) as error:
        load_dataset(tmp_path)
    assert words in str(error.value)


def test_a_path_that_leads_nowhere_is_named(tmp_path):
    with pytest.raises(DataError, match="no such folder or file"):
        load_dataset(tmp_path / "nowhere")


def test_one_class_loads_but_cannot_be_trained_on(tmp_path):
    put(tmp_path, "benign/a.png")
    dataset = load_dataset(tmp_path)
    with pytest.raises(DataError, match="no malignant photograph"):
        dataset.require_both_classes()


def test_the_fingerprint_is_of_content_and_label_alone(tmp_path):
    first = load_dataset(put_classes(tmp_path / "one"))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "benign" / "a.png").rename(tmp_path / "two" / "benign" / "z.png")
    assert load_dataset(tmp_path / "two").fingerprint == first.fingerprint == first.take(np.array([3, 1, 0, 2])).fingerprint
    put(tmp_path, "two/benign/z.png", 99)
    assert load_dataset(tmp_path / "two").fingerprint != first.fingerprint
    relabelled = first.table.assign(label=first.table["label"].iloc[::-1].to_numpy())
    relabelled.to_csv(tmp_path / "manifest.csv", index=False)
    assert load_dataset(tmp_path / "manifest.csv").fingerprint != first.fingerprint


def test_files_with_the_same_content_are_one_group(tmp_path):
    put(tmp_path, "benign/a.png", 1), put(tmp_path, "benign/copy.png", 1), put(tmp_path, "malignant/b.png", 2)
    groups = load_dataset(tmp_path).groups
    assert groups[0] == groups[1] != groups[2]


def test_a_split_is_selected_by_name(tmp_path):
    for number, split in enumerate(("train", "test")):
        put_classes(tmp_path / split, 40 * number)
    dataset = load_dataset(tmp_path)
    assert len(select_split(dataset, "test")) == 4 and len(select_split(dataset, "all")) == 8
    with pytest.raises(UsageError, match="'tests' is unknown"):
        select_split(dataset, "tests")
    with pytest.raises(DataError, match="no photograph in the split 'validation'"):
        select_split(dataset, "validation")
