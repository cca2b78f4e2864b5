"""Training state on disk: one file that is replaced whole, so a kill at any moment leaves the last epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.array_files import read_arrays
from lentigo.common.files import write_whole
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras

MAX_CHECKPOINT_BYTES = 64 << 30  # weights, and what an optimiser keeps of each of them


@dataclass
class Progression:
    """How far a training has come.

    Attributes:
        stage: The number of the stage, from 0.
        epoch: Finished epochs of that stage.
        best_score: The highest validation score of that stage.
        best_epoch: Its epoch, from 1.
        history: A row for each finished epoch of all stages.
        best: The model's variables at the best epoch.
    """

    stage: int = 0
    epoch: int = 0
    best_score: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)

    def keep_best(self, score: float, epoch: int, weights: list[np.ndarray]) -> None:
        """Takes an epoch for the best one of the stage.

        Args:
            score: Its validation score.
            epoch: Its number, from 1.
            weights: The model's variables.
        """
        self.best_score = score
        self.best_epoch = epoch
        self.best = weights

    def start_stage(self, stage: int) -> None:
        """Starts the next stage, and forgets the best epoch of the one before.

        Args:
            stage: Its number.
        """
        self.stage = stage
        self.epoch = 0
        self.best_score = -1.0
        self.best_epoch = 0
        self.best = []


def list_state(model: keras.Model) -> list[keras.Variable]:
    """Lists everything that decides the next step: weights, optimizer, the state of dropout.

    Args:
        model: A compiled model.

    Returns:
        Its variables, each once, in a fixed order.
    """
    # The optimiser may share variables with the model: each is kept once
    variables = [*model.variables, *model.optimizer.variables]
    unique = {id(variable): variable for variable in variables}
    return list(unique.values())


def save_checkpoint(path: Path, model: keras.Model, progression: Progression) -> None:
    """Writes model, optimizer and progression into one file.

    Args:
        path: The file.
        model: A compiled model.
        progression: How far its training has come.
    """
    # Facts as JSON, arrays as NumPy's: neither can run code when it is read
    facts = asdict(progression)
    del facts["best"]  # arrays, which JSON has not
    arrays = name_arrays("best_", progression.best)
    arrays |= name_arrays("state_", map(keras.ops.convert_to_numpy, list_state(model)))
    with write_whole(path) as temporary:
        np.savez(temporary, facts=json.dumps(facts), **arrays)


def name_arrays(prefix: str, arrays: Iterable[np.ndarray]) -> dict[str, Any]:
    """Arrays by a prefix and their number, as `list_arrays` finds them again."""
    return {f"{prefix}{number:04}": array for number, array in enumerate(arrays)}


def load_checkpoint(path: Path) -> tuple[Progression, list[np.ndarray]] | None:
    """Reads a checkpoint.

    Args:
        path: The file.

    Returns:
        The progression and the arrays for `restore_state`; None where there is no checkpoint yet.

    Raises:
        ModelError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        file = read_arrays(path, MAX_CHECKPOINT_BYTES)
        progression = Progression(**json.loads(str(file["facts"])))
        progression.best = list_arrays(file, "best_")
        state = list_arrays(file, "state_")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: is damaged ({error}); remove the folder and train again") from error
    return progression, state


def list_arrays(file: dict[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """The arrays whose names begin so, by their numbers, which is as they were written."""
    return [file[name] for name in sorted(file) if name.startswith(prefix)]


def restore_state(model: keras.Model, arrays: list[np.ndarray]) -> None:
    """Puts a checkpoint's arrays back.

    Args:
        model: A compiled model.
        arrays: As `load_checkpoint` gives them.

    Raises:
        ModelError: They are of another model.
    """
    variables = list_state(model)
    # Compared as a whole before any is assigned: a model that is half of one and half of the other learns on
    if list_shapes(variables) != list_shapes(arrays):
        raise ModelError("the checkpoint is of another network; remove the RUN folder and train again")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def list_shapes(arrays: Iterable[np.ndarray | keras.Variable]) -> list[tuple[int, ...]]:
    """The shape of each array or variable."""
    return [tuple(array.shape) for array in arrays]
