"""Test-time augmentation: mirrored views of a photograph, whose outputs are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lentigo.models.inference_session import Outputs

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


@dataclass(frozen=True)
class ViewsOutput:
    """What the network gives for the views of a photograph.

    Attributes:
        logit: Their mean, or that of the photograph as it is where no mean is calibrated; NaN where the graph
            has no classifier.
        mask: Their mean, float32 (side, side); None where the graph has no mask decoder.
        first: All that the graph gives for the photograph as it is.
    """

    logit: float
    mask: np.ndarray | None
    first: Outputs


def average_logit(outputs: Sequence[Outputs]) -> float:
    """The mean logit.

    Args:
        outputs: What the network gave for each view of a photograph.
    """
    return float(np.mean([float(output["logit"][0]) for output in outputs]))


def average_mask(outputs: Sequence[Outputs], views: Sequence[View]) -> np.ndarray:
    """The mean mask, float32 (side, side), of the views of a photograph, each turned back.

    Args:
        outputs: What the network gave for each view.
        views: Functions of `TTA_VIEWS`, in the same order.
    """
    masks = []
    for view, output in zip(views, outputs, strict=True):
        masks.append(view(output["mask"]))  # each view undoes itself
    return np.mean(masks, axis=0)
