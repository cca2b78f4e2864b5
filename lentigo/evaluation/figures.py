"""Figures of how a model did and how it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from lentigo.common.plots import (
    ACCENT,
    BAND_OPACITY,
    BENIGN,
    GREY,
    MALIGNANT,
    new_figure,
    save_vectors,
    tidy_axes,
)
from lentigo.evaluation.scores.curves import CurveBands, ReliabilityBin

CELL_INKS = ("#111111", "#fefefe")  # on a bright and on a dark cell, in either scheme of a page


def plot_roc(
    axes: Any,
    malignant: np.ndarray,
    probability: np.ndarray,
    threshold: float,
    bands: CurveBands | None = None,
) -> None:
    """Draws the ROC curve with its 95 % band and the operating point.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
        bands: Of `trace_bands`, or None.
    """
    x, y, _ = roc_curve(malignant, probability)
    if bands is not None:
        plot_band(axes, bands.grid, bands.sensitivity)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="chance")
    axes.plot(x, y, color=ACCENT, linewidth=2, label=f"AUROC {roc_auc_score(malignant, probability):.3f}")
    decided = probability >= threshold
    # The operating point: the share of benign called malignant, and of malignant called so
    axes.plot(
        decided[malignant == 0].mean(),
        decided[malignant == 1].mean(),
        "o",
        color=MALIGNANT,
        label=f"threshold {threshold:.2f}",
    )
    tidy_axes(axes, "ROC", "1 - specificity", "sensitivity")
    axes.legend(loc="lower right", frameon=False)


def draw_roc(
    malignant: np.ndarray,
    probability: np.ndarray,
    threshold: float,
    path: Path,
    bands: CurveBands | None = None,
) -> Path:
    """Writes the figure that `plot_roc` draws.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
        path: Of the figure.
        bands: Of `trace_bands`, or None.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_roc(figure.subplots(), malignant, probability, threshold, bands)
    return save_vectors(figure, path)


def plot_band(axes: Any, x: np.ndarray, ends: np.ndarray) -> None:
    """Draws a 95 % interval, float (2, k), along x, float (k,)."""
    axes.fill_between(x, *ends, color=ACCENT, alpha=BAND_OPACITY, linewidth=0, label="95 % interval")


def plot_precision_recall(
    axes: Any, malignant: np.ndarray, probability: np.ndarray, bands: CurveBands | None = None
) -> None:
    """Draws precision against recall with its 95 % band, and the prevalence, which chance reaches.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        bands: Of `trace_bands`, or None.
    """
    precision, recall, _ = precision_recall_curve(malignant, probability)
    if bands is not None:
        plot_band(axes, bands.grid, bands.precision)
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


def draw_precision_recall(
    malignant: np.ndarray, probability: np.ndarray, path: Path, bands: CurveBands | None = None
) -> Path:
    """Writes the figure that `plot_precision_recall` draws.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        path: Of the figure.
        bands: Of `trace_bands`, or None.

    Returns:
        The path.
    """
    figure = new_figure()
    plot_precision_recall(figure.subplots(), malignant, probability, bands)
    return save_vectors(figure, path)


def draw_confusion(confusion: list[list[int]], names: tuple[str, ...], path: Path) -> Path:
    """Draws a confusion matrix.

    Args:
        confusion: Counts; rows are the truth, columns the decision.
        names: Of the classes.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure()
    axes = figure.subplots()
    counts = np.array(confusion)
    # A class without photographs has a row of zeros, not of NaN
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    places = range(len(names))
    axes.pcolormesh(places, places, shares, cmap="Blues", vmin=0, vmax=1, shading="nearest")
    axes.invert_yaxis()
    for row, column in np.ndindex(counts.shape):
        share = shares[row, column]  # of its row: of the photographs with this truth
        colour = CELL_INKS[int(share > 0.5)]
        words = f"{counts[row, column]}\n{share:.0%}"
        axes.text(column, row, words, ha="center", va="center", color=colour)
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    tidy_axes(axes, "Confusion", "model", "truth")
    axes.grid(False)
    return save_vectors(figure, path)


def plot_probabilities(axes: Any, malignant: np.ndarray, probability: np.ndarray, threshold: float) -> None:
    """Draws histograms of P(malignant) by truth.

    Args:
        axes: Matplotlib's, on which it is drawn.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
    """
    # Bins of 0.04, the same for both classes, so that their heights can be compared
    bins = np.linspace(0, 1, 26).tolist()
    axes.hist(probability[malignant == 0], bins, color=BENIGN, alpha=0.7, label="benign")
    axes.hist(probability[malignant == 1], bins, color=MALIGNANT, alpha=0.7, label="malignant")
    axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1, label="threshold")
    tidy_axes(axes, "Predictions by truth", "P(malignant)", "photographs")
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
    return save_vectors(figure, path)


def plot_reliability(axes: Any, bins: tuple[ReliabilityBin, ...]) -> None:
    """Draws the share that is malignant against the mean probability of each bin, with its 95 % band.

    Args:
        axes: Matplotlib's, on which it is drawn.
        bins: Of `tabulate_reliability`.
    """
    table = pd.DataFrame(bins)
    mean = table["probability"].to_numpy()
    observed = table["observed"].to_numpy()
    low = table["low"].to_numpy()
    high = table["high"].to_numpy()
    # The gap is weighted by photographs: the last bin may be smaller
    error = np.average(np.abs(mean - observed), weights=table["n"])
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as it should be")
    plot_band(axes, mean, np.stack([low, high]))
    axes.plot(mean, observed, "o-", color=ACCENT, markersize=5, linewidth=1.2, label="bins of equal size")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    tidy_axes(
        axes, f"Reliability, mean gap {error:.3f}", "mean P(malignant) of the bin", "share that is malignant"
    )
    axes.legend(loc="lower right", frameon=False)


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
    return save_vectors(figure, path)
