"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

import unicodedata
from typing import Any

FORMULAS = ("=", "+", "-", "@")  # what a spreadsheet runs a cell for that begins so
UNSEEN = (
    "Cc",
    "Cf",
    "Zs",
    "Zl",
    "Zp",
)  # Unicode's categories of control characters, marks without width, spaces


def neutralise(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, by an apostrophe before it.

    Spreadsheets pass over spaces, tabs, ends of lines and invisible marks at the beginning, and some take
    full-width signs for the usual ones.

    Args:
        value: What the cell is to show. Several values, as a list or tuple, become one cell with semicolons.

    Returns:
        Text that is safe, or the value itself where it is no text.

    >>> neutralise("=1+1"), neutralise(-0.5), neutralise(("red", "black"))
    ("'=1+1", -0.5, 'red; black')
    >>> neutralise("\\n=1+1"), neutralise("\uff1d1+1")
    ("'\\n=1+1", "'\uff1d1+1")
    """
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
    if not isinstance(text, str):
        return text
    start = 0
    while start < len(text) and unicodedata.category(text[start]) in UNSEEN:
        start += 1
    first = unicodedata.normalize("NFKC", text[start : start + 1])
    hidden = text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if hidden or first.startswith(FORMULAS) else text
