"""Leaks: photographs of one patient, of one lesion or of one image that are in two splits."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.hashing import hash_bytes
from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import AnyDataset, Dataset
from lentigo.datasets.groups import SPLITS, find_leaks, group_images
from lentigo.duplicates.duplicates import KINDS, Duplicates
from lentigo.duplicates.searches import search_duplicates
from lentigo.errors import DataError
from lentigo.splits.leak_words import format_example, format_leaks

MAX_NAMED = 3  # examples in an error
MAX_EXAMPLES = 20  # examples that are kept


@dataclass(frozen=True)
class Leak:
    """Two photographs of two splits that belong together.

    Attributes:
        a: The first photograph.
        b: The second.
        splits: The split of each.
        kind: How they are duplicates (`lentigo.duplicates.duplicates.KINDS`), or the column of the id that
            they share.
    """

    a: str
    b: str
    splits: tuple[str, str]
    kind: str


@dataclass(frozen=True)
class Leaks:
    """What leaks in a split.

    Attributes:
        photographs: In each split, those that belong with one of another split.
        of: In each split, all photographs.
        kinds: Pairs of duplicates across splits by kind, and ids across splits by column.
        examples: Of all kinds in turn, at most `MAX_EXAMPLES`; the photograph of the earlier split is first.
    """

    photographs: dict[str, int]
    of: dict[str, int]
    kinds: dict[str, int]
    examples: tuple[Leak, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return {
            "photographs": self.photographs,
            "of": self.of,
            "kinds": self.kinds,
            "examples": list_fields(self.examples),
        }


def search_dataset(dataset: Dataset, progress: Progress = show_nothing) -> Duplicates:
    """Searches the duplicates of a data set, in the cache where the same search was made before.

    Args:
        dataset: The photographs.
        progress: Shows how far the search has come.

    Returns:
        The duplicates.
    """
    return search_duplicates(dataset.table["image"].tolist(), dataset.digests, progress=progress)


def join_duplicates(dataset: AnyDataset, duplicates: Duplicates) -> AnyDataset:
    """Puts photographs that are duplicates in one `duplicate_group`: with it they share a group.

    Given groups that have a duplicate of another become one with it. A group keeps its given name, else it is
    named after one of its contents.

    Args:
        dataset: The photographs.
        duplicates: Of the same photographs.

    Returns:
        The data set with the column `duplicate_group`.
    """
    # Of every kind, other photographs of a lesion too: they belong together
    found = duplicates.group(KINDS)
    sizes = np.bincount(found, minlength=1)[found]
    shared = pd.Series(found).where(sizes > 1)  # missing where a photograph has no duplicate
    given = pd.Series([None] * len(dataset), dtype=object)
    if "duplicate_group" in dataset.table:
        given = dataset.table["duplicate_group"]
    # Ids are compared as words: 7 and "7" are one
    given = given.where(given.isna(), given.astype(str))
    groups = group_images(pd.DataFrame({"given": given, "duplicates": shared}), ("given", "duplicates"))
    names = name_groups(groups, given, dataset.digests)
    return dataset.assign(duplicate_group=names.where(names.notna(), None))


def name_groups(groups: np.ndarray, given: pd.Series, digests: Sequence[str]) -> pd.Series:
    """The name of each photograph's duplicate group, missing where it is alone and has no given name.

    The first given name of a group counts, else the lowest hash: neither depends on the order of the rows.
    """
    has_given = given.groupby(groups).transform("count") > 0
    given_names = given.groupby(groups).transform("min").where(has_given)
    # The lowest hash names a group, so that its name does not depend on the order
    own_names = pd.Series(digests).groupby(groups).transform("min").map(name_group)
    # The size of each photograph's own group
    sizes = np.bincount(groups, minlength=1)[groups]
    return given_names.where(given_names.notna(), own_names.where(sizes > 1)).astype(object)


def name_group(digest: str) -> str:
    """The name of a duplicate group, from the SHA-256 of one of its files."""
    return f"D{hash_bytes(digest.encode())[:12]}"


def count_joined(dataset: Dataset) -> dict[str, int]:
    """Counts duplicate groups.

    Args:
        dataset: With the column `duplicate_group`.

    Returns:
        How many `photographs` share a duplicate group with another of the set, and the number of these
        `groups`.
    """
    sizes = dataset.table["duplicate_group"].value_counts()
    return {"photographs": int(sizes[sizes > 1].sum()), "groups": int((sizes > 1).sum())}


def gather_leaks(dataset: Dataset, duplicates: Duplicates | None = None) -> Leaks | None:
    """Says what leaks in the given split of a data set.

    Args:
        dataset: The photographs, with their split and their ids.
        duplicates: Of the same photographs, where they were searched.

    Returns:
        Counts and examples; None where nothing leaks.
    """
    leaks = list_leaks(dataset, duplicates)
    if not leaks:
        return None
    splits = list_splits(dataset)
    first, last = span_splits(dataset, duplicates)
    kinds = Counter(leak.kind for leak in leaks)
    examples = map(order_splits, interleave_kinds(leaks)[:MAX_EXAMPLES])
    return Leaks(count_splits(splits[first < last]), count_splits(splits), dict(kinds), tuple(examples))


def list_leaks(dataset: Dataset, duplicates: Duplicates | None = None) -> list[Leak]:
    """Lists every pair of duplicates across splits, and every id across splits.

    Args:
        dataset: The photographs, with their split and their ids.
        duplicates: Of the same photographs, where they were searched.

    Returns:
        A leak for each; an id is shown as two photographs that have it.
    """
    splits = list_splits(dataset).tolist()
    images = dataset.table["image"].tolist()
    leaks = []
    if duplicates is not None:
        for pair in duplicates.across(splits):
            leaks.append(Leak(images[pair.a], images[pair.b], (splits[pair.a], splits[pair.b]), pair.kind))
    for found in find_leaks(dataset.table.assign(split=splits)):
        column = found["column"]
        leaks.append(show_id(images, dataset.table[column], splits, column, found["value"]))
    return leaks


def list_splits(dataset: Dataset) -> np.ndarray:
    """The split of each photograph, words (n,); those of no split are there to learn from."""
    return dataset.table["split"].fillna(SPLITS[0]).to_numpy(dtype=object)


def number_splits(dataset: Dataset) -> np.ndarray:
    """The split of each photograph as a number in `SPLITS`, int (n,)."""
    return np.array(list(map(SPLITS.index, list_splits(dataset))), dtype=int)


def span_splits(dataset: Dataset, duplicates: Duplicates | None) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last split, int (n,), numbers in `SPLITS`, that a photograph's group is in."""
    # Duplicates join groups that no id joins
    joined = dataset if duplicates is None else join_duplicates(dataset, duplicates)
    by_group = pd.Series(number_splits(dataset)).groupby(group_images(joined.table))
    return by_group.transform("min").to_numpy(), by_group.transform("max").to_numpy()


def find_leaking(dataset: Dataset, duplicates: Duplicates | None) -> np.ndarray:
    """Chooses the photographs to leave out so that nothing leaks.

    Args:
        dataset: The photographs, with their split and their ids.
        duplicates: Of the same photographs, where they were searched.

    Returns:
        Whether each belongs with one of a later split, train being first and test last, bool (n,).
    """
    # A group that reaches the test split leaves training and validation
    _, last = span_splits(dataset, duplicates)
    return number_splits(dataset) < last


def count_splits(splits: Iterable[str]) -> dict[str, int]:
    """How many photographs are in each split, in the order of `SPLITS`."""
    counts = Counter(splits)
    return {split: counts[split] for split in SPLITS if counts[split]}


def interleave_kinds(leaks: Iterable[Leak]) -> list[Leak]:
    """The first leak of every kind, then the second of every kind, and so on: a short list shows all
    kinds.
    """
    by_kind: dict[str, list[Leak]] = defaultdict(list)
    for leak in leaks:
        by_kind[leak.kind].append(leak)
    rounds = zip_longest(*by_kind.values())
    return list(filter(None, chain.from_iterable(rounds)))


def show_id(images: Sequence[str], ids: pd.Series, splits: Sequence[str], column: str, value: str) -> Leak:
    """An id across splits as two photographs that have it, the last ones of two splits."""
    image_of_split: dict[str, str] = {}
    for row in np.flatnonzero(ids.astype(str).to_numpy() == value).tolist():
        image_of_split[splits[row]] = images[row]
    # Two are enough to show it; an id may be in all three
    (first, a), (second, b), *_ = image_of_split.items()
    return Leak(a, b, (first, second), column)


def order_splits(leak: Leak) -> Leak:
    """The same, the photograph of the earlier split first."""
    first, second = leak.splits
    if SPLITS.index(first) <= SPLITS.index(second):
        return leak
    return Leak(leak.b, leak.a, (second, first), leak.kind)


def refuse_leaks(leaks: Leaks, name: str) -> None:
    """Refuses a split that leaks.

    Args:
        leaks: What leaks.
        name: Of the data set.

    Raises:
        DataError: Always; it names what leaks, some examples and the cures.
    """
    facts = leaks.to_json()
    named = map(format_example, facts["examples"][:MAX_NAMED])
    # The folder is named once, at the start
    examples = "; ".join(named).replace(f"{name}{os.sep}", "")
    raise DataError(
        f"{name}: its split leaks: {format_leaks(facts)}, such as {examples}; expected each patient, lesion "
        f"and image in one split: split anew with `lentigo data split {name} --out split.csv` and train on "
        "that, or leave those that belong with a later split out (--leaks drop), or go on and have the RUN "
        "marked (--leaks allow)"
    )
