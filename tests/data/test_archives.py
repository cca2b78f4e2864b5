"""Folders as public archives write them."""

import pandas as pd
import pytest
from PIL import Image

from lentigo.data.manifests import load_dataset
from lentigo.errors import DataError


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "brown").save(path)


def test_ham10000_maps_seven_diagnoses_and_finds_both_parts(tmp_path):
    diagnoses = ["akiec", "bcc", "mel", "bkl", "df", "nv", "vasc"]
    for number in range(7):
        put(tmp_path / f"HAM10000_images_part_{1 + number % 2}" / f"ISIC_{number}.jpg")
    pd.DataFrame({"image_id": [f"ISIC_{n}" for n in range(7)], "lesion_id": "HAM_1", "dx": diagnoses}).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    dataset = load_dataset(tmp_path)
    assert dataset.table["label"].tolist() == ["malignant"] * 3 + ["benign"] * 4
    assert len(set(dataset.groups)) == 1 and set(dataset.table["source"]) == {"HAM10000"}


def test_isic_leaves_indeterminate_lesions_out_and_lists_them(tmp_path):
    for number in range(3):
        put(tmp_path / f"ISIC_{number}.jpg")
    table = {"isic_id": [f"ISIC_{n}" for n in range(3)], "diagnosis_1": ["Benign", "Malignant", "Indeterminate"], "patient_id": ["IP_1", "IP_2", "IP_2"],
             "copyright_license": ["CC-0", "CC-BY", "CC-BY"]}  # fmt: skip
    pd.DataFrame(table).to_csv(tmp_path / "metadata.csv", index=False)
    dataset = load_dataset(tmp_path)
    assert dataset.table["label"].tolist() == ["benign", "malignant"] and dataset.table["license"].tolist() == ["CC-0", "CC-BY"]
    assert [problem.image for problem in dataset.problems] == ["ISIC_2"] and "Indeterminate" in dataset.problems[0].error


def test_metadata_of_another_kind_is_named(tmp_path):
    pd.DataFrame({"isic_id": ["a"], "age": [3]}).to_csv(tmp_path / "metadata.csv", index=False)
    with pytest.raises(DataError, match="neither diagnosis_1 nor benign_malignant"):
        load_dataset(tmp_path)
