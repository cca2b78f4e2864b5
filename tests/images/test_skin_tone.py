import numpy as np
import pytest
from PIL import Image

from lentigo.images.artefacts.drawn_artefacts import add_dark_corners, add_hairs, add_ruler, blend, grid, rise
from lentigo.images.measures.skin_tone import classify_ita, convert_lab, estimate_ita, mask_ring, read_tones
from lentigo.images.synthetic.lesion_signs import SKIN as TYPES


def photograph(skin, *artefacts, seed=0):
    """Skin of one colour with a lesion in its middle, noise, and artefacts."""
    rng = np.random.default_rng(seed)
    image = np.empty((3, 224, 224), np.float32)
    image[:] = np.float32(skin).reshape(3, 1, 1)
    blend(image, 1 - rise(np.hypot(*(grid(224) - np.float32(0.5))), 0.28, 0.36), (88, 52, 40))
    for add in artefacts:
        add(image, rng)
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def angle_of(skin):
    lightness, _, yellow = convert_lab(np.uint8(skin))
    return np.degrees(np.arctan((lightness - 50) / yellow))


@pytest.mark.parametrize(  # B. Lindbloom's calculator and the table of most textbooks, for sRGB and D65
    "rgb, lab",
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_known_colours(rgb, lab):
    assert convert_lab(np.uint8(rgb)) == pytest.approx(lab, abs=0.02)


def test_colours_keep_the_shape_of_the_picture():
    assert convert_lab(np.zeros((2, 5, 3), np.uint8)).shape == (2, 5, 3)


@pytest.mark.parametrize(
    "angle, name",
    [
        (90, "very light"),
        (55.1, "very light"),
        (55, "light"),
        (41, "intermediate"),
        (28, "tan"),
        (10, "brown"),
        (-30, "dark"),
        (-90, "dark"),
        (np.nan, "unknown"),
    ],
)
def test_classes_begin_above_their_angle(angle, name):
    assert classify_ita(angle) == name


@pytest.mark.parametrize("skin", TYPES.tolist())
@pytest.mark.parametrize("artefacts", [(), (add_dark_corners,), (add_hairs, add_ruler)])
def test_the_skins_own_angle_is_found_beside_lesion_hairs_ruler_and_dark_corners(skin, artefacts):
    assert estimate_ita(photograph(skin, *artefacts)) == pytest.approx(angle_of(skin), abs=4)


def test_the_lesion_does_not_matter_where_it_leaves_the_border_free():
    bare, lesion = photograph(TYPES[1]), photograph(TYPES[1])
    bare[60:160, 60:160], lesion[60:160, 60:160] = TYPES[1], (40, 10, 10)
    assert estimate_ita(bare) == estimate_ita(lesion)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((224, 224, 3), np.uint8), photograph((225, 160, 190)), photograph((180, 200, 230))],
    ids=["black", "pink", "blue"],
)
def test_a_colour_that_no_skin_has_is_unknown(pixels):
    assert np.isnan(estimate_ita(pixels)) and classify_ita(estimate_ita(pixels)) == "unknown"


@pytest.mark.parametrize("height, width", [(224, 224), (100, 300), (1, 1), (2, 9)])
def test_a_ring_reaches_as_far_in_from_each_side(height, width):
    ring = mask_ring(height, width)
    assert (ring == ring[::-1]).all() and (ring == ring[:, ::-1]).all() and ring[0].all() and ring[:, 0].all()
    assert ring.mean() == pytest.approx(1 - 0.76**2, abs=0.01) or min(height, width) < 10


def test_tones_stand_in_the_order_of_the_photographs(tmp_path, bad):
    for number, skin in enumerate(TYPES[[5, 0, 2]]):
        Image.fromarray(photograph(skin)).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / "0.png"), str(bad), str(tmp_path / "1.png"), str(tmp_path / "2.png")]
    assert read_tones(paths) == ["dark", "unknown", "very light", classify_ita(angle_of(TYPES[2]))]
