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

import onnx
import pandas as pd

from lentigo.common.file_names import take_path
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems
from lentigo.common.staging import stage_folder
from lentigo.datasets.masks import MaskSet, check_masks, list_masks
from lentigo.errors import UsageError
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
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.mask_decoder import attach_decoder, build_decoder, choose_width, find_skips
from lentigo.models.networks.network import Network, open_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.training_record import PARTS, TrainingRecord, forget_everything
from lentigo.models.training_record_files import find_training_record, read_training_record
from lentigo.training.card import DISCLAIMER
from lentigo.training.masks.mask_files import (
    assess_decoder,
    describe_alone,
    describe_decoder,
    write_files,
    write_pages,
)
from lentigo.training.masks.mask_splits import choose_validation, keep_labelled
from lentigo.training.masks.mask_stages import MaskJob, build_decoder_stage, build_whole_stage
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import CHECKPOINTS, TRAINING_SETTINGS, check_folder, keep_settings
from lentigo.training.start.starting_network import start_training
from lentigo.training.start.weights import name_source, take_backbone
from lentigo.training.trainer import Training, train
from lentigo.training.training_set import LeakPolicy, check_training_set

DECODER_WORK = "decoder"  # the folder within a finished RUN in which a decoder grows


@dataclass(frozen=True, repr=False, eq=False)
class MaskTraining(Summarized):
    """A finished training of a decoder.

    Attributes:
        bundle: The RUN.
        validation: Its scores on validation.
        classifier: The training of the classifier where that came first.
        problems: The photographs and masks that could not be used.
        seconds: The training took.
    """

    bundle: Bundle
    validation: MaskAssessment
    classifier: Training | None
    problems: tuple[Problem, ...]
    seconds: float

    def summarize(self) -> str:
        """What matters most, in a few words."""
        words = (
            f"{str(self.bundle.folder)!r}, {self.seconds:.0f} s; validation: {self.validation.summarize()}"
        )
        return add_problems(words, self.problems)


@dataclass(frozen=True)
class MaskPlan:
    """What is to be trained, on what, and how.

    Attributes:
        masks: The photographs with their masks.
        facts: What the card says of leaks and duplicates.
        recipe: Of the training.
        weights: Those of the backbone.
        finetune: Whether the backbone learns, too.
        resume: Whether an unfinished decoder goes on.
        fp32: Whether feature maps are computed in fp32.
        progress: Watches the work.
    """

    masks: MaskSet
    facts: dict[str, Any]
    recipe: Recipe
    weights: str | Path
    finetune: bool
    resume: bool
    fp32: bool
    progress: Progress

    def make_job(self, network: Network, learned: TrainingRecord, work: Path) -> MaskJob:
        """Makes the training of a new decoder on a network.

        Args:
            network: Without a decoder, or with one that is replaced.
            learned: The photographs that the network has learned from.
            work: A folder that keeps the checkpoint and the settings that a resumed call must share.

        Returns:
            The training.
        """
        # 0 in the recipe: as wide as the backbone's cost allows
        width = self.recipe.mask_width or choose_width(network)
        decoder = build_decoder(find_skips(network), width, self.recipe.seed)
        attached = attach_decoder(network, decoder)
        held_out = choose_validation(self.masks, self.recipe, learned)
        settings = {
            "recipe": asdict(self.recipe),
            "weights": name_source(self.weights),
            "finetune": self.finetune,
            "fp32": self.fp32,
            "data_fingerprint": self.masks.fingerprint,
            **self.facts,
        }
        keep_settings(work / TRAINING_SETTINGS, settings)
        return MaskJob(attached, decoder, self.recipe, self.masks, held_out, work, self.fp32, self.progress)


def train_masks(
    data: str | Path | MaskSet,
    out: str | Path,
    recipe: str | Path | Recipe = "best",
    *,
    weights: str | Path = "imagenet",
    finetune: bool = False,
    resume: bool = False,
    fp32: bool = False,
    leak_policy: LeakPolicy = LeakPolicy(),
    progress: Progress = show_nothing,
) -> MaskTraining:
    """Trains a mask decoder. Nothing is learned or chosen on the test split, whose masks stay closed.

    Where `out` is a finished RUN the decoder is put into it: its backbone is used, whatever the recipe names,
    and its other outputs stay as they are. Where `out` is new and the manifest has labels of both classes, a
    classifier is trained first, as by `train`. Where it has none, the RUN has a decoder and no classifier.

    Args:
        data: A manifest (`image,mask` and optionally `label`), or one that is loaded already.
        out: The RUN.
        recipe: "best", "seed", a JSON file, or a recipe.
        weights: Those of the backbone of a new RUN, as in `train`.
        finetune: Whether the backbone of a new RUN learns, too: with the classifier where one is trained, else
            with the decoder.
        resume: Whether an unfinished training goes on.
        fp32: Whether feature maps are computed in fp32.
        leak_policy: What is done about leaks into the test split.
        progress: Watches the work.

    Returns:
        The RUN and its scores on validation; pairs that cannot be used are left out and listed.

    Raises:
        UsageError: The call is wrong.
        DataError: The photographs or the masks cannot be used.
        ModelError: The weights cannot be used.
        SpaceError: The disk is full.
    """
    started = time.perf_counter()
    out = take_path(out, "out", "the name of a folder")
    recipe = find_recipe(recipe, **take_backbone(recipe, weights, {}))
    listed = list_masks(data)
    is_finished = (out / CARD).is_file()
    if finetune and is_finished:
        raise UsageError(
            f"--finetune would change the classifier of {out}; expected a new RUN: leave --finetune out, or "
            "name another --out"
        )
    if finetune and listed.labelled:  # the backbone learns with the classifier
        recipe = dataclasses.replace(recipe, finetune=True)
        finetune = False
    training_set = check_training_set(listed, leak_policy, progress)
    # Opened after leaks are found: what is left out need not be read
    masks = check_masks(training_set.dataset, progress=progress)
    facts = {"leak_policy": asdict(leak_policy), **training_set.describe()}
    classifier = None
    if masks.labelled and not is_finished:
        # A set that was loaded may hold pairs without a label
        labelled = keep_labelled(data) if isinstance(data, MaskSet) else data
        classifier = train(
            labelled,
            out,
            recipe,
            weights=weights,
            resume=resume,
            fp32=fp32,
            leak_policy=leak_policy,
            progress=progress,
        )
    plan = MaskPlan(masks, facts, recipe, weights, finetune, resume, fp32, progress)
    if is_finished or classifier is not None:
        bundle, validation = add_decoder(plan, open_bundle(out))
    else:
        bundle, validation = train_alone(plan, out)
    problems = [*masks.problems, *validation.problems]
    if classifier is not None:
        problems = [*classifier.problems, *problems]
    unique_problems = tuple(dict.fromkeys(problems))  # the classifier has read the same photographs
    return MaskTraining(bundle, validation, classifier, unique_problems, time.perf_counter() - started)


def add_decoder(plan: MaskPlan, bundle: Bundle) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder on the backbone of a finished RUN and puts it into its graph."""
    started = time.perf_counter()
    work = bundle.folder / DECODER_WORK
    if work.is_dir() and not plan.resume:
        raise UsageError(
            f"{bundle.folder}: holds an unfinished decoder; go on with --resume, or remove {work}"
        )
    backbone = bundle.card["backbone"]
    recipe = dataclasses.replace(plan.recipe, backbone=backbone)
    plan = dataclasses.replace(plan, recipe=recipe, weights="the RUN's own")
    network = open_network(bundle.folder / CLASSIFIER, find_backbone(backbone))
    learned = read_training_record(bundle)
    job = plan.make_job(network, learned, work)
    history = job.run([build_decoder_stage])
    # The decoder's epochs take the place of those of an earlier one
    before = pd.read_csv(bundle.folder / HISTORY)
    whole_history = pd.concat([before[before["stage"] != "decoder"], history])
    doc = onnx.load(bundle.graph, load_external_data=False).doc_string
    with stage_folder(bundle.folder / GRAPH) as folder:
        write_files(folder, job, whole_history, doc, learned)
        decoder = describe_decoder(job, history, plan.facts, started)
        entries: dict[str, Any] = {
            "outputs": list(build_export_model(job.network).output),
            "decoder": decoder,
        }
        if "int8" in bundle.card:  # its graph has no decoder
            entries["int8"] = None
        validation = assess_decoder(folder, {**bundle.card, **entries}, job, decoder)
        files = sorted(folder.iterdir())
        # The old int8 graph is dropped with the same change: it has no decoder
        bundle = amend_bundle(bundle, files, drop=(INT8_GRAPH, INT8_WEIGHTS), **entries)
    write_pages(bundle, history)
    shutil.rmtree(work)
    return bundle, dataclasses.replace(validation, model=bundle.name)


def train_alone(plan: MaskPlan, out: Path) -> tuple[Bundle, MaskAssessment]:
    """Trains a decoder, with `finetune` its backbone too, and writes a RUN that has no classifier."""
    started = time.perf_counter()
    work = out / CHECKPOINTS
    check_folder(out, plan.resume)
    network = start_training(plan.recipe, plan.weights, plan.masks)
    # What the start classified is not part of this RUN
    network = dataclasses.replace(network, classifier=None, head=None)
    job = plan.make_job(network, forget_everything(), work)
    builders = [build_decoder_stage]
    parts: tuple[str, ...] = ("decoder",)
    if plan.finetune:
        builders.append(build_whole_stage)
        parts = PARTS
    history = job.run(builders)
    write_files(out, job, history, DISCLAIMER, find_training_record(plan.weights), parts)
    card = describe_alone(job, name_source(plan.weights))
    card["decoder"] = describe_decoder(job, history, plan.facts, started)
    draft = draft_bundle(out, card)
    validation = assess_decoder(out, draft.card, job, draft.card["decoder"])
    bundle = finish_bundle(draft, {})
    write_pages(bundle, history)
    shutil.rmtree(work)
    return bundle, validation
