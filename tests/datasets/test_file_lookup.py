"""The photograph of a name is found, or it is said that there are several."""

import pytest

from lentigo.datasets import file_lookup
from lentigo.datasets.file_lookup import FileLookup, find_isic_id, strip_name
from lentigo.images.problems import Problem


def write(folder, **files):
    """Files by their name with / as __ and . as _: their content."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_jpg", ".jpg").replace("_png", ".png").replace(
            "_heic", ".heic"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return FileLookup([folder])


def test_a_name_is_found_with_and_without_folder_and_suffix_in_any_case(tmp_path):
    places = write(tmp_path, part__A1_jpg="a")
    assert {places.find(name) for name in ("A1", "a1", "A1.jpg", "elsewhere/A1.JPG", "else\\a1.png")} == {
        tmp_path / "part" / "A1.jpg"
    }
    assert places.find("A2") is None


def test_of_two_the_nearer_is_meant(tmp_path):
    assert (
        write(tmp_path, one__a_jpg="near", two__deeper__a_jpg="far").find("a") == tmp_path / "one" / "a.jpg"
    )


def test_two_that_differ_are_not_guessed_at(tmp_path):
    answer = write(tmp_path, one__a_jpg="this", two__a_jpg="that").find("a")
    assert answer == Problem(
        "a",
        f"2 different files have that name ({tmp_path}/one/a.jpg, {tmp_path}/two/a.jpg); expected one: "
        "rename or remove the others",
    )


def test_two_of_the_same_content_are_one(tmp_path):
    assert write(tmp_path, one__a_jpg="same", two__a_jpg="same").find("a") == tmp_path / "one" / "a.jpg"


@pytest.mark.parametrize(
    "aside", ["masks", "ISIC2018_Task1_Training_GroundTruth", "HAM10000_segmentations_lesion"]
)
def test_a_mask_of_that_name_is_not_meant(tmp_path, aside):
    assert (
        write(tmp_path, images__a_jpg="photo", **{f"{aside}__a_png": "mask"}).find("a")
        == tmp_path / "images" / "a.jpg"
    )


def test_a_file_that_can_be_read_is_meant_rather_than_one_that_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(file_lookup, "UNREAD", frozenset({".heic"}))  # as without the extra `heic`
    assert write(tmp_path, a_heic="phone", a_jpg="saved").find("a") == tmp_path / "a.jpg"


@pytest.mark.parametrize("mask", ["a_segmentation", "A_Segmentation", "a_lesion", "a_mask"])
def test_a_mask_is_found_by_the_end_of_its_name(tmp_path, mask):
    assert (
        write(tmp_path, a_jpg="photo", **{f"masks__{mask}_png": "mask"}).find_mask("a")
        == tmp_path / "masks" / f"{mask}.png"
    )
    assert write(tmp_path, b_jpg="photo").find_mask("b") is None


def test_the_first_folder_comes_before_the_others(tmp_path):
    write(tmp_path / "x", deep__deeper__a_jpg="this")
    write(tmp_path / "y", a_jpg="that")
    assert (
        FileLookup([tmp_path / "x", tmp_path / "y"]).find("a") == tmp_path / "x" / "deep" / "deeper" / "a.jpg"
    )


@pytest.mark.parametrize(
    "name, stem", [("a b.jpg", "a b"), ("x/ü.PNG", "ü"), ("v1.2", "v1.2"), ("皮膚.bmp", "皮膚")]
)
def test_only_the_suffix_of_a_photograph_is_one(name, stem):
    assert strip_name(name) == stem


def test_isic_numbers_are_seen_at_the_start_of_a_name_only():
    assert [
        find_isic_id(name)
        for name in ("ISIC_0000001.jpg", "a/isic_0000001_downsampled", "x_ISIC_0000001", "ISIC_1")
    ] == ["ISIC_0000001", "ISIC_0000001", None, None]
