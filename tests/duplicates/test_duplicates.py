"""Duplicates: a copy is found whatever was done to it and its change is named; what looks alike only is left
alone.
"""

import json
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.duplicates.fingerprints import Fingerprint, describe_pixels, turn_low
from lentigo.duplicates.pairing import find_duplicates, pair_fingerprints
from lentigo.duplicates.verification import map_turn, match_turn
from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.images.synthetic_lesions import draw_synthetic_lesion

LESIONS = [draw_synthetic_lesion(label, seed).image for seed in range(8) for label in ("benign", "malignant")]
PHOTO = LESIONS[3]


def rotate(pixels: np.ndarray, angle: float, border: int = cv2.BORDER_REFLECT) -> np.ndarray:
    """Counterclockwise, in degrees."""
    return cv2.warpAffine(
        pixels,
        cv2.getRotationMatrix2D((111.5, 111.5), angle, 1),
        (224, 224),
        flags=cv2.INTER_CUBIC,
        borderMode=border,
    )


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


@pytest.fixture
def search(tmp_path):
    """Gives the duplicates among pictures, each a photograph on disk, in their order."""

    def find(images: list[np.ndarray], quality: int | None = None, **options):
        for number, pixels in enumerate(images):
            name = f"{number:02d}.jpg" if quality and number else f"{number:02d}.png"
            written = {"quality": quality} if quality and number else {"compress_level": 1}
            Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / name, **written)
        return find_duplicates(sorted(tmp_path.glob("*.*g")), **options)

    return find


@cache
def describe_lesion(number: int) -> Fingerprint:
    """The fingerprint of one of `LESIONS`."""
    return describe_pixels(LESIONS[number])


def pair_with_photo(copy: np.ndarray):
    """The duplicates among PHOTO, a picture and four lesions. No file is written: fingerprints taken before
    give the same duplicates, as a test below holds.
    """
    others = [describe_lesion(number) for number in range(4, 8)]
    fingerprints = [describe_lesion(3), describe_pixels(np.ascontiguousarray(copy)), *others]
    return pair_fingerprints([f"{number}.png" for number in range(6)], fingerprints).pairs


NEAR = {
    "resized x 0.4": resize(PHOTO, 90, 90),
    "resized x 2": resize(PHOTO, 448, 448),
    "squeezed": resize(PHOTO, 168, 224),
    "darker": np.uint8(PHOTO * 0.7),
    "other colours": np.uint8(255 * (PHOTO / 255.0) ** [0.7, 1.1, 1.3]),
    "grey": PHOTO[..., 1:2].repeat(3, axis=2),
    "mirrored": PHOTO[:, ::-1],
    "turned by 90": np.rot90(PHOTO),
    "turned by 180": np.rot90(PHOTO, 2),
    "mirrored and turned": np.rot90(PHOTO[:, ::-1], 3),
}
PARTIAL = {
    "cropped by 5%": PHOTO[6:219, 0:213],
    "cropped by 20%": PHOTO[10:189, 40:219],
    "cropped by 30%, to another shape": PHOTO[30:190, 20:220],
    "rotated": rotate(PHOTO, 33),
    "rotated, black corners": rotate(PHOTO, -60, cv2.BORDER_CONSTANT),
    "rotated and mirrored": rotate(PHOTO[:, ::-1], 120),
    "shifted": cv2.warpAffine(
        PHOTO, np.float32([[1, 0, 25], [0, 1, -30]]), (224, 224), borderMode=cv2.BORDER_REFLECT
    ),
}


@pytest.mark.parametrize("copy", NEAR.values(), ids=NEAR)
def test_a_whole_copy_is_near(copy):
    (duplicate,) = pair_with_photo(copy)
    assert (duplicate.a, duplicate.b, duplicate.kind) == (0, 1, "near")


@pytest.mark.parametrize("copy", PARTIAL.values(), ids=PARTIAL)
def test_a_part_or_a_rotated_copy_is_partial(copy):
    (duplicate,) = pair_with_photo(copy)
    assert (duplicate.a, duplicate.b, duplicate.kind) == (0, 1, "partial")


@pytest.mark.parametrize("quality", [90, 30])
def test_a_compressed_copy_is_near(search, quality):
    (duplicate,) = search([PHOTO, PHOTO], quality).pairs
    assert duplicate.kind == "near" and duplicate.score > 0.7


def test_equal_pixels_are_exact_whatever_the_file(search):
    (duplicate,) = search([PHOTO, LESIONS[0], PHOTO]).pairs
    assert (duplicate.a, duplicate.b, duplicate.kind, duplicate.score) == (0, 2, "exact", 1.0)


def test_different_lesions_are_no_duplicates(search):
    duplicates = search(LESIONS)
    assert duplicates.pairs == () and len(set(duplicates.groups)) == len(LESIONS) and duplicates.compared > 0


def test_different_lesions_in_one_frame_are_no_duplicates(search):
    """All photographs of a lens have its dark surround."""
    y, x = np.mgrid[:224, :224] - 111.5
    inside = np.clip(95 - np.hypot(x, y), 0, 6)[..., None] / 6
    duplicates = search([np.uint8(image * inside) for image in LESIONS])
    assert duplicates.pairs == () and not duplicates.blank


def test_a_copy_is_found_within_a_frame(search):
    y, x = np.mgrid[:224, :224] - 111.5
    inside = (np.hypot(x, y) < 95)[..., None]
    (duplicate,) = search([PHOTO * inside, np.rot90(PHOTO) * inside, *LESIONS[4:8]]).pairs
    assert duplicate.transformation.angle == pytest.approx(90, abs=1)


def test_rotation_is_measured_counterclockwise(search):
    (duplicate,) = search([PHOTO, rotate(PHOTO, 33)]).pairs
    assert (
        duplicate.transformation.angle == pytest.approx(33, abs=0.5) and not duplicate.transformation.mirrored
    )
    assert duplicate.transformation.scale == pytest.approx(
        1, abs=0.01
    ) and duplicate.transformation.squeeze == pytest.approx(1, abs=0.02)


def test_mirroring_comes_before_turning(search):
    (duplicate,) = search([PHOTO, rotate(PHOTO[:, ::-1], 120)]).pairs
    assert duplicate.transformation.mirrored and duplicate.transformation.angle == pytest.approx(120, abs=0.5)


@pytest.mark.parametrize("turn", range(8))
def test_turns_are_named(search, turn):
    (duplicate,) = search([PHOTO, np.rot90(PHOTO[:, ::-1] if turn >= 4 else PHOTO, turn % 4)]).pairs
    assert duplicate.transformation.mirrored == (turn >= 4)
    assert (duplicate.transformation.angle - 90 * turn + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


def test_scale_is_in_pixels_of_the_files(search):
    (duplicate,) = search([PHOTO, resize(PHOTO, 90, 90)]).pairs
    assert duplicate.transformation.scale == pytest.approx(90 / 224, rel=0.01)


def test_overlap_is_the_share_that_a_crop_keeps(search):
    (duplicate,) = search([PHOTO, PHOTO[10:189, 40:219]]).pairs
    assert duplicate.transformation.overlap == pytest.approx(
        (179 / 224) ** 2, abs=0.01
    ) and duplicate.transformation.scale == pytest.approx(1, abs=0.01)


def test_shift_is_a_share_of_the_second(search):
    (duplicate,) = search([PHOTO, PARTIAL["shifted"]]).pairs
    assert duplicate.transformation.shift == pytest.approx((25 / 224, -30 / 224), abs=0.005)


def test_copies_of_a_copy_are_one_group(search):
    duplicates = search([PHOTO, LESIONS[0], PHOTO[:, ::-1], PHOTO[20:200, 20:200], PHOTO, LESIONS[1]])
    groups = [np.flatnonzero(duplicates.groups == number).tolist() for number in np.unique(duplicates.groups)]
    assert sorted(groups) == [[0, 2, 3, 4], [1], [5]]


def test_each_pair_of_a_few_copies_is_listed(search):
    duplicates = search([PHOTO, PHOTO, PHOTO[:, ::-1], PHOTO[20:200, 20:200]])
    assert sorted(tuple(sorted((duplicate.a, duplicate.b))) for duplicate in duplicates.pairs) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
        (2, 3),
    ]


def test_many_equal_files_are_one_group_of_few_pairs(search):
    duplicates = search([PHOTO] * 12)
    assert len(set(duplicates.groups)) == 1 and len(duplicates.pairs) == 11


def test_more_copies_than_neighbours_are_all_paired(search):
    copies = [PHOTO[top : top + 190, left : left + 190] for top in (0, 9, 18, 27) for left in (0, 9, 18, 27)]
    duplicates = search([*copies, *LESIONS[4:8]])
    assert len(duplicates.pairs) == 16 * 15 // 2


def test_another_photograph_of_bland_skin_is_no_duplicate(search):
    rng = np.random.default_rng(0)
    skin = [np.clip(rng.normal((214, 166, 142), 3, (224, 224, 3)), 0, 255).astype(np.uint8) for _ in range(6)]
    assert search(skin).pairs == ()


def test_blank_pictures_are_no_duplicates_even_where_they_are_equal(search):
    duplicates = search([np.full((224, 224, 3), value, np.uint8) for value in (0, 0, 128, 255)])
    assert duplicates.pairs == () and duplicates.blank == (0, 1, 2, 3) and len(set(duplicates.groups)) == 4


def test_unreadable_files_are_listed_and_no_duplicates(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no photograph")
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / "d.jpg").write_bytes(b"")
    duplicates = find_duplicates(tmp_path)
    assert len(duplicates.problems) == 4 and duplicates.pairs == () and len(set(duplicates.groups)) == 4


def test_two_files_of_one_name_are_two_photographs(tmp_path):
    for folder in ("benign", "malignant"):
        (tmp_path / folder).mkdir()
        Image.fromarray(PHOTO).save(tmp_path / folder / "mole one.png")
    duplicates = find_duplicates(load_dataset(tmp_path))
    assert [
        (duplicates.images[duplicate.a], duplicates.images[duplicate.b]) for duplicate in duplicates.pairs
    ] == [tuple(str(tmp_path / f / "mole one.png") for f in ("benign", "malignant"))]


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (40, 2000)])
def test_pictures_of_odd_sizes_do_no_harm(search, size):
    odd = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert [(duplicate.a, duplicate.b) for duplicate in search([PHOTO, odd, PHOTO[:, ::-1]]).pairs] == [
        (0, 2)
    ]


def test_nothing_gives_nothing():
    duplicates = find_duplicates([])
    assert duplicates.pairs == () and duplicates.groups.shape == (0,)


def test_pairs_across_two_sets(search):
    duplicates = search([PHOTO, LESIONS[0], PHOTO[:, ::-1], LESIONS[0][:, ::-1]])
    assert [
        (duplicate.a, duplicate.b) for duplicate in duplicates.across(["ours", "ours", "ours", "theirs"])
    ] == [(1, 3)]


def test_the_same_photographs_give_the_same_duplicates(search):
    images = [*LESIONS[:6], PHOTO[20:200, 20:200], rotate(PHOTO, 33)]
    first, second = search(images), search(images, threads=1)
    assert first.pairs == second.pairs and first.compared == second.compared


def test_embeddings_propose_and_do_not_decide(search):
    assert search(LESIONS[:8], embeddings=np.ones((8, 4))).pairs == ()


def test_embeddings_of_another_number_are_refused(search):
    with pytest.raises(UsageError, match="3 embeddings for 2 photographs"):
        search(LESIONS[:2], embeddings=np.ones((3, 4)))


def test_fingerprints_taken_before_give_the_same_duplicates(search):
    images = [PHOTO, *LESIONS[4:8], PHOTO[20:200, 20:200], PHOTO]
    found = search(images)
    assert (
        pair_fingerprints(found.images, [describe_pixels(pixels) for pixels in images]).pairs == found.pairs
    )


def test_a_problem_in_place_of_a_fingerprint_stays_one():
    problem = Problem("b.jpg", "not a photograph")
    duplicates = pair_fingerprints(
        ["a.jpg", "b.jpg", "c.jpg"], [describe_pixels(PHOTO), problem, describe_pixels(PHOTO[:, ::-1])]
    )
    assert duplicates.problems == (problem,) and [
        (duplicate.a, duplicate.b) for duplicate in duplicates.pairs
    ] == [(0, 2)]


def test_fingerprints_of_another_number_are_refused():
    with pytest.raises(UsageError, match="1 fingerprints for 2 photographs"):
        pair_fingerprints(["a.jpg", "b.jpg"], [describe_pixels(PHOTO)])


def test_the_answer_becomes_json(search):
    said = json.loads(json.dumps(search([PHOTO, PHOTO[:, ::-1]]).to_json()))
    assert (
        said["n"] == 2 and said["groups"] == 1 and {"a", "b", "kind", "score"} <= set(said["duplicates"][0])
    )


@pytest.mark.parametrize("turn", range(8))
def test_turned_frequencies_are_those_of_the_turned_picture(turn):
    turned = np.ascontiguousarray(np.rot90(PHOTO[:, ::-1] if turn >= 4 else PHOTO, turn % 4))
    before, after = describe_pixels(PHOTO), describe_pixels(turned)
    np.testing.assert_allclose(turn_low(before.low[None])[0, turn], after.low, atol=1e-4)
    assert match_turn(before, after, turn).score > 0.99


def test_a_turn_maps_corners_to_corners():
    np.testing.assert_allclose(map_turn((10, 20), (20, 10), 3) @ [0, 0, 1], [9, 0], atol=1e-9)
