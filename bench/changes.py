"""What people do to photographs: changes of uint8 (height, width, 3) RGB, by name, for the benchmarks of
duplicates and of contamination (`duplicates.py`, `contamination.py`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def keep(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing: the copy is written again, that is all."""
    return pixels


def compress(quality: int) -> Change:
    """Saved as JPEG and opened again.

    Args:
        quality: Of JPEG, 1 to 100.
    """
    from lentigo.images.corruptions import recompress

    return lambda pixels, rng: recompress(pixels, quality)


def resize(factor: float) -> Change:
    """Both sides times a factor.

    Args:
        factor: Of width and height.
    """
    way = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS
    return lambda pixels, rng: scale(pixels, factor, factor, way)


def scale(pixels: np.ndarray, across: float, down: float, way: Image.Resampling) -> np.ndarray:
    """Width and height times a factor each, resampled in a way of Pillow's."""
    height, width = pixels.shape[:2]
    size = (round(width * across), round(height * down))
    return np.asarray(Image.fromarray(pixels).resize(size, way))


def squeeze(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Width to three quarters, as from 4:3 to a square."""
    return scale(pixels, 0.75, 1.0, Image.Resampling.LANCZOS)


def relight(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other contrast, brightness and gamma."""
    contrast = rng.uniform(0.7, 1.3)
    brightness = rng.uniform(-25, 25)  # grey levels
    linear = np.clip((pixels - 128.0) * contrast + 128 + brightness, 0, 255) / 255
    return (255 * linear ** rng.uniform(0.6, 1.6)).astype(np.uint8)


def recolour(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other hue, saturation and white balance."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-12, 12)) % 180  # OpenCV counts hues in steps of two degrees
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.5, 1.5), 0, 255)
    recoloured = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    white_balance = rng.uniform(0.8, 1.2, 3)
    return np.clip(recoloured * white_balance, 0, 255).astype(np.uint8)


def drain(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Without colour."""
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def turn(quarters: int, mirrored: bool = False) -> Change:
    """Mirrored left to right, then turned by quarters counterclockwise.

    Args:
        quarters: 0 to 3.
        mirrored: Whether it is mirrored before.
    """
    return lambda pixels, rng: np.ascontiguousarray(
        np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)
    )


def turn_any(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the eight orientations."""
    return turn(int(rng.integers(4)), bool(rng.integers(2)))(pixels, rng)


def crop(share: float) -> Change:
    """That share of width and height is cut off; where, is drawn."""

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = (round(side * (1 - share)) for side in pixels.shape[:2])
        top, left = rng.integers(pixels.shape[0] - height + 1), rng.integers(pixels.shape[1] - width + 1)
        return pixels[top : top + height, left : left + width]

    return change


def rotate(fill: str) -> Change:
    """Turned by 8 to 82 degrees and quarters. `fill`: what stands in the corners: 'reflected', 'black', or
    'inner', the largest square without any.
    """

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = pixels.shape[:2]
        angle = rng.uniform(8, 82)
        matrix = cv2.getRotationMatrix2D(
            ((width - 1) / 2, (height - 1) / 2), angle + 90 * int(rng.integers(4)), 1
        )
        border = cv2.BORDER_CONSTANT if fill == "black" else cv2.BORDER_REFLECT
        turned = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=border)
        if fill != "inner":
            return turned
        share = 1 / (np.cos(np.radians(angle)) + np.sin(np.radians(angle)))
        down, across = (int(side * (1 - share) / 2) + 1 for side in (height, width))
        return turned[down : height - down, across : width - across]

    return change


def shift(share: float, black: bool = False) -> Change:
    """Moved by half that share to the whole of it, across and down; the rest is filled by reflection or
    black.
    """

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = pixels.shape[:2]
        by = rng.choice([-1, 1], 2) * rng.uniform(share / 2, share, 2) * (width, height)
        matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]])
        return cv2.warpAffine(
            pixels, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT if black else cv2.BORDER_REFLECT
        )

    return change


def combine(*changes: Change) -> Change:
    """One after the other."""

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for each in changes:
            pixels = each(pixels, rng)
        return pixels

    return change


CHANGES: dict[
    str, Change
] = {  # by name; "cropped by 20%": of width and of height, so that 36 % of the picture are lost
    **{f"JPEG {quality}": keep for quality in (90, 70, 50, 30)},
    **{f"resized x {factor}": resize(factor) for factor in (0.3, 0.5, 0.7, 2)},
    "squeezed to 3/4": squeeze,
    "contrast, gamma": relight,
    "hue, saturation": recolour,
    "grey": drain,
    "mirrored": turn(0, True),
    "upside down": turn(2, True),
    "turned by 90": turn(1),
    "turned by 180": turn(2),
    "turned by 270": turn(3),
    **{f"cropped by {share:.0%}": crop(share) for share in (0.05, 0.1, 0.2, 0.3)},
    **{f"rotated, {fill}": rotate(fill) for fill in ("reflected", "black", "inner")},
    "shifted by 10%": shift(0.1),
    "shifted by 20%": shift(0.2),
    "shifted by 10%, black": shift(0.1, True),
    "turned, x 0.5, gamma, JPEG 50": combine(turn_any, resize(0.5), relight, compress(50)),
    "turned, rotated, cropped by 10%, hue, JPEG 60": combine(
        turn_any, rotate("reflected"), crop(0.1), recolour, compress(60)
    ),
    "turned, cropped by 20%, x 0.6, gamma, JPEG 50": combine(
        turn_any, crop(0.2), resize(0.6), relight, compress(50)
    ),
}

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    print("\n".join(CHANGES))
