"""The tables of the public archives: how each names a photograph and says what it shows. One row of
`ARCHIVES` a data set.

A table is known by its columns, not by its name; upper and lower case and further columns do not matter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.datasets.diagnoses import name_diagnoses
from lentigo.datasets.diagnosis_words import BENIGN, INDETERMINATE, MALIGNANT
from lentigo.datasets.published.zips import is_table
from lentigo.datasets.tables.delimited import guess_separator, read_delimited, read_first_line, split_header
from lentigo.errors import DataError

CURE = ": download it again, or write a manifest.csv (image,label)"
WORDS = (
    "patient_id",
    "lesion_id",
    "img_id",
    "fitspatrick",
    "fitzpatrick_skin_type",
)  # columns that are words even where they look like numbers
HEADLESS = ("isic_2016", "class_2016")  # ours: ISIC 2016 has no header
PH2 = ("ph2_name", "ph2_diagnosis")  # ours: PH2's table is drawn with bars
HAM_CODES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
ONE_HOT = {
    2018: ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc"),
    2019: ("mel", "nv", "bcc", "ak", "bkl", "df", "vasc", "scc"),
}
MILK_CODES = ("akiec", "bcc", "ben_oth", "bkl", "df", "inf", "mal_oth", "mel", "nv", "sccka", "vasc")
DDI_TONES = {"12": "I-II", "34": "III-IV", "56": "V-VI"}  # Fitzpatrick's types, in pairs
PH2_CODES = {"0": "common nevus", "1": "atypical nevus", "2": "melanoma"}
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
RESEARCH = "research only"


@dataclass(frozen=True)
class Archive:
    """A public data set. Its tables have the column `key`, which names the photograph, all of `needs` and one
    of `some`.

    `read` adds to such a table, its columns in lower case: `diagnosis` (the data set's word),
    `diagnosis_name` (ours or None), `published` (the class that the data set itself gives, or None). `shown`
    is the column that a problem quotes. `license` is that of photographs without one of their own. Ids of one
    `namespace` mean the same patient or lesion wherever they stand.
    """

    name: str
    source: str
    license: str | None
    looks: str
    namespace: str
    key: str
    needs: tuple[str, ...]
    read: Callable[[pd.DataFrame], pd.DataFrame]
    shown: str
    some: tuple[str, ...] = ()

    def claims(self, columns: frozenset[str]) -> bool:
        """Whether a table with these columns is one of this data set."""
        return (
            self.key in columns
            and columns.issuperset(self.needs)
            and (not self.some or not columns.isdisjoint(self.some))
        )


def describe(
    table: pd.DataFrame,
    diagnosis: pd.Series,
    published: pd.Series | None = None,
    among: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """The table with `diagnosis`, `diagnosis_name` and `published`."""
    none = pd.Series(None, index=table.index, dtype=object)
    return table.assign(
        diagnosis=diagnosis,
        diagnosis_name=name_diagnoses(diagnosis, among),
        published=none if published is None else published,
    )


def read_classes(words: pd.Series) -> pd.Series:
    """benign, malignant, indeterminate or None from words or numbers."""
    found = words.map(lambda word: CLASS_WORDS.get(str(word).strip().lower()))
    return found.astype(object).where(found.notna(), None)


def read_ham10000(table: pd.DataFrame) -> pd.DataFrame:
    """HAM10000: seven codes in `dx`; no others are understood."""
    return describe(table, table["dx"], among=HAM_CODES)


def read_isic_archive(table: pd.DataFrame) -> pd.DataFrame:
    """The ISIC archive's own table: `diagnosis_1` is Benign, Indeterminate or Malignant, `diagnosis_3` is
    what others call the diagnosis.
    """
    group = "diagnosis_1" if "diagnosis_1" in table else "benign_malignant"
    finest = next((name for name in ("diagnosis_3", "diagnosis", "diagnosis_2") if name in table), group)
    return describe(
        table,
        table[finest].astype(object).where(table[finest].notna(), table[group]),
        read_classes(table[group]),
    )


def read_pad(table: pd.DataFrame) -> pd.DataFrame:
    """PAD-UFES-20: six codes in `diagnostic`."""
    return describe(table, table["diagnostic"])


def read_2016(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2016, task 3: benign or malignant, 0.0 or 1.0 in the test set, and no diagnosis."""
    published = read_classes(table[HEADLESS[1]])
    return describe(table, published.where(published.notna(), table[HEADLESS[1]]), published)


def read_2017(table: pd.DataFrame) -> pd.DataFrame:
    """ISIC 2017, part 3: melanoma, seborrhoeic keratosis, or neither, which are nevi by the challenge's
    description.
    """
    marked = read_marks(table, ("melanoma", "seborrheic_keratosis"))
    return describe(table, marked.where(marked != "", "nevus").where(marked.notna(), None))


def read_one_hot(year: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A reader of ISIC 2018 and 2019: a column for each diagnosis, 1 in one of them; `UNK` is none of
    them.
    """

    def read(table: pd.DataFrame) -> pd.DataFrame:
        codes = (*ONE_HOT[year], *(["unk"] if "unk" in table else []))
        marked = read_marks(table, codes)
        return describe(table, marked.where(marked != "", None).str.upper(), among=ONE_HOT[year]).drop(
            columns=list(codes)
        )

    return read


def read_marks(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """The one column of each row that is marked with 1; "" where none is, None where several are or a cell is
    no number.
    """
    numbers = table[list(columns)].apply(
        lambda cells: pd.to_numeric(cells.astype(str).str.replace(",", ".", regex=False), errors="coerce")
    )
    marked = (numbers > 0.5).to_numpy()
    count, names = marked.sum(axis=1), np.array(columns, dtype=object)[marked.argmax(axis=1)]
    words = pd.Series(np.where(count == 0, "", names), index=table.index, dtype=object)
    return words.where((count <= 1) & numbers.notna().all(axis=1).to_numpy(), None)


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
    levels = [
        name for name in ("iddx_full", *(f"iddx_{level}" for level in range(5, 0, -1))) if name in table
    ]
    diagnosis = published
    for name in reversed(levels):
        diagnosis = table[name].astype(object).where(table[name].notna(), diagnosis)
    return describe(table, diagnosis, published)


def read_bcn20000(table: pd.DataFrame) -> pd.DataFrame:
    """BCN20000: the codes of ISIC 2019 in `diagnosis`."""
    return describe(table, table["diagnosis"])


def read_derm7pt(table: pd.DataFrame) -> pd.DataFrame:
    """Derm7pt: twenty diagnoses; the dermoscopic photograph of each case, not the clinical one."""
    return describe(
        table.assign(lesion_id=table["case_num"]) if "case_num" in table else table, table["diagnosis"]
    )


def read_ddi(table: pd.DataFrame) -> pd.DataFrame:
    """DDI: `malignant` by biopsy, `disease`, and Fitzpatrick's types in pairs."""
    tones = (
        table["skin_tone"].astype(str).str.removesuffix(".0").map(DDI_TONES) if "skin_tone" in table else None
    )
    table = table.drop(columns=["skin_tone"], errors="ignore")
    return describe(
        table if tones is None else table.assign(skin_type=tones),
        table["disease"],
        read_classes(table["malignant"]),
    )


def read_fitzpatrick17k(table: pd.DataFrame) -> pd.DataFrame:
    """Fitzpatrick17k: 114 conditions in `label`; `three_partition_label` is benign, malignant or
    non-neoplastic, which is no class.
    """
    scale = (
        table["fitzpatrick_scale"].astype(str).str.removesuffix(".0")
        if "fitzpatrick_scale" in table
        else None
    )
    known = {} if scale is None else {"skin_type": scale.where(scale.isin([*"123456"]), None)}
    table = table.drop(columns=["fitzpatrick_scale", "fitzpatrick_centaur"], errors="ignore").assign(**known)
    return describe(table, table["label"], read_classes(table["three_partition_label"]))


def read_milk10k(table: pd.DataFrame) -> pd.DataFrame:
    """MILK10k: a column for each of eleven diagnoses, 1 in one of them, a row for each lesion, of which there
    are two photographs.
    """
    marked = read_marks(table, MILK_CODES)
    return describe(table, marked.where(marked != "", None).str.upper()).drop(columns=list(MILK_CODES))


def read_ph2(table: pd.DataFrame) -> pd.DataFrame:
    """PH2: common nevus, atypical nevus or melanoma; every photograph shows a lesion of its own."""
    return describe(table.assign(lesion_id=table[PH2[0]]), table[PH2[1]])


ARCHIVES = (
    Archive(
        "ham10000",
        "HAM10000",
        "CC BY-NC 4.0",
        "HAM10000_metadata (image_id,lesion_id,dx,...) and folders of ISIC_*.jpg",
        "isic",
        "image_id",
        ("lesion_id", "dx"),
        read_ham10000,
        "dx",
    ),
    Archive(
        "isic-archive",
        "ISIC archive",
        None,
        "metadata.csv (isic_id,diagnosis_1,...) beside ISIC_*.jpg, as isic-cli writes it",
        "isic",
        "isic_id",
        (),
        read_isic_archive,
        "diagnosis_1",
        ("diagnosis_1", "benign_malignant"),
    ),
    Archive(
        "isic2016",
        "ISIC 2016",
        "CC-0",
        "ISBI2016_ISIC_Part3_*_GroundTruth.csv (ISIC_0000000,benign; no header)",
        "isic",
        HEADLESS[0],
        (HEADLESS[1],),
        read_2016,
        HEADLESS[1],
    ),
    Archive(
        "isic2017",
        "ISIC 2017",
        "CC-0",
        "ISIC-2017_*_Part3_GroundTruth.csv (image_id,melanoma,seborrheic_keratosis)",
        "isic",
        "image_id",
        ("melanoma", "seborrheic_keratosis"),
        read_2017,
        "diagnosis",
    ),
    Archive(
        "isic2018",
        "ISIC 2018",
        "CC BY-NC 4.0",
        "ISIC2018_Task3_*_GroundTruth.csv (image,MEL,NV,BCC,AKIEC,BKL,DF,VASC)",
        "isic",
        "image",
        ONE_HOT[2018],
        read_one_hot(2018),
        "diagnosis",
    ),
    Archive(
        "isic2019",
        "ISIC 2019",
        "CC BY-NC 4.0",
        "ISIC_2019_*_GroundTruth.csv (image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK)",
        "isic",
        "image",
        ONE_HOT[2019],
        read_one_hot(2019),
        "diagnosis",
    ),
    Archive(
        "isic2020",
        "ISIC 2020",
        "CC BY-NC 4.0",
        "ISIC_2020_Training_GroundTruth*.csv (image_name,patient_id,...,benign_malignant,target)",
        "isic",
        "image_name",
        (),
        read_2020,
        "diagnosis",
        ("target", "benign_malignant"),
    ),
    Archive(
        "pad-ufes-20",
        "PAD-UFES-20",
        "CC BY 4.0",
        "metadata.csv (img_id,diagnostic,patient_id,...) and folders of PAT_*.png",
        "pad-ufes-20",
        "img_id",
        ("diagnostic",),
        read_pad,
        "diagnostic",
    ),
    Archive(
        "ph2",
        "PH2",
        RESEARCH,
        "PH2_dataset.txt, or its sheet as CSV, and IMD*/IMD*_Dermoscopic_Image/IMD*.bmp",
        "ph2",
        PH2[0],
        (PH2[1],),
        read_ph2,
        "diagnosis",
    ),
    Archive(
        "isic2024",
        "ISIC 2024",
        None,
        "ISIC_2024_Training_GroundTruth.csv (isic_id,malignant), or the competition's train-metadata.csv "
        "(isic_id,target,...)",
        "isic",
        "isic_id",
        (),
        read_2024,
        "diagnosis",
        ("malignant", "target"),
    ),
    Archive(
        "bcn20000",
        "BCN20000",
        "CC BY-NC 4.0",
        "bcn_20k_train.csv (bcn_filename,diagnosis,...) and BCN_*.jpg",
        "bcn20000",
        "bcn_filename",
        ("diagnosis",),
        read_bcn20000,
        "diagnosis",
    ),
    Archive(
        "milk10k",
        "MILK10k",
        None,
        "MILK10k_Training_GroundTruth.csv (lesion_id,AKIEC,BCC,...) and ..._Metadata.csv "
        "(isic_id,lesion_id,...)",
        "isic",
        "lesion_id",
        MILK_CODES,
        read_milk10k,
        "diagnosis",
    ),
    Archive(
        "derm7pt",
        "Derm7pt",
        RESEARCH,
        "meta/meta.csv (case_num,diagnosis,clinic,derm,...) and images/",
        "derm7pt",
        "derm",
        ("diagnosis", "clinic"),
        read_derm7pt,
        "diagnosis",
    ),
    Archive(
        "ddi",
        "DDI",
        RESEARCH,
        "ddi_metadata.csv (DDI_file,skin_tone,malignant,disease) and 000001.png",
        "ddi",
        "ddi_file",
        ("malignant", "disease"),
        read_ddi,
        "disease",
    ),
    Archive(
        "fitzpatrick17k",
        "Fitzpatrick17k",
        "CC BY-NC-SA 3.0",
        "fitzpatrick17k.csv (md5hash,fitzpatrick_scale,label,three_partition_label,...) and MD5HASH.jpg",
        "fitzpatrick17k",
        "md5hash",
        ("label", "three_partition_label"),
        read_fitzpatrick17k,
        "label",
    ),
)
HAM10000 = ARCHIVES[0]
ISIC_ARCHIVE = ARCHIVES[1]
IN_COLUMNS = (
    "isic2016",
    "isic2017",
    "isic2018",
    "isic2019",
    "ph2",
    "milk10k",
)  # what they show is not said in one column with a name
DEPTH = 4  # folders below a source in which tables are looked for


def find_archive(tables: Iterable[frozenset[str]]) -> Archive | None:
    """The public data set that one of some tables belongs to.

    Args:
        tables: The columns of each.

    Returns:
        The first of `ARCHIVES` that claims one; None without any.
    """
    listed = list(tables)
    for archive in ARCHIVES:
        if any(archive.claims(columns) for columns in listed):
            return archive
    return None


def find_tables(root: Path, depth: int = DEPTH) -> list[Path]:
    """The tables in a folder and in folders of it, sorted, without what is hidden."""
    found = []
    for here, inner, names in os.walk(root):
        deep = len(Path(here).relative_to(root).parts) + 1
        inner[:] = sorted(name for name in inner if not name.startswith(".")) if deep < depth else []
        found += [Path(here) / name for name in names if is_table(Path(name)) and not name.startswith(".")]
    return sorted(found)


def peek_columns(path: Path) -> frozenset[str]:
    """The columns of a table in lower case, found by its first lines; none where it cannot be read."""
    try:
        return frozenset(
            PH2
            if is_ph2(path)
            else HEADLESS
            if is_headless(path)
            else [name.strip().lower() for name in split_header(path)]
        )
    except (OSError, ValueError):
        return frozenset()


def is_headless(path: Path) -> bool:
    """Whether a table begins with a photograph and its class, as that of ISIC 2016 does."""
    line = read_first_line(path)
    cells = [cell.strip().strip('"').lower() for cell in line.split(guess_separator(line))]
    return len(cells) == 2 and re.fullmatch(r"isic_\d{7}", cells[0]) is not None and cells[1] in CLASS_WORDS


def is_ph2(path: Path) -> bool:
    """Whether a table is PH2's, drawn with bars, or its sheet as CSV, which has a legend above its header."""
    return path.stem.lower().startswith("ph2") and any(
        re.search(r"\bIMD\d{3}\b", line) for line in path.read_text("utf-8", "replace").splitlines()
    )


def read_metadata(path: Path, archive: Archive) -> pd.DataFrame:
    """A table of an archive, its columns in lower case. Raises `DataError` where it is none or lacks a
    column.
    """
    try:
        table = (
            read_bars(path)
            if is_ph2(path)
            else read_delimited(path, WORDS, HEADLESS if is_headless(path) else None)
        )
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable table ({next(iter(str(error).splitlines()), error)}); expected CSV{CURE}"
        ) from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    table = table.loc[:, ~table.columns.duplicated()]
    needs = (archive.key, *archive.needs)
    missing = [column for column in needs if column not in table]
    if missing:
        raise DataError(
            f"{path}: lacks the column {' and '.join(missing)}; expected {', '.join(needs)}{CURE}"
        )
    if archive.some and not set(archive.some) & set(table):
        raise DataError(f"{path}: has neither {' nor '.join(archive.some)}; expected {archive.looks}{CURE}")
    return table


def read_bars(path: Path) -> pd.DataFrame:
    """PH2's table: `PH2_dataset.txt`, where a number stands for the clinical diagnosis, or its sheet as CSV,
    where a cross stands in one of three columns.

    Raises `ValueError` where a diagnosis is neither.
    """
    lines = path.read_text("utf-8-sig", "replace").splitlines()
    cells = [
        [
            cell.strip().strip('"').strip()
            for cell in (line.split("||") if "||" in line else re.split(r"[,;\t]", line))
        ]
        for line in lines
    ]
    header = next((row for row in cells if any(cell.lower() in ("name", "image name") for cell in row)), [])
    places = {name.lower(): place for place, name in enumerate(header)}
    rows = []
    for row in cells:
        name = next((cell for cell in row if re.fullmatch(r"IMD\d{3}", cell, re.IGNORECASE)), None)
        if name is not None:
            row = [*row, *[""] * len(header)]
            crossed = [word for word in PH2_CODES.values() if word in places and row[places[word]]]
            number = (
                PH2_CODES.get(row[places["clinical diagnosis"]].removesuffix(".0"))
                if "clinical diagnosis" in places
                else None
            )
            rows.append((name.upper(), crossed[0] if len(crossed) == 1 else number))
    return pd.DataFrame(rows, columns=list(PH2))


def split_of(path: Path) -> str | None:
    """The split that a table's name speaks of, or None.

    >>> split_of(Path("ISIC-2017_Test_v2_Part3_GroundTruth.csv")), split_of(Path("HAM10000_metadata.csv")) is
    None ('test', True)
    """
    match = re.search(r"(?<![a-z])(train|val|test)(?:ing|id|idation)?(?![a-z])", path.stem.lower())
    return {"train": "train", "val": "validation", "test": "test"}[match.group(1)] if match else None
