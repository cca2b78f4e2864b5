"""The stages of a classifier's training: the head alone, then the network on smaller and on full views."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress
from lentigo.datasets.dataset import Dataset
from lentigo.images.photographs import SIDE
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.keras_graph import cut_network, join_outputs
from lentigo.models.networks.network import Network, unfreeze_backbone
from lentigo.models.networks.output_models import build_training_model
from lentigo.models.runtime import Session
from lentigo.training.calibration.precision_check import measure_served
from lentigo.training.heads import LabelledFeatures, make_head_stage, score_logits, weigh_classes
from lentigo.training.holdout import list_sources
from lentigo.training.loop.callbacks import SILENT, EpochWatch
from lentigo.training.loop.losses import AnswerLoss, OutlineLoss
from lentigo.training.loop.sampling import Cell, average_auroc, plan_cells
from lentigo.training.loop.stage_runs import run_stages
from lentigo.training.loop.stages import Stage, compile_model, count_steps, plan_rate
from lentigo.training.recipes import Recipe
from lentigo.training.start.features import open_session
from lentigo.training.views.mixing import Mixed
from lentigo.training.views.view_batches import count_label_columns, load_views


@dataclass(frozen=True)
class TrainingJob:
    """One training of a classifier: what is trained on what, and where it goes.

    Attributes:
        recipe: Of the training.
        network: It starts with a frozen backbone, and is changed by the stages.
        training: The n photographs to learn from.
        validation: The m photographs that choose the best epoch and all that is fitted afterwards.
        features: Of the training photographs, float32 (n, d).
        features_validation: Of the validation photographs, float32 (m, d).
        checkpoint: The file that keeps the state after each epoch.
        fp32: Whether features are computed, and the RUN is served, in fp32.
        progress: Watches epochs and steps go by.
        refusal_output: The output of the graph by which the RUN is to refuse.
        not_lesions: A folder of pictures of other things, or None.
        outline: Logits of the mask, (n, 224, 224), where the backbone learns it beside the class.
        watch: Tells callbacks of Keras of each epoch.
    """

    recipe: Recipe
    network: Network
    training: Dataset
    validation: Dataset
    features: np.ndarray
    features_validation: np.ndarray
    checkpoint: Path
    fp32: bool
    progress: Progress
    refusal_output: str = "embedding"
    not_lesions: str | Path | None = None
    outline: keras.KerasTensor | None = None
    watch: EpochWatch = SILENT


StageBuilder = Callable[[TrainingJob], Stage]


def run_job(job: TrainingJob) -> pd.DataFrame:
    """Trains stage by stage, going on from the checkpoint where there is one.

    Args:
        job: The training; its network ends with the weights of the best epoch.

    Returns:
        The history, a row for each epoch.
    """
    builders = [partial(build, job) for build in list_builders(job.recipe)]
    return run_stages(builders, job.recipe, job.checkpoint, job.progress, job.watch)


def list_builders(recipe: Recipe) -> list[StageBuilder]:
    """The builders of the stages of a recipe, in order."""
    if not recipe.finetune:
        return [build_head_stage]
    builders: list[StageBuilder] = []
    if recipe.head_epochs:
        builders.append(build_head_stage)
    if recipe.lowres_epochs:
        builders.append(build_lowres_stage)
    if recipe.epochs:
        builders.append(build_finetune_stage)
    return builders


def build_head_stage(job: TrainingJob) -> Stage:
    """Builds the stage in which the head learns from the frozen backbone's features.

    Args:
        job: The training.

    Returns:
        The stage.
    """
    training = LabelledFeatures(job.features, job.training.malignant)
    validation = LabelledFeatures(job.features_validation, job.validation.malignant)
    return make_head_stage(job.network.head, job.recipe, training, validation)


def build_lowres_stage(job: TrainingJob) -> Stage:
    """The network on smaller views, at a fraction of the cost: it learns most of what it will know there."""
    recipe = job.recipe
    rate = recipe.lowres_learning_rate or recipe.learning_rate
    return build_view_stage(job, "finetune lowres", recipe.lowres_epochs, recipe.lowres_size, rate)


def build_finetune_stage(job: TrainingJob) -> Stage:
    """The network on views of full size, all of it or what lies above its frozen layers."""
    return build_view_stage(job, "finetune", job.recipe.epochs, SIDE, job.recipe.learning_rate)


def build_view_stage(job: TrainingJob, name: str, epochs: int, side: int, max_rate: float) -> Stage:
    """The network, its batch norms frozen, on random views of a side; validation photographs have that side,
    too.

    With `freeze` in the recipe the first layers stay as they are: OpenVINO computes their feature maps,
    faster than training could, and the other layers learn from those.
    """
    recipe = job.recipe
    unfreeze_backbone(job.network)
    model = build_training_model(job.network, side, job.outline)
    classifier = keras.Model(model.input, {"logit": model.outputs[0]})  # validation asks for the class alone
    outline_side = SIDE
    if job.outline is not None:
        outline_side = math.isqrt(model.outputs[-1].shape[1])  # the mask is the last output, row by row
    learner, session = freeze_layers(job, join_outputs(model))
    cells = balance_training(job)
    steps = count_steps(recipe.views or len(job.training), recipe.batch_size)
    rate = plan_rate(recipe, max_rate, epochs, steps)
    compile_model(learner, recipe, rate, recipe.ema, choose_loss(job, outline_side))
    weights = weigh_classes(job.training.malignant, recipe)

    def load_batch(epoch: int, rows: np.ndarray) -> Mixed:
        views, labels, mixed_weights = load_views(
            job.training, recipe, epoch, rows, weights[rows], side, outline_side
        )
        if session is not None:
            views = session.run(views)["map"]
        return views, labels, mixed_weights

    def validate() -> dict[str, float]:
        logits = measure_validation(job, classifier)
        scores = score_logits(logits, job.validation.malignant)
        if cells is not None:  # the epoch is chosen by what a balanced training is for
            sources = list_sources(job.validation)
            scores["val_auroc"] = average_auroc(logits, job.validation.malignant, sources)
        return scores

    return Stage(
        name=name,
        model=learner,
        epochs=epochs,
        load_batch=load_batch,
        validate=validate,
        decides="val_auroc",
        weights=weights,
        patience=recipe.patience,
        watched=True,
        views=recipe.views,
        cells=cells,
    )


def balance_training(job: TrainingJob) -> list[Cell] | None:
    """The cells that a balanced training draws its photographs from; None for one that is not balanced."""
    recipe = job.recipe
    if recipe.balance == "none":
        return None
    diagnoses = None
    if recipe.balance == "diagnosis":
        diagnoses = job.training.table[recipe.diagnosis].to_numpy(dtype=object)
    return plan_cells(list_sources(job.training), job.training.malignant, diagnoses)


def freeze_layers(job: TrainingJob, learner: keras.Model) -> tuple[keras.Model, Session | None]:
    """The layers that learn, and the session that computes the feature maps of those below; None where all of
    them learn.
    """
    if not job.recipe.freeze:
        return learner, None
    frozen_layers, learner = cut_network(learner, job.recipe.freeze)
    return learner, open_session(to_onnx(frozen_layers).SerializeToString(), job.fp32)


def choose_loss(job: TrainingJob, outline_side: int) -> keras.losses.Loss | None:
    """The loss of what a training learns, masks at a side; None for the class alone."""
    recipe = job.recipe
    if job.network.diagnosis is None and job.outline is None:
        return None
    answers = AnswerLoss(recipe.diagnosis_weight, recipe.label_smoothing)
    if job.network.diagnosis is None:
        answers = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    if job.outline is None:
        return answers
    return OutlineLoss(answers, count_label_columns(recipe), outline_side, recipe.outline_weight)


def measure_validation(job: TrainingJob, model: keras.Model) -> np.ndarray:
    """Predicts the validation photographs with the network as it is now.

    Args:
        job: The training.
        model: Image to logit; photographs are read at the side that it takes.

    Returns:
        Logits, float (m,), in the precision that the network would be served in.
    """
    graph = to_onnx(model).SerializeToString()
    served = measure_served(
        graph, job.validation, job.recipe.operating_point, fp32=job.fp32, side=model.input.shape[1]
    )
    return served.logits
