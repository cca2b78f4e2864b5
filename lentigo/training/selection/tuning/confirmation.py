"""What a search gained, on photographs that had no part in it: an outer hold-out.

Folds drawn anew would not do: they hold the photographs by which the recipe was chosen, and most of what was
too good about its score stays (bench/tuning_optimism.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from lentigo.common.json_values import read_json_object, replace_nan, write_json
from lentigo.common.statistics.intervals import TAIL
from lentigo.common.statistics.resampling import resample_groups
from lentigo.datasets.dataset import Dataset
from lentigo.training.recipes import Recipe
from lentigo.training.selection.repeated_scores import Mean

RESAMPLES = 1000  # of the bootstrap
# Of a recipe the logits, float (k, m), of m photographs by the models of k folds.
Predict = Callable[[Recipe], np.ndarray]


@dataclass(frozen=True)
class Confirmation:
    """The default and the best recipe on photographs that the search never saw.

    Attributes:
        default: AUROC of the default recipe there, by the models of each fold.
        best: AUROC of the best recipe there, likewise.
        gain: The mean difference, its interval and its p.
        n: Photographs that were held out of the search.
        n_malignant: How many of them are malignant.
    """

    default: tuple[float, ...]
    best: tuple[float, ...]
    gain: Mean
    n: int
    n_malignant: int

    def to_json(self) -> dict[str, Any]:
        """Every number; what does not exist is null."""
        return {
            "n": self.n,
            "n_malignant": self.n_malignant,
            "default": list(self.default),
            "best": list(self.best),
            "gain": replace_nan(self.gain.to_json() | {"p": self.gain.p}),
        }


def confirm(path: Path, reserve: Dataset, default: Recipe, best: Recipe, predict: Predict) -> Confirmation:
    """Measures two recipes on photographs that were held out of the search.

    Args:
        path: The file that keeps the logits under the best recipe, so that the same call does not train
            again.
        reserve: The photographs, m of them.
        default: The recipe that the search started from.
        best: The recipe that it chose.
        predict: Trains a recipe on each fold of the search's photographs and predicts `reserve`.

    Returns:
        Both recipes' AUROC, and the gain with its interval.
    """
    key = json.loads(json.dumps(asdict(best)))  # as it stands in the file
    facts = read_logits(path, len(reserve))
    if facts.get("recipe") != key:
        # Another seed than in the search, which chose the best recipe for its scores with that seed.
        default_logits = predict(replace(default, seed=default.seed + 1)).tolist()
        best_logits = predict(replace(best, seed=best.seed + 1)).tolist()
        facts = {"recipe": key, "default": default_logits, "best": best_logits}
        write_json(path, facts)
    return compare_logits(np.array(facts["default"]), np.array(facts["best"]), reserve)


def read_logits(path: Path, count: int) -> dict[str, Any]:
    """What was kept of an earlier confirmation on as many photographs; nothing where there is none, or where
    it is damaged: then it is measured again.
    """
    try:
        facts = read_json_object(path)
        is_whole = are_logits(facts["default"], count) and are_logits(facts["best"], count)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return facts if is_whole else {}


def are_logits(values: Any, count: int) -> bool:
    """Whether values are numbers of as many photographs, (k, count). Raises `ValueError` and `TypeError`."""
    logits = np.array(values, float)
    return logits.ndim == 2 and logits.shape[1] == count and bool(np.isfinite(logits).all())


def compare_logits(default: np.ndarray, best: np.ndarray, reserve: Dataset) -> Confirmation:
    """The gain of one recipe over another from their logits, float (k, m), of photographs that neither has
    learned from.

    The interval is that of a bootstrap in two ways, over groups of photographs and over trainings (Owen 2007,
    Annals of Applied Statistics 1:386).
    """
    malignant = reserve.malignant
    default_aurocs = np.array([measure_auroc(malignant, logits) for logits in default])
    best_aurocs = np.array([measure_auroc(malignant, logits) for logits in best])
    rng = np.random.default_rng(0)
    draws = []
    for rows in resample_groups(reserve.groups, RESAMPLES, seed=0):
        # Trainings are drawn, too: another fold would have given another model
        folds = rng.integers(0, len(default), len(default))
        truth = malignant[rows]
        if len(np.unique(truth)) < 2:  # no AUROC without both classes
            continue
        gains = {}  # of each training that was drawn, once however often it was
        # A training that was drawn twice has the same gain twice
        for fold in set(folds.tolist()):
            best_auroc = measure_auroc(truth, best[fold, rows])
            gains[fold] = best_auroc - measure_auroc(truth, default[fold, rows])
        draws.append(np.mean([gains[fold] for fold in folds.tolist()]))
    mean_gain = float((best_aurocs - default_aurocs).mean())
    return Confirmation(
        default=tuple(default_aurocs.tolist()),
        best=tuple(best_aurocs.tolist()),
        gain=summarize_draws(mean_gain, np.array(draws)),
        n=len(malignant),
        n_malignant=int(malignant.sum()),
    )


def summarize_draws(mean: float, draws: np.ndarray) -> Mean:
    """A mean with the percentile interval of its resamples, float (r,), and the p of its being 0."""
    if not len(draws):
        return Mean(mean, (float("nan"), float("nan")), float("nan"))
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    smaller_side = min((draws <= 0).sum(), (draws >= 0).sum())
    p = 2 * (smaller_side + 1) / (len(draws) + 1)  # of both sides; never 0, however many draws there are
    return Mean(mean, (float(low), float(high)), float(min(1.0, p)))


def measure_auroc(malignant: np.ndarray, logits: np.ndarray) -> float:
    """Measures the share of pairs in order, ties half (Hanley and McNeil 1982).

    Args:
        malignant: The truth, 0 or 1, int (n,), both there.
        logits: Float (n,).

    Returns:
        The AUROC.
    """
    n_malignant = int(malignant.sum())
    n_benign = len(malignant) - n_malignant
    rank_sum = rankdata(logits)[malignant == 1].sum()
    return float((rank_sum - n_malignant * (n_malignant + 1) / 2) / (n_malignant * n_benign))
