"""Test-time augmentation: mirrored views of a photograph, whose outputs are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

View = Callable[[np.ndarray], np.ndarray]  # from a photograph or a mask, (h, w, ...), to a view of it


def keep(pixels: np.ndarray) -> np.ndarray:
    """The photograph as it is, (h, w, ...)."""
    return pixels


def transpose(pixels: np.ndarray) -> np.ndarray:
    """Rows as columns: (h, w, ...) to (w, h, ...)."""
    return np.swapaxes(pixels, 0, 1)


TTA_VIEWS: tuple[View, ...] = (keep, np.fliplr, np.flipud, transpose)  # each undoes itself


def turn_views(images: Iterable[np.ndarray], views: Sequence[View]) -> Iterator[np.ndarray]:
    """Yields the views of each photograph, one photograph after the other.

    Args:
        images: Photographs, uint8 (side, side, 3).
        views: Functions of `TTA_VIEWS`.
    """
    for pixels in images:
        for view in views:
            yield np.ascontiguousarray(view(pixels))
