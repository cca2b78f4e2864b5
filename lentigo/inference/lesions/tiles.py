"""Tiles: a large photograph in overlapping squares that the network sees one by one, and their masks laid
together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from PIL import Image

from lentigo.images.photographs import SIDE

CELLS = 112  # of a tile's side in the merged mask: half of what the network says
STRIDE = 0.5  # of a tile's side, from one to the next at most


@dataclass(frozen=True)
class Grid:
    """Squares of `side` pixels over a photograph of `width` x `height`, at the corners `left` x `top`, int
    (n,) and (m,).
    """

    width: int
    height: int
    side: int
    left: np.ndarray
    top: np.ndarray

    def __len__(self) -> int:
        return len(self.left) * len(self.top)

    @property
    def cell(self) -> float:
        """Pixels of the photograph along a cell of the merged mask."""
        return self.side / CELLS

    @property
    def shape(self) -> tuple[int, int]:
        """Of the merged mask, (height, width) in cells."""
        return max(CELLS, round(self.height / self.cell)), max(CELLS, round(self.width / self.cell))


def lay_grid(width: int, height: int, side: int) -> Grid:
    """Squares that cover the photograph; a `side` longer than its shorter side is cut to that.

    Args:
        width: Of the photograph, in pixels.
        height: Of the photograph, in pixels.
        side: Of a square, in pixels.
    """
    side = min(side, width, height)
    return Grid(width, height, side, place_tiles(width, side), place_tiles(height, side))


def place_tiles(size: int, side: int) -> np.ndarray:
    """Where tiles of a side begin along a side of the photograph, int (n,), at equal distances."""
    free = size - side  # pixels that one tile leaves uncovered
    count = 1 + int(np.ceil(free / (STRIDE * side)))
    return np.rint(np.linspace(0, free, count)).astype(int)


def cut_tiles(image: np.ndarray, grid: Grid) -> Iterator[np.ndarray]:
    """The tiles of a photograph, uint8 (height, width, 3), as the network takes them, row by row.

    Args:
        image: uint8 (height, width, 3).
        grid: Over this photograph.
    """
    for top in grid.top:
        for left in grid.left:
            yield shrink_square(image, left, top, grid.side)


def shrink_square(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """A square of a photograph as the network takes it, uint8 (SIDE, SIDE, 3), by the filter that whole
    photographs go through.

    Args:
        image: uint8 (height, width, 3).
        left: Of the square, in pixels.
        top: Of the square, in pixels.
        side: Of the square, in pixels.
    """
    square = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0))


def merge_tiles(masks: Iterable[np.ndarray], grid: Grid) -> np.ndarray:
    """P(lesion) over the whole photograph, float32 of `grid.shape`, from the masks of its tiles, (SIDE, SIDE)
    each, in their order.

    The mean where tiles overlap, in which the middle of a tile counts more than its edge, where the network
    sees half of a lesion.

    Args:
        masks: Of the tiles, float32 (SIDE, SIDE) each, row by row.
        grid: Over the photograph.
    """
    merged = np.zeros(grid.shape, np.float32)
    height, width = grid.shape
    # Not 0 at the edge: along the border of the photograph there is no other tile
    window = (0.05 + np.hanning(CELLS + 2)[1:-1]).astype(np.float32)
    rows = np.minimum(np.rint(grid.top / grid.cell).astype(int), height - CELLS)
    columns = np.minimum(np.rint(grid.left / grid.cell).astype(int), width - CELLS)
    places = product(rows, columns)
    for mask, (top, left) in zip(masks, places, strict=True):
        merged[top : top + CELLS, left : left + CELLS] += shrink_mask(mask) * window[:, None] * window
    # The weights are a product of rows and columns, and so are their sums
    merged /= sum_windows(window, rows, height)[:, None]
    merged /= sum_windows(window, columns, width)
    return merged


def shrink_mask(mask: np.ndarray) -> np.ndarray:
    """A tile's mask in cells, their means."""
    times = SIDE // CELLS
    return mask.reshape(CELLS, times, CELLS, times).mean(axis=(1, 3))


def sum_windows(window: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
    """The weights of tiles along one side of a photograph, summed where they overlap, float32 (size,)."""
    sums = np.zeros(size, np.float32)
    for corner in corners:
        sums[corner : corner + CELLS] += window
    return sums
