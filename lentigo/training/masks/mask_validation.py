"""How good the masks of a decoder are: the scores that choose the best epoch, and those of each precision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import logit

from lentigo.datasets.mask_reading import read_mask, resize_mask
from lentigo.datasets.masks import MaskSet
from lentigo.evaluation.masks.mask_scores import measure_jaccard
from lentigo.images.photographs import SIDE, read_image
from lentigo.models.compilation import fastest_precision
from lentigo.models.networks.deep_learning import ops
from lentigo.models.runtime import Session
from lentigo.training.loop.losses import MaskLoss

CHUNK_IMAGES = 16  # photographs that are measured at a time
MAX_JACCARD_LOSS = 0.002  # by bf16, which is used up to it
MIN_MASK_PROBABILITY = 1e-6  # keeps the logit of a probability finite
# Of photographs, uint8 (n, side, side, 3), the logits of their masks, float (n, side, side).
PredictMasks = Callable[[np.ndarray], np.ndarray]


def open_predictor(graph: Path | bytes, precision: str | None) -> PredictMasks:
    """Opens a graph that ends in a mask, or in its logits.

    Args:
        graph: The graph, or the file that holds it.
        precision: "f32", "bf16", or None for the processor's fastest.

    Returns:
        What gives the logits of masks.
    """
    session = Session(graph, precision=precision)
    # A graph in training ends in the logits, a finished one in probabilities
    if "mask" in session.names:
        return lambda images: find_logits(session.run(images)["mask"])
    output = session.names[0]
    return lambda images: session.run(images)[output]


def find_logits(probability: np.ndarray) -> np.ndarray:
    """The logits of masks; finite where a probability is 0 or 1."""
    return logit(np.clip(probability, MIN_MASK_PROBABILITY, 1 - MIN_MASK_PROBABILITY))


def score_masks(masks: MaskSet, predict: PredictMasks) -> dict[str, float]:
    """Scores predicted masks.

    Args:
        masks: n photographs with their masks.
        predict: Gives the logits of masks.

    Returns:
        The loss at the network's size, Dice and Jaccard at each mask's own size, all as means over
        photographs.
    """
    loss = MaskLoss()
    losses = []
    overlaps = []
    for start in range(0, len(masks), CHUNK_IMAGES):
        rows = masks.table.iloc[start : start + CHUNK_IMAGES]
        logits = predict(np.stack([read_image(image).pixels for image in rows["image"]]))
        # At its own size: the score is that of the mask which people would see
        truths = [read_mask(path) for path in rows["mask"]]
        small_truths = np.stack([resize_mask(truth, SIDE) for truth in truths])
        losses += ops.convert_to_numpy(loss.call(small_truths, logits)).tolist()
        for truth, image_logits in zip(truths, logits, strict=True):
            predicted = resize_logits(image_logits, truth.shape) >= 0
            overlaps.append(measure_jaccard(truth == 1, predicted))
    jaccard = np.array(overlaps)
    return {
        "val_loss": float(np.mean(losses)),
        # Dice follows from Jaccard
        "val_dice": float((2 * jaccard / (1 + jaccard)).mean()),
        "val_jaccard": float(jaccard.mean()),
    }


def resize_logits(logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Logits, float (side, side), at another shape, (height, width)."""
    return cv2.resize(logits, shape[::-1], interpolation=cv2.INTER_LINEAR)


def compare_precisions(graph: Path, masks: MaskSet) -> dict[str, Any] | None:
    """Compares the masks of bf16 with those of fp32.

    Args:
        graph: The file of a graph that ends in a mask.
        masks: Photographs with their masks.

    Returns:
        The card's entry; None where this processor does not compute in bf16.
    """
    if fastest_precision() != "bf16":
        return None
    f32 = score_masks(masks, open_predictor(graph, "f32"))["val_jaccard"]
    bf16 = score_masks(masks, open_predictor(graph, "bf16"))["val_jaccard"]
    return {
        "n": len(masks),
        "jaccard_f32": f32,
        "jaccard_bf16": bf16,
        "neutral": abs(f32 - bf16) <= MAX_JACCARD_LOSS,
    }
