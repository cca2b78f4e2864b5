"""What prediction gives: a prediction for each photograph, and beside it what else the same pass says."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lentigo.common.json_values import list_fields
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import ModelError
from lentigo.images.held_images import HeldImage, ImageSource
from lentigo.images.problems import Problem
from lentigo.inference.notebooks.notebook_tables import (
    show_label,
    show_picture,
    show_pictures,
    show_probability,
    show_rows,
)
from lentigo.inference.notebooks.result_sequence import ResultSequence
from lentigo.inference.notebooks.thumbnails import try_thumbnail
from lentigo.inference.similarity.known_cases import SimilarCase, spell_cases

if TYPE_CHECKING:
    import pandas as pd


LABELS = ("malignant", "benign", "uncertain")  # in the order of a summary


@dataclass(frozen=True, repr=False)
class Prediction(Summarized):
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
        similar: The nearest known lesions, where an index of them was given; none for a refused photograph.
        thumbnail: A small JPEG of the photograph, with the outline of the lesion where that was asked for;
            b"" where none was made: a notebook then reads the file.
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
    diagnosis: dict[str, float] | None = field(default=None, hash=False)
    similar: tuple[SimilarCase, ...] | None = None
    thumbnail: bytes = field(default=b"", repr=False, compare=False)

    def summarize(self) -> str:
        """What matters most, in a few words."""
        if self.is_refused:
            return f"{self.image!r}: refused, {self.reason}"
        words = f"{self.image!r}: {self.label}, P(malignant) {self.probability:.3f}, threshold {self.threshold:.3f}"
        return f"{words}; {self.reason}" if self.reason else words

    def to_json(self) -> dict[str, Any]:
        """The entries that `predict --json` writes, without what the RUN cannot tell."""
        entries = self._list_entries()
        for name in ("shifted", "diagnosis", "similar"):
            if entries[name] is None:
                del entries[name]
        if self.similar is not None:
            entries["similar"] = list_fields(self.similar)
        return entries

    @property
    def is_refused(self) -> bool:
        """Whether it shows no lesion: its probability then means nothing, and is shown to nobody."""
        return self.in_distribution is False

    @property
    def likeliest(self) -> str | None:
        """The diagnosis of the highest probability; None where the RUN tells none apart."""
        if not self.diagnosis:
            return None
        return max(self.diagnosis, key=self.diagnosis.__getitem__)

    @property
    def likeness(self) -> str:
        """What the lesion is like, in words; "" where the RUN tells no diagnoses apart."""
        if not self.diagnosis or not self.likeliest:
            return ""
        return f"like {self.likeliest.replace('_', ' ')} ({self.diagnosis[self.likeliest]:.2f})"

    def to_row(self) -> dict[str, Any]:
        """A row of a table: the likeliest diagnosis, and the probability of each in a column of its own."""
        row = self._list_entries()
        del row["similar"]
        if self.similar is not None:
            row["similar"] = spell_cases(self.similar)
        row["diagnosis"] = self.likeliest
        for name in DIAGNOSES:
            row[f"p_{name}"] = self.diagnosis[name] if self.diagnosis else ""
        return row

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row. Raises `MissingError` where pandas is not installed."""
        return Predictions((self,), ()).to_frame()

    def list_cells(self) -> dict[str, str]:
        """The cells of a table in a notebook, HTML by column: the photograph comes first."""
        thumbnail = self.thumbnail or try_thumbnail(self.image)
        probability = ""
        if not self.is_refused:
            probability = show_probability(self.probability, self.threshold, self.label)
        cells = {
            "photograph": show_picture(thumbnail, self.image),
            "P(malignant)": probability,
            "decision": show_label(self.label),
            "remarks": "<br>".join(map(escape, self.list_remarks())),
        }
        if self.similar is not None:
            cells["similar cases"] = show_pictures([(c.thumbnail, c.describe()) for c in self.similar])
        return cells

    def list_remarks(self) -> list[str]:
        """Why it is uncertain, or what the lesion is like; then the flaws of the photograph."""
        remark = self.reason or self.likeness
        return [remark, *self.warnings] if remark else list(self.warnings)

    def _list_entries(self) -> dict[str, Any]:
        """All fields but the picture, which is none of the answer."""
        entries = asdict(replace(self, thumbnail=b"", similar=None))
        del entries["thumbnail"]
        return entries

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return show_rows([self.list_cells()])


# The columns of `Prediction.to_row`
ROW_COLUMNS = (
    *(item.name for item in fields(Prediction) if item.name not in ("similar", "thumbnail")),
    *(f"p_{name}" for name in DIAGNOSES),
)


@dataclass(frozen=True, repr=False)
class Predictions(ResultSequence[Prediction]):
    """The predictions in order, and beside them the photographs that have none.

    Attributes:
        predictions: One for each photograph that could be read.
        problems: The others.
    """

    predictions: tuple[Prediction, ...]
    problems: tuple[Problem, ...]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        labels = Counter(prediction.label for prediction in self.predictions)
        words = [format_count(len(self), "photograph")]
        words += [f"{labels[label]:,} {label}" for label in LABELS if labels[label]]
        return add_problems(", ".join(words), self.problems)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The labels, as metrics of scikit-learn take them."""
        return np.array([prediction.label for prediction in self.predictions], dtype=dtype)

    def list_rows(self) -> list[dict[str, Any]]:
        """A row for each prediction; columns of diagnoses only where the RUN tells them apart."""
        rows = [prediction.to_row() for prediction in self.predictions]
        if any(prediction.diagnosis for prediction in self.predictions):
            return rows
        return list(map(drop_diagnoses, rows))


def drop_diagnoses(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns of diagnoses."""
    return {name: row[name] for name in row if not name.startswith(("p_", "diagnosis"))}


@dataclass(frozen=True, eq=False)
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
        held: The photograph itself where it was given in memory, and no file has it.
        embedding: The features after the pooling, float32 (d,); None where the graph does not give them.
        digest: The SHA-256 of its file, hexadecimal.
    """

    image: str
    prediction: Prediction | None
    pixels: np.ndarray
    size: tuple[int, int]
    logit: float
    heatmap: np.ndarray | None
    mask: np.ndarray | None = None
    centres: tuple[float, ...] = ()
    held: HeldImage | None = None
    embedding: np.ndarray | None = None
    digest: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the photograph shows no lesion: then it has no outline, no box and no map either. A decoder,
        which has seen nothing else, finds a lesion in a flower too.
        """
        return self.prediction is not None and self.prediction.is_refused

    @property
    def source(self) -> ImageSource:
        """What the photograph can be read from again: its path or address, or itself."""
        return self.held or self.image

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
