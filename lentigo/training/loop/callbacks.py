"""Callbacks: Keras' own, which watch the epochs of a training, such as those of experiment trackers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lentigo.errors import MissingError, UsageError
from lentigo.models.networks.deep_learning import keras

LOG_FOLDER = "logs"  # within the folder of the RUN


def build_tensorboard(out: Path) -> keras.callbacks.Callback:
    """Keras' callback that writes for TensorBoard: `tensorboard --logdir RUN/logs`."""
    return keras.callbacks.TensorBoard(log_dir=str(out / LOG_FOLDER), write_graph=False)


def build_mlflow(out: Path) -> keras.callbacks.Callback:
    """MLflow's callback for Keras: a run of the current experiment, or the active run."""
    # Imported by name: a tracker is wanted by few, and none is a requirement
    mlflow = importlib.import_module("mlflow")
    if mlflow.active_run() is None:
        mlflow.start_run(run_name=out.name)
    return importlib.import_module("mlflow.keras").MlflowCallback()


def build_wandb(out: Path) -> keras.callbacks.Callback:
    """The callback of Weights & Biases for Keras: a run of the project `lentigo`, or the current run."""
    wandb = importlib.import_module("wandb")
    if wandb.run is None:
        wandb.init(project="lentigo", name=out.name)
    return importlib.import_module("wandb.integration.keras").WandbMetricsLogger()


BUILDERS: dict[str, Callable[[Path], keras.callbacks.Callback]] = {
    "tensorboard": build_tensorboard,
    "mlflow": build_mlflow,
    "wandb": build_wandb,
}


def require_package(name: str) -> None:
    """Checks that a tracker is installed.

    Args:
        name: Of the tracker, its module and its package.

    Raises:
        MissingError: It is not installed.
    """
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingError(
            f"--callback {name} needs {name}, which is not installed; pip install {name}"
        ) from error


def check_callbacks(callbacks: Iterable[Any]) -> None:
    """Checks, before any work, that callbacks can be built.

    Args:
        callbacks: Names of `BUILDERS`, and callbacks of Keras.

    Raises:
        UsageError: One is neither.
        MissingError: The package of one is not installed.
    """
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.Callback):
            continue
        if callback not in BUILDERS:
            raise UsageError(
                f"callback {callback!r} is unknown; expected {', '.join(BUILDERS)}, or in Python a callback "
                "of Keras"
            )
        require_package(callback)


def build_callbacks(callbacks: Iterable[Any], out: Path) -> list[keras.callbacks.Callback]:
    """Builds the callbacks of a training.

    Args:
        callbacks: Names of `BUILDERS`, and callbacks of Keras.
        out: The folder of the RUN.

    Returns:
        Callbacks of Keras.

    Raises:
        UsageError: One is neither.
        MissingError: The package of one is not installed.
    """
    callbacks = list(callbacks)
    check_callbacks(callbacks)
    # Built late: a tracker begins a run when it is built
    built = []
    for callback in callbacks:
        is_built = isinstance(callback, keras.callbacks.Callback)
        built.append(callback if is_built else BUILDERS[callback](out))
    return built


class EpochWatch:
    """Tells callbacks of Keras how a training goes, over all its stages.

    Args:
        callbacks: Of Keras.
    """

    def __init__(self, callbacks: Iterable[keras.callbacks.Callback] = ()):
        self.callbacks = list(callbacks)
        self._list: Any = None

    def begin_stage(self, model: keras.Model, epochs: int) -> None:
        """A stage begins; with the first one the training does.

        Args:
            model: The compiled model of the stage.
            epochs: Of the stage, at most.
        """
        if not self.callbacks:
            return
        # Asked before the list is replaced
        is_first = self._list is None
        # A list of callbacks has one model: each stage, which has its own, makes another list
        self._list = keras.callbacks.CallbackList(self.callbacks, model=model, epochs=epochs)
        if is_first:
            self._list.on_train_begin()

    def end_epoch(self, number: int, row: dict[str, Any]) -> None:
        """An epoch is over.

        Args:
            number: From 0, over all stages.
            row: Of the history.
        """
        if self._list is None:
            return
        # Scores alone: a tracker would draw the name of the stage, or its epoch, as a curve
        logs = {name: value for name, value in row.items() if isinstance(value, float)}
        self._list.on_epoch_begin(number)
        self._list.on_epoch_end(number, logs)

    def end(self) -> None:
        """The training is over."""
        if self._list is not None:
            self._list.on_train_end()


SILENT = EpochWatch()  # nobody watches
