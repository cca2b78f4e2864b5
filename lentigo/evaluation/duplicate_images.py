"""Photographs of an evaluation that show the same picture: as one another, and as a photograph of the
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.file_names import resolve_name
from lentigo.common.hashing import hash_readable
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.duplicates.searches import search_duplicates
from lentigo.models.bundle import SPLITS, Bundle
from lentigo.splits.leaks import join_duplicates


@dataclass(frozen=True)
class TrainingDuplicate:
    """A photograph that shows what another, of the training, shows; `kind` as in
    `lentigo.duplicates.duplicates`.
    """

    image: str
    training_image: str
    kind: str


def search_training_duplicates(
    bundle: Bundle, dataset: Dataset, progress: Progress = show_nothing
) -> tuple[Dataset, tuple[TrainingDuplicate, ...]]:
    """The data set with duplicates in one group, and its photographs that show, whatever was done to the
    file, what one of the RUN's training or validation photographs shows. Those must still lie where
    splits.csv names them.

    One search serves both, and where the training made it, among these photographs or more, it is not made
    again.
    """
    images = dataset.table["image"].tolist()
    known = list_known(bundle, images)
    digests = [*dataset.digests, *map(hash_readable, known)]
    duplicates = search_duplicates([*images, *known], digests, wider=True, progress=progress)
    foreign = np.arange(len(digests)) >= len(images)
    ordered = (
        (*sorted((duplicate.a, duplicate.b), key=foreign.__getitem__), duplicate.kind)
        for duplicate in duplicates.across(foreign)
    )
    copies = tuple(
        TrainingDuplicate(duplicates.images[here], duplicates.images[there], kind)
        for here, there, kind in ordered
    )
    given = (
        dataset.table["duplicate_group"].tolist()
        if "duplicate_group" in dataset.table
        else [None] * len(images)
    )
    everything = Dataset(
        dataset.name,
        pd.DataFrame(
            {"image": duplicates.images, "duplicate_group": [*given, *[None] * len(known)]}, dtype=object
        ),
    )
    vars(everything)["digests"] = digests
    return dataset.assign(
        duplicate_group=join_duplicates(everything, duplicates).table["duplicate_group"][~foreign].to_numpy()
    ), copies


def count_known(bundle: Bundle) -> int:
    """How many training and validation photographs of a RUN are where they were."""
    return len(list_known(bundle, []))


def list_known(bundle: Bundle, images: list[str]) -> list[str]:
    """The training and validation photographs of a RUN that are where they were and not among `images`."""
    path = bundle.folder / SPLITS
    known = (
        [image for image in pd.read_csv(path, dtype=str).get("image", ()) if Path(image).is_file()]
        if path.is_file()
        else []
    )
    here = {resolve_name(image) for image in images}
    return [image for image in known if resolve_name(image) not in here]
