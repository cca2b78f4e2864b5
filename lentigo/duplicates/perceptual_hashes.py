"""Perceptual hashes: what a photograph shows, in `BYTES` bytes, so that it is recognised when its file was
written again.

The middle of the photograph is brought to a small grey square, and each of its lowest frequencies (discrete
cosine transform) becomes one bit: whether it is positive (Zauner 2010). What is kept is the hash alone. What
is looked for is compared with its full frequencies, not with bits: a frequency near zero, whose sign an
encoder may turn, then counts little.

The query is laid on the kept photograph in many ways: mirrored, turned by quarters, freely turned, and with
the window of a photograph that was squeezed to a square where the other was cropped, or the other way round.
How often copies are found, and how often others are taken for copies, is measured by bench/contamination.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from lentigo.common.parallel.threads import open_pool
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ImageError
from lentigo.images.photographs import view_image

# The number of this way to hash; to be raised with every change, since hashes of two ways do not compare
METHOD = 1
BITS = 192
BYTES = BITS // 8
LIMIT = 0.8  # the likeness from which two photographs show the same picture
SPOT_LIMIT = 0.93  # the same of a small dark spot on even skin, since all such photographs are alike
SPOT_KURTOSIS = (
    10.0  # of the window's grey levels, from which it shows a small spot; one of nine photographs does
)
MOST_PIXELS = 256 * 256  # that a photograph is reduced to before it is looked at
FRAME_SIDE = 96  # pixels of the whole photograph, squeezed to a square
GRID = 32  # pixels of the window, a square
FREQUENCIES = 17  # along a side; the highest has a wavelength of about a tenth of the window
WINDOW = 2 / 3  # the share of width and height that is looked at: what a crop from 3:2 to a square keeps
FALL = 1.6  # photographs of skin lose strength with frequency to this power
COMMON = (
    (0, 0),
    (0, 2),
    (2, 0),
    (2, 2),
)  # frequencies that nearly all lesions share: a dark blob in the middle
FLAT = 1.0  # grey levels of standard deviation, below which a window shows nothing
STRETCHES = (
    (1.0, 1.0),
    (4 / 3, 1.0),
    (3 / 4, 1.0),
    (1.0, 4 / 3),
    (1.0, 3 / 4),
)  # of the window's width and height
ANGLES = range(6, 90, 6)  # degrees; quarter turns need no window of their own

Place = tuple[
    tuple[float, float], float
]  # a window: how it is stretched, and by how many degrees it is turned
UPRIGHT: tuple[Place, ...] = tuple((stretch, 0.0) for stretch in STRETCHES)
TURNED: tuple[Place, ...] = tuple(((1.0, 1.0), float(angle)) for angle in ANGLES)


@dataclass(frozen=True)
class HashMatch:
    """The kept photograph that shows the same picture.

    Attributes:
        row: its number among those that were searched.
        likeness: from `LIMIT` to 1; copies have 0.9 and more, other photographs seldom more than 0.6.
    """

    row: int
    likeness: float


def hash_images(
    images: Sequence[str], *, threads: int | None = None, progress: Progress = show_nothing
) -> np.ndarray:
    """Hashes photographs by what they show.

    Args:
        images: paths or addresses of n photographs.
        threads: that work side by side; None for as many as there are processors.
        progress: watches the photographs go by.

    Returns:
        uint8 (n, `BYTES`). A photograph that cannot be read, or that shows nothing, has zeros: it can be
        recognised by nothing.
    """
    with open_pool(threads) as pool:
        watched = progress(pool.map(hash_image, images), total=len(images), label="picture hashes")
        hashes = list(watched)
    return np.array(hashes, dtype=np.uint8).reshape(-1, BYTES)


def find_similar_hashes(
    images: Sequence[str],
    hashes: np.ndarray,
    *,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> list[tuple[HashMatch, ...]]:
    """Looks for photographs among hashed ones.

    Args:
        images: paths or addresses of n photographs.
        hashes: uint8 (m, `BYTES`) from `hash_images`; rows of zeros match nothing.
        threads: that work side by side; None for as many as there are processors.
        progress: watches the photographs go by.

    Returns:
        For each image the kept photographs that show the same picture, the most like it first; none where it
        cannot be read.
    """
    index = HashIndex(hashes)
    if not index.size:
        return [()] * len(images)
    with open_pool(threads) as pool:
        watched = progress(
            pool.map(index.find_image_by_hash, images), total=len(images), label="known pictures"
        )
        return list(watched)


def hash_image(image: str) -> np.ndarray:
    """The hash of one photograph, uint8 (`BYTES`,); see `hash_images`."""
    frame = read_frame(image)
    if frame is None:
        return np.zeros(BYTES, np.uint8)
    return hash_frame(frame)


def hash_frame(frame: np.ndarray) -> np.ndarray:
    """The hash of a photograph that `reduce_pixels` gave."""
    window = cut_window(frame, (1.0, 1.0), 0.0)
    if window.std() < FLAT:
        return np.zeros(BYTES, np.uint8)
    waves = transform_window(window)
    return np.packbits(pick_waves(waves[None])[0] > 0)


def read_frame(image: str) -> np.ndarray | None:
    """A photograph as float32 (`FRAME_SIDE`, `FRAME_SIDE`), None where it cannot be read."""
    try:
        pixels, _ = view_image(image, MOST_PIXELS)
    except ImageError:
        return None
    return reduce_pixels(pixels)


def reduce_pixels(pixels: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3) RGB as grey levels, squeezed to a square and a little blurred, float32."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    square = cv2.resize(luma, (FRAME_SIDE, FRAME_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(
        square.astype(np.float32), (0, 0), 0.8
    )  # what the window's coarser grid cannot show


def cut_window(frame: np.ndarray, stretch: tuple[float, float], angle: float) -> np.ndarray:
    """The middle of a frame as float32 (`GRID`, `GRID`): stretched in width and height, and turned by
    degrees.

    What lies beyond the edge is filled with its mirror image.
    """
    step_x, step_y = (WINDOW * part * FRAME_SIDE / GRID for part in stretch)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    linear = np.array([[step_x * cosine, -step_x * sine], [step_y * sine, step_y * cosine]])
    shift = (FRAME_SIDE - 1) / 2 - linear @ np.full(2, (GRID - 1) / 2)
    matrix = np.column_stack([linear, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, matrix, (GRID, GRID), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def transform_window(window: np.ndarray) -> np.ndarray:
    """The lowest frequencies of a window, float32 (`FREQUENCIES`, `FREQUENCIES`)."""
    return cv2.dct(window)[:FREQUENCIES, :FREQUENCIES]


def turn_waves(waves: np.ndarray) -> np.ndarray:
    """Frequencies (n, k, k) of pictures in all orientations, (8 n, k, k).

    A mirrored or turned picture's waves have other signs and places.
    """
    signs = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = []
    for quarters in (waves, waves * signs):
        for _ in range(4):
            turned.append(quarters)
            quarters = (quarters * signs).transpose(0, 2, 1)
    return np.concatenate(turned)


@cache
def list_waves() -> tuple[np.ndarray, np.ndarray]:
    """Which frequencies are kept, flat numbers int (`BITS`,), and how strong each is expected to be, float32
    (`BITS`,).
    """
    rows, columns = np.indices((FREQUENCIES, FREQUENCIES))
    squares = rows**2 + columns**2
    for place in COMMON:
        squares[place] = 2 * FREQUENCIES**2  # last, so not taken
    chosen = np.argsort(squares.ravel(), kind="stable")[:BITS]
    return chosen, (squares.ravel()[chosen] ** (FALL / 2)).astype(np.float32)


def pick_waves(waves: np.ndarray) -> np.ndarray:
    """The kept frequencies of (n, k, k), weighted so that each is about as strong as the others, float32 (n,
    `BITS`).
    """
    chosen, strength = list_waves()
    return waves.reshape(len(waves), -1)[:, chosen] * strength


def describe_views(frame: np.ndarray, places: Iterable[Place]) -> np.ndarray:
    """Queries, float32 (8 places, `BITS`), of a frame: its window in some places, in all orientations.

    Absolute values of a row sum to 1, and none counts for more than the typical one: so its product with
    bits, written as -1 and 1, is a likeness from -1 to 1.
    """
    waves = [transform_window(cut_window(frame, stretch, angle)) for stretch, angle in places]
    values = pick_waves(turn_waves(np.array(waves, dtype=np.float32)))
    typical = np.median(np.abs(values), axis=1, keepdims=True)
    clipped = np.clip(values, -typical, typical)
    return clipped / np.maximum(np.abs(clipped).sum(axis=1, keepdims=True), 1e-9)


def find_limit(frame: np.ndarray) -> float:
    """The likeness from which a photograph shows the same picture as a frame of `reduce_pixels`."""
    window = cut_window(frame, (1.0, 1.0), 0.0)
    away = window - window.mean()
    variance = float(np.mean(away**2))
    kurtosis = float(np.mean(away**4)) / max(variance**2, 1e-9)
    return SPOT_LIMIT if kurtosis > SPOT_KURTOSIS else LIMIT


class HashIndex:
    """Hashed photographs to be searched.

    Args:
        hashes: uint8 (m, `BYTES`); rows of zeros are left out.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        self.rows = np.flatnonzero(hashes.any(axis=1))
        bits = np.unpackbits(hashes[self.rows], axis=1)
        self.signs = (2.0 * bits - 1).astype(np.float32).T.copy()  # (BITS, m)

    @property
    def size(self) -> int:
        """How many photographs can be found."""
        return len(self.rows)

    def find_image_by_hash(self, image: str) -> tuple[HashMatch, ...]:
        """The kept photographs that show the same picture as a file, the most like it first."""
        frame = read_frame(image)
        return () if frame is None else self.find_frame(frame)

    def find_frame(self, frame: np.ndarray) -> tuple[HashMatch, ...]:
        """The kept photographs that show the same picture as a frame of `reduce_pixels`, the most like it
        first.

        Turned freely only where nothing else is found: that is three times the work.
        """
        if not self.size or cut_window(frame, (1.0, 1.0), 0.0).std() < FLAT:
            return ()
        limit = find_limit(frame)
        for places in (UPRIGHT, TURNED):
            likeness = self.compare_frame(frame, places)
            close = np.flatnonzero(likeness >= limit)
            if len(close):
                order = close[np.argsort(-likeness[close], kind="stable")]
                return tuple(HashMatch(int(self.rows[column]), float(likeness[column])) for column in order)
        return ()

    def compare_frame(self, frame: np.ndarray, places: Iterable[Place]) -> np.ndarray:
        """How like each photograph of `rows` a frame is where it is most like it, float32 (`size`,)."""
        return (describe_views(frame, places) @ self.signs).max(axis=0)
