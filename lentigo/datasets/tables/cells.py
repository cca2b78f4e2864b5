"""The cells of a table that are no label: ids, licences, and what is known of the person and the place."""

from __future__ import annotations

import pandas as pd

from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.datasets.tables.placeholders import blank_ids, blank_placeholders

# What is known of the person and the place, and the names that the public data sets have for it
SUBJECT_COLUMNS = {
    "age": ("age_approx", "age_approximate"),
    "sex": ("gender",),
    "site": (
        "anatom_site_general",
        "anatom_site_general_challenge",
        "localization",
        "anatom_site_1",
        "region",
    ),
    "skin_type": ("fitzpatrick_skin_type", "fitzpatrick", "fitspatrick", "fitzpatrick_scale"),
    "skin_tone": (),
}
WORD_COLUMNS = ("split", "source", "license", "sex", "site", "skin_type", "mask", "also_in")


def rename_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """Gives age, sex, site and skin our names, where those are not there already.

    Args:
        table: A table, its columns spelled.

    Returns:
        The table with the first of the archives' names replaced.

    >>> rename_subjects(pd.DataFrame({"age_approx": [50], "dx": ["nv"]})).columns.tolist()
    ['age', 'dx']
    """
    renamed = {}
    for name, aliases in SUBJECT_COLUMNS.items():
        # In the order of their aliases: the first is the archive's present name
        present = [alias for alias in aliases if alias in table]
        if name not in table and present:
            renamed[present[0]] = name
    return table.rename(columns=renamed)


def tidy_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Makes placeholders missing values.

    Args:
        table: A table with our columns.

    Returns:
        The table with None for placeholders among ids, and among words of split, source, licence, sex, site
        and skin.
    """
    tidied = {}
    for name in GROUP_COLUMNS:
        if name in table:
            # Spaces around an id would make two patients of one
            tidied[name] = blank_ids(strip_words(table[name]))
    for name in WORD_COLUMNS:
        if name in table:
            tidied[name] = blank_placeholders(table[name])
    if "skin_type" in tidied:
        tidied["skin_type"] = tidied["skin_type"].map(spell_skin_type, na_action="ignore")
    return table.assign(**tidied)


def spell_skin_type(word: object) -> str:
    """Fitzpatrick's type without the ".0" that a table of numbers gives it.

    Args:
        word: A cell: a number from 1 to 6, or a Roman numeral.
    """
    return str(word).strip().removesuffix(".0")


def strip_words(words: pd.Series) -> pd.Series:
    """Words without spaces around; numbers stay."""
    return words.map(lambda word: word.strip() if isinstance(word, str) else word, na_action="ignore")
