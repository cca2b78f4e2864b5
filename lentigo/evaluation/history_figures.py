"""Figures of a training: loss and scores by epoch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.plots import (
    ACCENT,
    BENIGN,
    GREY,
    MALIGNANT,
    MaxNLocator,
    label_line,
    new_figure,
    save_vectors,
    tidy_axes,
)

CLASS_SCORES = (("val_accuracy", "accuracy"), ("val_auroc", "AUROC"))  # columns of history.csv, in words
MASK_SCORES = (("val_dice", "Dice"), ("val_jaccard", "Jaccard"))
MIN_LABEL_DISTANCE = 0.07  # of the height, between the names of two lines


def draw_history(
    history: pd.DataFrame, path: Path, scores: tuple[tuple[str, str], ...] = CLASS_SCORES
) -> Path:
    """Draws loss and validation scores by epoch, with each line named at its end and the best epoch marked.

    Args:
        history: The table of history.csv; its row with the best last score is the epoch that was kept.
        path: Of the figure.
        scores: Two of its columns, and their names in words; the last one chose the epoch.

    Returns:
        The path.
    """
    history = history[history[scores[1][0]].notna()]  # beside a classifier's epochs may stand its decoder's
    figure = new_figure(10.0, 4.2)
    left, right = figure.subplots(1, 2)
    losses = (("loss", "training", BENIGN), ("val_loss", "validation", ACCENT))
    (first, first_word), (second, second_word) = scores
    # The second score is what chose the epoch, so it has the stronger colour
    lines = ((first, first_word, BENIGN), (second, second_word, MALIGNANT))
    best = find_best_row(history, second)
    draw_panel(left, history, losses, best)
    tidy_axes(left, "Loss", "epoch", "loss")
    draw_panel(right, history, lines, best)
    tidy_axes(right, "Validation", "epoch", "score")
    return save_vectors(figure, path)


def draw_panel(
    axes: Any, history: pd.DataFrame, columns: Iterable[tuple[str, str, str]], best: int | None
) -> None:
    """Draws columns by epoch, the ends of stages, and the epoch that was kept, by its row."""
    draw_columns(axes, history, columns)
    mark_stages(axes, history["stage"].to_numpy())
    if best is not None:
        name = name_epoch(history, best)
        axes.axvline(best + 1, color=ACCENT, linestyle=":", linewidth=1.5, label=name)  # epochs count from 1
        axes.legend(frameon=False, loc="best")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def find_best_row(history: pd.DataFrame, score: str) -> int | None:
    """The row of the epoch that was kept: the best of the last stage. None where there is none."""
    if history.empty:
        return None
    last_stage = history["stage"].to_numpy() == history["stage"].iloc[-1]
    # Epochs of earlier stages are NaN: they were not candidates
    values = history[score].where(last_stage).astype(float)
    return int(np.nanargmax(values))


def name_epoch(history: pd.DataFrame, row: int) -> str:
    """An epoch as people name it; where the training had stages, with its stage."""
    words = f"best epoch: {history['epoch'].iloc[row]}"
    return f"{words} of {history['stage'].iloc[row]}" if history["stage"].nunique() > 1 else words


def draw_columns(axes: Any, history: pd.DataFrame, columns: Iterable[tuple[str, str, str]]) -> None:
    """Draws columns, (name, words, colour) each, by epoch, and names each line at its end."""
    epochs = np.arange(1, len(history) + 1)
    ends = []
    for column, words, colour in columns:
        values = history[column].to_numpy(dtype=float)
        axes.plot(epochs, values, color=colour, marker="o", markersize=3, linewidth=1.5)
        # A stage may lack a column: its last known value is where the line ends
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            ends.append((float(values[known[-1]]), float(epochs[known[-1]]), words, colour))
    low, high = axes.get_ylim()
    last = None
    # From the lowest up, so that each label pushes only those above it
    for value, epoch, words, colour in sorted(ends):
        if last is not None:
            value = max(value, last + MIN_LABEL_DISTANCE * (high - low))  # so that no name lies on another
        label_line(axes, epoch, value, words, colour)
        last = value


def mark_stages(axes: Any, stages: np.ndarray) -> None:
    """Draws a line where a stage of the training ends and the next begins."""
    for row in np.flatnonzero(stages[1:] != stages[:-1]):
        axes.axvline(row + 1.5, color=GREY, linestyle="--", linewidth=1)
