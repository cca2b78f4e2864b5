"""The budget of decoded bytes: one for all threads, kept by estimates from the header, and refusals that say
so.
"""

import io
import struct
import threading
import time

import numpy as np
import pytest
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.decoding.decode_budget import DECODE_BUDGET, SMALL_BYTES, DecodeBudget
from lentigo.images.decoding.decode_costs import DecodeLimits, count_tiles, estimate_bytes
from lentigo.images.decoding.jpeg_segments import keeps_coefficients
from lentigo.images.decoding.whole_images import hold_pixels
from lentigo.images.image_sizes import check_upload
from lentigo.images.photographs import DecodedImage, decode_image, stream_images

MB = 1_000_000


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def open_content(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.fixture
def narrow_budget():
    """A budget of 100 MB, of which one photograph may take 87.5."""
    DECODE_BUDGET.set_limit(100 * MB)
    yield DECODE_BUDGET
    DECODE_BUDGET.set_limit(1 << 30)


def test_threads_share_one_budget_and_every_photograph_is_answered(tmp_path, narrow_budget):
    narrow_budget.set_limit(40 * MB)
    for number in range(6):
        Image.new("RGBA", (2200, 2200), (number, 0, 0, 255)).save(
            tmp_path / f"{number}.png", compress_level=1
        )  # 19 MB decoded
    answers = list(stream_images(sorted(tmp_path.glob("*.png")), threads=6))
    assert [int(answer.pixels[0, 0, 0]) for answer in answers] == list(range(6))
    assert narrow_budget.held == 0 and 19 * MB <= narrow_budget.large.peak <= narrow_budget.largest


def test_a_photograph_beyond_the_budget_is_refused_with_the_cure(narrow_budget):
    content = encode(Image.new("RGB", (3000, 3000)), "WEBP", lossless=True)
    with pytest.raises(
        ImageError,
        match=r"x: 9 million pixels, which take 153 MB to decode; expected at most 5 million .*as baseline "
        r"JPEG",
    ):
        decode_image(content, "x")


def test_a_jpeg_of_the_same_size_is_decoded_in_part(narrow_budget):
    assert decode_image(encode(Image.new("RGB", (6000, 6000)), "JPEG"), "x").shape == (224, 224, 3)


def test_whoever_waits_is_served_in_order():
    budget, order, threads = DecodeBudget(100 * MB), [], []

    def decode(number: int) -> None:
        with budget.hold(60 * MB):
            order.append(number)

    with budget.hold(60 * MB):
        for number in range(4):
            threads.append(threading.Thread(target=decode, args=(number,)))
            threads[-1].start()
            while len(budget.large.waiting) <= number:
                time.sleep(0.001)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3] and budget.held == 0


def test_a_small_photograph_does_not_wait_for_large_ones():
    budget = DecodeBudget(1000 * MB)
    with budget.hold(budget.largest), budget.hold(SMALL_BYTES):
        assert budget.held > 850 * MB


def test_what_is_no_longer_needed_is_given_back_at_once():
    budget = DecodeBudget(100 * MB)
    with budget.hold(80 * MB) as reservation:
        reservation.shrink(30 * MB)
        assert budget.held == 30 * MB
    assert budget.held == 0


def test_an_error_gives_the_bytes_back(narrow_budget):
    with pytest.raises(ImageError):
        decode_image(encode(Image.effect_noise((900, 900), 50), "PNG")[:-20_000], "x")
    assert narrow_budget.held == 0


def test_a_whole_photograph_is_counted_as_long_as_it_is_used(narrow_budget):
    with hold_pixels(encode(Image.new("RGB", (2000, 1000)), "PNG"), "x") as pixels:
        assert pixels.shape == (1000, 2000, 3) and narrow_budget.held >= pixels.nbytes
    assert narrow_budget.held == 0


def test_a_child_process_begins_with_the_whole_budget():
    budget = DecodeBudget(100 * MB)
    budget.large.take(50 * MB)
    budget.start_over()
    assert budget.held == 0


@pytest.mark.parametrize(
    ("kind", "options", "rate"),
    [
        ("PNG", {}, 4),
        ("JPEG", {}, 4),
        ("JPEG", {"progressive": True}, 10),
        ("WEBP", {"lossless": True}, 17),
        ("JPEG2000", {}, 24),
        ("BMP", {}, 4),
    ],
)
def test_the_estimate_follows_the_format(kind, options, rate):
    content = encode(Image.new("RGB", (100, 100)), kind, **options)
    assert estimate_bytes(open_content(content), content, (100, 100)) // 10_000 in (rate, rate + 1)


def test_a_tiffs_strip_counts_since_it_is_decoded_at_once():
    content = encode(Image.new("RGB", (100, 100)), "TIFF", compression="tiff_lzw", strip_size=100 * 300)
    assert estimate_bytes(open_content(content), content, (100, 100)) == 4 * 10_000 + 3 * 10_000


def test_a_progressive_jpeg_is_known_by_its_markers_not_by_its_thumbnail():
    image = Image.new("RGB", (64, 64))
    exif = Image.Exif()
    exif[0x010E] = "thumbnail"
    plain = encode(image, "JPEG", exif=exif.tobytes() + encode(image, "JPEG", progressive=True))
    assert not keeps_coefficients(plain) and keeps_coefficients(encode(image, "JPEG", progressive=True))


def test_tiles_of_jpeg_2000_are_counted():
    assert count_tiles(encode(Image.new("L", (100, 60)), "JPEG2000", tile_size=(16, 16))) == 7 * 4


def test_a_jpeg_with_scans_without_end_is_refused():
    content = encode(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    scans = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 400
    with pytest.raises(ImageError, match=r"a JPEG of 4\d\d scans; expected some ten"):
        decode_image(content[:-2] + scans, "x")


@pytest.mark.parametrize(
    ("kind", "options", "refused"),
    [
        ("WEBP", {"lossless": True}, True),
        ("PNG", {}, True),
        ("JPEG", {"progressive": True}, True),
        ("JPEG", {}, False),
    ],
)
def test_a_service_has_a_lower_limit_for_what_is_decoded_whole(kind, options, refused):
    content, limits = (
        encode(Image.new("RGB", (400, 300)), kind, **options),
        DecodeLimits(max_pixels=200_000, max_whole_pixels=100_000),
    )
    if refused:
        with pytest.raises(
            ImageError,
            match=r"x: 400 x 300 pixels, more than 0\.1 million in .*, which is decoded whole; .*as "
            r"baseline JPEG",
        ):
            check_upload(content, "x", limits)
    else:
        assert check_upload(content, "x", limits) == (400, 300)


@pytest.mark.parametrize("size", [(178_956_970, 1), (1, 5000), (5000, 2)])
def test_a_strip_is_refused_in_one_line(size):
    width, height = size
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    with pytest.raises(ImageError, match="a strip; expected a photograph, at most 200 times as long as wide"):
        decode_image(header + bytes(100), "x")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "CMYK", "I;16"])
def test_a_large_picture_is_reduced_tile_by_tile_to_the_same_pixels(mode, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)).resize(
        (1501, 903)
    )
    grey16 = Image.fromarray(np.asarray(noise.convert("L")).astype(np.uint16) * 257)
    image = grey16 if mode == "I;16" else noise.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(noise.convert("L"))
    content = encode(image, "TIFF")
    at_once = decode_image(content, "x", 100)
    monkeypatch.setattr("lentigo.images.decoding.pixel_bands.TILE_PIXELS", 1000)
    np.testing.assert_array_equal(decode_image(content, "x", 100), at_once)


def test_photographs_of_many_threads_are_photographs(tmp_path):
    Image.new("RGB", (300, 200)).save(tmp_path / "a.jpg")
    assert all(
        isinstance(image, DecodedImage) for image in stream_images([tmp_path / "a.jpg"] * 40, threads=8)
    )
