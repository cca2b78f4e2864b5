"""Sources left out: a network is trained without some sources, and measured on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.assessment import Assessment, assess
from lentigo.images.problems import separate_problems
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import Bundle


def list_sources(dataset: Dataset) -> np.ndarray:
    """Lists the source of each photograph.

    Args:
        dataset: n photographs.

    Returns:
        Words (n,); "" where no source is named.

    Raises:
        DataError: The data set has no column `source`.
    """
    sources = dataset.require_column(
        "source", "expected one that names where each photograph comes from: add it to the manifest"
    )
    return sources.where(sources.notna(), "").astype(str).to_numpy(dtype=object)


def set_aside(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Makes some sources the test split; what was the test split before is left out.

    A training that leaves out what leaks into the test split then learns nothing of them: no duplicate, no
    lesion, no patient.

    Args:
        dataset: Photographs with a `source`.
        names: Sources that the training is not to see.

    Returns:
        The photographs with their new splits.

    Raises:
        DataError: The data set names no sources, or no other source is left.
        UsageError: One of `names` is not among them.
    """
    sources = list_sources(dataset)
    named = sorted(set(sources) - {""})
    for name in names:
        if name not in named:
            raise UsageError(
                f"--holdout-source {name}: no photograph comes from it; expected one of {', '.join(named)}"
            )
    # Sources are told by their names; photographs without one are never left out
    held_out = np.isin(sources, list(names))
    if held_out.all():
        raise DataError(
            f"{dataset.name}: every photograph comes from {', '.join(names)}; expected another source to "
            "learn from"
        )
    # What was the test split before may hold the same sources: it is left out, so that only they are measured
    splits = dataset.table["split"].where(~pd.Series(held_out), "test")
    kept = held_out | (dataset.table["split"] != "test").to_numpy()
    return dataset.assign(split=splits).take(kept)


def list_holdouts(dataset: Dataset, names: Sequence[str]) -> dict[str, Dataset]:
    """Lists the photographs of some sources.

    Args:
        dataset: Photographs with a `source`.
        names: Some of the sources.

    Returns:
        The photographs of each source, by its name.
    """
    sources = list_sources(dataset)
    return {name: dataset.take(sources == name) for name in names}


def measure_holdouts(bundle: Bundle, holdouts: dict[str, Dataset], fp32: bool) -> dict[str, Assessment]:
    """Measures a RUN on each source that it was trained without.

    Args:
        bundle: The RUN.
        holdouts: The photographs of each source, by its name.
        fp32: Whether it predicts in fp32.

    Returns:
        The scores by source; one with a single class has no AUROC and is left out.
    """
    if not holdouts:
        return {}
    predictor = Predictor(bundle, fp32=fp32)
    assessments = {}
    for name, dataset in holdouts.items():
        predictions, _, readable = separate_problems(predictor.predict(dataset.table["image"]))
        kept = dataset.take(np.array(readable, dtype=bool))
        # AUROC needs both classes: a source of one class is not measured
        if len(set(kept.table["label"])) == len(CLASSES):
            assessments[name] = assess(predictor, kept, predictions, f"without {name}")
    return assessments
