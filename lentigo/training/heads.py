"""The head on the features of a frozen trunk: the smallest unit of work, plain arrays in, a score out."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit
from sklearn.metrics import roc_auc_score

from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.heads import build_head
from lentigo.training.loop.stages import Stage, compile_model, run_stages
from lentigo.training.recipes import Recipe


@dataclass(frozen=True)
class Sample:
    """Photographs as a frozen trunk sees them: features, float32 (n, d), and their truth, 0 or 1, int
    (n,).
    """

    features: np.ndarray
    malignant: np.ndarray

    def take(self, rows: np.ndarray) -> Sample:
        """Those of a mask, bool (n,), or of row numbers."""
        return Sample(self.features[rows], self.malignant[rows])


@dataclass(frozen=True)
class Score:
    """What one training reached on the photographs that were held out of it, `n` of them; `accuracy` is that
    at P(malignant) 0.5.

    The epoch was chosen on the same photographs, as `lentigo train` does, so the scores are a little too
    good, of every contender alike.
    """

    auroc: float
    accuracy: float
    loss: float
    n: int
    n_malignant: int
    best_epoch: int
    epochs: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_head(head: keras.Model, recipe: Recipe, learn: Sample, check: Sample) -> Stage:
    """The training of a head on some photographs, judged on others."""
    compile_model(head, recipe, recipe.head_learning_rate, 0.0)
    return Stage(
        "head",
        head,
        recipe.head_epochs if recipe.finetune else recipe.epochs,
        lambda epoch, rows: (learn.features[rows], learn.malignant[rows, None].astype(np.float32)),
        lambda: score_logits(answer_head(head, check.features), check.malignant),
        "val_auroc",
        weigh(learn.malignant, recipe),
        recipe.patience,
    )


def train_head(
    recipe: Recipe,
    sample: Sample,
    held_out: np.ndarray,
    checkpoint: Path | None = None,
    progress: Progress = show_nothing,
    prefix: str = "",
) -> tuple[keras.Model, pd.DataFrame]:
    """A new head that has learned from all photographs but those `held_out`, bool (n,), and its history. The
    same seed gives the same head.
    """
    head = build_head(
        sample.features.shape[1], (recipe.dropout_1, recipe.dropout_2), recipe.seed, prefix, recipe.units
    )
    history = run_stages(
        [partial(plan_head, head, recipe, sample.take(~held_out), sample.take(held_out))],
        recipe,
        checkpoint,
        progress,
    )
    return head, history


def score_head(recipe: Recipe, sample: Sample, held_out: np.ndarray) -> Score:
    """Trains a head without the photographs that are `held_out`, bool (n,), and scores it on them."""
    started = time.perf_counter()
    head, history = train_head(recipe, sample, held_out)
    checked = sample.take(held_out)
    return make_score(answer_head(head, checked.features), checked.malignant, history, started)


def make_score(logits: np.ndarray, malignant: np.ndarray, history: pd.DataFrame, started: float) -> Score:
    """The score of logits, float (n,), after a training that `started` at a count of seconds; the best epoch
    is that of its last stage.
    """
    found, last = score_logits(logits, malignant), history[history["stage"] == history["stage"].iloc[-1]]
    return Score(
        found["val_auroc"],
        found["val_accuracy"],
        found["val_loss"],
        len(malignant),
        int(malignant.sum()),
        int(last["epoch"][last["val_auroc"].idxmax()]),
        len(history),
        time.perf_counter() - started,
    )


def score_logits(logits: np.ndarray, malignant: np.ndarray) -> dict[str, float]:
    """Cross-entropy, accuracy at 0.5 and AUROC of logits (n,). Raises `ModelError` where one is no number."""
    if not np.isfinite(logits).all():
        raise ModelError(
            f"{int((~np.isfinite(logits)).sum())} of {len(logits)} validation photographs have a logit that "
            "is no number; "
            "expected numbers: the training has diverged, lower its learning rate and train into a new "
            "folder"
        )
    likelihood = np.where(malignant == 1, log_expit(logits), log_expit(-logits))
    return {
        "val_loss": float(-likelihood.mean()),
        "val_accuracy": float(((expit(logits) >= 0.5) == malignant).mean()),
        "val_auroc": float(roc_auc_score(malignant, logits)),
    }


def answer_head(head: keras.Model, features: np.ndarray) -> np.ndarray:
    """Logits, float (n,), of features (n, d)."""
    return keras.ops.convert_to_numpy(head(features, training=False))[:, 0]


def weigh(malignant: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Weights (n,) of the photographs: 1, or inversely to the size of their class, 1 on average."""
    if not recipe.class_weights:
        return np.ones(len(malignant), np.float32)
    counts = np.bincount(malignant, minlength=2)
    return (len(malignant) / (2 * counts))[malignant].astype(np.float32)
