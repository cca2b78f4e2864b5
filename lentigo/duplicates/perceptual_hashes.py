"""Perceptual hashes: what a photograph shows, in `BYTES` bytes, to recognise it when its file was written
again.

The middle of the photograph is brought to a small grey square, and each of its lowest frequencies (discrete
cosine transform) becomes one bit: whether it is positive (Zauner 2010). What is kept is the hash alone. What
is looked for is compared with its full frequencies, not with bits: a frequency near zero, whose sign an
encoder may turn, then counts little.

The query is laid on the kept photograph in many ways: mirrored, turned by quarters, freely turned, and with
the window of a photograph that was squeezed to a square where the other was cropped, or the other way round.
How often duplicates are found, and how often others are taken for duplicates, is measured by
bench/contamination.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from lentigo.common.parallel.threads import map_images
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ImageError
from lentigo.images.photographs import view_image

# The number of this way to hash; to be raised with every change, since hashes of two ways do not compare
METHOD = 1
BITS = 192
BYTES = BITS // 8
MAX_PIXELS = 256 * 256  # that a photograph is reduced to first
FRAME_SIDE = 96  # pixels of the whole photograph, squeezed to a square
GRID = 32  # pixels of the window, a square
FREQUENCIES = 17  # along a side; the highest has a wavelength of about a tenth of the window
WINDOW = 2 / 3  # the share of width and height that is hashed: what a crop from 3:2 to a square keeps
FALL = 1.6  # photographs of skin lose strength with frequency to this power
# Frequencies that nearly all lesions share: a dark blob in the middle
COMMON = ((0, 0), (0, 2), (2, 0), (2, 2))
MIN_DEVIATION = 1.0  # standard deviation of grey levels, below which a window shows nothing
FRAME_BLUR = 0.8  # pixels of the frame: removes what the window's coarser grid cannot show


def hash_images(
    images: Sequence[str], *, threads: int | None = None, progress: Progress = show_nothing
) -> np.ndarray:
    """Hashes photographs by what they show.

    Args:
        images: Paths or addresses of n photographs.
        threads: How many work side by side; None for as many as there are processors.
        progress: Shows how many have been hashed.

    Returns:
        uint8 (n, `BYTES`). A photograph that cannot be read, or that shows nothing, has zeros, which match
        nothing.
    """
    hashes = map_images(hash_image, images, threads, progress, "picture hashes")
    return np.array(hashes, dtype=np.uint8).reshape(-1, BYTES)


def hash_image(image: str) -> np.ndarray:
    """Hashes one photograph by what it shows.

    Args:
        image: Its path or address.

    Returns:
        uint8 (`BYTES`,); see `hash_images`.
    """
    frame = read_frame(image)
    if frame is None:
        return np.zeros(BYTES, np.uint8)
    return hash_frame(frame)


def hash_frame(frame: np.ndarray) -> np.ndarray:
    """The hash of a frame of `reduce_pixels`, uint8 (`BYTES`,).

    Args:
        frame: Grey levels, as `reduce_pixels` gives them.
    """
    window = cut_window(frame, (1.0, 1.0), 0.0)
    # Nothing but even skin: its bits would be those of noise
    if window.std() < MIN_DEVIATION:
        return np.zeros(BYTES, np.uint8)
    waves = transform_window(window)
    return np.packbits(pick_waves(waves[None])[0] > 0)


def read_frame(image: str) -> np.ndarray | None:
    """Reads a photograph as a frame.

    Args:
        image: Its path or address.

    Returns:
        float32 (`FRAME_SIDE`, `FRAME_SIDE`), see `reduce_pixels`; None where it cannot be read.
    """
    try:
        pixels, _ = view_image(image, MAX_PIXELS)
    except ImageError:
        return None
    return reduce_pixels(pixels)


def reduce_pixels(pixels: np.ndarray) -> np.ndarray:
    """Reduces a photograph to a frame.

    Args:
        pixels: RGB, uint8 (height, width, 3).

    Returns:
        Its grey levels, squeezed to a square and slightly blurred, float32 (`FRAME_SIDE`, `FRAME_SIDE`).
    """
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    square = cv2.resize(luma, (FRAME_SIDE, FRAME_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(square.astype(np.float32), (0, 0), FRAME_BLUR)


def cut_window(frame: np.ndarray, stretch: tuple[float, float], angle: float) -> np.ndarray:
    """The middle of a frame, float32 (`GRID`, `GRID`), stretched in width and height and rotated by degrees.

    What lies beyond the edge is filled with its mirror image.

    Args:
        frame: Of `reduce_pixels`.
        stretch: Of width and height; above 1 the window covers more.
        angle: Degrees.
    """
    # Pixels of the frame for one of the window
    pixels_per_cell = WINDOW * FRAME_SIDE / GRID
    step_x = pixels_per_cell * stretch[0]
    step_y = pixels_per_cell * stretch[1]
    cosine = np.cos(np.radians(angle))
    # `WARP_INVERSE_MAP`: the matrix says where each pixel of the window comes from
    sine = np.sin(np.radians(angle))
    linear = np.array([[step_x * cosine, -step_x * sine], [step_y * sine, step_y * cosine]])
    shift = (FRAME_SIDE - 1) / 2 - linear @ np.full(2, (GRID - 1) / 2)
    matrix = np.column_stack([linear, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, matrix, (GRID, GRID), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def transform_window(window: np.ndarray) -> np.ndarray:
    """The lowest frequencies of a window, float32 (`FREQUENCIES`, `FREQUENCIES`).

    Args:
        window: Of `cut_window`.
    """
    return cv2.dct(window)[:FREQUENCIES, :FREQUENCIES]


@cache
def list_waves() -> tuple[np.ndarray, np.ndarray]:
    """Which frequencies are kept, flat numbers, int (`BITS`,), and their expected strength, float32
    (`BITS`,).
    """
    rows, columns = np.indices((FREQUENCIES, FREQUENCIES))
    squares = rows**2 + columns**2
    for place in COMMON:
        squares[place] = 2 * FREQUENCIES**2  # last, so not taken
    # Stable, so that the order of equal frequencies is the same on every machine
    chosen = np.argsort(squares.ravel(), kind="stable")[:BITS]
    return chosen, (squares.ravel()[chosen] ** (FALL / 2)).astype(np.float32)


def pick_waves(waves: np.ndarray) -> np.ndarray:
    """The kept frequencies of (n, k, k), weighted to about equal strength, float32 (n, `BITS`).

    Args:
        waves: Frequencies of n windows, float32 (n, k, k) with k = `FREQUENCIES`.
    """
    chosen, strength = list_waves()
    return waves.reshape(len(waves), -1)[:, chosen] * strength
