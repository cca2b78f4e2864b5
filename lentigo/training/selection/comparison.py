"""Backbones side by side: the same photographs, folds, seeds and head, so that only the backbone differs.

A unit of work is one backbone, one seed, one fold. It is a plain function of plain values, and its result is
a file of its own: what is finished is not done again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.cache import shared_folder
from lentigo.common.files import parse_json, require_writable, write_json
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.parallel.work_batches import Lost
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ClusterError, ModelError, UsageError
from lentigo.images.problems import Problem
from lentigo.inference.performance.costs import Cost, measure_cost, name_machine
from lentigo.models.compilation import fastest_precision
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.graphs.onnx_graph import save_onnx
from lentigo.models.networks.backbones import BACKBONES, Backbone, find_backbone
from lentigo.models.networks.network import Network, build_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.splits.splits import split_validation
from lentigo.training.features import extract_features, refuse_frozen_features
from lentigo.training.heads import Sample, Score, score_head
from lentigo.training.loop.devices import set_threads
from lentigo.training.preparation import keep_settings
from lentigo.training.recipes import Recipe, find_head_recipe
from lentigo.training.selection.folds import Pool, assign_folds, check_folds, gather_pool
from lentigo.training.selection.ranking import Missing, Ranking, rank_backbones
from lentigo.training.trainer import name_source, score_whole
from lentigo.training.weights import find_weights

SETTINGS = Path("units") / "settings.json"


@dataclass(frozen=True)
class Protocol:
    """How each backbone is trained: the recipe, whose seed is the first of `seeds` and whose backbone is
    replaced, and the number of folds.

    A recipe that trains the backbone too has one split a seed instead of folds. `weights` is a folder of
    weight files; Keras' own without one.
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
        seeds = range(self.recipe.seed, self.recipe.seed + self.seeds)
        return [(seed, fold) for seed in seeds for fold in range(1 if self.recipe.finetune else self.folds)]

    def describe(self, pool: Pool) -> dict[str, Any]:
        """What the units of one comparison share. The number of seeds is not among it: more may be added."""
        return {
            "recipe": asdict(self.recipe),
            "folds": self.folds,
            "fp32": self.fp32,
            "data_fingerprint": pool.dataset.fingerprint,
            "groups": len(np.unique(pool.dataset.groups)),
        }


def compare_backbones(
    data: str | Path | Dataset,
    out: str | Path,
    backbones: Sequence[str] = tuple(BACKBONES),
    protocol: Protocol = Protocol(),
    *,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Ranking:
    """Trains and measures each backbone; the table, best first, and what each costs. `out` keeps every unit
    of work: the same call goes on. Features and units are the work of `cluster`, where there is one: what it
    needs of weights and photographs has the same path on every node.

    The test split is never opened. Backbones whose weights cannot be had are named in the answer;
    `ModelError` where that is so of all. Raises `UsageError` where `out` was begun with another recipe or
    other photographs, and `DataError`.
    """
    chosen, place = list_backbones(backbones), Path(out)
    require_writable(place)
    pool = gather_pool(data, protocol.duplicates, progress)
    keep_settings(place / SETTINGS, protocol.describe(pool))
    scores: dict[str, list[Score]] = {}
    missing: list[Missing] = []
    problems: dict[str, Problem] = {problem.image: problem for problem in pool.problems}
    for backbone in progress(chosen, total=len(chosen), label="backbones"):
        try:
            scores[backbone.name], unread = score_backbone(
                backbone, pool.dataset, protocol, place, cluster, progress
            )
            problems |= {problem.image: problem for problem in unread}
        except ModelError as error:
            missing.append(Missing(backbone.name, str(error)))
    if not scores:
        raise ModelError(f"none of {len(missing)} backbones can be compared; the first: {missing[0].reason}")
    costs = (
        measure_costs([find_backbone(name) for name in scores], place, protocol.fp32, progress)
        if protocol.costs
        else {}
    )
    return rank_backbones(
        scores,
        costs,
        protocol.ratio,
        missing=missing,
        problems=problems.values(),
        facts=describe(pool, protocol),
    )


def list_backbones(names: Sequence[str]) -> list[Backbone]:
    """The table's entries, each once. Raises `UsageError`."""
    found = list(
        {
            backbone.name: backbone
            for backbone in (find_backbone(name.strip()) for name in names if name.strip())
        }.values()
    )
    if not found:
        raise UsageError(f"no backbone is named; expected some of {', '.join(BACKBONES)}")
    return found


def describe(pool: Pool, protocol: Protocol) -> dict[str, Any]:
    """What an answer says of its protocol."""
    return {
        "n": len(pool.dataset),
        "n_malignant": int(pool.dataset.malignant.sum()),
        "groups": len(np.unique(pool.dataset.groups)),
        "duplicates": pool.duplicates,
        "data_fingerprint": pool.dataset.fingerprint,
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
    place: Path,
    cluster: Cluster | None,
    progress: Progress,
) -> tuple[list[Score], tuple[Problem, ...]]:
    """The scores of all units of a backbone, those that are finished from their files, and photographs that
    could not be read.

    Raises `ModelError` where its weights cannot be had, and `UsageError` where finished units had others.
    """
    weights = find_weights(backbone, protocol.weights)
    source = name_source(weights)
    paths = {
        unit: place / "units" / f"{backbone.name}-seed{unit[0]}-fold{unit[1]}.json" for unit in protocol.units
    }
    todo = [unit for unit, path in paths.items() if not read_unit(path, source)]
    unread: tuple[Problem, ...] = ()
    if todo:
        network = start_network(backbone, weights)
        features = extract_features(network, dataset, fp32=protocol.fp32, cluster=cluster, progress=progress)
        refuse_frozen_features(features, backbone.name, weights)
        unread = features.problems
        readable = dataset.take(features.readable)
        scoring = Scoring(
            readable,
            features.values,
            str(weights),
            protocol.fp32,
            place / "work" / f"{backbone.name}-{hash_bytes(source.encode())[:8]}",
        )
        recipes = [replace(protocol.recipe, backbone=backbone.name, seed=seed) for seed, _ in todo]
        units = [
            Unit(recipe, hold_out(dataset, recipe, protocol.folds, fold)[features.readable])
            for recipe, (_, fold) in zip(recipes, todo, strict=True)
        ]
        answers = (
            (scoring.score(unit, progress) for unit in units)
            if cluster is None
            else score_on(cluster, scoring, units)
        )
        for (seed, fold), score in zip(
            todo, progress(answers, total=len(todo), label=backbone.name), strict=True
        ):
            write_json(
                paths[seed, fold],
                {"backbone": backbone.name, "seed": seed, "fold": fold, "weights": source, **score.to_json()},
            )
    return [read_unit(path, source) for path in paths.values()], unread


@dataclass(frozen=True)
class Unit:
    """One training of a comparison: its recipe, and the photographs, bool (n,), that it does not learn
    from.
    """

    recipe: Recipe
    held_out: np.ndarray


@dataclass(frozen=True)
class Scoring:
    """Photographs and their features (n, d) by one backbone, on which units are trained; also the work of a
    cluster. `work` is a folder for what a training of a whole network keeps meanwhile."""

    dataset: Dataset
    features: np.ndarray
    weights: str
    fp32: bool
    work: Path

    def open(self, cores: int) -> Callable[[list[Unit]], list[Score]]:
        set_threads(cores)
        here = replace(self, work=shared_folder("work") / self.work.name)
        return lambda units: [here.score(unit) for unit in units]

    def score(self, unit: Unit, progress: Progress = show_nothing) -> Score:
        """Trains a unit and scores it on what was held out of it."""
        if unit.recipe.finetune:
            work = self.work.with_name(f"{self.work.name}-seed{unit.recipe.seed}")
            return score_whole(
                unit.recipe,
                self.weights,
                self.dataset,
                self.features,
                unit.held_out,
                work,
                self.fp32,
                progress,
            )
        return score_head(unit.recipe, Sample(self.features, self.dataset.malignant), unit.held_out)


def score_on(cluster: Cluster, scoring: Scoring, units: list[Unit]) -> Iterator[Score]:
    """The scores of units by the workers of a cluster, in order. Raises `ClusterError` where a unit ends
    every worker.
    """

    def give_up(unit: Unit, lost: Lost) -> Score:
        raise ClusterError(
            f"{unit.recipe.backbone}, seed {unit.recipe.seed}: ends every worker that trains it ({lost}); "
            "expected nodes with more memory, or leave it out"
        )

    yield from cluster.map(scoring, units, size=1, give_up=give_up)


def hold_out(dataset: Dataset, recipe: Recipe, folds: int, fold: int) -> np.ndarray:
    """The photographs, bool (n,), that a unit does not learn from: the same for every backbone."""
    if recipe.finetune:
        return split_validation(
            dataset.malignant, dataset.groups, dataset.digests, recipe.validation_split, recipe.seed
        )
    return assign_folds(dataset, folds, recipe.seed) == fold


def read_unit(path: Path, source: str) -> Score | None:
    """The score of a finished unit, None where it is not. Raises `UsageError` where it had other weights,
    `ModelError` where it is damaged.
    """
    if not path.is_file():
        return None
    try:
        facts = parse_json(path.read_bytes())
        before, score = facts["weights"], Score(**{name: facts[name] for name in Score.__dataclass_fields__})
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


def measure_costs(
    backbones: Sequence[Backbone],
    out: str | Path | None = None,
    fp32: bool = False,
    progress: Progress = show_nothing,
) -> dict[str, Cost]:
    """What each backbone with its head costs on this machine, by name. The time that arithmetic takes does
    not depend on the weights: they are random.

    Kept in `out`, where it is given, and not measured again on the same machine.
    """
    precision = "f32" if fp32 else fastest_precision()
    return {
        b.name: recall_cost(b, precision, out and Path(out) / "costs" / f"{b.name}.json")
        for b in progress(backbones, total=len(backbones), label="costs")
    }


def recall_cost(backbone: Backbone, precision: str, path: Path | None) -> Cost:
    """The cost from its file, where it was measured on this machine at this precision, else measured."""
    here = {"machine": name_machine(), "precision": precision}
    if path is not None and path.is_file():
        with suppress(
            OSError, ValueError, KeyError, TypeError, AttributeError
        ):  # damaged: it is measured again
            facts = parse_json(path.read_bytes())
            if {name: facts.get(name) for name in here} == here:
                return Cost(**{name: facts[name] for name in Cost.__dataclass_fields__})
    cost = measure_backbone(build_network(backbone, "none"), precision)
    if path is not None:
        write_json(path, {**cost.to_json(), **here})
    return cost


def measure_backbone(network: Network, precision: str) -> Cost:
    """The cost of a network as a RUN would hold it."""
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        save_onnx(build_export_model(network), graph)
        return measure_cost(graph, network.classifier.count_params(), precision)
