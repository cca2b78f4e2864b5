"""Charts of a search: what each field is worth, where its good values lie, how the search went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.plots import (
    ACCENT,
    BENIGN,
    FONT_SIZE,
    GREY,
    MALIGNANT,
    MaxNLocator,
    NullFormatter,
    new_figure,
    save_figure,
    tidy_axes,
)
from lentigo.training.recipes import Recipe
from lentigo.training.selection.charts import LEGEND_HEIGHT, MIN_WIDTH

MAX_COLUMNS = 4  # slices beside each other


def draw_importance(importance: Mapping[str, float], path: Path) -> Path:
    """Draws a bar for the share of the variance that each field of the recipe explains.

    Args:
        importance: The shares by field.
        path: Of the figure.

    Returns:
        That path.
    """
    names = sorted(importance, key=importance.__getitem__)
    figure = new_figure(6.0, 1.2 + 0.3 * len(names))
    axes = figure.subplots()
    bars = axes.barh(names, [importance[name] for name in names], color=BENIGN)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=FONT_SIZE)
    axes.margins(x=0.12)
    tidy_axes(axes, "What mattered", "share of the importance", "")
    return save_figure(figure, path)


def draw_slices(trials: pd.DataFrame, names: Sequence[str], path: Path) -> Path:
    """Draws the AUROC of each finished trial against each field that was searched.

    Args:
        trials: A row for each trial, that of the default recipe first; a column `auroc` and one of each name.
        names: The fields that were searched.
        path: Of the figure.

    Returns:
        That path.
    """
    columns = min(MAX_COLUMNS, len(names))
    rows = -(-len(names) // MAX_COLUMNS)
    figure = new_figure(max(MIN_WIDTH, 2.8 * columns), 2.6 * rows + LEGEND_HEIGHT)
    grid = np.atleast_1d(figure.subplots(rows, columns, sharey=True, squeeze=False)).ravel()
    logarithmic = list_logarithmic()
    for axes, name in zip(grid, names, strict=False):
        draw_slice(axes, trials, name, name in logarithmic)
        tidy_axes(axes, name.replace("_", " "), "", "AUROC" if axes in grid[::MAX_COLUMNS] else "")
    # Places without a field stay empty
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    handles, words = grid[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=len(words), frameon=False)
    return save_figure(figure, path)


def draw_slice(axes: Any, trials: pd.DataFrame, name: str, logarithmic: bool) -> None:
    """The AUROC of each trial against one field; later trials are darker, the default recipe is a diamond."""
    values = trials[name]
    # Words and switches have no scale: each is a place on the axis
    if values.dtype in (object, bool):
        values = values.astype(str)
    order = np.arange(len(trials))
    axes.scatter(
        values,
        trials["auroc"],
        s=16,
        c=order,
        cmap="Blues",
        vmin=-len(trials) / 2,
        edgecolors="none",
        label="a trial, the later the darker",
    )
    first = trials.iloc[:1]
    axes.scatter(
        values.iloc[:1], first["auroc"], marker="D", s=28, color=MALIGNANT, label="the default recipe"
    )
    positive = values.dtype.kind in "if" and bool((values > 0).all())
    if logarithmic and positive:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())


def list_logarithmic() -> set[str]:
    """The fields of a recipe that are searched evenly in their logarithm."""
    names = set()
    for recipe_field in fields(Recipe):
        search = recipe_field.metadata.get("search")
        if search is not None and search.log:
            names.add(recipe_field.name)
    return names


def plot_progress(axes: Any, trials: pd.DataFrame) -> None:
    """Draws the AUROC of each finished trial by its number, and the best so far as steps.

    Args:
        axes: Matplotlib's, on which it is drawn.
        trials: A row for each trial, that of the default recipe first; columns `number` and `auroc`.
    """
    axes.plot(trials["number"], trials["auroc"], "o", color=GREY, markersize=4, label="trials")
    best = trials["auroc"].cummax()
    # A step, since the best holds until a better trial ends
    axes.step(trials["number"], best, where="post", color=ACCENT, linewidth=2, label="best so far")
    axes.axhline(trials["auroc"].iloc[0], color=MALIGNANT, linestyle=":", label="default recipe")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy_axes(axes, "Trials", "trial", "mean AUROC over folds")
    axes.legend(frameon=False, loc="lower right")


def draw_progress(trials: pd.DataFrame, path: Path) -> Path:
    """Writes the figure that `plot_progress` draws.

    Args:
        trials: A row for each trial, that of the default recipe first; columns `number` and `auroc`.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure(6.0, 3.8)
    plot_progress(figure.subplots(), trials)
    return save_figure(figure, path)
