"""An import gives one manifest and a record of what was decided; what cannot be used is listed with the
cure.
"""

import json
import shutil
import zipfile

import pandas as pd
import pytest
from PIL import Image
from published import draw, write_2018, write_csv, write_ham, write_isic, write_mednode, write_pad, write_ph2

from lentigo.common.hashing import hash_file
from lentigo.common.progress import show_nothing
from lentigo.datasets.diagnoses import find_policy
from lentigo.datasets.groups import find_leaks
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.dataset_readers import read_place
from lentigo.datasets.published.imports import import_datasets
from lentigo.datasets.published.places import open_place
from lentigo.errors import DataError, UsageError


def read(path):
    """A manifest's table, words as words."""
    return pd.read_csv(path, dtype=str)


def pack(folder, path, **more):
    """A ZIP of a folder, as people make them, and further members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def write_photos(root, *names):
    """Photographs, each of its own content, and a manifest of them; gives the manifest."""
    for name in names:
        draw(root / name, name)
    return write_csv(
        root / "manifest.csv", "image label", [(name, number % 2) for number, name in enumerate(names)]
    )


# --- the manifest


def test_the_manifest_moves_with_the_photographs_below_it(tmp_path):
    import_datasets(
        [write_ham(tmp_path / "here" / "ham"), write_ph2(tmp_path / "here" / "ph2")],
        tmp_path / "here" / "manifest.csv",
    )
    assert read(tmp_path / "here" / "manifest.csv")["image"].str.startswith(("ham/", "ph2/")).all()
    shutil.move(tmp_path / "here", tmp_path / "there")
    dataset = load_dataset(tmp_path / "there")
    assert len(dataset) == 10 and dataset.problems == ()


def test_photographs_elsewhere_are_named_by_their_whole_path(tmp_path, monkeypatch):
    write_ham(tmp_path / "far" / "ham")
    monkeypatch.chdir(tmp_path / "far")
    import_datasets("ham", tmp_path / "near" / "manifest.csv")
    assert read(tmp_path / "near" / "manifest.csv")["image"].str.startswith(f"{tmp_path}/far/ham/").all()
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("near/manifest.csv")) == 7


def test_columns_come_in_their_order_under_our_names(tmp_path):
    import_datasets([write_isic(tmp_path / "isic"), write_pad(tmp_path / "pad")], tmp_path / "manifest.csv")
    columns = read(tmp_path / "manifest.csv").columns.tolist()
    assert columns[:6] == ["image", "label", "diagnosis", "diagnosis_name", "lesion_id", "patient_id"]
    assert {"source", "license", "age", "sex", "site", "skin_type", "isic_id", "attribution"} <= set(columns)
    assert not {
        "age_approx",
        "gender",
        "region",
        "fitspatrick",
        "diagnostic",
        "name",
        "judged",
        "published",
    } & set(columns)


def test_ids_of_different_sets_never_meet(tmp_path):
    for folder in ("a/set", "b/set"):
        draw(tmp_path / folder / "x.jpg", folder)
        write_csv(
            tmp_path / folder / "manifest.csv", "image label lesion_id patient_id", [("x.jpg", 0, "1", "1")]
        )
    import_datasets(
        [tmp_path / "a" / "set", tmp_path / "b" / "set", write_pad(tmp_path / "pad")], tmp_path / "all.csv"
    )
    table = read(tmp_path / "all.csv")
    assert (
        table["lesion_id"].tolist()[:3] == ["set:1", "set-2:1", "pad-ufes-20:800"]
        and table["patient_id"].is_unique
    )


def test_the_same_twice_gives_the_same(tmp_path):
    sources = [
        write_ham(tmp_path / "ham"),
        pack(write_mednode(tmp_path / "mednode"), tmp_path / "mednode.zip"),
    ]
    first = import_datasets(sources, tmp_path / "manifest.csv")
    content = (tmp_path / "manifest.csv").read_text()
    assert (
        import_datasets(sources, tmp_path / "manifest.csv") == first
        and (tmp_path / "manifest.csv").read_text() == content
    )


def test_a_manifest_in_the_source_that_is_to_be_written_anew_is_not_read(tmp_path):
    for name in ("benign/a.jpg", "malignant/b.jpg", "malignant/c.jpg"):
        draw(tmp_path / name, name)
    for _ in range(2):
        assert [
            source["kind"] for source in import_datasets(tmp_path, tmp_path / "manifest.csv").sources
        ] == ["folders"]


def test_a_manifest_is_never_written_over_itself(tmp_path):
    path = write_photos(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(UsageError, match="is one of the sources; expected another name"):
        import_datasets(path, path)


@pytest.mark.parametrize("name", ["manifest", "manifest.xlsx", "."])
def test_a_manifest_of_another_suffix_is_a_usage_error(tmp_path, name):
    with pytest.raises(UsageError, match=r"expected the name of a \.csv file"):
        import_datasets(tmp_path, tmp_path / name)


def test_no_source_at_all_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no source was named"):
        import_datasets([], tmp_path / "m.csv")


# --- the record


def test_the_record_says_policy_mapping_counts_sources_and_licences(tmp_path):
    answer = import_datasets(
        [write_ham(tmp_path / "ham"), write_pad(tmp_path / "pad")],
        tmp_path / "manifest.csv",
        policy="ham10000",
    )
    record = json.loads((tmp_path / "manifest.policy.json").read_text())
    assert (
        record["policy"]["name"] == "ham10000"
        and record["policy"]["exceptions"]["actinic keratosis"] == "malignant"
    )
    assert {
        (row["source"], row["diagnosis"], row["diagnosis_name"], row["judged"], row["n"])
        for row in record["mapping"]
    } >= {
        ("HAM10000", "nv", "nevus", "benign", 2),
        ("HAM10000", "akiec", "actinic keratosis or intraepithelial carcinoma", "malignant", 1),
        ("PAD-UFES-20", "ACK", "actinic keratosis", "malignant", 1),
    }
    assert [
        (source["source"], source["n"], source["n_malignant"], source["licenses"])
        for source in record["sources"]
    ] == [("HAM10000", 8, 3, ["CC BY-NC 4.0"]), ("PAD-UFES-20", 6, 4, ["CC BY 4.0"])]
    assert record["manifest_sha256"] == hash_file(tmp_path / "manifest.csv") and record["n"] == 14
    assert {name: record[name] for name in answer.to_json()} == json.loads(json.dumps(answer.to_json()))


def test_what_is_left_out_is_counted_and_listed_one_by_one(tmp_path):
    answer = import_datasets(
        [write_ham(tmp_path / "ham"), write_isic(tmp_path / "isic")], tmp_path / "manifest.csv"
    )
    assert answer.left_out == {"Solar or actinic keratosis": 1, "akiec": 1, "none": 1}
    assert [problem.image for problem in answer.problems] == ["ISIC_0000000", "ISIC_9000002", "ISIC_9000004"]
    assert sum(row["n"] for row in answer.mapping) == answer.n + 3


# --- the same photograph twice


def test_a_photograph_in_two_sets_is_kept_in_both_and_shares_a_group(tmp_path):
    answer = import_datasets(
        [write_ham(tmp_path / "ham"), write_2018(tmp_path / "i18"), write_isic(tmp_path / "isic")],
        tmp_path / "manifest.csv",
    )
    table = read(tmp_path / "manifest.csv")
    assert table.groupby("duplicate_group")["source"].agg(list).to_dict() == {
        **{f"isic:ISIC_000000{n}": ["HAM10000", "ISIC 2018"] for n in (1, 2, 3)},
        "isic:ISIC_0000005": ["HAM10000", "ISIC archive"],
    }
    assert (
        answer.duplicates == {"groups": 4, "photographs": 8, "in_several_sources": 8}
        and answer.conflicts == ()
    )
    assert (
        len(set(load_dataset(tmp_path / "manifest.csv").groups)) == 6 + 1
    )  # a group for each lesion, and one for the patient of the archive


def test_a_photograph_under_another_name_is_known_by_its_content(tmp_path):
    root = write_pad(tmp_path / "pad")
    copy = tmp_path / "clinic" / "malignant" / "x.png"
    copy.parent.mkdir(parents=True)
    shutil.copy(next(root.rglob("PAT_0_*.png")), copy)
    answer = import_datasets([root, tmp_path / "clinic"], tmp_path / "manifest.csv")
    groups = read(tmp_path / "manifest.csv")["duplicate_group"].dropna()
    assert (
        len(groups) == 2
        and groups.str.startswith("sha256:").all()
        and answer.duplicates["in_several_sources"] == 2
    )


def test_contradicting_labels_are_said(tmp_path):
    root = write_pad(tmp_path / "pad")
    copy = tmp_path / "clinic" / "benign" / "x.png"
    copy.parent.mkdir(parents=True)
    shutil.copy(next(root.rglob("PAT_0_*.png")), copy)
    (conflict,) = import_datasets([root, tmp_path / "clinic"], tmp_path / "manifest.csv").conflicts
    assert conflict["labels"] == ["malignant", "benign"] and len(conflict["images"]) == 2


def test_one_file_that_two_tables_name_is_one_row_with_what_both_know(tmp_path):
    root = write_ham(tmp_path / "set")
    write_csv(
        root / "isic.csv",
        "isic_id diagnosis_1 patient_id",
        [("ISIC_0000001", "Malignant", "IP_1"), ("ISIC_0000002", "Malignant", "IP_2")],
    )
    answer = import_datasets(root, tmp_path / "manifest.csv")
    table = read(tmp_path / "manifest.csv").set_index("isic_id")
    assert len(table) == answer.n == 6 and table.loc[
        "ISIC_0000001", ["patient_id", "lesion_id"]
    ].tolist() == ["isic:IP_1", "isic:HAM_0000000"]
    assert (
        answer.problems[-1].error
        == "is benign in one table and malignant in another: left out; expected one label"
    )


def test_published_splits_that_leak_are_said_and_can_be_dropped(tmp_path):
    first, second = write_2018(tmp_path / "i18"), tmp_path / "other"
    shutil.copytree(first / "ISIC2018_Task3_Training_Input", second / "test" / "malignant")
    leaks = import_datasets([first, second], tmp_path / "manifest.csv").leaks
    assert {leak["value"] for leak in leaks} == {
        "isic:ISIC_0000001",
        "isic:ISIC_0000002",
        "isic:ISIC_0000003",
    } and leaks[0]["splits"] == ["test", "train"]
    assert import_datasets([first, second], tmp_path / "manifest.csv", splits=False).leaks == ()
    assert find_leaks(load_dataset(tmp_path / "manifest.csv").table) == []


# --- photographs that cannot be used


def test_missing_empty_damaged_and_enormous_photographs_are_listed(tmp_path):
    root = write_ham(tmp_path / "ham")
    images = {path.stem: path for path in root.rglob("*.jpg")}
    images["ISIC_0000001"].unlink()
    images["ISIC_0000002"].write_bytes(b"")
    images["ISIC_0000003"].write_bytes(b"no photograph")
    Image.new("1", (20_000, 10_000)).save(images["ISIC_0000004"], "PNG")
    answer = import_datasets(root, tmp_path / "manifest.csv")
    errors = {
        problem.image.rpartition("/")[2].removesuffix(".jpg"): problem.error for problem in answer.problems
    }
    assert (
        answer.n == 3
        and errors["ISIC_0000001"] == "no such file"
        and "the file is empty" in errors["ISIC_0000002"]
    )
    assert (
        "not a photograph" in errors["ISIC_0000003"]
        and "more than 179 million pixels" in errors["ISIC_0000004"]
    )


def test_a_table_of_which_no_photograph_is_there_is_one_problem(tmp_path):
    root = write_2018(tmp_path / "set")
    shutil.rmtree(root / "ISIC2018_Task3_Test_Input")
    problems = import_datasets(root, tmp_path / "manifest.csv").problems
    assert [problem.image for problem in problems if "is there" in problem.error] == [
        str(root / "ISIC2018_Task3_Test_GroundTruth.csv")
    ]
    assert (
        problems[-1].error
        == "none of its 1 photographs is there; expected files such as ISIC_0034524.jpg: name their folder "
        "or ZIP too"
    )


def test_nothing_left_is_a_data_error_with_the_first_reason(tmp_path):
    root = write_ham(tmp_path / "ham")
    for path in root.rglob("*.jpg"):
        path.unlink()
    with pytest.raises(
        DataError, match=r"no photograph is left to import; the first of 2 problems: ISIC_0000000: dx 'akiec'"
    ):
        import_datasets(root, tmp_path / "manifest.csv")
    assert not (tmp_path / "manifest.csv").exists()


def test_two_files_of_one_name_are_listed_unless_they_are_the_same(tmp_path):
    root = write_ham(tmp_path / "ham")
    draw(root / "HAM10000_images_part_2" / "ISIC_0000002.jpg", "another")
    shutil.copy(root / "HAM10000_images_part_1" / "ISIC_0000004.jpg", root / "HAM10000_images_part_2")
    answer = import_datasets(root, tmp_path / "manifest.csv")
    assert answer.n == 6 and [problem.image for problem in answer.problems] == [
        "ISIC_0000000",
        "ISIC_0000002",
    ]


def test_names_with_spaces_and_of_any_script(tmp_path):
    names = ["Mein Leberfleck ü.jpg", "皮膚 病變/родинка 📷.png", 'it\'s, "quoted".jpg']
    answer = import_datasets(
        write_photos(tmp_path / "Meine Daten", *names), tmp_path / "out ü" / "mein manifest.csv"
    )
    assert answer.problems == () and len(load_dataset(answer.manifest)) == 3


def test_links_in_a_circle_end(tmp_path):
    root = write_ham(tmp_path / "ham")
    (root / "loop").symlink_to(root)
    assert import_datasets(root, tmp_path / "manifest.csv").n == 7


def test_a_folder_that_cannot_be_read_is_listed(tmp_path, locked):
    root = write_ham(tmp_path / "ham")
    (root / "HAM10000_images_part_2").rename(root / "locked")
    place = open_place(locked(root), tmp_path, tmp_path / "m.csv", show_nothing)
    (reading,) = read_place(place, find_policy("archive"), None, [])
    assert str(place.root / "locked") in {problem.image for problem in reading.problems}


# --- from somebody else


def test_zips_are_unpacked_beside_the_manifest_or_elsewhere(tmp_path):
    path = pack(write_mednode(tmp_path / "x" / "mednode"), tmp_path / "x" / "m.zip")
    import_datasets(path, tmp_path / "out" / "manifest.csv")
    assert (
        read(tmp_path / "out" / "manifest.csv")["image"]
        .str.startswith("m/mednode/complete_mednode_dataset/")
        .all()
    )
    import_datasets(path, tmp_path / "other" / "manifest.csv", extract=tmp_path / "big disk")
    assert read(tmp_path / "other" / "manifest.csv")["image"].str.startswith(f"{tmp_path}/big disk/m/").all()


@pytest.mark.parametrize("write", [write_ham, write_2018, write_pad, write_ph2, write_isic])
def test_a_zip_gives_what_its_folder_gives(tmp_path, write):
    root = write(tmp_path / "set")
    folder, packed = (
        import_datasets(root, tmp_path / "a.csv"),
        import_datasets(pack(root, tmp_path / "z.zip"), tmp_path / "b" / "b.csv"),
    )
    assert packed.n == folder.n and packed.mapping == folder.mapping and packed.left_out == folder.left_out


def test_tables_and_photographs_may_come_in_zips_of_their_own(tmp_path):
    root = write_2018(tmp_path / "set")
    zips = [
        pack(root / f"ISIC2018_Task3_{side}_Input", tmp_path / f"{side}.zip")
        for side in ("Training", "Validation", "Test")
    ]
    tables = pack(root / "ISIC2018_Task3_Training_GroundTruth", tmp_path / "truth.zip")
    answer = import_datasets([*zips, tables], tmp_path / "out" / "manifest.csv")
    assert answer.n == 3 and [problem.image.rpartition("/")[2] for problem in answer.problems] == [
        "ISIC_0000000",
        "Validation.zip",
        "Test.zip",
    ]


@pytest.mark.parametrize(
    "image", ["../outside.jpg", "/outside.jpg", "x/../../outside.jpg", "..\\outside.jpg"]
)
def test_a_manifest_in_a_zip_names_nothing_outside_it(tmp_path, image):
    outside = draw(tmp_path / "out" / "outside.jpg", "secret")
    write_photos(tmp_path / "set", "a.jpg", "b.jpg")
    named = str(outside) if image == "/outside.jpg" else image
    write_csv(tmp_path / "set" / "manifest.csv", "image label", [("a.jpg", 0), ("b.jpg", 1), (named, 1)])
    (tmp_path / "set" / "manifest.csv").rename(tmp_path / "manifest.csv")
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for name in ("a.jpg", "b.jpg"):
            archive.write(tmp_path / "set" / name, name)
        archive.write(tmp_path / "manifest.csv", "manifest.csv")
    answer = import_datasets(tmp_path / "s.zip", tmp_path / "out" / "m.csv")
    assert (
        answer.n == 2
        and [problem.image for problem in answer.problems] == [named]
        and "left out; expected a path below the manifest" in answer.problems[0].error
    )


def test_a_manifest_in_a_folder_may_name_whole_paths_but_not_climb(tmp_path):
    far = draw(tmp_path / "far" / "b.jpg", "far")
    draw(tmp_path / "set" / "a.jpg", "a")
    write_csv(tmp_path / "set" / "manifest.csv", "image label", [("a.jpg", 0), (far, 1), ("../far/b.jpg", 1)])
    answer = import_datasets(tmp_path / "set", tmp_path / "manifest.csv")
    assert answer.n == 2 and [problem.image for problem in answer.problems] == ["../far/b.jpg"]
    assert answer.problems[0].error.endswith(
        "expected a path below the manifest: name the manifest itself where you trust it"
    )


def test_a_manifest_that_is_named_itself_is_ones_own_and_may_climb(tmp_path):
    for name in ("far/b.jpg", "set/a.jpg"):
        draw(tmp_path / name, name)
    path = write_csv(tmp_path / "set" / "split.csv", "image label", [("a.jpg", 0), ("../far/b.jpg", 1)])
    answer = import_datasets(path, tmp_path / "m.csv")
    assert (
        answer.n == 2
        and answer.problems == ()
        and read(tmp_path / "m.csv")["image"].tolist() == ["set/a.jpg", "far/b.jpg"]
    )


def test_a_manifest_of_which_every_path_climbs_is_a_data_error(tmp_path):
    draw(tmp_path / "a.jpg", "a")
    write_csv(tmp_path / "set" / "manifest.csv", "image label", [("../a.jpg", 0)])
    with pytest.raises(
        DataError,
        match=r"none of its 1 photographs can be used; the first: \.\./a\.jpg: leads out of the manifest's "
        r"folder",
    ):
        import_datasets(tmp_path / "set", tmp_path / "m.csv")


def test_a_member_with_a_name_that_leads_outside_is_among_the_problems(tmp_path):
    path = pack(write_mednode(tmp_path / "mednode"), tmp_path / "m.zip", **{"../evil.jpg": "evil"})
    answer = import_datasets(path, tmp_path / "out" / "manifest.csv")
    assert (
        answer.n == 4
        and [problem.image for problem in answer.problems] == [f"{path}/../evil.jpg"]
        and not (tmp_path / "out" / "evil.jpg").exists()
    )


def test_real_photographs_in_split_folders(photographs, tmp_path):
    answer = import_datasets(photographs / "malignant_vs_benign" / "test", tmp_path / "manifest.csv")
    assert (answer.n, answer.n_malignant, answer.problems) == (660, 300, ())
