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

from lentigo.common.files import parse_json, write_json
from lentigo.common.statistics.intervals import resample_groups
from lentigo.datasets.dataset import Dataset
from lentigo.training.recipes import Recipe
from lentigo.training.selection.repeated_scores import LEVEL, Mean, known

RESAMPLES = 1000
Answer = Callable[
    [Recipe], np.ndarray
]  # of a recipe: logits, float (k, m), of m photographs by the models of k folds


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
        gain = {**self.gain.to_json(), "p": known(self.gain.p)}
        return {
            "n": self.n,
            "n_malignant": self.n_malignant,
            "default": list(self.default),
            "best": list(self.best),
            "gain": gain,
        }


def confirm(path: Path, reserve: Dataset, default: Recipe, best: Recipe, answer: Answer) -> Confirmation:
    """Measures two recipes on photographs that were held out of the search; the answers are kept in a file
    under the best recipe.

    Args:
        path: File that keeps the answers, so that the same call does not train again.
        reserve: The photographs, m of them.
        default: The recipe that the search started from.
        best: The recipe that it chose.
        answer: Trains a recipe on each fold of the search's photographs and gives its logits of `reserve`.

    Returns:
        Both recipes' AUROC, and the gain with its interval.
    """
    key = json.loads(json.dumps(asdict(best)))
    facts = read_answers(path, len(reserve))
    if facts.get("recipe") != key:
        again = [replace(recipe, seed=recipe.seed + 1) for recipe in (default, best)]
        logits = [answer(recipe).tolist() for recipe in again]
        facts = {"recipe": key, "default": logits[0], "best": logits[1]}
        write_json(path, facts)
    return weigh_answers(np.array(facts["default"]), np.array(facts["best"]), reserve)


def read_answers(path: Path, count: int) -> dict[str, Any]:
    """What was kept of an earlier confirmation on as many photographs; nothing where there is none, or where
    it is damaged: then it is measured again.
    """
    try:
        facts = parse_json(path.read_bytes())
        answers = [np.array(facts[name], float) for name in ("default", "best")]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    whole = all(
        logits.ndim == 2 and logits.shape[1] == count and np.isfinite(logits).all() for logits in answers
    )
    return facts if whole else {}


def weigh_answers(default: np.ndarray, best: np.ndarray, reserve: Dataset) -> Confirmation:
    """The gain of one recipe over another from their logits, float (k, m), of photographs that neither has
    learned from.

    The interval is that of a bootstrap in two ways, over groups of photographs and over trainings (Owen 2007,
    Annals of Applied Statistics 1:386).
    """
    malignant = reserve.malignant
    scores = [
        np.array([measure_auroc(malignant, logits) for logits in answers]) for answers in (default, best)
    ]
    rng = np.random.default_rng(0)
    draws = []
    for rows in resample_groups(reserve.groups, RESAMPLES, seed=0):
        folds = rng.integers(0, len(default), len(default))
        if len(np.unique(malignant[rows])) == 2:
            gains = {
                fold: measure_auroc(malignant[rows], best[fold, rows])
                - measure_auroc(malignant[rows], default[fold, rows])
                for fold in set(folds.tolist())
            }
            draws.append(np.mean([gains[fold] for fold in folds.tolist()]))
    mean = float((scores[1] - scores[0]).mean())
    return Confirmation(
        tuple(scores[0].tolist()),
        tuple(scores[1].tolist()),
        summarize_draws(mean, np.array(draws)),
        len(malignant),
        int(malignant.sum()),
    )


def summarize_draws(mean: float, draws: np.ndarray) -> Mean:
    """A mean with the percentile interval of its resamples, float (r,), and the p of its being 0."""
    if not len(draws):
        return Mean(mean, (float("nan"), float("nan")), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    beyond = min((draws <= 0).sum(), (draws >= 0).sum())
    return Mean(mean, (float(low), float(high)), float(min(1.0, 2 * (beyond + 1) / (len(draws) + 1))))


def measure_auroc(malignant: np.ndarray, logits: np.ndarray) -> float:
    """The share of pairs in order, ties half (Hanley and McNeil 1982), of logits, float (n,), and truth, 0 or
    1, int (n,).
    """
    sick = int(malignant.sum())
    ranks = rankdata(logits)[malignant == 1].sum()
    return float((ranks - sick * (sick + 1) / 2) / (sick * (len(malignant) - sick)))
