"""What the shortcut baseline of sources says of pure noise: sources that have nothing to do with the class,
cross-validated in five folds as an audit does.

    python bench/noise.py --draws 200

Pairs of all photographs, whatever their folds, are what was counted before; pairs within a fold are what is
counted now. Right is a mean of 0.5, and 2.5 % of the intervals wholly below 0.5.
"""

from __future__ import annotations

import numpy as np
from tables import make_parser, print_table

from lentigo.common.statistics.intervals import estimate_auroc

SIZES = (40, 100)
FOLDS = 5

# Truth, 0 or 1 (n,), cross-validated scores, float (n,), and folds, int (n,)
LabelledSet = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    """Simulates and prints."""
    parser = make_parser(__doc__)
    parser.add_argument("--draws", type=int, default=200, help="sets of each size")
    parser.add_argument("--sources", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = []
    for n in SIZES:
        sets = [draw_set(n, options.sources, rng) for _ in range(options.draws)]
        for counted in ("all", "within a fold"):
            rows.append([n, counted, *describe_intervals(sets, within=counted != "all")])
    print_table(["photographs", "pairs", "mean AUROC", "intervals below 0.5", "intervals above 0.5"], rows)


def describe_intervals(sets: list[LabelledSet], *, within: bool) -> list[str]:
    """The mean AUROC of sets, and the shares of intervals that lie wholly below and above 0.5."""
    aurocs = []
    lows = []
    highs = []
    for truth, score, folds in sets:
        each_alone = np.arange(len(truth))
        auroc, (low, high) = estimate_auroc(truth, score, each_alone, folds if within else None)
        aurocs.append(auroc)
        lows.append(low)
        highs.append(high)
    below = np.mean(np.array(highs) < 0.5)
    above = np.mean(np.array(lows) > 0.5)
    return [f"{np.mean(aurocs):.3f}", f"{below:.3f}", f"{above:.3f}"]


def draw_set(n: int, sources: int, rng: np.random.Generator) -> LabelledSet:
    """A set of n photographs whose sources say nothing of their class, cross-validated by source."""
    truth = np.arange(n) % 2
    folds = np.empty(n, int)
    for label in (0, 1):  # stratified
        folds[truth == label] = rng.permutation(np.arange((truth == label).sum()) % FOLDS)
    source = rng.integers(0, sources, n)
    score = np.empty(n)
    for fold in range(FOLDS):
        learn = folds != fold
        rest = folds == fold
        shares = np.full(sources, truth[learn].mean())  # malignant among what was learned from, by source
        for name in np.unique(source[learn]):
            shares[name] = truth[learn & (source == name)].mean()
        score[rest] = shares[source[rest]]
    return truth, score, folds


if __name__ == "__main__":
    main()
