"""What decisions are worth at several operating points, and what it buys to refuse some photographs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lentigo.common.statistics.intervals import measure_scores


@dataclass(frozen=True)
class Decisions:
    """Decisions at a threshold, with 95 % intervals by groups; NaN where a class is missing."""

    rule: str
    threshold: float
    n: int
    accuracy: float
    sensitivity: float
    specificity: float
    ci: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """The fields; NaN is null."""
        values = {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in asdict(self).items()
        }
        return values | {
            "ci": {name: [None if np.isnan(end) else end for end in ends] for name, ends in self.ci.items()}
        }


def measure_decisions(
    rule: str, threshold: float, malignant: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> Decisions:
    """Decides `probability >= threshold`, both float (n,), against the truth, 0 or 1 (n,), of photographs in
    groups (n,).
    """
    values, ci = measure_scores(malignant, probability, probability >= threshold, groups)
    names = ("accuracy", "sensitivity", "specificity")
    return Decisions(
        rule, threshold, len(malignant), *(values[name] for name in names), {name: ci[name] for name in names}
    )


@dataclass(frozen=True)
class Refusals:
    """How many photographs got no decision and why, and how good the decisions on the others are."""

    n: int
    out_of_distribution: int  # unlike what the model knows
    uncertain: int  # the conformal set at alpha is not exactly the label
    alpha: float
    answered: Decisions | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"answered": self.answered and self.answered.to_json()}


def measure_refusals(
    labels: list[str],
    known: list[bool | None],
    alpha: float,
    threshold: float,
    malignant: np.ndarray,
    probability: np.ndarray,
    groups: np.ndarray,
) -> Refusals:
    """Counts the refusals among labels (n,); `known` says of each whether it is like what the model knows."""
    answered = np.array([label != "uncertain" for label in labels])
    outside = int(sum(state is False for state in known))
    decisions = None
    if answered.any():
        decisions = measure_decisions(
            "answered", threshold, malignant[answered], probability[answered], groups[answered]
        )
    return Refusals(len(labels), outside, int((~answered).sum()) - outside, alpha, decisions)
