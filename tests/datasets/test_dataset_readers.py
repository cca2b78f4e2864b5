"""Each public data set, as it is published, is known by what it holds and becomes rows with labels, ids,
splits and licences.
"""

import shutil

import pandas as pd
import pytest
from published import (
    WRITERS,
    draw,
    write_2018,
    write_2019,
    write_2020,
    write_csv,
    write_ham,
    write_pad,
    write_ph2,
)

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.imports import import_datasets
from lentigo.datasets.tables.options import make_options
from lentigo.errors import DataError, UsageError

# Of the toys, by the policy archive: source, licence, diagnoses with their labels, what is left out
EXPECTED = {
    "ham10000": (
        "HAM10000",
        {"CC BY-NC 4.0"},
        {"bcc": "m", "mel": "m", "bkl": "b", "df": "b", "nv": "b", "vasc": "b"},
        {"akiec": 1},
    ),
    "isic-archive": (
        "ISIC archive",
        {"CC-BY-NC", "CC-0", "CC-BY"},
        {"Nevus": "b", "Melanoma, NOS": "m", "Porokeratosis": "b"},
        {"Solar or actinic keratosis": 1, "none": 1},
    ),
    "isic2016": ("ISIC 2016", {"CC-0"}, {"benign": "b", "malignant": "m"}, {}),
    "isic2017": (
        "ISIC 2017",
        {"CC-0"},
        {"nevus": "b", "melanoma": "m", "seborrheic_keratosis": "b"},
        {"none": 1},
    ),
    "isic2018": (
        "ISIC 2018",
        {"CC BY-NC 4.0"},
        {"BCC": "m", "MEL": "m", "BKL": "b", "DF": "b", "NV": "b"},
        {"AKIEC": 1},
    ),
    "isic2019": ("ISIC 2019", {"CC BY-NC 4.0"}, {"BCC": "m", "SCC": "m", "NV": "b"}, {"AK": 1, "UNK": 1}),
    "isic2020": (
        "ISIC 2020",
        {"CC BY-NC 4.0"},
        {"unknown": "b", "melanoma": "m", "nevus": "b"},
        {"atypical melanocytic proliferation": 1},
    ),
    "pad-ufes-20": (
        "PAD-UFES-20",
        {"CC BY 4.0"},
        {"BCC": "m", "MEL": "m", "SCC": "m", "NEV": "b", "SEK": "b"},
        {"ACK": 1},
    ),
    "ph2": ("PH2", {"research only"}, {"common nevus": "b", "atypical nevus": "b", "melanoma": "m"}, {}),
    "med-node": ("MED-NODE", {"research only"}, {"melanoma": "m", "naevus": "b"}, {}),
    "isic2024": ("ISIC 2024", {"CC-BY", "CC-BY-NC"}, {"benign": "b", "malignant": "m"}, {}),
    "bcn20000": ("BCN20000", {"CC BY-NC 4.0"}, {"MEL": "m", "NV": "b", "SCC": "m"}, {"AK": 1}),
    "milk10k": ("MILK10k", {"CC-BY-NC"}, {"SCCKA": "m", "NV": "b", "BEN_OTH": "b"}, {}),
    "derm7pt": (
        "Derm7pt",
        {"research only"},
        {"clark nevus": "b", "melanoma (in situ)": "m", "seborrheic keratosis": "b"},
        {"miscellaneous": 1},
    ),
    "ddi": (
        "DDI",
        {"research only"},
        {"melanoma-in-situ": "m", "melanocytic-nevi": "b", "mycosis-fungoides": "m"},
        {},
    ),
    "fitzpatrick17k": (
        "Fitzpatrick17k",
        {"CC BY-NC-SA 3.0"},
        {"malignant melanoma": "m", "dermatofibroma": "b", "lipoma": "b"},
        {"psoriasis": 1},
    ),
}
SEVEN = {  # the diagnoses of those that are read
    "isic2024": {"melanoma": 1},
    "bcn20000": {"melanoma": 1, "nevus": 1, "squamous_cell_carcinoma": 1},
    "milk10k": {"nevus": 2, "squamous_cell_carcinoma": 2},
    "derm7pt": {"melanoma": 1, "nevus": 1, "benign_keratosis": 1},
    "ddi": {"melanoma": 1, "nevus": 1},
    "fitzpatrick17k": {"melanoma": 1, "dermatofibroma": 1},
}


def read(tmp_path, *sources, **options):
    """The answer and the manifest's table, with words as words."""
    answer = import_datasets(sources, tmp_path / "manifest.csv", **options)
    return answer, pd.read_csv(tmp_path / "manifest.csv", dtype=str)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_published_data_set_is_known_and_read(tmp_path, kind):
    source, licences, labels, left_out = EXPECTED[kind]
    answer, table = read(tmp_path, WRITERS[kind](tmp_path / "set"))
    assert (
        [entry["kind"] for entry in answer.sources] == [kind]
        and set(table["source"]) == {source}
        and set(table["license"]) == licences
    )
    assert {word: label[0] for word, label in zip(table["diagnosis"], table["label"], strict=True)} == labels
    assert answer.left_out == left_out and len(answer.problems) == sum(left_out.values())
    dataset = load_dataset(tmp_path / "manifest.csv")
    assert len(dataset) == answer.n == len(table) and dataset.problems == ()


@pytest.mark.parametrize("kind", SEVEN)
def test_a_published_data_set_has_diagnoses_after_its_import(tmp_path, kind):
    answer, _ = read(tmp_path, WRITERS[kind](tmp_path / "set"))
    assert answer.diagnoses == SEVEN[kind]
    assert load_dataset(tmp_path / "manifest.csv").table["diagnosis"].isin(SEVEN[kind]).sum() == sum(
        SEVEN[kind].values()
    )


@pytest.mark.parametrize(
    "kind",
    [
        "isic2016",
        "isic2017",
        "isic2018",
        "isic2019",
        "isic2020",
        "pad-ufes-20",
        "ph2",
        "milk10k",
        "isic2024",
        "bcn20000",
        "derm7pt",
        "ddi",
    ],
)
def test_a_folder_as_it_is_published_points_to_the_import(tmp_path, kind):
    with pytest.raises(DataError, match=r"looks like .*: lentigo data import .* --out manifest\.csv"):
        load_dataset(WRITERS[kind](tmp_path / "set"))


# --- a table that was named is read or refused


def test_a_named_table_that_is_not_understood_is_refused_not_passed_over_for_the_folders_names(tmp_path):
    for name in ("benign/a.jpg", "malignant/b.jpg"):
        draw(tmp_path / name, name)
    table = write_csv(
        tmp_path / "histology.csv", "photo_no result_of_biopsy", [("a", "melanoma"), ("b", "nevus")]
    )
    with pytest.raises(
        DataError,
        match=r"histology\.csv: a table of no kind that is known; its columns are photo_no, "
        r"result_of_biopsy; .*--image-column NAME --label-column NAME",
    ):
        read(tmp_path, table)
    _, manifest = read(tmp_path, table, columns=make_options("photo_no", "result_of_biopsy"))
    assert dict(zip(manifest["image"], manifest["label"], strict=True)) == {
        "benign/a.jpg": "malignant",
        "malignant/b.jpg": "benign",
    }


def test_a_named_table_may_be_anybodys(tmp_path):
    for name in "abc":
        draw(tmp_path / "pictures" / f"{name}.jpg", name)
    table = write_csv(tmp_path / "mine.csv", "filename dx", [("a", "mel"), ("b", "nv"), ("c", "akiec")])
    answer, manifest = read(tmp_path, table)
    assert manifest["label"].tolist() == ["malignant", "benign"] and len(answer.problems) == 1
    assert read(tmp_path, table, policy="ham10000")[1]["label"].tolist() == [
        "malignant",
        "benign",
        "malignant",
    ]


def test_the_mapping_of_a_call_goes_before_the_policy(tmp_path):
    _, table = read(
        tmp_path, write_ham(tmp_path / "ham"), columns=make_options(mapping=["akiec=malignant,df=skip"])
    )
    assert dict(zip(table["diagnosis"], table["label"], strict=True))[
        "akiec"
    ] == "malignant" and "df" not in set(table["diagnosis"])


def test_each_photograph_keeps_its_own_licence_wherever_a_table_says_it(tmp_path):
    root = WRITERS["isic2019"](tmp_path / "set")
    write_csv(root / "licences.csv", "image copyright_license", [("ISIC_0000001_downsampled", "CC-0")])
    _, table = read(tmp_path, root)
    assert table["license"].tolist() == ["CC-0", *["CC BY-NC 4.0"] * (len(table) - 1)]


def test_a_table_with_a_header_is_not_that_of_isic_2016(tmp_path):
    assert [entry["kind"] for entry in read(tmp_path, WRITERS["isic2024"](tmp_path / "set"))[0].sources] == [
        "isic2024"
    ]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_kind_that_is_named_is_read_as_that(tmp_path, kind):
    root = WRITERS[kind](tmp_path / "set")
    assert read(tmp_path, root, kind=kind)[0].n == read(tmp_path, root)[0].n
    with pytest.raises(DataError, match="expected"):
        read(tmp_path, root, kind="ph2" if kind != "ph2" else "ham10000")


@pytest.mark.parametrize(
    "kind", ["ham10000", "isic2018", "isic2019", "isic2020", "pad-ufes-20", "isic-archive", "isic2017"]
)
def test_upper_and_lower_case_order_and_further_columns_do_not_matter(tmp_path, kind):
    root = WRITERS[kind](tmp_path / "set")
    count = read(tmp_path, root)[0].n
    for path in root.rglob("*.csv"):
        table = pd.read_csv(path, dtype=str).assign(note="x")
        table[table.columns[::-1]].rename(columns=str.swapcase).to_csv(
            path, index=False, sep=";", encoding="utf-8-sig"
        )
    assert read(tmp_path, root)[0].n == count


# --- what each set knows beside the diagnosis


def test_ham10000_and_isic_2018_name_lesions_and_proof_alike(tmp_path):
    answer, table = read(tmp_path, write_ham(tmp_path / "ham"), write_2018(tmp_path / "i18"))
    assert table.loc[table["isic_id"] == "ISIC_0000002", "lesion_id"].tolist() == ["isic:HAM_0000001"] * 2
    assert set(table["diagnosis_confirm_type"].dropna()) == {"histopathology"}
    assert answer.duplicates == {"groups": 3, "photographs": 6, "in_several_sources": 6}


def test_challenges_keep_their_splits(tmp_path):
    _, table = read(tmp_path, write_2018(tmp_path / "set"))
    assert table.groupby("split").size().to_dict() == {"train": 3, "validation": 1, "test": 1}
    assert "split" not in read(tmp_path, tmp_path / "set", splits=False)[1]


def test_isic_2016_has_training_and_test_and_masks(tmp_path):
    _, table = read(tmp_path, WRITERS["isic2016"](tmp_path / "set"))
    assert table["split"].tolist() == ["test", "test", "train", "train"] and table["mask"].notna().all()
    assert table["label"].tolist() == ["benign", "malignant"] * 2


def test_isic_2017_has_age_and_sex_where_known(tmp_path):
    _, table = read(tmp_path, WRITERS["isic2017"](tmp_path / "set"))
    assert table["age"].tolist()[:1] == ["55.0"] and table["age"].isna().tolist() == [False, True, True]
    assert table["sex"].tolist()[:1] == ["female"] and table["sex"].isna().tolist() == [False, True, True]


def test_isic_2019_has_lesions_and_numbers_of_photographs_made_smaller(tmp_path):
    _, table = read(tmp_path, write_2019(tmp_path / "set"))
    assert table.loc[0, ["isic_id", "lesion_id", "age", "sex", "site"]].tolist() == [
        "ISIC_0000001",
        "isic:HAM_0000000",
        "85.0",
        "male",
        "head/neck",
    ]


def test_isic_2020_has_patients_lesions_and_listed_duplicates_and_reads_no_submission(tmp_path):
    answer, table = read(tmp_path, write_2020(tmp_path / "set"))
    assert table.set_index("isic_id").loc["ISIC_2637011", ["patient_id", "lesion_id"]].tolist() == [
        "isic:IP_7279968",
        "isic:IL_1",
    ]
    assert table.groupby("duplicate_group")["isic_id"].agg(set).tolist() == [{"ISIC_2637011", "ISIC_0052212"}]
    assert answer.duplicates["photographs"] == 2


def test_pad_has_patients_lesions_skin_sex_and_site(tmp_path):
    _, table = read(tmp_path, write_pad(tmp_path / "set"))
    row = table.set_index("diagnosis").loc["NEV"]
    assert row[["patient_id", "lesion_id", "skin_type", "sex", "site", "age"]].tolist() == [
        "pad-ufes-20:PAT_3",
        "pad-ufes-20:803",
        "3",
        "female",
        "neck",
        "53",
    ]


def test_ph2_has_masks_and_a_lesion_for_each_photograph(tmp_path):
    _, table = read(tmp_path, write_ph2(tmp_path / "set"))
    assert table["mask"].tolist() == [
        image.replace("_Dermoscopic_Image", "_lesion").replace(".bmp", "_lesion.bmp")
        for image in table["image"]
    ]
    assert table["lesion_id"].tolist() == ["ph2:IMD003", "ph2:IMD004", "ph2:IMD005"]


@pytest.mark.parametrize("separator", [",", ";"])
def test_ph2s_sheet_as_csv_has_a_legend_above_and_crosses_in_columns(tmp_path, separator):
    root = write_ph2(tmp_path / "set")
    (root / "PH2_dataset.txt").unlink()
    legend = "PH2 Dataset,,,,\nLegend,,,,\nName,,,,\n,,,,\n"
    header = "Image Name,Histological Diagnosis,Common Nevus,Atypical Nevus,Melanoma,Asymmetry\n"
    rows = "IMD003,,X,,,0\nIMD004,,,X,,0\nIMD005,Melanoma,,,X,2\nIMD006,,,,,2\n"
    (root / "PH2_dataset.csv").write_text(
        (legend.replace("Name", "Names") + header + rows).replace(",", separator), encoding="utf-8-sig"
    )
    answer, table = read(tmp_path, root)
    assert table["diagnosis"].tolist() == [
        "common nevus",
        "atypical nevus",
        "melanoma",
    ] and answer.left_out == {"none": 1}


def test_other_policies_decide_otherwise(tmp_path):
    root = write_pad(tmp_path / "set")
    labels = {
        policy: read(tmp_path, root, policy=policy)[1].set_index("diagnosis")["label"].get("ACK")
        for policy in ("archive", "ham10000", "pad-ufes-20")
    }
    assert labels == {"archive": None, "ham10000": "malignant", "pad-ufes-20": "benign"}


# --- folders, manifests, and what is of no kind


def test_folders_named_by_diagnoses_below_splits(tmp_path):
    for name in (
        "Train/melanoma/a.jpg",
        "Train/actinic keratosis/b.jpg",
        "Train/something else/c.jpg",
        "Test/pigmented benign keratosis/d.jpg",
    ):
        draw(tmp_path / "deep" / "set" / name, name)
    answer, table = read(tmp_path, tmp_path / "deep")
    assert sorted(zip(table["diagnosis"], table["label"], table["split"], strict=True)) == [
        ("melanoma", "malignant", "train"),
        ("pigmented benign keratosis", "benign", "test"),
    ]
    assert answer.left_out == {"actinic keratosis": 1, "something else": 1} and set(table["source"]) == {
        "deep"
    }


def test_class_folders_are_read_as_ever(tmp_path):
    for name in ("benign/a.jpg", "malignant/b.jpg"):
        draw(tmp_path / "set" / name, name)
    assert read(tmp_path, tmp_path / "set")[1]["label"].tolist() == ["benign", "malignant"]


def test_a_manifest_keeps_its_labels_splits_and_source(tmp_path):
    for name in "ab":
        draw(tmp_path / "set" / f"{name}.jpg", name)
    write_csv(
        tmp_path / "set" / "manifest.csv",
        "image label split source lesion_id",
        [("a.jpg", "0", "val", "clinic", "1"), ("b.jpg", "1", None, None, "2")],
    )
    _, table = read(tmp_path, tmp_path / "set")
    assert table[["image", "label", "source", "lesion_id"]].to_numpy().tolist() == [
        ["set/a.jpg", "benign", "clinic", "set:1"],
        ["set/b.jpg", "malignant", "set", "set:2"],
    ]
    assert table["split"].tolist()[:1] == ["validation"]


def test_a_manifest_of_ours_keeps_ids_and_masks_when_it_is_imported_again(tmp_path):
    import_datasets([write_ph2(tmp_path / "set")], tmp_path / "set" / "manifest.csv")
    shutil.rmtree(tmp_path / "set" / "PH2 Dataset images" / "IMD003" / "IMD003_roi")
    _, table = read(tmp_path, tmp_path / "set" / "manifest.csv")
    assert table["lesion_id"].tolist() == ["ph2:IMD003", "ph2:IMD004", "ph2:IMD005"] and set(
        table["source"]
    ) == {"PH2"}
    assert table["mask"].str.startswith("set/PH2 Dataset images/IMD").all()


def test_a_manifest_may_be_parquet_and_other_parquet_is_left_alone(tmp_path):
    for name in ("benign/a.jpg", "malignant/b.jpg"):
        draw(tmp_path / "set" / name, name)
    pd.DataFrame({"feature": [1.0]}).to_parquet(tmp_path / "set" / "features.parquet")
    assert read(tmp_path, tmp_path / "set")[0].sources[0]["kind"] == "folders"
    pd.DataFrame(
        {"image": ["benign/a.jpg", "malignant/b.jpg"], "label": ["0", "1"], "source": [None, None]}
    ).to_parquet(tmp_path / "set" / "list.parquet")
    assert read(tmp_path, tmp_path / "set" / "list.parquet")[0].sources[0]["kind"] == "manifest"


@pytest.mark.parametrize("column", ["source", "license", "diagnosis", "lesion_id", "mask", "split", "age"])
def test_a_column_of_a_manifest_may_be_empty(tmp_path, column):
    for name in "ab":
        draw(tmp_path / "set" / f"{name}.jpg", name)
    write_csv(
        tmp_path / "set" / "manifest.csv", f"image label {column}", [("a.jpg", 0, None), ("b.jpg", 1, None)]
    )
    assert read(tmp_path, tmp_path / "set")[1]["source"].tolist() == ["set", "set"]


def test_a_licence_that_is_empty_is_that_of_the_set(tmp_path):
    root = write_pad(tmp_path / "set")
    pd.read_csv(root / "metadata.csv").assign(license=None).to_csv(root / "metadata.csv", index=False)
    assert set(read(tmp_path, root)[1]["license"]) == {"CC BY 4.0"}


def test_what_further_tables_say_of_age_may_be_of_another_type(tmp_path):
    root = write_ham(tmp_path / "set")
    write_csv(root / "more.csv", "image_id age sex patient_id", [("ISIC_0000001", "unknown", 3, 4)])
    assert read(tmp_path, root)[1].set_index("isic_id").loc[
        "ISIC_0000001", ["age", "sex", "patient_id"]
    ].tolist() == ["50.0", "male", "isic:4"]


def test_a_diagnosis_that_contradicts_its_class_is_left_out_with_the_reason(tmp_path):
    root = write_2020(tmp_path / "set")
    for path in root.glob("*GroundTruth*.csv"):
        path.write_text(path.read_text().replace("melanoma,malignant,1", "melanoma,benign,0"))
    problems = {problem.image: problem.error for problem in read(tmp_path, root)[0].problems}
    assert (
        problems["ISIC_0149568"]
        == "diagnosis 'melanoma' contradicts its class 'benign': left out; expected them to agree"
    )


def test_a_table_alone_is_a_source(tmp_path):
    root = write_2020(tmp_path / "set")
    assert read(tmp_path, root / "ISIC_2020_Training_GroundTruth_v2.csv")[0].n == 3


def test_photographs_may_lie_in_a_source_of_their_own(tmp_path):
    root = write_2018(tmp_path / "tables")
    for side in ("Training", "Validation", "Test"):
        shutil.move(root / f"ISIC2018_Task3_{side}_Input", tmp_path / "photographs" / side)
    answer, table = read(tmp_path, tmp_path / "photographs", root)
    assert answer.n == 5 and table["image"].str.startswith("photographs/").all() and len(answer.problems) == 1


def test_photographs_that_nothing_speaks_of_are_listed(tmp_path):
    draw(tmp_path / "others" / "a.jpg", "a")
    answer, _ = read(tmp_path, write_2018(tmp_path / "set"), tmp_path / "others")
    assert (
        answer.problems[-1].image == str(tmp_path / "others")
        and "nothing says what its photographs show" in answer.problems[-1].error
    )


def test_several_sets_in_one_folder_are_several(tmp_path):
    for kind in ("ham10000", "isic2019", "ph2"):
        WRITERS[kind](tmp_path / "all" / kind)
    answer, table = read(tmp_path, tmp_path / "all")
    assert [source["source"] for source in answer.sources] == ["HAM10000", "ISIC 2019", "PH2"] and len(
        table
    ) == 7 + 3 + 3


@pytest.mark.parametrize("kind", [None, "folders", "manifest"])
def test_what_is_of_no_kind_is_a_data_error_that_lists_all_kinds(tmp_path, kind):
    draw(tmp_path / "set" / "a.jpg", "a")
    with pytest.raises(
        DataError,
        match=r"set: (of no kind that is known; expected one of ham10000: .*; ph2: .*; folders: |nothing of "
        r"the kind)",
    ):
        read(tmp_path, tmp_path / "set", kind=kind)


def test_an_unknown_kind_is_a_usage_error_that_lists_all_kinds(tmp_path):
    with pytest.raises(
        UsageError,
        match=r"kind 'isic' is unknown; expected one of ham10000: .*isic2016: ISBI2016_ISIC_Part3.*folders: ",
    ):
        read(tmp_path, tmp_path, kind="isic")


@pytest.mark.parametrize(
    "name, message",
    [
        ("none", "no such file or folder"),
        ("x.rar", "neither folder nor table nor ZIP; .* unpack it yourself"),
    ],
)
def test_a_source_that_cannot_be_opened_is_a_data_error(tmp_path, name, message):
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    with pytest.raises(DataError, match=message):
        read(tmp_path, tmp_path / name)
