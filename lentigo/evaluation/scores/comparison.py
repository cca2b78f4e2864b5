"""Two models on the same photographs: is one better, or is it luck?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.signal import convolve
from scipy.stats import binom

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import compare_aurocs
from lentigo.errors import UsageError


@dataclass(frozen=True)
class Comparison:
    """The paired comparison of a second model with a first on the same photographs.

    A value is NaN where a class is missing or in one group only, or where no spread can be estimated.

    Attributes:
        n: Photographs.
        n_malignant: How many of them are malignant.
        groups: How many groups they are in.
        first_auroc: That of the first model.
        second_auroc: That of the second.
        difference: The second AUROC less the first.
        ci: Its 95 % interval.
        p: That of no difference.
        first_accuracy: That of the first model, at its own threshold.
        second_accuracy: That of the second, at its own threshold.
        only_first_right: Photographs that the first model alone decides rightly.
        only_second_right: Photographs that the second model alone decides rightly.
        p_decisions: The p of no difference in accuracy.
        names: Of the models.
    """

    n: int
    n_malignant: int
    groups: int
    first_auroc: float
    second_auroc: float
    difference: float
    ci: tuple[float, float]
    p: float
    first_accuracy: float
    second_accuracy: float
    only_first_right: int
    only_second_right: int
    p_decisions: float
    names: tuple[str, str] = ("first", "second")

    def to_json(self) -> dict[str, Any]:
        """The fields; a value that does not exist is null."""
        return replace_nan(asdict(self))


def compare_models(
    malignant: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    thresholds: tuple[float, float] = (0.5, 0.5),
    groups: np.ndarray | None = None,
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Compares two models on the same photographs.

    Args:
        malignant: The truth, 0 or 1, (n,).
        first: P(malignant) by the first model, float (n,).
        second: P(malignant) by the second, float (n,).
        thresholds: The two models' own.
        groups: Patients or lesions with several photographs, int (n,). Without them each photograph stands
            for itself, and the tests are DeLong's and McNemar's.
        names: Of the models.

    Returns:
        AUROCs, accuracies, and how likely their differences are by chance.

    Raises:
        UsageError: The arrays have unequal lengths.
    """
    malignant = np.asarray(malignant)
    first = np.asarray(first, float)
    second = np.asarray(second, float)
    groups = number_groups(groups, len(malignant))
    if not len(malignant) == len(first) == len(second) == len(groups):
        raise UsageError(
            f"{len(malignant)} labels, {len(first)} and {len(second)} answers, {len(groups)} groups: "
            "expected the same photographs for both"
        )
    # DeLong's test, by groups
    aurocs, ci, p = compare_aurocs(malignant, first, second, groups)
    sick = malignant == 1
    # Each model decides at its own threshold: what is compared is what people would see
    first_right = (first >= thresholds[0]) == sick
    second_right = (second >= thresholds[1]) == sick
    return Comparison(
        n=len(malignant),
        n_malignant=int(malignant.sum()),
        groups=int(groups.max(initial=-1) + 1),  # 0 without photographs
        first_auroc=float(aurocs[0]),
        second_auroc=float(aurocs[1]),
        difference=float(aurocs[1] - aurocs[0]),
        ci=ci,
        p=p,
        first_accuracy=float(first_right.mean()),
        second_accuracy=float(second_right.mean()),
        only_first_right=int((first_right & ~second_right).sum()),
        only_second_right=int((second_right & ~first_right).sum()),
        p_decisions=judge_decisions(first_right, second_right, groups),
        names=names,
    )


def number_groups(groups: np.ndarray | None, n: int) -> np.ndarray:
    """Groups as numbers from 0 on, int (n,); without any, each of the n photographs is its own."""
    if groups is None:
        return np.arange(n)
    return np.unique(groups, return_inverse=True)[1]


def judge_decisions(first_right: np.ndarray, second_right: np.ndarray, groups: np.ndarray) -> float:
    """The exact p of a difference in accuracy as large as this, had chance dealt out the models' names by
    group.

    A group's difference is the number of photographs that the second model alone decides rightly, less that
    of the first; its sign is as good as a coin's. Where each photograph is its own group this is McNemar's
    exact test.

    >>> judge_decisions(np.array([True] * 4), np.array([False] * 4), np.arange(4))
    0.125
    """
    differences = np.bincount(groups, weights=second_right.astype(float) - first_right).round().astype(int)
    # Groups on which both are equally right say nothing, as in McNemar's test
    chances = distribute_sums(np.abs(differences[differences != 0]))
    sums = np.arange(len(chances)) - len(chances) // 2
    reached = np.abs(sums) >= abs(differences.sum())  # as far from 0, to either side
    return float(np.clip(chances[reached].sum(), 0.0, 1.0))


def distribute_sums(differences: np.ndarray) -> np.ndarray:
    """The chance of each sum of differences with signs by a coin, float (2 total + 1,): from -total to total.

    Groups with the same difference are one binomial distribution, which steps by twice that difference; the
    sum of independent ones has the convolution of their distributions.
    """
    # Differences of one size at once: the number of plus signs among them is binomial
    sizes, counts = np.unique(differences, return_counts=True)
    chances = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        of_size = np.zeros(2 * size * count + 1)
        of_size[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        # The sum of independent sums: their distributions are convolved
        chances = convolve(chances, of_size)
    return chances
