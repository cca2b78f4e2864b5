"""How a model does on parts of a set: by source, site, age, sex and skin, where those are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.json_values import replace_nan
from lentigo.common.statistics.intervals import measure_scores
from lentigo.images.skin_tone import TONES

COLUMNS = ("source", "site", "age", "sex", "skin_type", "skin_tone")
SHOWN = ("auroc", "sensitivity", "specificity")
FEWEST = 30  # photographs for any claim
FEWEST_OF_A_CLASS = (
    10  # malignant photographs for one on sensitivity, benign for specificity, both for the AUROC
)
MOST_VALUES = 12  # of a column; the rarest share a row
YEARS = 20  # of age in a row
OLDEST = 80
UNKNOWN = "unknown"
NO_WORD = {"", "nan", "none", "null", "n/a", "na", "unk", "unknown"}
ROMAN = {
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
    """One row: the photographs whose `column` is `value`. NaN where `note` says why nothing is claimed; `ci`
    are 95 % intervals.
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
        shown = {name: replace_nan(getattr(self, name)) for name in SHOWN}
        return (
            asdict(self)
            | shown
            | {"ci": {name: [replace_nan(end) for end in ends] for name, ends in self.ci.items()}}
        )


def tabulate_subgroups(
    table: pd.DataFrame, malignant: np.ndarray, probability: np.ndarray, threshold: float, groups: np.ndarray
) -> tuple[Subgroup, ...]:
    """A row for each value of each of `COLUMNS` that `table` has and that tells photographs apart, unknown
    values last.

    `malignant` 0 or 1, `probability` float, `groups` int, each (n,) as the table's rows. Intervals are by
    groups. Below 30 photographs nothing is claimed, below 10 of a class nothing that rests on it: those
    values are NaN, the note says so.
    """
    rows = []
    for column in (name for name in COLUMNS if name in table):
        values = name_values(table[column], column)
        for value in order_values(values, column):
            chosen = np.flatnonzero(values == value)
            answers = malignant[chosen], probability[chosen], probability[chosen] >= threshold, groups[chosen]
            rows.append(measure_subgroup(column, value, *answers))
    return tuple(rows)


def name_values(cells: pd.Series, column: str) -> np.ndarray:
    """The row that each photograph belongs to, object (n,) of str."""
    if column == "age":
        return np.array([name_age(age) for age in pd.to_numeric(cells, errors="coerce")], dtype=object)
    words = ["" if pd.isna(cell) else str(cell).strip() for cell in cells]
    words = [UNKNOWN if word.lower() in NO_WORD else word for word in words]
    if column == "skin_type":
        words = [ROMAN.get(word.removesuffix(".0").lower(), word) for word in words]
    elif column != "source":
        words = [word.lower() for word in words]
    return pool_rare(np.array(words, dtype=object))


def name_age(age: float) -> str:
    """The twenty years that an age lies in.

    >>> name_age(45.0), name_age(85.0), name_age(float("nan"))
    ('40 to 59', '80 and above', 'unknown')
    """
    if np.isnan(age) or age < 0:
        return UNKNOWN
    start = int(age // YEARS * YEARS)
    return f"{OLDEST} and above" if start >= OLDEST else f"{start} to {start + YEARS - 1}"


def pool_rare(words: np.ndarray) -> np.ndarray:
    """The same words, but the rarest, beyond the first dozen, under one name."""
    counts = pd.Series(words[words != UNKNOWN]).value_counts(sort=True)
    rare = sorted(counts.index, key=lambda word: (-counts[word], word))[MOST_VALUES:]
    return np.where(np.isin(words, rare), f"{len(rare)} others", words).astype(object) if rare else words


def order_values(values: np.ndarray, column: str) -> list[str]:
    """Rows of a column: young to old, light to dark, else the largest first; no row where there is but
    one.
    """
    counts, tones = pd.Series(values).value_counts(), [name for name, _ in TONES]
    ranks = (
        {word: tones.index(word) if word in tones else len(tones) for word in counts.index}
        if column == "skin_tone"
        else -counts
    )
    place = (
        (lambda word: 0) if column in ("age", "skin_type") else ranks.get
    )  # those two stand in the order of their letters
    ordered = sorted(
        counts.index, key=lambda word: (word == UNKNOWN, word.endswith(" others"), place(word), word)
    )
    return ordered if len(ordered) > 1 else []


def measure_subgroup(
    column: str,
    value: str,
    malignant: np.ndarray,
    probability: np.ndarray,
    decided: np.ndarray,
    groups: np.ndarray,
) -> Subgroup:
    """One row; see `tabulate_subgroups`."""
    claims, note = judge_counts(len(malignant), int(malignant.sum()))
    values, ci = dict.fromkeys(SHOWN, np.nan), dict.fromkeys(SHOWN, (np.nan, np.nan))
    if claims:
        measured, intervals = measure_scores(malignant, probability, decided, groups)
        values |= {name: measured[name] for name in claims}
        ci |= {name: intervals[name] for name in claims}
    return Subgroup(
        column,
        value,
        len(malignant),
        int(malignant.sum()),
        len(np.unique(groups)),
        **values,
        ci=ci,
        note=note,
    )


def judge_counts(n: int, n_malignant: int) -> tuple[tuple[str, ...], str]:
    """What may be claimed of so many photographs, and why not the rest.

    >>> judge_counts(200, 4)
    (('specificity',), 'only 4 malignant photographs: no claim on sensitivity and AUROC')
    """
    if n < FEWEST:
        return (), f"fewer than {FEWEST} photographs: no claim"
    for count, name, kept, lost in (
        (n_malignant, "malignant", "specificity", "sensitivity"),
        (n - n_malignant, "benign", "sensitivity", "specificity"),
    ):
        if count < FEWEST_OF_A_CLASS:
            return (
                (kept,),
                f"{f'only {count}' if count else 'no'} {name} photograph{'s' * (count != 1)}: no claim on "
                f"{lost} and AUROC",
            )
    return SHOWN, ""
