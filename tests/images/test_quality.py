"""The quality gate: what damages a photograph is found and named, what does not is left alone."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from lentigo.errors import UsageError
from lentigo.images.artefacts.drawn_artefacts import add_dark_corners, add_ruler
from lentigo.images.measures.areas import find_outside, measure_cut, split_otsu, spread
from lentigo.images.measures.quality import LIMITS, Quality, judge_quality, measure_quality
from lentigo.images.synthetic_lesions import draw_synthetic_lesion

SKIN, PIGMENT = (214, 166, 142), (96, 62, 48)
PHANTOMS = [
    draw_synthetic_lesion(label, seed).image for seed in range(20) for label in ("benign", "malignant")
]


def kinds(pixels: np.ndarray, size: tuple[int, int] | None = None) -> list[str]:
    return [flaw.kind for flaw in judge_quality(measure_quality(pixels, size))]


def share(kind: str, images: list[np.ndarray]) -> float:
    return float(np.mean([kind in kinds(image) for image in images]))


def blurred(pixels: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def lit(pixels: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(pixels * factor, 0, 255).astype(np.uint8)


def decorated(pixels: np.ndarray, add) -> np.ndarray:
    image = pixels.transpose(2, 0, 1).astype(np.float32)
    add(image, np.random.default_rng(0))
    return np.clip(image.transpose(1, 2, 0), 0, 255).astype(np.uint8)


def lesion_at(
    x: int, y: int, radius: int = 40, outside: str | None = None, lens: int = 108, pigment: tuple = PIGMENT
) -> np.ndarray:
    """A disc of pigment on skin, under a dermatoscope's lens of radius `lens` where `outside` is a colour."""
    image = Image.new("RGB", (224, 224), SKIN)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), pigment)
    if outside:
        frame, hole = Image.new("RGB", (224, 224), outside), Image.new("L", (224, 224), 255)
        ImageDraw.Draw(hole).ellipse((112 - lens, 112 - lens, 112 + lens, 112 + lens), 0)
        image.paste(frame, mask=hole)
    return np.asarray(image)


def cut(pixels: np.ndarray) -> float | None:
    return measure_quality(pixels).cut_off


def test_nearly_all_plain_synthetic_lesions_pass():
    assert np.mean([not kinds(image, (600, 450)) for image in PHANTOMS]) >= 0.95


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("blurred", lambda pixels: blurred(pixels, 3)),
        ("blurred", lambda pixels: blurred(pixels, 8)),
        ("dark", lambda pixels: lit(pixels, 0.25)),
    ],
)
def test_damage_is_found_in_every_synthetic_lesion(kind, damage):
    assert share(kind, [damage(image) for image in PHANTOMS]) == 1


def test_over_exposure_is_found_where_skin_burns_out():
    fair = [image for image in PHANTOMS if np.median(image) > 140]
    assert len(fair) > 10 and share("over-exposed", [lit(image, 2.5) for image in fair]) == 1


@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_sharpness_does_not_depend_on_the_light(factor):
    before, after = (
        np.array([measure_quality(image).sharpness for image in images])
        for images in (PHANTOMS, [lit(p, factor) for p in PHANTOMS])
    )
    np.testing.assert_allclose(after, before, rtol=0.12)


def test_more_blur_is_less_sharp():
    sharpness = [measure_quality(blurred(PHANTOMS[0], sigma)).sharpness for sigma in (0, 1, 2, 3)]
    assert sharpness == sorted(sharpness, reverse=True)


@pytest.mark.parametrize("add", [add_dark_corners, add_ruler])
def test_what_stands_at_the_edge_does_not_make_a_blurred_photograph_sharp(add):
    assert share("blurred", [decorated(blurred(image, 3), add) for image in PHANTOMS]) == 1


def test_dark_corners_are_no_flaw():
    good = [image for image in PHANTOMS if not kinds(image)]
    assert np.mean([not kinds(decorated(image, add_dark_corners)) for image in good]) >= 0.95


def test_a_white_frame_is_not_over_exposure():
    assert kinds(lesion_at(112, 112, outside="white")) == []


def test_a_white_frame_does_not_light_a_dark_photograph():
    frame, dark = lesion_at(112, 112, outside="white"), lit(lesion_at(112, 112), 0.25)
    assert "dark" in kinds(np.where((frame == 255).all(axis=2, keepdims=True), frame, dark))


def test_dark_skin_is_no_dark_photograph():
    """The skin of the darkest synthetic lesions, evenly lit."""
    image = lesion_at(112, 112).copy()
    image[(image == SKIN).all(axis=2)] = (108, 75, 59)
    assert "dark" not in kinds(image)


@pytest.mark.parametrize(("grey", "expected"), [(0, "dark"), (255, "over-exposed"), (128, "blurred")])
def test_an_empty_picture_is_flagged(grey, expected):
    assert expected in kinds(np.full((224, 224, 3), grey, np.uint8))


@pytest.mark.parametrize("pair", [[0, 1], [0, 2], [1, 2]])
def test_burnt_counts_pixels_with_two_channels_at_the_top(pair):
    image = np.full((224, 224, 3), 100, np.uint8)
    image[32:112, 32:192, pair], image[112:152, 32:192, pair[0]] = (
        255,
        255,
    )  # half of the middle in two channels, a quarter in one
    assert measure_quality(image).burnt == 0.5


def test_the_smaller_side_of_the_original_counts():
    assert kinds(PHANTOMS[0], (223, 900)) == ["small"]
    assert kinds(PHANTOMS[0], (224, 224)) == []
    assert measure_quality(PHANTOMS[0]).side is None


def test_a_lesion_with_skin_around_it_touches_nothing():
    assert cut(lesion_at(112, 112)) == 0


def test_the_share_of_the_edge_that_a_lesion_touches():
    assert cut(lesion_at(40, 112, radius=60)) == pytest.approx(
        2 * np.sqrt(60**2 - 40**2) / (4 * 224), abs=0.02
    )


def test_a_lesion_beside_dark_corners_is_not_cut_off():
    assert cut(lesion_at(112, 112, outside="black")) == 0


def test_what_lies_beyond_the_lens_is_outside():
    """Four corners of a square around a disc: 1 - pi / 4 of the picture, less the cells on the rim."""
    outside = find_outside(np.asarray(Image.fromarray(lesion_at(112, 112, outside="#281e1e")).reduce(8)))
    assert outside[[0, 0, -1, -1], [0, -1, 0, -1]].all() and not outside[7:21, 7:21].any()
    assert outside.mean() == pytest.approx(1 - np.pi * 108**2 / 224**2, abs=0.08)


def test_a_lesion_cut_by_a_corner_is_not_taken_for_a_dark_corner():
    assert cut(lesion_at(40, 40, radius=90)) > 0.1


@pytest.mark.parametrize(
    "image",
    [
        np.full((224, 224, 3), SKIN, np.uint8),  # no lesion
        np.random.default_rng(0)
        .integers(60, 220, (28, 28, 1), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
        .repeat(3, 2),  # mottled
    ],
)
def test_where_no_lesion_stands_out_nothing_is_said(image):
    assert cut(image) is None


def test_light_that_falls_off_is_no_lesion():
    assert (
        cut(
            (np.uint8([SKIN]) * np.linspace(1, 0.65, 224)[None, :, None]).astype(np.uint8).repeat(224, axis=0)
        )
        is None
    )


def test_a_red_lesion_is_found_as_well():
    assert cut(lesion_at(40, 112, radius=60, pigment=(SKIN[0] - 20, 90, 80))) > 0.08


def test_an_orange_sticker_is_no_lesion():
    assert cut(lesion_at(20, 112, radius=80, pigment=(250, 120, 20))) is None


def test_the_lesion_is_the_dark_area_nearest_to_the_middle():
    both = np.minimum(lesion_at(0, 112, radius=70), lesion_at(130, 112, radius=25))
    assert cut(both) == 0 and cut(lesion_at(0, 112, radius=70)) > 0.1


def test_black_inside_the_picture_is_not_outside():
    cells = np.asarray(Image.fromarray(lesion_at(112, 112)).reduce(8)).copy()
    cells[12:16, 12:16] = 0
    assert not find_outside(cells).any() and measure_cut(cells) == 0


def test_otsu_of_two_heaps_by_brute_force():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(80, 12, 300), rng.normal(170, 20, 500)]).astype(np.uint8)

    def within(threshold):  # the sum of squares within both classes, which Otsu's threshold makes least
        low, high = values[values <= threshold], values[values > threshold]
        return low.var() * len(low) + high.var() * len(high)

    assert within(split_otsu(values)) == pytest.approx(
        min(within(t) for t in range(values.min(), values.max()))
    )


def test_spreading_stays_within():
    within = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 1, 0]], bool)
    start = np.zeros((3, 4), bool)
    start[0, 0] = start[0, 2] = True
    np.testing.assert_array_equal(
        spread(start, within), np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]], bool)
    )


WORST = Quality(sharpness=3.4, brightness=20, burnt=0.4, side=100, cut_off=0.3)


def test_each_flaw_names_value_limit_and_cure():
    flaws = judge_quality(WORST)
    assert [flaw.kind for flaw in flaws] == ["blurred", "dark", "over-exposed", "small", "cut off"]
    said = zip(
        flaws, ("3.4", "20.0", "40.0%", "100", "30.0%"), ("22", "65", "10%", "224", "10%"), strict=True
    )
    for flaw, value, limit in said:
        assert (
            flaw.sentence.startswith(f"{flaw.kind}: ")
            and f" {value} " in flaw.sentence
            and f" {limit};" in flaw.sentence
        )
        assert "photograph again" in flaw.sentence


def test_of_a_refused_photograph_nothing_is_said_of_a_lesion():
    kinds = [flaw.kind for flaw in judge_quality(WORST, shows_lesion=False)]
    assert kinds == ["blurred", "dark", "over-exposed", "small"]


def test_a_value_at_its_limit_is_no_flaw():
    assert judge_quality(Quality(**{limit.measure: limit.limit for limit in LIMITS})) == ()


def test_what_is_not_known_is_no_flaw():
    assert judge_quality(Quality(sharpness=40, brightness=180, burnt=0, side=None, cut_off=None)) == ()


@pytest.mark.parametrize("pixels", [np.zeros((100, 224, 3), np.uint8), np.zeros((224, 224, 3), np.float32)])
def test_other_pixels_are_refused(pixels):
    with pytest.raises(UsageError, match=r"expected \(224, 224, 3\) uint8"):
        measure_quality(pixels)
