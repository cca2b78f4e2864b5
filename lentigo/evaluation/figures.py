"""Figures of how a model did and how it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from lentigo.data.drawing import ACCENT, BENIGN, GREY, MALIGNANT, new_figure, save_figure, tidy_axes


def draw_roc(malignant: np.ndarray, probability: np.ndarray, threshold: float, path: Path) -> Path:
    """The ROC curve with the operating point."""
    figure = new_figure()
    axes = figure.subplots()
    x, y, _ = roc_curve(malignant, probability)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="chance")
    axes.plot(x, y, color=ACCENT, linewidth=2, label=f"AUROC {roc_auc_score(malignant, probability):.3f}")
    decided = probability >= threshold
    axes.plot(decided[malignant == 0].mean(), decided[malignant == 1].mean(), "o", color=MALIGNANT, label=f"threshold {threshold:.2f}")
    tidy_axes(axes, "ROC", "1 - specificity", "sensitivity")
    axes.legend(loc="lower right", frameon=False)
    return save_figure(figure, path)


def draw_precision_recall(malignant: np.ndarray, probability: np.ndarray, path: Path) -> Path:
    """Precision against recall with the prevalence as floor."""
    figure = new_figure()
    axes = figure.subplots()
    precision, recall, _ = precision_recall_curve(malignant, probability)
    axes.axhline(malignant.mean(), color=GREY, linestyle=":", label=f"prevalence {malignant.mean():.2f}")
    axes.plot(recall, precision, color=ACCENT, linewidth=2, label=f"average precision {average_precision_score(malignant, probability):.3f}")
    axes.set_ylim(0, 1.02)
    tidy_axes(axes, "Precision and recall", "recall (sensitivity)", "precision (PPV)")
    axes.legend(loc="lower left", frameon=False)
    return save_figure(figure, path)


def draw_confusion(confusion: list[list[int]], names: tuple[str, ...], path: Path) -> Path:
    """Counts, rows are the truth."""
    figure = new_figure(4.2, 3.8)
    axes = figure.subplots()
    counts = np.array(confusion)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        shade = counts[row, column] / max(counts[row].sum(), 1)
        axes.text(column, row, f"{counts[row, column]}\n{shade:.0%}", ha="center", va="center", color="white" if shade > 0.5 else "black")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    tidy_axes(axes, "Confusion", "model", "truth")
    axes.grid(False)
    return save_figure(figure, path)


def draw_probabilities(malignant: np.ndarray, probability: np.ndarray, threshold: float, path: Path) -> Path:
    """Histograms of P(malignant) by truth."""
    figure = new_figure()
    axes = figure.subplots()
    bins = np.linspace(0, 1, 26)
    axes.hist(probability[malignant == 0], bins, color=BENIGN, alpha=0.7, label="benign")
    axes.hist(probability[malignant == 1], bins, color=MALIGNANT, alpha=0.7, label="malignant")
    axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1, label="threshold")
    tidy_axes(axes, "Answers by truth", "P(malignant)", "photographs")
    axes.legend(frameon=False)
    return save_figure(figure, path)


def draw_history(history: pd.DataFrame, path: Path) -> Path:
    """Loss and validation scores by epoch; `history` is the table of history.csv."""
    figure = new_figure(9.0, 3.8)
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(history) + 1)
    left.plot(epochs, history["loss"], color=GREY, label="training")
    left.plot(epochs, history["val_loss"], color=ACCENT, label="validation")
    right.plot(epochs, history["val_accuracy"], color=BENIGN, label="accuracy")
    right.plot(epochs, history["val_auroc"], color=MALIGNANT, label="AUROC")
    for axes, title, name in ((left, "Loss", "cross-entropy"), (right, "Validation", "score")):
        for start in np.flatnonzero(history["stage"].to_numpy()[1:] != history["stage"].to_numpy()[:-1]):
            axes.axvline(start + 1.5, color=GREY, linestyle="--", linewidth=1)
        tidy_axes(axes, title, "epoch", name)
        axes.legend(frameon=False)
    return save_figure(figure, path)
