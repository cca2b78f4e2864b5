"""Thumbnails: photographs as small JPEGs, for tables in a notebook and for an index of known lesions."""

from __future__ import annotations

import base64

import numpy as np
from PIL import Image

from lentigo.errors import ImageError
from lentigo.images.encoding import encode_jpeg
from lentigo.images.held_images import ImageSource
from lentigo.images.photographs import view_image

LONGER_SIDE = 160  # pixels
JPEG_QUALITY = 85
# A photograph is reduced twice: by its reader to about this many pixels, then to the longer side
READ_PIXELS = 4 * LONGER_SIDE**2


def draw_thumbnail(
    image: ImageSource, mask: np.ndarray | None = None, longer_side: int = LONGER_SIDE
) -> bytes:
    """Draws a photograph small, in its own proportions.

    Args:
        image: A path, an address or a photograph in memory.
        mask: P(lesion), float32 (side, side), whose outline is drawn; None for none.
        longer_side: In pixels.

    Returns:
        A JPEG.

    Raises:
        ImageError: The photograph cannot be read.
    """
    pixels, _ = view_image(image, max(READ_PIXELS, 4 * longer_side**2))
    small = Image.fromarray(pixels)
    small.thumbnail((longer_side, longer_side), reducing_gap=3.0)
    if mask is not None:
        # OpenCV would slow every prediction's start: most draw nothing
        from lentigo.inference.figures.overlays import outline_mask

        small = outline_mask(small, mask)
    return encode_jpeg(small, JPEG_QUALITY)


def try_thumbnail(image: ImageSource, mask: np.ndarray | None = None) -> bytes:
    """Draws as `draw_thumbnail` does.

    Args:
        image: A path, an address or a photograph in memory.
        mask: As `draw_thumbnail` takes it.

    Returns:
        A JPEG; nothing where the photograph cannot be read any more.
    """
    try:
        return draw_thumbnail(image, mask)
    except ImageError:
        return b""


def embed_jpeg(content: bytes) -> str:
    """A JPEG as an address that holds it, for the `src` of an image.

    Args:
        content: Of the file.
    """
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
