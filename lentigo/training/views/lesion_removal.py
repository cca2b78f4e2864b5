"""Views whose lesion is painted over: skin alone, of which nothing is to be said.

A network that has never seen skin without a lesion calls it benign, and may read the class from what
surrounds a lesion. The same surroundings without the lesion have no class here: their label is 0.5.
"""

from __future__ import annotations

import numpy as np

from lentigo.training.views.background_swap import can_swap, paint_over

NO_CLASS = 0.5  # the label of skin alone: neither benign nor malignant


def draw_removal(mask: np.ndarray, probability: float, rng: np.random.Generator) -> bool:
    """Draws whether a view loses its lesion.

    Args:
        mask: 1 where the lesion is, uint8 (side, side).
        probability: Of a photograph whose mask shows a lesion and enough skin around it.
        rng: Is used only where such a photograph can lose its lesion.

    Returns:
        Whether it does.
    """
    if not probability or not can_swap(mask):
        return False
    return bool(rng.random() < probability)


def remove_lesion(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paints over the lesion of a photograph with the skin around it.

    Args:
        image: uint8 (side, side, 3).
        mask: 1 where the lesion is, uint8 (side, side).

    Returns:
        The photograph without its lesion, uint8 (side, side, 3).
    """
    painted = paint_over(image, mask)
    return np.clip(np.rint(painted), 0, 255).astype(np.uint8)


def forget_class(labels: np.ndarray) -> None:
    """Takes class and diagnosis from the label of a view, float32 (k,), in place: 0.5, then zeros."""
    labels[0] = NO_CLASS
    labels[1:] = 0
