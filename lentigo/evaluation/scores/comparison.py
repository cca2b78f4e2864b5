"""Two models on the same photographs: is one better, or is it luck?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.signal import convolve
from scipy.stats import binom

from lentigo.common.statistics.intervals import compare_aurocs
from lentigo.errors import UsageError


@dataclass(frozen=True)
class Comparison:
    """The paired comparison of a second model with a first on the same photographs.

    `difference` is the second AUROC less the first, `ci` its 95 % interval and `p` that of no difference.
    `only_first_right` and `only_second_right` count the photographs that one model alone decides rightly,
    `p_decisions` is that of no difference in accuracy; `names` are those of the models. NaN where a class is
    missing or stands in one group only, or where no spread can be estimated.
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
        values = asdict(self) | {"ci": list(self.ci)}
        missing = {
            name: None for name, value in values.items() if isinstance(value, float) and np.isnan(value)
        }
        return values | missing | {"ci": [None if np.isnan(end) else end for end in self.ci]}


def compare_models(
    malignant: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    thresholds: tuple[float, float] = (0.5, 0.5),
    groups: np.ndarray | None = None,
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Compares the probabilities, float (n,), of two models for the same photographs, `malignant` 0 or 1
    (n,).

    `thresholds` are the two models' own. `groups`, int (n,), are patients or lesions with several
    photographs; without them each photograph stands for itself, and the tests are DeLong's and McNemar's.
    Raises `UsageError` for unequal lengths.
    """
    malignant, first, second = np.asarray(malignant), np.asarray(first, float), np.asarray(second, float)
    groups = np.arange(len(malignant)) if groups is None else np.unique(groups, return_inverse=True)[1]
    if not len(malignant) == len(first) == len(second) == len(groups):
        raise UsageError(
            f"{len(malignant)} labels, {len(first)} and {len(second)} answers, {len(groups)} groups: "
            "expected the same photographs for both"
        )
    aurocs, ci, p = compare_aurocs(malignant, first, second, groups)
    right = [
        (scores >= threshold) == (malignant == 1)
        for scores, threshold in zip((first, second), thresholds, strict=True)
    ]
    return Comparison(
        n=len(malignant),
        n_malignant=int(malignant.sum()),
        groups=int(groups.max(initial=-1) + 1),
        first_auroc=float(aurocs[0]),
        second_auroc=float(aurocs[1]),
        difference=float(aurocs[1] - aurocs[0]),
        ci=ci,
        p=p,
        first_accuracy=float(right[0].mean()),
        second_accuracy=float(right[1].mean()),
        only_first_right=int((right[0] & ~right[1]).sum()),
        only_second_right=int((right[1] & ~right[0]).sum()),
        p_decisions=judge_decisions(*right, groups),
        names=names,
    )


def judge_decisions(first_right: np.ndarray, second_right: np.ndarray, groups: np.ndarray) -> float:
    """The exact p of the models' differing in accuracy as much as they do, had chance dealt out their names
    group by group.

    A group's difference is the number of photographs that the second model alone decides rightly, less that
    of the first; its sign is as good as a coin's. Where each photograph is its own group this is McNemar's
    exact test.

    >>> judge_decisions(np.array([True] * 4), np.array([False] * 4), np.arange(4))
    0.125
    """
    differences = np.bincount(groups, weights=second_right.astype(float) - first_right).round().astype(int)
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    chances = np.ones(1)  # of each sum from -total to total
    for size, count in zip(sizes, counts, strict=True):
        of_size = np.zeros(2 * size * count + 1)
        of_size[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = convolve(chances, of_size)
    reached = np.abs(np.arange(len(chances)) - len(chances) // 2) >= abs(differences.sum())
    return float(np.clip(chances[reached].sum(), 0.0, 1.0))
