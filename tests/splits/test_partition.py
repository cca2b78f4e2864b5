"""A split in three: whole groups, even classes and sources, the same for the same contents, kept when
photographs are added.
"""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.splits.frozen_splits import name_relative, read_earlier, require_new, write_manifest
from lentigo.splits.partition import Shares, split_dataset


def make(folder, n=120, seed=0, **columns):
    """A manifest of n files of a few bytes, a third of them malignant; they are no photographs, so no
    duplicates are looked for.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for row in range(n):
        (folder / f"{row:04d}.jpg").write_bytes(f"content {row}".encode())
    table = pd.DataFrame(
        {
            "image": [f"{row:04d}.jpg" for row in range(n)],
            "label": np.where(rng.random(n) < 0.33, "malignant", "benign"),
            **columns,
        }
    )
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def split(folder, *shares, **options):
    return split_dataset(folder, Shares(*shares), **{"duplicates": False, **options})


def list_splits(partition):
    """The part of each photograph by its name."""
    return {
        image.rpartition("/")[2]: part
        for image, part in zip(
            partition.dataset.table["image"], partition.dataset.table["split"], strict=True
        )
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Six lesions of each class, one of each class twice more: turned, and mirrored."""
    folder = tmp_path_factory.mktemp("drawn")
    for label in ("benign", "malignant"):
        (folder / label).mkdir()
        for number in range(6):
            image = draw_synthetic_lesion(label, number).image
            Image.fromarray(image).save(folder / label / f"{number}.png")
        image = draw_synthetic_lesion(label, 0).image
        Image.fromarray(np.rot90(image).copy()).save(folder / label / "turned.png")
        Image.fromarray(image[:, ::-1].copy()).save(folder / label / "mirrored.png")
    return folder


@pytest.fixture
def lesions(drawn, tmp_path):
    """A copy of `drawn`, to which a test may add photographs."""
    return shutil.copytree(drawn, tmp_path / "photos")


# --- groups and shares


def test_duplicates_are_in_one_split(lesions):
    partition = split_dataset(lesions)
    parts, table = list_splits(partition), partition.dataset.table
    for label in ("benign", "malignant"):
        assert (
            table.loc[table["image"].str.contains(rf"{label}/(?:0|turned|mirrored).png"), "split"].nunique()
            == 1
        )
    assert (
        partition.duplicates == {"photographs": 6, "groups": 2}
        and len(parts) == 8
        and len(np.unique(partition.dataset.groups)) == 12
    )


def test_without_the_search_only_ids_and_files_count(lesions):
    shutil.copy(lesions / "benign" / "1.png", lesions / "benign" / "same.png")
    partition = split_dataset(lesions, duplicates=False)
    table = partition.dataset.table
    assert partition.duplicates is None and len(np.unique(partition.dataset.groups)) == 16
    assert table.loc[table["image"].str.contains(r"benign/(?:1|same).png"), "split"].nunique() == 1


def test_a_patient_stands_in_one_part(tmp_path):
    patients = np.random.default_rng(1).integers(0, 50, 120)
    table = split(make(tmp_path, patient_id=[f"p{n}" for n in patients])).dataset.table
    assert (table.groupby("patient_id")["split"].nunique() == 1).all()


def test_without_groups_each_class_has_its_share_to_the_photograph(tmp_path):
    partition = split(make(tmp_path, 500))
    assert partition.measure_distance()["label"] < 1


def test_sources_have_their_share_in_each_class(tmp_path):
    sources = np.random.default_rng(2).choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1])
    partition = split(
        make(tmp_path, 500, source=sources, site=np.random.default_rng(3).choice(["arm", "leg", None], 500))
    )
    distance = partition.measure_distance()
    assert set(distance) == {"label", "source", "site"} and max(distance.values()) <= 3
    counts = partition.count()
    assert (
        counts["n"].sum() == 500
        and list(counts.columns) == ["split", "label", "source", "n"]
        and counts["split"].iloc[0] == "train"
    )


def test_a_column_with_a_value_of_its_own_for_each_photograph_does_no_harm(tmp_path):
    partition = split(make(tmp_path, 300, source=[f"https://{row}" for row in range(300)]))
    assert partition.measure_distance()["label"] < 2


@pytest.mark.parametrize(
    "shares, parts",
    [
        ((0.2, 0.2), {"train", "validation", "test"}),
        ((0, 0.3), {"train", "test"}),
        ((0.25, 0), {"train", "validation"}),
    ],
)
def test_splits_without_a_share_are_not_made(tmp_path, shares, parts):
    partition = split(make(tmp_path), *shares)
    assert set(partition.dataset.table["split"]) == parts == set(partition.wanted)


@pytest.mark.parametrize("shares", [(0, 0), (0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (float("nan"), 0.2)])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(UsageError, match="expected 0 to 1 each"):
        Shares(*shares)


# --- what decides


def test_names_and_order_do_not_matter(tmp_path):
    first = split(make(tmp_path / "a", source=["x", "y", "z"] * 40))
    folder = shutil.copytree(tmp_path / "a", tmp_path / "b")
    table = pd.read_csv(folder / "manifest.csv")
    for image in table["image"]:
        (folder / image).rename(folder / f"new-{hash(image) % 10**6}-{image}")
    table.assign(image=[f"new-{hash(image) % 10**6}-{image}" for image in table["image"]]).sample(
        frac=1, random_state=0
    ).to_csv(folder / "manifest.csv", index=False)
    second = split(folder)
    chosen = [
        dict(zip(each.dataset.digests, each.dataset.table["split"], strict=True)) for each in (first, second)
    ]
    assert chosen[0] == chosen[1]


def test_a_seed_decides(tmp_path):
    folder = make(tmp_path)
    first, same, other = (list_splits(split(folder, seed=seed)) for seed in (0, 0, 1))
    assert first == same != other


def test_a_split_that_was_given_is_not_kept(tmp_path):
    assert set(split(make(tmp_path, split=["train"] * 120)).dataset.table["split"]) == {
        "train",
        "validation",
        "test",
    }


# --- conflicts


def test_labels_that_differ_within_a_lesion_are_listed_and_stay(lesions):
    Image.fromarray(np.rot90(draw_synthetic_lesion("benign", 3).image, 2).copy()).save(
        lesions / "malignant" / "odd.png"
    )
    partition = split_dataset(lesions)
    (conflict,) = partition.conflicts
    assert {
        image.rpartition("photos/")[2]: label
        for image, label in zip(conflict.images, conflict.labels, strict=True)
    } == {
        "benign/3.png": "benign",
        "malignant/odd.png": "malignant",
    }
    assert len(partition.dataset) == 17 and partition.left_out == 0


def test_they_can_be_left_out(lesions):
    Image.fromarray(np.rot90(draw_synthetic_lesion("benign", 3).image, 2).copy()).save(
        lesions / "malignant" / "odd.png"
    )
    partition = split_dataset(lesions, drop_conflicts=True)
    assert len(partition.dataset) == 15 and partition.left_out == 2 and len(partition.conflicts) == 1


def test_a_patient_with_both_kinds_of_lesion_is_no_conflict(tmp_path):
    assert split(make(tmp_path, patient_id=[f"p{row // 4}" for row in range(120)])).conflicts == ()


def test_a_file_with_two_labels_is_a_conflict(lesions):
    shutil.copy(lesions / "benign" / "1.png", lesions / "malignant" / "copy.png")
    assert len(split_dataset(lesions, duplicates=False).conflicts) == 1


# --- keeping


def write(partition, path):
    write_manifest(partition.dataset, path)
    return path


def test_added_photographs_move_no_old_one(tmp_path):
    old = split(make(tmp_path / "photos"))
    path = write(old, tmp_path / "old.csv")
    new = split(make(tmp_path / "photos", 200), keep=path)
    before, after = list_splits(old), list_splits(new)
    assert {name: after[name] for name in before} == before and len(after) == 200
    assert new.kept == 120 and new.moved == () and new.measure_distance()["label"] < 3


def test_photographs_are_known_by_content_when_files_are_renamed_or_gone(tmp_path):
    folder = make(tmp_path / "photos")
    old = split(folder)
    path = write(old, tmp_path / "old.csv")
    table = pd.read_csv(folder / "manifest.csv")
    for image in table["image"]:
        (folder / image).rename(folder / f"x{image}")
    table.assign(image="x" + table["image"]).to_csv(folder / "manifest.csv", index=False)
    new = split(folder, keep=path)
    assert {name[1:]: split for name, split in list_splits(new).items()} == list_splits(old)


def test_a_new_photograph_joins_its_patient_even_where_the_old_ones_are_gone(tmp_path):
    patients = [f"p{row // 2}" for row in range(120)]
    old = split(make(tmp_path / "photos", patient_id=patients))
    path = write(old, tmp_path / "old.csv")
    folder = make(tmp_path / "more", 200, seed=0, patient_id=[*patients, *[f"q{row}" for row in range(80)]])
    table = pd.read_csv(folder / "manifest.csv").drop(index=range(0, 120, 2))
    table.to_csv(folder / "manifest.csv", index=False)
    new = split(folder, keep=path).dataset.table.set_index("patient_id")["split"]
    known = old.dataset.table.drop_duplicates("patient_id").set_index("patient_id")["split"]
    shared = [patient for patient in new.index if patient in known.index]
    assert len(shared) == 60 and (new[shared] == known[shared]).all()


def test_what_turns_out_to_belong_together_goes_to_the_earliest_of_its_splits(tmp_path):
    old = split(make(tmp_path / "photos"))
    path = write(old, tmp_path / "old.csv")
    new = split(make(tmp_path / "photos", patient_id=[f"p{row // 2}" for row in range(120)]), keep=path)
    before, after, order = list_splits(old), list_splits(new), ("train", "validation", "test")
    for row in range(0, 120, 2):
        pair = [f"{row:04d}.jpg", f"{row + 1:04d}.jpg"]
        assert {after[name] for name in pair} == {min((before[name] for name in pair), key=order.index)}
    assert {image.rpartition("/")[2] for image in new.moved} == {
        name for name in before if before[name] != after[name]
    } and new.kept + len(new.moved) == 120


def test_an_earlier_manifest_without_hashes_is_read_by_its_files(tmp_path):
    folder = make(tmp_path / "photos")
    old = split(folder)
    path = write(old, tmp_path / "old.csv")
    pd.read_csv(path).drop(columns="sha256").to_csv(path, index=False)
    assert list_splits(split(folder, keep=path, seed=5)) == list_splits(old)


def test_keeping_a_part_that_is_not_asked_for_is_refused(tmp_path):
    folder = make(tmp_path / "photos")
    path = write(split(folder), tmp_path / "old.csv")
    with pytest.raises(UsageError, match="has test photographs, and none are asked for"):
        split(folder, 0.2, 0, keep=path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("image,label\na.jpg,benign\n", "has no split to keep"),
        ("image,label,split\na.jpg,benign,\n", "has no split to keep"),
        ("image,label,split\na.jpg,benign,exam\n", "split 'exam' is unknown"),
        ("split\ntest\n", "neither sha256 nor image"),
        ("", "not a readable manifest"),
    ],
)
def test_an_earlier_manifest_that_says_nothing_is_refused(tmp_path, text, words):
    (tmp_path / "old.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_earlier(tmp_path / "old.csv")


def test_an_earlier_manifest_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a readable manifest"):
        split(make(tmp_path / "photos"), keep=tmp_path / "none.csv")


# --- too little


@pytest.mark.parametrize(
    "malignant, shares, words",
    [
        (2, (0.2, 0.2), "2 groups .* of the class malignant; expected 3 at least"),
        (1, (0.2, 0), "1 group .* of the class malignant; expected 2 at least"),
        (0, (0.2, 0.2), "0 groups .* of the class malignant"),
    ],
)
def test_a_class_that_is_too_small_is_refused_with_the_cure(tmp_path, malignant, shares, words):
    make(tmp_path, 30)
    table = pd.read_csv(tmp_path / "manifest.csv").assign(
        label=["malignant"] * malignant + ["benign"] * (30 - malignant)
    )
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(DataError, match=f"{words}.*"):
        split(tmp_path, *shares)


def test_three_of_a_class_are_enough(tmp_path):
    make(tmp_path, 30)
    pd.read_csv(tmp_path / "manifest.csv").assign(label=["malignant"] * 3 + ["benign"] * 27).to_csv(
        tmp_path / "manifest.csv", index=False
    )
    table = split(tmp_path).dataset.table
    assert table.loc[table["label"] == "malignant", "split"].nunique() == 3


def test_one_patient_with_all_of_a_class_is_refused(tmp_path):
    make(tmp_path, 30)
    table = pd.read_csv(tmp_path / "manifest.csv").assign(
        label=["malignant"] * 10 + ["benign"] * 20, patient_id=["p"] * 10 + [f"q{row}" for row in range(20)]
    )
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(DataError, match=r"1 group .* of the class malignant"):
        split(tmp_path)


def test_a_kept_split_without_room_for_a_class_is_refused(tmp_path):
    folder = make(tmp_path / "photos", 30)
    pd.read_csv(folder / "manifest.csv").assign(split=["train"] * 29 + ["test"]).to_csv(
        tmp_path / "old.csv", index=False
    )
    table = pd.read_csv(tmp_path / "old.csv")
    table.assign(image="photos/" + table["image"]).to_csv(tmp_path / "old.csv", index=False)
    with pytest.raises(DataError, match="photograph is left for validation"):
        split(folder, keep=tmp_path / "old.csv")


def test_photographs_that_cannot_be_read_are_left_out_and_listed(lesions):
    (lesions / "benign" / "bad.png").write_bytes(b"no photograph")
    partition = split_dataset(lesions)
    (problem,) = partition.problems
    assert problem.image.endswith("bad.png") and len(partition.dataset) == 16


def test_none_that_can_be_read_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none of its 120 photographs can be read"):
        split(make(tmp_path), duplicates=True)


# --- the manifest


def test_the_manifest_is_read_as_it_was_made(lesions, tmp_path):
    partition = split_dataset(lesions)
    again = load_dataset(write(partition, tmp_path / "split.csv"))
    columns = ["image", "label", "split", "duplicate_group", "sha256"]
    pd.testing.assert_frame_equal(
        again.table[columns].fillna(""), partition.dataset.table[columns].fillna(""), check_dtype=False
    )
    assert again.fingerprint == partition.dataset.fingerprint
    assert pd.read_csv(tmp_path / "split.csv")["image"][0] == "photos/benign/0.png"


def test_parquet_is_written_too(lesions, tmp_path):
    pytest.importorskip("pyarrow")
    partition = split_dataset(lesions)
    assert list(load_dataset(write(partition, tmp_path / "split.parquet")).table["split"]) == list(
        partition.dataset.table["split"]
    )


def test_all_columns_are_kept_and_masks_still_found(synthetic_lesions, tmp_path):
    partition = split_dataset(synthetic_lesions)
    table = pd.read_csv(write(partition, tmp_path / "below" / "split.csv"))
    assert list(table)[:4] == ["image", "label", "split", "duplicate_group"] and list(table)[-1] == "sha256"
    assert {"lesion_id", "patient_id", "mask", "source", "license"} <= set(table)
    assert all((tmp_path / "below" / mask).is_file() for mask in table["mask"])


def test_files_are_named_relative_to_the_manifest_unless_only_the_root_is_shared(tmp_path):
    photograph = str(tmp_path / "a" / "x.jpg")
    assert name_relative(photograph, tmp_path) == "a/x.jpg"
    assert name_relative(photograph, tmp_path / "b" / "c") == "../../a/x.jpg"
    assert name_relative("/somewhere/x.jpg", tmp_path) == "/somewhere/x.jpg"
    assert name_relative(None, tmp_path) is None


def test_a_manifest_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"expected a name ending in \.csv or \.parquet"):
        write_manifest(
            Dataset("x", pd.DataFrame({"image": ["a.jpg"], "label": ["benign"]})), tmp_path / "split.json"
        )


def test_a_manifest_that_is_there_is_not_replaced_unless_it_is_kept(tmp_path):
    (tmp_path / "split.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        require_new(tmp_path / "split.csv", None)
    require_new(tmp_path / "split.csv", tmp_path / "split.csv")
    require_new(tmp_path / "new.csv", None)


# --- groups of unequal size


@pytest.fixture
def patients(tmp_path):
    """1,500 photographs: five patients with 200 each, and 500 with one; two sources."""
    names = [f"p{row // 200}" if row < 1000 else f"q{row}" for row in range(1500)]
    sources = np.where(np.arange(1500) % 3 == 0, "clinic", "archive")
    return make(tmp_path, 1500, patient_id=names, source=sources)


@pytest.mark.parametrize("shares", [(0.2, 0.2), (0, 0.2), (0.1, 0.3)])
def test_a_few_large_patients_leave_every_part_its_share(patients, shares):
    partition = split(patients, *shares)
    for part, wanted in partition.wanted.items():
        assert (partition.dataset.table["split"] == part).mean() == pytest.approx(wanted, abs=0.01)


def test_a_few_large_patients_leave_every_part_its_share_of_malignant_photographs(patients):
    partition = split(patients, 0.2, 0.2)
    shares = partition.dataset.table["split"][partition.dataset.malignant == 1].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx(partition.wanted, abs=0.02)
