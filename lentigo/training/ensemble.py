"""Cross-validation that ends in one RUN: K heads on one frozen trunk, their logits and heatmaps averaged in one graph.

Each head has learned without one fold. So each photograph has an answer of a head that has not seen it, and from these come calibration, threshold and
validation scores; the mean of all heads, which the RUN answers with, is seldom worse than one of them.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.data.description import list_values
from lentigo.data.files import write_whole
from lentigo.data.manifests import CLASSES, SUBJECT_COLUMNS, Dataset
from lentigo.data.progress import Progress, show_nothing
from lentigo.data.splits import GROUP_COLUMNS
from lentigo.errors import UsageError
from lentigo.evaluation.assessment import Assessment, assess
from lentigo.evaluation.precision import check_precision
from lentigo.inference.prediction import Prediction, Predictor
from lentigo.models.bundle import CLASSIFIES, GRAPH, PAST, SPLITS
from lentigo.models.deep_learning import keras
from lentigo.models.network import join_heads
from lentigo.training.folds import assign_folds, check_folds
from lentigo.training.heads import Sample, answer_head, train_head
from lentigo.training.judgement import Measured, judge_folds, measure_photos
from lentigo.training.recipes import Recipe, find_head_recipe
from lentigo.training.sides import Guard, keep_past, keep_settings, load_labelled, refuse_known
from lentigo.training.trainer import Ready, Training, check_start, describe_making, finish_run, get_ready, write_model


def train_folds(
    data: str | Path | Dataset, out: str | Path, recipe: str | Recipe = "best", *, folds: int = 5, weights: str | Path = "imagenet", resume: bool = False,
    exact: bool = False, guard: Guard = Guard(), progress: Progress = show_nothing,
) -> Training:  # fmt: skip
    """Trains a head without each fold of the photographs outside the test split, and writes all of them to `out` as one RUN.

    The backbone stays frozen; a recipe by name gives what it does with the head alone. A validation split that the data give is one with the rest.
    The other options, and what is raised, are those of `train`; `UsageError` too for a recipe that trains the backbone.
    """
    started, out = time.perf_counter(), Path(out)
    recipe = find_head_recipe(recipe) if isinstance(recipe, str) else recipe
    if recipe.finetune:
        raise UsageError("--folds with --finetune: an ensemble has one frozen backbone and a head for each fold; leave --finetune out, or --folds")
    check_folds(folds)
    check_start(out, recipe, resume)
    labelled = load_labelled(data)
    ready = get_ready(labelled.assign(split=labelled.table["split"].replace("validation", "train")), recipe, weights, exact=exact, guard=guard, progress=progress)
    refuse_known(ready.dataset, weights)  # each judges once
    parts = assign_folds(ready.dataset, folds, recipe.seed)
    keep_settings(out / "checkpoint" / "settings.json", {**ready.settings, "folds": folds})
    write_sides(out / SPLITS, ready.dataset, parts)
    keep_past(out / PAST, ready.dataset, weights)
    sample = Sample(ready.features, ready.dataset.malignant)
    trained = [
        train_head(recipe, sample, parts == fold, out / "checkpoint" / f"fold_{fold:02}.npz", progress, prefix=f"fold_{fold:02}_")
        for fold in progress(range(folds), total=folds, label="folds")
    ]
    seconds = time.perf_counter() - started
    bundle, validation = write_ensemble(out, recipe, ready, parts, trained, exact, seconds)
    shutil.rmtree(out / "checkpoint")
    return Training(bundle, validation, ready.problems, seconds, ready.material)


Trained = list[tuple[keras.Model, pd.DataFrame]]  # of each fold its head, and the head's history


def write_sides(path: Path, dataset: Dataset, parts: np.ndarray) -> None:
    """`splits.csv`: each photograph was validation for the head of its `fold`, and training for the others."""
    table = dataset.table.assign(split="validation", fold=parts, group=dataset.groups, sha256=dataset.digests)
    with write_whole(path) as temporary:
        table[["image", "label", "split", "fold", "group", "sha256"]].to_csv(temporary, index=False)


def write_ensemble(
    out: Path, recipe: Recipe, ready: Ready, parts: np.ndarray, trained: Trained, exact: bool, seconds: float
) -> tuple[Any, Assessment]:
    """Writes everything that a RUN holds; the card comes last and makes it valid."""
    network = join_heads(ready.network, [head for head, _ in trained])
    write_model(out, network, pd.concat([history.assign(stage=f"fold {fold}") for fold, (_, history) in enumerate(trained)], ignore_index=True))
    malignant = ready.dataset.malignant
    check = None if exact else check_precision(out / GRAPH, ready.dataset.table["image"].tolist(), malignant, recipe.operating_point)
    logits = answer_held_out([head for head, _ in trained], ready.features, parts)
    points = measure_photos(out / GRAPH, check, ready.dataset).points if ready.output == "middle" else ready.features
    judgement, distance = judge_folds(out, recipe, check, Measured(logits, points, malignant, ready.output, ready.dataset.groups), parts)
    card = describe_ensemble(recipe, ready, parts, trained, seconds) | {"parameters": network.full.count_params()} | judgement
    return finish_run(out, card, exact, lambda predictor: assess(predictor, ready.dataset, decide_held_out(predictor, ready.dataset, logits, distance), "validation"))


def answer_held_out(heads: list[keras.Model], features: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The logit, float (n,), of each photograph by the head that has not seen it."""
    logits = np.empty(len(parts))
    for fold, head in enumerate(heads):
        logits[parts == fold] = answer_head(head, features[parts == fold])
    return logits


def decide_held_out(predictor: Predictor, dataset: Dataset, logits: np.ndarray, distance: np.ndarray) -> list[Prediction]:
    """The predictor's decisions from these logits and distances, float (n,), instead of those that the joined heads would give."""
    rows = zip(dataset.table["image"], predictor.calibration.apply(logits).tolist(), distance.tolist(), strict=True)
    return [predictor.describe(image, p, predictor.rule.decide(p, d)) for image, p, d in rows]


def describe_ensemble(recipe: Recipe, ready: Ready, parts: np.ndarray, trained: Trained, seconds: float) -> dict[str, Any]:
    """The card: what the model is, what it was made of, and how."""
    best = [int(history["epoch"][history["val_auroc"].idxmax()]) for _, history in trained]
    settings, dataset = ready.settings, ready.dataset
    return {
        **describe_making(),
        "architecture": f"{recipe.backbone}, global average pooling, {len(trained)} times 1024, 512, 1; the mean of the logits (sigmoid)",
        "backbone": recipe.backbone,
        "outputs": list(CLASSIFIES),
        "classes": list(CLASSES),
        "recipe": settings["recipe"],
        "weights": settings["weights"],
        "ensemble": {"folds": len(trained), "sizes": np.bincount(parts).tolist(), "best_epochs": best,
                     "aurocs": [float(history["val_auroc"].max()) for _, history in trained]},
        "best_epoch": best,
        "data": {"name": dataset.name, "fingerprint": settings["data_fingerprint"], "twins": settings["twins"], "left_out": settings["left_out"], **describe_pool(dataset)},
        "leaks": settings["leaks"],
        "seconds": round(seconds, 1),
    }  # fmt: skip


def describe_pool(dataset: Dataset) -> dict[str, Any]:
    """What a card says of photographs that were all learned from and all held out once."""
    table, facts = dataset.table, {"": len(dataset), "_malignant": int(dataset.malignant.sum()), "_groups": len(np.unique(dataset.groups))}
    return {
        **{f"{side}{what}": value for side in ("training", "validation") for what, value in facts.items()},
        "split": "folds",
        "known": {name: int(table[name].notna().sum()) for name in (*GROUP_COLUMNS, "source", "license", *SUBJECT_COLUMNS) if name in table},
        "sources": list_values(table, "source"), "licenses": list_values(table, "license"),
    }  # fmt: skip
