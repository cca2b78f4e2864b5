"""An assessment at a glance: its metrics as a table and its four main figures as one."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.plots import ShownFigure, new_figure
from lentigo.evaluation.figures import (
    plot_precision_recall,
    plot_probabilities,
    plot_reliability,
    plot_roc,
)
from lentigo.evaluation.scores.curves import tabulate_reliability, trace_bands
from lentigo.evaluation.scores.metrics import TITLES

SHOWN_COLUMNS = ("title", "value", "low", "high")
SIDE_INCHES = 4.4  # of each of the four figures


def draw_scores(
    malignant: np.ndarray, probability: np.ndarray, threshold: float, groups: np.ndarray
) -> ShownFigure:
    """Draws ROC, precision and recall, reliability, and the probabilities by truth.

    Args:
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: Of the operating point.
        groups: Group numbers, int (n,), by which intervals are made.

    Returns:
        The figure; without both classes it has the probabilities alone.
    """
    # With one class only the histogram can be drawn
    if malignant.min() == malignant.max():
        figure = new_figure(SIDE_INCHES, SIDE_INCHES)
        plot_probabilities(figure.subplots(), malignant, probability, threshold)
        return figure
    figure = new_figure(2 * SIDE_INCHES, 2 * SIDE_INCHES)
    (roc, precision), (reliability, histogram) = figure.subplots(2, 2)
    bands = trace_bands(malignant, probability, groups)
    plot_roc(roc, malignant, probability, threshold, bands)
    plot_precision_recall(precision, malignant, probability, bands)
    plot_reliability(reliability, tabulate_reliability(malignant, probability, groups))
    plot_probabilities(histogram, malignant, probability, threshold)
    return figure


def tabulate_scores(facts: dict[str, Any]) -> pd.DataFrame:
    """Makes a table of metrics and their 95 % intervals.

    Args:
        facts: Of `Assessment.to_json`.

    Returns:
        A row for each metric: `metric`, `title`, `value`, `low`, `high`.
    """
    rows = []
    for name, title in TITLES.items():
        low, high = facts["ci"][name]
        rows.append({"metric": name, "title": title, "value": facts[name], "low": low, "high": high})
    return pd.DataFrame(rows)


def show_scores(
    title: str, scores: pd.DataFrame, warnings: Sequence[str], figure: ShownFigure | None = None
) -> str:
    """Shows an assessment in a notebook: warnings first, then numbers, then figures.

    Args:
        title: What was measured on what.
        scores: Of `tabulate_scores`.
        warnings: Sentences that keep the numbers from being read as usual.
        figure: Of `draw_scores`; None for none.

    Returns:
        HTML.
    """
    notes = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    rows = []
    # Notebooks align cells to the right unless told otherwise
    style = "text-align:left"
    for name, value, low, high in zip(*(scores[column] for column in SHOWN_COLUMNS), strict=True):
        words = "not defined" if pd.isna(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"
        rows.append(f'<tr><td style="{style}">{escape(name)}</td><td style="{style}">{words}</td></tr>')
    table = f"<table><tbody>{''.join(rows)}</tbody></table>"
    drawn = "" if figure is None else figure.to_html()
    return f"<p><b>{escape(title)}</b></p><ul>{notes}</ul>{table}{drawn}"
