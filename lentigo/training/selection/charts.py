"""Charts of a comparison of backbones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.common.plots import (
    ACCENT,
    FONT_SIZE,
    GREY,
    MALIGNANT,
    LogFormatter,
    new_figure,
    save_figure,
    tidy_axes,
)
from lentigo.training.selection.repeated_scores import Mean

MIN_WIDTH = 5.2  # inches, for the legend
LEGEND_HEIGHT = 0.4  # inches
MAX_LEVEL_NAMES = 4  # names of backbones that fit below an axis without rotation


def plot_tradeoff(
    axes: Any, names: Sequence[str], aurocs: Sequence[Mean], milliseconds: Sequence[float] | None
) -> None:
    """Draws the AUROC of backbones, with its interval, against the milliseconds of a photograph.

    A line joins those that no other beats in both. Without times there is a column for each backbone.

    Args:
        axes: Matplotlib's, on which it is drawn.
        names: Of the backbones, best first.
        aurocs: Of each backbone.
        milliseconds: A photograph takes, by each backbone; or None.
    """
    x = np.arange(len(names)) if milliseconds is None else np.array(milliseconds)
    y = np.array([auroc.mean for auroc in aurocs])
    ends = np.array([auroc.ci for auroc in aurocs])  # (n, 2)
    # An interval that is not known is drawn as a point
    reach = np.nan_to_num(np.maximum(np.abs(ends.T - y), 0))
    axes.errorbar(x, y, reach, fmt="o", color=ACCENT, ecolor=GREY, elinewidth=1.2, markersize=5)
    axes.margins(x=0.25)
    if milliseconds is None:
        axes.set_xticks(x, names, rotation=30 if len(names) > MAX_LEVEL_NAMES else 0)
        tidy_axes(axes, "Quality", "", "AUROC, 95 % interval")
    else:
        draw_front(axes, x, y, names)
        tidy_axes(axes, "Quality and cost", "milliseconds a photograph", "AUROC, 95 % interval")


def draw_tradeoff(
    names: Sequence[str], aurocs: Sequence[Mean], milliseconds: Sequence[float] | None, path: Path
) -> Path:
    """Writes the figure that `plot_tradeoff` draws.

    Args:
        names: Of the backbones, best first.
        aurocs: Of each backbone.
        milliseconds: A photograph takes, by each backbone; or None.
        path: Of the figure.

    Returns:
        The path.
    """
    figure = new_figure(7.2, 5.0)
    plot_tradeoff(figure.subplots(), names, aurocs, milliseconds)
    return save_figure(figure, path)


def draw_front(axes: Any, cost: np.ndarray, auroc: np.ndarray, names: Sequence[str]) -> None:
    """The line of those that none beats in cost and AUROC, (n,) both, and the names of all."""
    front = find_front(cost, auroc)
    axes.plot(
        cost[front], auroc[front], color=MALIGNANT, linewidth=1, zorder=0, label="none is faster and better"
    )
    # From a small backbone to a large one it is a factor of thirty
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())
    axes.legend(frameon=False, loc="lower right")
    for name, x, y in zip(names, cost, auroc, strict=True):
        axes.annotate(name, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=FONT_SIZE)


def find_front(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Row numbers, by ascending cost, (k,), of those that none beats in both cost (n,) and value (n,).

    >>> find_front(np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.7, 0.9])).tolist()
    [0, 2]
    """
    # By cost, the best first where costs are equal
    order = np.lexsort([-value, cost])
    best_so_far = np.maximum.accumulate(np.concatenate([[-np.inf], value[order][:-1]]))
    return order[value[order] > best_so_far]
