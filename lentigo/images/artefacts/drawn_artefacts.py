"""Artefacts of a photograph, drawn by program: hairs, rulers, bubbles of the gel, dark corners, a surgeon's
marks in ink.

Photos here are float32 (3, S, S), 0 to 255, and are changed in place.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np


def grid(size: int) -> np.ndarray:
    """The rows' and columns' places in image widths, (2, S, S) float32."""
    return np.indices((size, size), dtype=np.float32) / np.float32(size)


def rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """From 0 at `low` to 1 at `high`, smoothly."""
    part = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return part * part * (3 - 2 * part)


def blend(image: np.ndarray, amount: np.ndarray, colour: Any) -> None:
    """Moves `photo` toward `colour` in place, by `amount` (0 to 1) of the way."""
    image += amount * (np.float32(colour).reshape(3, 1, 1) - image)


def lay(image: np.ndarray, layer: np.ndarray, colour: Any) -> None:
    """Lays a drawing of twice the photo's size, uint8 opacity, over it in one colour."""
    amount = cv2.resize(layer, image.shape[:0:-1], interpolation=cv2.INTER_AREA)
    blend(image, amount * np.float32(1 / 255), colour)


def add_hairs(image: np.ndarray, rng: np.random.Generator, fewest: int = 1) -> None:
    """Bowed hairs of one colour, most of them in one direction: `fewest` and on average 8.5 more."""
    side, steps = image.shape[1] * 2, np.linspace(0, 1, 16)[:, None]
    layer = np.zeros((side, side), np.uint8)
    heading, thick = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
    for _ in range(fewest + int(rng.exponential(9))):
        start, length, angle = rng.uniform(-0.2, 1.2, 2), rng.uniform(0.3, 1.2), heading + rng.normal(0, 0.6)
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        bow = (start + end) / 2 + rng.normal(0, 0.2, 2) * length
        curve = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * bow + steps**2 * end
        width = max(1, round(thick * rng.uniform(0.6, 1.3) * side / 448))
        cv2.polylines(
            layer, [np.int32(curve * side * 16)], False, int(rng.integers(150, 250)), width, cv2.LINE_AA, 4
        )
    lay(image, layer, rng.choice([(26, 20, 20), (52, 34, 28), (110, 76, 50)]))


def add_dark_corners(image: np.ndarray, rng: np.random.Generator) -> None:
    """The dark ring outside a dermatoscope's lens."""
    y, x = grid(image.shape[1]) - np.float32(0.5)
    far, radius = np.hypot(x, y), rng.uniform(0.5, 0.64)
    blend(image, rise(far, radius, radius + rng.uniform(0.01, 0.06)), (12, 9, 10))


def add_ruler(image: np.ndarray, rng: np.random.Generator) -> None:
    """The ticks of a ruler near one edge, every fifth of them longer."""
    side = image.shape[1] * 2
    layer = np.zeros((side, side), np.uint8)
    angle, gap = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1), rng.uniform(0.02, 0.045)
    along, inward = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    feet = (
        0.5
        + inward * rng.uniform(0.36, 0.46) * rng.choice([-1, 1])
        + along * gap * np.arange(-9, 10)[:, None]
    )
    tips = feet + inward * np.where(np.arange(-9, 10) % 5 == 0, 0.045, 0.025)[:, None]
    ticks = np.int32(np.stack([feet, tips], axis=1) * side * 16)
    cv2.polylines(layer, list(ticks), False, 220, max(1, side // 224), cv2.LINE_AA, 4)
    lay(image, layer, (30, 26, 28))


def add_bubbles(image: np.ndarray, rng: np.random.Generator) -> None:
    """Bubbles of the immersion fluid: a dark rim and a glint each."""
    side = image.shape[1] * 2
    rims, glints = np.zeros((2, side, side), np.uint8)
    for _ in range(int(rng.integers(3, 16))):
        centre, radius = (
            (rng.uniform(0, side, 2) * 16).astype(int).tolist(),
            int((rng.gamma(2, 0.006) + 0.008) * side * 16),
        )
        cv2.circle(rims, centre, radius, int(rng.integers(90, 170)), max(1, side // 224), cv2.LINE_AA, 4)
        cv2.ellipse(
            glints,
            centre,
            (radius * 2 // 3, radius * 2 // 3),
            0,
            190,
            260,
            235,
            max(1, side // 200),
            cv2.LINE_AA,
            4,
        )
    lay(image, rims, (70, 56, 54))
    lay(image, glints, (255, 252, 250))


def add_ink(image: np.ndarray, rng: np.random.Generator) -> None:
    """A skin marker's strokes around the middle, violet or blue: arcs, and a few bars that point to it.

    Ink absorbs light, so skin and hair show through; it takes on the skin's ridges and not in its furrows.
    """
    side, steps = image.shape[1] * 2, np.linspace(0, 1, 24)
    layer = np.zeros((side, side), np.uint8)
    start, thick, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.018, 0.035), rng.uniform(0.36, 0.46)
    for stroke in range(int(rng.integers(1, 4))):
        angle = start + stroke * rng.uniform(1.2, 2.2) + rng.uniform(0.5, 1.3) * steps
        points = [_around(angle, radius + rng.normal(0, 0.02) * np.cos(2 * angle + start))]
        points += [
            _around(angle[[at, at]], radius + np.array([0.02, rng.uniform(0.08, 0.14)]))
            for at in rng.choice(24, rng.integers(0, 3))
        ]
        for line in points:
            cv2.polylines(
                layer, [np.int32(line * side * 16)], False, 255, max(1, round(thick * side)), cv2.LINE_AA, 4
            )
    grain = cv2.GaussianBlur(rng.random((side, side), np.float32), (0, 0), side / 300)
    opacity = cv2.GaussianBlur(layer, (0, 0), side / 250) * rise(grain, 0.38, 0.56)
    amount = cv2.resize(opacity, image.shape[:0:-1], interpolation=cv2.INTER_AREA) * np.float32(
        rng.uniform(0.7, 0.95) / 255
    )
    image *= 1 - amount * (1 - np.float32(INKS[rng.integers(len(INKS))]).reshape(3, 1, 1) / 255)


def add_patch(image: np.ndarray, rng: np.random.Generator) -> None:
    """A coloured sticker at the border, round or square, as clinics lay beside a lesion; part of it lies
    outside.
    """
    side = image.shape[1] * 2
    layer = np.zeros((side, side), np.uint8)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.46, 0.66)
    centre = 0.5 + far * np.array([np.cos(angle), np.sin(angle)])
    radius = rng.uniform(0.07, 0.22)
    if rng.random() < 0.6:
        cv2.circle(layer, np.int32(centre * side).tolist(), int(radius * side), 255, -1, cv2.LINE_AA)
    else:
        box = cv2.boxPoints(
            ((centre * side).tolist(), (2 * radius * side, radius * side), float(np.rad2deg(angle)))
        )
        cv2.fillPoly(layer, [np.int32(box)], 255, cv2.LINE_AA)
    hue = np.uint8([[[rng.integers(0, 180), rng.integers(90, 256), rng.integers(90, 256)]]])
    lay(image, cv2.GaussianBlur(layer, (0, 0), side / 300), cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])


def _around(angle: np.ndarray, radius: Any) -> np.ndarray:
    """Points about the middle, (n, 2) in image widths."""
    return (
        0.5 + np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.broadcast_to(radius, angle.shape)[:, None]
    )


INKS = (
    (88, 62, 168),
    (112, 64, 160),
    (60, 84, 176),
)  # gentian violet, a redder one, blue: what white skin would become
ARTEFACTS = (
    (0.12, add_bubbles),
    (0.35, add_hairs),
    (0.12, add_ruler),
    (0.18, add_dark_corners),
)  # share of photographs
