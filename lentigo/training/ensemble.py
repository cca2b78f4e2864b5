"""Cross-validation that ends in one RUN: K heads on one frozen trunk, their logits and heatmaps averaged in one graph.

Each head has learned without one fold. The RUN answers with the mean of all of them, and a mean is less sure than one head is: calibration, threshold and validation scores have to come from means, too. So for each
two folds another head learns without both. Of a photograph of one fold, the heads without that fold and each other one have seen nothing: their mean, of one head less, stands for what the RUN will say of a new photograph.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from itertools import combinations
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
from lentigo.evaluation.precision import PrecisionCheck, check_precision
from lentigo.inference.prediction import Prediction, Predictor
from lentigo.models.bundle import CLASSIFIES, GRAPH, LEARNED, SPLITS
from lentigo.models.deep_learning import keras
from lentigo.models.network import join_heads
from lentigo.training.features import extract_features
from lentigo.training.folds import assign_folds, check_folds
from lentigo.training.heads import Sample, answer_head, train_head
from lentigo.training.judgement import Measured, judge_folds, measure_no_lesions, measure_photos
from lentigo.training.recipes import Recipe, find_head_recipe
from lentigo.training.sides import Guard, Start, find_start, keep_learned, keep_settings, load_labelled, refuse_known
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
    if folds < FEWEST:
        raise UsageError(f"--folds {folds}: expected {FEWEST} at least; the mean of the heads is calibrated by heads that have learned without two of them")
    check_start(out, recipe, resume)
    labelled = load_labelled(data)
    ready = get_ready(labelled.assign(split=labelled.table["split"].replace("validation", "train")), recipe, weights, exact=exact, guard=guard, progress=progress)
    start = find_start(weights)
    refuse_known(ready.dataset, start, progress)  # each judges once
    parts = assign_folds(ready.dataset, folds, recipe.seed)
    keep_settings(out / "checkpoint" / "settings.json", {**ready.settings, "folds": folds})
    keep_learned(out / LEARNED, ready.dataset, parts >= 0, start, progress)
    write_sides(out / SPLITS, ready.dataset, parts)
    heads = learn_folds(out, recipe, ready, parts, exact, progress)
    if heads.check is not None and not heads.check.neutral:  # the features are in bf16, and fp32 will be served: once more, in that
        exact, check = True, heads.check
        features = extract_features(ready.network, ready.dataset, exact=True, progress=progress)
        ready = replace(ready, features=features.values)
        heads = replace(learn_folds(out, recipe, ready, parts, exact, progress), check=check)
    logits = answer_held_out(out / "checkpoint", recipe, ready, parts, exact, progress)
    seconds = time.perf_counter() - started
    bundle, validation = write_ensemble(out, recipe, ready, start, parts, heads, logits, exact, seconds)
    shutil.rmtree(out / "checkpoint")
    return Training(bundle, validation, ready.problems, seconds, ready.material)


@dataclass(frozen=True)
class Heads:
    """The heads of an ensemble with their histories, the number of parameters of the joined network, and how bf16 compares with fp32."""

    trained: list[tuple[keras.Model, pd.DataFrame]]
    parameters: int
    check: PrecisionCheck | None


def learn_folds(out: Path, recipe: Recipe, ready: Ready, parts: np.ndarray, exact: bool, progress: Progress) -> Heads:
    """Trains a head without each fold, writes graph and model of all of them, and compares bf16 with fp32."""
    sample = Sample(ready.features, ready.dataset.malignant)
    folds = int(parts.max()) + 1
    trained = []
    for fold in progress(range(folds), total=folds, label="folds"):
        path = out / "checkpoint" / f"fold_{fold:02}{end_name(exact)}.npz"
        trained.append(train_head(recipe, sample, parts == fold, path, progress, prefix=f"fold_{fold:02}_"))
    histories = [history.assign(stage=f"fold {fold}") for fold, (_, history) in enumerate(trained)]
    network = join_heads(ready.network, [head for head, _ in trained])
    write_model(out, network, pd.concat(histories, ignore_index=True))
    check = check_precision(out / GRAPH, ready.dataset, recipe.operating_point, exact=exact)
    return Heads(trained, network.full.count_params(), check)


def end_name(exact: bool) -> str:
    """The end of a checkpoint's name: training on features in fp32 is another training."""
    return "_f32" if exact else ""


FEWEST = 3  # folds


def write_sides(path: Path, dataset: Dataset, parts: np.ndarray) -> None:
    """`splits.csv`: each photograph was validation for the head of its `fold`, and training for the others."""
    table = dataset.table.assign(split="validation", fold=parts, group=dataset.groups, sha256=dataset.digests)
    with write_whole(path) as temporary:
        table[["image", "label", "split", "fold", "group", "sha256"]].to_csv(temporary, index=False)


def write_ensemble(
    out: Path, recipe: Recipe, ready: Ready, start: Start, parts: np.ndarray, heads: Heads, logits: np.ndarray, exact: bool, seconds: float
) -> tuple[Any, Assessment]:
    """Writes what a RUN holds beside graph and model; the card comes last and makes it valid."""
    points = ready.features
    if ready.output == "middle":
        points = measure_photos(out / GRAPH, heads.check, ready.dataset, ready.output).points
    no_lesions = measure_no_lesions(out / GRAPH, heads.check, ready.output)
    measured = Measured(logits, points, ready.dataset.malignant, ready.output, ready.dataset.groups, no_lesions=no_lesions)
    judgement, distance = judge_folds(out, recipe, heads.check, measured, parts)
    card = describe_ensemble(recipe, ready, parts, heads.trained, seconds) | {"parameters": heads.parameters, "start": start.describe()} | judgement
    return finish_run(out, card, exact, lambda predictor: assess(predictor, ready.dataset, decide_held_out(predictor, ready.dataset, logits, distance), "validation"))


def answer_held_out(
    checkpoints: Path, recipe: Recipe, ready: Ready, parts: np.ndarray, exact: bool, progress: Progress
) -> np.ndarray:
    """The mean logit, float (n,), of each photograph by heads that have learned without its fold and one other fold each."""
    sample = Sample(ready.features, ready.dataset.malignant)
    folds = int(parts.max()) + 1
    pairs = list(combinations(range(folds), 2))
    sums = np.zeros(len(parts))
    for first, second in progress(pairs, total=len(pairs), label="pairs of folds"):
        held_out = (parts == first) | (parts == second)
        path = checkpoints / f"pair_{first:02}_{second:02}{end_name(exact)}.npz"
        head, _ = train_head(recipe, sample, held_out, path, progress)
        sums[held_out] += answer_head(head, ready.features[held_out])
    return sums / (folds - 1)


def decide_held_out(predictor: Predictor, dataset: Dataset, logits: np.ndarray, distance: np.ndarray) -> list[Prediction]:
    """The predictor's decisions from these logits and distances, float (n,), instead of those that the joined heads would give."""
    rows = zip(dataset.table["image"], predictor.calibration.apply(logits).tolist(), distance.tolist(), strict=True)
    return [predictor.describe(image, p, predictor.rule.decide(p, d)) for image, p, d in rows]


def describe_ensemble(recipe: Recipe, ready: Ready, parts: np.ndarray, trained: list, seconds: float) -> dict[str, Any]:
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
