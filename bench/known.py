"""What a RUN knows: which photographs of a set it has learned from, in whatever file they are, and by what recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.hashing import hash_readable
from lentigo.datasets.dataset import Dataset
from lentigo.models.bundle import SPLITS, Bundle
from lentigo.models.training_record import TrainingRecord
from lentigo.models.training_record_files import read_training_record
from lentigo.training.recipes import BEST, Recipe


def gather_learned(run: Bundle) -> TrainingRecord:
    """What a RUN has learned from. Of one made before there were perceptual hashes they are taken now, where
    its photographs still lie.
    """
    learned, path = read_training_record(run), run.folder / SPLITS
    if not learned.not_known or not path.is_file():
        return learned
    images = [image for image in pd.read_csv(path, dtype=str).get("image", ()) if Path(image).is_file()]
    return learned.fill(images, [hash_readable(image) for image in images])


def take_split(dataset: Dataset, run: Bundle, split: str) -> Dataset:
    """The photographs of a data set that a RUN has in a split, "train" or "validation", by their paths."""
    splits = pd.read_csv(run.folder / SPLITS, dtype=str)
    names = set(splits.loc[splits["split"] == split, "image"])
    return dataset.take(dataset.table["image"].isin(names).to_numpy())


def read_recipe(run: Bundle) -> Recipe:
    """The recipe of a RUN; a field that it is older than has the value that it had then, its default."""
    return replace(BEST, **run.card["recipe"])


def find_learned(dataset: Dataset, run: Bundle) -> np.ndarray:
    """Which photographs a RUN has learned from, bool (n,); those that it validated on are not among them."""
    recognised = gather_learned(run).recognise(list(dataset.table["image"]), dataset.digests)
    return np.array([found is not None and found.split == "train" for found in recognised], bool)


def take_unlearned(dataset: Dataset, runs: Sequence[Bundle]) -> Dataset:
    """The photographs of those lesions and patients that none of some RUNs has learned from."""
    groups = dataset.groups
    unlearned = np.ones(len(dataset), bool)
    for run in runs:
        unlearned &= ~np.isin(groups, groups[find_learned(dataset, run)])
    return dataset.take(unlearned)
