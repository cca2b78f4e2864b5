"""Columns of a table that DICOM files say themselves: patient, lesion, site and laterality.

Identifiers are pseudonyms: a keyed hash, whose key stays on this machine. The same patient has the same
pseudonym in all tables that are made with one key, and nobody without the key can try names out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lentigo.common.file_names import find_name
from lentigo.common.user_folders import data_folder
from lentigo.datasets.tables.placeholders import blank_ids
from lentigo.errors import ImageError
from lentigo.images.decoding.formats import DICOM, DICOM_SUFFIXES, SUFFIXES
from lentigo.images.dicom.dicom_attributes import clean_value, load_pydicom, mute_remarks, name_dicom_damage
from lentigo.images.dicom.dicom_files import is_dicom_file

if TYPE_CHECKING:
    from pydicom import Dataset

KEY_VARIABLE = "LENTIGO_PSEUDONYM_KEY"  # the key, 32 letters or more; else a file of the user's
KEY_FILE = "pseudonyms.key"
KEY_BYTES = 32
PSEUDONYM_LETTERS = 16  # hexadecimal: 64 bits
COLUMNS = ("patient_id", "lesion_id", "site", "laterality")
IDENTIFIERS = ("patient_id", "lesion_id")  # which become pseudonyms
LATERALITIES = {"R": "right", "L": "left", "U": "unpaired", "B": "both"}


def add_dicom_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Adds what DICOM files say to a table of photographs; columns that are there stay as they are.

    Args:
        table: `image`, a path each.

    Returns:
        The table with those of `COLUMNS` that some file fills and that it did not have; the same table where
        no image is DICOM.
    """
    # Without pydicom, and for photographs alone, no file is opened
    if not DICOM or not any(is_dicom_path(str(image)) for image in table["image"]):
        return table
    key = find_key()
    files = [find_name(str(image)) for image in table["image"]]
    names = sorted(set(files))  # a file of several frames is read once
    with ThreadPoolExecutor() as pool:
        by_file = dict(zip(names, pool.map(read_columns, names), strict=True))
    columns = {}
    for name in COLUMNS:
        words = [by_file[file].get(name) for file in files]
        values = pd.Series(words, index=table.index, dtype=object)
        if name in IDENTIFIERS:
            values = hide_identifiers(values, key)
        if name not in table and values.notna().any():
            columns[name] = values
    return table.assign(**columns)


def hide_identifiers(values: pd.Series, key: bytes) -> pd.Series:
    """Pseudonyms in place of identifiers; None for a word that stands for no identifier."""
    known = blank_ids(values)  # files without names often share one, such as ANONYMOUS
    return known.map(lambda identifier: make_pseudonym(identifier, key), na_action="ignore")


def is_dicom_path(image: str) -> bool:
    """Whether a name is that of a DICOM file, or of a frame of one."""
    suffix = os.path.splitext(image.partition("#")[0])[1].lower()
    return (suffix in DICOM_SUFFIXES or suffix not in SUFFIXES) and is_dicom_file(image)


def read_columns(image: str) -> dict[str, str]:
    """What a file says of its photograph, by column; nothing for a file that is not DICOM, or damaged.

    Args:
        image: a path, with `#2` for a frame.

    Returns:
        Those of `COLUMNS` that the file fills; identifiers as they stand there.
    """
    if not is_dicom_path(image):
        return {}
    pydicom = load_pydicom()
    try:
        with name_dicom_damage(image), mute_remarks():
            dataset = pydicom.dcmread(find_name(image), stop_before_pixels=True)
            return describe_columns(dataset)
    except ImageError:
        return {}


def describe_columns(dataset: Dataset) -> dict[str, str]:
    """Patient, lesion, site and laterality as the file has them, empty ones left out."""
    laterality = clean_value(dataset.get("ImageLaterality")) or clean_value(dataset.get("Laterality"))
    values = {
        "patient_id": clean_value(dataset.get("PatientID")),
        # Older objects say it of the series, newer ones of the image
        "lesion_id": find_lesion(dataset),
        "site": find_site(dataset),
        "laterality": LATERALITIES.get(laterality.upper(), ""),
    }
    return {name: value for name, value in values.items() if value}


def find_site(dataset: Dataset) -> str:
    """The part of the body: the meaning of its code, else the word."""
    for region in dataset.get("AnatomicRegionSequence") or ():
        meaning = clean_value(region.get("CodeMeaning"))
        if meaning:
            return meaning.lower()
    return clean_value(dataset.get("BodyPartExamined")).lower()


def find_lesion(dataset: Dataset) -> str:
    """The lesion's identifier: a tracking UID or identifier, else that of the specimen."""
    value = find_filled(dataset, ("TrackingUID", "TrackingID"))
    if value:
        return value
    for specimen in dataset.get("SpecimenDescriptionSequence") or ():
        value = find_filled(specimen, ("SpecimenUID", "SpecimenIdentifier"))
        if value:
            return value
    return ""


def find_filled(dataset: Dataset, keywords: Sequence[str]) -> str:
    """The first of some attributes that is filled, "" where none is."""
    for keyword in keywords:
        value = clean_value(dataset.get(keyword))
        if value:
            return value
    return ""


def make_pseudonym(identifier: str, key: bytes) -> str:
    """A keyed hash of an identifier (HMAC-SHA-256, cut).

    >>> make_pseudonym("P-17", b"key") == make_pseudonym("P-17", b"other")
    False
    """
    # Without the key somebody could hash all numbers that a hospital gives, and look a patient up
    digest = hmac.new(key, identifier.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return digest[:PSEUDONYM_LETTERS]


def find_key() -> bytes:
    """The key of this machine's pseudonyms: that of the environment, else of a file that only its owner
    reads, drawn at random when it is first needed. A key for this call alone where no file can be written.
    """
    named = os.environ.get(KEY_VARIABLE, "")
    if named:
        return named.encode()
    path = data_folder() / KEY_FILE
    kept = read_key(path)
    if kept:
        return kept
    key = secrets.token_bytes(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # one that is empty: a full disk, or somebody's mistake
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{KEY_FILE}.") as file:  # of mode 0600
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)  # whole, and not in the place of one that came meanwhile
    except FileExistsError:
        return read_key(path) or key
    except OSError:
        return key
    return key


def read_key(path: Path) -> bytes:
    """A key that was kept; nothing where there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
