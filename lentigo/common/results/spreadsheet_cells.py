"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

import unicodedata
from typing import Any

FORMULA_SIGNS = ("=", "+", "-", "@")  # what a spreadsheet runs a cell for that begins so
LINE_SIGNS = ("\t", "\r", "\n")  # that some spreadsheets take for the end of the cell before
# Unicode's categories of control characters, marks without width, and spaces
INVISIBLE_CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")


def neutralise(value: Any) -> Any:
    """Makes a cell that no spreadsheet takes for a formula, by an apostrophe before it.

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
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return value
    start = 0
    while start < len(value) and unicodedata.category(value[start]) in INVISIBLE_CATEGORIES:
        start += 1
    first = unicodedata.normalize("NFKC", value[start : start + 1])
    if value.startswith(LINE_SIGNS) or first.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value
