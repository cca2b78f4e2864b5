"""Evaluation: a RUN against labelled photographs, through the path that is served."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from lentigo.common.json_values import replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset, name_split, select_split
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError
from lentigo.evaluation.contamination import Contamination, find_contamination
from lentigo.evaluation.duplicate_images import TrainingDuplicate, count_known, search_training_duplicates
from lentigo.evaluation.ledger import Exposure, record_evaluation, require_ledger
from lentigo.evaluation.scores.calibration_slope import Recalibration, measure_calibration
from lentigo.evaluation.scores.decisions import Decisions, Refusals, measure_decisions, measure_refusals
from lentigo.evaluation.scores.diagnoses import DiagnosisScores, measure_diagnoses
from lentigo.evaluation.scores.metrics import Metrics, estimate_intervals, measure
from lentigo.evaluation.scores.subgroups import FEWEST
from lentigo.images.problems import Problem
from lentigo.inference.prediction import Predictor
from lentigo.inference.results import Prediction


@dataclass(frozen=True)
class Assessment:
    """How a model did on a set. `table` has a row for each photograph of `dataset`: image, label,
    probability, decision.
    """

    n: int
    n_malignant: int
    metrics: Metrics
    threshold: float
    threshold_rule: str  # the one in use
    ci: dict[str, tuple[float, float]]
    confusion: list[list[int]]  # rows truth, columns decision, in the order benign, malignant
    split: str
    model: str
    data_fingerprint: str
    times_test_opened: int
    table: pd.DataFrame
    dataset: Dataset
    problems: tuple[Problem, ...]
    decisions: tuple[Decisions, ...]  # at several operating points; the one in use comes first
    refusals: Refusals
    recalibration: Recalibration
    leaks: dict[str, Any] | None = None  # in the split that the model was trained on, as its card has them
    # Of photographs of the training, whatever the file; None where nobody looked
    training_duplicates: tuple[TrainingDuplicate, ...] | None = None
    # How often the photographs were evaluated before; None where it was not counted
    exposure: Exposure | None = None
    # Which photographs the model has learned from; None of its own validation
    contamination: Contamination | None = None
    # How well diagnoses are told apart; None where the model or the data set has none
    diagnoses: DiagnosisScores | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What keeps the numbers from being read as usual, in sentences."""
        missing = CLASSES[0] if self.n_malignant else CLASSES[1]
        return tuple(
            filter(
                None,
                (
                    f"only {self.n} photographs: intervals from fewer than {FEWEST} say little"
                    if self.n < FEWEST
                    else "",
                    f"no {missing} photograph: what compares the classes does not exist (null)"
                    if self.n_malignant in (0, self.n)
                    else "",
                ),
            )
        )

    def describe_contamination(self) -> dict[str, Any] | None:
        """What is known of the contamination; `duplicates` are those of training photographs, None where
        nobody looked.
        """
        if self.contamination is None:
            return None
        duplicates = None
        if self.training_duplicates is not None:
            duplicates = [asdict(duplicate) for duplicate in self.training_duplicates]
        return {**self.contamination.to_json(), "duplicates": duplicates}

    def to_json(self) -> dict[str, Any]:
        """The contract's object; a value that does not exist is null."""
        fit = self.recalibration
        ends = self.ci | {"calibration_slope": fit.slope_ci, "calibration_intercept": fit.intercept_ci}
        return {
            "n": self.n,
            "n_malignant": self.n_malignant,
            **{name: replace_nan(value) for name, value in asdict(self.metrics).items()},
            "calibration_slope": replace_nan(fit.slope),
            "calibration_intercept": replace_nan(fit.intercept),
            "threshold": self.threshold,
            "threshold_rule": self.threshold_rule,
            "ci": {name: [replace_nan(low), replace_nan(high)] for name, (low, high) in ends.items()},
            "confusion": self.confusion,
            "split": self.split,
            "model": self.model,
            "data_fingerprint": self.data_fingerprint,
            "times_test_opened": self.times_test_opened,
            "operating_points": [decisions.to_json() for decisions in self.decisions],
            "refusals": self.refusals.to_json(),
            "notes": list(self.notes),
            "diagnoses": self.diagnoses and self.diagnoses.to_json(),
            "leaks": self.leaks,
            "evaluated_before": self.exposure and self.exposure.to_json(),
            "contamination": self.describe_contamination(),
            "problems": [asdict(problem) for problem in self.problems],
        }


def evaluate(
    model: str | Path | Predictor,
    data: str | Path | Dataset,
    *,
    split: str = "test",
    duplicates: bool = True,
    progress: Progress = show_nothing,
) -> Assessment:
    """Measures a RUN on one split of a data set, with 95 % intervals by groups. A `Predictor` may stand for
    the RUN, to have it asked otherwise than by default. `duplicates` looks for photographs that show the same
    picture: they share a group, and those that show one of the training are listed; without it those of the
    training are known by their files alone.

    Each call opens the set once, and the ledger counts it. Raises `ModelError` and `DataError`; photographs
    that cannot be read are left out and listed.
    """
    require_ledger()
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    chosen = select_split(dataset, split)
    split = name_split(dataset, split)
    answers = list(progress(predictor.predict(chosen.table["image"]), total=len(chosen), label="photographs"))
    readable = np.array([isinstance(answer, Prediction) for answer in answers])
    if not readable.any():
        raise DataError(
            f"{dataset.name}: none of its {len(answers)} photographs can be read ({answers[0].error})"
        )
    predictions = [answer for answer in answers if isinstance(answer, Prediction)]
    problems = dataset.problems + tuple(answer for answer in answers if isinstance(answer, Problem))
    kept = chosen.take(readable)
    exposure = record_evaluation(kept, split, predictor.bundle.name, by_content=duplicates, progress=progress)
    kept, found = search_training_duplicates(predictor.bundle, kept, progress) if duplicates else (kept, None)
    searched = count_known(predictor.bundle) if duplicates else 0
    contamination = find_contamination(
        predictor.bundle, kept, by_content=duplicates, searched=searched, progress=progress
    )
    answer = assess(predictor, kept, predictions, split)
    return replace(
        answer,
        times_test_opened=exposure.times,
        exposure=exposure,
        problems=problems,
        training_duplicates=found,
        contamination=contamination,
    )


def assess(predictor: Predictor, dataset: Dataset, predictions: list[Prediction], split: str) -> Assessment:
    """The metrics of a predictor's answers for the photographs of a data set, in its order."""
    truth, threshold, groups = dataset.malignant, predictor.threshold, dataset.groups
    probability = np.array([prediction.probability for prediction in predictions])
    labels, known_to_model = [p.label for p in predictions], [p.in_distribution for p in predictions]
    answered = np.array(labels) != "uncertain"
    return Assessment(
        n=len(truth),
        n_malignant=int(truth.sum()),
        metrics=measure(truth, probability, threshold, answered),
        threshold=threshold,
        threshold_rule=predictor.threshold_rule,
        ci=estimate_intervals(truth, probability, threshold, groups, answered),
        confusion=confusion_matrix(truth, probability >= threshold, labels=range(len(CLASSES))).tolist(),
        split=split,
        model=predictions[0].model,
        data_fingerprint=dataset.fingerprint,
        times_test_opened=0,
        table=dataset.table.assign(probability=probability, decision=labels),
        dataset=dataset,
        problems=(),
        decisions=tuple(
            measure_decisions(rule, point, truth, probability, groups)
            for rule, point in predictor.list_thresholds().items()
        ),
        refusals=measure_refusals(
            labels, known_to_model, predictor.alpha, threshold, truth, probability, groups
        ),
        recalibration=measure_calibration(truth, probability, groups),
        leaks=predictor.bundle.card.get("leaks"),
        diagnoses=assess_diagnoses(dataset, predictions),
    )


def assess_diagnoses(dataset: Dataset, predictions: list[Prediction]) -> DiagnosisScores | None:
    """How well diagnoses are told apart; None where the model gives none or the data set names none."""
    if any(prediction.diagnosis is None for prediction in predictions):
        return None
    probability = np.array([list(prediction.diagnosis.values()) for prediction in predictions])
    return measure_diagnoses(dataset.diagnosis_numbers, probability, dataset.groups)
