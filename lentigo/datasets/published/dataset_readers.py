"""The photographs of a source as rows, whatever kind it is of."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd

from lentigo.datasets.diagnoses import Policy
from lentigo.datasets.file_lookup import FileLookup
from lentigo.datasets.folders import list_tree
from lentigo.datasets.manifests import follow_any_path, load_manifest
from lentigo.datasets.published.archive_files import find_tables, peek_columns
from lentigo.datasets.published.archive_tables import label_rows, locate_rows, read_rows
from lentigo.datasets.published.catalogue import ARCHIVES, RESEARCH, Archive
from lentigo.datasets.published.further_tables import LESION_COLUMN, add_facts, expand_lesions
from lentigo.datasets.published.layouts import describe, fill_missing
from lentigo.datasets.published.places import KINDS, Place, is_same_file, list_kinds
from lentigo.datasets.tables.cells import rename_subjects
from lentigo.datasets.tables.placeholders import blank_placeholders
from lentigo.datasets.tables.words import quote
from lentigo.errors import DataError
from lentigo.images.problems import Problem

CONFIRMATIONS = {  # HAM10000's words for what the archive calls diagnosis_confirm_type
    "histo": "histopathology",
    "follow_up": "serial imaging showing no change",
    "consensus": "single image expert consensus",
    "confocal": "confocal microscopy with consensus dermoscopy",
}
LICENSE_COLUMNS = ("copyright_license", "licence", "license")  # the first counts
MAPPING_COLUMNS = ["source", "diagnosis", "published", "diagnosis_name", "judged"]
PLAIN_NAMES = ("manifest", "metadata")  # of tables whose folder's name says more


@dataclass(frozen=True)
class Reading:
    """The photographs of one kind in one source.

    Attributes:
        kind: The kind.
        given: The source as it was given.
        namespace: Within which ids in `rows` are unique.
        rows: `name,image,label,diagnosis,source,...`.
        mapping: A row for each word that became a class, with counts `n`.
        problems: What was left out.
    """

    kind: str
    given: str
    namespace: str
    rows: pd.DataFrame
    mapping: pd.DataFrame
    problems: list[Problem]


def read_place(place: Place, policy: Policy, kind: str | None, pools: Sequence[Path]) -> list[Reading]:
    """Reads the photographs of a source.

    Args:
        place: The source.
        policy: Which diagnoses count as malignant.
        kind: Of what kind it is; None to find it.
        pools: Further folders in which photographs are looked for.

    Returns:
        A reading for each kind in it.

    Raises:
        DataError: It is of no kind, or not of `kind`.
    """
    kinds = place.name_kinds() if kind is None else [kind]
    if not kinds:
        refuse_place(place)
    readings = []
    archives = [archive for archive in ARCHIVES if archive.name in kinds]
    if archives:
        readings += read_archives(place, archives, policy, pools)
    if "manifest" in kinds:
        for path in place.claimed.get("manifest", []):
            readings.append(read_manifest(place, path, policy))
    # Folders count only where no table says more
    if kinds[0] in ("folders", "med-node") and place.class_root is not None:
        readings.append(read_folders(place, place.class_root, policy, kinds[0]))
    if not readings:
        raise DataError(f"{place.given}: nothing of the kind {kinds[0]}; expected {KINDS[kinds[0]]}")
    return readings


def refuse_place(place: Place) -> None:
    """Raises `DataError` for a source of no kind that is known; a table that was named is never passed
    over.
    """
    if place.only is None:
        raise DataError(f"{place.given}: of no kind that is known; expected one of {list_kinds()}")
    columns = quote(sorted(peek_columns(place.only)))
    raise DataError(
        f"{place.only}: a table of no kind that is known; its columns are {columns}; expected those of a "
        "public data set (--kind lists them), or one that names the photograph and one that says benign or "
        "malignant, or the diagnosis: --image-column NAME --label-column NAME"
    )


def read_archives(
    place: Place, archives: Sequence[Archive], policy: Policy, pools: Sequence[Path]
) -> list[Reading]:
    """A reading for each of some archives, one at least, whose tables are in a source."""
    roots = [place.root, *pools]
    if place.only is not None:  # a table that was named: what was named beside it comes first
        roots = [*pools, place.root]
    # One look through the folders serves all archives of a source
    files = FileLookup(roots)
    readings = [read_tables(place, archive, policy, files) for archive in archives]
    # Once for all: the folders are the same for each of them
    readings[0].problems.extend(files.problems)
    return readings


def read_tables(place: Place, archive: Archive, policy: Policy, files: FileLookup) -> Reading:
    """The photographs that an archive's tables name."""
    tables = [path for path in place.tables if archive.claims(peek_columns(path))]
    if not tables:
        raise DataError(f"{place.given}: no table of the kind {archive.name}; expected {archive.looks}")
    rows, contradictory = read_rows(archive, tables)
    further = list_further_tables(place, tables)
    if archive.key == LESION_COLUMN:
        rows = expand_lesions(rows, further, archive)
    rows = name_licenses(add_facts(rows, further), archive)
    rows, unlabelled = label_rows(rows, policy, archive.shown, place.columns.mapping)
    located, unfound = locate_rows(rows, files, place.root)
    problems = [*contradictory, *unlabelled, *unfound]
    facts = name_confirmations(rename_subjects(located))
    return Reading(archive.name, place.given, archive.namespace, facts, count_words(rows), problems)


def list_further_tables(place: Place, tables: Sequence[Path]) -> list[Path]:
    """The tables that are of no kind by themselves, but may say more of the photographs of `tables`."""
    taken = set(tables)
    for paths in place.claimed.values():
        taken.update(paths)
    # A table that was named alone brings its own folder, not all below it
    near = place.tables if place.only is None else find_tables(place.root, depth=1)
    further = []
    for path in near:
        is_result = is_same_file(path, place.out)  # of an earlier import, which would be read as a source
        if path not in taken and not is_result:
            further.append(path)
    return further


def name_licenses(rows: pd.DataFrame, archive: Archive) -> pd.DataFrame:
    """The rows with each photograph's own licence, where any table gives it, before that of the data set."""
    terms = pd.Series([archive.license] * len(rows), index=rows.index, dtype=object)
    # From the least to the most exact, so that the last one filled in is the one that counts
    for name in reversed(LICENSE_COLUMNS):
        if name in rows:
            terms = fill_missing(blank_placeholders(rows[name]), terms)
    return rows.drop(columns=["copyright_license", "licence"], errors="ignore").assign(license=terms)


def name_confirmations(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with HAM10000's `dx_type` in the archive's words, as `diagnosis_confirm_type`."""
    if "dx_type" not in rows:
        return rows
    told = rows["dx_type"].map(name_confirmation, na_action="ignore")
    known = rows.get("diagnosis_confirm_type", told)
    return rows.drop(columns=["dx_type"]).assign(diagnosis_confirm_type=fill_missing(known, told))


def name_confirmation(word: Any) -> Any:
    """HAM10000's word for how a diagnosis was confirmed in the archive's words; others stay."""
    return CONFIRMATIONS.get(str(word).strip().lower(), word)


def read_folders(place: Place, root: Path, policy: Policy, kind: str) -> Reading:
    """The photographs in class folders; the folder's name is the diagnosis."""
    table, unreadable = list_tree(root, lambda path, names: None)
    source = place.root.absolute().name
    licence = None
    if kind == "med-node":
        source = "MED-NODE"
        licence = RESEARCH
    rows = table.assign(name=table["image"], source=source, license=licence)
    rows, unlabelled = label_rows(describe(rows, table["label"]), policy, "diagnosis", place.columns.mapping)
    labelled = rows[rows["label"].notna()]
    return Reading(kind, place.given, source, labelled, count_words(rows), [*unreadable, *unlabelled])


def read_manifest(place: Place, path: Path, policy: Policy) -> Reading:
    """The photographs of a manifest, its own labels kept whatever the diagnosis. Paths that lead out of its
    folder are problems, unless it was named itself.
    """
    refuse = follow_any_path
    if place.only is None:
        refuse = partial(find_escape, foreign=place.foreign)
    dataset = load_manifest(path, refuse, replace(place.columns, policy=policy.name))
    # A file called manifest says nothing: its folder does
    source = path.absolute().parent.name if path.stem.lower() in PLAIN_NAMES else path.stem
    rows = dataset.table
    words = rows["label"]
    if "diagnosis_word" in rows:
        words = fill_missing(rows["diagnosis_word"], words)
    sources = fill_missing(rows["source"], source) if "source" in rows else source
    rows = describe(rows, words).assign(name=rows["image"], judged=rows["label"], source=sources)
    if "mask" in rows:
        rows = rows.assign(mask=locate_masks(rows["mask"], path, refuse))
    return Reading("manifest", place.given, source, rows, count_words(rows), list(dataset.problems))


def locate_masks(names: pd.Series, manifest: Path, refuse: Callable[[str], str | None]) -> pd.Series:
    """The paths of masks that a manifest names; None for none, and for one that must not be followed."""
    masks: list[str | None] = []
    for name in names:
        followed = isinstance(name, str) and refuse(name) is None
        masks.append(str(manifest.parent / name) if followed else None)
    return pd.Series(masks, index=names.index, dtype=object)


def find_escape(image: str, foreign: bool) -> str | None:
    """Why a path in a manifest is not followed, or None: it climbs out of the manifest's folder, or is
    absolute in a manifest from a ZIP (`foreign`).

    >>> find_escape("x/../a.jpg", True) is None, find_escape("/a.jpg", False) is None
    (True, True)
    >>> find_escape("../a.jpg", False) is None, find_escape("/a.jpg", True) is None
    (False, False)
    """
    # A path of Windows is one on every system: the manifest may come from there
    if os.path.isabs(image) or PureWindowsPath(image).drive:
        if foreign:
            return "an absolute path in a manifest from a ZIP: left out; expected a path below the manifest"
        return None
    climbed = os.path.normpath(image.replace("\\", "/"))
    if climbed == ".." or climbed.startswith("../"):
        return (
            "leads out of the manifest's folder: left out; expected a path below the manifest: name the "
            "manifest itself where you trust it"
        )
    return None


def count_words(rows: pd.DataFrame) -> pd.DataFrame:
    """How often each word of a source became which class."""
    if "published" not in rows:
        rows = rows.assign(published=None)
    words = rows[MAPPING_COLUMNS].astype(object)
    # Missing values as None, which JSON has a word for
    words = words.where(words.notna(), None)
    return words.groupby(MAPPING_COLUMNS, dropna=False, sort=False).size().reset_index(name="n")
