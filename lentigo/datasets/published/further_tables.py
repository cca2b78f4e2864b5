"""What further tables of a published data set add to its photographs: lesions, ages, duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lentigo.datasets.file_lookup import strip_name
from lentigo.datasets.groups import group_images
from lentigo.datasets.published.archive_files import peek_columns, read_lower
from lentigo.datasets.published.catalogue import (
    Archive,
)
from lentigo.datasets.published.layouts import fill_missing
from lentigo.errors import DataError

# Columns by which further tables name a photograph
NAME_COLUMNS = ("image", "image_id", "image_name", "isic_id", "img_id")
OUR_COLUMNS = (  # never taken from further tables
    "name",
    "image",
    "label",
    "split",
    "source",
    "license",
    "diagnosis",
    "diagnosis_name",
    "published",
)
LESION_COLUMN = "lesion_id"  # by which a table of MILK10k names what it describes
PAIR_COLUMNS = ("image_name_1", "image_name_2")  # of the duplicates that ISIC 2020 lists


def add_facts(rows: pd.DataFrame, paths: Iterable[Path]) -> pd.DataFrame:
    """Adds what further tables of the same folder say: lesions, age, sex, site, duplicates.

    Args:
        rows: Rows with `name`.
        paths: The tables.

    Returns:
        The rows with further columns; what is known already stays.

    Raises:
        DataError: A table cannot be read.
    """
    for path in paths:
        columns = peek_columns(path)
        if columns.issuperset(PAIR_COLUMNS):
            rows = add_pairs(rows, read_lower(path))
            continue
        keys = [name for name in NAME_COLUMNS if name in columns]
        if keys:
            rows = add_columns(rows, read_lower(path), keys[0])
    return rows


def expand_lesions(rows: pd.DataFrame, paths: Iterable[Path], archive: Archive) -> pd.DataFrame:
    """Turns rows of lesions into rows of photographs.

    Args:
        rows: Rows whose `name` is that of a lesion.
        paths: Further tables, of which one has both `isic_id` and `lesion_id`.
        archive: The data set, for the message.

    Returns:
        A row for each photograph.

    Raises:
        DataError: There is no such table.
    """
    for path in paths:
        if not {"isic_id", LESION_COLUMN} <= peek_columns(path):
            continue
        pairs = read_lower(path).dropna(subset=["isic_id", LESION_COLUMN])
        # A photograph shows one lesion: a second row of it would double it
        pairs = pairs[["isic_id", LESION_COLUMN]].drop_duplicates("isic_id")
        pairs = pairs.assign(**{LESION_COLUMN: pairs[LESION_COLUMN].astype(str).str.strip()})
        lesions = rows.drop(columns=[LESION_COLUMN], errors="ignore").rename(columns={"name": LESION_COLUMN})
        joined = pairs.merge(lesions, on=LESION_COLUMN)
        return joined.assign(name=joined["isic_id"].astype(str).map(strip_name))
    raise DataError(
        f"{archive.source}: its diagnoses are of lesions, and no table says which photographs show them; "
        "expected one with isic_id and lesion_id beside it"
    )


def add_columns(rows: pd.DataFrame, facts: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows with the columns of another table, which names photographs in `key`; what is known already
    stays.
    """
    facts = facts.dropna(subset=[key])
    facts.index = facts.pop(key).astype(str).map(strip_name)
    # Two rows of one photograph: the first one counts
    facts = facts[~facts.index.duplicated()]
    # A table of other photographs adds nothing but empty columns
    if not rows["name"].isin(facts.index).any():
        return rows
    added = {}
    for column in facts.columns.difference(list(OUR_COLUMNS)):
        told = rows["name"].map(facts[column]).astype(object)
        # What the main table says stays; only its gaps are filled
        added[column] = fill_missing(rows[column], told) if column in rows else told
    return rows.assign(**added)


def add_pairs(rows: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows with `duplicate_group`, from a table of pairs of photographs that show the same."""
    pairs = pairs.dropna(subset=list(PAIR_COLUMNS))
    halves = []
    for column in PAIR_COLUMNS:
        names = pairs[column].astype(str).map(strip_name)
        halves.append(pd.DataFrame({"name": names, "pair": range(len(pairs))}))
    named = pd.concat(halves, ignore_index=True)
    # Pairs that share a photograph are one group
    named = named.assign(group=group_images(named, ("name", "pair"))).drop_duplicates("name")
    # A group is called after the first of its photographs
    first_names = named.groupby("group")["name"].min()
    group_of = named.set_index("name")["group"]
    return rows.assign(duplicate_group=rows["name"].map(group_of).map(first_names))
