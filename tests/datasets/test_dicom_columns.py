"""DICOM files give a data set its patients, lesions and sites, under pseudonyms."""

import pytest
from dicom_toys import draw_pixels, encode, make_dataset

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.imports import import_datasets
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


@pytest.mark.parametrize("word", ["ANONYMOUS", "anon", "0", "NO_ID", "de-identified", "Unknown^^^"])
def test_a_placeholder_joins_nobody(folder, word):
    for number, file in enumerate(sorted(folder.rglob("*.dcm"))):
        file.write_bytes(encode(make_dataset(draw_pixels() + number, PatientID=word)))
    dataset = load_dataset(folder)
    assert "patient_id" not in dataset.table and len(set(dataset.groups)) == 4


def test_a_key_file_that_is_empty_is_drawn_anew_and_stays(folder, tmp_path):
    find_key()
    (path,) = (tmp_path / "home").rglob("*.key")
    path.write_bytes(b"")  # a process that was killed, or a full disk
    drawn = find_key()
    assert find_key() == drawn == path.read_bytes() and len(drawn) == 32
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_import_reads_a_published_set_of_dicom_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    photographs = tmp_path / "set" / "train"
    photographs.mkdir(parents=True)
    rows = [
        "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
    ]
    for number in range(4):
        label = ("benign", "malignant")[number % 2]
        rows.append(f"ISIC_{number:07d},IP_{number // 2},male,50,torso,unknown,{label},{number % 2}")
        content = encode(make_dataset(draw_pixels() + number, PatientID=f"IP_{number // 2}"))
        (photographs / f"ISIC_{number:07d}.dcm").write_bytes(content)
    (tmp_path / "set" / "ISIC_2020_Training_GroundTruth.csv").write_text("\n".join(rows) + "\n")
    imported = import_datasets([tmp_path / "set"], tmp_path / "m.csv")
    assert (imported.n, imported.n_malignant, imported.problems) == (4, 2, ())
    dataset = load_dataset(tmp_path / "m.csv")
    assert len(dataset) == 4 and len(set(dataset.groups)) == 2
