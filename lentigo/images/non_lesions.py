"""Images that show no lesion, drawn by program: what a model must refuse to answer.

They stand beside photographs of other things where the limit of a refusal is set. Pixels are uint8 (side,
side, 3) RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from lentigo.images.artefacts.drawn_artefacts import add_hairs

IMAGES_PER_KIND = 10


def draw_no_lesions(side: int, each: int = IMAGES_PER_KIND, seed: int = 0) -> np.ndarray:
    """Draws images of every kind of `DRAWINGS`.

    Args:
        side: Pixels along an edge.
        each: Images of each kind.
        seed: The same seed gives the same images.

    Returns:
        uint8 (kinds * each, side, side, 3), the kinds one after the other.
    """
    images = []
    for number, draw in enumerate(DRAWINGS):
        rng = np.random.default_rng([seed, number])
        for _ in range(each):
            images.append(np.clip(draw(side, rng), 0, 255).astype(np.uint8))
    return np.stack(images)


def draw_blank(side: int, rng: np.random.Generator) -> np.ndarray:
    """One colour, black and white among them, with a camera's noise."""
    if rng.random() < 0.7:
        colour = rng.choice([0, 255, *rng.integers(0, 256, 4)], 3)
    else:
        colour = np.repeat(rng.choice([0, 255]), 3)
    return colour + rng.normal(0, rng.uniform(0, 4), (side, side, 3))


def draw_noise(side: int, rng: np.random.Generator) -> np.ndarray:
    """Random colours in grains of a random size.

    Args:
        side: Pixels along an edge.
        rng: What it is drawn from.
    """
    grains = int(rng.choice([side, side // 2, side // 8, side // 24]))
    noise = rng.integers(0, 256, (grains, grains, 3)).astype(np.float32)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_NEAREST)


def draw_text(side: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of letters on paper or on a screen."""
    paper = rng.integers(215, 256, 3) if rng.random() < 0.7 else rng.integers(0, 60, 3)
    image = np.full((side, side, 3), paper, np.uint8)
    ink = (255 - paper) * rng.uniform(0.6, 1)
    height = rng.uniform(0.05, 0.13) * side
    for line in np.arange(height, side, 1.5 * height):
        letters = "".join(chr(code) for code in rng.integers(33, 127, 40))
        place = (int(rng.uniform(-0.1, 0.1) * side), int(line))
        thickness = max(1, int(height / 12))
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, letters, place, font, height / 25, ink.tolist(), thickness, cv2.LINE_AA)
    return image


def draw_cloth(side: int, rng: np.random.Generator) -> np.ndarray:
    """Woven threads of two colours."""
    y, x = np.indices((side, side)) / side
    angle = rng.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    threads = rng.uniform(12, 60)
    weave = np.sin(2 * np.pi * threads * along) * np.sin(2 * np.pi * threads * across)
    colours = rng.integers(0, 256, (2, 3))
    share = (0.5 + 0.5 * weave)[..., None]
    return share * colours[0] + (1 - share) * colours[1] + rng.normal(0, 6, (side, side, 3))


def draw_hair(side: int, rng: np.random.Generator) -> np.ndarray:
    """A head of hair: strands over strands."""
    image = np.full((3, side, side), rng.integers(20, 160), np.float32)
    for _ in range(12):
        add_hairs(image, rng, fewest=30)
    return image.transpose(1, 2, 0)


def draw_shapes(side: int, rng: np.random.Generator) -> np.ndarray:
    """Things with straight or round edges, in colours of things."""
    image = np.full((side, side, 3), rng.integers(0, 256, 3), np.float32)
    for _ in range(int(rng.integers(4, 14))):
        colour = rng.integers(0, 256, 3).tolist()
        corners = rng.integers(-side // 4, side * 5 // 4, (int(rng.integers(3, 6)), 2))
        if rng.random() < 0.3:
            radius = int(rng.integers(side // 12, side // 3))
            cv2.circle(image, corners[0].tolist(), radius, colour, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    return image


DRAWINGS: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (
    draw_blank, draw_noise, draw_text, draw_cloth, draw_hair, draw_shapes,
)  # fmt: skip
