"""A data set in three splits: to learn from, to validate on, to test with.

Whole groups are in one split. The same contents and the same seed give the same splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems
from lentigo.datasets.dataset import CLASSES, Dataset, DataSource
from lentigo.datasets.groups import SPLITS
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem
from lentigo.splits.conflicts import Conflict, find_conflicts, list_conflicting
from lentigo.splits.frozen_splits import DIGEST, find_moved, read_earlier, recall_splits
from lentigo.splits.leaks import count_joined, join_duplicates, search_dataset
from lentigo.splits.split_choice import choose_splits
from lentigo.splits.strata import UNKNOWN, list_strata, measure_distance

FREE = -1  # the number of the split of a photograph that has none yet


@dataclass(frozen=True)
class Shares:
    """Shares of all photographs for validation and test; the rest is to learn from. One of them may be 0.

    Attributes:
        validation: From 0 to below 1.
        test: From 0 to below 1.

    Raises:
        UsageError: Both are 0, or together 1 or more.
    """

    validation: float = 0.2
    test: float = 0.2

    def __post_init__(self) -> None:
        each_valid = 0 <= self.validation < 1 and 0 <= self.test < 1
        if not (each_valid and 0 < self.validation + self.test < 1):  # NaN fails too
            raise UsageError(
                f"shares of {self.validation:g} for validation and {self.test:g} for test; expected 0 to 1 "
                "each, both together above 0 and below 1"
            )

    def list_splits(self) -> dict[str, float]:
        """The share of each split that there is to be.

        >>> Shares(0.25, 0).list_splits()
        {'train': 0.75, 'validation': 0.25}
        """
        # Rounded, so that 1 - 0.2 - 0.2 is 0.6
        train = round(1 - self.validation - self.test, 9)
        shares = {"train": train, "validation": self.validation, "test": self.test}
        return {name: shares[name] for name in SPLITS if shares[name] > 0}


@dataclass(frozen=True, repr=False, eq=False)
class Partition(Summarized):
    """A data set whose table has the `split`, the `duplicate_group` and the `sha256` of each photograph.

    Attributes:
        dataset: The data set.
        wanted: The share that each split was to have.
        seed: Of the draw.
        duplicates: The `photographs` that share a duplicate group, and these `groups`; None where no
            duplicates were searched.
        conflicts: They are in the data set still, unless `left_out` is above 0.
        left_out: How many photographs of conflicts were left out.
        kept: How many photographs have the split that an earlier manifest gave them.
        moved: Those that had another split there, and now are with photographs that they belong with.
        problems: Photographs that cannot be read.
    """

    dataset: Dataset
    wanted: dict[str, float]
    seed: int
    duplicates: dict[str, int] | None
    conflicts: tuple[Conflict, ...]
    left_out: int = 0
    kept: int = 0
    moved: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def summarize(self) -> str:
        """What matters most, in a few words."""
        splits = self.dataset.table["split"].value_counts()
        counts = [f"{name} {splits.get(name, 0):,}" for name in self.wanted]
        return add_problems(f"{self.dataset.name!r}: {', '.join(counts)}", self.problems)

    def count(self) -> pd.DataFrame:
        """Photographs by split, class and source: columns `split`, `label`, `source`, `n`."""
        table = self.dataset.table
        source = table["source"].fillna(UNKNOWN) if "source" in table else UNKNOWN
        columns = ["split", "label", "source"]
        counts = table.assign(source=source).value_counts(columns).rename("n").reset_index()
        return counts.sort_values(columns, key=rank_words).reset_index(drop=True)

    def measure_distance(self) -> dict[str, float]:
        """By column, how many photographs of a stratum a split has more or fewer than its share, at most."""
        table = self.dataset.table
        distances = {}
        for name, values in list_strata(table).items():
            distances[name] = measure_distance(values, table["split"], self.wanted)
        return distances

    def to_json(self) -> dict[str, Any]:
        """Every number, and `counts` as a list of rows."""
        n = len(self.dataset)
        counts = self.dataset.table["split"].value_counts()
        return {
            "n": n,
            "seed": self.seed,
            "wanted": self.wanted,
            "shares": {name: int(counts[name]) / n for name in self.wanted},
            "counts": self.count().to_dict("records"),
            "distance": self.measure_distance(),
            "groups": self.dataset.n_groups,
            "duplicates": self.duplicates,
            "conflicts": list_fields(self.conflicts),
            "left_out": self.left_out,
            "kept": self.kept,
            "moved": list(self.moved),
            "fingerprint": self.dataset.fingerprint,
            "problems": list_fields(self.problems),
        }


def rank_words(column: pd.Series) -> pd.Series:
    """Splits and classes by their usual order, other words as they are."""
    ranks = {name: rank for rank, name in enumerate((*SPLITS, *CLASSES))}
    return column.map(lambda word: ranks.get(word, word))


def split_dataset(
    data: DataSource,
    shares: Shares = Shares(),
    *,
    seed: int = 0,
    duplicates: bool = True,
    keep: str | Path | None = None,
    drop_conflicts: bool = False,
    progress: Progress = show_nothing,
) -> Partition:
    """Splits a data set anew, whatever split it had. Patients, lesions and duplicate groups stay together.

    Classes and, within them, sources, sites and skin tones are spread evenly as far as the groups allow. The
    result is a function of contents, labels, ids and `seed`; names and order do not matter.

    Args:
        data: A folder, a table or a data set.
        shares: For validation and test.
        seed: Of the draw.
        duplicates: Whether duplicates are searched, which stay together, too.
        keep: An earlier manifest, whose photographs, patients and lesions stay in their split.
        drop_conflicts: Whether photographs of one lesion or image with both labels are left out.
        progress: Shows how far the search for duplicates has come.

    Returns:
        The split data set. Photographs that cannot be read are left out and listed.

    Raises:
        DataError: No photograph can be read, or a class has too few groups.
        UsageError: The earlier manifest has photographs of a split that is not to be.
    """
    dataset = load_dataset(data)
    wanted = shares.list_splits()
    earlier = read_earlier(Path(keep)) if keep is not None else None
    found = search_dataset(dataset, progress) if duplicates else None
    unreadable: tuple[Problem, ...] = ()
    if found is not None:
        # Before anything is chosen: duplicates make the groups
        dataset = join_duplicates(dataset, found)
        unreadable = found.problems
    joined, problems = take_readable(dataset, unreadable)
    conflicts = find_conflicts(joined)
    left_out: set[str] = set()
    # Before the shares are counted, so that they are shares of what stays
    if drop_conflicts:
        left_out = list_conflicting(conflicts)
        joined = joined.take(~joined.table["image"].isin(left_out).to_numpy())
    before = np.full(len(joined), FREE)
    if earlier is not None:
        before = recall_splits(joined, earlier, list(wanted))
    chosen = choose_splits(joined, wanted, before, seed)
    # A photograph of an earlier split moves only where its group was in two
    moved: tuple[str, ...] = ()
    if earlier is not None:
        moved = find_moved(joined, chosen, earlier)
    return Partition(
        dataset=joined.assign(**{"split": chosen, DIGEST: joined.digests}),
        wanted=wanted,
        seed=seed,
        duplicates=count_joined(joined) if found is not None else None,
        conflicts=conflicts,
        left_out=len(left_out),
        kept=int((before != FREE).sum()) - len(moved),
        moved=moved,
        problems=problems,
    )


def take_readable(dataset: Dataset, unreadable: Sequence[Problem]) -> tuple[Dataset, tuple[Problem, ...]]:
    """The photographs that can be read, and the problems of the others. Raises `DataError` where none can."""
    not_decoded = {problem.image: problem for problem in unreadable}
    not_hashed = {}
    for image, digest in zip(dataset.table["image"], dataset.digests, strict=True):
        if not digest:
            not_hashed[image] = Problem(image, "cannot be read; expected a photograph")
    readable = ~dataset.table["image"].isin({*not_decoded, *not_hashed}).to_numpy()
    problems = (*not_hashed.values(), *not_decoded.values())
    if not readable.any():
        raise DataError(
            f"{dataset.name}: none of its {len(dataset)} photographs can be read ({problems[0].error})"
        )
    return dataset.take(readable), (*dataset.problems, *problems)
