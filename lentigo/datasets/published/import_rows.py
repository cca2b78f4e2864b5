"""The rows of an import: photographs that are there, each once, duplicates joined, under the manifest's names."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.common.file_names import is_file
from lentigo.common.progress import Progress
from lentigo.datasets.dataset import CLASSES, NO_FILE
from lentigo.datasets.groups import group_images
from lentigo.datasets.published.layouts import fill_missing, read_numbers
from lentigo.datasets.tables.cells import spell_skin_type
from lentigo.errors import ImageError
from lentigo.images.decoding.opening import name_damage, open_image
from lentigo.images.image_contents import read_content
from lentigo.images.problems import Problem

FIRST_COLUMNS = (  # in the order of the manifest
    "image",
    "label",
    "diagnosis",
    "diagnosis_name",
    "lesion_id",
    "patient_id",
    "duplicate_group",
    "split",
    "source",
    "license",
    "age",
    "sex",
    "site",
    "skin_type",
    "mask",
    "isic_id",
)
INNER_COLUMNS = (  # not written: said by other columns
    "name",
    "judged",
    "published",
    "listed_in",
    "digest",
    "given",
    "kind",
    "image_id",
    "image_name",
    "img_id",
    "dx",
    "diagnostic",
    "isic_2016",
    "class_2016",
    "ph2_name",
    "ph2_diagnosis",
    "target",
    "benign_malignant",
    "malignant",
    "bcn_filename",
    "ddi_file",
    "md5hash",
    "melanoma",
    "seborrheic_keratosis",
    "diagnosis_word",
)
UNKNOWN_WORDS = ("", "nan", "none", "null", "n/a", "na", "unk", "unknown")  # of sex and site


def inspect_rows(rows: pd.DataFrame, progress: Progress) -> tuple[pd.DataFrame, list[Problem]]:
    """Looks at every photograph.

    Args:
        rows: Rows with `image`.
        progress: Of the photographs.

    Returns:
        The rows whose photograph is there, is not empty and not too large to open, with its `digest`; and the
        problems of the others. Where none of a table's photographs is there, one problem says so for all.
    """
    digest_of: dict[str, str] = {}
    problem_of: dict[str, Problem] = {}
    for path, result in inspect_paths(list(rows["image"].unique()), progress).items():
        if isinstance(result, Problem):
            problem_of[path] = result
        else:
            digest_of[path] = result
    absent_paths = [path for path, problem in problem_of.items() if problem.error == NO_FILE]
    # By path, since rows of several tables may name one file
    digests = rows["image"].map(digest_of)
    absent = rows["image"].isin(absent_paths)
    tables = rows.get("listed_in", pd.Series(None, index=rows.index, dtype=object))
    # Rows of tables of which no photograph is there
    empty = tables.notna() & absent.groupby(tables.fillna("")).transform("all")
    problems = explain_absent(rows.loc[empty, "image"], tables[empty])
    for path in rows.loc[digests.isna() & ~empty, "image"].unique():
        problems.append(problem_of[path])
    usable = digests.notna()
    return rows[usable].assign(digest=digests[usable]), problems


def inspect_paths(paths: list[str], progress: Progress) -> dict[str, str | Problem]:
    """The SHA-256 of each photograph, or its problem, by its path."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        inspected = progress(pool.map(inspect_image, paths), total=len(paths), label="photographs")
        return dict(zip(paths, inspected, strict=True))


def explain_absent(images: pd.Series, tables: pd.Series) -> list[Problem]:
    """A problem for each table of which no photograph is there, from the rows' paths and their tables."""
    problems = []
    for table, paths in images.groupby(tables):
        reason = (
            f"none of its {len(paths)} photographs is there; expected files such as "
            f"{Path(paths.iloc[0]).name}: name their folder or ZIP too"
        )
        problems.append(Problem(str(table), reason))
    return problems


def inspect_image(path: str) -> str | Problem:
    """The SHA-256 of a photograph, opened but not decoded, or what is wrong with it."""
    if not is_file(path):
        return Problem(path, NO_FILE)
    try:
        # The header is enough: decoding half a million photographs takes hours
        content = read_content(path)
        with name_damage(content, path), open_image(content, path):
            return hashlib.sha256(content).hexdigest()
    except ImageError as error:
        return Problem.from_error(path, error)


def merge_places(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Takes each file once.

    Args:
        rows: Rows with `image` and `label`.

    Returns:
        The rows, what several tables say of a file put together; and the problems of files that they give
        both labels.
    """
    # Links are followed: two names of one file are one photograph
    places = rows["image"].map(os.path.realpath)
    contradictory = rows.groupby(places)["label"].transform("nunique") > 1
    problems = []
    for image in rows.loc[contradictory, "image"].unique():
        problems.append(
            Problem(image, "is benign in one table and malignant in another: left out; expected one label")
        )
    rows = rows[~contradictory]
    places = places[~contradictory]
    if places.duplicated().any():
        rows = rows.groupby(places, sort=False).first().reset_index(drop=True)
    return rows, problems


def group_duplicates(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int], tuple[dict[str, Any], ...]]:
    """Joins the rows in which the same photograph stands: by content, by its ISIC number or as its data set
    says.

    Args:
        rows: Rows with `digest`, `source` and `label`.

    Returns:
        The rows with `duplicate_group` where there are several; how many there are; and the groups that have
        both labels.
    """
    rows = rows.reset_index(drop=True)
    keys = [column for column in ("digest", "isic_id", "duplicate_group") if column in rows]
    groups = pd.Series(group_images(rows, keys), index=rows.index)
    several = groups.groupby(groups).transform("size") > 1
    # Names come from contents, so that a second import gives the same ones
    names = name_groups(rows, groups)
    rows = rows.assign(duplicate_group=names.where(several, None))
    duplicates = rows[several]
    grouped = duplicates.groupby("duplicate_group")
    counts = {
        "groups": int(duplicates["duplicate_group"].nunique()),
        "photographs": len(duplicates),
        "in_several_sources": int((grouped["source"].transform("nunique") > 1).sum()),
    }
    contradictory = duplicates[grouped["label"].transform("nunique") > 1]
    conflicts = []
    for name, group in contradictory.groupby("duplicate_group"):
        images = group["image"].tolist()
        conflicts.append({"duplicate_group": str(name), "images": images, "labels": group["label"].tolist()})
    return rows, counts, tuple(conflicts)


def name_groups(rows: pd.DataFrame, groups: pd.Series) -> pd.Series:
    """The name of each row's group, by contents alone: the first of its ISIC numbers, else of its hashes.

    "isic" comes before "sha256" in the order of letters.
    """
    names = ("sha256:" + rows["digest"].str[:16]).astype(object)
    if "isic_id" in rows:
        # Numbers are the archive's own, hashes those of whoever has the file
        numbers = rows["isic_id"].map(lambda value: f"isic:{value}", na_action="ignore")
        names = fill_missing(numbers, names)
    return names.groupby(groups).transform("min")


def tidy_rows(rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Makes the table of the manifest.

    Args:
        rows: The rows of the import.
        out: The manifest.

    Returns:
        Columns under our names, the usual ones first, empty ones dropped, paths relative to the manifest.
    """
    # A column of nothing but gaps says nothing
    table = rows.drop(columns=list(INNER_COLUMNS), errors="ignore").dropna(axis="columns", how="all")
    for column in ("image", "mask"):
        if column in table:
            table[column] = table[column].map(lambda path: name_path(path, out), na_action="ignore")
    for column in ("sex", "site"):
        if column in table:
            words = fill_missing(table[column], "").astype(str).str.strip().str.lower()
            table[column] = words.where(~words.isin(UNKNOWN_WORDS), None)
    if "age" in table:
        table["age"] = read_numbers(table["age"])
    if "skin_type" in table:
        table["skin_type"] = table["skin_type"].map(spell_skin_type, na_action="ignore")
    first = [name for name in FIRST_COLUMNS if name in table]
    return table[[*first, *table.columns.drop(first)]]


def name_path(path: str, out: Path) -> str:
    """A path as a manifest writes it: relative where the file lies below the manifest's folder, so that both
    can be moved, else absolute.

    >>> name_path("/data/ham/a.jpg", Path("/data/manifest.csv"))
    'ham/a.jpg'
    >>> name_path("/elsewhere/a.jpg", Path("/data/manifest.csv"))
    '/elsewhere/a.jpg'
    """
    place = Path(os.path.abspath(path))
    home = Path(os.path.abspath(out)).parent
    return place.relative_to(home).as_posix() if place.is_relative_to(home) else str(place)


def count_sources(rows: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """Counts photographs by data set and by what was named for it.

    Args:
        rows: The rows of the import.

    Returns:
        `given`, `kind`, `source`, `n`, `n_malignant` and `licenses` of each.
    """
    counts = []
    for (given, kind, source), group in rows.groupby(["given", "kind", "source"], sort=False):
        licenses = []
        if "license" in group:
            licenses = sorted(map(str, group["license"].dropna().unique()))
        counts.append(
            {
                "given": str(given),
                "kind": str(kind),
                "source": str(source),
                "n": len(group),
                "n_malignant": int((group["label"] == CLASSES[1]).sum()),
                "licenses": licenses,
            }
        )
    return tuple(counts)
