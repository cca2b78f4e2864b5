"""Leaks: photographs of one patient, of one lesion or of one picture that stand on two sides of a split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.hashing import hash_bytes
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import SPLITS, find_leaks, group_images
from lentigo.duplicates.duplicates import KINDS, Duplicates
from lentigo.duplicates.searches import search_duplicates
from lentigo.errors import DataError
from lentigo.splits.leak_words import tell_example, tell_leaks

EXAMPLES = 3  # that an error names
LISTED = 20  # examples that are kept


@dataclass(frozen=True)
class Leak:
    """Two photographs on two sides, `a` on the first of `splits`. `kind`: how they are duplicates
    (`lentigo.duplicates.duplicates.KINDS`), or the column of the id that they share.
    """

    a: str
    b: str
    splits: tuple[str, str]
    kind: str


@dataclass(frozen=True)
class Leaks:
    """What leaks in a split. `photographs`: on each side, those that belong with one of another side; `of`:
    all that stand there.

    `kinds`: pairs of duplicates on two sides by kind, and ids on two sides by column. `examples` has
    duplicates and ids in turn, at most `LISTED`.
    """

    photographs: dict[str, int]
    of: dict[str, int]
    kinds: dict[str, int]
    examples: tuple[Leak, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "photographs": self.photographs,
            "of": self.of,
            "kinds": self.kinds,
            "examples": [asdict(leak) for leak in self.examples],
        }


def search_dataset(dataset: Dataset, progress: Progress = show_nothing) -> Duplicates:
    """The duplicates of a data set, from the cache where the same search was made before."""
    return search_duplicates(dataset.table["image"].tolist(), dataset.digests, progress=progress)


def join_duplicates(dataset: Dataset, duplicates: Duplicates) -> Dataset:
    """The same photographs, those that are duplicates (`duplicates` is of the same ones) in one
    `duplicate_group`: with it they share a group.

    Given groups that have a duplicate of another are one with it. A group keeps its given name, else it is
    named after one of its contents.
    """
    found = duplicates.group(KINDS)
    shared = pd.Series(found).where(np.bincount(found, minlength=1)[found] > 1)
    given = (
        dataset.table["duplicate_group"]
        if "duplicate_group" in dataset.table
        else pd.Series([None] * len(dataset), dtype=object)
    )
    given = given.where(given.isna(), given.astype(str))
    groups = group_images(pd.DataFrame({"given": given, "duplicates": shared}), ("given", "duplicates"))
    names = given.groupby(groups).transform("min").where(given.groupby(groups).transform("count") > 0)
    own = (
        pd.Series(dataset.digests)
        .groupby(groups)
        .transform("min")
        .map(lambda digest: f"D{hash_bytes(digest.encode())[:12]}")
    )
    joined = names.where(names.notna(), own.where(np.bincount(groups, minlength=1)[groups] > 1)).astype(
        object
    )
    return dataset.assign(duplicate_group=joined.where(joined.notna(), None))


def count_joined(dataset: Dataset) -> dict[str, int]:
    """How many photographs share a duplicate group with another of the set, and the number of these
    groups.
    """
    sizes = dataset.table["duplicate_group"].value_counts()
    return {"photographs": int(sizes[sizes > 1].sum()), "groups": int((sizes > 1).sum())}


def gather_leaks(dataset: Dataset, duplicates: Duplicates | None = None) -> Leaks | None:
    """What leaks in the given split of a data set, by its ids and by its `duplicates` where they were looked
    for; None where nothing does.
    """
    sides, every = list_sides(dataset), list_leaks(dataset, duplicates)
    if not every:
        return None
    lowest, highest = reach_sides(dataset, duplicates)
    kinds = Counter(leak.kind for leak in every)
    return Leaks(
        count_sides(sides[lowest < highest]),
        count_sides(sides),
        dict(kinds),
        tuple(map(order_sides, interleave_kinds(every)[:LISTED])),
    )


def list_leaks(dataset: Dataset, duplicates: Duplicates | None = None) -> list[Leak]:
    """Every pair of duplicates whose photographs stand on two sides, and every id that does, as two
    photographs that have it.
    """
    sides, images = list_sides(dataset), dataset.table["image"].tolist()
    pairs = duplicates.across(sides) if duplicates else ()
    found = [
        Leak(
            images[duplicate.a], images[duplicate.b], (sides[duplicate.a], sides[duplicate.b]), duplicate.kind
        )
        for duplicate in pairs
    ]
    return found + [
        show_id(images, dataset.table[leak["column"]], sides, leak)
        for leak in find_leaks(dataset.table.assign(split=sides))
    ]


def list_sides(dataset: Dataset) -> np.ndarray:
    """The side of each photograph, words (n,); those of no split are there to learn from."""
    return dataset.table["split"].fillna(SPLITS[0]).to_numpy(dtype=object)


def reach_sides(dataset: Dataset, duplicates: Duplicates | None) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last side, int (n,), numbers in `SPLITS`, on which a photograph's group stands."""
    table = (join_duplicates(dataset, duplicates) if duplicates else dataset).table
    numbers = pd.Series([SPLITS.index(side) for side in list_sides(dataset)], dtype=int).groupby(
        group_images(table)
    )
    return numbers.transform("min").to_numpy(), numbers.transform("max").to_numpy()


def find_leaking(dataset: Dataset, duplicates: Duplicates | None) -> np.ndarray:
    """Which photographs, bool (n,), to leave out so that nothing leaks: each that belongs with one of a later
    side, train being first and test last.
    """
    return (
        np.array([SPLITS.index(side) for side in list_sides(dataset)], dtype=int)
        < reach_sides(dataset, duplicates)[1]
    )


def count_sides(sides: Iterable[str]) -> dict[str, int]:
    """How many photographs stand on each side, in the order of `SPLITS`."""
    counts = Counter(sides)
    return {side: counts[side] for side in SPLITS if counts[side]}


def interleave_kinds(leaks: Iterable[Leak]) -> list[Leak]:
    """Leaks of each kind in turn."""
    seen: Counter[str] = Counter()
    turns = [(seen.update([leak.kind]) or seen[leak.kind], leak) for leak in leaks]
    return [leak for _, leak in sorted(turns, key=lambda turn: turn[0])]


def show_id(images: Sequence[str], values: pd.Series, sides: Sequence[str], leak: dict[str, Any]) -> Leak:
    """An id on two sides as two photographs that have it."""
    (first, a), (second, b), *_ = {
        sides[row]: images[row] for row in np.flatnonzero(values.astype(str).to_numpy() == leak["value"])
    }.items()
    return Leak(a, b, (first, second), leak["column"])


def order_sides(leak: Leak) -> Leak:
    """The same, the photograph of the earlier side first."""
    swapped = SPLITS.index(leak.splits[0]) > SPLITS.index(leak.splits[1])
    return Leak(leak.b, leak.a, leak.splits[::-1], leak.kind) if swapped else leak


def refuse_leaks(leaks: Leaks, name: str) -> None:
    """Raises `DataError` that names what leaks, some examples and the cures."""
    facts = leaks.to_json()
    examples = "; ".join(tell_example(leak) for leak in facts["examples"][:EXAMPLES]).replace(
        f"{name}{os.sep}", ""
    )
    raise DataError(
        f"{name}: its split leaks: {tell_leaks(facts)}, such as {examples}; expected each patient, lesion "
        "and picture on one side: split anew with "
        f"`lentigo data split {name} --out split.csv` and train on that, or leave those that belong with a "
        "later side out (--leaks drop), or go on and have the RUN marked (--leaks allow)"
    )
