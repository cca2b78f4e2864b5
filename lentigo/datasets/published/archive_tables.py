"""Folders as public archives publish them: tables and photographs become `image,label,diagnosis,...`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.datasets.diagnoses import CONTRADICTORY, DECIDED, Policy, find_policy, judge_diagnoses
from lentigo.datasets.file_lookup import FileLookup, find_isic_id, strip_name
from lentigo.datasets.published.archive_files import peek_columns, read_metadata, split_of
from lentigo.datasets.published.catalogue import (
    ARCHIVES,
    HAM10000,
    ISIC_ARCHIVE,
    Archive,
    find_archive,
)
from lentigo.datasets.published.layouts import fill_missing
from lentigo.datasets.tables.words import spell_word
from lentigo.errors import DataError
from lentigo.images.problems import Problem

ID_COLUMNS = ("patient_id", "lesion_id", "duplicate_group")


def read_archive(
    folder: Path, mapping: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Problem]] | None:
    """Reads a folder of HAM10000, by its authors' policy, or of the ISIC archive, by its own.

    Args:
        folder: The folder.
        mapping: Words that mean something else (see `lentigo.datasets.tables.options`).

    Returns:
        A table `image,label,...` and what was left out; None where the folder is of neither.

    Raises:
        DataError: It is a data set that needs `lentigo data import`, or its table cannot be read.
    """
    ham10000_tables = sorted(folder.glob("HAM10000_metadata*"))
    path = folder / "metadata.csv"
    archive = ISIC_ARCHIVE
    policy = find_policy("archive")
    if ham10000_tables:
        path = ham10000_tables[0]
        archive = HAM10000
        policy = find_policy("ham10000")
    if not path.is_file():
        return None
    # Tables of other data sets may have the name metadata.csv, too
    claimant = find_archive([peek_columns(path)])
    if claimant is not None and claimant != archive:
        raise DataError(
            f"{folder}: looks like {claimant.source}; expected class folders, a manifest, HAM10000 or the "
            f"ISIC archive: lentigo data import {folder} --out manifest.csv"
        )
    files = FileLookup([folder])
    rows, contradictory = read_rows(archive, [path])
    # The user's mapping comes last, and wins over the policy
    rows, unlabelled = label_rows(rows, policy, archive.shown, mapping)
    located, unfound = locate_rows(rows, files, folder)
    table = located.drop(columns=["name", "judged", "diagnosis_name", "published", "listed_in"])
    return table, [*contradictory, *unlabelled, *unfound, *files.problems]


def read_rows(archive: Archive, paths: Sequence[Path]) -> tuple[pd.DataFrame, list[Problem]]:
    """Reads the tables of a data set.

    Args:
        archive: The data set.
        paths: Its tables.

    Returns:
        One row for each photograph, `name,diagnosis,diagnosis_name,published,source,license,...`: what
        several rows say of it is put together. And the problems of photographs of which they say different
        things.

    Raises:
        DataError: A table cannot be read.
    """
    rows = pd.concat([read_one(archive, path) for path in paths], ignore_index=True)
    # Diagnosis and class together: rows that repeat both are one statement
    statements = []
    for word, group in zip(rows["diagnosis"], rows["published"], strict=True):
        statements.append(f"{word}\n{group}")
    statements_of = pd.Series(statements, index=rows.index).groupby(rows["name"])
    contradictory = statements_of.transform("nunique") > 1
    problems = explain_contradictory(rows[contradictory])
    rows = rows[~contradictory]
    # Rows that say the same are one photograph; the first value of each column is kept
    if rows["name"].duplicated().any():
        rows = rows.groupby("name", sort=False, as_index=False).first()
    return rows, problems


def explain_contradictory(rows: pd.DataFrame) -> list[Problem]:
    """A problem for each photograph whose rows name different diagnoses."""
    problems = []
    for name, words in rows.groupby("name")["diagnosis"]:
        quoted = ", ".join(map(str, words.unique()))
        reason = f"has several diagnoses ({quoted}): left out; expected one: correct the table"
        problems.append(Problem(str(name), reason))
    return problems


def read_one(archive: Archive, path: Path) -> pd.DataFrame:
    """The rows of one table of an archive; see `read_rows`."""
    table = read_metadata(path, archive)
    # A row without a name is the end of a spreadsheet
    table = archive.read(table[table[archive.key].notna()].reset_index(drop=True))
    # The archive's own word for the column
    if "license" not in table:
        table = table.rename(columns={"copyright_license": "license"})
    names = table[archive.key].astype(str).map(strip_name)
    table = table.assign(name=names, source=archive.source, listed_in=str(path))
    # A row's own licence is more exact than the set's
    if archive.license is not None:
        own = table.get("license", pd.Series(None, index=table.index, dtype=object))
        table = table.assign(license=fill_missing(own, archive.license))
    split = split_of(path)
    if split and "split" not in table:
        table = table.assign(split=split)
    return table


def label_rows(
    rows: pd.DataFrame, policy: Policy, shown: str, mapping: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Decides which photographs are benign and which malignant.

    Args:
        rows: What `read_rows` gave.
        policy: Which diagnoses count as malignant.
        shown: The column that problems quote.
        mapping: Words that become what it says, whatever the policy.

    Returns:
        The rows with `judged`, the policy's decision, and `label` where that is a class; and the problems of
        those without one.
    """
    meanings = mapping or {}
    judged = judge_diagnoses(rows["diagnosis_name"], rows["published"], policy)
    # By words as people type them, so that `--map NV=benign` is found
    meant = rows["diagnosis"].map(lambda word: meanings.get(spell_word(word)), na_action="ignore")
    judged = judged.where(meant.isna(), meant)
    rows = rows.assign(judged=judged, label=judged.where(judged.isin(DECIDED), None))
    column = shown if shown in rows else "diagnosis"
    return rows, explain_undecided(rows[rows["label"].isna()], column)


def explain_undecided(rows: pd.DataFrame, column: str) -> list[Problem]:
    """A problem for each photograph that is neither benign nor malignant; `column` is what it quotes."""
    problems = []
    for row in rows.to_dict("records"):
        problems.append(Problem(str(row["name"]), describe_undecided(row, column)))
    return problems


def describe_undecided(row: dict[Hashable, Any], column: str) -> str:
    """Why a row has no class, in words that quote `column`."""
    if row["judged"] == CONTRADICTORY:
        return (
            f"diagnosis {row['diagnosis']!r} contradicts its class {row['published']!r}: left out; expected "
            "them to agree"
        )
    return f"{column} {row[column]!r} is neither benign nor malignant: left out"


def locate_rows(rows: pd.DataFrame, files: FileLookup, folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Finds the photographs of labelled rows, and their masks.

    Args:
        rows: What `label_rows` gave.
        files: Where to look.
        folder: In which a photograph that is not there gets a path, for whoever looks whether it is there.

    Returns:
        The labelled rows with `image`, and `mask` where there is one; and the problems of those whose
        photograph is ambiguous.
    """
    rows = rows[rows["label"].notna()]
    images = []
    problems = []
    clear = []
    for name in rows["name"]:
        found = files.find(name)
        clear.append(not isinstance(found, Problem))
        if isinstance(found, Problem):
            problems.append(found)
        else:
            # A file that is not there keeps its name, and is listed by `make_dataset`
            images.append(str(found or folder / f"{name}.jpg"))
    located = rows[np.array(clear, dtype=bool)].assign(image=images)
    return add_masks(located, files), problems


def add_masks(rows: pd.DataFrame, files: FileLookup) -> pd.DataFrame:
    """The rows with a column `mask`, where any of their photographs has one."""
    masks = rows["name"].map(files.find_mask).astype(object)
    # A column without a mask would only look as if masks had been looked for
    if masks.isna().all():
        return rows
    return rows.assign(mask=masks.map(str, na_action="ignore"))


def name_ids(rows: pd.DataFrame, namespace: str) -> pd.DataFrame:
    """Names patients, lesions and duplicates so that no other data set has the same name.

    Args:
        rows: Rows with `name`, and ids where they are known.
        namespace: Goes before each id.

    Returns:
        The rows with these ids, and with `isic_id` where a photograph has one.
    """
    named = {}
    for column in ID_COLUMNS:
        if column in rows:
            named[column] = rows[column].map(lambda value: name_id(value, namespace), na_action="ignore")
    # The archive's number joins photographs that several data sets publish
    numbers = rows["name"].map(find_isic_id)
    if numbers.notna().any():
        named["isic_id"] = numbers.where(numbers.notna(), None)
    return rows.assign(**named)


def name_id(value: object, namespace: str) -> str:
    """An id with its namespace; one that has a namespace of ours already keeps it.

    >>> name_id("HAM_0000118", "isic"), name_id("881", "pad-ufes-20"), name_id("isic:HAM_0000118", "mine")
    ('isic:HAM_0000118', 'pad-ufes-20:881', 'isic:HAM_0000118')
    """
    prefix = str(value).partition(":")[0]
    if prefix in {archive.namespace for archive in ARCHIVES}:
        return str(value)
    return f"{namespace}:{value}"
