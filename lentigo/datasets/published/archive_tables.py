"""Folders as public archives publish them: tables and photographs become `image,label,diagnosis,...`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.datasets.diagnoses import CONTRADICTORY, DECIDED, Policy, find_policy, judge_diagnoses
from lentigo.datasets.file_lookup import FileLookup, find_isic_id, strip_name
from lentigo.datasets.groups import group_images
from lentigo.datasets.published.catalogue import (
    ARCHIVES,
    CURE,
    HAM10000,
    ISIC_ARCHIVE,
    WORDS,
    Archive,
    peek_columns,
    read_metadata,
    split_of,
)
from lentigo.datasets.tables.delimited import read_delimited
from lentigo.datasets.tables.words import spell_word
from lentigo.errors import DataError
from lentigo.images.problems import Problem

NAME_COLUMNS = (
    "image",
    "image_id",
    "image_name",
    "isic_id",
    "img_id",
)  # by which further tables name a photograph
OURS = (
    "name",
    "image",
    "label",
    "split",
    "source",
    "license",
    "diagnosis",
    "diagnosis_name",
    "published",
)  # never taken from further tables
LESION = "lesion_id"  # by which a table of MILK10k names what it describes
PAIR = ("image_name_1", "image_name_2")  # of the duplicates that ISIC 2020 lists


def read_archive(
    folder: Path, mapping: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Problem]] | None:
    """A table `image,label,...` of HAM10000 or the ISIC archive and what was left out, or None where the
    folder is of neither.

    HAM10000 by its authors' policy, the archive by its own, but for the words of `mapping` (see
    `lentigo.datasets.tables.columns`). Raises `DataError` for a set that needs `lentigo data import`.
    """
    ham = sorted(folder.glob("HAM10000_metadata*"))
    path = ham[0] if ham else folder / "metadata.csv"
    if not path.is_file():
        return None
    archive = HAM10000 if ham else ISIC_ARCHIVE
    other = next((each for each in ARCHIVES if each.claims(peek_columns(path))), archive)
    if other != archive:
        raise DataError(
            f"{folder}: looks like {other.source}; expected class folders, a manifest, HAM10000 or the ISIC "
            "archive: "
            f"lentigo data import {folder} --out manifest.csv"
        )
    places = FileLookup([folder])
    rows, problems = read_rows(archive, [path])
    rows, unlabelled = label_rows(rows, find_policy("ham10000" if ham else "archive"), archive.shown, mapping)
    kept, unfound = locate_rows(rows, places, folder)
    return kept.drop(columns=["name", "judged", "diagnosis_name", "published", "listed_in"]), [
        *problems,
        *unlabelled,
        *unfound,
        *places.problems,
    ]


def read_rows(archive: Archive, paths: Sequence[Path]) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows of an archive's tables, one for each photograph:
    `name,diagnosis,diagnosis_name,published,source,license,...`.

    What several rows say of a photograph is put together; a photograph of which they say different things is
    a problem.
    """
    rows = pd.concat([read_one(archive, path) for path in paths], ignore_index=True)
    said = pd.Series(
        [f"{word}\n{group}" for word, group in zip(rows["diagnosis"], rows["published"], strict=True)],
        index=rows.index,
    )
    torn = said.groupby(rows["name"]).transform("nunique") > 1
    problems = [
        Problem(
            str(name),
            f"has several diagnoses ({', '.join(map(str, group.unique()))}): left out; expected one: "
            "correct the table",
        )
        for name, group in rows[torn].groupby("name")["diagnosis"]
    ]
    whole = rows[~torn]
    return (
        whole.groupby("name", sort=False, as_index=False).first()
        if whole["name"].duplicated().any()
        else whole
    ), problems


def read_one(archive: Archive, path: Path) -> pd.DataFrame:
    """The rows of one table of an archive; see `read_rows`."""
    table = read_metadata(path, archive)
    table = archive.read(table[table[archive.key].notna()].reset_index(drop=True))
    table = table if "license" in table else table.rename(columns={"copyright_license": "license"})
    own = (
        table["license"]
        if "license" in table
        else pd.Series([None] * len(table), index=table.index, dtype=object)
    )
    facts = {
        "name": table[archive.key].astype(str).map(strip_name),
        "source": archive.source,
        "listed_in": str(path),
    }
    if archive.license is not None:
        facts["license"] = own.astype(object).where(own.notna(), archive.license)
    if split_of(path) and "split" not in table:
        facts["split"] = split_of(path)
    return table.assign(**facts)


def label_rows(
    rows: pd.DataFrame, policy: Policy, shown: str, mapping: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with `judged`, a policy's answer, and `label` where that is a class; those without one are
    problems that quote the column `shown`.

    Words of `mapping` become what it says, whatever the policy."""
    judged = judge_diagnoses(rows["diagnosis_name"], rows["published"], policy)
    meant = rows["diagnosis"].map(lambda word: (mapping or {}).get(spell_word(word)), na_action="ignore")
    judged = judged.where(meant.isna(), meant)
    rows = rows.assign(judged=judged, label=judged.where(judged.isin(DECIDED), None))
    column = shown if shown in rows else "diagnosis"
    out = rows[rows["label"].isna()]
    problems = [
        Problem(
            str(name),
            f"diagnosis {diagnosis!r} contradicts its class {published!r}: left out; expected them to agree"
            if answer == CONTRADICTORY
            else f"{column} {value!r} is neither benign nor malignant: left out",
        )
        for name, answer, diagnosis, published, value in zip(
            *(out[name] for name in ("name", "judged", "diagnosis", "published", column)), strict=True
        )
    ]
    return rows, problems


def locate_rows(rows: pd.DataFrame, places: FileLookup, folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The labelled rows with `image`, and `mask` where there is one; those whose photograph is ambiguous are
    problems.

    A photograph that is not there has a path in `folder`, for whoever looks whether it is there.
    """
    rows = rows[rows["label"].notna()]
    found = [places.find(name) for name in rows["name"]]
    clear = np.array([not isinstance(each, Problem) for each in found], dtype=bool)
    images = [
        str(each or folder / f"{name}.jpg")
        for each, name in zip(found, rows["name"], strict=True)
        if not isinstance(each, Problem)
    ]
    kept = rows[clear].assign(image=images)
    masks = [places.find_mask(name) for name in kept["name"]]
    if any(masks):
        kept = kept.assign(mask=[mask and str(mask) for mask in masks])
    return kept, [each for each in found if isinstance(each, Problem)]


def add_facts(rows: pd.DataFrame, paths: Iterable[Path]) -> pd.DataFrame:
    """The rows with what further tables of the same folder say of their photographs: lesions, age, sex, site,
    duplicates.
    """
    for path in paths:
        columns = peek_columns(path)
        key = next((name for name in NAME_COLUMNS if name in columns), None)
        if columns.issuperset(PAIR):
            rows = add_pairs(rows, read_facts(path))
        elif key is not None:
            rows = add_columns(rows, read_facts(path), key)
    return rows


def expand_lesions(rows: pd.DataFrame, paths: Iterable[Path], archive: Archive) -> pd.DataFrame:
    """The rows of lesions as rows of photographs, by a further table that has both `isic_id` and `lesion_id`.
    Raises `DataError` without one.
    """
    for path in paths:
        if {"isic_id", LESION} <= peek_columns(path):
            pairs = (
                read_facts(path)
                .dropna(subset=["isic_id", LESION])[["isic_id", LESION]]
                .drop_duplicates("isic_id")
            )
            pairs = pairs.assign(**{LESION: pairs[LESION].astype(str).str.strip()})
            joined = pairs.merge(
                rows.drop(columns=[LESION], errors="ignore").rename(columns={"name": LESION}), on=LESION
            )
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
    facts = facts[~facts.index.duplicated()]
    if not rows["name"].isin(facts.index).any():
        return rows
    told = {
        column: rows["name"].map(facts[column]).astype(object) for column in facts.columns.difference(OURS)
    }
    return rows.assign(
        **{
            column: rows[column].astype(object).where(rows[column].notna(), new) if column in rows else new
            for column, new in told.items()
        }
    )


def read_facts(path: Path) -> pd.DataFrame:
    """A table whose columns are in lower case. Raises `DataError` where it cannot be read."""
    try:
        table = read_delimited(path, WORDS)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable table ({next(iter(str(error).splitlines()), error)}); expected CSV{CURE}"
        ) from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    return table.loc[:, ~table.columns.duplicated()]


def add_pairs(rows: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows with `duplicate_group`, from a table of pairs of photographs that show the same."""
    pairs = pairs.dropna(subset=list(PAIR))
    named = pd.concat(
        [
            pd.DataFrame({"name": pairs[column].astype(str).map(strip_name), "pair": range(len(pairs))})
            for column in PAIR
        ],
        ignore_index=True,
    )
    named = (
        named.assign(group=group_images(named, ("name", "pair"))).drop_duplicates("name").set_index("name")
    )
    first = named.reset_index().groupby("group")["name"].min()
    told = rows["name"].map(named["group"]).map(first)
    return rows.assign(duplicate_group=told)


def name_ids(rows: pd.DataFrame, namespace: str) -> pd.DataFrame:
    """The rows with patients, lesions and duplicates named so that no other data set has the same name, and
    `isic_id` where the photograph has one.
    """
    columns = [column for column in ("patient_id", "lesion_id", "duplicate_group") if column in rows]
    named = {
        column: rows[column].map(lambda value: name_id(value, namespace), na_action="ignore")
        for column in columns
    }
    numbers = rows["name"].map(find_isic_id)
    return rows.assign(
        **named, **({"isic_id": numbers.where(numbers.notna(), None)} if numbers.notna().any() else {})
    )


def name_id(value: object, namespace: str) -> str:
    """An id with its namespace; one that has a namespace of ours already keeps it.

    >>> name_id("HAM_0000118", "isic"), name_id("881", "pad-ufes-20"), name_id("isic:HAM_0000118", "mine")
    ('isic:HAM_0000118', 'pad-ufes-20:881', 'isic:HAM_0000118')
    """
    own = str(value).partition(":")[0] in {archive.namespace for archive in ARCHIVES}
    return str(value) if own else f"{namespace}:{value}"
