"""The threshold of the decision, by a stated rule on validation photographs."""

from __future__ import annotations

import numpy as np

from lentigo.errors import UsageError

RULES = "sensitivity=0.95, specificity=0.9, youden, cost=FN:FP or a probability such as 0.5"


def choose_threshold(rule: str, malignant: np.ndarray, probability: np.ndarray) -> float:
    """The threshold on P(malignant) that a rule gives on photographs with truth 0 or 1 (n,) and probabilities (n,).

    `sensitivity=S`: the highest threshold that still finds the share S of the malignant; `specificity=S`: the lowest that
    still clears the share S of the benign; `youden`: the highest sensitivity + specificity (Youden 1950); `cost=FN:FP`: the
    cheapest, a missed malignant costing FN and a false alarm FP; a number is taken as it is. Raises `UsageError`.

    >>> choose_threshold("sensitivity=0.5", np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.8]))
    0.8
    """
    name, _, text = rule.partition("=")
    if not text and name not in ("youden", "sensitivity", "specificity", "cost"):
        return read_share(rule, rule)
    candidates, sensitivity, specificity = list_points(malignant, probability)
    if name == "youden":
        return float(candidates[np.argmax(sensitivity + specificity)])
    if name == "sensitivity":
        return float(candidates[sensitivity >= read_share(text, rule)].max())
    if name == "specificity":
        reached = specificity >= read_share(text, rule)
        return float(candidates[reached].min()) if reached.any() else 1.0
    if name == "cost":
        missed, alarm = read_costs(text, rule)
        cost = missed * (1 - sensitivity) * malignant.sum() + alarm * (1 - specificity) * (malignant == 0).sum()
        return float(candidates[np.argmin(cost)])
    raise UsageError(f"operating point {rule!r} is unknown; expected {RULES}")


def check_rule(rule: str) -> None:
    """Raises `UsageError` for a rule that could not be followed."""
    choose_threshold(rule, np.array([0, 1]), np.array([0.0, 1.0]))


def list_points(malignant: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds ascending, (m,): each distinct probability; with sensitivity and specificity of deciding `>=` there."""
    candidates = np.unique(probability)
    positive, negative = (np.sort(probability[malignant == label]) for label in (1, 0))
    sensitivity = 1 - np.searchsorted(positive, candidates, "left") / len(positive)
    specificity = np.searchsorted(negative, candidates, "left") / len(negative)
    return candidates, sensitivity, specificity


def read_share(text: str, rule: str) -> float:
    """A number strictly between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise UsageError(f"operating point {rule!r} cannot be followed; expected {RULES}")
    return value


def read_costs(text: str, rule: str) -> tuple[float, float]:
    """Two positive numbers from "FN:FP"."""
    try:
        missed, alarm = (float(part) for part in text.split(":"))
    except ValueError:
        missed = alarm = -1.0
    if not (missed > 0 and alarm > 0):
        raise UsageError(f"operating point {rule!r} cannot be followed; expected {RULES}")
    return missed, alarm
