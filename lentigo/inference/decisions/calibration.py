"""From a logit to a probability that can be read as one, by a map that is fitted on validation and travels in
the card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lentigo.errors import ModelError

MAX_LOGIT = 1e6  # beyond, no network of ours gives any
KINDS = ("none", "platt", "beta", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A map from logits to P(malignant) that never falls.

    Attributes:
        kind: One of `KINDS`. "none" is the sigmoid of the logit itself.
        slope: Of "platt" (Platt 1999): the log-odds are `slope * logit + intercept`.
            Of "beta" (Kull 2017) it is the slope that large logits see.
        intercept: What is added to the log-odds.
        slope_below: Of "beta" alone: the slope that very negative logits see.
        knots: Of "isotonic" (Zadrozny and Elkan 2002): logits, ascending.
        values: Of "isotonic": the probabilities at the knots, linear between them, constant beyond.
        n: The number of photographs that it was fitted on.
        note: Why nothing was fitted, where that is so.
    """

    kind: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    slope_below: float = 1.0
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    n: int = 0
    note: str = ""

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Calibrates logits.

        Args:
            logits: What the graph gives, float (n,).

        Returns:
            P(malignant), float (n,).

        >>> Calibration("platt", slope=0.5, intercept=-1.0).apply(np.array([0.0, 2.0])).round(3).tolist()
        [0.269, 0.5]
        """
        logits = np.asarray(logits, dtype=float)
        if self.kind == "isotonic":
            return np.interp(logits, self.knots, self.values)
        if self.kind == "beta":
            above = self.slope * np.logaddexp(0, logits)  # -log(1 - p) of the uncalibrated p
            below = self.slope_below * np.logaddexp(0, -logits)  # -log(p)
            return sigmoid(above - below + self.intercept)
        return sigmoid(self.slope * logits + self.intercept)

    def invert(self, probability: float) -> float:
        """Finds the lowest logit whose calibrated probability reaches a value.

        Args:
            probability: 0 to 1.

        Returns:
            The logit; `MAX_LOGIT` where none reaches it.

        >>> round(Calibration("platt", slope=0.5, intercept=-1.0).invert(0.5), 6)
        2.0
        """
        # By bisection: an isotonic map has steps, and no formula that could be turned round
        low = -MAX_LOGIT
        high = MAX_LOGIT
        for _ in range(100):  # down to the last bit
            middle = (low + high) / 2
            if self.apply(np.array([middle]))[0] >= probability:
                high = middle
            else:
                low = middle
        return high

    def to_card(self) -> dict[str, Any]:
        """The card's entry: the kind, what it needs, and the number of photographs."""
        entry: dict[str, Any] = {"kind": self.kind}
        for name in PARAMETERS[self.kind]:
            value = getattr(self, name)
            entry[name] = list(value) if isinstance(value, tuple) else value
        entry["n"] = self.n
        if self.note:
            entry["note"] = self.note
        return entry


PARAMETERS = {
    "none": (),
    "platt": ("slope", "intercept"),
    "beta": ("slope", "slope_below", "intercept"),
    "isotonic": ("knots", "values"),
}


def read_calibration(entry: dict[str, Any]) -> Calibration:
    """Reads the calibration that a card's entry describes.

    Args:
        entry: `card["calibration"]`, as `Calibration.to_card` gives it.

    Returns:
        The map. A temperature, which is how calibration was written once, is a slope without an intercept.

    Raises:
        ModelError: The kind is unknown, or a parameter of it is missing.

    >>> read_calibration({"kind": "temperature", "temperature": 2.0}).slope
    0.5
    """
    try:
        kind = entry["kind"]
        n = int(entry.get("n", 0))
        note = str(entry.get("note", ""))
        if kind == "temperature":
            return Calibration("platt", slope=1 / float(entry["temperature"]), n=n, note=note)
        values: dict[str, Any] = {}
        for name in PARAMETERS[kind]:
            value = entry[name]
            values[name] = tuple(value) if isinstance(value, list | tuple) else float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"calibration in card.json: is damaged ({error!r}); expected one of the kinds "
            f"{', '.join(KINDS)} with its parameters: copy the RUN again from its source"
        ) from error
    return Calibration(kind, **values, n=n, note=note)


def explain_calibration(calibration: Calibration) -> str:
    """Writes the formula of P(malignant) for whoever runs the graph elsewhere.

    Args:
        calibration: The map.
    """
    if calibration.kind == "isotonic":
        return "the isotonic map of card.json at the logit"
    if calibration.kind == "beta":
        high = f"{calibration.slope:.6g}"
        low = f"{calibration.slope_below:.6g}"
        return (
            f"sigmoid({high} * log(1 + exp(logit)) - {low} * log(1 + exp(-logit)) "
            f"+ {calibration.intercept:.6g})"
        )
    return f"sigmoid({calibration.slope:.6g} * logit + {calibration.intercept:.6g})"


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow.

    Args:
        logits: Float (n,).
    """
    return 0.5 * (1 + np.tanh(0.5 * logits))
