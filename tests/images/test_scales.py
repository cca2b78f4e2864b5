import pytest

from lentigo.errors import DataError, UsageError
from lentigo.images.measures.scales import find_scale, read_scales, require_scale


def write(tmp_path, text):
    path = tmp_path / "scales.csv"
    path.write_text(text)
    return path


def test_a_manifest_gives_the_scale_of_each(tmp_path):
    scales = read_scales(
        write(tmp_path, "image,label,mm_per_pixel\na.jpg,benign,0.02\nsub/b.jpg,malignant,\n")
    )
    assert (
        find_scale(str(tmp_path / "a.jpg"), scales) == 0.02
        and find_scale(str(tmp_path / "sub" / "b.jpg"), scales) is None
    )


def test_the_metadata_of_the_archive_name_photographs_by_their_id(tmp_path):
    scales = read_scales(write(tmp_path, "isic_id,pixels_per_mm\nISIC_0000001,50\n"))
    assert find_scale("elsewhere/ISIC_0000001.jpg", scales) == pytest.approx(0.02)


def test_two_photographs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    scales = read_scales(write(tmp_path, "image,mm_per_pixel\na/mole.jpg,0.1\nb/mole.jpg,0.2\n"))
    assert (
        find_scale(str(tmp_path / "b" / "mole.jpg"), scales) == 0.2
        and find_scale("c/mole.jpg", scales) is None
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,label\na.jpg,benign\n", "expected image"),
        ("", "no columns"),
        ("image,mm_per_pixel\na.jpg,wide\n", "'wide' of a.jpg"),
        ("image,mm_per_pixel\na.jpg,-1\n", "'-1' of a.jpg"),
        ("isic_id,pixels_per_mm\nISIC_1,0\n", "'0' of ISIC_1"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_scales(write(tmp_path, text))


def test_a_row_without_a_name_is_left_out(tmp_path):
    assert read_scales(write(tmp_path, "mm_per_pixel,image\n0.02\n0.03,a.jpg\n"))["a"] == 0.03


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_scales(tmp_path / "none.csv")


@pytest.mark.parametrize("scale", [0, -0.1, float("nan"), float("inf"), 1e20, 1e-320])
def test_a_scale_is_above_zero(scale):
    with pytest.raises(UsageError, match="above 0"):
        require_scale(scale)
