"""Before a training: the folder that it may write, its photographs, the two sides, and the settings that a
resumed one must share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.files import parse_json, require_writable, write_json, write_whole
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.models.bundle import CARD, LEARNED
from lentigo.models.training_record import TrainingRecord, find_training_record, write_training_record
from lentigo.splits.leaks import (
    Leaks,
    count_joined,
    find_leaking,
    gather_leaks,
    join_duplicates,
    refuse_leaks,
    search_dataset,
)
from lentigo.splits.splits import split_validation
from lentigo.training.recipes import Recipe

LEAKS = ("refuse", "drop", "allow")  # what may be done about them
FEWEST = 2  # groups of each class that a validation needs where a RUN has learned from the others


def check_folder(out: Path, resume: bool) -> None:
    """Refuses to write over a RUN, finished or not, and a folder that cannot be written."""
    require_writable(out)
    if (out / CARD).is_file():
        raise UsageError(f"{out}: holds a finished RUN; choose another folder, or remove it")
    if out.is_file():
        raise UsageError(f"{out}: is a file; expected a folder to be made")
    if (out / "checkpoint").is_dir() and not resume:
        raise UsageError(f"{out}: holds an unfinished RUN; go on with --resume, or choose another folder")


@dataclass(frozen=True)
class LeakPolicy:
    """What a training does about leaks. `duplicates`: photographs are compared by what they show, too, those
    of the test split among them.

    `leaks`, where photographs of one patient, lesion or picture stand on two sides of a given split:
    "refuse"; "drop" leaves out each that belongs with one of a later side (train, validation, test); "allow"
    goes on and marks the RUN. Raises `UsageError`.
    """

    duplicates: bool = True
    leaks: str = "refuse"

    def __post_init__(self) -> None:
        if self.leaks not in LEAKS:
            raise UsageError(f"leaks {self.leaks!r}: expected one of {', '.join(LEAKS)}")


@dataclass(frozen=True)
class TrainingSet:
    """What a training may use, all but the test split. `leaks`: what was found to leak; `left_out`:
    photographs that were dropped for it.

    `duplicates`: how many photographs have one, and in how many groups; None where nobody looked.
    """

    dataset: Dataset
    leaks: Leaks | None
    left_out: int
    duplicates: dict[str, int] | None

    def describe(self) -> dict[str, Any]:
        """What a card says of it; `leaks` only where they are still there."""
        facts = self.leaks and self.leaks.to_json()
        return {
            "leaks": None if self.left_out else facts,
            "left_out": {**facts, "n": self.left_out} if facts and self.left_out else None,
            "duplicates": self.duplicates,
        }


def load_labelled(data: str | Path | Dataset) -> Dataset:
    """A data set that has photographs of both classes outside the test split. Raises `DataError`."""
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    drop_test(dataset).require_both_classes()
    return dataset


def drop_test(dataset: Dataset) -> Dataset:
    """All but the test split."""
    return dataset.take((dataset.table["split"] != "test").to_numpy())


def check_training_set(dataset: Dataset, leak_policy: LeakPolicy, progress: Progress) -> TrainingSet:
    """The photographs to train on, duplicates sharing a group. Those of the test split are opened for this
    alone, and only to find twins.

    Raises `DataError` where the given split leaks and the policy says so, and where nothing is left.
    """
    found = search_dataset(dataset, progress) if leak_policy.duplicates else None
    leaks = gather_leaks(dataset, found)
    if leaks and leak_policy.leaks == "refuse":
        refuse_leaks(leaks, dataset.name)
    joined = join_duplicates(dataset, found) if found else dataset
    leaking = (
        find_leaking(dataset, found)
        if leaks and leak_policy.leaks == "drop"
        else np.zeros(len(dataset), bool)
    )
    kept = drop_test(joined.take(~leaking))
    if not len(kept):
        raise DataError(
            f"{dataset.name}: none of its photographs is left to train on; expected some outside the test "
            "split"
        )
    return TrainingSet(kept, leaks, int(leaking.sum()), count_joined(kept) if found else None)


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        name: the weights, as they were given.
        learned: the photographs that they know.
    """

    name: str
    learned: TrainingRecord

    def tell_splits(self, dataset: Dataset, progress: Progress = show_nothing) -> np.ndarray:
        """The split, "train", "validation" or "", in which each photograph of a data set is known, whatever
        its file; words (n,).
        """
        if not len(self.learned):
            return np.full(len(dataset), "", dtype=object)
        known = self.learned.recognise(dataset.table["image"].tolist(), dataset.digests, progress=progress)
        return np.array([found.split if found else "" for found in known], dtype=object)

    def describe(self) -> dict[str, int] | None:
        """What a card says of it; None where it knows no photograph of ours."""
        return self.learned.describe() if self.learned.total else None


def find_start(weights: str | Path) -> Start:
    """What a training starts from, by its weights: a RUN's, or others, which know no photograph of ours."""
    return Start(str(weights), find_training_record(weights))


def split_or_read(
    dataset: Dataset,
    recipe: Recipe,
    path: Path,
    *,
    resume: bool,
    start: Start,
    progress: Progress = show_nothing,
) -> np.ndarray:
    """Chooses the validation photographs and writes them to `splits.csv`, and what the RUN will know beside
    it.

    Args:
        dataset: the n photographs to train and validate on.
        recipe: names the share and the seed.
        path: of `splits.csv`; to resume, what it says is taken.
        resume: whether the training goes on.
        start: what it starts from. What that was trained on is not drawn, and what it was validated on is
            validation again.
        progress: watches the photographs go by.

    Returns:
        bool (n,), True for validation: as the data give it, else drawn.

    Raises:
        DataError: the start has learned from photographs that are to judge, or from nearly all.
    """
    if resume and path.is_file():
        known = pd.read_csv(path, dtype=str).set_index("image")["split"]
        held_out = dataset.table["image"].map(known)
        if held_out.notna().all():
            return (held_out == "validation").to_numpy()
    held_out = (dataset.table["split"] == "validation").to_numpy()
    if held_out.any():
        refuse_known(dataset.take(held_out), start, progress)
    else:
        held_out = draw_validation(dataset, recipe, start.tell_splits(dataset, progress))
    table = dataset.table.assign(
        split=np.where(held_out, "validation", "train"), group=dataset.groups, sha256=dataset.digests
    )
    for side in (dataset.take(held_out), dataset.take(~held_out)):
        side.require_both_classes()
    keep_training_record(path.with_name(LEARNED), dataset, held_out, start, progress)
    with write_whole(path) as temporary:  # last: a resumed training takes it for a sign that all was written
        table[["image", "label", "split", "group", "sha256"]].to_csv(temporary, index=False)
    return held_out


def keep_training_record(
    path: Path, dataset: Dataset, held_out: np.ndarray, start: Start, progress: Progress = show_nothing
) -> TrainingRecord:
    """Writes what the RUN will know: these photographs, `held_out` bool (n,) those of validation, and what
    its start knows.
    """
    images = dataset.table["image"].tolist()
    return write_training_record(
        path,
        images,
        dataset.digests,
        held_out,
        start=start.learned.replace_part("decoder"),
        progress=progress,
    )


def refuse_known(judges: Dataset, start: Start, progress: Progress = show_nothing) -> None:
    """Raises `DataError` where photographs that are to judge a training are among those that its start has
    learned from.
    """
    known = start.tell_splits(judges, progress)
    spent = judges.table["image"][known == "train"].tolist()
    if spent:
        raise DataError(
            f"{judges.name}: {start.name} has learned from {len(spent)} of the {len(judges)} photographs "
            f"that are to judge this training (the first: {spent[0]}); "
            "expected others: leave these out, start from imagenet, or let `lentigo train` draw the "
            "validation photographs"
        )


def draw_validation(dataset: Dataset, recipe: Recipe, known: np.ndarray) -> np.ndarray:
    """The validation photographs, bool (n,): groups that hold what was validation before and nothing of the
    training, and some of those that are new.

    `known` is what `Start.tell_splits` says. Raises `DataError` where all photographs, but for a few, are
    known from the training: a validation on them would flatter.
    """
    spent, judged = (
        np.isin(dataset.groups, dataset.groups[known == split]) for split in ("train", "validation")
    )
    held_out, fresh = judged & ~spent, np.flatnonzero(~judged & ~spent)
    some_known = bool((known != "").any())
    if not some_known or count_groups(dataset, fresh) >= FEWEST:
        new = dataset.take(fresh)
        held_out[fresh] = split_validation(
            new.malignant, dataset.groups[fresh], new.digests, recipe.validation_split, recipe.seed
        )
    if some_known and count_groups(dataset, np.flatnonzero(held_out)) < FEWEST:
        raise DataError(
            f"{dataset.name}: the start of this training has learned from {int(spent.sum())} of its "
            f"{len(dataset)} photographs, and what is left cannot judge; "
            f"expected photographs of {FEWEST} other lesions of each class: add them, or start from imagenet"
        )
    return held_out


def count_groups(dataset: Dataset, rows: np.ndarray) -> int:
    """The groups of the class that has fewer of them, of some photographs."""
    return min(len(np.unique(dataset.groups[rows][dataset.malignant[rows] == label])) for label in (0, 1))


def keep_settings(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new run; those of a resumed one must be the same."""
    if not path.is_file():
        return write_json(path, settings)
    try:
        before = parse_json(path.read_bytes())
        if not isinstance(before, dict) or not isinstance(before.get("recipe", {}), dict):
            raise ValueError("expected an object with a recipe")
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: is damaged ({error}); expected what the first call wrote there: put it back, or "
            "choose another folder"
        ) from error
    changed = [key for key in settings if json.loads(json.dumps(settings[key])) != before.get(key)]
    if "recipe" in changed:
        changed = [
            key for key, value in settings["recipe"].items() if value != before.get("recipe", {}).get(key)
        ]
    if changed:
        raise UsageError(
            f"{path.parent.parent}: was started with another {', '.join(changed)}; resume with the same "
            "call, or choose another folder"
        )
