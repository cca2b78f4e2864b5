"""Training with masks: a decoder for a RUN that classifies, for one that is trained on the way, or for a RUN of its own."""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.data.files import hash_file, stage_folder, write_whole
from lentigo.data.masks import MaskSet, check_masks, list_masks
from lentigo.data.photos import Problem
from lentigo.data.progress import Progress, show_nothing
from lentigo.data.splits import refuse_leaks
from lentigo.errors import UsageError
from lentigo.models.backbones import find_backbone
from lentigo.models.bundle import CARD, CLASSIFIER, GRAPH, HISTORY, INT8_GRAPH, INT8_WEIGHTS, MASKS, SPLITS, Bundle, amend_bundle, open_bundle
from lentigo.models.decoder import attach_decoder, build_decoder, find_skips
from lentigo.models.graph import save_onnx
from lentigo.models.network import Network, build_answers, build_saved, open_network
from lentigo.training.decoding import MaskJob, build_decoder_stage
from lentigo.training.recipes import Recipe, find_recipe
from lentigo.training.sides import keep_settings
from lentigo.training.stages import run_stages


@dataclass(frozen=True)
class MaskTraining:
    """A finished training of a decoder: the RUN, its scores on validation, and what was left out."""

    bundle: Bundle
    validation: dict[str, float]
    problems: tuple[Problem, ...]
    seconds: float


def add_decoder(
    data: str | Path, run: str | Path, recipe: str | Recipe = "best", *, resume: bool = False, exact: bool = False, progress: Progress = show_nothing
) -> MaskTraining:
    """Trains a decoder on the trunk of a finished RUN and puts it into its graph; the classifier's answers stay as they are."""
    started, bundle = time.perf_counter(), open_bundle(run)
    recipe = dataclasses.replace(find_recipe(recipe) if isinstance(recipe, str) else recipe, backbone=bundle.card["backbone"])
    network = open_network(bundle.folder / CLASSIFIER, find_backbone(recipe.backbone))
    masks = load_training_masks(data, progress)
    decoder = build_decoder(find_skips(network), recipe.mask_width, recipe.seed)
    held_out = hold_out(masks, recipe, bundle.folder / SPLITS)
    job = MaskJob(recipe, attach_decoder(network, decoder), decoder, masks.take(~held_out), masks.take(held_out), bundle.folder / "checkpoint" / "state.npz", exact, progress)
    history = run_stages([partial(build_decoder_stage, job)], recipe, job.checkpoint, progress)
    best = history.loc[history["val_jaccard"].idxmax()]
    with stage_folder(bundle.folder / GRAPH) as folder:
        build_saved(job.network).save(folder / CLASSIFIER)
        save_onnx(build_answers(job.network), folder / GRAPH, "")
        before = pd.read_csv(bundle.folder / HISTORY)
        pd.concat([before, history]).to_csv(folder / HISTORY, index=False)
        entries = {"outputs": [*(name for name in bundle.outputs if name != "mask"), "mask"]}
        bundle = amend_bundle(bundle, sorted(folder.iterdir()), drop=(INT8_GRAPH, INT8_WEIGHTS), **entries)
    shutil.rmtree(job.checkpoint.parent)
    scores = {name.removeprefix("val_"): float(best[name]) for name in ("val_dice", "val_jaccard")}
    return MaskTraining(bundle, scores, masks.problems, time.perf_counter() - started)


def load_training_masks(data: str | Path, progress: Progress) -> MaskSet:
    """The pairs to train on: all but the test split, whose files stay closed."""
    listed = list_masks(data)
    refuse_leaks(listed.table, listed.name)
    return check_masks(listed.take((listed.table["split"] != "test").to_numpy()), progress=progress)


def hold_out(masks: MaskSet, recipe: Recipe, splits: Path) -> np.ndarray:
    """The validation photographs, bool (n,)."""
    names = np.unique(masks.groups)
    drawn = np.random.default_rng(recipe.seed).permutation(names)[: max(1, round(recipe.validation_split * len(names)))]
    return np.isin(masks.groups, drawn)
