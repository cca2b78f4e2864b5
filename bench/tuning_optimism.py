"""How far the gain that a search reports is from the gain that it has, where recipes differ by little: a
simulation.

    python bench/tuning_optimism.py

Photographs are points of many weak features. A recipe is the features that a linear model may use and its
shrinkage. Each search tries recipes on five folds and takes the best. Its gain over the first recipe is read
in three ways: on the folds of the search, on folds of the same photographs drawn anew (as `lentigo tune`
confirmed until 2026-11-29), and on a fifth of the photographs that the search never saw (as it confirms now).
The true gain is that on many new photographs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from tables import make_parser, print_table

from lentigo.datasets.dataset import Dataset
from lentigo.splits.splits import split_validation
from lentigo.training.selection.folds import assign_folds
from lentigo.training.selection.tuning.confirmation import measure_auroc

FEATURES = 60
FOLDS = 5
CONFIRM_SHARE = 0.2
NEW = 20_000  # photographs that the true gain is measured on


def main() -> None:
    """Prints the mean of each reading over many searches."""
    parser = make_parser(__doc__)
    parser.add_argument("--photographs", type=int, default=200)
    parser.add_argument("--recipes", type=int, default=100)
    parser.add_argument("--searches", type=int, default=200)
    options = parser.parse_args()
    before, after = [], []
    for seed in range(options.searches):
        one, other = search(options.photographs, options.recipes, seed)
        before.append(one)
        after.append(other)
    rows = []
    for name, found in (("folds drawn anew (before)", before), ("outer hold-out (now)", after)):
        means = np.mean(found, axis=0)
        errors = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
        rows.append(
            [
                name,
                *(f"{mean:+.4f} ± {error:.4f}" for mean, error in zip(means, errors, strict=True)),
                f"{means[1] - means[2]:+.4f}",
            ]
        )
    print_table(
        ["confirmed on", "gain in the search", "gain confirmed", "true gain", "confirmed less true"], rows
    )


def search(n: int, recipes: int, seed: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """One search before and one now: the gain in the search, the gain confirmed, the true gain."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(0, 1, FEATURES)
    direction *= 1.2 / np.linalg.norm(direction)
    values, malignant = draw(n, direction, rng)
    new = draw(NEW, direction, rng)
    tried = [
        (rng.random(FEATURES) < rng.uniform(0.7, 1.0), 10 ** rng.uniform(0.5, 2.5)) for _ in range(recipes)
    ]
    dataset = name_photographs(malignant, seed)

    found, best = choose(tried, values, malignant, assign_folds(dataset, FOLDS, seed))
    other = assign_folds(dataset, FOLDS, seed + 1)
    of_best = np.mean(measure(best, values, malignant, other))
    of_default = np.mean(measure(tried[0], values, malignant, other))
    before = (found, float(of_best - of_default), measure_true(best, tried[0], values, malignant, new))

    apart = split_validation(malignant, dataset.groups, dataset.digests, CONFIRM_SHARE, seed)
    searched, truth = values[~apart], malignant[~apart]
    folds = assign_folds(dataset.take(~apart), FOLDS, seed)
    found, best = choose(tried, searched, truth, folds)
    gains = []
    for fold in range(FOLDS):
        learn = folds != fold
        scores = [
            measure_auroc(malignant[apart], fit(recipe, searched[learn], truth[learn]) @ values[apart].T)
            for recipe in (best, tried[0])
        ]
        gains.append(scores[0] - scores[1])
    return before, (found, float(np.mean(gains)), measure_true(best, tried[0], values, malignant, new))


def draw(n: int, direction: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Photographs: features, float (n, d), and truth, int (n,)."""
    malignant = rng.integers(0, 2, n)
    return rng.normal(0, 1, (n, FEATURES)) + (malignant - 0.5)[:, None] * direction, malignant


def name_photographs(malignant: np.ndarray, seed: int) -> Dataset:
    """A data set without files, each photograph a group of its own."""
    labels = np.where(malignant == 1, "malignant", "benign")
    table = pd.DataFrame({"image": [f"{row}.jpg" for row in range(len(labels))], "label": labels})
    return Dataset("toy", table).know_digests([f"{seed:032x}{row:032x}" for row in range(len(labels))])


def choose(tried: list, values: np.ndarray, malignant: np.ndarray, folds: np.ndarray) -> tuple[float, tuple]:
    """The gain of the best recipe over the first on these folds, and that recipe."""
    means = [np.mean(measure(recipe, values, malignant, folds)) for recipe in tried]
    return float(max(means) - means[0]), tried[int(np.argmax(means))]


def measure(recipe: tuple, values: np.ndarray, malignant: np.ndarray, folds: np.ndarray) -> list[float]:
    """The AUROC of each fold by what was learned on the others."""
    aurocs = []
    for fold in range(FOLDS):
        held_out = folds == fold
        weights = fit(recipe, values[~held_out], malignant[~held_out])
        aurocs.append(measure_auroc(malignant[held_out], values[held_out] @ weights))
    return aurocs


def measure_true(
    best: tuple, default: tuple, values: np.ndarray, malignant: np.ndarray, new: tuple[np.ndarray, np.ndarray]
) -> float:
    """The gain on new photographs of what was learned on all that there are."""
    scores = [measure_auroc(new[1], new[0] @ fit(recipe, values, malignant)) for recipe in (best, default)]
    return scores[0] - scores[1]


def fit(recipe: tuple[np.ndarray, float], values: np.ndarray, malignant: np.ndarray) -> np.ndarray:
    """Weights, float (d,), of a ridge regression on the features that the recipe may use."""
    used, shrinkage = recipe
    kept = values[:, used]
    weights = np.zeros(FEATURES)
    weights[used] = np.linalg.solve(
        kept.T @ kept + shrinkage * np.eye(kept.shape[1]), kept.T @ (malignant - malignant.mean())
    )
    return weights


if __name__ == "__main__":
    main()
