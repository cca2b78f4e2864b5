"""Artefacts: those drawn are found, and pictures and lesions that only look like them are left alone."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.images import synthetic_lesions as synthetic_lesions
from lentigo.images.artefacts.artefact_detection import KINDS, LIMITS, Artefacts, find_artefacts
from lentigo.images.artefacts.drawn_artefacts import (
    add_bubbles,
    add_dark_corners,
    add_hairs,
    add_ink,
    add_ruler,
    blend,
    grid,
    rise,
)
from lentigo.images.listing import find_images
from lentigo.images.photographs import read_all

SKIN = (226, 178, 152)


def draw(*adds, skin=SKIN, lesion=(104, 66, 50), seed=0):
    """Skin of one colour with a lesion in its middle, artefacts, and noise: uint8 (224, 224, 3)."""
    rng = np.random.default_rng(seed)
    image = np.empty((3, 224, 224), np.float32)
    image[:] = np.float32(skin).reshape(3, 1, 1)
    blend(image, 1 - rise(np.hypot(*(grid(224) - np.float32(0.5))), 0.16, 0.24), lesion)
    for add in adds:
        add(image, rng)
    return np.ascontiguousarray(
        np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    )


def named(pixels):
    return [kind for kind, found in find_artefacts(pixels).flags.items() if found]


def add_white_frame(image, rng):
    far = np.hypot(*(grid(224) - np.float32(0.5)))
    blend(image, rise(far, 0.49, 0.5), (255, 255, 255))
    image[:, far > 0.5] += 6  # so that noise leaves it white


def add_violet_light(image, rng):
    image *= np.float32([0.95, 0.85, 1.3]).reshape(3, 1, 1)


def add_many_hairs(image, rng):
    add_hairs(image, rng, fewest=6)


DRAWN = {
    "hair": add_many_hairs,
    "ruler": add_ruler,
    "ink": add_ink,
    "dark_corners": add_dark_corners,
    "white_frame": add_white_frame,
    "colour_cast": add_violet_light,
}


def test_a_plain_picture_has_none():
    assert not any(named(draw(seed=seed)) for seed in range(10))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_found_and_not_taken_for_another(kind):
    found = [named(draw(DRAWN[kind], seed=seed)) for seed in range(20)]
    assert np.mean([kind in names for names in found]) >= 0.85
    assert np.mean([set(names) <= {kind} for names in found]) >= 0.8


def test_two_are_found_side_by_side():
    assert {"ruler", "dark_corners"} <= set(named(draw(add_ruler, add_dark_corners)))


def test_bubbles_of_the_gel_are_none_of_them():
    assert np.mean([not named(draw(add_bubbles, seed=seed)) for seed in range(20)]) >= 0.9


def test_synthetic_lesions_without_artefacts_have_few(monkeypatch):
    monkeypatch.setattr(synthetic_lesions, "ARTEFACTS", ())
    images = [
        synthetic_lesions.draw_synthetic_lesion(label, seed).image
        for seed in range(25)
        for label in ("benign", "malignant")
    ]
    flags = np.array([list(find_artefacts(image).flags.values()) for image in images])
    assert (flags.mean(axis=0) <= 0.06).all()


def test_blue_in_the_lesion_is_no_ink():
    def add_veil(image, rng):
        blend(image, 1 - rise(np.hypot(*(grid(224) - np.float32(0.5))), 0.05, 0.1), (84, 92, 130))

    assert "ink" not in named(draw(add_veil))


def test_the_blue_edge_of_a_lens_is_no_ink():
    image = draw()
    image[:20, :20] = (30, 34, 80)
    assert "ink" not in named(image)


def test_ink_strokes_that_are_found_are_no_hairs():
    found = [find_artefacts(draw(add_ink, seed=seed)) for seed in range(20)]
    assert np.median([each.hair for each in found if each.flags["ink"]]) == 0


def test_black_on_one_side_alone_is_found_at_the_corners():
    image = draw()
    image[:, :40] = 4
    assert named(image) == ["dark_corners"]


def test_white_in_one_corner_is_no_frame():
    image = draw()
    image[:60, :60] = 255
    assert "white_frame" not in named(image)


@pytest.mark.parametrize(
    "skin",
    [(240, 212, 200), (230, 190, 172), (214, 166, 142), (184, 134, 106), (146, 100, 76), (108, 75, 59)],
)
def test_no_tone_of_skin_is_a_cast(skin):
    assert find_artefacts(draw(skin=skin, lesion=(60, 40, 34))).colour_cast < 1


@pytest.mark.parametrize(
    "skin",
    [(150, 160, 210), (226, 130, 160), (190, 150, 220), (150, 190, 140)],
    ids=["blue", "pink", "violet", "green"],
)
def test_light_of_another_colour_is_a_cast(skin):
    assert "colour_cast" in named(draw(skin=skin))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_pictures_of_nothing_are_measured_all_the_same(grey):
    found = find_artefacts(np.full((224, 224, 3), grey, np.uint8))
    assert found.hair == found.ruler == found.ink == 0 and (found.colour_cast is None) == (grey == 0)


def test_noise_has_neither_hair_nor_ruler():
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    assert not {"hair", "ruler"} & set(named(image))


def test_each_kind_has_a_limit_a_value_and_a_flag():
    found = find_artefacts(draw())
    assert tuple(found.flags) == KINDS == tuple(LIMITS) and set(found.to_json()) == {*KINDS, "flags"}


def test_a_value_at_its_limit_is_flagged():
    assert all(Artefacts(**LIMITS).flags.values())


def test_what_is_not_known_is_not_flagged():
    assert not Artefacts(**{**LIMITS, "colour_cast": None}).flags["colour_cast"]


def test_threads_give_the_same_answers():
    images = [draw(add_hairs, add_ruler, add_ink, seed=seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(find_artefacts, images * 4)) == [find_artefacts(image) for image in images] * 4


def test_the_photograph_is_left_as_it_is():
    image = draw(add_hairs)
    before = image.copy()
    find_artefacts(image)
    np.testing.assert_array_equal(image, before)


def test_views_that_are_not_contiguous_are_taken():
    image = draw(add_hairs, add_ink)
    assert find_artefacts(np.asfortranarray(image)) == find_artefacts(image)
    find_artefacts(image[::-1, ::-1, ::-1])


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((100, 224, 3), np.uint8), np.zeros((224, 224, 3), np.float32), np.zeros((224, 224), np.uint8)],
)
def test_other_pixels_are_refused(pixels):
    with pytest.raises(UsageError, match=r"expected \(224, 224, 3\) uint8"):
        find_artefacts(pixels)


def test_on_real_photographs(photographs):
    paths = sorted(find_images(photographs / "malignant_vs_benign" / "train"))[::40]
    images = [image.pixels for image in read_all(paths)[0]]
    found = np.array([list(find_artefacts(image).flags.values()) for image in images])
    assert 0.01 < found.mean() < 0.3
    for kind, least in (("ruler", 0.9), ("dark_corners", 0.95), ("ink", 0.7)):
        which, rng, seen = KINDS.index(kind), np.random.default_rng(0), []
        for image in (image for image, flags in zip(images, found, strict=True) if not flags[which]):
            drawn = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
            DRAWN[kind](drawn, rng)
            seen.append(
                kind in named(np.ascontiguousarray(cv2.merge(list(np.clip(drawn, 0, 255).astype(np.uint8)))))
            )
        assert np.mean(seen) >= least, kind


def test_a_blue_spot_on_black_is_measured_all_the_same():
    image = np.zeros((224, 224, 3), np.uint8)
    image[:, :8] = image[:, -8:] = (9, 9, 9)
    image[100:110, 100:110] = (0, 0, 120)
    assert find_artefacts(image).ink == 0
