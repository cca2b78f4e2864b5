"""Training with masks: a decoder for a RUN that classifies, for one that is trained on the way, or for a RUN
of its own.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from lentigo.common.files import stage_folder
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.masks import MaskSet, check_masks, list_masks
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.masks.mask_assessment import MaskAssessment
from lentigo.images.problems import Problem
from lentigo.models.bundle import (
    CARD,
    CLASSIFIER,
    GRAPH,
    HISTORY,
    INT8_GRAPH,
    INT8_WEIGHTS,
    Bundle,
    amend_bundle,
    draft_bundle,
    finish_bundle,
    open_bundle,
)
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.mask_decoder import attach_decoder, build_decoder, choose_width, find_skips
from lentigo.models.networks.network import Network, open_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.training_record import (
    PARTS,
    TrainingRecord,
    find_training_record,
    forget_everything,
    read_training_record,
)
from lentigo.splits.splits import hold_out_share
from lentigo.training.masks.mask_files import (
    describe_alone,
    describe_decoder,
    finish_papers,
    judge,
    write_files,
)
from lentigo.training.masks.mask_stages import MaskJob, build_decoder_stage, build_whole_stage
from lentigo.training.preparation import LeakPolicy, check_folder, check_training_set, keep_settings
from lentigo.training.recipes import Recipe, find_recipe
from lentigo.training.trainer import DISCLAIMER, Training, name_source, read_sample, train

WORK = "decoder"  # the folder within a finished RUN in which a decoder grows


@dataclass(frozen=True)
class MaskTraining:
    """A finished training of a decoder: the RUN, its scores on validation, the training of the classifier
    where that came first, and what was left out.
    """

    bundle: Bundle
    validation: MaskAssessment
    classifier: Training | None
    problems: tuple[Problem, ...]
    seconds: float


@dataclass(frozen=True)
class Request:
    """What is to be trained, on what, and how; `facts` is what the card says of leaks and twins."""

    masks: MaskSet
    facts: dict[str, Any]
    recipe: Recipe
    weights: str | Path
    finetune: bool
    resume: bool
    fp32: bool
    progress: Progress

    def plan(self, network: Network, learned: TrainingRecord, work: Path) -> MaskJob:
        """The training of a new decoder on a network, in the folder `work`, which keeps the settings that a
        resumed call must share.
        """
        decoder = build_decoder(
            find_skips(network), self.recipe.mask_width or choose_width(network), self.recipe.seed
        )
        attached, held_out = attach_decoder(network, decoder), hold_out(self.masks, self.recipe, learned)
        settings = {
            "recipe": asdict(self.recipe),
            "weights": name_source(self.weights),
            "finetune": self.finetune,
            "fp32": self.fp32,
            "data_fingerprint": self.masks.fingerprint,
            **self.facts,
        }
        keep_settings(work / "settings.json", settings)
        return MaskJob(attached, decoder, self.recipe, self.masks, held_out, work, self.fp32, self.progress)


def train_masks(
    data: str | Path | MaskSet,
    out: str | Path,
    recipe: str | Recipe = "best",
    *,
    weights: str | Path = "imagenet",
    finetune: bool = False,
    resume: bool = False,
    fp32: bool = False,
    leak_policy: LeakPolicy = LeakPolicy(),
    progress: Progress = show_nothing,
) -> MaskTraining:
    """Trains a decoder from the photographs and masks of a manifest (`image,mask`). Nothing is learned or
    chosen on its test split, whose masks stay closed; `guard` says how leaks into it are kept out.

    Where `out` is a finished RUN the decoder is put into it: its backbone is used, whatever the recipe names,
    and its trunk and its other answers stay as they are. Where `out` is new and the manifest has labels of
    both classes, a classifier is trained first, as by `train`. Where it has none, the RUN has a decoder and
    no classifier; then `unfreeze` trains the trunk too. Raises `UsageError`, `DataError`, `ModelError` and
    `SpaceError`; pairs that cannot be used are left out and listed in the answer.
    """
    started, out = time.perf_counter(), Path(out)
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    listed, finished, classifier = list_masks(data), (out / CARD).is_file(), None
    if finetune and (listed.labelled or finished):
        raise UsageError(
            "--finetune would change the classifier; expected a new RUN and a manifest without labels: "
            "leave one of them out"
        )
    training_set = check_training_set(listed, leak_policy, progress)
    masks = check_masks(training_set.dataset, progress=progress)
    facts = {"leak_policy": asdict(leak_policy), **training_set.describe()}
    if masks.labelled and not finished:
        classifier = train(
            keep_labelled(data) if isinstance(data, MaskSet) else data,
            out,
            recipe,
            weights=weights,
            resume=resume,
            fp32=fp32,
            leak_policy=leak_policy,
            progress=progress,
        )
    request = Request(masks, facts, recipe, weights, finetune, resume, fp32, progress)
    bundle, validation = (
        add_decoder(request, open_bundle(out)) if finished or classifier else train_alone(request, out)
    )
    problems = tuple(
        dict.fromkeys((*(classifier.problems if classifier else ()), *masks.problems, *validation.problems))
    )
    return MaskTraining(bundle, validation, classifier, problems, time.perf_counter() - started)


def keep_labelled(masks: MaskSet) -> Dataset:
    """The photographs of some pairs that have a label, for a classifier."""
    known = masks.table["label"].notna()
    return Dataset(masks.name, masks.table[known].reset_index(drop=True), masks.problems)


def add_decoder(request: Request, bundle: Bundle) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder on the trunk of a finished RUN and puts it into its graph."""
    started, work = time.perf_counter(), bundle.folder / WORK
    if work.is_dir() and not request.resume:
        raise UsageError(
            f"{bundle.folder}: holds an unfinished decoder; go on with --resume, or remove {work}"
        )
    request = dataclasses.replace(
        request,
        recipe=dataclasses.replace(request.recipe, backbone=bundle.card["backbone"]),
        weights="the RUN's own",
    )
    network = open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    job = request.plan(network, read_training_record(bundle), work)
    history = job.run([build_decoder_stage])
    with stage_folder(bundle.folder / GRAPH) as folder:
        doc = onnx.load(bundle.graph, load_external_data=False).doc_string
        before = pd.read_csv(bundle.folder / HISTORY)
        write_files(
            folder,
            job,
            pd.concat([before[before["stage"] != "decoder"], history]),
            doc,
            read_training_record(bundle),
        )
        entries = {"int8": None} if "int8" in bundle.card else {}
        entries |= {
            "outputs": list(build_export_model(job.network).output),
            "decoder": describe_decoder(job, history, request.facts, started),
        }
        validation = judge(folder, {**bundle.card, **entries}, job, entries["decoder"])
        bundle = amend_bundle(bundle, sorted(folder.iterdir()), drop=(INT8_GRAPH, INT8_WEIGHTS), **entries)
    finish_papers(bundle, history)
    shutil.rmtree(work)
    return bundle, dataclasses.replace(validation, model=bundle.name)


def train_alone(request: Request, out: Path) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder, with `unfreeze` its trunk too, and writes a RUN that has no classifier."""
    started, recipe, work = time.perf_counter(), request.recipe, out / "checkpoint"
    check_folder(out, request.resume)
    network = dataclasses.replace(
        start_network(find_backbone(recipe.backbone), request.weights, seed=recipe.seed), full=None, head=None
    )
    if str(request.weights) == "none":
        fit_batch_norms(network.feature_extractor, read_sample(request.masks))
    job = request.plan(network, forget_everything(), work)
    history = job.run([build_decoder_stage, build_whole_stage] if request.finetune else [build_decoder_stage])
    parts = PARTS if request.finetune else ("decoder",)
    write_files(out, job, history, DISCLAIMER, find_training_record(request.weights), parts)
    card = describe_alone(job, name_source(request.weights)) | {
        "decoder": describe_decoder(job, history, request.facts, started)
    }
    draft = draft_bundle(out, card)
    validation = judge(out, draft.card, job, draft.card["decoder"])
    bundle = finish_bundle(draft, {})
    finish_papers(bundle, history)
    shutil.rmtree(work)
    return bundle, validation


def hold_out(masks: MaskSet, recipe: Recipe, learned: TrainingRecord) -> np.ndarray:
    """The validation photographs, bool (n,): as the manifest says, else as the classifier's were where it
    knows them all, else drawn by groups.

    Raises `DataError` where there are too few groups for two sides.
    """
    given = (masks.table["split"] == "validation").to_numpy()
    if not given.any() and len(learned):
        known = learned.recognise(masks.table["image"].tolist(), masks.digests)
        if all(known):
            given = np.array([image.split == "validation" for image in known])
    if given.any() and not given.all():
        return given
    if len(np.unique(masks.groups)) < 2:
        raise DataError(
            f"{masks.name}: its photographs with masks are of one group (patient, lesion or file); expected "
            "two at least, for training and validation"
        )
    one_class = np.zeros(len(masks.groups), int)
    return hold_out_share(one_class, masks.groups, masks.digests, recipe.validation_split, recipe.seed)
