"""From the share of malignant lesions among the photographs of a study to that of a population. NumPy
only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from lentigo.common.json_values import replace_nan
from lentigo.errors import UsageError


def require_prevalence(value: float, name: str = "prevalence") -> float:
    """The value, if it lies between 0 and 1, both excluded; otherwise raises `UsageError`."""
    if not 0 < value < 1:
        raise UsageError(
            f"{name} {value}: expected the share of malignant lesions, between 0 and 1, such as 0.02"
        )
    return value


def shift_prevalence(probability: float | np.ndarray, before: float, after: float) -> Any:
    """P(malignant), float or float (n,), in a population where `after` of the lesions are malignant.

    `probability` is calibrated for a set where `before` of them are. The odds change as the odds of the
    prevalence do, if malignant lesions look alike in both, and so do benign ones (Saerens 2002, Neural
    Computation 14:21; Elkan 2001, IJCAI, theorem 2). Raises `UsageError` for prevalences that are not between
    0 and 1.

    >>> round(shift_prevalence(0.5, before=0.5, after=0.02), 4)
    0.02
    """
    before, after = (
        require_prevalence(before, "prevalence before"),
        require_prevalence(after, "prevalence after"),
    )
    malignant, benign = after / before * probability, (1 - after) / (1 - before) * (1 - probability)
    return malignant / (malignant + benign)


@dataclass(frozen=True)
class PredictiveValues:
    """At a stated prevalence: the share of the flagged that is malignant (`ppv`), of the others that is
    benign (`npv`), 95 % intervals.
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
    """PPV and NPV at `prevalence` of a model that flagged `flagged` of `malignant` lesions and cleared
    `cleared` of `benign` ones.

    The intervals are Mercaldo 2007's (Statistics in Medicine 26:2170): logit, and adjusted logit where a
    sensitivity or specificity of 0 or 1 has no logit; then they reach to the value. They take each photograph
    for an independent one, and the prevalence for exact. NaN where a class is missing. Raises `UsageError`
    for a prevalence that is not between 0 and 1.

    >>> values = estimate_predictive_values(flagged=31, malignant=34, cleared=32, benign=44, prevalence=0.07)
    >>> round(values.ppv, 3), [round(end, 3) for end in values.ppv_ci]
    (0.201, [0.133, 0.292])
    """
    require_prevalence(prevalence)
    if not malignant or not benign:
        share = [
            part / whole if whole else np.nan for part, whole in ((flagged, malignant), (cleared, benign))
        ]
        return PredictiveValues(prevalence, *share, np.nan, np.nan, (np.nan, np.nan), (np.nan, np.nan))
    z = NormalDist().inv_cdf(0.975)
    extra = (
        0.0 if 0 < flagged < malignant and 0 < cleared < benign else z**2
    )  # Agresti and Coull's, half of it successes
    cases, controls = malignant + extra, benign + extra
    low, high = logit_intervals(
        (flagged + extra / 2) / cases, cases, (cleared + extra / 2) / controls, controls, prevalence, z
    )
    sensitivity, specificity = flagged / malignant, cleared / benign
    ppv = divide(sensitivity * prevalence, (1 - specificity) * (1 - prevalence))
    npv = divide(specificity * (1 - prevalence), (1 - sensitivity) * prevalence)
    ends = [
        (float(np.fmin(a, value)), float(np.fmax(b, value)))
        for a, b, value in zip(low, high, (ppv, npv), strict=True)
    ]
    return PredictiveValues(prevalence, sensitivity, specificity, ppv, npv, *ends)


def divide(part: float, rest: float) -> float:
    """The share of `part` in both; NaN where both are 0: nothing was flagged, or nothing cleared."""
    return part / (part + rest) if part + rest else float("nan")


def logit_intervals(
    se: float, cases: float, sp: float, controls: float, prevalence: float, z: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, float (2,) each, of PPV and NPV (Mercaldo 2007, equations 8 to 11)."""
    odds = np.log(prevalence / (1 - prevalence))
    centre = np.array([np.log(se / (1 - sp)) + odds, np.log(sp / (1 - se)) - odds])
    variance = np.array(
        [(1 - se) / se / cases + sp / (1 - sp) / controls, se / (1 - se) / cases + (1 - sp) / sp / controls]
    )
    low, high = (1 / (1 + np.exp(-(centre + side * z * np.sqrt(variance)))) for side in (-1, 1))
    return low, high
