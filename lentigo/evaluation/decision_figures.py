"""Figures of what decisions by a model are worth: net benefit, and errors by the share answered."""

from __future__ import annotations

from pathlib import Path

from lentigo.common.plots import (
    ACCENT,
    BENIGN,
    GREY,
    MALIGNANT,
    new_figure,
    save_vectors,
    tidy_axes,
)
from lentigo.evaluation.scores.curves import DecisionCurve, RiskCoverage


def draw_decision_curve(curve: DecisionCurve, path: Path, threshold: float | None = None) -> Path:
    """Draws the net benefit of the model, of treating all and of treating none.

    Args:
        curve: Of `trace_net_benefit`.
        path: Of the figure.
        threshold: Of the operating point, or None.

    Returns:
        The path.
    """
    figure = new_figure()
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=1.5, label="treat none")
    axes.plot(curve.thresholds, curve.treat_all, color=BENIGN, linestyle="--", label="treat all")
    axes.plot(curve.thresholds, curve.model, color=MALIGNANT, linewidth=2, label="model")
    # Beyond ten times the prevalence a few photographs decide
    last = min(0.9, max(10 * curve.prevalence, 1.5 * (threshold or 0), 0.05))
    if threshold is not None:
        axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1, label=f"threshold {threshold:.2g}")
    # A little below 0, so that harm is seen, and above what a model without error would reach
    axes.set(xlim=(0, last), ylim=(-0.15 * curve.prevalence - 1e-3, 1.08 * curve.prevalence + 1e-3))
    tidy_axes(
        axes,
        f"Decision curve, prevalence {curve.prevalence:.2g}",
        "threshold probability",
        "net benefit for each photograph",
    )
    axes.legend(frameon=False, loc="best")
    return save_vectors(figure, path)


def draw_risk_coverage(curve: RiskCoverage, path: Path, answered: tuple[float, float] | None = None) -> Path:
    """Draws the error rate among the answered by the share answered.

    Args:
        curve: What refusing the answers nearest to the threshold would do.
        path: Of the figure.
        answered: The share that the model does answer, and the error rate among those: it refuses by distance
            and by conformal prediction, so this point need not lie on the curve. None where it answers
            nothing.

    Returns:
        The path.
    """
    figure = new_figure()
    axes = figure.subplots()
    axes.axhline(curve.error[-1], color=GREY, linestyle=":", label=f"all answered {curve.error[-1]:.3f}")
    axes.plot(
        curve.coverage, curve.least, color=BENIGN, linewidth=1, linestyle="--", label="errors refused first"
    )
    axes.plot(
        curve.coverage,
        curve.error,
        color=ACCENT,
        linewidth=2,
        label=f"nearest to the threshold refused first, area {curve.aurc:.3f}",
    )
    # The first fifth is of few photographs, where one error is a peak: it may leave the picture
    highest = max(0.02, 1.6 * max(curve.error[-1], curve.error[len(curve.error) // 5 :].max()))
    if answered is not None:
        coverage, error = answered
        axes.plot(
            coverage,
            error,
            "o",
            color=MALIGNANT,
            label=f"as it refuses: answers {coverage:.0%}, error {error:.3f}",
        )
        highest = max(highest, 1.2 * error)
    axes.set(xlim=(0, 1.02), ylim=(0, highest))
    tidy_axes(axes, "Risk and coverage", "share answered", "error rate among the answered")
    axes.legend(frameon=False, loc="upper left")
    return save_vectors(figure, path)
