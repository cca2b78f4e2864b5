"""Figures of comparisons and of tuning."""

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
    GREY,
    MALIGNANT,
    LogFormatter,
    NullFormatter,
    new_figure,
    save_figure,
    tidy_axes,
)
from lentigo.training.recipes import Recipe

COLUMNS = 4  # slices beside each other


def draw_tradeoff(ranked: Sequence[Any], path: Path) -> Path:
    """AUROC with its interval against the milliseconds of a photograph; without costs a row for each
    backbone. A line joins those that no other beats in both.
    """
    figure = new_figure(7.2, 5.0)
    axes = figure.subplots()
    timed = all(standing.cost for standing in ranked)
    cost = [
        standing.cost.milliseconds_among_many if timed else place for place, standing in enumerate(ranked)
    ]
    value, ends = np.array([s.auroc.mean for s in ranked]), np.array([s.auroc.ci for s in ranked])
    reach = np.nan_to_num(np.maximum(np.abs(ends.T - value), 0))
    axes.errorbar(cost, value, reach, fmt="o", color=ACCENT, ecolor=GREY, elinewidth=1.2, markersize=5)
    if timed:
        front = find_front(np.array(cost), value)
        axes.plot(
            np.array(cost)[front],
            value[front],
            color=MALIGNANT,
            linewidth=1,
            zorder=0,
            label="none is faster and better",
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(LogFormatter())
        axes.legend(frameon=False, loc="lower right")
        for standing, x, y in zip(ranked, cost, value, strict=True):
            axes.annotate(standing.backbone, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    else:
        axes.set_xticks(
            cost, [standing.backbone for standing in ranked], rotation=30 if len(ranked) > 4 else 0
        )
    axes.margins(x=0.25)
    tidy_axes(
        axes,
        "Quality and cost" if timed else "Quality",
        "milliseconds a photograph" if timed else "",
        "AUROC, 95 % interval",
    )
    return save_figure(figure, path)


def find_front(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Row numbers, by ascending cost, (k,), of those that none beats in both cost (n,) and value (n,).

    >>> find_front(np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.7, 0.9])).tolist()
    [0, 2]
    """
    order = np.lexsort([-value, cost])
    best = np.maximum.accumulate(np.concatenate([[-np.inf], value[order][:-1]]))
    return order[value[order] > best]


def draw_importance(importance: Mapping[str, float], path: Path) -> Path:
    """Bars of the share of the variance that each field of the recipe explains."""
    names = sorted(importance, key=importance.__getitem__)
    figure = new_figure(6.0, 1.2 + 0.3 * len(names))
    axes = figure.subplots()
    bars = axes.barh(names, [importance[name] for name in names], color=BENIGN)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.margins(x=0.12)
    tidy_axes(axes, "What mattered", "share of the importance", "")
    return save_figure(figure, path)


def draw_slices(trials: pd.DataFrame, names: Sequence[str], path: Path) -> Path:
    """The AUROC of each finished trial against each field that was searched; `trials` has a column `auroc`
    and one of each name. The first row is the default.
    """
    rows = -(-len(names) // COLUMNS)
    even = {
        item.name for item in fields(Recipe) if (search := item.metadata.get("search")) and search.log
    }  # in their logarithm
    figure = new_figure(2.6 * min(COLUMNS, len(names)), 2.5 * rows)
    grid = np.atleast_1d(figure.subplots(rows, min(COLUMNS, len(names)), sharey=True, squeeze=False)).ravel()
    for axes, name in zip(grid, names, strict=False):
        values = (
            trials[name].astype(str)
            if trials[name].dtype == object or trials[name].dtype == bool
            else trials[name]
        )
        axes.scatter(
            values,
            trials["auroc"],
            s=14,
            c=np.arange(len(trials)),
            cmap="Blues",
            vmin=-len(trials) / 2,
            edgecolors="none",
        )
        axes.scatter(values.iloc[:1], trials["auroc"].iloc[:1], marker="D", s=26, color=MALIGNANT)
        if name in even:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        tidy_axes(axes, name.replace("_", " "), "", "AUROC" if axes in grid[::COLUMNS] else "")
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    return save_figure(figure, path)


def draw_progress(trials: pd.DataFrame, path: Path) -> Path:
    """The AUROC of each finished trial by its number, and the best so far."""
    figure = new_figure(6.0, 3.8)
    axes = figure.subplots()
    axes.plot(trials["number"], trials["auroc"], "o", color=GREY, markersize=4, label="trials")
    axes.plot(trials["number"], trials["auroc"].cummax(), color=ACCENT, label="best so far")
    axes.axhline(trials["auroc"].iloc[0], color=MALIGNANT, linestyle=":", label="default recipe")
    tidy_axes(axes, "Trials", "trial", "mean AUROC over folds")
    axes.legend(frameon=False, loc="lower right")
    return save_figure(figure, path)
