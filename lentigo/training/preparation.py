"""What a training starts from: the network with its frozen backbone, and the photographs with their
features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem
from lentigo.inference.decisions.operating_point import check_rule
from lentigo.models.bundle import find_bundle, is_run
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.mask_decoder import attach_decoder, build_decoder, choose_width, find_skips
from lentigo.models.networks.network import Network, attach_diagnosis
from lentigo.training.calibration.precision_check import PrecisionCheck
from lentigo.training.loop.devices import check_batch
from lentigo.training.recipes import Recipe
from lentigo.training.run_folder import CHECKPOINTS, check_folder
from lentigo.training.stage_builders import TrainingJob
from lentigo.training.start.features import extract_features, find_readable
from lentigo.training.start.starting_network import build_start, extract_start_features, settle_random
from lentigo.training.start.weights import name_source
from lentigo.training.training_set import LeakPolicy, TrainingSet, check_training_set
from lentigo.training.views.background_swap import keep_usable_masks


@dataclass(frozen=True)
class PreparedTraining:
    """What a training starts from.

    Attributes:
        network: The network, its backbone frozen.
        dataset: The n photographs that can be read.
        features: Their features, float32 (n, d); (n, 0) where nothing learns from them.
        settings: What a resumed training must share.
        training_set: The photographs before reading, and what leaks.
        problems: The photographs that cannot be read.
        refusal_output: The output of the graph by which the RUN is to refuse.
    """

    network: Network
    dataset: Dataset
    features: np.ndarray
    settings: dict[str, Any]
    training_set: TrainingSet
    problems: tuple[Problem, ...]
    refusal_output: str


def check_call(out: Path, recipe: Recipe, resume: bool) -> None:
    """Checks what can be wrong before any photograph is read.

    Args:
        out: The folder of the RUN.
        recipe: Of the training.
        resume: Whether an unfinished training goes on.

    Raises:
        UsageError: The recipe contradicts itself, or the folder cannot be used.
    """
    needs_backbone = recipe.balance != "none" or recipe.diagnosis or recipe.uses_masks
    # Views and the second head change the backbone's features: kept ones would be wrong
    if needs_backbone and not recipe.finetune:
        raise UsageError(
            "--balance, --diagnosis, --background-swap, --lesion-removal and --outline-weight are for a "
            "backbone that learns; expected a recipe with --finetune, or leave them out"
        )
    if recipe.balance == "diagnosis" and not recipe.diagnosis:
        raise UsageError(
            "--balance diagnosis: no column of the diagnosis is named; expected --diagnosis COLUMN, or "
            "--balance source"
        )
    if recipe.refit_head and recipe.head != "linear":
        raise UsageError(
            f"--refit-head fits a last layer that stands on the embedding, and the head is {recipe.head}; expected "
            "--head linear beside it, or leave it out"
        )
    if recipe.outline_weight and recipe.mixup:
        raise UsageError(
            "--outline-weight and --mixup: a blend of two lesions has no outline; leave one of them out"
        )
    check_rule(recipe.operating_point)
    check_batch(recipe.batch_size)
    check_folder(out, resume)


def prepare_training(
    labelled: Dataset,
    recipe: Recipe,
    weights: str | Path,
    *,
    fp32: bool,
    leak_policy: LeakPolicy,
    progress: Progress,
) -> PreparedTraining:
    """Builds the network, keeps leaks out of the photographs and computes their features.

    Args:
        labelled: All photographs, as `load_labelled` gives them.
        recipe: Of the training.
        weights: Those of the backbone: a word, a file or a RUN.
        fp32: Whether features are computed in fp32, even where bf16 is faster.
        leak_policy: What is done about leaks.
        progress: Watches the work.

    Returns:
        What the training starts from.

    Raises:
        DataError: The photographs cannot be used.
        ModelError: The weights cannot be used.
    """
    # Built before the photographs are searched: a wrong name of weights is told at once.
    network = build_start(recipe, weights)
    training_set = check_training_set(labelled, leak_policy, progress)
    dataset = training_set.dataset
    # After leaks were dropped: what is left must still have both classes
    dataset.require_both_classes()
    if recipe.uses_masks:
        dataset = keep_usable_masks(dataset, progress)
    settle_random(network, weights, dataset)
    # All that decides the weights: a training that goes on must have the same
    settings = {
        "recipe": asdict(recipe),
        "weights": name_source(weights),
        "fp32": fp32,
        "data_fingerprint": dataset.fingerprint,
        "leak_policy": asdict(leak_policy),
        **training_set.describe(),
    }
    if recipe.diagnosis:
        check_diagnosis(dataset, recipe.diagnosis)
        network = attach_diagnosis(network, seed=recipe.seed)
    refusal_output = choose_refusal_output(recipe, weights)
    # Features of the start are needed by a head alone, and by the refusal of a frozen backbone
    if recipe.head_epochs or not recipe.finetune or refusal_output == "embedding":
        features = extract_start_features(network, weights, dataset, fp32=fp32, progress=progress)
    else:
        features = find_readable(dataset, progress)
    return PreparedTraining(
        network=network,
        dataset=dataset.take(features.readable),
        features=features.values,
        settings=settings,
        training_set=training_set,
        problems=dataset.problems + features.problems,
        refusal_output=refusal_output,
    )


def make_job(
    recipe: Recipe,
    prepared: PreparedTraining,
    held_out: np.ndarray,
    out: Path,
    *,
    fp32: bool,
    not_lesions: str | Path | None = None,
    progress: Progress = show_nothing,
) -> TrainingJob:
    """Divides what was prepared into training and validation.

    Args:
        recipe: Of the training.
        prepared: Network, photographs and features.
        held_out: The photographs for validation, bool (n,); all others are learned from.
        out: The RUN.
        fp32: Whether the RUN is served in fp32.
        not_lesions: A folder of pictures of other things, or None.
        progress: Watches epochs and steps go by.

    Returns:
        The training.
    """
    outline = None
    if recipe.outline_weight:
        outline = build_outline(prepared.network, recipe)
    return TrainingJob(
        recipe=recipe,
        network=prepared.network,
        outline=outline,
        training=prepared.dataset.take(~held_out),
        validation=prepared.dataset.take(held_out),
        features=prepared.features[~held_out],
        features_validation=prepared.features[held_out],
        checkpoint=out / CHECKPOINTS / "state.npz",
        fp32=fp32,
        progress=progress,
        refusal_output=prepared.refusal_output,
        not_lesions=not_lesions,
    )


def build_outline(network: Network, recipe: Recipe) -> keras.KerasTensor:
    """Builds a mask decoder that the backbone learns with, and that is not written.

    Args:
        network: The classifier.
        recipe: Names the decoder's width and the seed.

    Returns:
        Logits of the outline, (n, side, side).

    Raises:
        ModelError: The backbone has no feature maps for a decoder.
    """
    # The decoder shapes the backbone and is thrown away: a RUN's decoder is trained after it
    skips = find_skips(network)
    decoder = build_decoder(skips, recipe.mask_width or choose_width(network), recipe.seed)
    return attach_decoder(network, decoder).mask_logit


def check_diagnosis(dataset: Dataset, column: str) -> None:
    """Raises `DataError` where a column does not name two of the seven diagnoses."""
    words = dataset.require_column(
        column, "expected the column of the diagnosis: --diagnosis COLUMN, or leave it out"
    )
    named = set(words.dropna()) & set(DIAGNOSES)
    if len(named) < 2:
        raise DataError(
            f"{dataset.name}: its column {column!r} names {len(named)} of the seven diagnoses; expected two "
            f"at least of {', '.join(DIAGNOSES)}: `lentigo data import` writes them"
        )


def choose_refusal_output(recipe: Recipe, weights: str | Path) -> str:
    """Chooses the output of the graph by which a RUN tells what is no lesion.

    A backbone that was fine-tuned on lesions knows little of anything else in its last layer. A frozen branch
    of the RUN that `weights` name (its output `reference`) stays there: it is no part of its network.

    Args:
        recipe: Says whether the backbone is fine-tuned.
        weights: Those that the backbone starts from.

    Returns:
        "embedding", or "middle" where the backbone is fine-tuned, or was by the RUN that `weights` name.
    """
    # A fine-tuned embedding separates the classes and forgets the rest: the middle still sees what is no
    # lesion
    if recipe.finetune:
        return "middle"
    if not is_run(weights):
        return "embedding"
    output = find_bundle(weights).card.get("refusal", {}).get("output", "embedding")
    return "embedding" if output == "embedding" else "middle"


def needs_fp32_features(job: TrainingJob, check: PrecisionCheck | None) -> bool:
    """Finds whether a head must learn again, on features in fp32.

    Args:
        job: The training.
        check: How bf16 compares with fp32.

    Returns:
        True where a head has learned from features in bf16, and its backbone will be served in fp32.
    """
    return not job.recipe.finetune and check is not None and not check.neutral


def extract_in_fp32(job: TrainingJob) -> TrainingJob:
    """Computes the features of a training again, in fp32.

    Args:
        job: The training, with features in bf16.

    Returns:
        The same training on features in fp32, whose RUN is served in fp32.
    """
    training = extract_features(job.network, job.training, fp32=True, progress=job.progress)
    validation = extract_features(job.network, job.validation, fp32=True, progress=job.progress)
    return replace(job, features=training.values, features_validation=validation.values, fp32=True)
