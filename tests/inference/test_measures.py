import numpy as np
import pytest

from lentigo.inference.lesions.measures import Measures, measure_lesion

Y, X = np.mgrid[:200, :300]
DISC = (X - 149.5) ** 2 + (Y - 99.5) ** 2 <= 60**2
SKIN, BROWN, BLACK = (225, 190, 170), (95, 60, 40), (20, 18, 18)


def paint(mask, colour=BROWN):
    return np.where(mask[..., None], np.uint8(colour), np.uint8(SKIN))


def test_a_disc_has_the_measures_of_a_disc():
    found = measure_lesion(DISC, paint(DISC)[DISC])
    assert (
        found.area_px == pytest.approx(np.pi * 3600, rel=0.01) and found.area_share == found.area_px / 60_000
    )
    assert found.diameter_px == pytest.approx(120, abs=1.5) and not found.cut_off
    assert found.border_irregularity == pytest.approx(1, abs=0.02) and found.asymmetry < 0.02
    assert found.colours == ("dark brown",) and found.colour_spread < 1e-9


def test_without_a_scale_there_are_no_millimetres():
    found = measure_lesion(DISC, paint(DISC)[DISC])
    assert found.area_mm2 is None and found.diameter_mm is None


def test_millimetres_follow_the_scale():
    found = measure_lesion(DISC, paint(DISC)[DISC], mm_per_pixel=0.05)
    assert found.diameter_mm == pytest.approx(found.diameter_px / 20) and found.area_mm2 == pytest.approx(
        found.area_px / 400
    )


def test_a_reduced_photograph_gives_pixels_of_the_original():
    found, reduced = (
        measure_lesion(DISC, paint(DISC)[DISC], size=(1200, 800), mm_per_pixel=0.01),
        measure_lesion(DISC, paint(DISC)[DISC], mm_per_pixel=0.04),
    )
    assert found.area_px == pytest.approx(16 * reduced.area_px) and found.diameter_px == pytest.approx(
        4 * reduced.diameter_px
    )
    assert (
        found.diameter_mm == pytest.approx(reduced.diameter_mm)
        and found.border_irregularity == reduced.border_irregularity
    )


def test_two_colours_are_two_and_spread():
    pixels = paint(DISC)
    pixels[DISC & (X < 130)] = BLACK
    found = measure_lesion(DISC, pixels[DISC])
    assert found.colours == ("dark brown", "black") and 8 < found.colour_spread < 16


def test_a_colour_of_a_few_pixels_does_not_count():
    pixels = paint(DISC)
    pixels[DISC & (X < 95)] = BLACK
    assert measure_lesion(DISC, pixels[DISC]).colours == ("dark brown",)


def test_a_lesion_that_leaves_the_photograph_is_cut_off():
    assert measure_lesion(np.roll(DISC, 100, axis=1), paint(DISC)[DISC]).cut_off


def test_a_mask_of_a_few_pixels_has_no_shape():
    mask = np.zeros((50, 50), bool)
    mask[20:25, 20:25] = True
    found = measure_lesion(mask, paint(mask)[mask])
    assert (
        isinstance(found, Measures)
        and found.border_irregularity is found.asymmetry is found.asymmetry_axes is None
    )
    assert found.diameter_px == pytest.approx(np.hypot(5, 5))
