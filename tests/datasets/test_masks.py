"""Masks: every way to write one gives the same array, and what looks wrong is listed, never mended in
silence.
"""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.mask_reading import read_mask, resize_mask
from lentigo.datasets.masks import check_masks, list_masks, load_masks, looks_inverted
from lentigo.errors import DataError, ImageError, UsageError


def disc(width: int = 64, height: int = 48, radius: float = 15) -> np.ndarray:
    """A round lesion in the middle, uint8 (height, width) of 0 and 1."""
    y, x = np.mgrid[:height, :width]
    return (np.hypot(x - width / 2, y - height / 2) < radius).astype(np.uint8)


def pair(
    folder, mask: np.ndarray | None, name: str = "a", size: tuple[int, int] = (64, 48)
) -> dict[str, str]:
    """A photograph of `size` and its mask, grey levels; the manifest's row."""
    shade = sum(name.encode()) % 256
    Image.new("RGB", size, (shade, 120, 90)).save(folder / f"{name}.jpg")
    if mask is not None:
        Image.fromarray(mask).save(folder / f"{name}.png")
    return {"image": f"{name}.jpg", "mask": f"{name}.png"}


def write(folder, *rows: dict):
    """A manifest of rows."""
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


def complain(folder, mask: np.ndarray, **options) -> str:
    """What is said of one pair beside a good one."""
    good = pair(folder, disc() * 255, "good")
    masks = load_masks(write(folder, good, pair(folder, mask, "odd", **options)))
    assert [image.rpartition("/")[2] for image in masks.table["image"]] == ["good.jpg"]
    (problem,) = masks.problems
    assert problem.image == str(folder / "odd.jpg")
    return problem.error


def forms() -> dict[str, Image.Image]:
    """The same outline in all the ways in which tools write one."""
    mask = disc()
    white = Image.fromarray(mask * 255)
    coloured = np.zeros((*mask.shape, 4), np.uint8)
    coloured[..., 0], coloured[..., 3] = mask * 255, 255
    palette = Image.fromarray(mask).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    drawn = np.zeros((*mask.shape, 4), np.uint8)
    drawn[..., 3] = mask * 255
    return {
        "0 and 255": white,
        "0 and 1": Image.fromarray(mask),
        "1-bit": white.convert("1"),
        "RGB": white.convert("RGB"),
        "RGBA": white.convert("RGBA"),
        "red": Image.fromarray(coloured),
        "palette": palette,
        "in the transparency": Image.fromarray(drawn),
        "16-bit": Image.fromarray(mask.astype(np.uint16) * 65535),
        "16-bit, 0 and 1": Image.fromarray(mask.astype(np.uint16)),
        "grey and alpha": Image.merge("LA", [white, Image.new("L", white.size, 255)]),
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_of_a_mask_gives_the_same_array(tmp_path, form):
    forms()[form].save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, disc())


def test_grey_levels_are_cut_at_half(tmp_path):
    Image.fromarray(np.array([[0, 60, 127, 128, 200, 255]], np.uint8)).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[0, 0, 0, 1, 1, 1]]


def test_a_mask_saved_as_jpeg_is_cut_at_half(tmp_path):
    Image.fromarray(disc() * 255).save(tmp_path / "mask.jpg", quality=60)
    assert (read_mask(tmp_path / "mask.jpg") != disc()).mean() < 0.01


def test_resizing_keeps_the_boundary_where_it_is():
    large, small = resize_mask(disc(640, 640, 200), 224), disc(224, 224, 200 * 224 / 640)
    assert (large != small).mean() < 0.005
    assert set(np.unique(large)) == {0, 1}


def test_a_size_is_a_side_or_width_and_height(tmp_path):
    Image.fromarray(disc() * 255).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", 32).shape == (32, 32)
    assert read_mask(tmp_path / "mask.png", (128, 96)).shape == (96, 128)


def test_a_file_that_is_no_picture_is_an_error(bad):
    with pytest.raises(ImageError, match="not a photograph"):
        read_mask(bad)


# --- the manifest


def test_a_manifest_gives_paths_splits_and_labels(tmp_path):
    rows = [pair(tmp_path, disc() * 255, name) for name in "ab"]
    masks = load_masks(
        write(tmp_path, rows[0] | {"split": "train", "label": "benign"}, rows[1] | {"split": "test"})
    )
    assert masks.table["mask"].tolist() == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert masks.table["split"].tolist() == ["train", "test"]
    assert masks.table["label"].tolist() == ["benign", None]
    assert masks.problems == ()


def test_a_split_is_taken_alone_and_the_others_stay_closed(tmp_path):
    rows = [pair(tmp_path, disc() * 255, name) for name in "ab"]
    (tmp_path / "b.png").write_bytes(b"never opened")
    masks = load_masks(write(tmp_path, rows[0] | {"split": "train"}, rows[1] | {"split": "test"}), "train")
    assert len(masks) == 1 and not masks.problems


def test_synthetic_lesions_have_masks_and_both_labels(synthetic_lesions):
    masks = load_masks(synthetic_lesions)
    assert len(masks) == 48 and masks.labelled and not masks.problems


def test_labels_of_one_class_are_not_enough_for_a_classifier(tmp_path):
    assert not load_masks(write(tmp_path, pair(tmp_path, disc() * 255) | {"label": "benign"})).labelled


def test_the_fingerprint_follows_the_masks(tmp_path):
    before = load_masks(write(tmp_path, pair(tmp_path, disc() * 255))).fingerprint
    assert load_masks(tmp_path).fingerprint == before
    pair(tmp_path, disc(radius=10) * 255)
    assert load_masks(tmp_path).fingerprint != before


def test_a_mask_of_the_same_shape_and_another_size_is_taken(tmp_path):
    assert len(load_masks(write(tmp_path, pair(tmp_path, disc(320, 240, 60) * 255)))) == 1


def test_a_mask_of_another_shape_is_listed(tmp_path):
    assert "is 48 x 48, the photograph 64 x 48; expected the same shape" in complain(
        tmp_path, disc(48, 48) * 255
    )


def test_an_inverted_mask_is_listed_and_not_flipped(tmp_path):
    assert "looks inverted" in complain(tmp_path, 255 - disc() * 255)


def test_a_lesion_that_fills_the_photograph_is_not_inverted():
    assert not looks_inverted(disc(64, 64, 40) == 1)


def test_an_empty_mask_is_listed(tmp_path):
    assert "is empty: all of it is background" in complain(tmp_path, disc() * 0)


@pytest.mark.parametrize(
    ("background", "lesion"), [(0, 127), (0, 2), (0, 90), (1, 2), (0, 128), (127, 255), (0, 3)]
)
def test_of_two_levels_the_brighter_one_is_the_lesion(tmp_path, background, lesion):
    Image.fromarray(np.where(disc() > 0, lesion, background).astype(np.uint8)).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), disc())


@pytest.mark.parametrize("level", [1000, 255, 32768])
def test_two_levels_of_16_bits_are_read_alike(tmp_path, level):
    Image.fromarray(disc().astype(np.uint16) * level).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), disc())


@pytest.mark.parametrize("level", [127, 128, 150])
def test_two_levels_blurred_by_jpeg_are_told_apart(tmp_path, level):
    Image.fromarray(disc() * np.uint8(level)).save(tmp_path / "mask.jpg", quality=70)
    assert (read_mask(tmp_path / "mask.jpg") != disc()).mean() < 0.01


def test_a_rim_between_two_levels_is_cut_at_half(tmp_path):
    levels = disc() * 2
    y, x = np.argwhere(levels)[0]
    levels[y, x] = 1
    Image.fromarray(levels).save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png") == disc()).all()


def test_a_map_of_several_classes_is_listed_with_its_levels(tmp_path):
    levels = disc() + disc(radius=8)
    assert "holds the levels 0, 1, 2, as a map of several classes does; expected two levels" in complain(
        tmp_path, levels
    )


# --- photographs that EXIF turns


def turn_photo(folder, orientation: int, kind: str = "jpg") -> None:
    """Stores the photograph `odd` turned, so that EXIF brings it upright at 64 x 48."""
    stored = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
        5: Image.Transpose.TRANSPOSE,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (64, 48), (1, 120, 90)).transpose(stored).save(folder / f"odd.{kind}", exif=exif)


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_a_mask_of_the_upright_photograph_is_taken(tmp_path, orientation, kind):
    pair(tmp_path, disc() * 255, "odd")
    turn_photo(tmp_path, orientation, kind)
    masks = load_masks(
        write(
            tmp_path,
            {"image": f"odd.{kind}", "mask": "odd.png"}
            if kind != "png"
            else pair_of_png(tmp_path, orientation),
        )
    )
    assert len(masks) == 1 and not masks.problems


def pair_of_png(folder, orientation: int) -> dict[str, str]:
    """As `turn_photo`, with the mask under a name of its own."""
    Image.fromarray(disc() * 255).save(folder / "odd_mask.png")
    turn_photo(folder, orientation, "png")
    return {"image": "odd.png", "mask": "odd_mask.png"}


def test_a_mask_of_the_stored_pixels_is_listed_with_the_cure(tmp_path):
    row = pair(tmp_path, np.rot90(disc()) * 255, "odd")
    turn_photo(tmp_path, 6)
    good = pair(tmp_path, disc() * 255, "good")
    (problem,) = load_masks(write(tmp_path, row, good)).problems
    assert (
        "is 48 x 64, the photograph 64 x 48 as its EXIF turns it upright" in problem.error
        and problem.error.endswith("turn the mask likewise")
    )


def test_a_mask_that_exif_turns_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(disc() * 255).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "mask.png", exif=exif)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), disc())


def test_several_blobs_are_kept(tmp_path):
    two = np.concatenate([disc(32, 48, 8), disc(32, 48, 5)], axis=1)
    masks = load_masks(write(tmp_path, pair(tmp_path, two * 255)))
    assert read_mask(masks.table["mask"][0]).sum() == two.sum()


def test_a_photograph_without_a_mask_is_listed(tmp_path):
    masks = load_masks(
        write(tmp_path, pair(tmp_path, disc() * 255), pair(tmp_path, None, "b") | {"mask": " "})
    )
    assert len(masks) == 1 and "has no mask" in masks.problems[0].error


def test_a_mask_file_that_is_missing_is_listed(tmp_path):
    masks = load_masks(write(tmp_path, pair(tmp_path, disc() * 255), pair(tmp_path, None, "b")))
    assert len(masks) == 1 and "b.png: cannot be read (No such file or directory)" in masks.problems[0].error


def test_a_photograph_that_is_missing_or_damaged_is_listed(tmp_path, bad):
    rows = [
        pair(tmp_path, disc() * 255),
        {"image": "none.jpg", "mask": "a.png"},
        {"image": "bad.jpg", "mask": "a.png"},
    ]
    errors = [problem.error for problem in load_masks(write(tmp_path, *rows)).problems]
    assert errors[0] == "no such file" and "not a photograph" in errors[1]


def test_a_damaged_mask_is_listed(tmp_path):
    rows = [pair(tmp_path, disc() * 255), pair(tmp_path, disc() * 255, "b")]
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    (problem,) = load_masks(write(tmp_path, *rows)).problems
    assert problem.image.endswith("b.jpg") and "b.png" in problem.error


def test_listing_opens_no_file(tmp_path):
    masks = list_masks(write(tmp_path, pair(tmp_path, disc() * 0)))
    assert len(masks) == 1 and not masks.problems
    with pytest.raises(
        DataError, match=r"none of its 1 masks can be used; the first: .*a.jpg: its mask .* is empty"
    ):
        check_masks(masks)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("image,label\na.jpg,benign\n", "lacks the column mask"),
        ("image,mask\na.jpg,\n", "none of its 1 rows names a mask"),
        ("image,mask,label\na.jpg,a.png,song\n", r"column 'label': not understood: 'song' \(1\)"),
        ("image,mask\n", "none of its 0 rows names a mask"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(tmp_path, content, complaint):
    pair(tmp_path, disc() * 255)
    (tmp_path / "manifest.csv").write_text(content)
    with pytest.raises(DataError, match=complaint):
        load_masks(tmp_path)


def test_a_folder_without_a_manifest_says_what_was_expected(tmp_path):
    with pytest.raises(
        DataError, match=r"holds no manifest\.csv or manifest\.parquet; expected a manifest with image,mask"
    ):
        load_masks(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        load_masks(tmp_path / "none")


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown"):
        load_masks(write(tmp_path, pair(tmp_path, disc() * 255)), "both")


def test_real_masks_are_read_without_a_problem(photographs):
    masks = load_masks(photographs / "lesion_masks")
    assert len(masks) == 360 and not masks.problems
