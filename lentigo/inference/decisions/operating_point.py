"""The threshold of the decision, by a stated rule on validation photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lentigo.errors import UsageError

RULES = "sensitivity=0.95, specificity=0.9, youden, cost=FN:FP or a probability such as 0.5"


def choose_threshold(rule: str, malignant: np.ndarray, probability: np.ndarray) -> float:
    """Chooses the threshold on P(malignant) that a rule gives on some photographs.

    `sensitivity=S`: the highest threshold that still finds the share S of the malignant; `specificity=S`: the
    lowest that still clears the share S of the benign; `youden`: the highest sensitivity + specificity
    (Youden 1950); `cost=FN:FP`: the cheapest, a missed malignant costing FN and a false alarm FP, calling
    nothing malignant included; of equals the lowest; a number is taken as it is.

    Args:
        rule: One of these.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).

    Raises:
        UsageError: The rule is unknown, or cannot be followed.

    >>> choose_threshold("sensitivity=0.5", np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.8]))
    0.8
    """
    name, _, text = rule.partition("=")
    if not text and name not in ("youden", "sensitivity", "specificity", "cost"):
        return read_share(rule, rule)
    points = list_points(malignant, probability)
    if name == "youden":
        return points.find_youden()
    if name == "sensitivity":
        return float(points.threshold[points.sensitivity >= read_share(text, rule)].max())
    if name == "specificity":
        return float(points.threshold[points.specificity >= read_share(text, rule)].min())
    if name == "cost":
        return points.find_cheapest(*read_costs(text, rule))
    raise UsageError(f"operating point {rule!r} is unknown; expected {RULES}")


def check_rule(rule: str) -> None:
    """Raises `UsageError` for a rule that could not be followed.

    Args:
        rule: As `choose_threshold` takes it.
    """
    choose_threshold(rule, np.array([0, 1]), np.array([0.0, 1.0]))


@dataclass(frozen=True)
class OperatingPoints:
    """What deciding `>=` at each of some thresholds does; arrays (m,), by ascending threshold.

    Attributes:
        threshold: Float.
        found: Malignant photographs called malignant, int.
        cleared: Benign photographs called benign, int.
    """

    threshold: np.ndarray
    found: np.ndarray
    cleared: np.ndarray

    @property
    def sensitivity(self) -> np.ndarray:
        """A quotient of counts, so that 93 of 100 is 0.93 and not a little less."""
        return self.found / self.found.max()

    @property
    def specificity(self) -> np.ndarray:
        """As `sensitivity`."""
        return self.cleared / self.cleared.max()

    def find_youden(self) -> float:
        """The lowest threshold of the highest sensitivity + specificity (Youden 1950)."""
        # Times both counts: whole numbers, so that equals are equal
        n_malignant = self.found.max()
        n_benign = self.cleared.max()
        index = self.found * n_benign + self.cleared * n_malignant
        return float(self.threshold[np.argmax(index)])

    def find_cheapest(self, missed_cost: float, alarm_cost: float) -> float:
        """The lowest of the thresholds that cost least.

        Args:
            missed_cost: Of a malignant lesion that is called benign.
            alarm_cost: Of a benign lesion that is called malignant.
        """
        missed = self.found.max() - self.found
        alarms = self.cleared.max() - self.cleared
        cost = missed_cost * missed + alarm_cost * alarms
        return float(self.threshold[np.argmin(cost)])


def list_points(malignant: np.ndarray, probability: np.ndarray) -> OperatingPoints:
    """Lists all that a threshold can do: each distinct probability, the lowest of which calls all malignant,
    and one that calls nothing malignant.

    Args:
        malignant: The truth, 0 or 1, (n,); both classes are there.
        probability: P(malignant), float (n,).

    Returns:
        A point for each threshold. That of calling nothing is 1, or the next number above it where a
        probability is 1.
    """
    above_all = 1.0 if probability.max() < 1 else np.nextafter(1.0, 2.0)
    threshold = np.append(np.unique(probability), above_all)
    positive = np.sort(probability[malignant == 1])
    negative = np.sort(probability[malignant == 0])
    # How many stand below each threshold
    missed = np.searchsorted(positive, threshold, "left")
    cleared = np.searchsorted(negative, threshold, "left")
    return OperatingPoints(threshold, len(positive) - missed, cleared)


def read_share(text: str, rule: str) -> float:
    """A number strictly between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0  # refused below
    if not 0 < value < 1:
        raise UsageError(f"operating point {rule!r} cannot be followed; expected {RULES}")
    return value


def read_costs(text: str, rule: str) -> tuple[float, float]:
    """Two positive numbers from "FN:FP"."""
    try:
        missed_cost, alarm_cost = (float(part) for part in text.split(":"))
    except ValueError:
        missed_cost = alarm_cost = -1.0  # refused below
    if not (missed_cost > 0 and alarm_cost > 0):
        raise UsageError(f"operating point {rule!r} cannot be followed; expected {RULES}")
    return missed_cost, alarm_cost
