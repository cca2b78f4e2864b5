"""The search for a photograph among perceptual hashes.

What is looked for is compared with its full frequencies, not with bits: a frequency near zero, whose sign an
encoder may turn, then counts little. It is laid on the kept photograph in many ways: mirrored, turned by
quarters, freely turned, and with the window of a photograph that was squeezed to a square where the other was
cropped, or the other way round. How often duplicates are found, and how often others are taken for
duplicates, is measured by bench/contamination.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lentigo.common.parallel.threads import map_images
from lentigo.common.progress import Progress, show_nothing
from lentigo.duplicates.perceptual_hashes import (
    FREQUENCIES,
    MIN_DEVIATION,
    cut_window,
    pick_waves,
    read_frame,
    transform_window,
)

LIMIT = 0.8  # the likeness from which two photographs show the same picture
SPOT_LIMIT = 0.93  # the same of a small dark spot on even skin, since all such photographs are alike
# Kurtosis of the window's grey levels, from which it shows a small spot; one of nine photographs does
SPOT_KURTOSIS = 10.0
STRETCHES = ((1.0, 1.0), (4 / 3, 1.0), (3 / 4, 1.0), (1.0, 4 / 3), (1.0, 3 / 4))  # of width and height
ANGLES = range(6, 90, 6)  # degrees; quarter turns need no window of their own
# A window: how it is stretched, and by how many degrees it is rotated
Place = tuple[tuple[float, float], float]
UPRIGHT: tuple[Place, ...] = tuple((stretch, 0.0) for stretch in STRETCHES)
TURNED: tuple[Place, ...] = tuple(((1.0, 1.0), float(angle)) for angle in ANGLES)


@dataclass(frozen=True)
class HashMatch:
    """A kept photograph that shows the same image.

    Attributes:
        row: Its number among those that were searched.
        likeness: From `LIMIT` to 1. Duplicates have 0.9 and more, other photographs seldom more than 0.6.
    """

    row: int
    likeness: float


def find_similar_hashes(
    images: Sequence[str],
    hashes: np.ndarray,
    *,
    threads: int | None = None,
    progress: Progress = show_nothing,
) -> list[tuple[HashMatch, ...]]:
    """Looks for photographs among hashed ones.

    Args:
        images: Paths or addresses of n photographs.
        hashes: uint8 (m, `BYTES`) from `hash_images`; rows of zeros match nothing.
        threads: How many work side by side; None for as many as there are processors.
        progress: Shows how many have been searched for.

    Returns:
        For each image the kept photographs that show the same, the most similar first; none where it cannot
        be read.
    """
    index = HashIndex(hashes)
    if not index.size:
        return [()] * len(images)
    return map_images(index.find_image, images, threads, progress, "known pictures")


def turn_waves(waves: np.ndarray) -> np.ndarray:
    """Frequencies (n, k, k) of images in all orientations, (8 n, k, k).

    The waves of a mirrored or rotated image have other signs and places.
    """
    signs = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = []
    # Four quarter turns, then four of the mirror image: a turn of the picture is signs and a transpose here
    for quarters in (waves, waves * signs):
        for _ in range(4):
            turned.append(quarters)
            quarters = (quarters * signs).transpose(0, 2, 1)
    return np.concatenate(turned)


def describe_views(frame: np.ndarray, places: Iterable[Place]) -> np.ndarray:
    """Queries, float32 (8 places, `BITS`), of a frame: its window in some places, in all orientations.

    Absolute values of a row sum to 1, and none counts for more than the typical one. So its product with
    bits, written as -1 and 1, is a likeness from -1 to 1.
    """
    waves = []
    for stretch, angle in places:
        waves.append(transform_window(cut_window(frame, stretch, angle)))
    values = pick_waves(turn_waves(np.array(waves, dtype=np.float32)))
    # A frequency that is strong in one image alone says little: it counts no more than the typical one
    typical = np.median(np.abs(values), axis=1, keepdims=True)
    clipped = np.clip(values, -typical, typical)
    return clipped / np.maximum(np.abs(clipped).sum(axis=1, keepdims=True), 1e-9)


def find_limit(frame: np.ndarray) -> float:
    """Gives the likeness from which a photograph shows the same image as a frame.

    Args:
        frame: Of `reduce_pixels`.

    Returns:
        `SPOT_LIMIT` for a small dark spot on even skin, else `LIMIT`.
    """
    # The fourth moment: a small dark spot on even skin is one far outlier
    window = cut_window(frame, (1.0, 1.0), 0.0)
    return SPOT_LIMIT if measure_kurtosis(window) > SPOT_KURTOSIS else LIMIT


def measure_kurtosis(values: np.ndarray) -> float:
    """The fourth moment of values over the square of their variance; 3 where they are normal."""
    excess = values - values.mean()
    variance = float(np.mean(excess**2))
    return float(np.mean(excess**4)) / max(variance**2, 1e-9)


class HashIndex:
    """Hashed photographs to be searched.

    Args:
        hashes: uint8 (m, `BYTES`); rows of zeros are left out.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        self.rows = np.flatnonzero(hashes.any(axis=1))
        # Bits as -1 and 1: a product with a query is then its likeness
        bits = np.unpackbits(hashes[self.rows], axis=1)
        self.signs = (2.0 * bits - 1).astype(np.float32).T.copy()  # (BITS, m)

    @property
    def size(self) -> int:
        """How many photographs can be found."""
        return len(self.rows)

    def find_image(self, image: str) -> tuple[HashMatch, ...]:
        """The kept photographs that show the same image as a file, the most similar first."""
        frame = read_frame(image)
        if frame is None:
            return ()
        return self.find_frame(frame)

    def find_frame(self, frame: np.ndarray) -> tuple[HashMatch, ...]:
        """The kept photographs that show the same image as a frame of `reduce_pixels`, the most similar
        first.

        The frame is rotated freely only where nothing else is found: that is three times the work.
        """
        if not self.size or cut_window(frame, (1.0, 1.0), 0.0).std() < MIN_DEVIATION:
            return ()
        limit = find_limit(frame)
        # Upright is cheap and finds most; only then is the window turned
        for places in (UPRIGHT, TURNED):
            likeness = self.compare_frame(frame, places)
            close = np.flatnonzero(likeness >= limit)
            if len(close) > 0:
                order = close[np.argsort(-likeness[close], kind="stable")]
                matches = []
                for column in order:
                    matches.append(HashMatch(int(self.rows[column]), float(likeness[column])))
                return tuple(matches)
        return ()

    def compare_frame(self, frame: np.ndarray, places: Iterable[Place]) -> np.ndarray:
        """The highest likeness of a frame to each photograph of `rows`, float32 (`size`,)."""
        return (describe_views(frame, places) @ self.signs).max(axis=0)
