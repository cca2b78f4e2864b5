"""How near a validation split comes to the share that was asked for, where few groups hold most photographs;
and whether the order of the rows decides.

    python bench/splits.py

`before` draws a share of the groups of each class, as `lentigo train` did until 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tables import make_parser, print_table

from lentigo.splits.splits import split_validation

WANTED = 0.2  # the share for validation


def main() -> None:
    """Prints the smallest and the largest share over the seeds, and how often another order of rows gives the
    same split.
    """
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="splits that are drawn of each set")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    sets = {
        "5 groups of 200, 500 of 1": np.concatenate([np.repeat(np.arange(5), 200), np.arange(5, 505)]),
        "3,000 lesions of 1 to 6": np.repeat(np.arange(3000), rng.choice([1, 1, 1, 1, 2, 2, 3, 4, 6], 3000)),
        "300 patients, median 7": np.repeat(
            np.arange(300), np.maximum(1, rng.lognormal(2, 1, 300).astype(int))
        ),
    }
    rows = []
    for name, groups in sets.items():
        malignant = (rng.random(groups.max() + 1) < 0.3)[groups].astype(int)
        digests = [f"{row:064x}" for row in range(len(groups))]
        for when, draw in (("before", draw_groups), ("now", split_validation)):
            rows.append([name, when, *describe(draw, malignant, groups, digests, options.seeds)])
    print_table(
        ["photographs", "", "share", "malignant in validation less in training", "same in another order"],
        rows,
    )


def describe(
    draw: Callable[..., np.ndarray], malignant: np.ndarray, groups: np.ndarray, digests: list[str], seeds: int
) -> list[str]:
    """The range of the share, the largest difference of the classes, and how many seeds give the same split
    in another order of rows.
    """
    shares = []
    differences = []
    same = 0
    order = np.random.default_rng(1).permutation(len(groups))
    # The same groups under other numbers, as they come in the other order
    first_rows = np.unique(groups[order], return_index=True)[1]
    renumbered = first_rows.argsort().argsort()[groups]
    digests_in_order = [digests[row] for row in order]
    for seed in range(seeds):
        held_out = draw(malignant, groups, digests, WANTED, seed)
        shares.append(held_out.mean())
        differences.append(abs(malignant[held_out].mean() - malignant[~held_out].mean()))
        other = draw(malignant[order], renumbered[order], digests_in_order, WANTED, seed)
        same += bool((other == held_out[order]).all())
    return [
        f"{min(shares):.3f} to {max(shares):.3f}",
        f"{max(differences):.3f} at most",
        f"{same} of {seeds}",
    ]


def draw_groups(
    malignant: np.ndarray, groups: np.ndarray, digests: list[str], fraction: float, seed: int
) -> np.ndarray:
    """Whole groups, stratified by whether they hold a malignant photograph, a share of their number."""
    names, index = np.unique(groups, return_inverse=True)
    stratum = np.zeros(len(names), dtype=int)
    np.maximum.at(stratum, index, malignant)
    sizes = np.bincount(stratum, minlength=2)
    shares = np.clip(np.round(fraction * sizes).astype(int), 1, sizes - 1)
    rng = np.random.default_rng(seed)
    drawn = []
    for number, share in enumerate(shares):
        drawn.append(rng.permutation(np.flatnonzero(stratum == number))[:share])
    return np.isin(index, np.concatenate(drawn))


if __name__ == "__main__":
    main()
