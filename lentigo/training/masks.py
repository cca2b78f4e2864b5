"""Training with masks: a decoder for a RUN that classifies, for one that is trained on the way, or for a RUN of its own."""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import pandas as pd

from lentigo.data.files import stage_folder
from lentigo.data.leaks import gather_leaks, refuse_leaks
from lentigo.data.masks import MaskSet, check_masks, list_masks
from lentigo.data.photos import Problem
from lentigo.data.progress import Progress, show_nothing
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.segmentation import MaskAssessment
from lentigo.models.backbones import find_backbone
from lentigo.models.bundle import (
    CARD,
    CLASSIFIER,
    GRAPH,
    HISTORY,
    INT8_GRAPH,
    INT8_WEIGHTS,
    SPLITS,
    Bundle,
    amend_bundle,
    draft_bundle,
    finish_bundle,
    open_bundle,
)
from lentigo.models.decoder import attach_decoder, build_decoder, choose_width, find_skips
from lentigo.models.network import Network, build_answers, build_network, open_network, settle_norms
from lentigo.training.decoding import MaskJob, build_decoder_stage, build_whole_stage
from lentigo.training.deposits import describe_alone, describe_decoder, finish_papers, judge, write_files
from lentigo.training.recipes import Recipe, find_recipe
from lentigo.training.sides import check_folder, keep_settings
from lentigo.training.trainer import DISCLAIMER, Training, name_source, read_sample, train

WORK = "decoder"  # the folder within a finished RUN in which a decoder grows


@dataclass(frozen=True)
class MaskTraining:
    """A finished training of a decoder: the RUN, its scores on validation, the training of the classifier where that came first, and what was left out."""

    bundle: Bundle
    validation: MaskAssessment
    classifier: Training | None
    problems: tuple[Problem, ...]
    seconds: float


def train_masks(
    data: str | Path, out: str | Path, recipe: str | Recipe = "best", *, weights: str | Path = "imagenet", unfreeze: bool = False,
    resume: bool = False, exact: bool = False, progress: Progress = show_nothing,
) -> MaskTraining:  # fmt: skip
    """Trains a decoder from the photographs and masks of a manifest (`image,mask`), whose test split is never read.

    Where `out` is a finished RUN the decoder is put into it: its backbone is used, whatever the recipe names, and its trunk and its other
    answers stay as they are. Where `out` is new and the manifest has labels of both classes, a classifier is trained first, as by `train`.
    Where it has none, the RUN has a decoder and no classifier; then `unfreeze` trains the trunk too.
    Raises `UsageError`, `DataError`, `ModelError` and `SpaceError`; pairs that cannot be used are left out and listed in the answer.
    """
    started, out = time.perf_counter(), Path(out)
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    masks, classifier = load_training_masks(data, progress), None
    if unfreeze and (masks.labelled or (out / CARD).is_file()):
        raise UsageError("--unfreeze would change the classifier; expected a new RUN and a manifest without labels: leave one of them out")
    if not (out / CARD).is_file() and not masks.labelled:
        bundle, validation = train_alone(masks, out, recipe, weights=weights, unfreeze=unfreeze, resume=resume, exact=exact, progress=progress)
    else:
        if not (out / CARD).is_file():
            classifier = train(data, out, recipe, weights=weights, resume=resume, exact=exact, progress=progress)
        bundle, validation = add_decoder(masks, open_bundle(out), recipe, resume=resume, exact=exact, progress=progress)
    problems = tuple(dict.fromkeys((*(classifier.problems if classifier else ()), *masks.problems, *validation.problems)))
    return MaskTraining(bundle, validation, classifier, problems, time.perf_counter() - started)


def load_training_masks(data: str | Path, progress: Progress) -> MaskSet:
    """The pairs to train on: all but the test split, whose files stay closed. Raises `DataError` where they cannot be used."""
    listed = list_masks(data)
    leaks = gather_leaks(listed)
    if leaks:
        refuse_leaks(leaks, listed.name)
    kept = listed.take((listed.table["split"] != "test").to_numpy())
    if not len(kept):
        raise DataError(f"{listed.name}: all of its photographs are in the test split; expected some to train on")
    return check_masks(kept, progress=progress)


def add_decoder(masks: MaskSet, bundle: Bundle, recipe: Recipe, *, resume: bool, exact: bool, progress: Progress) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder on the trunk of a finished RUN and puts it into its graph."""
    started, work = time.perf_counter(), bundle.folder / WORK
    if work.is_dir() and not resume:
        raise UsageError(f"{bundle.folder}: holds an unfinished decoder; go on with --resume, or remove {work}")
    recipe = dataclasses.replace(recipe, backbone=bundle.card["backbone"])
    network = open_network(bundle.folder / CLASSIFIER, find_backbone(recipe.backbone))
    held_out = hold_out(masks, recipe, bundle.folder / SPLITS)
    job = plan_job(network, recipe, masks, held_out, work, exact, progress)
    keep_settings(work / "settings.json", {"recipe": asdict(recipe), "exact": exact, "data_fingerprint": masks.fingerprint})
    history = job.run([build_decoder_stage])
    with stage_folder(bundle.folder / GRAPH) as folder:
        doc = onnx.load(bundle.graph, load_external_data=False).doc_string
        before = pd.read_csv(bundle.folder / HISTORY)
        write_files(folder, job, pd.concat([before[before["stage"] != "decoder"], history]), doc)
        entries = {"int8": None} if "int8" in bundle.card else {}
        entries |= {"outputs": list(build_answers(job.network).output), "decoder": describe_decoder(job, history, started)}
        validation = judge(folder, {**bundle.card, **entries}, job, entries["decoder"])
        bundle = amend_bundle(bundle, sorted(folder.iterdir()), drop=(INT8_GRAPH, INT8_WEIGHTS), **entries)
    finish_papers(bundle, history)
    shutil.rmtree(work)
    return bundle, validation


def train_alone(
    masks: MaskSet, out: Path, recipe: Recipe, *, weights: str | Path, unfreeze: bool, resume: bool, exact: bool, progress: Progress
) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder, with `unfreeze` its trunk too, and writes a RUN that has no classifier."""
    started = time.perf_counter()
    check_folder(out, resume)
    network = dataclasses.replace(build_network(find_backbone(recipe.backbone), weights, seed=recipe.seed), full=None, head=None)
    if str(weights) == "none":
        settle_norms(network, read_sample(masks))
    job = plan_job(network, recipe, masks, hold_out(masks, recipe, out / SPLITS), out / "checkpoint", exact, progress)
    settings = {"recipe": asdict(recipe), "weights": name_source(weights), "exact": exact, "data_fingerprint": masks.fingerprint, "unfreeze": unfreeze}
    keep_settings(out / "checkpoint" / "settings.json", settings)
    history = job.run([build_decoder_stage, build_whole_stage] if unfreeze else [build_decoder_stage])
    write_files(out, job, history, DISCLAIMER)
    draft = draft_bundle(out, describe_alone(job, history, settings, started))
    validation = judge(out, draft.card, job, draft.card["decoder"])
    bundle = finish_bundle(draft, {})
    finish_papers(bundle, history)
    shutil.rmtree(out / "checkpoint")
    return bundle, validation


def plan_job(network: Network, recipe: Recipe, masks: MaskSet, held_out: np.ndarray, work: Path, exact: bool, progress: Progress) -> MaskJob:
    """The training of a new decoder on a network, in the folder `work`."""
    decoder = build_decoder(find_skips(network), recipe.mask_width or choose_width(network), recipe.seed)
    return MaskJob(recipe, attach_decoder(network, decoder), decoder, masks, held_out, work, exact, progress)


def hold_out(masks: MaskSet, recipe: Recipe, splits: Path) -> np.ndarray:
    """The validation photographs, bool (n,): as the manifest says, else as the classifier's were where it knows them all, else drawn by groups.

    Raises `DataError` where there are too few groups for two sides.
    """
    given = (masks.table["split"] == "validation").to_numpy()
    if not given.any() and splits.is_file():
        known = pd.read_csv(splits, dtype=str).drop_duplicates("sha256").set_index("sha256")["split"]
        sides = pd.Series(masks.digests).map(known)
        given = (sides == "validation").to_numpy() & bool(sides.notna().all())
    if given.any() and not given.all():
        return given
    names = np.unique(masks.groups)
    if len(names) < 2:
        raise DataError(f"{masks.name}: its photographs with masks are of one group (patient, lesion or file); expected two at least, for training and validation")
    count = int(np.clip(round(recipe.validation_split * len(names)), 1, len(names) - 1))
    return np.isin(masks.groups, np.random.default_rng(recipe.seed).permutation(names)[:count])
