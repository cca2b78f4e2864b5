"""Overlays: the outline of a lesion drawn on the photograph. Pillow draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from lentigo.common.files import write_whole

LINE, HALO = (
    np.float32([0, 229, 255]),
    np.float32([0, 25, 35]),
)  # a cyan that no skin has, and the dark on both sides of it
WIDTH = 1 / 400  # of the photograph's longer side


def draw_outline(image: np.ndarray, mask: np.ndarray, colour: np.ndarray = LINE) -> Image.Image:
    """The photograph, uint8 (height, width, 3), with a line along the border of a mask, bool (height, width);
    `colour` is RGB, 0 to 255.
    """
    width = max(1.3, max(mask.shape) * WIDTH)
    distance = measure_distance(mask, width)
    line, halo = (np.clip(reach - distance + 0.5, 0, 1)[..., None] for reach in (width, 1.8 * width))
    painted = image + 0.7 * halo * (HALO - image)
    return Image.fromarray(np.uint8(np.round(painted + line * (colour - painted))))


def measure_distance(mask: np.ndarray, width: float) -> np.ndarray:
    """About the distance of each pixel from the border of a mask, in pixels, as far as a line of that width
    needs it.
    """
    blurred = (
        np.asarray(
            Image.fromarray(np.uint8(255 * np.pad(mask, 1))).filter(ImageFilter.GaussianBlur(width)),
            np.float32,
        )[1:-1, 1:-1]
        / 255
    )
    slope = np.hypot(*np.gradient(blurred)) if min(mask.shape) > 1 else np.zeros(mask.shape)
    return np.divide(
        np.abs(blurred - 0.5), slope, out=np.full(mask.shape, np.inf), where=slope > 0.02 / width
    )


def save_image(image: Image.Image, path: Path, **options: Any) -> None:
    """Writes a picture in the format of its name, whole or not at all."""
    with write_whole(path) as temporary:
        image.save(temporary, **options)
