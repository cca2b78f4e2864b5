"""Words by which a table says that it does not know: such a cell is missing, never a value that rows
share.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

# As `normalise_blank` spells them: lower case, without spaces and punctuation at the ends.
PLACEHOLDERS = frozenset(
    {
        "",
        "nan",
        "na",
        "n/a",
        "n.a",
        "nat",
        "none",
        "null",
        "nil",
        "unk",
        "unkn",
        "unknown",
        "unspecified",
        "undefined",
        "undisclosed",
        "missing",
        "not available",
        "not known",
        "not recorded",
        "not specified",
        "not provided",
        "not applicable",
        "notavailable",
        "no data",
        "no id",
        "blank",
        "empty",
        "anon",
        "anonym",
        "anonymous",
        "anonymized",
        "anonymised",
        "deidentified",
        "de-identified",
        "redacted",
        "removed",
        "withheld",
        "hidden",
        "dummy",
        "xxx",
        "xx",
        "tbd",
        "#n/a",
        "#na",
        "#value",
        "#ref",
    }
)
# What may stand around a word: spaces, punctuation, dashes, quotation marks, brackets
SURROUNDINGS = " _^\t\r\n\u00a0?*.,;:!-_\u2013\u2014/\\\"'()[]{}<>"
NUMBERS = re.compile(r"[+-]?\d+(\.0*)?")


def normalise_blank(word: Any) -> str:
    """A cell's word as `PLACEHOLDERS` spells it; of marks alone ("-", "?", "...") nothing is left.

    >>> normalise_blank(" N/A "), normalise_blank("--"), normalise_blank("<NA>"), normalise_blank("NO_ID")
    ('n/a', '', 'na', 'no id')
    """
    return " ".join(str(word).strip(SURROUNDINGS).lower().replace("_", " ").split())


def is_placeholder(word: Any) -> bool:
    """Whether a word says that nothing is known.

    Args:
        word: A cell of a table.

    Returns:
        True for what is missing and for words such as "unknown".

    >>> [is_placeholder(word) for word in ("unknown", "?", float("nan"), None, "0", "male")]
    [True, True, True, True, False, False]
    """
    return word is None or word is pd.NA or normalise_blank(word) in PLACEHOLDERS


def blank_placeholders(words: pd.Series) -> pd.Series:
    """Makes placeholders missing.

    Args:
        words: A column.

    Returns:
        The words with None where they say that nothing is known; what was missing is None, too.
    """
    # Each different word once: tables have many rows and few words
    told = {word for word in words.dropna().unique() if not is_placeholder(word)}
    return words.astype(object).where(words.isin(told), None)


def blank_ids(ids: pd.Series) -> pd.Series:
    """Makes placeholders among ids missing, among these a 0 or a negative number that is none of a count.

    A 0 is an id where ids are whole numbers and a 1 is among them, since people count from 0; beside other
    ids it says "none".

    Args:
        ids: Ids of patients, lesions or duplicates.

    Returns:
        The ids with None for placeholders.

    >>> blank_ids(pd.Series(["P1", "unknown", "0", "P1"])).tolist(), blank_ids(pd.Series([0, 1, 2])).tolist()
    (['P1', None, None, 'P1'], [0, 1, 2])
    """
    known = blank_placeholders(ids)
    texts = {word: str(word).strip() for word in known.dropna().unique()}
    # 0 is an id where ids are counted from it, and a placeholder where 1 never occurs
    counted = {text.split(".")[0].lstrip("0") for text in texts.values()}
    whole_numbers = all(NUMBERS.fullmatch(text) for text in texts.values())
    counts_from_zero = whole_numbers and "1" in counted
    absent = set()
    for word, text in texts.items():
        is_zero = re.fullmatch(r"0+(\.0*)?", text) is not None
        is_negative = re.fullmatch(r"-\d+(\.0*)?", text) is not None
        if is_negative or (is_zero and not counts_from_zero):
            absent.add(word)
    return known.where(~known.isin(absent), None) if absent else known
