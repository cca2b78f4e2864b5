"""Rows of ticks, and the lines that hairs are."""

import cv2
import numpy as np
import pytest

from lentigo.images.artefacts.lines import find_components, find_hairs, measure_lengths
from lentigo.images.artefacts.rulers import measure_bases, measure_row, measure_rows, measure_turn

NOTHING = np.zeros((224, 224), bool)
SURE, MIDDLE = 2.0, np.array((112, 112))  # a rarity; of the picture


def drawing(*lines, width=1, ground=200, ink=60):
    """Lines, each two ends in pixels, drawn on grey: uint8 (224, 224)."""
    image = np.full((224, 224), ground, np.uint8)
    for line in lines:
        cv2.polylines(image, [np.int32(np.array(line) * 16)], False, ink, width, cv2.LINE_AA, 4)
    return np.clip(image + np.random.default_rng(0).normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def ruler(angle=0.0, gap=9.0, length=8.0, count=12, base=False, bend=0.0):
    """The ticks of a ruler around the middle, and its base line."""
    angles = angle + bend * (np.arange(count) - count / 2)
    along, inward = (
        np.stack([np.cos(angles), np.sin(angles)], 1),
        np.stack([-np.sin(angles), np.cos(angles)], 1),
    )
    feet = MIDDLE + np.cumsum(gap * along, axis=0) - gap * count / 2 * along.mean(axis=0)
    ticks = [(foot, foot + length * way) for foot, way in zip(feet, inward, strict=True)]
    return ticks + [(feet[0], feet[-1])] * base


@pytest.mark.parametrize("angle", np.radians([0, 8, 20, 40, 60, 90, 115, 150]))
def test_a_row_of_ticks_is_found_at_any_angle(angle):
    assert measure_rows(drawing(*ruler(angle)), NOTHING) > SURE


@pytest.mark.parametrize("gap", [5, 7, 12, 20])
def test_a_row_is_found_at_any_gap(gap):
    assert measure_rows(drawing(*ruler(gap=gap, count=8)), NOTHING) > SURE


def test_a_row_that_bends_is_found():
    assert measure_rows(drawing(*ruler(bend=0.05)), NOTHING) > SURE


def test_a_missing_tick_is_stepped_over():
    ticks = ruler(count=9)
    assert measure_rows(drawing(*ticks[:4], *ticks[5:]), NOTHING) > SURE


def test_the_longer_a_row_the_rarer():
    assert (
        measure_rows(drawing(*ruler(count=4)), NOTHING)
        < measure_rows(drawing(*ruler(count=6)), NOTHING)
        < measure_rows(drawing(*ruler(count=9)), NOTHING)
    )


def test_three_ticks_are_no_ruler():
    assert measure_rows(drawing(*ruler(count=3)), NOTHING) <= SURE


def test_ticks_at_unequal_distances_are_no_ruler():
    x = np.cumsum([20, 7, 18, 11, 28, 9, 23, 15])
    assert measure_rows(drawing(*[((at, 100), (at, 108)) for at in x]), NOTHING) <= SURE


def test_short_lines_at_chance_are_no_ruler():
    rng, rare = np.random.default_rng(0), []
    for _ in range(20):
        start, angle = rng.uniform(10, 210, (60, 2)), rng.normal(0, 0.3, 60)
        ends = start + 8 * np.stack([np.cos(angle), np.sin(angle)], 1)
        rare.append(measure_rows(drawing(*zip(start, ends, strict=True)), NOTHING) > SURE)
    assert np.mean(rare) <= 0.1


def test_dashes_of_one_line_are_no_ruler():
    assert measure_rows(drawing(*[((x, 100), (x + 6, 100)) for x in range(10, 200, 12)]), NOTHING) <= SURE


def test_what_is_shut_is_not_looked_at():
    assert measure_rows(drawing(*ruler()), ~NOTHING) == 0


@pytest.mark.parametrize("angle", np.radians([0, 10, 25, 45, 70, 100, 160]))
def test_a_base_line_with_ticks_is_a_ruler(angle):
    image = drawing(*ruler(angle, gap=8, length=7, base=True))
    assert measure_bases(image, find_hairs(image, NOTHING)).max() > SURE


@pytest.mark.parametrize("angle", np.radians([1, 5, 25, 45, 88]))
def test_a_bare_line_is_no_ruler(angle):
    half = 80 * np.array([np.cos(angle), np.sin(angle)])
    image = drawing((MIDDLE - half, MIDDLE + half))
    assert measure_bases(image, find_hairs(image, NOTHING)).max() <= SURE


def test_no_ticks_are_no_row():
    assert (
        measure_row(np.empty(0, complex), np.empty(0)) == 0
        and measure_row(np.array([1 + 1j]), np.zeros(1)) == 0
    )


def test_lines_turn_by_a_right_angle_at_most():
    np.testing.assert_allclose(
        measure_turn(np.radians([0, 45, 90, 135, 180, -170, 350])),
        np.radians([0, 45, 90, 45, 0, 10, 10]),
        atol=1e-12,
    )


@pytest.mark.parametrize("angle", np.radians([0, 30, 45, 70, 90]))
@pytest.mark.parametrize("width", [1, 2])
def test_a_hair_is_as_long_as_it_is_drawn(angle, width):
    half = 70 * np.array([np.cos(angle), np.sin(angle)])
    hairs = find_hairs(drawing((MIDDLE - half, MIDDLE + half), width=width), NOTHING)
    assert len(hairs.area) == 1 and measure_lengths(hairs)[0] == pytest.approx(140, rel=0.05)


def test_hairs_that_cross_count_both():
    hairs = find_hairs(drawing(((30, 40), (180, 160)), ((30, 160), (180, 40))), NOTHING)
    assert len(hairs.area) == 1 and measure_lengths(hairs)[0] > 1.5 * 192


def test_lines_in_a_lesion_are_no_hairs():
    image = drawing(((80, 112), (150, 120)), width=2)
    image[60:170, 60:170] = (image[60:170, 60:170] * 0.6).astype(np.uint8)
    assert len(find_hairs(image, NOTHING).area) == 0


def test_short_and_faint_lines_are_no_hairs():
    assert len(find_hairs(drawing(((100, 100), (114, 100))), NOTHING).area) == 0
    assert len(find_hairs(drawing(((30, 100), (160, 100)), ink=196), NOTHING).area) == 0


def test_wide_bands_are_no_hairs():
    assert len(find_hairs(drawing(((30, 100), (160, 100)), width=12), NOTHING).area) == 0


def test_parts_of_a_mask():
    mask = np.zeros((40, 60), bool)
    mask[10:12, 5:25] = mask[20:35, 50:51] = True
    parts = find_components(mask)
    np.testing.assert_allclose(parts.area, [40, 15])
    np.testing.assert_allclose(parts.length, [20, 15], rtol=1e-3)
    np.testing.assert_allclose(parts.width, [2, 1], rtol=1e-3)
    np.testing.assert_allclose((parts.x, parts.y), [(14.5, 50), (10.5, 27)])
    np.testing.assert_allclose(parts.angle, [0, np.pi / 2])
    chosen = parts.choose(np.array([False, True]))
    np.testing.assert_allclose(chosen.average(np.arange(2400.0).reshape(40, 60)), [27 * 60 + 50])


def test_an_empty_mask_has_no_parts():
    parts = find_components(np.zeros((10, 10), bool))
    assert len(parts.area) == len(parts.choose(np.zeros(0, bool)).area) == 0
