"""What lenses, sensors and software do to a photograph: blur, noise, compression, resampling, light and
geometry.

Pixels are uint8 (S, S, 3) RGB, and a changed image is given back.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from lentigo.images.encoding import encode_jpeg


def warp(pixels: np.ndarray, degrees: float = 0, zoom: float = 1) -> np.ndarray:
    """Turns an image about its middle and enlarges it.

    Args:
        pixels: uint8 (S, S, 3).
        degrees: Anticlockwise.
        zoom: Above 1 enlarges.

    Returns:
        uint8 (S, S, 3); what comes in from outside is the image mirrored at its edge.
    """
    side = pixels.shape[0]
    middle = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, zoom)
    return cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def recompress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Sends an image through a JPEG file.

    Args:
        pixels: uint8 (S, S, 3).
        quality: Pillow's, 1 to 95.

    Returns:
        uint8 (S, S, 3).
    """
    return np.asarray(Image.open(io.BytesIO(encode_jpeg(Image.fromarray(pixels), quality))))


def resample(pixels: np.ndarray, share: float) -> np.ndarray:
    """Reduces an image and enlarges it again.

    Args:
        pixels: uint8 (S, S, 3).
        share: Of its side, to which it is reduced.

    Returns:
        uint8 (S, S, 3).
    """
    small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Puts an image out of focus.

    Args:
        pixels: uint8 (S, S, 3).
        sigma: Of the Gaussian, pixels.

    Returns:
        uint8 (S, S, 3).
    """
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def add_noise(pixels: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Adds a sensor's noise.

    Args:
        pixels: uint8 (S, S, 3).
        rng: Of the noise.
        sigma: Grey levels in each channel.

    Returns:
        uint8 (S, S, 3).
    """
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(sigma)
    return clip(pixels + noise)


def dim(pixels: np.ndarray, factor: float | tuple[float, float, float]) -> np.ndarray:
    """Changes the light.

    Args:
        pixels: uint8 (S, S, 3).
        factor: By which the light is multiplied; three factors are of red, green and blue.

    Returns:
        uint8 (S, S, 3).
    """
    return clip(pixels * np.asarray(factor, np.float32))


def draw(
    add: Callable[[np.ndarray, np.random.Generator], None], pixels: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draws an artefact over an image.

    Args:
        add: Of `lentigo.images.artefacts.drawn_artefacts`.
        pixels: uint8 (S, S, 3).
        rng: Of what is left to chance.

    Returns:
        uint8 (S, S, 3).
    """
    image = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)  # (3, S, S)
    add(image, rng)
    return clip(image.transpose(1, 2, 0))


def clip(values: np.ndarray) -> np.ndarray:
    """To whole grey levels, uint8."""
    levels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels)
