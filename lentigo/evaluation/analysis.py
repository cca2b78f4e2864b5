"""The analysis of an assessment: how far its metrics can be trusted, where they fail, and what they are
worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.audit.shortcut_baselines import ShortcutBaselines, measure_shortcut_baselines
from lentigo.common.json_values import list_fields, replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.aurocs import has_both_classes
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ModelError
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.contamination import Contamination, find_contamination
from lentigo.evaluation.ledger import record_evaluation
from lentigo.evaluation.scores.calibration_slope import find_log_odds
from lentigo.evaluation.scores.comparison import Comparison, compare_models
from lentigo.evaluation.scores.curves import (
    DecisionCurve,
    ReliabilityBin,
    RiskCoverage,
    tabulate_reliability,
    trace_net_benefit,
    trace_risk,
)
from lentigo.evaluation.scores.subgroups import Subgroup, tabulate_subgroups
from lentigo.evaluation.stress import Stress, stress_model
from lentigo.images.measures.skin_tone import read_tones
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor

MAX_MISTAKES = 6  # shown of each kind


@dataclass(frozen=True)
class Mistake:
    """A confident wrong decision.

    Attributes:
        image: The photograph.
        truth: Its label.
        probability: P(malignant) that was predicted.
        refused: Whether the model said uncertain, so that nobody would have read the wrong decision.
    """

    image: str
    truth: str
    probability: float
    refused: bool = False


@dataclass(frozen=True)
class Analysis:
    """What completes an assessment.

    Attributes:
        reliability: How true the probabilities are, in bins.
        decision_curve: What the model is worth; None with one class.
        risk_coverage: What refusing would buy.
        subgroups: How the model does on parts of the set.
        shortcut_baselines: What is reached without the lesion.
        stress: How predictions change with the photographs.
        mistakes: The most confident ones.
        comparison: With another RUN on the same photographs, that one first.
        contamination_of_other: Which of the photographs that one has learned from.
    """

    reliability: tuple[ReliabilityBin, ...]
    decision_curve: DecisionCurve | None
    risk_coverage: RiskCoverage
    subgroups: tuple[Subgroup, ...]
    shortcut_baselines: ShortcutBaselines
    stress: tuple[Stress, ...]
    mistakes: tuple[Mistake, ...]
    comparison: Comparison | None = None
    contamination_of_other: Contamination | None = None

    def to_json(self) -> dict[str, Any]:
        """Every number; NaN is null."""
        # `None and ...` is None: what was not asked for is null
        return {
            "reliability": list_fields(self.reliability),
            "decision_curve": self.decision_curve and self.decision_curve.to_json(),
            "risk_coverage": self.risk_coverage.to_json(),
            "subgroups": list_fields(self.subgroups),
            "shortcut_baselines": self.shortcut_baselines.to_json(),
            "stress": replace_nan(list_fields(self.stress)),
            "comparison": self.comparison and self.comparison.to_json(),
            "contamination_of_other": self.contamination_of_other and self.contamination_of_other.to_json(),
            "mistakes": list_fields(self.mistakes),
        }


def analyse(
    predictor: Predictor,
    assessment: Assessment,
    *,
    stress: bool = False,
    against: Predictor | None = None,
    progress: Progress = show_nothing,
) -> Analysis:
    """Analyses an assessment: how far its metrics can be trusted, where they fail, and what they are worth.

    Args:
        predictor: The model that was assessed.
        assessment: Of it.
        stress: Whether all photographs are predicted again after each of some twenty changes.
        against: Another model to compare with; its evaluation of the set is counted, too.
        progress: Shows how many photographs have been predicted.

    Returns:
        Curves, subgroups, baselines, mistakes and what was asked for.

    Raises:
        ModelError: The other model gives no prediction for a photograph.
    """
    dataset = assessment.dataset
    threshold = assessment.threshold
    truth = dataset.malignant
    probability = assessment.table["probability"].to_numpy()
    decided = probability >= threshold
    # Confidence in log-odds: 0.98 and 0.99 differ as much as 0.5 and 0.66
    distance_to_threshold = np.abs(find_log_odds(probability) - find_log_odds(threshold))
    # Each of the two costs a pass through the network, so they are made only where they are asked for
    stresses: tuple[Stress, ...] = ()
    if stress:
        stresses = stress_model(
            predictor.predict_probabilities, dataset, threshold=threshold, progress=progress
        )
    comparison = None
    contamination_of_other = None
    if against is not None:
        comparison = compare_with(against, predictor, assessment, progress)
        contamination_of_other = find_contamination(
            against.bundle, dataset, by_content=is_by_content(assessment), progress=progress
        )
    # Only now: the ledger and the files keep the data set's own columns
    table = add_skin_tone(assessment.table)
    return Analysis(
        reliability=tabulate_reliability(truth, probability, dataset.groups),
        decision_curve=weigh_decisions(truth, probability),
        risk_coverage=trace_risk(decided == truth, distance_to_threshold),
        subgroups=tabulate_subgroups(table, truth, probability, threshold, dataset.groups),
        shortcut_baselines=measure_shortcut_baselines(dataset, progress=progress),
        stress=stresses,
        mistakes=find_mistakes(assessment.table, truth, probability, decided),
        comparison=comparison,
        contamination_of_other=contamination_of_other,
    )


def weigh_decisions(malignant: np.ndarray, probability: np.ndarray) -> DecisionCurve | None:
    """The decision curve; None with one class, where there is nothing to weigh."""
    if not has_both_classes(malignant):
        return None
    return trace_net_benefit(malignant, probability)


def is_by_content(assessment: Assessment) -> bool:
    """Whether images were compared in an assessment, and not files alone."""
    return assessment.contamination is not None and assessment.contamination.by_content


def compare_with(
    other: Predictor, predictor: Predictor, assessment: Assessment, progress: Progress
) -> Comparison:
    """Compares another model, first, with the assessed one, on the photographs that were assessed."""
    dataset = assessment.dataset
    probabilities = predict_all(other, dataset, progress)
    by_content = assessment.contamination is None or is_by_content(assessment)
    # Counted for the other model, too: its choice may follow from what is seen here
    record_evaluation(dataset, assessment.split, other.bundle.name, by_content=by_content)
    return compare_models(
        dataset.malignant,
        probabilities,
        assessment.table["probability"].to_numpy(),
        names=(other.name, predictor.name),
        thresholds=(other.decider.threshold, predictor.decider.threshold),
        groups=dataset.groups,
    )


def predict_all(predictor: Predictor, dataset: Dataset, progress: Progress) -> np.ndarray:
    """P(malignant) of each photograph, float (n,). Raises `ModelError` where one has no prediction: the
    comparison is paired.
    """
    answers = predictor.predict(dataset.table["image"])
    probabilities = []
    for result in progress(answers, total=len(dataset), label=predictor.bundle.name):
        if isinstance(result, Problem):
            raise ModelError(
                f"{predictor.bundle.folder}: gives no prediction for {result.image} ({result.error}); "
                "expected predictions for all photographs that are compared"
            )
        probabilities.append(result.probability)
    return np.array(probabilities)


def add_skin_tone(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `skin_tone` by the angle of the skin around the lesion, where it has none."""
    if "skin_tone" in table:
        return table
    return table.assign(skin_tone=read_tones(table["image"].tolist()))


def find_mistakes(
    table: pd.DataFrame, truth: np.ndarray, probability: np.ndarray, decided: np.ndarray
) -> tuple[Mistake, ...]:
    """The most confident mistakes of each kind: malignant called benign first, then benign called
    malignant.
    """
    is_missed = (truth == 1) & ~decided
    is_alarm = (truth == 0) & decided
    ascending = np.argsort(probability)  # the surest of benign first
    descending = np.argsort(-probability)  # the surest of malignant first
    missed = ascending[is_missed[ascending]]
    alarms = descending[is_alarm[descending]]
    mistakes = []
    for row in (*missed[:MAX_MISTAKES], *alarms[:MAX_MISTAKES]):
        mistakes.append(describe_mistake(table.iloc[row], float(probability[row])))
    return tuple(mistakes)


def describe_mistake(photograph: pd.Series, probability: float) -> Mistake:
    """A row of the table of an assessment as a mistake."""
    refused = bool(photograph["decision"] == "uncertain")
    return Mistake(str(photograph["image"]), str(photograph["label"]), probability, refused)
