"""Intervals of 95 % for every number that is reported: one way for shares, one for AUROCs, and a bootstrap
(`resampling`) for all others.

Whole groups (patient, lesion, duplicate group or file) count, not photographs. No interval ends beyond 0 and
1, and none shrinks to a point because every photograph that happened to be there was decided alike.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, norm, rankdata

from lentigo.common.statistics.aurocs import covary_aurocs, measure_within

LEVEL = 0.95  # of confidence
TAIL = (1 - LEVEL) / 2  # share beyond each end
MIN_DEVIATION = 1e-12  # what is smaller is rounding
SCORES = ("accuracy", "auroc", "sensitivity", "specificity")
Ends = tuple[float, float]  # of an interval
UNKNOWN: Ends = (float("nan"), float("nan"))


def count_cases(groups: np.ndarray) -> float:
    """Counts the independent cases that photographs are worth where those of a group are all alike.

    Args:
        groups: Group numbers, int (n,).

    Returns:
        Kish's effective number (1965, Survey Sampling): the square of n by the sum of the squared sizes of
        the groups. It is n where each photograph is its own group, and 0 without photographs.
    """
    if len(groups) == 0:
        return 0.0
    sizes = np.unique(groups, return_counts=True)[1]
    return float(len(groups) ** 2 / np.sum(sizes**2))


def bound_share(share: float, cases: float) -> Ends:
    """Gives the 95 % interval of a share of independent cases.

    It is that of Clopper and Pearson (1934, Biometrika 26:404), which holds the true share at least as often
    as it says, and does not shrink to a point at 0 and 1.

    Args:
        share: The observed share, 0 to 1; NaN where it does not exist.
        cases: The number of independent cases, not necessarily whole (Korn and Graubard 1998, Survey
            Methodology 24:193).

    Returns:
        Both ends; NaN where the share does not exist.

    >>> [round(end, 4) for end in bound_share(1.0, 20)]
    [0.8316, 1.0]
    """
    if np.isnan(share) or not cases > 0:
        return UNKNOWN
    found = share * cases
    low = float(beta.ppf(TAIL, found, cases - found + 1)) if share > 0 else 0.0
    high = float(beta.ppf(1 - TAIL, found + 1, cases - found)) if share < 1 else 1.0
    return low, high


def estimate_share(right: np.ndarray, groups: np.ndarray) -> Ends:
    """Gives the 95 % interval of the share of photographs that have something, where groups hold several of
    them.

    `bound_share` with the effective number of cases: the number of photographs by the design effect, which is
    the variance of the share with groups as the units by that of independent photographs (Korn and Graubard
    1998). The design effect lies between 1 and that of groups whose photographs are all alike. Few groups
    with the rarer outcome tell little of it, so it is a mean of its estimate and of that largest value, which
    counts as much as one such group.

    Args:
        right: Whether each photograph has it, bool (n,).
        groups: Group numbers, int (n,).

    Returns:
        Both ends; NaN without photographs.
    """
    if len(right) == 0:
        return UNKNOWN
    n = len(right)
    index = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(index)  # photographs of each group
    found = np.bincount(index, weights=right)  # and those that have it
    share = float(found.sum() / n)
    max_effect = n / count_cases(index)
    rarer = found if share <= 0.5 else sizes - found
    rarer_groups = int((rarer > 0).sum())
    effect = max_effect
    if rarer_groups > 0 and len(sizes) > 1:
        correction = len(sizes) / (len(sizes) - 1)
        group_variance = correction * np.sum((found - share * sizes) ** 2) / n**2
        independent_variance = share * (1 - share) / n
        estimated = float(np.clip(group_variance / independent_variance, 1, max_effect))
        effect = (max_effect + rarer_groups * estimated) / (1 + rarer_groups)
    return bound_share(share, n / effect)


def estimate_auroc(
    malignant: np.ndarray, score: np.ndarray, groups: np.ndarray, folds: np.ndarray | None = None
) -> tuple[float, Ends]:
    """Gives an AUROC with its 95 % interval.

    An AUROC is a share of pairs in order. The number of independent pairs that would have its variance
    (DeLong 1988; Obuchowski 1997 for groups) goes into `bound_share`. Near 1 that variance is too small, and
    at 1 it is 0: so the interval is as wide at least as the rule of three wants for the groups of the smaller
    class (`widen`).

    Args:
        malignant: The truth, 0 or 1, (n,).
        score: The higher, the more likely malignant; float (n,).
        groups: Group numbers, int (n,).
        folds: Where scores come from cross-validation, the fold of each photograph, int (n,). Scores of two
            folds come from two models, and where one fold holds more malignant photographs, its model has
            seen fewer: pairs from different folds are out of order more often than not, and the AUROC of
            noise is below 0.5. So only pairs of one fold count then.

    Returns:
        The AUROC and both ends of its interval; NaN where a class is missing, or missing in every fold.
    """
    sick = np.asarray(malignant) == 1
    aurocs, covariance = covary_aurocs(sick, np.asarray(score)[None], groups)
    auroc = float(aurocs[0])
    variance = float(covariance[0, 0])
    cases = min(count_cases(groups[sick]), count_cases(groups[~sick]))
    pairs = cases
    if variance > 0:  # NaN, of a class in one group, is not
        pairs = auroc * (1 - auroc) / variance
    if folds is not None:
        auroc = measure_within(sick, score, folds)
    return auroc, widen(auroc, bound_share(auroc, pairs), cases)


def widen(value: float, ends: Ends, cases: float) -> Ends:
    """Makes an interval as wide as unseen cases want, for a value between 0 and 1.

    What none of n cases shows may still be so in one of n / 3.7: after Clopper and Pearson n cases without it
    exclude no share up to 1 - 0.025^(1/n) (Hanley and Lippman-Hand 1983, JAMA 249:1743, at 97.5 %). Such
    cases, were they all 0 or all 1, would move a mean by that share of the way to 0 or 1; the interval
    reaches that far at least.

    Args:
        value: The observed value, 0 to 1; NaN where it does not exist.
        ends: The interval to be widened.
        cases: The number of independent cases.

    Returns:
        Both ends, within 0 and 1; NaN where the value does not exist.

    >>> [round(end, 4) for end in widen(1.0, (1.0, 1.0), 20)]
    [0.8316, 1.0]
    """
    if np.isnan(value) or not cases > 0:
        return UNKNOWN
    unseen = 1 - TAIL ** (1 / cases)  # the share that such cases may have
    low = float(np.fmin(ends[0], value * (1 - unseen)))
    high = float(np.fmax(ends[1], value + (1 - value) * unseen))
    return max(0.0, low), min(1.0, high)


def measure_scores(
    malignant: np.ndarray,
    score: np.ndarray,
    decided: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray | None = None,
) -> tuple[dict[str, float], dict[str, Ends]]:
    """Gives `SCORES` with their 95 % intervals.

    Args:
        malignant: The truth, 0 or 1, (n,).
        score: The higher, the more likely malignant; float (n,).
        decided: Whether each photograph is called malignant, bool (n,).
        groups: Group numbers, int (n,).
        folds: See `estimate_auroc`.

    Returns:
        The values by name, and the intervals by name; NaN where a class is missing.
    """
    sick = np.asarray(malignant) == 1
    decided = np.asarray(decided, bool)
    right = decided == sick
    groups = np.unique(groups, return_inverse=True)[1]
    rows = {"accuracy": np.ones(len(sick), bool), "sensitivity": sick, "specificity": ~sick}
    values: dict[str, float] = dict.fromkeys(SCORES, float("nan"))
    intervals: dict[str, Ends] = dict.fromkeys(SCORES, UNKNOWN)
    for name, chosen in rows.items():
        if chosen.any():
            values[name] = float(right[chosen].mean())
        intervals[name] = estimate_share(right[chosen], groups[chosen])
    values["auroc"], intervals["auroc"] = estimate_auroc(sick, score, groups, folds)
    return values, intervals


def bound_difference(difference: float, variance: float) -> tuple[Ends, float]:
    """Gives the 95 % interval and the p of a normal difference of two values between 0 and 1.

    Args:
        difference: The observed difference, -1 to 1.
        variance: That of the difference; NaN where it cannot be estimated.

    Returns:
        Both ends, within -1 and 1, and the p of no difference. Two models that rank alike have the difference
        0, and p 1; NaN where there is a difference and no spread.
    """
    deviation = np.sqrt(max(variance, 0.0))
    if deviation < MIN_DEVIATION:  # NaN is not smaller
        if abs(difference) < MIN_DEVIATION:
            return (difference, difference), 1.0
        return UNKNOWN, float("nan")
    reach = norm.ppf(1 - TAIL) * deviation
    low, high = np.clip([difference - reach, difference + reach], -1, 1)
    p = float(2 * norm.sf(abs(difference) / deviation))
    return (float(low), float(high)), p


def compare_aurocs(
    malignant: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, Ends, float]:
    """Compares two scores of the same photographs by their AUROC (DeLong 1988; Obuchowski 1997 for groups).

    Args:
        malignant: The truth, 0 or 1, (n,).
        first: A score, float (n,).
        second: The other, float (n,).
        groups: Group numbers, int (n,).

    Returns:
        Both AUROCs, the 95 % interval of the second less the first, and the p of no difference. Where both
        rank every pair rightly, or every pair wrongly, but not alike, the difference may reach as far as
        either AUROC's own interval. NaN where a class is missing.
    """
    sick = np.asarray(malignant) == 1
    aurocs, covariance = covary_aurocs(sick, np.stack([first, second]), groups)
    difference = float(aurocs[1] - aurocs[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    ends, p = bound_difference(difference, variance)
    extreme = difference == 0 and float(aurocs[0]) in (0.0, 1.0)
    if extreme and not np.array_equal(rankdata(first), rankdata(second)):
        _, (low, high) = estimate_auroc(sick, first, groups)
        ends = (low - high, high - low)
    return aurocs, ends, p
