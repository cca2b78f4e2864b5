"""Tables for notebooks: HTML with the photographs in it, readable on light and dark pages, without scripts.

The plain install has no Jinja, so that the few elements are put together here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from lentigo.images.problems import Problem
from lentigo.inference.notebooks.thumbnails import embed_jpeg

if TYPE_CHECKING:
    from lentigo.inference.lesions.measures import Measures

MAX_ROWS = 50  # of a table: a notebook keeps what it shows in its file
MAX_PROBLEMS = 10  # that are listed below a table
BAR_WIDTH = 140  # pixels of the scale from 0 to 1
COLOURS = {"malignant": "#c8553d", "benign": "#2a7f9e", "uncertain": "#8a8f98"}  # as in our figures
CELL_STYLE = "text-align:left;vertical-align:middle;padding:6px 12px"
Cells = Mapping[str, str]  # HTML by the title of its column


class ShownResult(Protocol):
    """A result that has cells for a table."""

    def list_cells(self) -> Cells:
        """HTML by the title of its column."""


def show_results(results: Sequence[ShownResult], problems: Sequence[Problem]) -> str:
    """Shows several results as a table, a row each, and the problems below.

    Args:
        results: With cells.
        problems: Of the inputs without a result.

    Returns:
        HTML. Beyond `MAX_ROWS` the others are counted.
    """
    rows = []
    for result in results[:MAX_ROWS]:
        rows.append(result.list_cells())
    words = [show_rows(rows)]
    left = len(results) - len(rows)
    if left:
        words.append(f"<p>and {left:,} more: <code>to_frame()</code> has them all</p>")
    words.append(show_problems(problems))
    return "".join(words)


def show_rows(rows: Sequence[Cells]) -> str:
    """A table.

    Args:
        rows: Cells, the same columns in each.

    Returns:
        HTML; a sentence where there is no row.
    """
    if not rows:
        return "<p>no result</p>"
    head = "".join(f'<th style="{CELL_STYLE}">{escape(title)}</th>' for title in rows[0])
    body = []
    for cells in rows:
        columns = "".join(f'<td style="{CELL_STYLE}">{cell}</td>' for cell in cells.values())
        body.append(f"<tr>{columns}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def show_problems(problems: Sequence[Problem]) -> str:
    """A list of what could not be used; nothing where all could.

    Args:
        problems: Of the inputs.
    """
    if not problems:
        return ""
    items = []
    for problem in problems[:MAX_PROBLEMS]:
        items.append(f"<li>{escape(problem.image)}: {escape(problem.error)}</li>")
    if len(problems) > MAX_PROBLEMS:
        items.append(f"<li>and {len(problems) - MAX_PROBLEMS:,} more</li>")
    return f"<p>{len(problems):,} left out:</p><ul>{''.join(items)}</ul>"


def show_picture(jpeg: bytes, image: str) -> str:
    """A photograph, and its name below.

    Args:
        jpeg: The thumbnail; empty where there is none.
        image: Its path or address.
    """
    name = escape(PurePath(image).name or image)
    if not jpeg:
        return f'<span title="{escape(image)}">{name}</span>'
    return (
        f'<img src="{embed_jpeg(jpeg)}" alt="{name}" title="{escape(image)}" '
        f'style="display:block;max-width:160px;margin:0"><small>{name}</small>'
    )


def show_pictures(pictures: Sequence[tuple[bytes, str]]) -> str:
    """Small photographs beside each other, what they show below each.

    Args:
        pictures: JPEGs, and words.
    """
    shown = []
    for jpeg, words in pictures:
        shown.append(
            '<span style="display:inline-block;width:104px;vertical-align:top;margin-right:6px">'
            f'<img src="{embed_jpeg(jpeg)}" alt="" style="width:100px;margin:0;display:block">'
            f"<small>{escape(words)}</small></span>"
        )
    return "".join(shown)


def show_label(label: str) -> str:
    """A decision in its colour.

    Args:
        label: "benign", "malignant" or "uncertain".
    """
    return f'<b style="color:{COLOURS[label]}">{escape(label)}</b>'


def show_probability(probability: float, threshold: float, label: str) -> str:
    """A probability as a number and as a bar from 0 to 1 with a mark at the threshold.

    Args:
        probability: From 0 to 1.
        threshold: From which on malignant is said.
        label: The decision, whose colour the bar has.
    """
    filled = round(BAR_WIDTH * min(max(probability, 0.0), 1.0))
    mark = round(BAR_WIDTH * min(max(threshold, 0.0), 1.0))
    words = f"P(malignant) {probability:.3f}, threshold {threshold:.3f}"
    return (
        f'<span style="font-variant-numeric:tabular-nums">{probability:.3f}</span>'
        f'<svg width="{BAR_WIDTH + 2}" height="16" role="img" aria-label="{words}" style="display:block">'
        f"<title>{words}</title>"
        f'<rect x="1" y="4" width="{BAR_WIDTH}" height="8" fill="#8a8f98" fill-opacity="0.3"/>'
        f'<rect x="1" y="4" width="{filled}" height="8" fill="{COLOURS[label]}"/>'
        f'<line x1="{mark + 1}" x2="{mark + 1}" y1="0" y2="16" stroke="currentColor" stroke-width="2"/></svg>'
        f"<small>threshold {threshold:.3f}</small>"
    )


def show_wide_picture(jpeg: bytes, words: str) -> str:
    """A figure as wide as the page lets it be.

    Args:
        jpeg: The figure.
        words: What it shows.
    """
    return f'<img src="{embed_jpeg(jpeg)}" alt="{escape(words)}" style="max-width:100%;width:760px">'


def format_number(value: float | None, form: str = ".3g", unit: str = "") -> str:
    """A number with its unit; a dash where it is not known.

    Args:
        value: The number; None where it is not known.
        form: How it is written, as Python's format has it.
        unit: Written behind it.

    >>> format_number(12.345, ".1f", "mm"), format_number(None)
    ('12.3 mm', '-')
    """
    if value is None:
        return "-"
    return f"{value:{form}} {unit}".rstrip()


def show_measures(measures: Measures | None) -> dict[str, str]:
    """Gives the cells of a notebook's table.

    Args:
        measures: Of a lesion; None where none was found.

    Returns:
        HTML by column.
    """
    if measures is None:
        return {"lesion": "none found", "border, asymmetry": "", "colours": ""}
    size = format_number(measures.diameter_px, ".0f", "px")
    if measures.diameter_mm is not None:
        size += f" = {format_number(measures.diameter_mm, '.1f', 'mm')}"
    cut_off = "<br>cut off by the edge" if measures.cut_off else ""
    return {
        "lesion": f"diameter {size}<br>{measures.area_share:.0%} of the photograph{cut_off}",
        "border, asymmetry": (
            f"irregularity {format_number(measures.border_irregularity, '.2f')}<br>"
            f"asymmetry {format_number(measures.asymmetry, '.2f')}"
        ),
        "colours": "<br>".join(measures.colours),
    }
