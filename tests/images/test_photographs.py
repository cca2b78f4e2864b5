"""Photographs: whatever the file was, pixels are RGB, upright and 8 bits; what cannot be read is said, in its
place.
"""

import hashlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lentigo.errors import DataError, ImageError
from lentigo.images.decoding import formats
from lentigo.images.image_sizes import measure_image
from lentigo.images.listing import find_images, list_images, scan_folder, scan_images
from lentigo.images.photographs import (
    DecodedImage,
    decode_image,
    read_all,
    read_image,
    stream_images,
    try_image,
)
from lentigo.images.problems import Problem

needs_avif = pytest.mark.skipif(not formats.AVIF, reason="this Pillow does not read AVIF")
with_avif = pytest.param("AVIF", marks=needs_avif)
RED, ORIENTATION = (200, 40, 30), 0x0112
NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def opened(width=40, height=30, colour=RED) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_png(path, width: int, height: int, depth: int, colour: int, rows: bytes) -> None:
    """A PNG by hand, for what Pillow does not write."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# --- what is refused


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_file_is_a_photo_error(tmp_path, kind):
    whole = encode(Image.fromarray(NOISE), kind)
    path = tmp_path / "half.img"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"half\.img: damaged or truncated .*copy it again"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own words on a TIFF's directory
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", with_avif])
def test_no_prefix_of_a_file_passes_for_another_photograph(kind):
    content = encode(Image.fromarray(NOISE.repeat(4, 0).repeat(4, 1)), kind)
    whole = decode_image(content, "x", 32)
    for length in np.linspace(0, len(content) - 1, 40).astype(int):
        try:
            np.testing.assert_array_equal(decode_image(content[:length], "x", 32), whole)
        except ImageError:
            continue


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "JPEG2000", with_avif])
def test_damage_anywhere_gives_pixels_or_a_photo_error_and_nothing_else(kind):
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = 6, "a photograph"
    content = encode(
        Image.fromarray(NOISE), kind, **({"exif": exif} if kind in ("JPEG", "PNG", "TIFF", "WEBP") else {})
    )
    rng = np.random.default_rng(1)
    for end in [200, len(content)] * 60:
        broken = bytearray(content)
        for place in rng.integers(0, min(end, len(content)), 3):
            broken[place] = rng.integers(0, 256)
        try:
            assert decode_image(bytes(broken), "x", 16).shape == (16, 16, 3)
        except ImageError as error:
            assert "\n" not in str(error)


def test_an_empty_file_is_named_as_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ImageError, match=r"a\.jpg: not a photograph \(the file is empty\); expected JPEG"):
        read_image(tmp_path / "a.jpg")


def test_text_named_jpg_is_not_a_photograph(tmp_path):
    (tmp_path / "a.jpg").write_text("no photograph")
    with pytest.raises(ImageError, match=r"not a photograph \(13 bytes of text\)"):
        read_image(tmp_path / "a.jpg")


def test_postscript_named_jpg_is_refused_since_pillow_would_run_ghostscript(tmp_path):
    opened().save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="not a photograph"):
        read_image(tmp_path / "a.jpg")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    write_png(tmp_path / "bomb.png", 20_000, 20_000, 1, 0, bytes(2501) * 20_000)
    with pytest.raises(ImageError, match=r"bomb\.png: more than 179 million pixels; .*save it smaller"):
        read_image(tmp_path / "bomb.png")


def test_a_large_photograph_below_the_limit_is_opened_without_a_warning(tmp_path):
    write_png(tmp_path / "large.png", 12_000, 8_000, 1, 0, bytes(1501) * 8_000)
    assert measure_image(tmp_path / "large.png") == (12_000, 8_000)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", with_avif])
def test_an_animation_is_refused(tmp_path, kind):
    frames = [opened(colour=(0, 0, shade)) for shade in (0, 100, 200)]
    (tmp_path / "moving").write_bytes(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
    with pytest.raises(ImageError, match=r"moving: holds (3|several) frames; expected one photograph"):
        read_image(tmp_path / "moving")


@pytest.mark.parametrize("name", ["none.jpg", "", "zero\0byte.jpg", "x" * 5000])
def test_a_name_without_a_file_is_a_photo_error(tmp_path, name):
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(f"{tmp_path}/{name}")


def test_levels_of_32_bits_beyond_16_are_refused(tmp_path):
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((64, 64), 70_000, np.int32)).save(path)
    with pytest.raises(ImageError, match="levels of 32 bits, from 70000"):
        read_image(path)


def test_levels_of_16_bits_in_32_are_read(tmp_path):
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((64, 64), 65_535, np.int32)).save(path)
    assert read_image(path).pixels.min() == 255


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(ImageError, match="floating-point"):
        read_image(tmp_path / "f.tif")


# --- what is read


def test_a_photo_is_a_square_of_uint8_rgb_with_the_hash_of_its_file(tmp_path):
    opened(100, 60).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image.pixels.shape, image.pixels.dtype) == ((224, 224, 3), np.uint8)
    assert (image.pixels == RED).all()
    assert (image.image, image.digest) == (
        str(tmp_path / "a.png"),
        hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest(),
    )


def test_without_a_side_a_photograph_keeps_its_size_and_pixels():
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(NOISE), "PNG"), "x", None), NOISE)


def test_a_photograph_of_the_asked_size_is_not_resampled():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(pixels), "PNG"), "x", 64), pixels)


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", "PPM", "MPO", with_avif]
)
def test_the_content_tells_the_format_not_the_suffix(tmp_path, kind):
    (tmp_path / "a.jpg").write_bytes(encode(opened(), kind))
    assert np.abs(read_image(tmp_path / "a.jpg", 16).pixels.astype(int) - RED).max() <= 4


def test_a_cmyk_jpeg_keeps_its_colours():
    inks = Image.merge("CMYK", [Image.new("L", (32, 32), ink) for ink in (0, 255, 255, 0)])
    assert np.abs(decode_image(encode(inks, "JPEG"), "x").astype(int) - (255, 0, 0)).max() <= 4


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    Image.fromarray(np.uint16([[0, 257], [32768, 65535], [200 * 257, 129 * 257]])).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", None).pixels[..., 1].tolist() == [[0, 1], [128, 255], [200, 129]]


def test_16_bit_rgb_is_scaled_not_clipped(tmp_path):
    write_png(tmp_path / "a.png", 2, 1, 16, 2, b"\0" + struct.pack(">6H", 65535, 32768, 0, 0, 32768, 65535))
    assert read_image(tmp_path / "a.png", None).pixels.tolist() == [[[255, 128, 0], [0, 128, 255]]]


def test_grey_becomes_three_equal_channels():
    assert (decode_image(encode(Image.new("L", (9, 9), 77), "PNG"), "x", 16) == 77).all()


def test_black_and_white_becomes_0_and_255():
    assert (decode_image(encode(Image.new("1", (9, 9), 1), "PNG"), "x", 16) == 255).all()


def test_transparency_is_laid_on_white():
    glass = Image.new("RGBA", (4, 2), (255, 0, 0, 0))
    glass.paste((200, 0, 0, 255), (0, 0, 2, 2))
    glass.putpixel((3, 0), (0, 0, 0, 127))
    assert decode_image(encode(glass, "PNG"), "x", None)[0].tolist() == [
        [200, 0, 0],
        [200, 0, 0],
        [255] * 3,
        [128] * 3,
    ]


def test_grey_with_transparency_is_laid_on_white():
    assert (decode_image(encode(Image.new("LA", (4, 4), (0, 0)), "PNG"), "x", 4) == 255).all()


def test_a_transparent_colour_of_a_palette_is_laid_on_white():
    flat = Image.new("P", (2, 1))
    flat.putpalette([10, 20, 30, 200, 40, 30])
    flat.putpixel((1, 0), 1)
    assert decode_image(encode(flat, "PNG", transparency=0), "x", None).tolist() == [
        [[255, 255, 255], [200, 40, 30]]
    ]


def test_a_palette_is_looked_up():
    image = Image.fromarray(NOISE).quantize(16)
    np.testing.assert_array_equal(
        decode_image(encode(image, "PNG"), "x", None), np.asarray(image.convert("RGB"))
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright, exif = Image.fromarray(NOISE), Image.Exif()
    exif[ORIENTATION] = orientation
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    np.testing.assert_array_equal(decode_image(encode(stored, "PNG", exif=exif), "x", None), NOISE)


def test_a_phone_held_upright_gives_an_upright_square(tmp_path):
    stored, exif = opened(64, 32), Image.Exif()
    stored.paste((0, 0, 255), (0, 0, 32, 32))  # stored left: with orientation 6 it is shown on top
    exif[ORIENTATION] = 6
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    pixels = read_image(tmp_path / "a.jpg", 64).pixels
    assert pixels[8, 8, 2] > 240 and pixels[8, 56, 2] > 240 and pixels[56, 8, 0] > 180


def test_of_a_phones_mpo_the_first_frame_is_read(tmp_path):
    opened().save(tmp_path / "a.mpo", save_all=True, append_images=[opened(20, 15, (0, 0, 255))])
    image = read_image(tmp_path / "a.mpo", None)
    assert image.pixels.shape == (30, 40, 3) and np.abs(image.pixels.astype(int) - RED).max() <= 4


def test_a_huge_jpeg_is_read_at_a_fraction_of_its_size_and_looks_the_same(tmp_path):
    small = Image.fromarray(NOISE[:8, :8]).resize((224, 224), Image.Resampling.BICUBIC)
    small.resize((4032, 3024), Image.Resampling.BICUBIC).save(tmp_path / "huge.jpg", quality=92)
    image = read_image(tmp_path / "huge.jpg")
    assert image.pixels.shape == (224, 224, 3)
    assert np.abs(image.pixels.astype(int) - np.asarray(small)).mean() < 2
    with Image.open(tmp_path / "huge.jpg") as part:
        part.draft("RGB", (224, 224))
        assert part.size == (504, 378)
        np.testing.assert_array_equal(
            image.pixels, np.asarray(part.resize((224, 224), Image.Resampling.BILINEAR, reducing_gap=3.0))
        )


def test_a_thin_photograph_is_squeezed_not_cropped(tmp_path):
    strip = opened(300, 10, (0, 0, 0))
    strip.paste((255, 255, 255), (290, 0, 300, 10))
    strip.save(tmp_path / "a.png")
    pixels = read_image(tmp_path / "a.png", 60).pixels
    assert pixels[30, 59].min() == 255 and pixels[30, 0].max() == 0


# --- colour profiles

PRIMARIES = {  # of red, green, blue as XYZ under D50, in the columns; published with each standard
    "Adobe RGB (1998)": [
        [0.60974, 0.20528, 0.14919],
        [0.31111, 0.62567, 0.06322],
        [0.01947, 0.06087, 0.74457],
    ],
    "Display P3": [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
    "sRGB IEC61966-2.1": [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.71410],
    ],
}


def write_profile(
    name: str, space: bytes = b"RGB ", *, called: str = "", gamma: float = 2.2, pad: int = 0
) -> bytes:
    """An ICC profile (version 2) of the primaries that `name` has, by hand: Pillow makes none but sRGB's. It
    may be `called` otherwise.
    """

    def number(value):
        return struct.pack(">i", round(value * 65536))

    ascii_name = (called or name).encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(ascii_name)) + ascii_name + bytes(78),
        b"cprt": b"text\0\0\0\0none\0" + bytes(pad),
    }
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + b"".join(map(number, (0.9642, 1.0, 0.8249)))
    for letter, column in zip("rgb", np.transpose(PRIMARIES[name]), strict=True):
        tags[f"{letter}XYZ".encode()] = b"XYZ \0\0\0\0" + b"".join(map(number, column))
        tags[f"{letter}TRC".encode()] = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    if space == b"GRAY":
        tags[b"kTRC"] = tags[b"rTRC"]
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = (
        struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
        + bytes(12)
        + b"acsp"
        + bytes(28)
    )
    return header + b"".join(map(number, (0.9642, 1.0, 0.8249))) + bytes(48) + table + body


def compute_srgb(pixels, name):
    """What sRGB shows of pixels of another space, in NumPy."""
    linear = (
        np.linalg.inv(PRIMARIES["sRGB IEC61966-2.1"])
        @ PRIMARIES[name]
        @ ((pixels.reshape(-1, 3) / 255) ** 2.2).T
    )
    linear = np.clip(linear, 0, 1)
    return (
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).T.reshape(
            pixels.shape
        )
        * 255
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("name", ["Adobe RGB (1998)", "Display P3"])
def test_the_colours_of_another_space_become_those_of_srgb(name, kind):
    skin = (
        np.uint8([[[222, 178, 150], [120, 80, 66]], [[60, 40, 42], [160, 120, 130]]])
        .repeat(16, 0)
        .repeat(16, 1)
    )
    options = {"PNG": {}, "TIFF": {}, "JPEG": {"quality": 95}, "WEBP": {"lossless": True}}[kind]
    pixels = decode_image(
        encode(Image.fromarray(skin), kind, icc_profile=write_profile(name), **options), "x", None
    )
    assert np.abs(pixels - compute_srgb(skin, name)).mean() < 1.5
    assert np.abs(pixels.astype(int) - skin).mean() > 2.5


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(write_profile("sRGB IEC61966-2.1"), id="sRGB by its description"),
        pytest.param(b"", id="none"),
        pytest.param(b"broken", id="broken"),
        pytest.param(write_profile("Display P3")[:300], id="torn"),
        pytest.param(write_profile("Display P3", b"GRAY"), id="of grey"),
        pytest.param(write_profile("Display P3", b"CMYK"), id="of inks"),
    ],
)
def test_other_profiles_change_nothing(profile):
    np.testing.assert_array_equal(
        decode_image(encode(Image.fromarray(NOISE), "PNG", icc_profile=profile), "x", None), NOISE
    )


LIGHT = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)  # levels in linear light


def encode_light(light):
    """What sRGB shows of light, 0 to 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("called", ["Linear sRGB", "sRGB IEC61966-2.1", "linear", "scRGB"])
def test_a_profile_of_linear_light_is_used_whatever_it_is_called(called):
    pixels = np.stack([LIGHT] * 3, axis=-1)
    profile = write_profile("sRGB IEC61966-2.1", called=called, gamma=1.0)
    shown = decode_image(encode(Image.fromarray(pixels), "PNG", icc_profile=profile), "x", None)
    assert np.abs(shown - encode_light(pixels / 255)).max() <= 2


@pytest.mark.parametrize("name", ["Adobe RGB (1998)", "Display P3"])
def test_a_wide_space_that_calls_itself_srgb_is_converted(name):
    skin = (
        np.uint8([[[222, 178, 150], [220, 30, 40]], [[60, 140, 42], [20, 120, 230]]])
        .repeat(8, 0)
        .repeat(8, 1)
    )
    content = encode(Image.fromarray(skin), "PNG", icc_profile=write_profile(name, called="sRGB"))
    assert np.abs(decode_image(content, "x", None) - compute_srgb(skin, name)).mean() < 1.5


def test_a_grey_photograph_in_linear_light_is_converted():
    profile = write_profile("sRGB IEC61966-2.1", b"GRAY", called="grey sRGB", gamma=1.0)
    shown = decode_image(encode(Image.fromarray(LIGHT), "PNG", icc_profile=profile), "x", None)
    assert np.abs(shown[..., 0] - encode_light(LIGHT / 255)).mean() <= 1


def test_a_profile_longer_than_pillow_allows_is_used():
    short, long = (
        encode(Image.fromarray(NOISE), "PNG", icc_profile=write_profile("Display P3", pad=pad))
        for pad in (0, 2_000_000)
    )
    np.testing.assert_array_equal(decode_image(long, "x", None), decode_image(short, "x", None))
    assert (decode_image(long, "x", None) != NOISE).any()


@pytest.mark.parametrize(("gamma", "changed"), [(1.0, True), (0.45455, False)])
def test_a_png_says_its_gamma_without_a_profile(gamma, changed):
    content = encode(Image.fromarray(np.stack([LIGHT] * 3, axis=-1)), "PNG")
    body = b"gAMA" + struct.pack(">I", round(gamma * 100_000))
    content = content[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + content[33:]
    expected = encode_light(LIGHT / 255) if changed else LIGHT
    assert np.abs(decode_image(content, "x", None)[..., 1] - expected).max() <= 1


def test_a_damaged_profile_gives_pixels_whatever_the_damage():
    rng, profile = np.random.default_rng(2), write_profile("Display P3")
    for _ in range(300):
        broken = bytearray(profile)
        for place in rng.integers(0, len(broken), 4):
            broken[place] = rng.integers(0, 256)
        assert decode_image(
            encode(Image.fromarray(NOISE), "TIFF", icc_profile=bytes(broken)), "x", 16
        ).shape == (16, 16, 3)


def test_a_profile_does_not_colour_a_grey_photograph():
    content = encode(Image.new("L", (9, 9), 77), "PNG", icc_profile=write_profile("Adobe RGB (1998)"))
    assert (decode_image(content, "x", 16) == 77).all()


# --- many


@pytest.fixture
def mixture(tmp_path):
    """Forty files, every third unreadable; the photograph number n is of the grey n."""
    for number in range(40):
        path = tmp_path / f"{number:02d}.png"
        if number % 3 == 1:
            path.write_bytes(b"" if number % 2 else b"text")
        else:
            side = 150 if number % 4 else 8  # so that some take longer
            Image.new("L", (side, side), number).save(path)
    return [tmp_path / f"{number:02d}.png" for number in range(40)]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_stream_answers_every_path_in_order_bad_files_in_their_place(mixture, threads):
    answers = list(stream_images(iter(mixture), 8, threads))
    assert [answer.image for answer in answers] == [str(path) for path in mixture]
    for number, answer in enumerate(answers):
        assert isinstance(answer, Problem) if number % 3 == 1 else (answer.pixels == number).all()


def test_a_stream_reads_only_a_little_ahead(mixture):
    taken = []
    stream = stream_images((taken.append(path) or path for path in mixture * 5), 8, threads=1)
    next(stream)
    assert len(taken) <= 16
    stream.close()
    assert len(taken) <= 16


def test_a_stream_of_nothing_is_empty():
    assert list(stream_images([])) == []


def test_names_are_looked_at_one_by_one_and_problems_stay_in_their_place(mixture, tmp_path):
    (tmp_path / "empty").mkdir()
    taken = []
    listed = list_images(
        taken.append(name) or name for name in [mixture[0], tmp_path / "empty", tmp_path, "none.jpg"]
    )
    assert next(listed) == mixture[0] and len(taken) == 1
    answers = [answer.image for answer in stream_images(listed, 8)]
    assert answers == [str(tmp_path / "empty"), *map(str, mixture), "none.jpg"]


def test_read_all_separates_photographs_from_problems(mixture):
    images, problems = read_all(mixture, 8)
    assert [image.pixels[0, 0, 0] for image in images] == [n for n in range(40) if n % 3 != 1]
    assert [problem.image for problem in problems] == [str(path) for path in mixture[1::3]]


def test_a_problem_says_why_without_repeating_the_name(tmp_path):
    problem = try_image(tmp_path / "none.jpg")
    assert problem == Problem(
        str(tmp_path / "none.jpg"), "cannot be read (No such file or directory); expected a photograph"
    )


def test_the_same_file_gives_the_same_pixels_in_any_thread(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.jpg")
    images, _ = read_all([tmp_path / "a.jpg"] * 20)
    assert len({image.pixels.tobytes() for image in images}) == 1


# --- sizes and folders


def test_measuring_gives_width_and_height_as_stored(tmp_path):
    opened(31, 17).save(tmp_path / "a.jpg")
    assert measure_image(tmp_path / "a.jpg") == (31, 17)


def test_jpegs_of_any_name_are_found(tmp_path):
    for name in ("a.jfif", "b.JPE", "c.jpg"):
        opened().save(tmp_path / name, "JPEG")
    assert [path.name for path in find_images(tmp_path)] == ["a.jfif", "b.JPE", "c.jpg"] and len(
        read_all(find_images(tmp_path))[0]
    ) == 3


@needs_avif
def test_an_avif_is_found_and_read(tmp_path):
    opened().save(tmp_path / "a.avif")
    assert read_all(find_images(tmp_path))[1] == []


@pytest.mark.skipif(formats.HEIC, reason="pi-heif is installed")
@pytest.mark.parametrize("name", ["IMG_1.HEIC", "a.heif", "IMG_2.jpg"])
def test_a_phones_heic_is_found_and_listed_with_the_cure(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(50))
    read, (problem,) = read_all(find_images(tmp_path))
    assert read == [] and problem.image == str(tmp_path / name)
    assert (
        problem.error.startswith("HEIC, the format of iPhones")
        and "[heic]" in problem.error
        and problem.error.endswith("or save it as JPEG")
    )


@needs_avif
def test_a_torn_avif_is_no_heic():
    with pytest.raises(ImageError, match=r"damaged|not a photograph"):
        decode_image(encode(opened(), "AVIF")[:60], "x")


def test_photographs_are_found_recursively_in_a_constant_order(tmp_path):
    names = ["b.png", "a/z.JPG", "a/b/c.Jpeg", "a/b/a.TIF", "c.webp"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = ["a/b/a.TIF", "a/b/c.Jpeg", "a/z.JPG", "b.png", "c.webp"]
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == expected


@pytest.mark.parametrize(
    "name",
    [
        ".a.jpg",
        "._a.jpg",
        ".thumbnails/a.jpg",
        "b/.ipynb_checkpoints/a.jpg",
        "notes.txt",
        "a.jpg.part",
        "jpg",
    ],
)
def test_hidden_and_other_files_are_not_photographs(tmp_path, name):
    for each in (name, "kept.jpg"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).touch()
    assert find_images(tmp_path) == [tmp_path / "kept.jpg"]


def test_a_folder_may_lie_in_a_hidden_one_or_be_named_like_a_photograph(tmp_path):
    folder = tmp_path / ".cache" / "folder.jpg"
    folder.mkdir(parents=True)
    (folder / "a.jpg").touch()
    assert find_images(folder) == find_images(folder.parent) == [folder / "a.jpg"]


def test_a_file_is_found_whatever_its_name(tmp_path):
    (tmp_path / "scan").touch()
    assert find_images(tmp_path / "scan") == [tmp_path / "scan"]


@pytest.mark.parametrize("name", ["none", "x" * 5000, "zero\0byte"])
def test_a_path_that_is_not_there_is_a_data_error(tmp_path, name):
    with pytest.raises(DataError, match="no such file or folder; expected"):
        find_images(f"{tmp_path}/{name}")


def test_a_folder_without_photographs_is_a_data_error_that_lists_suffixes(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"holds no photograph; expected files ending in .*\.jpg"):
        find_images(tmp_path)


def test_a_photo_is_what_try_photo_gives_for_a_good_file(tmp_path):
    opened().save(tmp_path / "a.bmp")
    assert isinstance(try_image(tmp_path / "a.bmp"), DecodedImage)


def test_links_are_followed_once_and_circles_end(tmp_path):
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    for name in ("set/a/1.jpg", "far/2.jpg"):
        (tmp_path / name).touch()
    for link, target in {
        "set/a/up": "..",
        "set/a/self": ".",
        "set/far": "../far",
        "set/again": "a",
        "far/back": "../set",
        "set/knot": "knot",
    }.items():
        (tmp_path / link).symlink_to(target)
    found, problems = scan_folder(tmp_path / "set")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "set/a/1.jpg",
        "set/far/2.jpg",
    ] and problems == []


@pytest.mark.parametrize("target", ["gone.jpg", "lost.jpg"])
def test_a_link_that_leads_nowhere_is_listed(tmp_path, target):
    (tmp_path / "good.jpg").touch()
    (tmp_path / "lost.jpg").symlink_to(target)
    found, problems = scan_folder(tmp_path)
    assert found == [tmp_path / "good.jpg"]
    assert problems == [
        Problem(str(tmp_path / "lost.jpg"), "no file, or a link that leads nowhere; expected a photograph")
    ]
    assert list(list_images([tmp_path])) == [*found, *problems]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_a_pipe_in_a_folder_is_named_as_one_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mole.jpg")
    found, problems = scan_images(tmp_path)
    assert found == [] and [problem.error for problem in problems] == [
        "a pipe, a socket or a device, not a file; expected a photograph"
    ]


def test_a_folder_that_cannot_be_read_is_listed_beside_the_photographs(tmp_path, locked):
    for name in ("a.jpg", "locked/b.jpg", "z/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    home = locked(tmp_path)
    found, (problem,) = scan_folder(home)
    assert [path.name for path in found] == ["a.jpg", "c.jpg"] and problem.image == str(home / "locked")
    assert (
        problem.error
        == "the folder cannot be read (Permission denied); expected one that you may read: change its "
        "permissions"
    )


def test_names_with_spaces_and_of_any_script_are_found(tmp_path):
    names = [
        "Muttermal \u00fc 1.jpg",
        "ni\u00f1o's mole.png",
        "\u76ae\u819a\u75c5\u53d8.jpeg",
        "\u0440\u043e\u0434\u0438\u043d\u043a\u0430 \U0001f4f7.tif",
        "a\nb.jpg",
    ]
    for name in names:
        (tmp_path / name).touch()
    assert {path.name for path in find_images(tmp_path)} == set(names)
