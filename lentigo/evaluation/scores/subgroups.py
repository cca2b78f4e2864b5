"""How a model does on parts of a set: by source, site, age, sex and skin, where those are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import measure_scores
from lentigo.images.measures.skin_tone import TONE_NAMES

COLUMNS = ("source", "site", "age", "sex", "skin_type", "skin_tone")
SHOWN = ("auroc", "sensitivity", "specificity")
MIN_IMAGES = 30  # for any claim
# Malignant photographs for a claim on sensitivity, benign ones for specificity, both for the AUROC
MIN_IMAGES_OF_A_CLASS = 10
MAX_VALUES = 12  # of a column; the rarest share a row
YEARS_OF_A_ROW = 20
OLDEST_YEARS = 80  # from which all ages share a row
UNKNOWN = "unknown"
WORDS_FOR_UNKNOWN = {"", "nan", "none", "null", "n/a", "na", "unk", "unknown"}
OTHERS = " others"  # ending of the row of rare values
ROMAN = {  # skin types, however they are written
    "i": "I",
    "ii": "II",
    "iii": "III",
    "iv": "IV",
    "v": "V",
    "vi": "VI",
    "1": "I",
    "2": "II",
    "3": "III",
    "4": "IV",
    "5": "V",
    "6": "VI",
}


@dataclass(frozen=True)
class Subgroup:
    """How a model does on the photographs whose `column` is `value`.

    Attributes:
        column: One of `COLUMNS`.
        value: One of its values.
        n: Photographs.
        n_malignant: How many of them are malignant.
        groups: How many groups they are in.
        auroc: NaN where nothing is claimed.
        sensitivity: NaN where nothing is claimed.
        specificity: NaN where nothing is claimed.
        ci: The 95 % interval of each, by groups.
        note: Why something is not claimed; "" where all is.
    """

    column: str
    value: str
    n: int
    n_malignant: int
    groups: int
    auroc: float
    sensitivity: float
    specificity: float
    ci: dict[str, tuple[float, float]]
    note: str

    def to_json(self) -> dict[str, Any]:
        """The fields; a value that is not claimed is null."""
        return replace_nan(asdict(self))


def tabulate_subgroups(
    table: pd.DataFrame, malignant: np.ndarray, probability: np.ndarray, threshold: float, groups: np.ndarray
) -> tuple[Subgroup, ...]:
    """Measures a model on parts of a set.

    Below `MIN_IMAGES` photographs nothing is claimed, below `MIN_IMAGES_OF_A_CLASS` nothing that rests on
    that class.

    Args:
        table: Of the n photographs.
        malignant: The truth, 0 or 1, (n,).
        probability: P(malignant), float (n,).
        threshold: From which P(malignant) is called malignant.
        groups: Group numbers, int (n,), by which the intervals are made.

    Returns:
        A row for each value of each of `COLUMNS` that the table has and that has several, unknown values
        last.
    """
    decided = probability >= threshold
    rows = []
    for column in COLUMNS:
        # Data sets say different things about people; what is not said has no row
        if column not in table:
            continue
        values = name_values(table[column], column)
        for value in order_values(values, column):
            chosen = np.flatnonzero(values == value)
            row = measure_subgroup(
                column, value, malignant[chosen], probability[chosen], decided[chosen], groups[chosen]
            )
            rows.append(row)
    return tuple(rows)


def name_values(cells: pd.Series, column: str) -> np.ndarray:
    """The row that each photograph belongs to, object (n,) of str."""
    if column == "age":
        ages = pd.to_numeric(cells, errors="coerce")
        return np.array([name_age(age) for age in ages], dtype=object)
    words = [name_value(cell, column) for cell in cells]
    return pool_rare(np.array(words, dtype=object))


def name_value(cell: Any, column: str) -> str:
    """The row that a cell of a column other than age belongs to.

    >>> name_value("3.0", "skin_type"), name_value(" Back", "site"), name_value(None, "sex")
    ('III', 'back', 'unknown')
    """
    word = "" if pd.isna(cell) else str(cell).strip()
    if word.lower() in WORDS_FOR_UNKNOWN:
        return UNKNOWN
    if column == "skin_type":
        # pandas turns 3 into 3.0 where a cell of the column is empty
        return ROMAN.get(word.removesuffix(".0").lower(), word)
    if column == "source":
        # Sources are names, in which capitals mean something
        return word
    return word.lower()


def name_age(age: float) -> str:
    """The twenty years that an age lies in.

    >>> name_age(45.0), name_age(85.0), name_age(float("nan"))
    ('40 to 59', '80 and above', 'unknown')
    """
    if np.isnan(age) or age < 0:
        return UNKNOWN
    start = int(age // YEARS_OF_A_ROW * YEARS_OF_A_ROW)
    if start >= OLDEST_YEARS:
        return f"{OLDEST_YEARS} and above"
    return f"{start} to {start + YEARS_OF_A_ROW - 1}"


def pool_rare(words: np.ndarray) -> np.ndarray:
    """The same words, but the rarest, beyond the first `MAX_VALUES`, under one name."""
    counts = pd.Series(words[words != UNKNOWN]).value_counts(sort=True)
    # By name where counts are equal, so that a report is the same each time
    rare = sorted(counts.index, key=lambda word: (-counts[word], word))[MAX_VALUES:]
    if not rare:
        return words
    return np.where(np.isin(words, rare), f"{len(rare)}{OTHERS}", words).astype(object)


def order_values(values: np.ndarray, column: str) -> list[str]:
    """Rows of a column: young to old, light to dark, else the largest first; none where there is but one."""
    counts = pd.Series(values).value_counts()
    if len(counts) < 2:
        return []

    def rank(word: str) -> int:
        """The place of a value, before its letters decide, as they do for age and skin type."""
        if column in ("age", "skin_type"):
            return 0
        if column == "skin_tone":
            return TONE_NAMES.index(word) if word in TONE_NAMES else len(TONE_NAMES)
        return -int(counts[word])

    # Unknown and the pooled rest stand last whatever their size
    return sorted(counts.index, key=lambda word: (word == UNKNOWN, word.endswith(OTHERS), rank(word), word))


def measure_subgroup(
    column: str,
    value: str,
    malignant: np.ndarray,
    probability: np.ndarray,
    decided: np.ndarray,
    groups: np.ndarray,
) -> Subgroup:
    """One row; see `tabulate_subgroups`."""
    n = len(malignant)
    n_malignant = int(malignant.sum())
    claims, note = judge_counts(n, n_malignant)
    values = dict.fromkeys(SHOWN, np.nan)
    ci = dict.fromkeys(SHOWN, (np.nan, np.nan))
    # What is not claimed stays NaN, however good it looks
    if claims:
        measured, intervals = measure_scores(malignant, probability, decided, groups)
        for name in claims:
            values[name] = measured[name]
            ci[name] = intervals[name]
    return Subgroup(
        column=column,
        value=value,
        n=n,
        n_malignant=n_malignant,
        groups=len(np.unique(groups)),
        **values,
        ci=ci,
        note=note,
    )


def judge_counts(n: int, n_malignant: int) -> tuple[tuple[str, ...], str]:
    """What may be claimed of so many photographs, and why not the rest.

    >>> judge_counts(200, 4)
    (('specificity',), 'only 4 malignant photographs: no claim on sensitivity and AUROC')
    """
    if n < MIN_IMAGES:
        return (), f"fewer than {MIN_IMAGES} photographs: no claim"
    n_benign = n - n_malignant
    if n_malignant < MIN_IMAGES_OF_A_CLASS:
        return ("specificity",), f"{count_few(n_malignant, 'malignant')}: no claim on sensitivity and AUROC"
    if n_benign < MIN_IMAGES_OF_A_CLASS:
        return ("sensitivity",), f"{count_few(n_benign, 'benign')}: no claim on specificity and AUROC"
    return SHOWN, ""


def count_few(count: int, label: str) -> str:
    """So few photographs of a class, in words.

    >>> count_few(0, "benign"), count_few(1, "benign")
    ('no benign photographs', 'only 1 benign photograph')
    """
    amount = f"only {count}" if count else "no"
    noun = "photograph" if count == 1 else "photographs"
    return f"{amount} {label} {noun}"
