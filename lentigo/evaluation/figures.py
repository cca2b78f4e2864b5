"""Figures of how a model did and how it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from lentigo.common.plots import ACCENT, BENIGN, GREY, MALIGNANT, new_figure, save_figure, tidy_axes
from lentigo.evaluation.scores.curves import DecisionCurve, ReliabilityBin, RiskCoverage

CLASS_SCORES = (("val_accuracy", "accuracy"), ("val_auroc", "AUROC"))  # columns of history.csv, in words
MASK_SCORES = (("val_dice", "Dice"), ("val_jaccard", "Jaccard"))


def plot_roc(axes: Any, malignant: np.ndarray, probability: np.ndarray, threshold: float) -> None:
    """Draws the ROC curve with the operating point.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
    """
    x, y, _ = roc_curve(malignant, probability)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="chance")
    axes.plot(x, y, color=ACCENT, linewidth=2, label=f"AUROC {roc_auc_score(malignant, probability):.3f}")
    decided = probability >= threshold
    axes.plot(
        decided[malignant == 0].mean(),
        decided[malignant == 1].mean(),
        "o",
        color=MALIGNANT,
        label=f"threshold {threshold:.2f}",
    )
    tidy_axes(axes, "ROC", "1 - specificity", "sensitivity")
    axes.legend(loc="lower right", frameon=False)


def draw_roc(malignant: np.ndarray, probability: np.ndarray, threshold: float, path: Path) -> Path:
    """Writes the figure that `plot_roc` draws.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_roc(figure.subplots(), malignant, probability, threshold)
    return save_figure(figure, path)


def plot_precision_recall(axes: Any, malignant: np.ndarray, probability: np.ndarray) -> None:
    """Draws precision against recall, and the prevalence, which chance reaches.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
    """
    precision, recall, _ = precision_recall_curve(malignant, probability)
    axes.axhline(malignant.mean(), color=GREY, linestyle=":", label=f"prevalence {malignant.mean():.2f}")
    axes.plot(
        recall,
        precision,
        color=ACCENT,
        linewidth=2,
        label=f"average precision {average_precision_score(malignant, probability):.3f}",
    )
    axes.set_ylim(0, 1.02)
    tidy_axes(axes, "Precision and recall", "recall (sensitivity)", "precision (PPV)")
    axes.legend(loc="lower left", frameon=False)


def draw_precision_recall(malignant: np.ndarray, probability: np.ndarray, path: Path) -> Path:
    """Writes the figure that `plot_precision_recall` draws.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_precision_recall(figure.subplots(), malignant, probability)
    return save_figure(figure, path)


def draw_confusion(confusion: list[list[int]], names: tuple[str, ...], path: Path) -> Path:
    """Draws a confusion matrix.

    Args:
        confusion: Counts; rows are the truth, columns the decision.
        names: Of the classes.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure(4.2, 3.8)
    axes = figure.subplots()
    counts = np.array(confusion)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        share = counts[row, column] / max(counts[row].sum(), 1)
        colour = "white" if share > 0.5 else "black"  # on a dark or a bright cell
        words = f"{counts[row, column]}\n{share:.0%}"
        axes.text(column, row, words, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    tidy_axes(axes, "Confusion", "model", "truth")
    axes.grid(False)
    return save_figure(figure, path)


def plot_probabilities(axes: Any, malignant: np.ndarray, probability: np.ndarray, threshold: float) -> None:
    """Draws histograms of P(malignant) by truth.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
    """
    bins = np.linspace(0, 1, 26)
    axes.hist(probability[malignant == 0], bins, color=BENIGN, alpha=0.7, label="benign")
    axes.hist(probability[malignant == 1], bins, color=MALIGNANT, alpha=0.7, label="malignant")
    axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1, label="threshold")
    tidy_axes(axes, "Answers by truth", "P(malignant)", "photographs")
    axes.legend(frameon=False)


def draw_probabilities(malignant: np.ndarray, probability: np.ndarray, threshold: float, path: Path) -> Path:
    """Writes the figure that `plot_probabilities` draws.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_probabilities(figure.subplots(), malignant, probability, threshold)
    return save_figure(figure, path)


def plot_reliability(axes: Any, bins: tuple[ReliabilityBin, ...]) -> None:
    """Draws the share that is malignant against the mean probability of each bin, with 95 % intervals.

    Args:
        axes: Matplotlib's, on which it is drawn.
        bins: Of `tabulate_reliability`.
    """
    table = pd.DataFrame(bins)
    mean = table["probability"].to_numpy()
    observed = table["observed"].to_numpy()
    low = table["low"].to_numpy()
    high = table["high"].to_numpy()
    error = np.average(np.abs(mean - observed), weights=table["n"])
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as it should be")
    reach = np.maximum([observed - low, high - observed], 0)  # below 0 by rounding alone
    axes.errorbar(
        mean,
        observed,
        reach,
        fmt="o",
        color=ACCENT,
        markersize=5,
        elinewidth=1.2,
        label="bins of equal size, 95 %",
    )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    tidy_axes(
        axes, f"Reliability, mean gap {error:.3f}", "mean P(malignant) of the bin", "share that is malignant"
    )
    axes.legend(loc="lower right", facecolor="white", edgecolor="none", framealpha=0.85)


def draw_reliability(bins: tuple[ReliabilityBin, ...], path: Path) -> Path:
    """Writes the figure that `plot_reliability` draws.

    Args:
        bins: Of `tabulate_reliability`.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_reliability(figure.subplots(), bins)
    return save_figure(figure, path)


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
    axes.set(xlim=(0, last), ylim=(-0.15 * curve.prevalence - 1e-3, 1.08 * curve.prevalence + 1e-3))
    tidy_axes(
        axes,
        f"Decision curve, prevalence {curve.prevalence:.2g}",
        "threshold probability",
        "net benefit for each photograph",
    )
    axes.legend(frameon=False, loc="best")
    return save_figure(figure, path)


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
    return save_figure(figure, path)


def draw_history(
    history: pd.DataFrame, path: Path, scores: tuple[tuple[str, str], ...] = CLASS_SCORES
) -> Path:
    """Draws loss and validation scores by epoch.

    Args:
        history: The table of history.csv.
        path: Of the figure.
        scores: Two of its columns, and their names in words.

    Returns:
        The path.
    """
    figure = new_figure(9.0, 3.8)
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(history) + 1)
    left.plot(epochs, history["loss"], color=GREY, label="training")
    left.plot(epochs, history["val_loss"], color=ACCENT, label="validation")
    for (column, word), colour in zip(scores, (BENIGN, MALIGNANT), strict=True):
        right.plot(epochs, history[column], color=colour, label=word)
    stages = history["stage"].to_numpy()
    last_of_stage = np.flatnonzero(stages[1:] != stages[:-1])
    for axes, title, name in ((left, "Loss", "loss"), (right, "Validation", "score")):
        for row in last_of_stage:
            axes.axvline(row + 1.5, color=GREY, linestyle="--", linewidth=1)
        tidy_axes(axes, title, "epoch", name)
        axes.legend(frameon=False)
    return save_figure(figure, path)
