"""From a probability and a distance to a decision, or to the refusal to decide: one rule for every path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lentigo.inference.decisions.refusal import Reference


@dataclass(frozen=True)
class Decision:
    """The decision on a photograph.

    Attributes:
        label: "benign", "malignant" or "uncertain".
        in_distribution: Whether it shows a lesion, as the photographs of the training do; None where the RUN
            cannot tell.
        reason: Why there is no decision, "" where there is one.
        shifted: Whether it shows a lesion, but is unlike the sources that the model has learned from; None
            where the RUN cannot tell.
    """

    label: str
    in_distribution: bool | None
    reason: str = ""
    shifted: bool | None = None


@dataclass(frozen=True)
class DecisionRule:
    """When a RUN decides, and how.

    A label is given only where the photograph is in distribution and the conformal set is exactly the label
    that the threshold gives. Conformal prediction excludes benign above some probability and malignant below
    another one, so that the decision goes from benign by way of uncertain to malignant as P(malignant) rises,
    wherever these two and the threshold stand.

    Attributes:
        threshold: Malignant is said from this P(malignant) on.
        alpha: The share of each class that the conformal set may miss; 0 asks for no set.
        reference: What the model has learned from; None where the RUN does not carry it: then the threshold
            alone decides.
    """

    threshold: float
    alpha: float
    reference: Reference | None

    def decide(self, probability: float, distance: float = 0.0, lesion: float = 1.0) -> Decision:
        """Decides on one photograph.

        Args:
            probability: Its calibrated P(malignant).
            distance: How far it is from what the model knows, as `Reference.measure_distance` gives it.
            lesion: The highest P(lesion) of all its places; 1 where the graph does not say.

        Returns:
            The label, or "uncertain" and the reason.
        """
        if not 0 <= probability <= 1:
            return Decision("uncertain", None, f"the model gave no probability ({probability})")
        label = "malignant" if probability >= self.threshold else "benign"
        if self.reference is None:
            return Decision(label, None)
        if not distance <= self.reference.limit:  # NaN is beyond every limit
            limits = f"distance {distance:.1f}, limit {self.reference.limit:.1f}"
            return Decision(
                "uncertain", False, f"unlike the photographs that the model knows ({limits})", False
            )
        if not lesion >= self.reference.lesion_limit:
            limits = f"P(lesion) at most {lesion:.2f}, limit {self.reference.lesion_limit:.2f}"
            return Decision("uncertain", False, f"no lesion found in it ({limits})", False)
        shifted = None  # a RUN of before has no such limit
        if np.isfinite(self.reference.shift_limit):
            shifted = bool(distance > self.reference.shift_limit)
        if self.alpha > 0:
            conformal_set = self.reference.find_conformal_set(probability, self.alpha)
            if conformal_set != (label,):
                return Decision("uncertain", True, self.explain_set(conformal_set, label), shifted)
        return Decision(label, True, "", shifted)

    def explain_set(self, conformal_set: tuple[str, ...], label: str) -> str:
        """Why a conformal set that is not the label leaves the photograph undecided.

        Args:
            conformal_set: The labels that cannot be excluded at the chosen alpha.
            label: By the threshold.
        """
        percent = f"{100 * self.alpha:g} %"
        if len(conformal_set) > 1:
            return f"neither class can be excluded at an error rate of {percent}"
        if not conformal_set:
            return f"both classes are excluded at an error rate of {percent}: it resembles neither"
        return f"{label} by the threshold, but {label} is excluded at an error rate of {percent}"
