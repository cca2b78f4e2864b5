"""An audit at a glance: what was found, as a table and as one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from typing import Any

import numpy as np

from lentigo.audit.rates import Rate
from lentigo.audit.shortcut_baselines import BASELINE_TITLES, Baseline
from lentigo.common.plots import ACCENT, BENIGN, GREY, MALIGNANT, ShownFigure, new_figure, tidy_axes

CLASS_COLOURS = {"benign": BENIGN, "malignant": MALIGNANT, "all": ACCENT}
ROW_INCHES = 0.32  # of the figure's height, for a row of either half
MIN_INCHES = 2.6  # of the figure's height


def draw_findings(rates: Mapping[str, Mapping[str, Rate]], baselines: Mapping[str, Baseline]) -> ShownFigure:
    """Draws how common flaws and artefacts are by class, and what the shortcut baselines reach.

    Args:
        rates: By flaw or artefact, then by class.
        baselines: By name.

    Returns:
        The figure, in two halves.
    """
    # Both halves stand side by side: the longer one decides the height
    rows = max(2 * len(rates), 2 * len(baselines))
    figure = new_figure(10.0, max(MIN_INCHES, 1.2 + ROW_INCHES * rows))
    left, right = figure.subplots(1, 2)
    plot_rates(left, rates)
    plot_baselines(right, baselines)
    return figure


def plot_rates(axes: Any, rates: Mapping[str, Mapping[str, Rate]]) -> None:
    """Draws a bar with its 95 % interval for each class and each flaw or artefact.

    Args:
        axes: Matplotlib's, on which it is drawn.
        rates: By flaw or artefact, then by class.
    """
    shown = list_classes(rates)
    height = 0.8 / len(shown)  # of a bar, in rows
    for number, name in enumerate(shown):
        places = np.arange(len(rates)) + number * height
        share = np.array([100 * by_class[name].rate for by_class in rates.values()])
        ends = np.array([by_class[name].ci for by_class in rates.values()]).reshape(-1, 2)
        # Never below 0: rounding may leave the end of an interval on the wrong side
        reach = np.maximum(np.abs(100 * ends.T - share), 0)
        colour = CLASS_COLOURS.get(name, GREY)
        axes.barh(places, share, height, xerr=reach, color=colour, ecolor=GREY, label=name)
    middles = np.arange(len(rates)) + (len(shown) - 1) * height / 2
    axes.set_yticks(middles, [name.replace("_", " ") for name in rates])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    tidy_axes(axes, "Flaws and artefacts", "% of the photographs, 95 % interval", "")
    if len(rates):
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "none found", ha="center", transform=axes.transAxes)


def list_classes(rates: Mapping[str, Mapping[str, Rate]]) -> list[str]:
    """The classes that rates are of, in the order in which they come; "all" where there are none."""
    classes = dict.fromkeys(chain.from_iterable(rates.values()))  # a dictionary as an ordered set
    classes.pop("all", None)
    return list(classes) or ["all"]


def plot_baselines(axes: Any, baselines: Mapping[str, Baseline]) -> None:
    """Draws the AUROC that each shortcut baseline reaches, with its 95 % interval.

    Args:
        axes: Matplotlib's, on which it is drawn.
        baselines: By name.
    """
    names = list(baselines)
    places = np.arange(len(names))
    auroc = np.array([baselines[name].auroc for name in names])
    ends = np.array([baselines[name].ci["auroc"] for name in names]).reshape(-1, 2)
    reach = np.nan_to_num(np.maximum(np.abs(ends.T - auroc), 0))
    axes.axvline(0.5, color=GREY, linestyle=":", label="chance")
    axes.errorbar(auroc, places, xerr=reach, fmt="o", color=ACCENT, ecolor=GREY)
    axes.set_yticks(places, [BASELINE_TITLES[name] for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    tidy_axes(axes, "What is reached without the lesion", "AUROC, 95 % interval", "")
    if not names:
        axes.text(0.5, 0.5, "not measured: two classes are needed", ha="center", transform=axes.transAxes)


def show_findings(name: str, findings: Mapping[str, int], notes: Sequence[str], figure: ShownFigure) -> str:
    """Shows an audit in a notebook.

    Args:
        name: Of the set.
        findings: Counts by what they count.
        notes: Sentences on the set.
        figure: Of `draw_findings`.

    Returns:
        HTML.
    """
    rows = []
    for title, count in findings.items():
        rows.append(f'<tr><td style="text-align:left">{escape(title)}</td><td>{count:,}</td></tr>')
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    table = f"<table><tbody>{''.join(rows)}</tbody></table>"
    return f"<p><b>audit of {escape(name)}</b></p><ul>{said}</ul>{table}{figure.to_html()}"
