"""From a logit to a probability that can be read as one. The map is fitted on validation and travels in the card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

KINDS = ("none", "temperature", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A map from logits to P(malignant).

    `temperature` divides the logit (Guo 2017); an isotonic map (Zadrozny & Elkan 2002) goes linearly between the
    probabilities `values` at the logits `knots`, both ascending and of the same length. `n` photographs decided it.
    """

    kind: str = "none"
    temperature: float = 1.0
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    n: int = 0
    note: str = ""

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities, float (n,), of logits (n,).

        >>> Calibration("temperature", 2.0).apply(np.array([0.0, 2.0])).round(3).tolist()
        [0.5, 0.731]
        """
        logits = np.asarray(logits, dtype=float)
        if self.kind == "isotonic":
            return np.interp(logits, self.knots, self.values)
        return sigmoid(logits / self.temperature)

    def invert(self, probability: float) -> float:
        """The lowest logit that reaches a probability in (0, 1)."""
        if self.kind == "isotonic":
            return float(np.interp(probability, np.maximum.accumulate(np.add(self.values, 1e-12 * np.arange(len(self.values)))), self.knots))
        return float(self.temperature * np.log(probability / (1 - probability)))


def read_calibration(card: dict[str, Any]) -> Calibration:
    """The calibration of a card."""
    entry = dict(card.get("calibration") or {"kind": "temperature", "temperature": card["temperature"]})
    return Calibration(**{**entry, "knots": tuple(entry.get("knots", ())), "values": tuple(entry.get("values", ()))})


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
