"""Whether a faster form of a graph predicts as the graph itself does: one rule for bf16 and for int8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lentigo.common.statistics.intervals import compare_aurocs
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.models.inference_session import InferenceSession

MIN_EQUAL_DECISIONS = 0.995  # share of photographs that the faster form must decide alike
MAX_AUROC_LOSS = 0.002  # the upper end of its 95 % interval has to stay below
# Of P(malignant): the faster form is used with the calibration of the original
MAX_MEAN_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Agreement:
    """A faster form beside the original, on the same photographs.

    Attributes:
        n: The number of photographs.
        decisions_equal: The share of them that both decide alike.
        auroc_before: Of the original; NaN where a class is missing, and so is what follows from it.
        auroc_after: Of the faster form.
        loss_ci: The 95 % interval of `auroc_before - auroc_after`.
        largest_difference: Of P(malignant).
        mean_difference: Of P(malignant), without its sign.
    """

    n: int
    decisions_equal: float
    auroc_before: float
    auroc_after: float
    loss_ci: tuple[float, float]
    largest_difference: float
    mean_difference: float

    @property
    def neutral(self) -> bool:
        """Whether the faster form may take the place of the original."""
        same_decisions = self.decisions_equal >= MIN_EQUAL_DECISIONS
        same_ranking = self.loss_ci[1] < MAX_AUROC_LOSS
        same_probabilities = self.mean_difference <= MAX_MEAN_DIFFERENCE
        return same_decisions and same_ranking and same_probabilities


def compare_predictions(
    malignant: np.ndarray,
    probabilities: tuple[np.ndarray, np.ndarray],
    decided: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
) -> Agreement:
    """Compares the predictions of a graph and of a faster form of it.

    Args:
        malignant: The truth, 0 or 1, int (n,).
        probabilities: P(malignant) by the graph and by its faster form, float (n,) each.
        decided: Whether each says malignant, bool (n,).
        groups: Photographs of one patient, lesion or image share a number, int (n,).

    Returns:
        How far they agree.
    """
    before, after = probabilities
    group_numbers = np.unique(groups, return_inverse=True)[1]
    # The difference with the faster form first, so that a loss is positive
    aurocs, loss_ci, _ = compare_aurocs(malignant, after, before, group_numbers)
    differences = np.abs(before - after)
    return Agreement(
        n=len(malignant),
        decisions_equal=float((decided[0] == decided[1]).mean()),
        auroc_before=float(aurocs[1]),
        auroc_after=float(aurocs[0]),
        loss_ci=(float(loss_ci[0]), float(loss_ci[1])),
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
    )


def measure_logits(session: InferenceSession, images: Iterable[str], side: int = SIDE) -> np.ndarray:
    """Measures the logits of photographs.

    Args:
        session: A graph that classifies.
        images: Their paths.
        side: Pixels along the side that the graph takes.

    Returns:
        Float (n,); NaN for a photograph that cannot be read.
    """
    is_readable: list[bool] = []

    def read_pixels() -> Iterator[np.ndarray]:
        for image in stream_images(images, side):
            is_readable.append(isinstance(image, DecodedImage))
            if isinstance(image, DecodedImage):
                yield image.pixels

    found = []
    for outputs in session.stream(read_pixels()):
        found.append(float(outputs["logit"][0]))
    logits = np.full(len(is_readable), np.nan)
    logits[is_readable] = found
    return logits
