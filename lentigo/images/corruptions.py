"""What lenses, sensors and software do to a photograph: blur, noise, compression, resampling, light and
geometry.

Pixels are uint8 (S, S, 3) RGB, and a changed copy is given back.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image


def warp(pixels: np.ndarray, degrees: float = 0, zoom: float = 1) -> np.ndarray:
    """Turned about the middle and enlarged; what comes in from outside is the picture mirrored at its
    edge.
    """
    side = pixels.shape[0]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, zoom)
    return cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def recompress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Through a JPEG file of that quality, 1 to 95."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resample(pixels: np.ndarray, share: float) -> np.ndarray:
    """Downsized to a share of its side and enlarged again."""
    small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Out of focus: a Gaussian of `sigma` pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def add_noise(pixels: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """A sensor's noise, of `sigma` grey levels in each channel."""
    return clip(pixels + rng.standard_normal(pixels.shape, np.float32) * np.float32(sigma))


def dim(pixels: np.ndarray, factor: float | tuple[float, float, float]) -> np.ndarray:
    """In `factor` times the light; three factors are of red, green and blue."""
    return clip(pixels * np.float32(factor))


def draw(
    add: Callable[[np.ndarray, np.random.Generator], None], pixels: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """With an artefact of `lentigo.images.artefacts.drawn_artefacts` drawn over it."""
    image = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    add(image, rng)
    return clip(image.transpose(1, 2, 0))


def clip(values: np.ndarray) -> np.ndarray:
    """To whole grey levels, uint8."""
    return np.ascontiguousarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
