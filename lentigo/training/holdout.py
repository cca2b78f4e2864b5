"""Sources left out: a network is trained without some sources, and measured on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lentigo.datasets.dataset import Dataset
from lentigo.errors import DataError, UsageError


def list_sources(dataset: Dataset) -> np.ndarray:
    """The source of each photograph, words (n,); "" where none is named. Raises `DataError` where the data
    set has no such column.
    """
    if "source" not in dataset.table:
        raise DataError(
            f"{dataset.name}: has no column `source`; expected one that names where each photograph comes "
            "from: add it to the manifest"
        )
    sources = dataset.table["source"]
    return sources.where(sources.notna(), "").astype(str).to_numpy(dtype=object)


def set_aside(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The data set with these sources as its test split; what was its test split before is left out.

    A training that leaves out what leaks into the test split then learns nothing of them: no duplicate, no
    lesion, no patient.

    Args:
        dataset: Photographs with a `source`.
        names: Sources that the training is not to see.

    Raises:
        DataError: The data set names no sources, or no other source is left.
        UsageError: One of `names` is not among them.
    """
    sources = list_sources(dataset)
    known = sorted(set(sources) - {""})
    for name in names:
        if name not in known:
            raise UsageError(
                f"--holdout-source {name}: no photograph comes from it; expected one of {', '.join(known)}"
            )
    held_out = np.isin(sources, list(names))
    if held_out.all():
        raise DataError(
            f"{dataset.name}: every photograph comes from {', '.join(names)}; expected another source to "
            "learn from"
        )
    splits = dataset.table["split"].where(~pd.Series(held_out), "test")
    kept = held_out | (dataset.table["split"] != "test").to_numpy()
    return dataset.assign(split=splits).take(kept)


def list_holdouts(dataset: Dataset, names: Sequence[str]) -> dict[str, Dataset]:
    """The photographs of each source, by its name."""
    sources = list_sources(dataset)
    return {name: dataset.take(sources == name) for name in names}
