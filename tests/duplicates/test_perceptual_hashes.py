"""A photograph is recognised by its hash when its file was written again, and others are not taken for it."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from lentigo.duplicates.hash_search import LIMIT, HashIndex, find_similar_hashes
from lentigo.duplicates.perceptual_hashes import BYTES, hash_images
from lentigo.images.synthetic_lesions import draw_synthetic_lesion


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Twelve photographs of lesions, 4:3, and what is kept of them."""
    folder = tmp_path_factory.mktemp("originals")
    images = []
    for number in range(12):
        pixels = draw_synthetic_lesion(("benign", "malignant")[number % 2], 300 + number).image
        image = Image.fromarray(pixels).resize((320, 320)).crop((0, 40, 320, 280))
        image.save(folder / f"{number}.png")
        images.append(str(folder / f"{number}.png"))
    return images, hash_images(images)


def crop_square(image):
    """The middle at true aspect."""
    return ImageOps.fit(image, (224, 224))


CHANGES = {
    "JPEG": (lambda image: image, {"quality": 50}, ".jpg"),
    "WebP": (lambda image: image, {"quality": 50}, ".webp"),
    "half": (lambda image: image.resize((160, 120)), {"quality": 85}, ".jpg"),
    "double": (lambda image: image.resize((640, 480)), {"quality": 85}, ".jpg"),
    "squeezed": (lambda image: image.resize((224, 224)), {"quality": 85}, ".jpg"),
    "cropped to a square": (crop_square, {"quality": 85}, ".jpg"),
    "mirrored": (ImageOps.mirror, {"quality": 85}, ".jpg"),
    "quarter turn": (lambda image: image.transpose(Image.Transpose.ROTATE_90), {"quality": 85}, ".jpg"),
    "turned by 37 degrees": (
        lambda image: crop_square(image).rotate(37, Image.Resampling.BICUBIC),
        {"quality": 85},
        ".jpg",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_saved_again_is_recognised(originals, tmp_path, change):
    images, hashes = originals
    alter, options, suffix = CHANGES[change]
    if change == "turned by 37 degrees":  # a square frame that was turned
        images = [
            save(crop_square(Image.open(image)), tmp_path / f"square_{number}.png")
            for number, image in enumerate(images)
        ]
        hashes = hash_images(images)
    copies = [
        save(alter(Image.open(image)), tmp_path / f"{number}{suffix}", **options)
        for number, image in enumerate(images)
    ]
    assert [found[0].row for found in find_similar_hashes(copies, hashes)] == list(range(len(images)))


def save(image, path, **options):
    """Writes a picture; its path."""
    image.save(path, **options)
    return str(path)


def test_a_squeezed_frame_is_known_by_its_crop_too(originals, tmp_path):
    images, _ = originals
    crops = [
        save(crop_square(Image.open(image)), tmp_path / f"crop_{number}.webp")
        for number, image in enumerate(images)
    ]
    squeezed = [
        save(Image.open(image).resize((224, 224)), tmp_path / f"{number}.jpg")
        for number, image in enumerate(images)
    ]
    for known, asked in ((crops, squeezed), (squeezed, crops)):
        assert [found[0].row for found in find_similar_hashes(asked, hash_images(known))] == list(
            range(len(images))
        )


def test_other_lesions_are_no_copies(originals, tmp_path):
    _, hashes = originals
    others = [
        save(Image.fromarray(draw_synthetic_lesion("benign", 700 + number).image), tmp_path / f"{number}.png")
        for number in range(12)
    ]
    assert find_similar_hashes(others, hashes) == [()] * len(others)


def test_nothing_is_known_of_what_shows_nothing_or_cannot_be_read(tmp_path, bad):
    even = save(Image.new("RGB", (64, 64), (200, 160, 150)), tmp_path / "even.png")
    hashes = hash_images([even, str(bad), str(tmp_path / "gone.jpg")])
    assert hashes.shape == (3, BYTES) and not hashes.any()
    assert find_similar_hashes([even, str(bad)], hashes) == [(), ()]


def test_all_that_show_the_picture_are_named_the_likest_first(originals):
    images, hashes = originals
    twice = np.concatenate([hashes, hashes[:1]])
    found = HashIndex(twice).find_image(images[0])
    assert [match.row for match in found] == [0, 12] and found[0].likeness >= found[1].likeness >= LIMIT


def test_a_hash_does_not_depend_on_the_number_of_threads(originals):
    images, hashes = originals
    np.testing.assert_array_equal(hash_images(images, threads=3), hashes)
