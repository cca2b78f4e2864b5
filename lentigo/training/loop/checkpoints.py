"""Training state on disk: one file that is replaced whole, so a kill at any moment leaves the last epoch."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from lentigo.common.files import write_whole
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras


@dataclass
class Progression:
    """How far a run has come: `stage` and finished `epoch` within it, the best epoch so far, and the
    history.
    """

    stage: int = 0
    epoch: int = 0
    best_score: float = -1.0
    best_epoch: int = 0
    history: list[dict] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)  # the model's variables at the best epoch

    def start_stage(self, stage: int) -> None:
        """Forgets the best of the stage before."""
        self.stage, self.epoch, self.best_score, self.best_epoch, self.best = stage, 0, -1.0, 0, []


def list_state(model: keras.Model) -> list[keras.Variable]:
    """Everything that decides the next step: weights, optimizer, the state of dropout; each once, in a fixed
    order.
    """
    variables = [*model.variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in variables}.values())


def save_checkpoint(path: Path, model: keras.Model, progression: Progression) -> None:
    """Writes model, optimizer and progression into one file."""
    facts = {key: value for key, value in asdict(progression).items() if key != "best"}
    arrays = {f"state_{n:04}": keras.ops.convert_to_numpy(v) for n, v in enumerate(list_state(model))}
    arrays |= {f"best_{n:04}": value for n, value in enumerate(progression.best)}
    with write_whole(path) as temporary:
        np.savez(temporary, facts=json.dumps(facts), **arrays)


def load_checkpoint(path: Path) -> tuple[Progression, list[np.ndarray]] | None:
    """The progression and the arrays for `restore_state`, or None where there is no checkpoint yet."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            progression = Progression(**json.loads(str(file["facts"])))
            progression.best = [file[name] for name in sorted(file.files) if name.startswith("best_")]
            return progression, [file[name] for name in sorted(file.files) if name.startswith("state_")]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is damaged ({error}); remove the folder and train again") from error


def restore_state(model: keras.Model, arrays: list[np.ndarray]) -> None:
    """Puts a checkpoint's arrays back. Raises `ModelError` when they are of another model."""
    variables = list_state(model)
    if [tuple(v.shape) for v in variables] != [a.shape for a in arrays]:
        raise ModelError("the checkpoint is of another network; remove the RUN folder and train again")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
