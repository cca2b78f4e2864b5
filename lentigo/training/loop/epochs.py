"""One epoch of a stage: the order of the photographs, steps over batches, scores on validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np

from lentigo.common.progress import Progress
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.checkpoints import Progression
from lentigo.training.loop.devices import count_devices
from lentigo.training.loop.sampling import Cell, draw_balanced
from lentigo.training.loop.stages import Batch, Stage
from lentigo.training.loop.steps import Step, make_epoch, make_step
from lentigo.training.recipes import Recipe

# By stage, the field of the recipe that holds its rate; of other stages it is `learning_rate`.
RATE_FIELDS = {
    "head": "head_learning_rate",
    "finetune lowres": "lowres_learning_rate",
    "decoder": "mask_learning_rate",
}
# Of an epoch and the rows of its batches the sums of loss and accuracy over photographs, (2,)
TrainEpoch = Callable[[int, list[np.ndarray]], np.ndarray]


def order_rows(
    n: int, recipe: Recipe, stage: str, epoch: int, cells: list[Cell] | None = None, views: int = 0
) -> list[np.ndarray]:
    """Orders the photographs of an epoch in batches: a function of seed, stage and epoch alone.

    A last batch of one photograph would pass the head's batch norms, where one photograph has no variance: it
    goes with the batch before. On several devices a batch is cut to what they can share out evenly: a few
    rows of the last one wait for an epoch that draws them earlier.

    Args:
        n: Training photographs.
        recipe: Says the seed and the batch size.
        stage: Its name.
        epoch: From 0.
        cells: To draw from; None: each photograph once.
        views: How many are drawn; 0: `n`.

    Returns:
        The rows of each batch, int.
    """
    # Nothing else enters: a training that goes on after a stop sees what it would have seen
    rng = np.random.default_rng([recipe.seed, epoch, *stage.encode()])
    count = views or n
    rows = shuffle_rows(n, count, rng) if cells is None else draw_balanced(cells, count, rng)
    return share_batches(batch_rows(rows, recipe.batch_size))


def shuffle_rows(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """As many rows as `count`, int, each of n once before one of them comes again."""
    rounds = math.ceil(count / n)
    return np.tile(rng.permutation(n), rounds)[:count]


def batch_rows(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows, int (n,), in batches; one row that would be left alone joins the batch before it."""
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    # Batch normalisation of a single photograph would divide by a variance of 0
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def share_batches(batches: list[np.ndarray]) -> list[np.ndarray]:
    """Batches as far as the devices can share them out: each takes as many rows as the others."""
    devices = count_devices()
    shared = []
    for batch in batches:
        size = len(batch) // devices * devices
        if size > 0:
            shared.append(batch[:size])
    return shared


def load_ahead(stage: Stage, epoch: int, orders: list[np.ndarray]) -> Iterator[Batch]:
    """Batches in order, the next one made while this one is used."""
    with ThreadPoolExecutor(1) as worker:
        # One batch ahead: more would only fill the memory
        pending = worker.submit(stage.load_batch, epoch, orders[0])
        for rows, next_rows in zip(orders, [*orders[1:], None], strict=True):
            inputs, labels, *own_weights = pending.result()
            if next_rows is not None:
                pending = worker.submit(stage.load_batch, epoch, next_rows)
            yield inputs, labels, own_weights[0] if own_weights else stage.weights[rows]


def choose_training(stage: Stage, recipe: Recipe, progress: Progress) -> TrainEpoch:
    """What trains a stage for an epoch: one function for all batches where its inputs are in memory, else
    step by step.

    Args:
        stage: Its model is compiled.
        recipe: Of the training.
        progress: Watches the steps go by.
    """
    is_alone = keras.backend.backend() == "tensorflow" and count_devices() == 1
    # In memory, an epoch is one call: for a small head, the calls are what takes the time
    if stage.held is not None and is_alone:
        inputs, labels = stage.held
        train = make_epoch(stage.model, inputs, labels, stage.weights)
        return lambda epoch, orders: train(orders)
    step = make_step(stage.model)
    return partial(train_by_steps, stage, step, recipe, progress)


def train_by_steps(
    stage: Stage, step: Step, recipe: Recipe, progress: Progress, epoch: int, orders: list[np.ndarray]
) -> np.ndarray:
    """One pass over the training photographs in the order of the batches' rows; the sums of loss and accuracy
    over photographs, (2,).
    """
    batches: Iterable[Batch] = load_ahead(stage, epoch, orders)
    if stage.watched:
        batches = progress(batches, total=len(orders), label=f"epoch {epoch + 1}/{stage.epochs}, steps")
    sums = np.zeros(2)
    for inputs, labels, weights in batches:
        loss, accuracy = step(inputs, labels, weights)
        require_finite(loss, stage, recipe, epoch)
        # Sums over photographs: the last batch may be smaller
        sums += len(labels) * np.array([loss, accuracy])
    return sums


def require_finite(loss: float, stage: Stage, recipe: Recipe, epoch: int) -> None:
    """Raises `ModelError` where a loss is no number: from there on every weight is none either.

    Args:
        loss: Of a batch or an epoch.
        stage: Its name is in the message.
        recipe: Says the rate, which the message names.
        epoch: From 0.
    """
    if np.isfinite(loss):
        return
    name = RATE_FIELDS.get(stage.name, "learning_rate")
    if not getattr(recipe, name):  # 0: as at full size
        name = "learning_rate"
    raise ModelError(
        f"{stage.name}, epoch {epoch + 1}: the loss is {loss:g}; expected a number: the training has "
        f"diverged, lower --{name.replace('_', '-')} (it is {getattr(recipe, name):g}) and train into a new "
        "folder"
    )


def validate_epoch(stage: Stage, progression: Progression, epoch: int) -> dict[str, float]:
    """Validation scores, with the moving average of the weights where there is one; the best are kept.

    Args:
        stage: Its model is what is scored.
        progression: Keeps the best weights; it is changed.
        epoch: From 1.

    Returns:
        The scores by name.
    """
    with use_average(stage.model):
        scores = stage.validate()
        score = scores[stage.decides]
        if score > progression.best_score:
            progression.keep_best(score, epoch, copy_variables(stage.model.weights))
    return scores


@contextmanager
def use_average(model: keras.Model) -> Iterator[None]:
    """Puts the moving average of the weights, where there is one, in the place of the weights meanwhile."""
    if not model.optimizer.use_ema:
        yield
        return
    trained = copy_variables(model.trainable_variables)
    # Validation sees the average of the weights, since that is what is kept
    model.optimizer.finalize_variable_values(model.trainable_variables)
    yield
    # Training goes on from the weights themselves, not from their average
    assign_variables(model.trainable_variables, trained)


def assign_variables(variables: Iterable[keras.Variable], values: Iterable[np.ndarray]) -> None:
    """Gives variables the values that `copy_variables` took of them.

    Args:
        variables: Of a model.
        values: One for each, of its shape.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def copy_variables(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Copies the values of variables.

    Args:
        variables: Of a model.

    Returns:
        An array for each.
    """
    return [keras.ops.convert_to_numpy(variable) for variable in variables]
