"""The units of work of a comparison: one backbone, one seed, one fold.

A unit is a plain function of plain values, and its result is a file of its own: what is finished is not done
again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lentigo.common.cache import shared_folder
from lentigo.common.json_values import parse_json, write_json
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.parallel.work_batches import Lost
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ClusterError, ModelError, UsageError
from lentigo.models.networks.backbones import Backbone
from lentigo.splits.splits import split_validation
from lentigo.training.heads import Score, score_head
from lentigo.training.loop.devices import set_threads
from lentigo.training.recipes import Recipe
from lentigo.training.selection.fold_evaluation import FeaturedDataset, score_network
from lentigo.training.selection.folds import assign_folds


@dataclass(frozen=True)
class Unit:
    """One training of a comparison.

    Attributes:
        recipe: Of the training.
        held_out: The photographs that it does not learn from, bool (n,).
    """

    recipe: Recipe
    held_out: np.ndarray


@dataclass(frozen=True)
class UnitScorer:
    """Photographs on which units are trained; also the work of a cluster.

    Attributes:
        photographs: n photographs with their features by one backbone.
        work: A folder for what a training of a whole network keeps meanwhile.
    """

    photographs: FeaturedDataset
    work: Path

    def open(self, cores: int) -> Callable[[list[Unit]], list[Score]]:
        """Makes a worker ready.

        Args:
            cores: That the worker may use.

        Returns:
            What scores some units.
        """
        set_threads(cores)
        # A worker on another machine has its own folder
        here = replace(self, work=shared_folder("work") / self.work.name)
        return lambda units: [here.score(unit) for unit in units]

    def score(self, unit: Unit, progress: Progress = show_nothing) -> Score:
        """Trains a unit and scores it on what was held out of it.

        Args:
            unit: Recipe and photographs.
            progress: Watches epochs and steps go by.

        Returns:
            The score.
        """
        if unit.recipe.finetune:
            # Fine-tuning takes long enough to need checkpoints; a head does not
            work = self.work.with_name(f"{self.work.name}-seed{unit.recipe.seed}")
            return score_network(self.photographs, unit.recipe, unit.held_out, work, progress)
        return score_head(unit.recipe, self.photographs.labelled_features, unit.held_out)


def score_units(
    scorer: UnitScorer, units: list[Unit], cluster: Cluster | None, progress: Progress
) -> Iterable[Score]:
    """The scores of units, in order, here or by the workers of a cluster.

    Args:
        scorer: The photographs.
        units: What is trained.
        cluster: The workers; None: this machine.
        progress: Watches epochs and steps go by.
    """
    if cluster is None:
        return (scorer.score(unit, progress) for unit in units)
    return score_on_cluster(cluster, scorer, units)


def score_on_cluster(cluster: Cluster, scorer: UnitScorer, units: list[Unit]) -> Iterator[Score]:
    """The scores of units by the workers of a cluster, in order. Raises `ClusterError` where a unit ends
    every worker.
    """

    def give_up(unit: Unit, lost: Lost) -> Score:
        raise ClusterError(
            f"{unit.recipe.backbone}, seed {unit.recipe.seed}: ends every worker that trains it ({lost}); "
            "expected nodes with more memory, or leave it out"
        )

    yield from cluster.map(scorer, units, size=1, give_up=give_up)


def hold_out(dataset: Dataset, recipe: Recipe, folds: int, fold: int) -> np.ndarray:
    """The photographs, bool (n,), that a unit does not learn from: the same for every backbone.

    Args:
        dataset: The n photographs.
        recipe: One that fine-tunes is held out a validation split, another a fold.
        folds: Their number.
        fold: Which of them, from 0.
    """
    if recipe.finetune:
        return split_validation(
            dataset.malignant, dataset.groups, dataset.digests, recipe.validation_split, recipe.seed
        )
    return assign_folds(dataset, folds, recipe.seed) == fold


def name_unit(folder: Path, backbone: Backbone, unit: tuple[int, int]) -> Path:
    """The file of a unit's score.

    Args:
        folder: Of the comparison.
        backbone: Of the unit.
        unit: Seed and fold.
    """
    seed, fold = unit
    return folder / "units" / f"{backbone.name}-seed{seed}-fold{fold}.json"


def write_unit(folder: Path, backbone: Backbone, unit: tuple[int, int], source: str, score: Score) -> None:
    """Keeps the score of a finished unit.

    Args:
        folder: Of the comparison.
        backbone: Of the unit.
        unit: Seed and fold.
        source: The weights that it started from, as `name_source` has them.
        score: What it reached.
    """
    seed, fold = unit
    facts = {"backbone": backbone.name, "seed": seed, "fold": fold, "weights": source, **score.to_json()}
    write_json(name_unit(folder, backbone, unit), facts)


def read_unit(path: Path, source: str) -> Score | None:
    """The score of a finished unit, None where it is not. Raises `UsageError` where it had other weights,
    `ModelError` where it is damaged.

    Args:
        path: Of `name_unit`.
        source: The weights that it must have started from.
    """
    if not path.is_file():
        return None
    try:
        facts = parse_json(path.read_bytes())
        before = facts["weights"]
        score = Score(**{item.name: facts[item.name] for item in dataclasses.fields(Score)})
    # A file of an older version lacks a field: it is made again, not guessed
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: is damaged ({error}); remove it, and the same call makes it again"
        ) from error
    if before != source:
        raise UsageError(
            f"{path}: was made with the weights {before}, not {source}; expected the same for a whole "
            "comparison: choose another --out"
        )
    return score
