"""How often the 95 % intervals of Lentigo hold the truth, and how wide they are: simulated sets of which the
truth is known.

    python bench/intervals.py --draws 1000 --percentile

A set holds 20 to 1,000 photographs, each for itself or one to five of each patient. Shares (sensitivity,
specificity, accuracy): photographs are decided rightly with a true probability; a patient's photographs go
wrong together (a patient's own probability is beta distributed, correlation 0.4). AUROC: normal scores, half
of whose variance photographs of a patient share, or sets in which a few malignant lesions look like the most
benign ("missed"), where an interval from the variance alone fails most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from tables import make_parser, print_table

from lentigo.common.statistics.intervals import Ends, estimate_auroc, estimate_share
from lentigo.common.statistics.resampling import resample_groups

SIZES = (20, 40, 100, 300, 1000)
SHARES = (0.5, 0.8, 0.9, 0.97, 0.99)
AUROCS = (0.7, 0.9, 0.97, 0.99)
MISSED = (0.97, 0.99)
CORRELATION = 0.4  # of the decisions on photographs of a patient
SHARED = 0.5  # share of the variance of a score that photographs of a patient have in common
MOST = 5  # photographs of a patient
RESAMPLES = 200  # of the percentile bootstrap, for comparison


@dataclass(frozen=True)
class Row:
    """What was found of one kind of set.

    Attributes:
        what: "share", "AUROC" or "AUROC, missed".
        clustered: Whether patients have several photographs.
        n: Photographs.
        truth: The true value.
        covered: How many of the intervals hold it.
        width: The mean width of the intervals.
        points: How many of the intervals are a point.
        percentile: How many of the intervals of the percentile bootstrap hold the truth; NaN where it was not
            asked for.
    """

    what: str
    clustered: bool
    n: int
    truth: float
    covered: float
    width: float
    points: float
    percentile: float


def main() -> None:
    """Simulates and prints."""
    parser = make_parser(__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="sets of each kind")
    parser.add_argument(
        "--percentile", action="store_true", help="also the percentile bootstrap, for comparison"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = simulate(options.draws, options.seed, options.percentile, options.sizes)
    cells = []
    for row in rows:
        patients = "1 to 5" if row.clustered else "1"
        before = "-" if np.isnan(row.percentile) else f"{row.percentile:.3f}"
        cells.append(
            [
                row.what,
                patients,
                row.n,
                row.truth,
                f"{row.covered:.3f}",
                f"{row.width:.3f}",
                f"{row.points:.3f}",
                before,
            ]
        )
    print_table(
        ["value", "photographs of a patient", "n", "truth", "held", "width", "a point", "percentile held"],
        cells,
    )


def simulate(draws: int, seed: int = 0, percentile: bool = False, sizes: Sequence[int] = SIZES) -> list[Row]:
    """Simulates all kinds of sets.

    Args:
        draws: Sets of each kind.
        seed: Of the draws.
        percentile: Whether to make intervals by the percentile bootstrap, too.
        sizes: Photographs of a set.

    Returns:
        A row for each kind.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for clustered in (False, True):
        for n in sizes:
            for truth in SHARES:
                rows.append(simulate_kind("share", clustered, n, truth, draws, percentile, rng))
            for truth in AUROCS:
                rows.append(simulate_kind("AUROC", clustered, n, truth, draws, percentile, rng))
            for truth in MISSED:
                rows.append(simulate_kind("AUROC, missed", clustered, n, truth, draws, percentile, rng))
    return rows


def simulate_kind(
    what: str, clustered: bool, n: int, truth: float, draws: int, percentile: bool, rng: np.random.Generator
) -> Row:
    """One kind of set."""
    intervals = np.empty((draws, 2))
    before = np.full((draws, 2), np.nan)
    for draw in range(draws):
        groups = draw_groups(n, clustered, rng)
        if what == "share":
            right = draw_decisions(groups, truth, rng)
            intervals[draw] = estimate_share(right, groups)
            value = partial(measure_share, right)
        else:
            malignant, score = draw_scores(groups, truth, what.endswith("missed"), rng)
            intervals[draw] = estimate_auroc(malignant, score, groups)[1]
            value = partial(measure_auroc, malignant, score)
        if percentile:
            before[draw] = resample(value, groups)
    points = float((intervals[:, 0] == intervals[:, 1]).mean())
    width = float((intervals[:, 1] - intervals[:, 0]).mean())
    held = hold(before, truth) if percentile else float("nan")
    return Row(what, clustered, n, truth, hold(intervals, truth), width, points, held)


def hold(intervals: np.ndarray, truth: float) -> float:
    """The share of intervals, float (draws, 2), that hold the truth."""
    return float(((intervals[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= intervals[:, 1])).mean())


def draw_groups(n: int, clustered: bool, rng: np.random.Generator) -> np.ndarray:
    """Patients' numbers, int (n,)."""
    if not clustered:
        return np.arange(n)
    sizes = rng.integers(1, MOST + 1, n)
    return np.repeat(np.arange(n), sizes)[:n]


def draw_decisions(groups: np.ndarray, truth: float, rng: np.random.Generator) -> np.ndarray:
    """Whether each photograph is decided rightly, bool (n,)."""
    if groups[-1] == len(groups) - 1:
        return rng.random(len(groups)) < truth
    spread = 1 / CORRELATION - 1
    own = rng.beta(truth * spread, (1 - truth) * spread, groups[-1] + 1)
    return rng.random(len(groups)) < own[groups]


def draw_scores(
    groups: np.ndarray, truth: float, missed: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The truth, 0 or 1 (n,), half of the patients each, and scores, float (n,), whose AUROC is `truth` in an
    endless set.
    """
    patients = groups[-1] + 1
    malignant = rng.permutation(np.arange(patients) % 2)[groups]
    score = np.sqrt(SHARED) * rng.normal(size=patients)[groups] + np.sqrt(1 - SHARED) * rng.normal(
        size=len(groups)
    )
    if not missed:
        return malignant, score + np.sqrt(2) * norm.ppf(truth) * malignant
    overlooked = (rng.random(patients) < 1 - truth)[groups]
    return malignant, score + 20 * malignant * np.where(overlooked, -1, 1)


def measure_share(right: np.ndarray, rows: np.ndarray) -> float:
    """The share of some rows that is right."""
    return float(right[rows].mean())


def measure_auroc(malignant: np.ndarray, score: np.ndarray, rows: np.ndarray) -> float:
    """The AUROC of some rows; NaN where a class is missing.

    Args:
        malignant: The truth, 0 or 1, (n,).
        score: Float (n,).
        rows: Row numbers with repeats, int (m,).
    """
    malignant, score = malignant[rows], score[rows]
    return float(roc_auc_score(malignant, score)) if 0 < malignant.sum() < len(malignant) else float("nan")


def resample(statistic: Callable[[np.ndarray], float], groups: np.ndarray) -> Ends:
    """The percentile interval of the cluster bootstrap."""
    draws = [statistic(rows) for rows in resample_groups(groups, RESAMPLES)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
