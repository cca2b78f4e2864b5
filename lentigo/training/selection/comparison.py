"""Backbones side by side: the same photographs, folds, seeds and head, so that only the backbone differs.

A unit of work is one backbone, one seed, one fold. It is a plain function of plain values, and its result is
a file of its own: what is finished is not done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.file_names import take_path
from lentigo.common.files import require_writable
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.errors import ModelError, UsageError
from lentigo.images.problems import Problem
from lentigo.inference.performance.costs import name_machine
from lentigo.models.networks.backbones import BACKBONES, Backbone, find_backbone
from lentigo.training.heads import Score
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import keep_settings
from lentigo.training.selection.backbone_costs import measure_costs
from lentigo.training.selection.comparison_units import (
    Unit,
    UnitScorer,
    hold_out,
    name_unit,
    read_unit,
    score_units,
    write_unit,
)
from lentigo.training.selection.fold_evaluation import FeaturedDataset
from lentigo.training.selection.folds import Pool, check_folds, gather_pool
from lentigo.training.selection.ranking import Missing, Ranking, rank_backbones
from lentigo.training.start.starting_network import start_with_features
from lentigo.training.start.weights import find_weights, name_source

COMPARISON_SETTINGS = Path("units") / "settings.json"  # within the folder of a comparison


@dataclass(frozen=True)
class Protocol:
    """How each backbone is trained.

    Attributes:
        recipe: Its seed is the first of the seeds, its backbone is replaced. One that fine-tunes the backbone
            has one split a seed instead of folds.
        folds: Their number.
        seeds: Their number.
        weights: A folder of weight files; None for Keras' own.
        duplicates: Whether duplicates are searched, and share a fold.
        fp32: Whether features are computed in fp32 even where bf16 is faster.
        costs: Whether the cost of each backbone is measured.

    Raises:
        UsageError: The number of folds or of seeds makes no sense.
    """

    recipe: Recipe = field(default_factory=lambda: find_head_recipe("best"))
    folds: int = 5
    seeds: int = 2
    weights: str | None = None
    duplicates: bool = True
    fp32: bool = False
    costs: bool = True

    def __post_init__(self) -> None:
        check_folds(self.folds)
        if self.seeds < 1:
            raise UsageError(f"seeds is {self.seeds}; expected 1 at least")

    @property
    def ratio(self) -> float:
        """Held-out photographs by those that are learned from."""
        share = self.recipe.validation_split if self.recipe.finetune else 1 / self.folds
        return share / (1 - share)

    @property
    def units(self) -> list[tuple[int, int]]:
        """Seed and fold of each unit of work of one backbone."""
        # A whole network takes long: one split for each seed, no folds
        folds = 1 if self.recipe.finetune else self.folds
        seeds = range(self.recipe.seed, self.recipe.seed + self.seeds)
        return list(product(seeds, range(folds)))

    def describe(self, pool: Pool) -> dict[str, Any]:
        """Describes what the units of one comparison share.

        Args:
            pool: The photographs.

        Returns:
            The settings. The number of seeds is not among them: more may be added.
        """
        return {
            "recipe": asdict(self.recipe),
            "folds": self.folds,
            "fp32": self.fp32,
            "data_fingerprint": pool.dataset.fingerprint,
            "groups": pool.dataset.n_groups,
        }


def compare_backbones(
    data: DataSource,
    out: str | Path,
    backbones: Sequence[str] = tuple(BACKBONES),
    protocol: Protocol = Protocol(),
    *,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Ranking:
    """Trains and measures each backbone. The test split is never opened.

    Args:
        data: A path, or a data set that is loaded already.
        out: A folder that keeps every unit of work: the same call goes on.
        backbones: Names of the backbone table.
        protocol: How each is trained.
        cluster: The workers that compute features and units; the weights and photographs that they need have
            the same path on every node. None: this machine.
        progress: Watches the work.

    Returns:
        The table, best first, what each costs, and the backbones whose weights cannot be had.

    Raises:
        UsageError: `out` was begun with another recipe or other photographs.
        DataError: The photographs cannot be used.
        ModelError: The weights of no backbone can be had.
    """
    chosen = list_backbones(backbones)
    folder = take_path(out, "out", "the name of a folder")
    require_writable(folder)
    pool = gather_pool(data, protocol.duplicates, progress)
    keep_settings(folder / COMPARISON_SETTINGS, protocol.describe(pool))
    scores: dict[str, list[Score]] = {}
    missing: list[Missing] = []
    problems = {problem.image: problem for problem in pool.problems}
    for backbone in progress(chosen, total=len(chosen), label="backbones"):
        try:
            found, unread = score_backbone(backbone, pool.dataset, protocol, folder, cluster, progress)
        # Weights that cannot be had leave one backbone out, not the comparison
        except ModelError as error:
            missing.append(Missing(backbone.name, str(error)))
            continue
        scores[backbone.name] = found
        problems |= {problem.image: problem for problem in unread}
    if not scores:
        raise ModelError(f"none of {len(missing)} backbones can be compared; the first: {missing[0].reason}")
    costs = {}
    if protocol.costs:
        costs = measure_costs([find_backbone(name) for name in scores], folder, protocol.fp32, progress)
    return rank_backbones(
        scores,
        costs,
        protocol.ratio,
        missing=missing,
        problems=problems.values(),
        facts=describe_comparison(pool, protocol),
    )


def list_backbones(names: Sequence[str]) -> list[Backbone]:
    """The table's entries, each once. Raises `UsageError`.

    Args:
        names: As a person wrote them.
    """
    found: dict[str, Backbone] = {}
    for name in names:
        if name.strip():
            backbone = find_backbone(name.strip())
            found[backbone.name] = backbone
    if not found:
        raise UsageError(f"no backbone is named; expected some of {', '.join(BACKBONES)}")
    return list(found.values())


def describe_comparison(pool: Pool, protocol: Protocol) -> dict[str, Any]:
    """What a comparison says of its photographs and its protocol."""
    return {
        **pool.describe(),
        "groups": pool.dataset.n_groups,
        "recipe": asdict(protocol.recipe),
        "folds": None if protocol.recipe.finetune else protocol.folds,
        "seeds": protocol.seeds,
        "trainings": len(protocol.units),
        "machine": name_machine(),
    }


def score_backbone(
    backbone: Backbone,
    dataset: Dataset,
    protocol: Protocol,
    folder: Path,
    cluster: Cluster | None,
    progress: Progress,
) -> tuple[list[Score], tuple[Problem, ...]]:
    """The scores of all units of a backbone, those that are finished from their files, and photographs that
    could not be read.

    Raises `ModelError` where its weights cannot be had, and `UsageError` where finished units had others.
    """
    weights = find_weights(backbone, protocol.weights)
    source = name_source(weights)
    scores = read_units(backbone, protocol, folder, source)
    unfinished = [unit for unit in protocol.units if unit not in scores]
    if not unfinished:
        return list(scores.values()), ()
    recipe = replace(protocol.recipe, backbone=backbone.name)
    _, features = start_with_features(
        recipe, weights, dataset, fp32=protocol.fp32, cluster=cluster, progress=progress
    )
    # Other weights of the same backbone begin checkpoints of their own
    work = folder / "work" / f"{backbone.name}-{hash_bytes(source.encode())[:8]}"
    # One set of features for all units of a backbone
    readable = dataset.take(features.readable)
    photographs = FeaturedDataset(readable, features.values, str(weights), protocol.fp32)
    units = make_units(unfinished, recipe, dataset, protocol.folds, features.readable)
    results = score_units(UnitScorer(photographs, work), units, cluster, progress)
    watched = progress(results, total=len(units), label=backbone.name)
    for unit, score in zip(unfinished, watched, strict=True):
        write_unit(folder, backbone, unit, source, score)
        scores[unit] = score
    return [scores[unit] for unit in protocol.units], features.problems


def read_units(
    backbone: Backbone, protocol: Protocol, folder: Path, source: str
) -> dict[tuple[int, int], Score]:
    """The scores of the units that are finished, by seed and fold; `source` names their weights."""
    scores = {}
    for unit in protocol.units:
        score = read_unit(name_unit(folder, backbone, unit), source)
        if score is not None:
            scores[unit] = score
    return scores


def make_units(
    numbers: Sequence[tuple[int, int]], recipe: Recipe, dataset: Dataset, folds: int, readable: np.ndarray
) -> list[Unit]:
    """The units of some seeds and folds, on the photographs that are `readable`, bool (n,)."""
    units = []
    for seed, fold in numbers:
        unit_recipe = replace(recipe, seed=seed)
        # Divided before reading: an unreadable photograph moves no other one to another fold
        held_out = hold_out(dataset, unit_recipe, folds, fold)
        units.append(Unit(unit_recipe, held_out[readable]))
    return units
