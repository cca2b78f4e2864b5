"""The diagnoses of a table's photographs, from whichever columns name them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lentigo.datasets.diagnosis_words import (
    BENIGN,
    DIAGNOSES,
    INDETERMINATE,
    MALIGNANT,
    map_diagnosis,
    name_diagnosis,
)
from lentigo.datasets.tables.columns import DIAGNOSIS_COLUMNS
from lentigo.datasets.tables.placeholders import is_placeholder
from lentigo.datasets.tables.words import CLASS_WORDS, spell_word

LABEL_COLUMNS = ("label", "class", "class_name")  # which may name diagnoses, or classes


def add_diagnoses(table: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Adds the diagnoses that a table names.

    Columns of several levels, such as the ISIC archive's `diagnosis_1` to `diagnosis_5`, are tried from the
    finest on.

    Args:
        table: A table, its columns spelled.

    Returns:
        The table with `diagnosis`, one of the seven `DIAGNOSES` where a column names one, else the word as it
        is written, and `diagnosis_word`, what the table says; and the columns that it was taken from, with
        commas between, None without any.
    """
    columns = find_diagnosis_columns(table)
    if not columns:
        return table, None
    mapped: list[str | None] = [None] * len(table)  # by row, filled from the finest column on
    written: list[str | None] = [None] * len(table)
    used = []
    for column in columns:
        if fill_diagnoses(table[column], mapped, written):
            used.append(column)
    if not used:
        # An own column of diagnoses that no word was understood of: empty, so that all tables have it
        return table.assign(diagnosis=make_words([None] * len(table), table)), None
    if "diagnosis_word" in table:
        # What an earlier reading wrote there is nearer to the source
        for row, word in enumerate(table["diagnosis_word"]):
            if isinstance(word, str):
                written[row] = word
    diagnoses = []
    for key, word in zip(mapped, written, strict=True):
        diagnoses.append(word if key is None else key)
    table = table.assign(diagnosis=make_words(diagnoses, table), diagnosis_word=make_words(written, table))
    return table, ", ".join(used)


def find_diagnosis_columns(table: pd.DataFrame) -> list[str]:
    """The columns that name diagnoses, the finest first."""
    columns = []
    for name in DIAGNOSIS_COLUMNS:
        if name in table and (name not in LABEL_COLUMNS or holds_diagnoses(table[name])):
            columns.append(name)
    return columns


def fill_diagnoses(words: pd.Series, mapped: list[str | None], written: list[str | None]) -> bool:
    """Fills, from the words of one column, what is still None: in `mapped` the one of the seven diagnoses, in
    `written` the word. Gives whether anything was filled.
    """
    key_of = {}
    written_of = {}
    # A table has few different words, and each takes a search in the vocabulary
    for word in words.dropna().unique():
        key_of[word] = map_diagnosis(word)
        written_of[word] = str(word).strip() if says_diagnosis(word) else None
    filled = False
    for row, word in enumerate(words):
        # The key and its word come from the same column, so that they say the same
        if mapped[row] is None and key_of.get(word) is not None:
            mapped[row] = key_of[word]
            written[row] = written_of[word]
            filled = True
        elif written[row] is None and written_of.get(word) is not None:
            written[row] = written_of[word]
            filled = True
    return filled


def make_words(words: list[str | None], table: pd.DataFrame) -> pd.Series:
    """A column of words for a table."""
    return pd.Series(words, index=table.index, dtype=object)


def says_diagnosis(word: Any) -> bool:
    """Whether a word is more than a placeholder or a class.

    >>> says_diagnosis("neurofibroma"), says_diagnosis("unknown"), says_diagnosis("Benign")
    (True, False, False)
    """
    if is_placeholder(word) or spell_word(word) in CLASS_WORDS:
        return False
    return name_diagnosis(word) not in (BENIGN, MALIGNANT, INDETERMINATE)


def holds_diagnoses(words: pd.Series) -> bool:
    """Whether a column of labels names diagnoses, one of them at least."""
    return any(map_diagnosis(word) is not None for word in words.dropna().unique())


def count_diagnoses(table: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Counts the diagnoses of a table.

    Args:
        table: A table that `add_diagnoses` made.

    Returns:
        Photographs of each of the seven diagnoses, and of each other word, the most common first.
    """
    if "diagnosis" not in table:
        return {}, {}
    counts = table["diagnosis"].value_counts()
    seven = {name: int(counts[name]) for name in DIAGNOSES if name in counts}
    others = {str(word): int(count) for word, count in counts.items() if word not in DIAGNOSES}
    return seven, others
