"""Folders as public archives write them: HAM10000 and the ISIC archive's own tool."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lentigo.data.photos import Problem, walk_photos
from lentigo.errors import DataError

# Tschandl 2018, Scientific Data 5:180161: akiec (actinic keratosis, Bowen's disease) counts as malignant there.
HAM10000_LABELS = {
    "akiec": "malignant", "bcc": "malignant", "mel": "malignant",
    "bkl": "benign", "df": "benign", "nv": "benign", "vasc": "benign",
}  # fmt: skip
CURE = ": download it again, or write a manifest.csv (image,label)"


def read_archive(folder: Path) -> tuple[pd.DataFrame, list[Problem]] | None:
    """A table `image,label,...` and what was left out, or None where the folder is of no known archive."""
    ham = sorted(folder.glob("HAM10000_metadata*"))
    if ham:
        return read_ham10000(folder, ham[0])
    if (folder / "metadata.csv").is_file():
        return read_isic(folder, folder / "metadata.csv")
    return None


def read_ham10000(folder: Path, metadata: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """HAM10000: seven diagnoses (`dx`) to two classes; several photographs share a `lesion_id`."""
    table = read_metadata(metadata, ("image_id", "lesion_id", "dx"))
    labels = table["dx"].astype(str).str.strip().str.lower().map(HAM10000_LABELS)
    return locate(folder, table.assign(label=labels, source="HAM10000"), "image_id", "dx")


def read_isic(folder: Path, metadata: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """A folder of the archive's own tool: `diagnosis_1` is Benign, Indeterminate or Malignant.

    Indeterminate lesions (actinic keratosis among them) are left out and listed; that is this policy, not a fact.
    """
    table = read_metadata(metadata, ("isic_id",))
    column = next((c for c in ("diagnosis_1", "benign_malignant") if c in table), None)
    if column is None:
        raise DataError(f"{metadata}: has neither diagnosis_1 nor benign_malignant; expected the archive's own metadata.csv{CURE}")
    labels = table[column].astype(str).str.strip().str.lower().map({"benign": "benign", "malignant": "malignant"})
    renamed = table.rename(columns={"copyright_license": "license"}).assign(label=labels, source="ISIC archive")
    return locate(folder, renamed, "isic_id", column)


def read_metadata(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Reads a metadata table and checks that it has the columns."""
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix in (".tab", ".tsv") else ",", low_memory=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable table ({str(error).splitlines()[0]}); expected CSV{CURE}") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"{path}: lacks the column {' and '.join(missing)}; expected {', '.join(columns)}{CURE}")
    return table


def locate(folder: Path, table: pd.DataFrame, key: str, diagnosis: str) -> tuple[pd.DataFrame, list[Problem]]:
    """Finds each row's photograph by its stem, anywhere below the folder, the nearest first; leaves out rows without a class."""
    files = {file.stem: str(file) for file in sorted(walk_photos(folder), key=lambda file: len(file.parts))[::-1]}
    unlabelled = table["label"].isna()
    problems = [Problem(str(name), f"{diagnosis} {value!r} is neither benign nor malignant: left out")
                for name, value in table.loc[unlabelled, [key, diagnosis]].itertuples(index=False)]  # fmt: skip
    kept = table[~unlabelled]
    images = kept[key].map(lambda name: files.get(str(name), str(folder / f"{name}.jpg")))
    return kept.assign(image=images), problems
