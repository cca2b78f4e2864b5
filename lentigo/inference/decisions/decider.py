"""Deciding: from what the network gives for a photograph to the prediction that a reader gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import ModelError, UsageError
from lentigo.images.measures.quality import judge_quality, measure_quality
from lentigo.images.photographs import DecodedImage
from lentigo.inference.decisions.calibration import Calibration, read_calibration
from lentigo.inference.decisions.decision_rule import Decision, DecisionRule
from lentigo.inference.decisions.operating_point import choose_threshold
from lentigo.inference.decisions.prevalence import (
    PredictiveValues,
    estimate_predictive_values,
    require_prevalence,
    shift_prevalence,
)
from lentigo.inference.decisions.refusal import Reference
from lentigo.inference.results import Prediction
from lentigo.inference.tta import ViewsOutput
from lentigo.models.inference_session import Outputs

OVERFLOW_CURE = "compute in fp32 (--fp32), or copy the RUN again from its source"
OPERATING_POINTS = ("0.5", "youden", "sensitivity=0.95")  # shown beside the one in use
SHIFT_WARNING = (
    "unlike the sources that the model has learned from: its probability may be further off than usual"
)


@dataclass(frozen=True)
class Decider:
    """How a RUN makes predictions of what its network gives.

    Attributes:
        model: The name of the RUN, as predictions carry it.
        calibration: From the logit to P(malignant).
        threshold: Malignant is said from this P(malignant) on; NaN where the RUN has no classifier.
        threshold_rule: How the threshold was chosen.
        alpha: The share of each class that the conformal set may miss; 0 asks for no set.
        reference: What the model has learned from; None where the RUN does not carry it.
        validation_prevalence: The share of malignant lesions among the photographs that calibration and
            threshold were fitted on.
        prevalence: The same where the model is used; None for that of validation.
    """

    model: str
    calibration: Calibration
    threshold: float
    threshold_rule: str
    alpha: float
    reference: Reference | None
    validation_prevalence: float
    prevalence: float | None = None

    @property
    def rule(self) -> DecisionRule:
        """When a label is given, and which."""
        return DecisionRule(self.threshold, self.alpha, self.reference)

    def decide(self, image: DecodedImage, output: ViewsOutput, seconds: float) -> Prediction:
        """Decides on a photograph, or refuses to; and says what is wrong with the photograph.

        Args:
            image: The photograph.
            output: What the network gave for its views, all of it finite.
            seconds: Its share of the time.
        """
        probability = self.calibrate(output.logit)
        # The rule is fitted on validation, hence applied before the prevalence moves the probability
        distance = self.measure_distance(output.first)
        decision = self.rule.decide(probability, distance, read_lesion(output.first))
        return Prediction(
            image=image.image,
            label=decision.label,
            probability=self.shift(probability),
            threshold=self.shift(self.threshold),
            in_distribution=decision.in_distribution,
            model=self.model,
            seconds=seconds,
            reason=decision.reason,
            warnings=list_warnings(image, decision),
            shifted=decision.shifted,
            diagnosis=read_diagnosis(output.first),
        )

    def calibrate(self, logit: float) -> float:
        """P(malignant) of a photograph; NaN where the logit is NaN.

        Args:
            logit: What the graph gives for it.
        """
        return float(self.calibration.apply(np.array([logit]))[0])

    def read_probability(self, logit: float) -> float:
        """Calibrates a logit that was not looked at.

        Args:
            logit: What the graph gives for one photograph.

        Raises:
            ModelError: It is no number.
        """
        probability = self.calibrate(logit)
        if not math.isfinite(probability):
            raise ModelError(
                f"{self.model}: answers with a logit that is no number (NaN or infinite); expected numbers: "
                f"{OVERFLOW_CURE}"
            )
        return probability

    def measure_distance(self, outputs: Outputs) -> float:
        """Measures how far a photograph is from what the model knows; 0 where the RUN cannot tell.

        Args:
            outputs: What the network gave for the photograph.
        """
        if self.reference is None:
            return 0.0
        point = outputs[self.reference.output][None]  # (1, d)
        return float(self.reference.measure_distance(point)[0])

    def shift(self, probability: float) -> float:
        """Moves a probability to the population in which the model is used.

        Args:
            probability: Calibrated for the RUN's validation photographs.
        """
        if self.prevalence is None:
            return probability
        return float(shift_prevalence(probability, self.validation_prevalence, self.prevalence))

    def use_rule(self, rule: str) -> Decider:
        """The same with another operating point.

        Args:
            rule: As `find_threshold` takes it.
        """
        return replace(self, threshold=self.find_threshold(rule), threshold_rule=rule)

    def find_threshold(self, rule: str) -> float:
        """Finds the threshold of a rule on the RUN's validation photographs.

        Args:
            rule: As `lentigo.inference.decisions.operating_point.choose_threshold` takes it.

        Raises:
            UsageError: The rule cannot be followed, or the RUN carries no validation scores.
        """
        reference = self._require_scores(f"follow {rule!r} on; leave --operating-point out")
        scores = np.concatenate([reference.benign, reference.malignant])
        truth = np.repeat([0, 1], [len(reference.benign), len(reference.malignant)])
        return choose_threshold(rule, truth, scores)

    def _require_scores(self, purpose: str) -> Reference:
        """The reference with its validation scores. Raises `UsageError` where the RUN has none."""
        if self.reference is None:
            raise UsageError(f"{self.model}: carries no validation scores to {purpose}")
        return self.reference

    def list_thresholds(self) -> dict[str, float]:
        """Lists the operating points that a reader may want to see.

        Returns:
            Thresholds by their rules: the one in use first, then those of `OPERATING_POINTS`, where the RUN
            carries validation scores.
        """
        thresholds = {self.threshold_rule: self.threshold}
        if self.reference is not None:
            for rule in OPERATING_POINTS:
                thresholds[rule] = self.find_threshold(rule)
        return thresholds

    def estimate_values(self) -> PredictiveValues:
        """Estimates PPV and NPV at the threshold, in the population in which the model is used, from the
        RUN's validation photographs.

        Raises:
            UsageError: The RUN carries no validation scores.
        """
        reference = self._require_scores("estimate PPV and NPV from; leave --prevalence out")
        malignant = reference.malignant
        benign = reference.benign
        return estimate_predictive_values(
            flagged=int((malignant >= self.threshold).sum()),
            malignant=len(malignant),
            cleared=int((benign < self.threshold).sum()),
            benign=len(benign),
            prevalence=self.prevalence or self.validation_prevalence,
        )


def make_decider(
    card: Mapping[str, Any],
    model: str,
    reference: Reference | None,
    *,
    operating_point: str | None = None,
    alpha: float | None = None,
    prevalence: float | None = None,
) -> Decider:
    """Makes the decider of a RUN.

    Args:
        card: What `card.json` says; with TTA, with the threshold and the calibration of its `tta`.
        model: The name of the RUN, as predictions carry it.
        reference: What the model has learned from; None where the RUN does not carry it.
        operating_point: The rule of the threshold; None for the card's.
        alpha: The share of each class that the conformal set may miss; None for the card's.
        prevalence: The share of malignant lesions where the model is used; None for that of validation.

    Raises:
        ModelError: The calibration is damaged.
        UsageError: A setting cannot be followed.
    """
    if prevalence is not None:
        require_prevalence(prevalence)
    calibration = card.get("calibration")  # a RUN with a decoder alone has none
    decider = Decider(
        model=model,
        calibration=read_calibration(calibration) if calibration else Calibration(),
        threshold=read_number(card, "threshold"),
        threshold_rule=card.get("threshold_rule", "0.5"),
        alpha=float(card.get("alpha", 0.0) if alpha is None else alpha),
        reference=reference,
        validation_prevalence=read_number(card, "prevalence"),
        prevalence=prevalence,
    )
    return decider.use_rule(operating_point) if operating_point else decider


def read_number(card: Mapping[str, Any], name: str) -> float:
    """A number of the card; NaN where it has none."""
    value = card.get(name)
    return math.nan if value is None else float(value)


def list_warnings(image: DecodedImage, decision: Decision) -> tuple[str, ...]:
    """What a reader should know of a photograph, the weightiest first: a domain shift, what is unusual about
    its file, its flaws.

    Args:
        image: The photograph.
        decision: On it. Of one that shows no lesion nothing is said of a lesion.
    """
    warnings = list(image.notes)
    if decision.shifted:
        warnings.insert(0, SHIFT_WARNING)
    quality = measure_quality(image.pixels, image.size)
    for flaw in judge_quality(quality, shows_lesion=decision.in_distribution is not False):
        warnings.append(flaw.sentence)
    return tuple(warnings)


def read_diagnosis(outputs: Outputs) -> dict[str, float] | None:
    """The probability of each of the seven `DIAGNOSES`; None where the graph tells none apart."""
    if "diagnosis" not in outputs:
        return None
    shares = outputs["diagnosis"]  # (7,), in the order of `DIAGNOSES`
    return {name: float(share) for name, share in zip(DIAGNOSES, shares, strict=True)}


def read_lesion(outputs: Outputs) -> float:
    """The highest P(lesion) of all places of a photograph; 1 where the graph does not say."""
    return float(outputs["lesion"][0]) if "lesion" in outputs else 1.0
