"""What the shortcut baseline of sources says of pure noise: sources that have nothing to do with the class,
cross-validated in five folds as an audit does.

    python bench/noise.py --draws 200

Pairs of all photographs, whatever their folds, are what was counted before; pairs within a fold are what is
counted now. Right is a mean of 0.5, and 2.5 % of the intervals wholly below 0.5.
"""

from __future__ import annotations

import argparse

import numpy as np
from tables import print_table

from lentigo.common.statistics.intervals import estimate_auroc

SIZES = (40, 100)
FOLDS = 5


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=200, help="sets of each size")
    parser.add_argument("--sources", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = []
    for n in SIZES:
        sets = [draw_set(n, options.sources, rng) for _ in range(options.draws)]
        for counted in ("all", "within a fold"):
            found = [
                estimate_auroc(truth, score, np.arange(n), None if counted == "all" else folds)
                for truth, score, folds in sets
            ]
            aurocs = np.array([auroc for auroc, _ in found])
            highs = np.array([ends[1] for _, ends in found])
            lows = np.array([ends[0] for _, ends in found])
            rows.append(
                [
                    n,
                    counted,
                    f"{aurocs.mean():.3f}",
                    f"{(highs < 0.5).mean():.3f}",
                    f"{(lows > 0.5).mean():.3f}",
                ]
            )
    print_table(["photographs", "pairs", "mean AUROC", "intervals below 0.5", "intervals above 0.5"], rows)


def draw_set(n: int, sources: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, 0 or 1 (n,), cross-validated answers, float (n,), and folds, int (n,)."""
    truth = np.arange(n) % 2
    folds = np.empty(n, int)
    for label in (0, 1):  # stratified
        folds[truth == label] = rng.permutation(np.arange((truth == label).sum()) % FOLDS)
    source = rng.integers(0, sources, n)
    score = np.empty(n)
    for fold in range(FOLDS):
        learn, rest = folds != fold, folds == fold
        shares = np.full(sources, truth[learn].mean())  # malignant among what was learned from, by source
        for name in np.unique(source[learn]):
            shares[name] = truth[learn & (source == name)].mean()
        score[rest] = shares[source[rest]]
    return truth, score, folds


if __name__ == "__main__":
    main()
