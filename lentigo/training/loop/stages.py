"""A stage of a training: a compiled model, what it is fed, how it is judged, and its learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.sampling import Cell
from lentigo.training.loop.steps import find_adamw
from lentigo.training.recipes import Recipe

Inputs = np.ndarray | list[np.ndarray]  # of a model; each array has a row for each photograph
Batch = tuple[Inputs, np.ndarray, np.ndarray]  # inputs, labels (n, ...), weights (n,)


@dataclass(frozen=True)
class Stage:
    """A compiled model, what it is fed and how it is judged.

    Attributes:
        name: Of the stage, as the history has it.
        model: The compiled model.
        epochs: At most.
        load_batch: Of an epoch and rows, inputs and labels of the model's own shape and, where these are not
            `weights[rows]`, what each photograph weighs.
        validate: Gives validation scores by name.
        decides: The score that the best epoch has the highest of.
        weights: Of the training photographs, float (n,).
        patience: Epochs without a better score before stopping; 0: never stop.
        watched: Whether progress shows each step.
        views: An epoch; 0: as many as there are training photographs.
        cells: To draw the photographs from; None: each once an epoch.
        held: Inputs (n, d) and labels (n, 1) of all photographs, where `load_batch` gives nothing but rows
            of them: then an epoch may be one compiled function.
    """

    name: str
    model: keras.Model
    epochs: int
    load_batch: Callable[[int, np.ndarray], tuple[Inputs, np.ndarray] | Batch]
    validate: Callable[[], dict[str, float]]
    decides: str
    weights: np.ndarray = field(repr=False)
    patience: int = 0
    watched: bool = False
    views: int = 0
    cells: list[Cell] | None = field(default=None, repr=False)
    held: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)


def compile_model(
    model: keras.Model,
    recipe: Recipe,
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
    ema: float,
    loss: keras.losses.Loss | None = None,
) -> None:
    """Compiles a model with Adam, decoupled weight decay and accuracy.

    Args:
        model: With one logit, or with what `loss` takes.
        recipe: Says weight decay, clipping and label smoothing.
        rate: The learning rate, or its schedule.
        ema: Momentum of the moving average of the weights; 0: none.
        loss: None for cross-entropy on logits.
    """
    optimizer = build_optimizer(recipe, rate, ema)
    if loss is None:
        loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)])
    # The state exists before the first step, so that a checkpoint can be put back into it
    optimizer.build(model.trainable_variables)


def count_steps(n: int, batch_size: int) -> int:
    """Counts the steps of an epoch.

    Args:
        n: Views an epoch.
        batch_size: Of a step; the last one may have fewer.

    Returns:
        The number of steps.
    """
    return -(-n // batch_size)


def build_optimizer(
    recipe: Recipe, rate: float | keras.optimizers.schedules.LearningRateSchedule, ema: float
) -> keras.optimizers.Optimizer:
    """Adam with decoupled weight decay; the arguments are those of `compile_model`."""
    return find_adamw()(
        rate,
        weight_decay=recipe.weight_decay,
        use_ema=ema > 0,
        ema_momentum=ema or 0.99,  # Keras asks for one between 0 and 1 even where it is not used
        global_clipnorm=recipe.clip_norm or None,
    )


def plan_rate(
    recipe: Recipe, max_rate: float, epochs: int, steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """Plans the learning rate: a linear warm-up, then a cosine to zero.

    Args:
        recipe: Says the epochs of warm-up.
        max_rate: At the end of the warm-up.
        epochs: Of the stage.
        steps: Of an epoch.

    Returns:
        The rate by step.
    """
    warmup = round(recipe.warmup_epochs * steps)
    # At least one step: a training of one short epoch is all warm-up
    decay = max(1, epochs * steps - warmup)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(max_rate, decay, warmup_target=None, warmup_steps=0)
    return keras.optimizers.schedules.CosineDecay(0.0, decay, warmup_target=max_rate, warmup_steps=warmup)
