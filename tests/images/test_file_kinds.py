"""Files that are something else are named by what they are, with the cure; what is sound is read, whatever
stands beside the pixels.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from lentigo.errors import ImageError
from lentigo.images.image_sizes import measure_content
from lentigo.images.photographs import decode_image

NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def make_jpeg_header(marker: int, bits: int) -> bytes:
    """The beginning of a JPEG of another way of coding."""
    frame = struct.pack(">BHHB", bits, 8, 8, 1) + b"\1\x11\0"
    return (
        b"\xff\xd8\xff"
        + bytes([marker])
        + struct.pack(">H", len(frame) + 2)
        + frame
        + b"\xff\xda\0\x08\1\1\0\0\x3f\0\xff\xd9"
    )


OTHERS = {
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "run `git lfs pull`",
    ),
    "an HTML page": (
        b"\n<!DOCTYPE html><html><body>Sign in</body></html>",
        "download it again, signed in where that is needed",
    ),
    "XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "download it again"),
    "JSON": (b'{"detail": "not allowed"}', "download it again"),
    "an SVG drawing": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "save it as PNG"),
    "a PDF document": (b"%PDF-1.7\n", "save its pictures as JPEG"),
    "a ZIP": (b"PK\x03\x04" + bytes(30), "lentigo data import"),
    "a JPEG of 12 bits a channel": (
        make_jpeg_header(0xC1, 12),
        "save it as usual JPEG, or as PNG of 16 bits",
    ),
    "a JPEG-LS picture": (make_jpeg_header(0xF7, 8), "save it as usual JPEG"),
    "a film (MP4)": (b"\0\0\0\x18ftypisom" + bytes(20), "save one picture of it"),
    "a film (QuickTime)": (b"\0\0\0\x14ftypqt  " + bytes(20), "save one picture of it"),
    "a Canon raw file": (b"\0\0\0\x18ftypcrx " + bytes(20), "export it as JPEG or TIFF"),
    "a JPEG XL picture": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "save it as JPEG"),
    "20 bytes that are all zero": (bytes(20), "copy it again"),
    "12 bytes of text": (b"ISIC_0000001", "copy it again"),
    "a damaged or truncated PNG": (b"\x89PNG\r\n\x1a\n\0\0", "copy it again"),
    "4 bytes of another kind": (b"\x80\x81\x82\x83", "expected JPEG, PNG"),
}


@pytest.mark.parametrize("words", OTHERS)
@pytest.mark.parametrize("form", [bytes, bytearray])
def test_a_file_of_another_kind_is_named_with_the_cure(words, form):
    content, cure = OTHERS[words]
    with pytest.raises(ImageError) as caught:
        decode_image(form(content), "x.jpg")
    assert str(caught.value).startswith(f"x.jpg: not a photograph ({words}") and cure in str(caught.value)


# --- PNG


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def insert(content: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks before its pixels."""
    return content[:33] + b"".join(chunks) + content[33:]


@pytest.mark.parametrize("part", [b"IHDR", b"IDAT"])
def test_a_wrong_checksum_is_named(part):
    content = bytearray(encode(Image.fromarray(NOISE), "PNG"))
    place = content.find(part)
    length = int.from_bytes(content[place - 4 : place], "big")
    content[place + 4 + length] ^= 1
    with pytest.raises(
        ImageError,
        match=rf"x: damaged: the checksum of the PNG's part '{part.decode()}' is wrong.*copy it again",
    ):
        decode_image(bytes(content), "x")


def test_a_flipped_bit_in_the_pixels_is_no_other_photograph():
    content = bytearray(encode(Image.fromarray(NOISE), "PNG", compress_level=0))
    content[500] ^= 4
    with pytest.raises(ImageError, match="checksum"):
        decode_image(bytes(content), "x")


@pytest.mark.parametrize(
    "note",
    [
        chunk(b"zTXt", b"note\0\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"tEXt", b"note\0" + b"a" * 3_000_000),
        chunk(b"iTXt", b"note\0\1\0de\0Notiz\0" + zlib.compress(b"a" * 3_000_000)),
        chunk(b"iTXt", b"note\0\0\0\0\0" + b"a" * 3_000_000),
        chunk(b"zTXt", b"note\0\0damaged"),
        chunk(b"tEXt", b"note\0text")[:-1] + b"?",
        b"".join(chunk(b"zTXt", b"note\0\0" + zlib.compress(b"a" * 1_000_000)) for _ in range(80)),
    ],
    ids=["zTXt", "tEXt", "iTXt packed", "iTXt", "damaged", "wrong checksum", "eighty"],
)
def test_comments_of_any_length_leave_the_pixels_whole(note):
    np.testing.assert_array_equal(
        decode_image(insert(encode(Image.fromarray(NOISE), "PNG"), note), "x", None), NOISE
    )


def test_a_comment_behind_the_pixels_is_no_matter_either():
    content = encode(Image.fromarray(NOISE), "PNG")
    note = chunk(b"zTXt", b"note\0\0" + zlib.compress(b"a" * 3_000_000))
    np.testing.assert_array_equal(decode_image(content[:-12] + note + content[-12:], "x", None), NOISE)


# --- TIFF


def write_tiff(*pages: Image.Image, flags: tuple[int, ...] | None = None, **options) -> bytes:
    """A TIFF of several pages; `flags` are their tags NewSubfileType."""
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for number, page in enumerate(pages):
            page.save(writer, "TIFF", tiffinfo={254: flags[number]} if flags else {}, **options)
            writer.newFrame()
    return buffer.getvalue()


PHOTO = Image.fromarray(NOISE).resize((160, 120), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "content",
    [
        write_tiff(PHOTO.resize((40, 30)), PHOTO, flags=(1, 0)),
        write_tiff(PHOTO, PHOTO.resize((40, 30)), flags=(0, 1)),
        write_tiff(PHOTO.resize((40, 30)), PHOTO),
        write_tiff(PHOTO, PHOTO.resize((80, 60)), PHOTO.resize((40, 30))),
        write_tiff(PHOTO, PHOTO.convert("1"), flags=(0, 4)),
        encode(PHOTO, "TIFF", big_tiff=True),
    ],
    ids=["preview first", "preview last", "preview that does not say so", "pyramid", "mask", "BigTIFF"],
)
def test_of_a_tiff_the_photograph_is_read(content):
    np.testing.assert_array_equal(decode_image(content, "x", None), np.asarray(PHOTO))
    assert measure_content(content, "x") == (160, 120)


def test_two_photographs_in_a_tiff_are_not_guessed_at():
    with pytest.raises(ImageError, match="holds 2 frames; expected one photograph"):
        decode_image(write_tiff(PHOTO, PHOTO.transpose(Image.Transpose.ROTATE_180)), "x")


def test_a_smaller_page_that_shows_another_thing_is_no_preview():
    other = Image.new("RGB", (40, 30), (0, 0, 255))
    with pytest.raises(ImageError, match="holds 2 frames"):
        decode_image(write_tiff(other, PHOTO), "x")


def test_a_raw_file_of_which_only_a_preview_is_read_is_named():
    buffer = io.BytesIO()
    PHOTO.save(buffer, "TIFF", tiffinfo={254: 1, 50706: b"\1\4\0\0"})
    with pytest.raises(ImageError, match=r"a camera's raw file.*export it as JPEG or TIFF"):
        decode_image(buffer.getvalue(), "x")


def test_a_gif_is_refused_before_a_later_frame_enlarges_its_canvas():
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 100)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    second = content.rindex(b"\x2c" + bytes(4) + b"\x08\0\x08\0")
    large = content[: second + 5] + struct.pack("<HH", 16_000, 16_000) + content[second + 9 :]
    with pytest.raises(ImageError, match="holds several frames"):  # Pillow: a decompression bomb
        decode_image(large, "x")


def test_libtiff_writes_nothing_about_a_damaged_file(capfd):
    content = bytearray(encode(PHOTO, "TIFF", compression="tiff_lzw"))
    content[200:400] = bytes(200)
    with pytest.raises(ImageError, match="damaged"):
        decode_image(bytes(content), "x")
    assert capfd.readouterr().err == ""
