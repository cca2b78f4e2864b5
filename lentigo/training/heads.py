"""The head on the features of a frozen backbone: the smallest unit of work, plain arrays in, a score out."""

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
from sklearn.utils.class_weight import compute_sample_weight

from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import DataError, ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.heads import build_head
from lentigo.training.loop.stage_runs import find_best_epoch, run_stages, select_last_stage
from lentigo.training.loop.stages import Stage, compile_model
from lentigo.training.recipes import Recipe


@dataclass(frozen=True)
class LabelledFeatures:
    """Photographs as a frozen backbone gives them.

    Attributes:
        features: float32 (n, d).
        malignant: The truth, 0 or 1, int (n,).
    """

    features: np.ndarray
    malignant: np.ndarray

    def take(self, rows: np.ndarray) -> LabelledFeatures:
        """Chooses some of the photographs.

        Args:
            rows: A mask, bool (n,), or row numbers.

        Returns:
            Those photographs.
        """
        return LabelledFeatures(self.features[rows], self.malignant[rows])


@dataclass(frozen=True)
class Score:
    """What one training reached on the photographs that were held out of it.

    The epoch was chosen on the same photographs, as `lentigo train` does, so the scores are a little too
    good, of every contender alike.

    Attributes:
        auroc: The area under the ROC curve.
        accuracy: At P(malignant) 0.5.
        loss: The mean cross-entropy.
        n: The photographs that were held out.
        n_malignant: How many of them are malignant.
        best_epoch: The epoch that was chosen, from 1, of the last stage.
        epochs: The epochs of all stages.
        seconds: The training took.
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
        """Every number by its name."""
        return asdict(self)


def make_head_stage(
    head: keras.Model, recipe: Recipe, training: LabelledFeatures, validation: LabelledFeatures
) -> Stage:
    """Makes the stage in which a head learns.

    Args:
        head: Embedding to logit; it is compiled here.
        recipe: Of the training.
        training: What it learns from.
        validation: What chooses the best epoch.

    Returns:
        The stage.
    """
    compile_model(head, recipe, recipe.head_learning_rate, 0.0)  # without a moving average
    labels = training.malignant[:, None].astype(np.float32)  # (n, 1), as the logits are

    def load_batch(epoch: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return training.features[rows], labels[rows]

    def validate() -> dict[str, float]:
        return score_logits(predict_logits(head, validation.features), validation.malignant)

    # Validation decides by AUROC: it does not depend on the threshold, which is chosen later
    return Stage(
        name="head",
        model=head,
        epochs=recipe.head_epochs if recipe.finetune else recipe.epochs,
        load_batch=load_batch,
        validate=validate,
        decides="val_auroc",
        weights=weigh_classes(training.malignant, recipe),
        patience=recipe.patience,
        held=(training.features, labels),
    )


def train_head(
    recipe: Recipe,
    photographs: LabelledFeatures,
    held_out: np.ndarray,
    checkpoint: Path | None = None,
    progress: Progress = show_nothing,
    prefix: str = "",
) -> tuple[keras.Model, pd.DataFrame]:
    """Trains a new head. The same seed gives the same head.

    Args:
        recipe: Of the training.
        photographs: n photographs as features.
        held_out: Those that it does not learn from, bool (n,); they choose its epoch.
        checkpoint: The file that keeps its state, from which the same call goes on; None keeps none.
        progress: Watches the epochs go by.
        prefix: Stands before the names of its layers.

    Returns:
        The head with the weights of its best epoch, and its history.
    """
    # A prefix keeps the layers of several heads apart in one graph
    dropouts = (recipe.dropout_1, recipe.dropout_2)
    head = build_head(photographs.features.shape[1], dropouts, recipe.seed, prefix, recipe.units)
    training = photographs.take(~held_out)
    validation = photographs.take(held_out)
    build_stage = partial(make_head_stage, head, recipe, training, validation)
    history = run_stages([build_stage], recipe, checkpoint, progress)
    return head, history


def score_head(recipe: Recipe, photographs: LabelledFeatures, held_out: np.ndarray) -> Score:
    """Trains a head and scores it on the photographs that were held out of it.

    Args:
        recipe: Of the training.
        photographs: n photographs as features.
        held_out: Those that it does not learn from, bool (n,).

    Returns:
        The score on those.
    """
    started = time.perf_counter()
    head, history = train_head(recipe, photographs, held_out)
    validation = photographs.take(held_out)
    return make_score(predict_logits(head, validation.features), validation.malignant, history, started)


def make_score(logits: np.ndarray, malignant: np.ndarray, history: pd.DataFrame, started: float) -> Score:
    """Makes the score of a finished training.

    Args:
        logits: Of the photographs that were held out, float (n,).
        malignant: Their truth, 0 or 1, int (n,).
        history: A row for each epoch.
        started: The count of seconds (`time.perf_counter`) at which the training began.

    Returns:
        The score.
    """
    scores = score_logits(logits, malignant)
    last_stage = select_last_stage(history)
    return Score(
        auroc=scores["val_auroc"],
        accuracy=scores["val_accuracy"],
        loss=scores["val_loss"],
        n=len(malignant),
        n_malignant=int(malignant.sum()),
        best_epoch=find_best_epoch(last_stage, "val_auroc"),
        epochs=len(history),
        seconds=time.perf_counter() - started,
    )


def score_logits(logits: np.ndarray, malignant: np.ndarray) -> dict[str, float]:
    """Scores the logits of validation photographs, as a history lists them.

    Args:
        logits: Float (n,).
        malignant: The truth, 0 or 1, int (n,).

    Returns:
        The cross-entropy `val_loss`, the accuracy at 0.5 `val_accuracy`, and `val_auroc`.

    Raises:
        DataError: Only one class is there.
        ModelError: A logit is no number.
    """
    if len(np.unique(malignant)) < 2:
        raise DataError(
            f"validation: all {len(malignant)} photographs are of one class; expected both, which the AUROC "
            "needs: choose a larger validation split"
        )
    finite = np.isfinite(logits)
    if not finite.all():
        raise ModelError(
            f"{int((~finite).sum())} of {len(logits)} validation photographs have a logit that is no number; "
            "expected numbers: the training has diverged, lower its learning rate and train into a new "
            "folder"
        )
    # The logarithm of the probability of the truth; `log_expit` stays finite where a probability is 0
    likelihood = np.where(malignant == 1, log_expit(logits), log_expit(-logits))
    return {
        "val_loss": float(-likelihood.mean()),
        "val_accuracy": float(((expit(logits) >= 0.5) == malignant).mean()),
        "val_auroc": float(roc_auc_score(malignant, logits)),
    }


def predict_logits(head: keras.Model, features: np.ndarray) -> np.ndarray:
    """Predicts with a head.

    Args:
        head: Embedding to logit.
        features: Float (n, d).

    Returns:
        Logits, float (n,).
    """
    return keras.ops.convert_to_numpy(head(features, training=False))[:, 0]


def weigh_classes(malignant: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Weighs photographs by the rarity of their class, where the recipe asks for it.

    Args:
        malignant: The truth, 0 or 1, int (n,).
        recipe: Says whether classes are weighed.

    Returns:
        The weight of each photograph in the loss, float32 (n,), 1 on average.
    """
    if not recipe.class_weights:
        return np.ones(len(malignant), np.float32)
    # Balanced: both classes have the same weight together, and the mean weight is 1
    return compute_sample_weight("balanced", malignant).astype(np.float32)
