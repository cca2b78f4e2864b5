"""Archive folders, as the archives themselves write them, become the same table as any other data set."""

import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.archive_files import read_metadata
from lentigo.datasets.published.catalogue import ISIC_ARCHIVE
from lentigo.datasets.published.layouts import HAM10000_CODES
from lentigo.errors import DataError

CURE = r"download it again, or write a manifest\.csv"


def draw(path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), shade).save(path)


@pytest.fixture
def ham(tmp_path):
    """HAM10000 in small: seven lesions in two image folders, the first lesion photographed twice."""
    rows = [("HAM_0", "ISIC_0000100", "nv")] + [
        (f"HAM_{n}", f"ISIC_000000{n}", dx) for n, dx in enumerate(HAM10000_CODES)
    ]
    for number, (_, image, _) in enumerate(rows):
        draw(tmp_path / f"HAM10000_images_part_{1 + number % 2}" / f"{image}.jpg", number)
    table = pd.DataFrame(rows, columns=["lesion_id", "image_id", "dx"])
    table.loc[0, "dx"] = table.loc[1, "dx"]
    table.assign(dx_type="histo", age=50.0, sex="male").to_csv(
        tmp_path / "HAM10000_metadata.csv", index=False
    )
    return tmp_path


def write_isic(folder, **columns) -> None:
    """What `isic image download` leaves: photographs beside metadata.csv."""
    table = pd.DataFrame(
        {"isic_id": [f"ISIC_{n:07d}" for n in range(len(next(iter(columns.values()))))], **columns}
    )
    for number, name in enumerate(table["isic_id"]):
        draw(folder / f"{name}.jpg", number)
    table.to_csv(folder / "metadata.csv", index=False)


# --- HAM10000


def test_ham10000_is_found_in_both_image_folders(ham):
    dataset = load_dataset(ham)
    assert len(dataset) == 8 and dataset.problems == ()
    assert {image.split("/")[-2] for image in dataset.table["image"]} == {
        "HAM10000_images_part_1",
        "HAM10000_images_part_2",
    }


def test_ham10000s_seven_diagnoses_become_two_classes(ham):
    table = load_dataset(ham).table
    labels = dict(zip(table["dx"], table["label"], strict=True))
    assert {dx for dx, label in labels.items() if label == "malignant"} == {"akiec", "bcc", "mel"}
    assert {dx for dx, label in labels.items() if label == "benign"} == {"bkl", "df", "nv", "vasc"}


def test_ham10000s_photographs_of_one_lesion_are_one_group(ham):
    groups = load_dataset(ham).groups
    assert groups[0] == groups[1] and len(set(groups)) == 7


@pytest.mark.parametrize(
    "name, separator",
    [("HAM10000_metadata", ","), ("HAM10000_metadata.csv", ","), ("HAM10000_metadata.tab", "\t")],
)
def test_ham10000s_table_is_read_under_each_of_the_names_it_is_published_under(ham, name, separator):
    table = pd.read_csv(ham / "HAM10000_metadata.csv")
    (ham / "HAM10000_metadata.csv").unlink()
    table.to_csv(ham / name, sep=separator, index=False)
    assert len(load_dataset(ham)) == 8


def test_an_unknown_diagnosis_is_left_out_and_listed(ham):
    table = pd.read_csv(ham / "HAM10000_metadata.csv")
    table.loc[3, "dx"], table.loc[4, "dx"] = "scar", None
    table.to_csv(ham / "HAM10000_metadata.csv", index=False)
    dataset = load_dataset(ham)
    assert len(dataset) == 6
    assert [problem.image for problem in dataset.problems] == table["image_id"][3:5].tolist()
    assert dataset.problems[0].error == "dx 'scar' is neither benign nor malignant: left out"


def test_a_photograph_that_was_not_downloaded_is_listed(ham):
    (ham / "HAM10000_images_part_1" / "ISIC_0000100.jpg").unlink()
    dataset = load_dataset(ham)
    assert len(dataset) == 7
    assert [(problem.image, problem.error) for problem in dataset.problems] == [
        (str(ham / "ISIC_0000100.jpg"), "no such file")
    ]


def test_no_photograph_at_all_is_a_data_error(ham):
    for image in ham.rglob("*.jpg"):
        image.unlink()
    with pytest.raises(
        DataError, match=r"none of its 8 photographs is there; expected files such as .*ISIC_0000100\.jpg"
    ):
        load_dataset(ham)


def test_a_mask_of_the_same_name_further_down_is_not_taken_for_the_photograph(tmp_path):
    write_isic(tmp_path, diagnosis_1=["Benign"])
    for folder in ("a", "masks", "z"):
        draw(tmp_path / folder / "ISIC_0000000.png")
    assert load_dataset(tmp_path).table["image"].tolist() == [str(tmp_path / "ISIC_0000000.jpg")]


def test_ham10000_keeps_age_sex_and_site(ham):
    pd.read_csv(ham / "HAM10000_metadata.csv").assign(localization="back").to_csv(
        ham / "HAM10000_metadata.csv", index=False
    )
    table = load_dataset(ham).table
    assert (
        table.loc[0, ["age", "sex", "site"]].tolist() == [50.0, "male", "back"]
        and "localization" not in table
    )


# --- the ISIC archive


def test_an_isic_folder_keeps_age_sex_site_and_skin_type(tmp_path):
    write_isic(
        tmp_path,
        diagnosis_1=["Benign"],
        age_approx=[45],
        sex=["female"],
        anatom_site_general=["palms/soles"],
        fitzpatrick_skin_type=["II"],
    )
    assert load_dataset(tmp_path).table.loc[0, ["age", "sex", "site", "skin_type"]].tolist() == [
        45,
        "female",
        "palms/soles",
        "II",
    ]


def test_an_isic_folder_keeps_benign_and_malignant_and_lists_the_indeterminate(tmp_path):
    write_isic(tmp_path, diagnosis_1=["Benign", "Malignant", "Indeterminate", None, "Benign"])
    dataset = load_dataset(tmp_path)
    assert dataset.table["label"].tolist() == ["benign", "malignant", "benign"]
    assert [problem.image for problem in dataset.problems] == ["ISIC_0000002", "ISIC_0000003"]
    assert (
        dataset.problems[0].error == "diagnosis_1 'Indeterminate' is neither benign nor malignant: left out"
    )


def test_an_isic_folder_keeps_patients_lesions_source_and_licence(tmp_path):
    write_isic(
        tmp_path,
        diagnosis_1=["Benign"] * 3,
        patient_id=["IP_1", "IP_1", None],
        lesion_id=["IL_1", "IL_2", "IL_2"],
        copyright_license=["CC-0"] * 3,
    )
    dataset = load_dataset(tmp_path)
    assert set(dataset.table["source"]) == {"ISIC archive"} and set(dataset.table["license"]) == {"CC-0"}
    assert len(set(dataset.groups)) == 1


def test_an_older_isic_folder_says_benign_malignant(tmp_path):
    write_isic(tmp_path, benign_malignant=["benign", "malignant", "indeterminate/benign"])
    dataset = load_dataset(tmp_path)
    assert dataset.malignant.tolist() == [0, 1] and len(dataset.problems) == 1


def test_an_isic_folder_with_no_diagnosis_at_all_is_a_data_error(tmp_path):
    write_isic(tmp_path, diagnosis_1=[None, None])
    with pytest.raises(
        DataError, match="lists no photograph with a class; expected rows that say benign or malignant"
    ):
        load_dataset(tmp_path)


def test_a_metadata_table_of_another_kind_is_a_data_error_with_a_cure(tmp_path):
    pd.DataFrame({"file": ["a.jpg"]}).to_csv(tmp_path / "metadata.csv")
    with pytest.raises(
        DataError, match=rf"metadata\.csv: lacks the column isic_id; expected isic_id: {CURE}"
    ):
        load_dataset(tmp_path)


def test_metadata_without_a_diagnosis_column_is_a_data_error_with_a_cure(tmp_path):
    write_isic(tmp_path, age_approx=[50])
    with pytest.raises(DataError, match=f"has neither diagnosis_1 nor benign_malignant; expected .*: {CURE}"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00broken", b'a,b\n"1'])
def test_a_metadata_table_that_is_no_table_is_a_data_error_with_a_cure(tmp_path, content):
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"metadata\.csv: .*: {CURE}"):
        load_dataset(tmp_path)


def test_a_long_table_whose_column_changes_its_type_is_read_without_a_warning(tmp_path):
    rows = 150_000  # pandas guesses types chunk by chunk
    (tmp_path / "metadata.csv").write_text(
        "isic_id,diagnosis_1,clin_size\n" + "ISIC_1,Benign,1\n" * rows + "ISIC_1,Benign,none\n" * rows
    )
    assert len(read_metadata(tmp_path / "metadata.csv", ISIC_ARCHIVE)) == 2 * rows


# --- what is alike, and what is another set


def test_two_photographs_of_one_number_are_not_guessed_at(ham):
    draw(ham / "HAM10000_images_part_1" / "ISIC_0000006.jpg", 99)
    draw(ham / "HAM10000_images_part_2" / "ISIC_0000006.jpg", 100)
    dataset = load_dataset(ham)
    assert len(dataset) == 7 and [problem.image for problem in dataset.problems] == ["ISIC_0000006"]
    assert "2 different files have that name" in dataset.problems[0].error


def test_two_copies_of_one_photograph_are_one(ham):
    for part in (1, 2):
        draw(ham / f"HAM10000_images_part_{part}" / "ISIC_0000006.jpg", 99)
    assert len(load_dataset(ham)) == 8 and load_dataset(ham).problems == ()


def test_a_row_that_stands_twice_counts_once_and_two_diagnoses_count_not_at_all(ham):
    table = pd.read_csv(ham / "HAM10000_metadata.csv")
    other = table.iloc[[4]].assign(dx="mel" if table["dx"][4] != "mel" else "nv")
    pd.concat([table, table.iloc[:3], other]).to_csv(ham / "HAM10000_metadata.csv", index=False)
    dataset = load_dataset(ham)
    assert len(dataset) == 7 and [problem.image for problem in dataset.problems] == [table["image_id"][4]]
    assert "has several diagnoses" in dataset.problems[0].error


def test_ham10000_is_read_from_a_spreadsheets_table(ham):
    table = pd.read_csv(ham / "HAM10000_metadata.csv")
    table.rename(columns=str.upper).to_csv(
        ham / "HAM10000_metadata.csv", index=False, sep=";", encoding="utf-8-sig"
    )
    assert len(load_dataset(ham)) == 8


def test_a_set_that_needs_a_policy_says_what_to_do(tmp_path):
    draw(tmp_path / "PAT_1_2_3.png")
    pd.DataFrame({"img_id": ["PAT_1_2_3.png"], "diagnostic": ["ACK"]}).to_csv(
        tmp_path / "metadata.csv", index=False
    )
    with pytest.raises(
        DataError, match=r"looks like PAD-UFES-20; expected .*: lentigo data import .* --out manifest\.csv"
    ):
        load_dataset(tmp_path)
