"""What prediction gives: a prediction for each photograph, and beside it what else the same pass says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import ModelError
from lentigo.images.problems import Problem


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photograph.

    Attributes:
        image: Its path or address.
        label: The decision at `threshold`, "benign" or "malignant", or "uncertain".
        probability: P(malignant), calibrated.
        threshold: Malignant is said from this probability on.
        in_distribution: Whether it shows a lesion at all; None where the RUN carries no reference to tell.
        model: The name of the RUN.
        seconds: Its share of the time of its batch.
        reason: Why the label is "uncertain", "" where it is not.
        warnings: The photograph's flaws, with values and cures.
        shifted: Whether it shows a lesion, but is unlike the sources that the model has learned from; None
            where the RUN carries no reference to tell.
        diagnosis: The probability of each of the seven `DIAGNOSES`, where the RUN tells them apart.
    """

    image: str
    label: str
    probability: float
    threshold: float
    in_distribution: bool | None
    model: str
    seconds: float
    reason: str = ""
    warnings: tuple[str, ...] = ()
    shifted: bool | None = None
    diagnosis: dict[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The entries that `predict --json` writes, without what the RUN cannot tell."""
        entries = asdict(self)
        for name in ("shifted", "diagnosis"):
            if entries[name] is None:
                del entries[name]
        return entries

    @property
    def likeliest(self) -> str | None:
        """The diagnosis of the highest probability; None where the RUN tells none apart."""
        if not self.diagnosis:
            return None
        return max(self.diagnosis, key=self.diagnosis.__getitem__)

    def to_row(self) -> dict[str, Any]:
        """A row of a table: the likeliest diagnosis, and the probability of each in a column of its own."""
        row = asdict(self)
        row["diagnosis"] = self.likeliest
        for name in DIAGNOSES:
            row[f"p_{name}"] = self.diagnosis[name] if self.diagnosis else ""
        return row


# The columns of `Prediction.to_row`
ROW_COLUMNS = (*(field.name for field in fields(Prediction)), *(f"p_{name}" for name in DIAGNOSES))


@dataclass(frozen=True)
class Predictions:
    """The predictions, and beside them the photographs that have none."""

    predictions: tuple[Prediction, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class InferenceResult:
    """All that one pass of the network gives for a photograph.

    Attributes:
        image: Its path or address.
        prediction: None where the RUN has no classifier.
        pixels: What the network saw, uint8 (side, side, 3).
        size: (width, height) in pixels of the original, upright.
        logit: Before calibration; NaN where the RUN has no classifier.
        heatmap: Float32 (h, w); None where the RUN has no classifier.
        mask: P(lesion) of each pixel, float32 (side, side); None where the RUN has no mask decoder.
        centres: The centres of the heatmap's columns, and of its rows, as shares of the photograph's side.
    """

    image: str
    prediction: Prediction | None
    pixels: np.ndarray
    size: tuple[int, int]
    logit: float
    heatmap: np.ndarray | None
    mask: np.ndarray | None = None
    centres: tuple[float, ...] = ()

    def get_prediction(self) -> Prediction:
        """The prediction. Raises `ModelError` where the RUN has no classifier."""
        if self.prediction is None:
            raise ModelError(f"{self.image}: has no prediction; expected a RUN with a classifier")
        return self.prediction

    def get_heatmap(self) -> np.ndarray:
        """The heatmap, float32 (h, w). Raises `ModelError` where the RUN has no classifier."""
        if self.heatmap is None:
            raise ModelError(f"{self.image}: has no heatmap; expected a RUN with a classifier")
        return self.heatmap

    def get_mask(self) -> np.ndarray:
        """The mask, float32 (side, side). Raises `ModelError` where the RUN has no mask decoder."""
        if self.mask is None:
            raise ModelError(f"{self.image}: has no mask; expected a RUN with a mask decoder")
        return self.mask
