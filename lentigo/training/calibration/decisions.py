"""From a trained graph to decisions: calibration, threshold and refusal, and the card's entries on them.

Everything here is measured on the graph that is written into the RUN, in the precision that it is served in.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.files import write_whole
from lentigo.common.json_values import replace_nan
from lentigo.inference.decisions.calibration import Calibration
from lentigo.inference.decisions.operating_point import choose_threshold
from lentigo.inference.decisions.refusal import Reference
from lentigo.models.bundle import REFERENCE
from lentigo.training.calibration.calibration_fit import MIN_PER_CLASS, fit_calibration
from lentigo.training.calibration.graph_outputs import GraphOutputs
from lentigo.training.calibration.precision_check import PrecisionCheck, name_precision
from lentigo.training.calibration.reference_fit import fit_reference
from lentigo.training.recipes import Recipe


@dataclass(frozen=True)
class OperatingPoint:
    """From logits to decisions.

    Attributes:
        calibration: The map from logits to probabilities.
        threshold: The lowest probability that is decided malignant.
        probability: The validation probabilities that both were chosen by, float (n,).
    """

    calibration: Calibration
    threshold: float
    probability: np.ndarray

    def to_card(self, rule: str) -> dict[str, Any]:
        """Gives the card's entries.

        Args:
            rule: That of the threshold.

        Returns:
            The entries; `logit_threshold` is the lowest logit that is decided malignant.
        """
        return {
            "threshold": self.threshold,
            "threshold_rule": f"{rule}, on validation",
            "logit_threshold": self.calibration.invert(self.threshold),
            "calibration": self.calibration.to_card(),
        }


def fit_decisions(
    out: Path,
    recipe: Recipe,
    check: PrecisionCheck | None,
    training: tuple[np.ndarray, np.ndarray],
    validation: GraphOutputs,
) -> dict[str, Any]:
    """Fits calibration, threshold and reference, and writes the reference into the RUN.

    Args:
        out: The RUN.
        recipe: It says the operating point and the alpha of the conformal refusal.
        check: How bf16 compares with fp32.
        training: The refusal output for the training photographs, float (n, d), and their truth, int (n,).
            All but the class centres and their covariance comes from validation.
        validation: What the graph, as it is served, gives for the validation photographs.

    Returns:
        The card's entries.
    """
    operation = choose_operating_point(recipe, validation.logits, validation)
    points, malignant = training
    reference = fit_reference(
        points,
        malignant,
        validation.points,
        validation.malignant,
        operation.probability,
        validation.refusal_output,
        validation.no_lesions,
    )
    return keep_decisions(out, recipe, check, operation, reference, validation)


def choose_operating_point(recipe: Recipe, logits: np.ndarray, outputs: GraphOutputs) -> OperatingPoint:
    """Calibration and threshold from logits, float (n,), of the photographs that were measured."""
    calibration = fit_calibration(logits, outputs.malignant, outputs.groups)
    probability = calibration.apply(logits)
    threshold = choose_threshold(recipe.operating_point, outputs.malignant, probability)
    return OperatingPoint(calibration, threshold, probability)


def keep_decisions(
    out: Path,
    recipe: Recipe,
    check: PrecisionCheck | None,
    operation: OperatingPoint,
    reference: Reference,
    validation: GraphOutputs,
) -> dict[str, Any]:
    """Writes the reference into the RUN, and gives the card's entries.

    Where the mirrored views were measured, their mean has its own calibration, threshold and validation
    scores.
    """
    tta_entry = None
    tta_scores = None
    # The mean over views has its own distribution, so its own map and threshold
    if validation.tta_logits is not None:
        tta = choose_operating_point(recipe, validation.tta_logits, validation)
        tta_entry = tta.to_card(recipe.operating_point)
        # Sorted: conformal prediction asks how many are below
        tta_scores = (
            np.sort(tta.probability[validation.malignant == 0]),
            np.sort(tta.probability[validation.malignant == 1]),
        )
    with write_whole(out / REFERENCE) as temporary:
        reference.save(temporary, tta_scores)
    # With few photographs of a class conformal sets would refuse nearly everything
    enough = min(len(reference.benign), len(reference.malignant)) >= MIN_PER_CLASS
    return {
        **operation.to_card(recipe.operating_point),
        "tta": tta_entry,
        "prevalence": float(validation.malignant.mean()),
        "alpha": recipe.alpha if enough else 0.0,
        "refusal": {
            "output": reference.output,
            "distance_limit": reference.limit,
            "shift_limit": reference.shift_limit,
            "alpha": describe_alpha(recipe, enough),
        },
        "precision": name_precision(check),
        "bf16": None if check is None else replace_nan(asdict(check)),
    }


def describe_alpha(recipe: Recipe, enough: bool) -> str:
    """How the conformal refusal was set, for the card."""
    if not recipe.alpha:
        return "none asked for"
    if not enough:
        return f"none: validation has fewer than {MIN_PER_CLASS} photographs of one class"
    return f"{recipe.alpha:g}, by class"
