"""From the share of malignant lesions among the photographs of a study to that of a population."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from lentigo.common.json_values import replace_nan
from lentigo.errors import UsageError


def require_prevalence(value: float, name: str = "prevalence") -> float:
    """Checks a prevalence.

    Args:
        value: The prevalence.
        name: What the message calls it.

    Returns:
        The value.

    Raises:
        UsageError: It does not lie between 0 and 1, both excluded.
    """
    if not 0 < value < 1:
        raise UsageError(
            f"{name} {value}: expected the share of malignant lesions, between 0 and 1, such as 0.02"
        )
    return value


def shift_prevalence(probability: float | np.ndarray, before: float, after: float) -> Any:
    """Moves P(malignant) to a population with another prevalence.

    The odds change as the odds of the prevalence do, if malignant lesions look alike in both, and so do benign
    ones (Saerens 2002, Neural Computation 14:21; Elkan 2001, IJCAI, theorem 2).

    Args:
        probability: P(malignant), calibrated for the prevalence before, float or float (n,).
        before: The share of malignant lesions for which it is calibrated.
        after: The share of malignant lesions in the population.

    Raises:
        UsageError: A prevalence does not lie between 0 and 1.

    >>> round(shift_prevalence(0.5, before=0.5, after=0.02), 4)
    0.02
    """
    require_prevalence(before, "prevalence before")
    require_prevalence(after, "prevalence after")
    malignant = after / before * probability
    benign = (1 - after) / (1 - before) * (1 - probability)
    return malignant / (malignant + benign)


@dataclass(frozen=True)
class PredictiveValues:
    """Predictive values at a stated prevalence, with 95 % intervals.

    Attributes:
        prevalence: The share of malignant lesions.
        sensitivity: The share of the malignant that is flagged.
        specificity: The share of the benign that is not flagged.
        ppv: The share of the flagged that is malignant.
        npv: The share of the others that is benign.
        ppv_ci: Its interval.
        npv_ci: Its interval.
    """

    prevalence: float
    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    ppv_ci: tuple[float, float]
    npv_ci: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """The fields; a value that does not exist is null."""
        return replace_nan(asdict(self))


def estimate_predictive_values(
    flagged: int, malignant: int, cleared: int, benign: int, prevalence: float
) -> PredictiveValues:
    """Estimates PPV and NPV of a model at a prevalence.

    The intervals are Mercaldo 2007's (Statistics in Medicine 26:2170): logit, and adjusted logit where a
    sensitivity or specificity of 0 or 1 has no logit; then they reach to the value. They take each photograph
    for an independent one, and the prevalence for exact.

    Args:
        flagged: Malignant lesions that the model flagged.
        malignant: All malignant lesions.
        cleared: Benign lesions that the model did not flag.
        benign: All benign lesions.
        prevalence: The share of malignant lesions, between 0 and 1.

    Returns:
        The values; NaN where a class is missing.

    Raises:
        UsageError: The prevalence does not lie between 0 and 1.

    >>> values = estimate_predictive_values(flagged=31, malignant=34, cleared=32, benign=44, prevalence=0.07)
    >>> round(values.ppv, 3), [round(end, 3) for end in values.ppv_ci]
    (0.201, [0.133, 0.292])
    """
    require_prevalence(prevalence)
    sensitivity = flagged / malignant if malignant else float("nan")
    specificity = cleared / benign if benign else float("nan")
    if not malignant or not benign:
        unknown = (float("nan"), float("nan"))
        return PredictiveValues(prevalence, sensitivity, specificity, *unknown, unknown, unknown)
    # Bayes: true among all that are called so, weighed by how common the classes are
    ppv = find_share(sensitivity * prevalence, (1 - specificity) * (1 - prevalence))
    npv = find_share(specificity * (1 - prevalence), (1 - sensitivity) * prevalence)
    z = NormalDist().inv_cdf(0.975)  # of a 95 % interval
    has_logits = 0 < flagged < malignant and 0 < cleared < benign
    added = 0.0 if has_logits else z**2  # Agresti and Coull's observations, half of them successes
    cases = malignant + added
    controls = benign + added
    low, high = estimate_logit_intervals(
        (flagged + added / 2) / cases, cases, (cleared + added / 2) / controls, controls, prevalence, z
    )
    return PredictiveValues(
        prevalence,
        sensitivity,
        specificity,
        ppv,
        npv,
        ppv_ci=(float(np.fmin(low[0], ppv)), float(np.fmax(high[0], ppv))),
        npv_ci=(float(np.fmin(low[1], npv)), float(np.fmax(high[1], npv))),
    )


def find_share(part: float, rest: float) -> float:
    """The share of `part` in both; NaN where both are 0: nothing was flagged, or nothing cleared."""
    if not part + rest:
        return float("nan")
    return part / (part + rest)


def estimate_logit_intervals(
    sensitivity: float, cases: float, specificity: float, controls: float, prevalence: float, z: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, float (2,) each, of PPV and NPV (Mercaldo 2007, equations 8 to 11)."""
    odds = np.log(prevalence / (1 - prevalence))
    missed = 1 - sensitivity
    alarmed = 1 - specificity
    centre = np.array([np.log(sensitivity / alarmed) + odds, np.log(specificity / missed) - odds])
    ppv_variance = missed / sensitivity / cases + specificity / alarmed / controls
    npv_variance = sensitivity / missed / cases + alarmed / specificity / controls
    reach = z * np.sqrt(np.array([ppv_variance, npv_variance]))
    # From logits back to shares
    low = 1 / (1 + np.exp(-(centre - reach)))
    high = 1 / (1 + np.exp(-(centre + reach)))
    return low, high
