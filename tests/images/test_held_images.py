"""Photographs in memory: what is taken, what is refused and with which cure, and that no path changes them."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.errors import ImageError, UsageError
from lentigo.images.held_images import HeldImage, hold_image, hold_images
from lentigo.images.photographs import read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "mole.png"
    Image.fromarray(PIXELS).save(path)
    return path


def open_as(kind, path):
    if kind == "bytes":
        return path.read_bytes()
    if kind == "bytearray":
        return bytearray(path.read_bytes())
    if kind == "file":
        return io.BytesIO(path.read_bytes())
    if kind == "image":
        return Image.open(path)
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "file", "image", "array"])
def test_a_photograph_in_memory_has_the_pixels_of_its_file(photograph, kind):
    held = read_image(hold_image(open_as(kind, photograph)))
    np.testing.assert_array_equal(held.pixels, read_image(photograph).pixels)


def test_an_image_that_pillow_has_opened_is_turned_upright_as_its_file_is(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(PIXELS).save(path, exif=exif)
    held = read_image(hold_image(Image.open(path)), side=None).pixels
    assert held.shape == (80, 60, 3)
    np.testing.assert_array_equal(held, read_image(path, side=None).pixels)


def test_grey_arrays_of_both_shapes_are_one_photograph():
    grey = PIXELS[:, :, 0]
    flat = read_image(hold_image(grey), side=None).pixels
    deep = read_image(hold_image(grey[:, :, None]), side=None).pixels
    np.testing.assert_array_equal(flat, np.stack([grey] * 3, axis=2))
    np.testing.assert_array_equal(flat, deep)


def test_an_array_need_not_be_contiguous():
    np.testing.assert_array_equal(read_image(hold_image(PIXELS[:, ::-1]), side=None).pixels, PIXELS[:, ::-1])


def test_a_file_is_read_from_its_start_and_named(photograph):
    with photograph.open("rb") as file:
        file.read(100)
        held = hold_image(file)
    assert held.name == str(photograph) and held.read() == photograph.read_bytes()


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        (PIXELS / 255, r"array of float64.*\(255 \* array\)"),
        (PIXELS.astype(int), r"array of int64.*astype\('uint8'\)"),
        (PIXELS.transpose(2, 0, 1), r"\(3, 60, 80\).*transpose\(1, 2, 0\)"),
        (np.zeros((8, 8, 4), np.uint8), r"leave transparency out with array\[:, :, :3\]"),
        (np.zeros((8, 8, 2), np.uint8), r"the shape \(8, 8, 2\)"),
        (np.zeros((0, 8, 3), np.uint8), r"the shape \(0, 8, 3\)"),
        (np.zeros(8, np.uint8), r"the shape \(8,\)"),
        (io.StringIO("text"), r"open\(path, 'rb'\)"),
        (Image.new("F", (8, 8)), r"convert\('RGB'\)"),
        (3, "of the type int; expected a path, an address, the bytes"),
        (None, r"is missing \(None\)"),
        ({"a": PIXELS}, r"list\(images.values\(\)\)"),
        (pd.DataFrame({"path": ["a.jpg"]}), r"column `image`: frame.rename"),
        ([PIXELS, PIXELS / 255], "photograph 2 is an array of float64"),
    ],
)
def test_what_is_no_photograph_is_refused_with_the_cure(value, cure):
    with pytest.raises(UsageError, match=cure):
        hold_images(value)


def test_a_closed_file_is_refused(photograph):
    file = photograph.open("rb")
    file.close()
    with pytest.raises(UsageError, match="cannot be read"):
        hold_image(file)


def test_a_damaged_image_of_pillows_is_an_error_of_the_photograph(photograph):
    damaged = Image.open(io.BytesIO(photograph.read_bytes()[:3000]))
    with pytest.raises(ImageError, match="Pillow cannot read it"):
        read_image(hold_image(damaged))


def test_several_have_names_of_their_own(photograph):
    with photograph.open("rb") as first, photograph.open("rb") as second:
        names = [str(image) for image in hold_images([first, PIXELS, second, photograph])]
    assert names == [str(photograph), "photograph 2", f"{photograph} (3)", str(photograph)]


def test_an_array_of_four_dimensions_is_several():
    held = hold_images(np.stack([PIXELS, PIXELS]))
    assert len(held) == 2 and all(isinstance(image, HeldImage) for image in held)


def test_columns_and_arrays_of_paths_are_several():
    paths = ["a.jpg", "b.jpg"]
    assert hold_images(pd.Series(paths)) == hold_images(np.array(paths)) == paths
    assert hold_images(pd.DataFrame({"image": paths, "label": ["benign"] * 2})) == paths
