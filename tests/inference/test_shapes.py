"""Against shapes whose measures are known from geometry, drawn at several sizes and turned."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull

from lentigo.inference.lesions.shapes import (
    find_hull,
    measure_area,
    measure_asymmetry,
    measure_diameter,
    measure_irregularity,
    measure_perimeter,
)

SIDE = 420
Y, X = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + np.array([0.7, 0.2])[:, None, None]


def turned(angle):
    return X * np.cos(angle) + Y * np.sin(angle), Y * np.cos(angle) - X * np.sin(angle)


def disc(radius):
    return np.hypot(X, Y) <= radius


def ellipse(a, b, angle):
    u, v = turned(angle)
    return (u / a) ** 2 + (v / b) ** 2 <= 1


def half_disc(radius, angle):
    return disc(radius) & (turned(angle)[1] > 0)


def star(points, outer, inner):
    """A regular star, drawn four times as large and averaged down; and its area and perimeter."""
    angles = np.pi * np.arange(2 * points) / points + 0.1
    corners = 2 * SIDE + 4 * np.where(np.arange(2 * points) % 2, inner, outer)[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )
    image = Image.new("L", (4 * SIDE, 4 * SIDE))
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners], fill=255)
    side = np.hypot(outer - inner * np.cos(np.pi / points), inner * np.sin(np.pi / points))
    return (
        np.asarray(image.reduce(4)) > 127,
        points * outer * inner * np.sin(np.pi / points),
        2 * points * side,
    )


@pytest.mark.parametrize("radius", [12, 40, 180])
def test_a_disc(radius):
    mask = disc(radius)
    assert measure_area(mask) == pytest.approx(np.pi * radius**2, rel=0.01)
    assert measure_diameter(mask) == pytest.approx(2 * radius, abs=1.5)  # pixels have corners
    assert measure_perimeter(mask) == pytest.approx(2 * np.pi * radius, rel=0.01)
    assert measure_irregularity(mask) == pytest.approx(1, abs=0.02)
    assert max(measure_asymmetry(mask)) < 0.02


@pytest.mark.parametrize(("a", "b", "angle"), [(30, 12, 0.5), (90, 30, 1.2), (180, 120, 0.3)])
def test_an_ellipse(a, b, angle):
    mask, h = ellipse(a, b, angle), ((a - b) / (a + b)) ** 2
    perimeter = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))  # Ramanujan
    assert measure_diameter(mask) == pytest.approx(2 * a, abs=1.5)
    assert measure_perimeter(mask) == pytest.approx(perimeter, rel=0.01)
    assert measure_irregularity(mask) == pytest.approx(perimeter**2 / (4 * np.pi**2 * a * b), rel=0.02)
    assert max(measure_asymmetry(mask)) < 0.02


@pytest.mark.parametrize(("points", "outer", "inner"), [(5, 190, 95), (8, 190, 80)])
def test_a_star_is_ragged(points, outer, inner):
    mask, area, perimeter = star(points, outer, inner)
    assert measure_perimeter(mask) == pytest.approx(perimeter, rel=0.04)  # its points are rounded
    assert measure_irregularity(mask) == pytest.approx(perimeter**2 / (4 * np.pi * area), rel=0.06)
    assert measure_irregularity(mask) > 1.8


def test_a_star_of_five_is_symmetric_about_one_axis_and_not_about_the_other():
    over_one, over_other = measure_asymmetry(star(5, 190, 95)[0])
    assert over_one < 0.02 and over_other == pytest.approx(0.33, abs=0.03)


@pytest.mark.parametrize(("radius", "angle"), [(40, 0.0), (40, 0.9), (190, 0.4)])
def test_a_half_disc(radius, angle):
    mask = half_disc(radius, angle)
    assert measure_diameter(mask) == pytest.approx(2 * radius, abs=2)
    assert measure_irregularity(mask) == pytest.approx((np.pi + 2) ** 2 / (2 * np.pi**2), rel=0.02)
    over_one, over_other = measure_asymmetry(mask)
    assert over_one < 0.03 and over_other == pytest.approx(fold_half_disc(), abs=0.01)


def fold_half_disc():
    """The share of a half-disc of radius 1 beyond its fold over the line through its centroid, at 4 / (3 pi)
    from its straight side, by integration.
    """
    height = np.linspace(0, 1, 100_001)
    mirrored = 2 * 4 / (3 * np.pi) - height  # where a strip at that height falls
    width, width_there = (2 * np.sqrt(np.clip(1 - h**2, 0, None)) * (h >= 0) for h in (height, mirrored))
    return float(np.clip(width - width_there, 0, None).sum() / width.sum())


def test_measures_do_not_depend_on_the_way_a_lesion_lies():
    values = [
        (measure_irregularity(mask), *measure_asymmetry(mask))
        for mask in (half_disc(150, angle) for angle in np.linspace(0, 3, 7))
    ]
    assert np.ptp(values, axis=0).max() < 0.02


def test_axes_of_a_long_shape_are_its_principal_axes():
    """A slanted triangle with equal legs is its own mirror image about its long axis alone."""
    u, v = turned(0.6)
    triangle = (np.abs(v) < (u + 150) / 5) & (u < 150)
    over_one, over_other = measure_asymmetry(triangle)
    assert over_one < 0.02 and over_other > 0.15


def test_the_hull_is_that_of_scipy():
    mask, rng = np.zeros((60, 80), bool), np.random.default_rng(3)
    mask[rng.integers(10, 50, 40), rng.integers(5, 70, 40)] = True
    y, x = np.nonzero(mask)
    corners = np.array(
        [(a + dx, b + dy) for a, b in zip(x, y, strict=True) for dx in (0, 1) for dy in (0, 1)]
    )
    expected = corners[ConvexHull(corners).vertices]
    assert sorted(map(tuple, find_hull(mask).tolist())) == sorted(map(tuple, expected.tolist()))


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (7, 7)])
def test_small_and_thin_masks_have_a_diameter_and_fold_onto_themselves(shape):
    assert measure_diameter(np.ones(shape, bool)) == pytest.approx(np.hypot(*shape))
    assert measure_asymmetry(np.ones(shape, bool)) == (0.0, 0.0)
