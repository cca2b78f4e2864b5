"""Drawn images as Matplotlib figures, for notebooks and papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lentigo.errors import ImageError, explain_missing
from lentigo.images.encoding import encode_jpeg

if TYPE_CHECKING:
    from lentigo.common.plots import Figure

PIXELS_PER_INCH = 100  # of a drawn image in a figure
JPEG_QUALITY = 88


class DrawnResult:
    """A result that can be drawn upon its photograph."""

    def draw(self) -> Image.Image:
        """Draws the result. Raises `ImageError` where the photograph cannot be read any more."""
        raise NotImplementedError

    def figure(self) -> Figure:
        """The drawing as a Matplotlib figure.

        Raises:
            ImageError: The photograph cannot be read any more.
            MissingError: Matplotlib is not installed.
        """
        return frame_image(self.draw())

    def try_drawing(self, max_side: int) -> bytes:
        """The drawing as a JPEG for a notebook; empty where the photograph cannot be read any more.

        Args:
            max_side: Pixels of the longer side at most.
        """
        try:
            return compress_image(self.draw(), max_side)
        except ImageError:
            return b""


def frame_image(image: Image.Image) -> Figure:
    """Puts a drawn image into a Matplotlib figure of its size, without axes.

    Args:
        image: As it was drawn.

    Returns:
        The figure.

    Raises:
        MissingError: Matplotlib is not installed.
    """
    try:
        from lentigo.common.plots import new_figure
    except ModuleNotFoundError as error:
        missing = explain_missing(error, "figure")
        if missing is None:
            raise
        raise missing from error
    figure = new_figure(image.width / PIXELS_PER_INCH, image.height / PIXELS_PER_INCH)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.asarray(image), interpolation="lanczos")
    axes.set_axis_off()
    return figure


def compress_image(image: Image.Image, max_side: int) -> bytes:
    """A drawn image as a JPEG, reduced.

    Args:
        image: As it was drawn.
        max_side: Pixels of the longer side at most.
    """
    small = image.copy()
    small.thumbnail((max_side, max_side), reducing_gap=3.0)
    return encode_jpeg(small, JPEG_QUALITY)
