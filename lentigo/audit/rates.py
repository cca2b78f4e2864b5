"""Rates: how many photographs have a flaw or an artefact, with intervals by groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lentigo.common.statistics.intervals import estimate_share


@dataclass(frozen=True)
class Rate:
    """How many photographs of a class, or of all, have a flaw or an artefact.

    Attributes:
        found: How many have it.
        n: How many there are.
        rate: The share.
        ci: Its 95 % interval, by groups.
    """

    found: int
    n: int
    rate: float
    ci: tuple[float, float]


def rate_found(found: np.ndarray, groups: np.ndarray) -> Rate:
    """A share of photographs, found bool (n,), with its interval by groups, int (n,).

    Args:
        found: Whether each photograph has it, bool (n,).
        groups: Their groups, int (n,): whole groups are drawn for the interval.

    >>> rate_found(np.arange(100) < 5, np.arange(100)).ci
    (0.0164..., 0.1128...)
    """
    return Rate(int(found.sum()), len(found), float(found.mean()), estimate_share(found, groups))
