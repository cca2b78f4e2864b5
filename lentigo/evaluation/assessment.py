"""Evaluation: a RUN against labelled photographs, through the path that is served."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from lentigo.common.json_values import list_fields, replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.dataset import CLASSES, Dataset, DataSource, name_split, select_split
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.contamination import Contamination, find_contamination, search_contamination
from lentigo.evaluation.ledger import Exposure, record_evaluation, require_ledger
from lentigo.evaluation.scores.calibration_slope import Recalibration, measure_calibration
from lentigo.evaluation.scores.decisions import Decisions, Refusals, count_refusals
from lentigo.evaluation.scores.diagnoses import DiagnosisScores
from lentigo.evaluation.scores.metrics import Metrics, estimate_intervals, measure
from lentigo.evaluation.scores.prediction_scores import (
    assess_diagnoses,
    measure_answered,
    measure_operating_points,
)
from lentigo.evaluation.scores.subgroups import MIN_IMAGES
from lentigo.images.problems import Problem, require_usable, separate_problems
from lentigo.inference.loaded_model import LoadedModel
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction
from lentigo.splits.leak_words import mark_leaks

if TYPE_CHECKING:
    from lentigo.common.plots import ShownFigure


@dataclass(frozen=True, repr=False, eq=False)
class Assessment(Summarized):
    """How a model did on a set.

    Attributes:
        n: Photographs that were answered or refused.
        n_malignant: How many of them are malignant.
        metrics: Point values.
        threshold: From which P(malignant) is called malignant.
        threshold_rule: The rule that it was chosen by.
        ci: The 95 % interval of each metric.
        confusion: Counts; rows are the truth, columns the decision, in the order benign, malignant.
        split: The split of the data set.
        model: The name of the model.
        data_fingerprint: A hash of contents and labels.
        times_test_opened: How often a photograph of the set was evaluated at most, this time included.
        table: A row for each photograph of `dataset`: image, label, probability, decision.
        dataset: The photographs.
        problems: Photographs that cannot be read.
        decisions: At several operating points; the one in use comes first.
        refusals: How many photographs were refused, and what that buys.
        recalibration: Calibration slope and intercept.
        leaks: In the split that the model was trained on, as its card has them.
        exposure: How often the photographs were evaluated before; None where it was not counted.
        contamination: Which photographs the model has learned from; None of its own validation.
        diagnoses: How well diagnoses are told apart; None where the model or the data set has none.
    """

    n: int
    n_malignant: int
    metrics: Metrics
    threshold: float
    threshold_rule: str
    ci: dict[str, tuple[float, float]]
    confusion: list[list[int]]
    split: str
    model: str
    data_fingerprint: str
    times_test_opened: int
    table: pd.DataFrame = field(repr=False)
    dataset: Dataset = field(repr=False)
    problems: tuple[Problem, ...]
    decisions: tuple[Decisions, ...]
    refusals: Refusals
    recalibration: Recalibration
    leaks: dict[str, Any] | None = None
    exposure: Exposure | None = None
    contamination: Contamination | None = None
    diagnoses: DiagnosisScores | None = None

    def summarize(self) -> str:
        """What matters most, in a few words."""
        low, high = self.ci["auroc"]
        words = [
            f"{self.model} on {self.split}",
            f"{format_count(self.n, 'photograph')} ({self.n_malignant:,} malignant)",
            f"AUROC {self.metrics.auroc:.3f} ({low:.3f} to {high:.3f})",
            f"sensitivity {self.metrics.sensitivity:.3f}",
            f"specificity {self.metrics.specificity:.3f}",
        ]
        return add_problems(", ".join(words), self.problems)

    @property
    def notes(self) -> tuple[str, ...]:
        """What keeps the numbers from being read as usual, in sentences."""
        notes = []
        if self.n < MIN_IMAGES:
            notes.append(f"only {self.n} photographs: intervals from fewer than {MIN_IMAGES} say little")
        if self.n_malignant in (0, self.n):
            missing = CLASSES[0] if self.n_malignant else CLASSES[1]
            notes.append(f"no {missing} photograph: what compares the classes does not exist (null)")
        return tuple(notes)

    def to_frame(self) -> pd.DataFrame:
        """The metrics as a pandas table: `metric`, `title`, `value`, `low` and `high`, the ends of the 95 %
        interval.
        """
        # Imported here: whoever only reads numbers does not wait for Matplotlib
        from lentigo.evaluation.overview import tabulate_scores

        return tabulate_scores(self.to_json())

    def figure(self) -> ShownFigure:
        """ROC, precision and recall, reliability and the probabilities by truth, as a Matplotlib figure."""
        from lentigo.evaluation.overview import draw_scores

        probability = self.table["probability"].to_numpy()
        return draw_scores(self.dataset.malignant, probability, self.threshold, self.dataset.groups)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from lentigo.evaluation.overview import show_scores

        title = f"{self.model}, {self.split}: {self.n:,} photographs, {self.n_malignant:,} malignant"
        warnings = [mark_leaks({"leaks": self.leaks}), *self.notes]
        if self.contamination is not None:
            warnings += self.contamination.notes
        shown = [warning for warning in warnings if warning]
        return show_scores(title, self.to_frame(), shown, self.figure())

    def to_json(self) -> dict[str, Any]:
        """The contract's object; a value that does not exist is null."""
        fit = self.recalibration
        # The slope and the intercept have intervals of their own, beside those of `Metrics`
        intervals = {
            **self.ci,
            "calibration_slope": fit.slope_ci,
            "calibration_intercept": fit.intercept_ci,
        }
        return {
            "n": self.n,
            "n_malignant": self.n_malignant,
            **replace_nan(asdict(self.metrics)),
            "calibration_slope": replace_nan(fit.slope),
            "calibration_intercept": replace_nan(fit.intercept),
            "threshold": self.threshold,
            "threshold_rule": self.threshold_rule,
            "ci": replace_nan(intervals),
            "confusion": self.confusion,
            "split": self.split,
            "model": self.model,
            "data_fingerprint": self.data_fingerprint,
            "times_test_opened": self.times_test_opened,
            "operating_points": list_fields(self.decisions),
            "refusals": self.refusals.to_json(),
            "notes": list(self.notes),
            "diagnoses": self.diagnoses and self.diagnoses.to_json(),
            "leaks": self.leaks,
            "evaluated_before": self.exposure and self.exposure.to_json(),
            "contamination": self.contamination and self.contamination.to_json(),
            "problems": list_fields(self.problems),
        }


def evaluate(
    model: str | Path | Predictor | LoadedModel,
    data: DataSource,
    *,
    split: str = "test",
    duplicates: bool = True,
    progress: Progress = show_nothing,
) -> Assessment:
    """Measures a RUN on one split of a data set, with 95 % intervals by groups.

    Each call evaluates the set once, and the ledger counts it. Photographs that cannot be read are left out
    and listed.

    Args:
        model: A RUN, or one that is loaded: what `lentigo.load_model` gives, or a `Predictor`, which predict
            with settings of their own.
        data: A folder, a table or a data set, with labels.
        split: The split to evaluate.
        duplicates: Whether duplicates are searched. They share a group then, and those of the photographs of
            the training are listed; without it these are recognised by their files alone.
        progress: Shows how many photographs have been predicted.

    Returns:
        The metrics, their intervals, and what is known of the photographs.

    Raises:
        ModelError: The RUN cannot be used.
        DataError: The data set cannot be used, or no photograph can be read.
        SpaceError: The ledger cannot be written.
    """
    require_ledger()
    predictor = take_predictor(model)
    bundle = predictor.bundle
    dataset = load_dataset(data)
    chosen = select_split(dataset, split)
    split = name_split(dataset, split)
    kept, predictions, problems = predict_readable(predictor, chosen, progress)
    # Recorded before anything is shown: whoever stops it here has looked at the predictions all the same
    exposure = record_evaluation(kept, split, bundle.name, by_content=duplicates, progress=progress)
    if duplicates:
        # The search groups duplicates too, and what is grouped counts once in every interval
        kept, contamination = search_contamination(bundle, kept, progress)
    else:
        contamination = find_contamination(bundle, kept, by_content=False, progress=progress)
    return replace(
        assess(predictor, kept, predictions, split),
        times_test_opened=exposure.times,
        exposure=exposure,
        problems=(*dataset.problems, *problems),
        contamination=contamination,
    )


def predict_readable(
    predictor: Predictor, dataset: Dataset, progress: Progress
) -> tuple[Dataset, list[Prediction], list[Problem]]:
    """The photographs that can be read with their predictions, and the problems of the others. Raises
    `DataError` where none can be read.
    """
    answers = predictor.predict(dataset.table["image"])
    results = list(progress(answers, total=len(dataset), label="photographs"))
    predictions, problems, readable = separate_problems(results)
    require_usable(dataset.name, predictions, problems)
    return dataset.take(np.array(readable)), predictions, problems


def take_predictor(model: str | Path | Predictor | LoadedModel) -> Predictor:
    """The predictor of a RUN, or of a model that is loaded. Raises as `Predictor`."""
    if isinstance(model, LoadedModel):
        return model.predictor
    return model if isinstance(model, Predictor) else Predictor(model)


def assess(predictor: Predictor, dataset: Dataset, predictions: list[Prediction], split: str) -> Assessment:
    """Measures predictions that were made before; counts them nowhere.

    Args:
        predictor: That made them.
        dataset: The photographs, with labels.
        predictions: One for each photograph, in its order.
        split: The name of the split.

    Returns:
        The metrics and their intervals.
    """
    truth = dataset.malignant
    groups = dataset.groups
    threshold = predictor.decider.threshold
    probability = np.array([prediction.probability for prediction in predictions])
    labels = [prediction.label for prediction in predictions]
    in_distribution = [prediction.in_distribution for prediction in predictions]
    answered = np.array(labels) != "uncertain"  # a prediction that is refused has no label
    predicted = probability >= threshold
    return Assessment(
        n=len(truth),
        n_malignant=int(truth.sum()),
        metrics=measure(truth, probability, threshold, answered),
        threshold=threshold,
        threshold_rule=predictor.decider.threshold_rule,
        ci=estimate_intervals(truth, probability, threshold, groups, answered),
        confusion=confusion_matrix(truth, predicted, labels=range(len(CLASSES))).tolist(),
        split=split,
        model=predictions[0].model,
        data_fingerprint=dataset.fingerprint,
        times_test_opened=0,  # who counts the evaluation fills it in
        table=dataset.table.assign(probability=probability, decision=labels),
        dataset=dataset,
        problems=(),
        decisions=measure_operating_points(predictor.decider, truth, probability, groups),
        refusals=count_refusals(
            labels,
            in_distribution,
            predictor.decider.alpha,
            measure_answered(threshold, truth, probability, groups, answered),
        ),
        recalibration=measure_calibration(truth, probability, groups),
        leaks=predictor.bundle.card.get("leaks"),
        diagnoses=assess_diagnoses(dataset, predictions),
    )
