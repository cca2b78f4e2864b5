"""How the tables of each public data set say what a photograph shows.

Each reader takes a table, its columns in lower case, and adds `diagnosis` (the data set's word), `diagnosis_name`
(ours or None) and `published` (the class that the data set itself gives, or None).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from lentigo.datasets.diagnoses import name_diagnoses
from lentigo.datasets.diagnosis_words import BENIGN, INDETERMINATE, MALIGNANT

HEADLESS = ("isic_2016", "class_2016")  # our columns for ISIC 2016, whose table has no header
PH2 = ("ph2_name", "ph2_diagnosis")  # our columns for PH2, whose table is drawn with bars
HAM10000_CODES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
ONE_HOT_CODES = {  # by the year of the ISIC challenge
    2018: ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc"),
    2019: ("mel", "nv", "bcc", "ak", "bkl", "df", "vasc", "scc"),
}
MILK10K_CODES = ("akiec", "bcc", "ben_oth", "bkl", "df", "inf", "mal_oth", "mel", "nv", "sccka", "vasc")
DDI_TONES = {"12": "I-II", "34": "III-IV", "56": "V-VI"}  # Fitzpatrick's types, in pairs
FITZPATRICK_TYPES = ("1", "2", "3", "4", "5", "6")
CLASS_WORDS = {
    "benign": BENIGN,
    "malignant": MALIGNANT,
    "indeterminate": INDETERMINATE,
    "indeterminate/benign": INDETERMINATE,
    "indeterminate/malignant": INDETERMINATE,
    "0": BENIGN,
    "1": MALIGNANT,
    "0.0": BENIGN,
    "1.0": MALIGNANT,
    "false": BENIGN,
    "true": MALIGNANT,
}


def describe(
    table: pd.DataFrame,
    diagnosis: pd.Series,
    published: pd.Series | None = None,
    among: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """Adds what the photographs of a table show.

    Args:
        table: The table.
        diagnosis: The data set's word for each row.
        published: The class that the data set itself gives; None where it gives none.
        among: The only words that are understood; None for all of the vocabulary.

    Returns:
        The table with `diagnosis`, `diagnosis_name` and `published`.
    """
    if published is None:
        published = pd.Series(None, index=table.index, dtype=object)
    names = name_diagnoses(diagnosis, among)
    return table.assign(diagnosis=diagnosis, diagnosis_name=names, published=published)


def fill_missing(words: pd.Series, others: pd.Series | str | None) -> pd.Series:
    """Words, and others where they are missing.

    Args:
        words: What counts first.
        others: What counts else: a column, or one word for all rows.

    Returns:
        A column of objects.
    """
    return words.astype(object).where(words.notna(), others)


def read_classes(words: pd.Series) -> pd.Series:
    """benign, malignant, indeterminate or None from words or numbers."""
    found = words.map(lambda word: CLASS_WORDS.get(str(word).strip().lower()))
    return found.astype(object).where(found.notna(), None)


def find_first(table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    """The first of some columns that a table has, or None."""
    for column in columns:
        if column in table:
            return column
    return None


def read_ham10000(table: pd.DataFrame) -> pd.DataFrame:
    """HAM10000: seven codes in `dx`; no others are understood."""
    return describe(table, table["dx"], among=HAM10000_CODES)


def read_isic_archive(table: pd.DataFrame) -> pd.DataFrame:
    """The ISIC archive's own table: `diagnosis_1` is Benign, Indeterminate or Malignant, `diagnosis_3` is
    what others call the diagnosis.
    """
    # Older tables have `benign_malignant` alone
    group = "diagnosis_1" if "diagnosis_1" in table else "benign_malignant"
    # The most exact diagnosis that the table has; its class where a row has none
    finest = find_first(table, ("diagnosis_3", "diagnosis", "diagnosis_2")) or group
    return describe(table, fill_missing(table[finest], table[group]), read_classes(table[group]))


def read_pad(table: pd.DataFrame) -> pd.DataFrame:
    """PAD-UFES-20: six codes in `diagnostic`."""
    return describe(table, table["diagnostic"])


def read_2016(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2016, task 3: benign or malignant, 0.0 or 1.0 in the test set, and no diagnosis."""
    published = read_classes(table[HEADLESS[1]])
    return describe(table, fill_missing(published, table[HEADLESS[1]]), published)


def read_2017(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2017, part 3: melanoma, seborrhoeic keratosis, or neither, which are nevi by the challenge's
    description.
    """
    marked = read_marks(table, ("melanoma", "seborrheic_keratosis"))
    # The challenge's third class is what is neither: a nevus
    words = marked.where(marked != "", "nevus")
    return describe(table, words.where(marked.notna(), None))


def read_one_hot(year: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A reader of ISIC 2018 and 2019: a column for each diagnosis, 1 in one of them; `UNK` is none of
    them.
    """

    def read(table: pd.DataFrame) -> pd.DataFrame:
        """Reads a table of that year."""
        codes = ONE_HOT_CODES[year]
        # UNK stands in the test set alone
        columns = (*codes, "unk") if "unk" in table else codes
        marked = read_marks(table, columns)
        described = describe(table, marked.where(marked != "", None).str.upper(), among=codes)
        return described.drop(columns=list(columns))

    return read


def read_marks(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """The one column of each row that is marked with 1; "" where none is, None where several are or a cell is
    no number.
    """
    numbers = table[list(columns)].apply(read_numbers)
    # Votes of several readers may be fractions: more than half is a mark
    marked = (numbers > 0.5).to_numpy()  # (rows, columns)
    count = marked.sum(axis=1)
    names = np.array(columns, dtype=object)[marked.argmax(axis=1)]
    words = pd.Series(np.where(count == 0, "", names), index=table.index, dtype=object)
    complete = numbers.notna().all(axis=1).to_numpy()
    return words.where((count <= 1) & complete, None)


def read_numbers(cells: pd.Series) -> pd.Series:
    """Cells as numbers, NaN where they are none; a comma may stand for the point.

    Args:
        cells: Of one column.
    """
    return pd.to_numeric(cells.astype(str).str.replace(",", ".", regex=False), errors="coerce")


def read_2020(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2020: `diagnosis`, often unknown, and `benign_malignant` or `target`, which is histopathology for
    every malignant one.
    """
    published = read_classes(table["benign_malignant" if "benign_malignant" in table else "target"])
    return describe(table, table.get("diagnosis", published), published)


def read_2024(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2024: `malignant` or `target`, and the diagnosis of some in `iddx_full`,
    "Malignant::...::Melanoma, NOS".
    """
    published = read_classes(table["malignant" if "malignant" in table else "target"])
    diagnosis = published
    for name in ("iddx_1", "iddx_2", "iddx_3", "iddx_4", "iddx_5", "iddx_full"):  # the finest counts
        if name in table:
            diagnosis = fill_missing(table[name], diagnosis)
    return describe(table, diagnosis, published)


def read_bcn20000(table: pd.DataFrame) -> pd.DataFrame:
    """BCN20000: the codes of ISIC 2019 in `diagnosis`."""
    return describe(table, table["diagnosis"])


def read_derm7pt(table: pd.DataFrame) -> pd.DataFrame:
    """Derm7pt: twenty diagnoses; the dermoscopic photograph of each case, not the clinical one."""
    if "case_num" in table:
        # The case is one lesion, photographed twice
        table = table.assign(lesion_id=table["case_num"])
    return describe(table, table["diagnosis"])


def read_ddi(table: pd.DataFrame) -> pd.DataFrame:
    """DDI: `malignant` by biopsy, `disease`, and Fitzpatrick's types in pairs."""
    if "skin_tone" in table:
        tones = read_whole_numbers(table["skin_tone"]).map(DDI_TONES)
        table = table.drop(columns=["skin_tone"]).assign(skin_type=tones)
    return describe(table, table["disease"], read_classes(table["malignant"]))


def read_whole_numbers(cells: pd.Series) -> pd.Series:
    """Numbers as words, without ".0"."""
    return cells.astype(str).str.removesuffix(".0")


def read_fitzpatrick17k(table: pd.DataFrame) -> pd.DataFrame:
    """Fitzpatrick17k: 114 conditions in `label`; `three_partition_label` is benign, malignant or
    non-neoplastic, which is no class.
    """
    if "fitzpatrick_scale" in table:
        scale = read_whole_numbers(table["fitzpatrick_scale"])
        table = table.assign(skin_type=scale.where(scale.isin(FITZPATRICK_TYPES), None))
    table = table.drop(columns=["fitzpatrick_scale", "fitzpatrick_centaur"], errors="ignore")
    return describe(table, table["label"], read_classes(table["three_partition_label"]))


def read_milk10k(table: pd.DataFrame) -> pd.DataFrame:
    """MILK10k: a column for each of eleven diagnoses, 1 in one of them, a row for each lesion, of which there
    are two photographs.
    """
    marked = read_marks(table, MILK10K_CODES)
    described = describe(table, marked.where(marked != "", None).str.upper())
    return described.drop(columns=list(MILK10K_CODES))


def read_ph2(table: pd.DataFrame) -> pd.DataFrame:
    """PH2: common nevus, atypical nevus or melanoma; every photograph shows a lesion of its own."""
    return describe(table.assign(lesion_id=table[PH2[0]]), table[PH2[1]])
