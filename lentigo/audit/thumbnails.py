"""Thumbnails of photographs within a page, with a frame where another photograph lies."""

from __future__ import annotations

import base64

from PIL import Image, ImageDraw

from lentigo.images.encoding import encode_jpeg
from lentigo.images.photographs import DecodedImage, try_image
from lentigo.images.problems import Problem

TILE_PIXELS = 168  # the longer side of a thumbnail
JPEG_QUALITY = 80
FRAME_COLOUR = "#ffd54f"
Corners = list[tuple[float, float]]  # x and y in pixels


def show_image(image: str) -> str:
    """A photograph as a small JPEG, base64; "" where it cannot be read any more.

    Args:
        image: Its path.
    """
    return draw_image(try_image(image, None), [])


def draw_image(image: DecodedImage | Problem, frame: Corners) -> str:
    """A small JPEG, base64, with a quadrilateral in pixels of the photograph drawn on it.

    Args:
        image: The photograph at its own size, or why there is none.
        frame: The corners in order, x and y in pixels of the photograph; none for no frame.

    Returns:
        The JPEG; "" where there is no photograph.
    """
    if isinstance(image, Problem):
        return ""
    canvas = Image.fromarray(image.pixels)
    scale = TILE_PIXELS / max(canvas.size)
    size = [max(1, round(scale * side)) for side in canvas.size]
    small = canvas.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)  # first by whole numbers: faster
    # Closed: the last corner leads back to the first
    if frame:
        corners = [(scale * x, scale * y) for x, y in frame]
        ImageDraw.Draw(small).line([*corners, corners[0]], fill=FRAME_COLOUR, width=2)
    return base64.b64encode(encode_jpeg(small, JPEG_QUALITY)).decode()
