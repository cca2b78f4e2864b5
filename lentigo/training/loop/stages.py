"""One loop for every stage: epochs of steps, a look at validation, a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.checkpoints import Progression, load_checkpoint, restore_state, save_checkpoint
from lentigo.training.loop.devices import count_devices
from lentigo.training.loop.sampling import Cell, draw_balanced
from lentigo.training.loop.steps import Step, find_adamw, make_step
from lentigo.training.recipes import Recipe

RATES = {
    "head": "head_learning_rate",
    "finetune lowres": "lowres_learning_rate",
    "decoder": "mask_learning_rate",
}  # by stage, the field of the recipe; of others it is `learning_rate`
Inputs = np.ndarray | list[np.ndarray]  # of a model; each array has a row for each photograph
Batch = tuple[Inputs, np.ndarray, np.ndarray]  # inputs, labels (n, ...), weights (n,)


@dataclass(frozen=True)
class Stage:
    """A compiled model, what it is fed and how it is judged.

    `load_batch(epoch, rows)` gives inputs and labels of the model's own shape and, where these are not
    `weights[rows]`, what each photograph weighs; `validate()` scores by name, of which `decides` is the one
    that the best epoch has the highest of. `patience` is in epochs, 0 waits for ever; `watched` shows each
    step.
    """

    name: str
    model: keras.Model
    epochs: int
    load_batch: Callable[[int, np.ndarray], tuple[Inputs, np.ndarray] | Batch]
    validate: Callable[[], dict[str, float]]
    decides: str
    weights: np.ndarray = field(repr=False)  # of the training photographs, (n,)
    patience: int = 0
    watched: bool = False
    views: int = 0  # an epoch; 0: as many as there are training photographs
    cells: list[Cell] | None = field(
        default=None, repr=False
    )  # to draw the photographs from; None: each once an epoch


def compile_model(
    model: keras.Model,
    recipe: Recipe,
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
    ema: float,
    loss: keras.losses.Loss | None = None,
) -> None:
    """Adam with decoupled decay, cross-entropy on logits unless there is another `loss`, accuracy."""
    clip = recipe.clip_norm or None
    optimizer = find_adamw()(
        rate,
        weight_decay=recipe.weight_decay,
        use_ema=ema > 0,
        ema_momentum=ema or 0.99,
        global_clipnorm=clip,
    )
    loss = loss or keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)])
    optimizer.build(model.trainable_variables)


def plan_rate(
    recipe: Recipe, highest: float, epochs: int, steps: int
) -> keras.optimizers.schedules.CosineDecay:
    """A linear warm-up to the highest rate, then a cosine to zero; `steps` are those of an epoch."""
    warmup = round(recipe.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else highest,
        max(1, epochs * steps - warmup),
        warmup_target=highest if warmup else None,
        warmup_steps=warmup,
    )


def order_rows(
    n: int, recipe: Recipe, stage: str, epoch: int, cells: list[Cell] | None = None, views: int = 0
) -> list[np.ndarray]:
    """The rows of each batch of an epoch: a function of seed, stage and epoch alone. `views` is how many are
    drawn, `n` at 0.

    A last batch of one photograph would pass the head's batch norms, where one photograph has no variance: it
    goes with the batch before. On several devices a batch is cut to what they can share out evenly: a few
    rows of the last one wait for an epoch that draws them earlier.
    """
    rng = np.random.default_rng([recipe.seed, epoch, *stage.encode()])
    count = views or n
    rows = (
        np.tile(rng.permutation(n), -(-count // n))[:count]
        if cells is None
        else draw_balanced(cells, count, rng)
    )
    batches, devices = (
        [rows[start : start + recipe.batch_size] for start in range(0, count, recipe.batch_size)],
        count_devices(),
    )
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return [batch[: len(batch) // devices * devices] for batch in batches if len(batch) >= devices]


def load_ahead(stage: Stage, epoch: int, orders: list[np.ndarray]) -> Iterator[Batch]:
    """Batches in order, the next one made while this one is used."""
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(stage.load_batch, epoch, orders[0])
        for rows, following in zip(orders, [*orders[1:], None], strict=True):
            inputs, labels, *mixed = waiting.result()
            if following is not None:
                waiting = worker.submit(stage.load_batch, epoch, following)
            yield inputs, labels, mixed[0] if mixed else stage.weights[rows]


def run_stage(
    stage: Stage, recipe: Recipe, progression: Progression, checkpoint: Path | None, progress: Progress
) -> None:
    """Trains from `progression.epoch` to the end or until patience is out; the model ends with its best
    weights.
    """
    epochs, step = range(progression.epoch, stage.epochs), make_step(stage.model)
    for epoch in progress(epochs, total=len(epochs), label=stage.name):
        if is_stuck(progression, stage.patience):
            break
        started = time.perf_counter()
        logs = train_epoch(stage, step, recipe, epoch, progress)
        row = {"stage": stage.name, "epoch": epoch + 1, "loss": logs["loss"], "accuracy": logs["accuracy"]}
        row |= validate_epoch(stage, progression, epoch + 1)
        progression.history.append(row | {"seconds": time.perf_counter() - started})
        progression.epoch = epoch + 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, stage.model, progression)
    for variable, array in zip(stage.model.weights, progression.best, strict=True):
        variable.assign(array)


def is_stuck(progression: Progression, patience: int) -> bool:
    """Whether validation has not improved for `patience` epochs; 0 is never."""
    return 0 < patience <= progression.epoch - progression.best_epoch


def train_epoch(stage: Stage, step: Step, recipe: Recipe, epoch: int, progress: Progress) -> dict[str, float]:
    """One pass over the training photographs; the epoch's mean loss and accuracy."""
    orders = order_rows(len(stage.weights), recipe, stage.name, epoch, stage.cells, stage.views)
    batches: Iterable[Batch] = load_ahead(stage, epoch, orders)
    if stage.watched:
        batches = progress(batches, total=len(orders), label=f"epoch {epoch + 1}/{stage.epochs}, steps")
    sums = np.zeros(2)
    for inputs, labels, weights in batches:
        loss, accuracy = step(inputs, labels, weights)
        require_finite(loss, stage, recipe, epoch)
        sums += len(labels) * np.array([loss, accuracy])
    loss, accuracy = sums / sum(map(len, orders))
    return {"loss": float(loss), "accuracy": float(accuracy)}


def require_finite(loss: float, stage: Stage, recipe: Recipe, epoch: int) -> None:
    """Raises `ModelError` where a loss is no number: from there on every weight is none either."""
    if not np.isfinite(loss):
        name = RATES.get(stage.name, "learning_rate")
        if not getattr(recipe, name):  # 0: as at full size
            name = "learning_rate"
        raise ModelError(
            f"{stage.name}, epoch {epoch + 1}: the loss is {loss:g}; expected a number: the training has "
            "diverged, "
            f"lower --{name.replace('_', '-')} (it is {getattr(recipe, name):g}) and train into a new folder"
        )


def validate_epoch(stage: Stage, progression: Progression, epoch: int) -> dict[str, float]:
    """Validation scores with the averaged weights where the recipe averages; the best are remembered."""
    model, raw = stage.model, None
    if model.optimizer.use_ema:
        raw = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
        model.optimizer.finalize_variable_values(model.trainable_variables)
    scores = stage.validate()
    if scores[stage.decides] > progression.best_score:
        progression.best_score, progression.best_epoch = scores[stage.decides], epoch
        progression.best = [keras.ops.convert_to_numpy(v) for v in model.weights]
    if raw is not None:
        for variable, array in zip(model.trainable_variables, raw, strict=True):
            variable.assign(array)
    return scores


def run_stages(
    builders: Sequence[Callable[[], Stage]], recipe: Recipe, checkpoint: Path | None, progress: Progress
) -> pd.DataFrame:
    """Builds and runs stages in order, going on from a checkpoint where there is one; gives the history. None
    keeps no checkpoint.
    """
    found = None if checkpoint is None else load_checkpoint(checkpoint)
    progression, arrays = found or (Progression(), None)
    for number, build in enumerate(builders):
        if number < progression.stage:
            continue
        stage = build()
        if arrays is not None:
            restore_state(stage.model, arrays)
            arrays = None
        elif number > progression.stage:
            progression.start_stage(number)
        run_stage(stage, recipe, progression, checkpoint, progress)
    return pd.DataFrame(progression.history)
