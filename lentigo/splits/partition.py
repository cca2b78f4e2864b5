"""A data set in three parts: to learn from, to validate on, to test with; whole groups on one side, the same
for the same contents and seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.datasets.groups import SPLITS, group_images
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem
from lentigo.splits.balance import fill_parts, order_groups, spread_groups
from lentigo.splits.frozen_splits import DIGEST, find_moved, read_earlier, recall_parts
from lentigo.splits.leaks import count_joined, join_duplicates, search_dataset

BALANCED = (
    "source",
    "site",
    "skin_tone",
    "skin_type",
)  # columns whose values are spread over the parts, within each class, where they are known
UNKNOWN, OTHERS = "unknown", "others"
MOST, FEWEST = (
    50,
    10,
)  # values of a column that are told apart, and photographs that each must have: fewer cannot be spread

SHARE_WEIGHT, CLASS_WEIGHT = (
    4.0,
    2.0,
)  # how much a part's share of all photographs and of each class matters beside that of a source, a site or a skin tone


@dataclass(frozen=True)
class Shares:
    """Shares of all photographs for validation and test; the rest is to learn from. One of them may be 0.
    Raises `UsageError`.
    """

    validation: float = 0.2
    test: float = 0.2

    def __post_init__(self) -> None:
        if not (
            0 <= self.validation < 1 and 0 <= self.test < 1 and 0 < self.validation + self.test < 1
        ):  # NaN fails too
            raise UsageError(
                f"shares of {self.validation:g} for validation and {self.test:g} for test; expected 0 to 1 "
                "each, both together above 0 and below 1"
            )

    def list_parts(self) -> dict[str, float]:
        """The share of each part that there is to be.

        >>> Shares(0.25, 0).list_parts()
        {'train': 0.75, 'validation': 0.25}
        """
        shares = {
            "train": round(1 - self.validation - self.test, 9),
            "validation": self.validation,
            "test": self.test,
        }
        return {name: shares[name] for name in SPLITS if shares[name] > 0}


@dataclass(frozen=True)
class Conflict:
    """Photographs of one lesion or picture that have both labels."""

    images: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Partition:
    """A data set whose table says the `split`, the `duplicate_group` and the `sha256` of each photograph.

    `wanted`: the share of each part. `duplicates`: the `photographs` that share a duplicate group, and these
    `groups`; None where nobody looked. `conflicts` are in the data set still, unless `left_out`, the number
    of their photographs that were left out, is above 0. `kept`: photographs whose part an earlier manifest
    decided; `moved`: those that had another part there, and now stand with photographs that they belong with.
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

    def count(self) -> pd.DataFrame:
        """Photographs by split, class and source: columns `split`, `label`, `source`, `n`."""
        table = self.dataset.table
        source = table["source"].fillna(UNKNOWN) if "source" in table else UNKNOWN
        counts = (
            table.assign(source=source).value_counts(["split", "label", "source"]).rename("n").reset_index()
        )
        order = {name: number for number, name in enumerate((*SPLITS, *CLASSES))}
        return counts.sort_values(
            ["split", "label", "source"], key=lambda column: column.map(lambda word: order.get(word, word))
        ).reset_index(drop=True)

    def measure_distance(self) -> dict[str, float]:
        """By column, how many photographs of a class with one of its values a part has more or fewer than its
        share, at most.
        """
        table = self.dataset.table
        return {
            name: measure_distance(values, table["split"], self.wanted)
            for name, values in list_strata(table).items()
        }

    def to_json(self) -> dict[str, Any]:
        """Every number, and `counts` as a list of rows."""
        counts = self.dataset.table["split"].value_counts()
        return {
            "n": len(self.dataset),
            "seed": self.seed,
            "wanted": self.wanted,
            "shares": {name: int(counts[name]) / len(self.dataset) for name in self.wanted},
            "counts": self.count().to_dict("records"),
            "distance": self.measure_distance(),
            "groups": len(np.unique(self.dataset.groups)),
            "duplicates": self.duplicates,
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "left_out": self.left_out,
            "kept": self.kept,
            "moved": list(self.moved),
            "fingerprint": self.dataset.fingerprint,
            "problems": [asdict(problem) for problem in self.problems],
        }


def split_dataset(
    data: str | Path | Dataset,
    shares: Shares = Shares(),
    *,
    seed: int = 0,
    duplicates: bool = True,
    keep: str | Path | None = None,
    drop_conflicts: bool = False,
    progress: Progress = show_nothing,
) -> Partition:
    """Splits a data set anew, whatever split it had. Patients, lesions, duplicate groups and `duplicates`
    stay together.

    Classes and, within them, sources, sites and skin tones are spread evenly as far as the groups allow. The
    answer is a function of contents, labels, ids and `seed`; names and order do not matter. `keep` is an
    earlier manifest, whose photographs, patients and lesions stay where they were. Photographs that cannot be
    read are left out and listed. Raises `DataError` and `UsageError`.
    """
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    parts, earlier = shares.list_parts(), None if keep is None else read_earlier(Path(keep))
    found = search_dataset(dataset, progress) if duplicates else None
    joined, problems = take_readable(
        join_duplicates(dataset, found) if found else dataset, found.problems if found else ()
    )
    conflicts = find_conflicts(joined)
    conflicting = {image for conflict in conflicts for image in conflict.images} if drop_conflicts else set()
    joined = joined.take(~joined.table["image"].isin(conflicting).to_numpy())
    before = np.full(len(joined), -1) if earlier is None else recall_parts(joined, earlier, list(parts))
    chosen = choose_parts(joined, parts, before, seed)
    moved = () if earlier is None else find_moved(joined, chosen, earlier)
    return Partition(
        joined.assign(**{"split": chosen, DIGEST: joined.digests}),
        parts,
        seed,
        count_joined(joined) if found else None,
        conflicts,
        len(conflicting),
        int((before >= 0).sum()) - len(moved),
        moved,
        problems,
    )


def take_readable(dataset: Dataset, unreadable: Sequence[Problem]) -> tuple[Dataset, tuple[Problem, ...]]:
    """The photographs that can be read, and the problems of the others. Raises `DataError` where none can."""
    bad = {problem.image: problem for problem in unreadable}
    closed = {
        image: Problem(image, "cannot be read; expected a photograph")
        for image, digest in zip(dataset.table["image"], dataset.digests, strict=True)
        if not digest
    }
    readable = ~dataset.table["image"].isin({*bad, *closed}).to_numpy()
    problems = (*closed.values(), *bad.values())
    if not readable.any():
        raise DataError(
            f"{dataset.name}: none of its {len(dataset)} photographs can be read ({problems[0].error})"
        )
    return dataset.take(readable), (*dataset.problems, *problems)


def find_conflicts(dataset: Dataset) -> tuple[Conflict, ...]:
    """Lesions and pictures with both labels; a patient may well have lesions of both kinds."""
    table = dataset.table[["image", "label"]].assign(
        lesion=group_images(
            dataset.table.assign(**{DIGEST: dataset.digests}), ("lesion_id", "duplicate_group", DIGEST)
        )
    )
    mixed = table[table.groupby("lesion")["label"].transform("nunique") > 1]
    return tuple(Conflict(tuple(rows["image"]), tuple(rows["label"])) for _, rows in mixed.groupby("lesion"))


def choose_parts(dataset: Dataset, shares: dict[str, float], before: np.ndarray, seed: int) -> np.ndarray:
    """The part of each photograph, words (n,). `before`, int (n,): numbers of parts that are given, or -1.
    Raises `DataError` where a class is too small.
    """
    groups = dataset.groups
    require_groups(dataset, groups, len(shares))
    strata = [pd.Series("all", index=dataset.table.index), *list_strata(dataset.table).values()]
    by_group = [count_groups(values, groups) for values in strata]
    place = order_groups(groups, dataset.digests, np.concatenate(by_group, axis=1), seed)
    given = pd.Series(before).groupby(place).max().to_numpy()
    by_place = [count_groups(values, place) for values in strata]
    matters = [SHARE_WEIGHT, CLASS_WEIGHT, *[1.0] * (len(strata) - 2)]
    weights = np.repeat(matters, [table.shape[1] for table in by_place])
    parts = spread_groups(np.concatenate(by_place, axis=1), np.array(list(shares.values())), given, weights)
    parts = fill_parts(parts, count_groups(dataset.table["label"], place), len(shares), given < 0)
    chosen = np.array(list(shares), dtype=object)[parts[place]]
    require_classes(dataset, chosen, list(shares))
    return chosen


def require_groups(dataset: Dataset, groups: np.ndarray, parts: int) -> None:
    """Raises `DataError` where a class has fewer groups than there are parts."""
    for name in CLASSES:
        count = len(np.unique(groups[(dataset.table["label"] == name).to_numpy()]))
        if count < parts:
            raise DataError(
                f"{dataset.name}: {count} group{'s' * (count != 1)} (patients, lesions or pictures) of the "
                f"class {name}; "
                f"expected {parts} at least, one for each part: add photographs, or ask for fewer parts "
                "(--validation 0 or --test 0)"
            )


def require_classes(dataset: Dataset, chosen: np.ndarray, parts: list[str]) -> None:
    """Raises `DataError` where a part lacks a class."""
    for part in parts:
        for name in CLASSES:
            if not ((chosen == part) & (dataset.table["label"] == name).to_numpy()).any():
                raise DataError(
                    f"{dataset.name}: no {name} photograph is left for {part}, so large are the groups or "
                    "so many have a part already; "
                    "expected some for each part: add photographs, ask for fewer parts (--validation 0 or "
                    "--test 0), or split without --keep"
                )


def list_strata(table: pd.DataFrame) -> dict[str, pd.Series]:
    """What is to be spread evenly: the class, and within it each column of `BALANCED` that tells photographs
    apart, as words.
    """
    columns = [name for name in BALANCED if name in table and table[name].nunique(dropna=False) > 1]
    return {"label": table["label"]} | {
        name: table["label"] + ", " + name_common(table[name], table["label"]) for name in columns
    }


def name_common(values: pd.Series, labels: pd.Series) -> pd.Series:
    """The values as words; what is missing is unknown, and what fewer than `FEWEST` of a class have, or not
    the `MOST` commonest, are others.
    """
    words = values.astype(object).where(values.notna(), UNKNOWN).astype(str)
    counts = words.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    common = words.isin(counts.index[:MOST]) & (words.groupby([words, labels]).transform("size") >= FEWEST)
    return words.where(common, OTHERS)


def count_groups(values: pd.Series, place: np.ndarray) -> np.ndarray:
    """How many photographs of each value each group has, int (groups, values), the values sorted."""
    return pd.crosstab(place, values.to_numpy()).to_numpy()


def measure_distance(values: pd.Series, chosen: pd.Series, shares: dict[str, float]) -> float:
    """The largest difference between how many photographs of a value a part has and its share of them."""
    counts = pd.crosstab(chosen.to_numpy(), values.to_numpy()).reindex(list(shares), fill_value=0).to_numpy()
    return float(np.abs(counts - np.array(list(shares.values()))[:, None] * counts.sum(axis=0)).max())
