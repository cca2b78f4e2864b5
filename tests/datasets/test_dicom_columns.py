"""DICOM files give a data set its patients, lesions and sites, under pseudonyms."""

import pytest
from dicom_toys import draw_pixels, encode, make_dataset

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.tables.dicom_columns import find_key


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for label in ("benign", "malignant"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(2):
            pixels = draw_pixels() + number
            dataset = make_dataset(
                pixels, PatientID=f"P-{label}", BodyPartExamined="BACK", ImageLaterality="L"
            )
            (tmp_path / "set" / label / f"{number}.dcm").write_bytes(encode(dataset))
    return tmp_path / "set"


def test_patients_make_groups_under_pseudonyms(folder):
    dataset = load_dataset(folder)
    assert len(set(dataset.groups)) == 2
    assert not dataset.table["patient_id"].str.contains("P-").any()
    assert set(dataset.table["site"]) == {"back"} and set(dataset.table["laterality"]) == {"left"}


def test_the_key_stays_and_is_its_owners(folder, tmp_path):
    assert find_key() == find_key() and len(find_key()) == 32
    (key,) = (tmp_path / "home").rglob("*.key")
    assert key.stat().st_mode & 0o077 == 0


def test_another_key_gives_other_pseudonyms(folder, monkeypatch):
    before = load_dataset(folder).table["patient_id"]
    monkeypatch.setenv("LENTIGO_PSEUDONYM_KEY", "another key, of more than 32 letters")
    assert not (load_dataset(folder).table["patient_id"] == before).any()
