"""What decisions are worth at several operating points, and what it buys to refuse some photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import measure_scores

SHOWN = ("accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Decisions:
    """Decisions at a threshold; a value is NaN where a class is missing.

    Attributes:
        rule: How the threshold was chosen.
        threshold: From which P(malignant) is called malignant.
        n: Photographs.
        accuracy: The share that is decided rightly.
        sensitivity: That of the malignant ones.
        specificity: That of the benign ones.
        ci: The 95 % interval of each, by groups.
    """

    rule: str
    threshold: float
    n: int
    accuracy: float
    sensitivity: float
    specificity: float
    ci: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """The fields; NaN is null."""
        return replace_nan(asdict(self))


def measure_decisions(
    rule: str, threshold: float, malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> Decisions:
    """Measures the decisions `probability >= threshold`.

    Args:
        rule: How the threshold was chosen.
        threshold: From which P(malignant) is called malignant.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        groups: Group numbers, int (n,).

    Returns:
        Accuracy, sensitivity and specificity with their intervals.
    """
    values, ci = measure_scores(malignant, probability, probability >= threshold, groups)
    return Decisions(
        rule=rule,
        threshold=threshold,
        n=len(malignant),
        accuracy=values["accuracy"],
        sensitivity=values["sensitivity"],
        specificity=values["specificity"],
        ci={name: ci[name] for name in SHOWN},
    )


@dataclass(frozen=True)
class Refusals:
    """How many photographs got no decision and why, and how good the decisions on the others are.

    Attributes:
        n: Photographs.
        out_of_distribution: Those unlike the training photographs.
        uncertain: Those whose conformal set at `alpha` is not exactly the label.
        alpha: The share of true labels that conformal prediction may exclude.
        answered: The decisions on the others; None without any.
    """

    n: int
    out_of_distribution: int
    uncertain: int
    alpha: float
    answered: Decisions | None

    def to_json(self) -> dict[str, Any]:
        """The fields; NaN is null."""
        return replace_nan(asdict(self))


def count_refusals(
    labels: Sequence[str],
    in_distribution: Sequence[bool | None],
    alpha: float,
    answered: Decisions | None,
) -> Refusals:
    """Counts the refusals among predictions.

    Args:
        labels: Of n photographs; "uncertain" for a refusal.
        in_distribution: Whether each is like the training photographs; None where that is not known.
        alpha: The share of true labels that conformal prediction may exclude.
        answered: The decisions on the photographs that were not refused.

    Returns:
        The counts.
    """
    refused = sum(label == "uncertain" for label in labels)
    out_of_distribution = sum(state is False for state in in_distribution)
    return Refusals(len(labels), out_of_distribution, refused - out_of_distribution, alpha, answered)
