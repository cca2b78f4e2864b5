"""The shortcut baselines: how well benign and malignant can be told apart without looking at the lesion.

A set where the border of the image alone tells the class apart teaches a network the border. What a model
reaches says something about lesions only in so far as it is above these numbers. Whatever is near 1 here says
that the set is at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lentigo.audit.baseline_models import BASELINES, Facts, Predictions, cross_validate, divide, fit_once
from lentigo.audit.image_facts import read_facts
from lentigo.common.json_values import list_fields, replace_nan
from lentigo.common.parallel.threads import map_images
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.intervals import measure_scores
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.images.problems import Problem, require_usable, separate_problems

BASELINE_TITLES = {
    "file_only": "the file: its size in bytes and its header",
    "header_only": "the file's header alone",
    "border_only": "the outer border of the picture",
    "corners_only": "the corners of the picture",
    "thumbnail_only": "a thumbnail of 8 x 8 pixels",
    "source_only": "where the picture comes from",
}
SCORES = ("auroc", "accuracy")  # of each baseline


@dataclass(frozen=True)
class Baseline:
    """What a model of some facts alone reaches on photographs that it was not fitted to.

    Attributes:
        accuracy: At a threshold of 0.5.
        auroc: NaN where a class is missing.
        ci: The 95 % interval of either over groups, by its name.
    """

    accuracy: float
    auroc: float
    ci: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class ShortcutBaselines:
    """The shortcut baselines of a set.

    Attributes:
        n: How many photographs were measured.
        n_malignant: How many of them are malignant.
        groups: How many groups they are in.
        majority_accuracy: That of always naming the more frequent class.
        majority_ci: Its 95 % interval.
        baselines: By what the model knows; None where it cannot be had: no sources, too few groups of a
            class. `file_only` knows the size in bytes and what the file's header says; `header_only` the
            header alone (the size tells of the image, too: fine texture takes more bytes); `border_only` the
            colours and their spread in the outer eighth, which large lesions reach; `corners_only` the mean
            colours of the four corners, which few lesions reach; `thumbnail_only` 8 x 8 colours;
            `source_only` the column `source`.
        folds: Of the cross-validation, where an AUROC counts the pairs within a fold; 0 where the models were
            fitted to another set.
        fitted_to: The name of that set.
        problems: Photographs that cannot be read.
    """

    n: int
    n_malignant: int
    groups: int
    majority_accuracy: float
    majority_ci: tuple[float, float]
    baselines: dict[str, Baseline | None]
    folds: int
    fitted_to: str | None = None
    problems: tuple[Problem, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """One flat object: `majority_accuracy`, `file_only_auroc`, ..., and `ci` with the same keys."""
        values: dict[str, float | None] = {"majority_accuracy": self.majority_accuracy}
        ci: dict[str, list[float] | None] = {"majority_accuracy": list(self.majority_ci)}
        for name, baseline in self.baselines.items():
            for score in SCORES:
                key = f"{name}_{score}"
                values[key], ci[key] = describe_score(baseline, score)
        counts = {
            "n": self.n,
            "n_malignant": self.n_malignant,
            "groups": self.groups,
            "folds": self.folds,
            "fitted_to": self.fitted_to,
        }
        problems = list_fields(self.problems)
        return {**counts, **values, "ci": ci, "problems": problems}


def describe_score(baseline: Baseline | None, score: str) -> tuple[float | None, list[float] | None]:
    """A score of a baseline and the ends of its interval; None for what could not be measured."""
    if baseline is None:
        return None, None
    low, high = baseline.ci[score]
    ends = None if np.isnan(low) else [low, high]
    return replace_nan(getattr(baseline, score)), ends


def measure_shortcut_baselines(
    data: DataSource,
    *,
    against: DataSource | None = None,
    seed: int = 0,
    progress: Progress = show_nothing,
) -> ShortcutBaselines:
    """Measures the shortcut baselines of a data set.

    They are gradient-boosted trees of scikit-learn; for `source` the share that is malignant in each.

    Args:
        data: Photographs with labels.
        against: Another set to measure on, with models fitted to `data`. Without it `data` is cross-validated
            in five folds that keep a group together.
        seed: Of the folds and of the trees.
        progress: Shows how many photographs have been read.

    Returns:
        The baselines. Photographs that cannot be read are left out and listed.

    Raises:
        DataError: See `load_dataset`; also where no photograph can be read.
    """
    fitted, facts, problems = read_set(data, progress)
    if against is None:
        return cross_validate_set(fitted, facts, problems, seed)
    measured, other_facts, other_problems = read_set(against, progress)
    predictions = {}
    for name in BASELINES:
        predictions[name] = fit_once(name, facts[name], fitted.malignant, other_facts[name], seed)
    return summarize(measured, fitted, predictions, problems + other_problems)


def measure_baselines(
    dataset: Dataset, facts: Sequence[dict[str, np.ndarray] | Problem], *, seed: int = 0
) -> ShortcutBaselines:
    """Measures the shortcut baselines of photographs that were opened before.

    Args:
        dataset: The n photographs, with labels.
        facts: What `describe_facts` gave for each, or why there is nothing.
        seed: Of the folds and of the trees.

    Returns:
        See `measure_shortcut_baselines`.

    Raises:
        DataError: No photograph can be read.
    """
    kept, table, problems = gather_facts(dataset, facts)
    return cross_validate_set(kept, table, problems, seed)


def cross_validate_set(
    dataset: Dataset, facts: Facts, problems: tuple[Problem, ...], seed: int
) -> ShortcutBaselines:
    """The baselines of a set by cross-validation on itself."""
    folds = divide(dataset, seed)
    predictions = cross_validate(dataset, facts, folds, seed)
    return summarize(dataset, dataset, predictions, problems, folds=folds)


def read_set(data: DataSource, progress: Progress) -> tuple[Dataset, Facts, tuple[Problem, ...]]:
    """Opens the photographs of a set; see `gather_facts`."""
    dataset = load_dataset(data)
    images = dataset.table["image"].tolist()
    return gather_facts(dataset, map_images(read_facts, images, None, progress, "shortcut_baselines"))


def gather_facts(
    dataset: Dataset, facts: Sequence[dict[str, np.ndarray] | Problem]
) -> tuple[Dataset, Facts, tuple[Problem, ...]]:
    """The readable photographs of a set, a table of facts for each baseline, and what cannot be read."""
    readable, problems, is_readable = separate_problems(facts)
    require_usable(dataset.name, readable, problems)
    kept = dataset.take(np.array(is_readable))
    tables: Facts = {}
    for name in BASELINES[:-1]:
        tables[name] = np.stack([row[name] for row in readable])
    tables["source_only"] = read_sources(kept)
    return kept, tables, (*dataset.problems, *problems)


def read_sources(dataset: Dataset) -> np.ndarray | None:
    """The sources, object (n, 1), or None where all photographs have the same, or none."""
    if "source" not in dataset.table or dataset.table["source"].nunique() < 2:
        return None
    return dataset.table[["source"]].fillna("").astype(str).to_numpy(dtype=object)


def summarize(
    measured: Dataset,
    fitted: Dataset,
    predictions: Predictions,
    problems: tuple[Problem, ...],
    *,
    folds: np.ndarray | None = None,
) -> ShortcutBaselines:
    """The baselines from predictions for `measured`; `folds`, int (n,), where those are of
    cross-validation.
    """
    malignant = measured.malignant
    groups = measured.groups
    baselines: dict[str, Baseline | None] = {}
    for name, probability in predictions.items():
        baselines[name] = measure_baseline(measured, probability, folds)
    majority_is_malignant = fitted.malignant.mean() > 0.5
    majority = np.full(len(measured), majority_is_malignant)
    values, ci = measure_scores(malignant, majority.astype(float), majority, groups)
    return ShortcutBaselines(
        n=len(measured),
        n_malignant=int(malignant.sum()),
        groups=len(np.unique(groups)),
        majority_accuracy=values["accuracy"],
        majority_ci=ci["accuracy"],
        baselines=baselines,
        folds=0 if folds is None else len(np.unique(folds)),
        fitted_to=None if fitted is measured else fitted.name,
        problems=problems,
    )


def measure_baseline(
    measured: Dataset, probability: np.ndarray | None, folds: np.ndarray | None
) -> Baseline | None:
    """The scores of one baseline's predictions; None where it could make none."""
    if probability is None:
        return None
    values, ci = measure_scores(measured.malignant, probability, probability > 0.5, measured.groups, folds)
    intervals = {score: ci[score] for score in SCORES}
    return Baseline(values["accuracy"], values["auroc"], intervals)
