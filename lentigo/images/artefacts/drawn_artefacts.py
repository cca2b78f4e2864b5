"""Artefacts of a photograph, drawn by program: hairs, rulers, bubbles of the gel, dark corners, marks in ink.

Images here are float32 (3, S, S), 0 to 255, and are changed in place. Lengths are image widths. What has
edges is drawn at twice the size and reduced, so that they are smooth.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

ENLARGED = 2  # times the image's side that a drawing has
SUBPIXEL_BITS = 4  # of the coordinates that OpenCV draws at
SUBPIXELS = 1 << SUBPIXEL_BITS
OPAQUE = 255
# What white skin becomes under gentian violet, a redder violet, and blue; RGB
INKS = ((88, 62, 168), (112, 64, 160), (60, 84, 176))
HAIR_COLOURS = ((26, 20, 20), (52, 34, 28), (110, 76, 50))
DARK_CORNER_COLOUR = (12, 9, 10)
RULER_COLOUR = (30, 26, 28)
BUBBLE_RIM_COLOUR = (70, 56, 54)
BUBBLE_GLINT_COLOUR = (255, 252, 250)


def grid(size: int) -> np.ndarray:
    """Gives the places of all pixels.

    Args:
        size: Pixels along the side.

    Returns:
        The rows' and the columns' places in image widths, float32 (2, S, S).
    """
    return np.indices((size, size), dtype=np.float32) / np.float32(size)


def rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rises smoothly from 0 to 1 (smoothstep).

    Args:
        values: Float of any shape.
        low: The value that becomes 0, as all below it.
        high: The value that becomes 1, as all above it.

    Returns:
        0 to 1, of the same shape.
    """
    share = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return share * share * (3 - 2 * share)


def blend(image: np.ndarray, amount: np.ndarray, colour: Any) -> None:
    """Moves an image toward a colour, in place.

    Args:
        image: Float32 (3, S, S).
        amount: How far, 0 to 1, (S, S).
        colour: RGB.
    """
    target = np.asarray(colour, np.float32).reshape(3, 1, 1)
    image += amount * (target - image)


def lay(image: np.ndarray, drawing: np.ndarray, colour: Any) -> None:
    """Lays a drawing over an image in one colour, in place.

    Args:
        image: Float32 (3, S, S).
        drawing: Opacity, uint8 (2 S, 2 S).
        colour: RGB.
    """
    opacity = reduce(image, drawing) * np.float32(1 / OPAQUE)
    blend(image, opacity, colour)


def make_drawing(image: np.ndarray) -> np.ndarray:
    """An empty drawing for an image, uint8 (2 S, 2 S)."""
    side = image.shape[1] * ENLARGED
    return np.zeros((side, side), np.uint8)


def reduce(image: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """A drawing at the size of its image, (S, S)."""
    return cv2.resize(drawing, image.shape[:0:-1], interpolation=cv2.INTER_AREA)


def draw_lines(drawing: np.ndarray, lines: list[np.ndarray], opacity: int, width: int) -> None:
    """Draws open lines, (n, 2) points in image widths each."""
    points = [(line * len(drawing) * SUBPIXELS).astype(np.int32) for line in lines]
    cv2.polylines(drawing, points, False, opacity, width, cv2.LINE_AA, SUBPIXEL_BITS)


def point_to(angle: float) -> np.ndarray:
    """The direction, (2,) x and y, of an angle in radians."""
    return np.array([np.cos(angle), np.sin(angle)])


def add_hairs(image: np.ndarray, rng: np.random.Generator, fewest: int = 1) -> None:
    """Draws bowed hairs of one colour, most of them in one direction.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
        fewest: Hairs at least; there are 8.5 more on average.
    """
    drawing = make_drawing(image)
    steps = np.linspace(0, 1, 16)[:, None]
    heading = rng.uniform(0, 2 * np.pi)  # radians
    thickness = rng.uniform(1, 3)
    for _ in range(fewest + int(rng.exponential(9))):
        start = rng.uniform(-0.2, 1.2, 2)
        length = rng.uniform(0.3, 1.2)
        angle = heading + rng.normal(0, 0.6)
        end = start + length * point_to(angle)
        bow = (start + end) / 2 + rng.normal(0, 0.2, 2) * length
        # A quadratic Bezier curve, (16, 2)
        curve = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * bow + steps**2 * end
        width = max(1, round(thickness * rng.uniform(0.6, 1.3) * len(drawing) / 448))
        draw_lines(drawing, [curve], int(rng.integers(150, 250)), width)
    lay(image, drawing, rng.choice(HAIR_COLOURS))


def add_dark_corners(image: np.ndarray, rng: np.random.Generator) -> None:
    """Draws the dark ring outside a dermatoscope's lens.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
    """
    y, x = grid(image.shape[1]) - np.float32(0.5)
    distance = np.hypot(x, y)
    radius = rng.uniform(0.5, 0.64)
    darkness = rise(distance, radius, radius + rng.uniform(0.01, 0.06))
    blend(image, darkness, DARK_CORNER_COLOUR)


def add_ruler(image: np.ndarray, rng: np.random.Generator) -> None:
    """Draws the ticks of a ruler near one edge, every fifth of them longer.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
    """
    drawing = make_drawing(image)
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1)  # radians
    gap = rng.uniform(0.02, 0.045)
    along = point_to(angle)
    inward = np.array([-np.sin(angle), np.cos(angle)])
    numbers = np.arange(-9, 10)[:, None]  # of the ticks, (19, 1)
    lengths = np.where(numbers % 5 == 0, 0.045, 0.025)
    middle = 0.5 + inward * rng.uniform(0.36, 0.46) * rng.choice([-1, 1])
    feet = middle + along * gap * numbers  # (19, 2)
    tips = feet + inward * lengths
    ticks = np.stack([feet, tips], axis=1)  # (19, 2, 2)
    draw_lines(drawing, list(ticks), 220, max(1, len(drawing) // 224))
    lay(image, drawing, RULER_COLOUR)


def add_bubbles(image: np.ndarray, rng: np.random.Generator) -> None:
    """Draws bubbles of the immersion fluid: a dark rim and a glint each.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
    """
    rims = make_drawing(image)
    glints = make_drawing(image)
    side = len(rims)
    rim_width = max(1, side // 224)
    glint_width = max(1, side // 200)
    for _ in range(int(rng.integers(3, 16))):
        x, y = (rng.uniform(0, side, 2) * SUBPIXELS).astype(int).tolist()
        radius = int((rng.gamma(2, 0.006) + 0.008) * side * SUBPIXELS)
        opacity = int(rng.integers(90, 170))
        cv2.circle(rims, (x, y), radius, opacity, rim_width, cv2.LINE_AA, SUBPIXEL_BITS)
        # An arc from 190 to 260 degrees, at two thirds of the radius
        axes = (radius * 2 // 3, radius * 2 // 3)
        cv2.ellipse(glints, (x, y), axes, 0, 190, 260, 235, glint_width, cv2.LINE_AA, SUBPIXEL_BITS)
    lay(image, rims, BUBBLE_RIM_COLOUR)
    lay(image, glints, BUBBLE_GLINT_COLOUR)


def add_ink(image: np.ndarray, rng: np.random.Generator) -> None:
    """Draws a skin marker's strokes around the middle, violet or blue: arcs, and a few bars that point to it.

    Ink absorbs light, so skin and hair show through; it takes on the skin's ridges and not in its furrows.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
    """
    drawing = make_drawing(image)
    side = len(drawing)
    steps = np.linspace(0, 1, 24)
    start = rng.uniform(0, 2 * np.pi)  # radians
    thickness = rng.uniform(0.018, 0.035)
    radius = rng.uniform(0.36, 0.46)
    width = max(1, round(thickness * side))
    for stroke in range(int(rng.integers(1, 4))):
        angles = start + stroke * rng.uniform(1.2, 2.2) + rng.uniform(0.5, 1.3) * steps
        wave = rng.normal(0, 0.02) * np.cos(2 * angles + start)
        lines = [place_around(angles, radius + wave)]
        for step in rng.choice(24, rng.integers(0, 3)):
            bar = radius + np.array([0.02, rng.uniform(0.08, 0.14)])
            lines.append(place_around(angles[[step, step]], bar))
        for line in lines:
            draw_lines(drawing, [line], OPAQUE, width)
    noise = cv2.GaussianBlur(rng.random((side, side), np.float32), (0, 0), side / 300)
    ridges = rise(noise, 0.38, 0.56)
    opacity = cv2.GaussianBlur(drawing, (0, 0), side / 250) * ridges
    amount = reduce(image, opacity) * np.float32(rng.uniform(0.7, 0.95) / OPAQUE)
    ink = np.array(INKS[rng.integers(len(INKS))], np.float32).reshape(3, 1, 1)
    image *= 1 - amount * (1 - ink / 255)


def add_patch(image: np.ndarray, rng: np.random.Generator) -> None:
    """Draws a coloured sticker at the border, round or square, as clinics lay beside a lesion.

    Part of it lies outside.

    Args:
        image: Float32 (3, S, S), changed in place.
        rng: Of what is left to chance.
    """
    drawing = make_drawing(image)
    side = len(drawing)
    angle = rng.uniform(0, 2 * np.pi)  # radians
    distance = rng.uniform(0.46, 0.66)
    centre = (0.5 + distance * point_to(angle)) * side  # pixels of the drawing
    radius = rng.uniform(0.07, 0.22)
    if rng.random() < 0.6:
        x, y = centre.astype(np.int32).tolist()
        cv2.circle(drawing, (x, y), int(radius * side), OPAQUE, -1, cv2.LINE_AA)
    else:
        x, y = centre.tolist()
        corners = cv2.boxPoints(((x, y), (2 * radius * side, radius * side), float(np.rad2deg(angle))))
        cv2.fillPoly(drawing, [corners.astype(np.int32)], OPAQUE, cv2.LINE_AA)
    hue = [rng.integers(0, 180), rng.integers(90, 256), rng.integers(90, 256)]
    colour = cv2.cvtColor(np.array([[hue]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    lay(image, cv2.GaussianBlur(drawing, (0, 0), side / 300), colour)


def place_around(angles: np.ndarray, radius: np.ndarray | float) -> np.ndarray:
    """Points about the middle, (n, 2) in image widths, at angles in radians, (n,)."""
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return 0.5 + directions * np.broadcast_to(radius, angles.shape)[:, None]


# What synthetic lesions have, and the share of the photographs with each
ARTEFACTS = (
    (0.12, add_bubbles),
    (0.35, add_hairs),
    (0.12, add_ruler),
    (0.18, add_dark_corners),
)
