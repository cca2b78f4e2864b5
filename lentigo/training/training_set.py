"""The photographs that a training may use: all but the test split, with what leaks into it kept out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

import numpy as np

from lentigo.common.progress import Progress
from lentigo.datasets.dataset import AnyDataset, Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.splits.leaks import (
    Leaks,
    count_joined,
    find_leaking,
    gather_leaks,
    join_duplicates,
    refuse_leaks,
    search_dataset,
)

LEAK_ACTIONS = ("refuse", "drop", "allow")  # what a training may do about leaks


@dataclass(frozen=True)
class LeakPolicy:
    """What a training does about leaks.

    Attributes:
        duplicates: Whether photographs are compared by what they show, those of the test split among them.
        leaks: What happens where photographs of one patient, lesion or scene stand in two splits of a given
            division: "refuse"; "drop" leaves out each that belongs with one of a later split (train,
            validation, test); "allow" goes on and marks the RUN.

    Raises:
        UsageError: `leaks` is another word.
    """

    duplicates: bool = True
    leaks: str = "refuse"

    def __post_init__(self) -> None:
        if self.leaks not in LEAK_ACTIONS:
            raise UsageError(f"leaks {self.leaks!r}: expected one of {', '.join(LEAK_ACTIONS)}")


@dataclass(frozen=True)
class TrainingSet(Generic[AnyDataset]):
    """The photographs outside the test split, and what was found about leaks.

    Attributes:
        dataset: The photographs; duplicates share a group.
        leaks: What leaks; None where nothing does.
        left_out: How many photographs were dropped for it.
        duplicates: How many photographs have a duplicate, and in how many groups; None without a search.
    """

    dataset: AnyDataset
    leaks: Leaks | None
    left_out: int
    duplicates: dict[str, int] | None

    def describe(self) -> dict[str, Any]:
        """The card's entries; `leaks` stands there only where they were not dropped."""
        leaks = None
        left_out = None
        if self.leaks:
            facts = self.leaks.to_json()
            if self.left_out:
                left_out = {**facts, "n": self.left_out}
            else:
                leaks = facts
        return {"leaks": leaks, "left_out": left_out, "duplicates": self.duplicates}


def load_labelled(data: DataSource) -> Dataset:
    """Loads a data set that has photographs of both classes outside the test split.

    Args:
        data: A path, or a data set that is loaded already.

    Returns:
        The data set, its test split included.

    Raises:
        DataError: A class is missing outside the test split.
    """
    dataset = load_dataset(data)
    drop_test(dataset).require_both_classes()
    return dataset


def drop_test(dataset: AnyDataset) -> AnyDataset:
    """Leaves out the test split.

    Args:
        dataset: AnyDataset with a column `split`.

    Returns:
        All photographs but those of the test split.
    """
    return dataset.take((dataset.table["split"] != "test").to_numpy())


def check_training_set(
    dataset: AnyDataset, leak_policy: LeakPolicy, progress: Progress
) -> TrainingSet[AnyDataset]:
    """Finds the photographs to train on, duplicates sharing a group.

    Files of the test split are read for one purpose only: to find their duplicates in the other splits.

    Args:
        dataset: All photographs.
        leak_policy: What is done about leaks.
        progress: Watches the search for duplicates.

    Returns:
        The photographs outside the test split.

    Raises:
        DataError: The given split leaks and the policy refuses that, or nothing is left to train on.
    """
    # The test split takes part in the search, and in nothing else
    found = search_dataset(dataset, progress) if leak_policy.duplicates else None
    leaks = gather_leaks(dataset, found)
    if leaks and leak_policy.leaks == "refuse":
        refuse_leaks(leaks, dataset.name)
    leaking = np.zeros(len(dataset), bool)
    if leaks and leak_policy.leaks == "drop":
        leaking = find_leaking(dataset, found)
    grouped = join_duplicates(dataset, found) if found else dataset
    kept = drop_test(grouped.take(~leaking))
    if not len(kept):
        raise DataError(
            f"{dataset.name}: none of its photographs is left to train on; expected some outside the test "
            "split"
        )
    duplicates = count_joined(kept) if found else None
    return TrainingSet(kept, leaks, int(leaking.sum()), duplicates)
