"""A photograph decoded once gives the pixels that two decodings give."""

import io

import numpy as np
import pytest
from PIL import Image

from lentigo.images.decoding.whole_images import hold_pixels, hold_sizes, is_reduced_by_decoder
from lentigo.images.photographs import decode_image

ORIENTATION = 0x0112


def encode(size: tuple[int, int], kind: str, mode: str = "RGB", orientation: int = 1) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "kind", "mode", "orientation"),
    [
        ((224, 224), "JPEG", "RGB", 1),
        ((600, 440), "JPEG", "RGB", 6),
        ((1200, 900), "JPEG", "RGB", 1),
        ((1200, 900), "JPEG", "L", 3),
        ((640, 480), "WEBP", "RGB", 8),
        ((640, 480), "WEBP", "RGBA", 1),
        ((1500, 700), "PNG", "P", 5),
    ],
)
def test_one_decoding_gives_the_pixels_of_two(size, kind, mode, orientation):
    content = encode(size, kind, mode, orientation)
    with hold_pixels(content, "x") as expected, hold_sizes(content, "x") as (small, whole):
        np.testing.assert_array_equal(whole, expected)
        np.testing.assert_array_equal(small, decode_image(content, "x"))


def test_only_a_large_jpeg_is_decoded_twice():
    assert is_reduced_by_decoder(encode((1200, 900), "JPEG"), "x", 224)
    assert not is_reduced_by_decoder(encode((600, 440), "JPEG"), "x", 224)
    assert not is_reduced_by_decoder(encode((1200, 900), "WEBP"), "x", 224)
