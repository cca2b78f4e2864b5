"""The models of the shortcut baselines, and their predictions for photographs that they were not fitted
to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import count_distinct

BASELINES = ("file_only", "header_only", "border_only", "corners_only", "thumbnail_only", "source_only")
MAX_FOLDS = 5
TREES = 100
# Leaves of the boosted trees hold a fortieth of the photographs, within these bounds
MIN_SAMPLES_LEAF = 2
MAX_SAMPLES_LEAF = 20
Facts = dict[str, np.ndarray | None]  # a table, (n, d), for each of `BASELINES`; None where there is none
Predictions = dict[str, np.ndarray | None]  # P(malignant), float (n,), for each of `BASELINES`


def count_folds(dataset: Dataset) -> int:
    """Folds such that each can have both classes; 0 where a class has fewer than two groups."""
    # Each fold needs a group of each class
    fewer = min(count_distinct(dataset.groups, dataset.malignant == label) for label in (0, 1))
    return 0 if fewer < 2 else min(MAX_FOLDS, fewer)


def divide(dataset: Dataset, seed: int) -> np.ndarray | None:
    """The fold of each photograph, int (n,), stratified by class, a group in one fold; None for too few
    groups.

    Args:
        dataset: The n photographs.
        seed: Of the shuffle.
    """
    count = count_folds(dataset)
    if count == 0:
        return None
    folds = np.zeros(len(dataset), int)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    # Whole groups in a fold: a duplicate would give the answer away
    divisions = splitter.split(dataset.malignant, dataset.malignant, dataset.groups)
    for fold, (_, held_out) in enumerate(divisions):
        folds[held_out] = fold
    return folds


def cross_validate(dataset: Dataset, facts: Facts, folds: np.ndarray | None, seed: int) -> Predictions:
    """P(malignant), float (n,), of each photograph by models fitted to other groups.

    Args:
        dataset: The n photographs.
        facts: A table for each of `BASELINES`.
        folds: As `divide` gives them.
        seed: Of the trees.

    Returns:
        Predictions for each of `BASELINES`; None where there are no facts, or too few groups.
    """
    predictions: Predictions = dict.fromkeys(BASELINES)
    if folds is None:
        return predictions
    for name in BASELINES:
        table = facts[name]
        if table is not None:
            predictions[name] = predict_folds(name, table, dataset.malignant, folds, seed)
    return predictions


def predict_folds(
    name: str, facts: np.ndarray, malignant: np.ndarray, folds: np.ndarray, seed: int
) -> np.ndarray:
    """P(malignant), float (n,), of each fold by a model fitted to the others."""
    probability = np.full(len(malignant), malignant.mean())
    # Nothing to learn: the folds' own shares of malignant would rank photographs
    if (facts == facts[0]).all():
        return probability
    for fold in np.unique(folds):
        fitted = folds != fold
        held_out = folds == fold
        probability[held_out] = fit_once(name, facts[fitted], malignant[fitted], facts[held_out], seed)
    return probability


def fit_once(
    name: str, facts: np.ndarray | None, malignant: np.ndarray, others: np.ndarray | None, seed: int
) -> np.ndarray | None:
    """P(malignant), float (m,), of `others` by a model fitted to `facts`, (n, d).

    None where either is None, or a class is missing.

    Args:
        name: One of `BASELINES`.
        facts: Of the photographs that the model is fitted to, (n, d).
        malignant: Their truth, 0 or 1, (n,).
        others: Facts of the photographs that are predicted, (m, d).
        seed: Of the trees.
    """
    if facts is None or others is None or len(np.unique(malignant)) < 2:
        return None
    # On busy machines OpenMP's threads wait for one another: fifty times as long
    with threadpool_limits(1):
        model = MODELS[name](len(facts), seed).fit(facts, malignant)
        return model.predict_proba(others)[:, 1]


def boost(n: int, seed: int) -> HistGradientBoostingClassifier:
    """Trees of eight leaves; leaves are smaller in small sets."""
    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=0.1,
        max_leaf_nodes=8,
        max_bins=63,
        max_features=0.3,
        min_samples_leaf=int(np.clip(n // 40, MIN_SAMPLES_LEAF, MAX_SAMPLES_LEAF)),
        early_stopping=False,
        random_state=seed,
    )


def weigh_sources(n: int, seed: int) -> Any:
    """About the share that is malignant in each source."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=10.0))


MODELS: dict[str, Callable[[int, int], Any]] = {
    **dict.fromkeys(BASELINES, boost),
    "source_only": weigh_sources,
}
