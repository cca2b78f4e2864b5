"""Photographs as files in memory."""

from __future__ import annotations

import io

from PIL import Image


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """Encodes an image as a JPEG.

    Args:
        image: RGB or grey.
        quality: Pillow's, 1 to 95.

    Returns:
        The content of the file.
    """
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
