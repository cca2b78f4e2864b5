"""The order in which a training sees its photographs: each once, or batches balanced by source, by class
inside each source and, if asked, by diagnosis inside each class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from lentigo.errors import DataError

FEWEST_OF_A_CLASS = 5  # photographs of a source, for its AUROC to say something


@dataclass(frozen=True)
class Cell:
    """The photographs of one source and one class.

    Attributes:
        rows: Their rows in the data set, int (n,).
        share: Of all views, which is drawn from them.
    """

    rows: np.ndarray
    share: float


def plan_cells(sources: np.ndarray, malignant: np.ndarray, diagnoses: np.ndarray | None = None) -> list[Cell]:
    """Plans the cells of a balanced training.

    A source is drawn by the square root of the size of its smaller class, so that a large source does not
    rule and a rare class is not shown too often. Half of what is drawn from a source is malignant: within
    what is drawn, the source says nothing of the class. A source with one class is drawn by the square root
    of a tenth of its size, and is all of that class.

    With diagnoses, each diagnosis of such a half is drawn by the square root of how often it is there:
    nevi do not fill the benign half, and a rare diagnosis is not shown until it is known by heart.

    Args:
        sources: Names, words (n,).
        malignant: 0 or 1, int (n,).
        diagnoses: Words (n,), None or a missing value where one is not known; None: they do not count.

    Returns:
        Cells whose shares add up to 1.

    Raises:
        DataError: A photograph has no source.
    """
    if any(not isinstance(source, str) or not source for source in sources):
        raise DataError(
            "balance by source: some photographs name no source; expected a column `source` without gaps, "
            "or --balance none"
        )
    cells = []
    for source in sorted(set(sources)):
        of_source = sources == source
        benign = np.flatnonzero(of_source & (malignant == 0))
        cancers = np.flatnonzero(of_source & (malignant == 1))
        smaller_class = min(len(benign), len(cancers))
        weight = np.sqrt(smaller_class or of_source.sum() / 10)  # shares are made of these at the end
        class_share = weight / 2 if smaller_class else weight
        for of_class in (benign, cancers):
            if len(of_class):
                cells += divide_cell(Cell(of_class, class_share), diagnoses)
    total = sum(cell.share for cell in cells)
    return [Cell(cell.rows, cell.share / total) for cell in cells]


def divide_cell(cell: Cell, diagnoses: np.ndarray | None) -> list[Cell]:
    """Divides a cell by diagnosis, each part drawn by the square root of its size.

    Args:
        cell: Of one source and one class.
        diagnoses: Of all photographs of the data set, words (n,); None: the cell stays whole.

    Returns:
        Cells whose shares add up to that of `cell`. Photographs without a diagnosis are one of them.
    """
    if diagnoses is None:
        return [cell]
    names = np.array([name if isinstance(name, str) else "" for name in diagnoses[cell.rows]])
    parts = []
    for name in np.unique(names):
        rows = cell.rows[names == name]
        parts.append(Cell(rows, np.sqrt(len(rows))))
    total = sum(part.share for part in parts)
    return [Cell(part.rows, cell.share * part.share / total) for part in parts]


def average_auroc(logits: np.ndarray, malignant: np.ndarray, sources: np.ndarray) -> float:
    """The AUROC within each source, averaged; a source counts as often as it is drawn in a balanced training.

    The AUROC of all photographs together also rewards a network that knows the source: where one source has
    more malignant photographs than another, its photographs can all be called likelier malignant.

    Args:
        logits: Float (n,).
        malignant: The truth, 0 or 1, int (n,).
        sources: Names, words (n,).

    Returns:
        The mean over the sources with at least `FEWEST_OF_A_CLASS` photographs of each class, whose AUROC says
        something; where there is none, over those with both classes; of all photographs together where
        there is none of these either.

    >>> average_auroc(np.array([0.0, 1.0, 9.0, 8.0]), np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"]))
    0.5
    """
    smaller_classes = {}
    for source in sorted(set(sources)):
        smaller_classes[source] = int(np.bincount(malignant[sources == source], minlength=2).min())
    fewest = FEWEST_OF_A_CLASS if max(smaller_classes.values()) >= FEWEST_OF_A_CLASS else 1
    counted = {source: n for source, n in smaller_classes.items() if n >= fewest}
    if not counted:
        return float(roc_auc_score(malignant, logits))
    aurocs = [roc_auc_score(malignant[sources == name], logits[sources == name]) for name in counted]
    return float(np.average(aurocs, weights=np.sqrt(list(counted.values()))))


def draw_balanced(cells: list[Cell], n: int, rng: np.random.Generator) -> np.ndarray:
    """Draws rows from cells by their shares; a cell is used up before a row of it comes again.

    Args:
        cells: As `plan_cells` gives them.
        n: How many rows are drawn.
        rng: Draws them.

    Returns:
        Rows, int (n,), in random order.

    >>> cells = plan_cells(np.array(["a", "a", "a", "b", "b"]), np.array([0, 0, 1, 0, 1]))
    >>> sorted(draw_balanced(cells, 4, np.random.default_rng(0)).tolist())[-2:]
    [3, 4]
    """
    counts = share_out(np.array([cell.share for cell in cells]), n)
    drawn = [np.array([], dtype=int)]
    for cell, count in zip(cells, counts, strict=True):
        rounds = -(-count // len(cell.rows))
        shuffled = [rng.permutation(cell.rows) for _ in range(rounds)]
        drawn.append(np.concatenate([*shuffled, np.array([], dtype=int)])[:count])
    return rng.permutation(np.concatenate(drawn).astype(int))


def share_out(shares: np.ndarray, n: int) -> np.ndarray:
    """Shares out a whole number by the method of the largest remainders.

    Args:
        shares: Float (k,), adding up to 1.
        n: What is shared out.

    Returns:
        Whole numbers, int (k,), that add up to `n`.
    """
    exact = shares * n
    counts = np.floor(exact).astype(int)  # too few by less than k together
    missing = n - counts.sum()
    largest_remainders = np.argsort(counts - exact, kind="stable")[:missing]
    counts[largest_remainders] += 1
    return counts
