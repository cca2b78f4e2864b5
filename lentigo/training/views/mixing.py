"""Views that are mixed within a batch: mixup, and mosaics of four."""

from __future__ import annotations

import cv2
import numpy as np

Mixed = tuple[np.ndarray, np.ndarray, np.ndarray]  # views, labels, weights


def mix_views(
    views: np.ndarray, labels: np.ndarray, weights: np.ndarray, alpha: float, rng: np.random.Generator
) -> Mixed:
    """Mixup (Zhang 2018): each view is blended with another of its batch.

    The share of the view itself is drawn from Beta(alpha, alpha) and is a half at least. The loss of what is
    mixed is the mean of the losses of both photographs by their shares, each with the weight of its own
    class. Cross-entropy is linear in the label, so that is the loss of one mixed label with one mixed weight.

    Args:
        views: uint8 (n, height, width, 3).
        labels: float32 (n, k).
        weights: What each photograph weighs, float32 (n,).
        alpha: Of the Beta distribution, above 0.
        rng: Draws shares and partners.

    Returns:
        Views, labels and weights of the same shapes and types.
    """
    share = rng.beta(alpha, alpha, len(views))
    # The larger share is a view's own, so that it keeps its place in the batch
    share = np.maximum(share, 1 - share).astype(np.float32)
    partner = rng.permutation(len(views))
    mixed_views = []
    for view, other, own_share in zip(views, views[partner], share, strict=True):
        mixed_views.append(cv2.addWeighted(view, float(own_share), other, float(1 - own_share), 0))
    # Labels are weighted as the photographs are, so that rare classes stay weighty
    own_weight = share * weights
    partner_weight = (1 - share) * weights[partner]
    mixed_weights = own_weight + partner_weight
    mixed_labels = own_weight[:, None] * labels + partner_weight[:, None] * labels[partner]
    return np.stack(mixed_views), mixed_labels / mixed_weights[:, None], mixed_weights


def lay_mosaics(
    views: np.ndarray, masks: np.ndarray, probability: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mosaics (Bochkovskiy 2020, YOLOv4): some views are shown beside three others of their batch.

    All four have half the size and stand in any order: several lesions, small ones, none in the middle.

    Args:
        views: uint8 (n, side, side, 3); the side is even.
        masks: float32 (n, side, side).
        probability: That a view becomes a mosaic.
        rng: Draws which views do, and their partners.

    Returns:
        Views and masks of the same shapes and types.
    """
    mosaics = views.copy()
    mosaic_masks = masks.copy()
    small_views = [halve(view) for view in views]
    small_masks = [halve(mask) for mask in masks]
    for n in range(len(views)):
        if rng.random() < probability:
            partners = rng.integers(len(views), size=3)
            four = rng.permutation([n, *partners])
            mosaics[n] = tile_four([small_views[m] for m in four])
            mosaic_masks[n] = tile_four([small_masks[m] for m in four])
    return mosaics, mosaic_masks


def halve(image: np.ndarray) -> np.ndarray:
    """An image at half its size, each pixel the mean of four."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def tile_four(quarters: list[np.ndarray]) -> np.ndarray:
    """Four images of one size as the quarters of another."""
    return np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])])
