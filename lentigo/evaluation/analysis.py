"""What stands beside the metrics of an assessment: how far they can be trusted, where they fail, and what
they are worth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.audit.shortcut_baselines import ShortcutBaselines, measure_shortcut_baselines
from lentigo.common.json_values import replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import ModelError
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.contamination import Contamination, find_contamination
from lentigo.evaluation.ledger import record_evaluation
from lentigo.evaluation.scores.comparison import Comparison, compare_models
from lentigo.evaluation.scores.curves import (
    DecisionCurve,
    ReliabilityBin,
    RiskCoverage,
    list_reliability,
    tabulate_reliability,
    trace_net_benefit,
    trace_risk,
)
from lentigo.evaluation.scores.subgroups import Subgroup, tabulate_subgroups
from lentigo.evaluation.stress import Stress, stress_model
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.images.problems import Problem
from lentigo.images.skin_tone import classify_ita, estimate_ita
from lentigo.inference.prediction import Predictor

WORST = 6  # mistakes shown of each kind
MALIGNANT = "malignant"


@dataclass(frozen=True)
class Mistake:
    """A confident wrong answer: what the photograph is, and what P(malignant) was said."""

    image: str
    truth: str
    probability: float


@dataclass(frozen=True)
class Analysis:
    """What stands beside an assessment. `comparison` is with another RUN on the same photographs, that one
    first, and `contamination_of_other` says which of them that one has learned from."""

    reliability: tuple[ReliabilityBin, ...]
    decision_curve: DecisionCurve | None  # none with one class
    risk_coverage: RiskCoverage
    subgroups: tuple[Subgroup, ...]
    shortcut_baselines: ShortcutBaselines
    stress: tuple[Stress, ...]
    mistakes: tuple[Mistake, ...]
    comparison: Comparison | None = None
    contamination_of_other: Contamination | None = None

    def to_json(self) -> dict[str, Any]:
        """Every number; NaN is null."""
        return {
            "reliability": list_reliability(self.reliability),
            "decision_curve": self.decision_curve and self.decision_curve.to_json(),
            "risk_coverage": self.risk_coverage.to_json(),
            "subgroups": [row.to_json() for row in self.subgroups],
            "shortcut_baselines": self.shortcut_baselines.to_json(),
            "stress": [replace_nan(asdict(row)) for row in self.stress],
            "comparison": self.comparison and self.comparison.to_json(),
            "contamination_of_other": self.contamination_of_other and self.contamination_of_other.to_json(),
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
        }


def analyse(
    predictor: Predictor,
    assessment: Assessment,
    *,
    stress: bool = False,
    against: Predictor | None = None,
    progress: Progress = show_nothing,
) -> Analysis:
    """Looks closer at an assessment of a predictor. `stress` answers all photographs again after each of some
    twenty changes; `against` is another RUN to compare with, whose look at the set is counted too."""
    dataset = assessment.dataset
    contamination = assessment.contamination or find_contamination(
        predictor.bundle, dataset, by_content=False
    )
    truth, probability = dataset.malignant, assessment.table["probability"].to_numpy()
    decided = probability >= assessment.threshold
    table = add_skin_tone(assessment.table)
    stresses = (
        stress_model(
            predictor.predict_probabilities, dataset, threshold=assessment.threshold, progress=progress
        )
        if stress
        else ()
    )
    return Analysis(
        reliability=tabulate_reliability(truth, probability, dataset.groups),
        decision_curve=trace_net_benefit(truth, probability) if 0 < truth.sum() < len(truth) else None,
        risk_coverage=trace_risk(decided == truth, np.abs(logit(probability) - logit(assessment.threshold))),
        subgroups=tabulate_subgroups(table, truth, probability, assessment.threshold, dataset.groups),
        shortcut_baselines=measure_shortcut_baselines(dataset, progress=progress),
        stress=stresses,
        mistakes=find_mistakes(assessment.table, truth, probability, decided),
        comparison=against and compare_with(against, predictor, assessment, progress),
        contamination_of_other=against
        and find_contamination(against.bundle, dataset, by_content=contamination.looked, progress=progress),
    )


def compare_with(
    other: Predictor, predictor: Predictor, assessment: Assessment, progress: Progress
) -> Comparison:
    """The other RUN first, then the assessed one, on the photographs that were assessed."""
    dataset = assessment.dataset
    answers = list(
        progress(other.predict(dataset.table["image"]), total=len(dataset), label=other.bundle.name)
    )
    for answer in answers:
        if isinstance(answer, Problem):
            raise ModelError(
                f"{other.bundle.folder}: gives no answer for {answer.image} ({answer.error}); expected "
                "answers for all photographs that are compared"
            )
    looked = assessment.contamination is None or assessment.contamination.looked
    record_evaluation(dataset, assessment.split, other.bundle.name, by_content=looked)
    first, second = (
        np.array([answer.probability for answer in answers]),
        assessment.table["probability"].to_numpy(),
    )
    return compare_models(
        dataset.malignant,
        first,
        second,
        names=(other.name, predictor.name),
        thresholds=(other.threshold, predictor.threshold),
        groups=dataset.groups,
    )


def logit(probability: np.ndarray | float) -> Any:
    """The log-odds, finite at 0 and 1."""
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))


def add_skin_tone(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `skin_tone` by the angle of the skin around the lesion, where it has none."""
    if "skin_tone" in table:
        return table
    tones = [
        classify_ita(estimate_ita(image.pixels)) if isinstance(image, DecodedImage) else None
        for image in stream_images(table["image"])
    ]
    return table.assign(skin_tone=tones)


def find_mistakes(
    table: pd.DataFrame, truth: np.ndarray, probability: np.ndarray, decided: np.ndarray
) -> tuple[Mistake, ...]:
    """The most confident wrong answers of each kind: malignant called benign first, then benign called
    malignant.
    """
    images, labels = table["image"].to_numpy(), table["label"].to_numpy()
    missed = [n for n in np.argsort(probability) if truth[n] and not decided[n]][:WORST]
    alarms = [n for n in np.argsort(-probability) if not truth[n] and decided[n]][:WORST]
    return tuple(Mistake(str(images[n]), str(labels[n]), float(probability[n])) for n in (*missed, *alarms))
