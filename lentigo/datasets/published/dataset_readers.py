"""What can be imported, how each kind is known, and its photographs as rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path, PureWindowsPath

import pandas as pd

from lentigo.common.progress import Progress
from lentigo.datasets.diagnoses import Policy
from lentigo.datasets.diagnosis_words import NAME_OF, normalise
from lentigo.datasets.file_lookup import FileLookup
from lentigo.datasets.folders import list_subfolders, list_tree
from lentigo.datasets.groups import SPLIT_NAMES
from lentigo.datasets.manifests import MANIFESTS, load_manifest
from lentigo.datasets.published.archive_tables import (
    LESION,
    add_facts,
    expand_lesions,
    label_rows,
    locate_rows,
    read_rows,
)
from lentigo.datasets.published.catalogue import (
    ARCHIVES,
    DEPTH,
    RESEARCH,
    Archive,
    describe,
    find_tables,
    peek_columns,
)
from lentigo.datasets.published.zips import is_table, is_zip, unpack
from lentigo.datasets.tables.cells import rename_subjects
from lentigo.datasets.tables.columns import describe_images
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.placeholders import blank_placeholders
from lentigo.datasets.tables.words import quote, spell_word
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem

OTHERS = {
    "med-node": "folders melanoma/ and naevus/, as in complete_mednode_dataset",
    "manifest": "a CSV or Parquet table image,label",
    "folders": "class folders (benign/ malignant/, or diagnoses such as melanoma/ nevus/), also below "
    "train/ validation/ test/",
}
KINDS = {**{archive.name: archive.looks for archive in ARCHIVES}, **OTHERS}
PROOFS = {  # HAM10000's words for what the archive calls diagnosis_confirm_type
    "histo": "histopathology",
    "follow_up": "serial imaging showing no change",
    "consensus": "single image expert consensus",
    "confocal": "confocal microscopy with consensus dermoscopy",
}
MAPPING = ["source", "diagnosis", "published", "diagnosis_name", "judged"]


@dataclass(frozen=True)
class Reading:
    """The photographs of one kind in one source: `rows` with `name,image,label,diagnosis,source,...`, of
    `mapping` a row for each word that became a class, with counts `n`, and what was left out. Ids in `rows`
    are unique within the `namespace`."""

    kind: str
    given: str
    namespace: str
    rows: pd.DataFrame
    mapping: pd.DataFrame
    problems: list[Problem]


@dataclass(frozen=True)
class Place:
    """A source, opened: the folder `root`, the one table `only` where that was named, `out` not to be read,
    `foreign` where it comes from a ZIP; `columns` is what the user says of tables and class folders."""

    given: str
    root: Path
    out: Path
    only: Path | None = None
    foreign: bool = False
    problems: list[Problem] = field(default_factory=list)
    columns: TableOptions = field(default_factory=TableOptions)

    @cached_property
    def tables(self) -> list[Path]:
        """The tables in the folder, in folders of it too, but not what was submitted to a challenge, nor the
        manifest to be written.
        """
        found = [self.only] if self.only is not None else find_tables(self.root)
        return [
            path for path in found if not same_file(path, self.out) and "submission" not in path.stem.lower()
        ]

    @cached_property
    def claimed(self) -> dict[str, list[Path]]:
        """The tables by the kind that they are of."""
        claimed: dict[str, list[Path]] = {}
        for path in self.tables:
            kind = self.name_table(path)
            if kind is not None:
                claimed.setdefault(kind, []).append(path)
        return claimed

    def name_table(self, path: Path) -> str | None:
        """The kind that a table is of, None where it is none. A table that was named is a manifest where its
        columns say what photographs show.
        """
        named = path == self.only
        if path.suffix.lower() == ".parquet":
            return "manifest" if named or path.name in MANIFESTS else None
        if named and (self.columns.image is not None or self.columns.label is not None):
            return "manifest"
        return name_kind(path) or ("manifest" if named and describe_images(peek_columns(path)) else None)

    @cached_property
    def class_root(self) -> Path | None:
        """The folder whose folders are classes or splits, the root or one below it; None where there is none,
        or a table was named.
        """
        if self.only is not None:
            return None
        layer = [self.root]
        while layer and len(layer[0].relative_to(self.root).parts) < DEPTH:
            for folder in layer:
                sides = [child for child in list_subfolders(folder) if child.name.lower() in SPLIT_NAMES]
                if any(holds_diagnoses(each, self.columns) for each in (folder, *sides)):
                    return folder
            layer = [child for folder in layer for child in list_subfolders(folder)]
        return None

    def is_pool(self, kind: str | None) -> bool:
        """Whether it holds photographs and nothing that says what they show: then tables of other sources may
        mean them.
        """
        return kind not in OTHERS and self.only is None and not self.claimed and self.class_root is None

    def name_kinds(self) -> list[str]:
        """The kinds that are read: the archives whose tables are there, else a manifest, else folders."""
        archives = [archive.name for archive in ARCHIVES if archive.name in self.claimed]
        if archives or "manifest" in self.claimed:
            return archives or ["manifest"]
        if self.class_root is None:
            return []
        return [
            "med-node"
            if {child.name.lower() for child in list_subfolders(self.class_root)} == {"melanoma", "naevus"}
            else "folders"
        ]


def check_kind(kind: str | None) -> None:
    """Raises `UsageError` for a kind that is none."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"kind {kind!r} is unknown; expected one of {list_kinds()}")


def list_kinds() -> str:
    """All kinds, and what each looks like, in one line."""
    return "; ".join(f"{name}: {looks}" for name, looks in KINDS.items())


def open_place(
    path: Path, folder: Path, out: Path, progress: Progress, columns: TableOptions | None = None
) -> Place:
    """A source, unpacked below `folder` where it is a ZIP. Raises `DataError` where there is nothing that
    could be read.
    """
    columns = columns or TableOptions()
    if os.path.isdir(path):
        list_subfolders(path)  # says so where it cannot be read
        return Place(str(path), path, out, columns=columns)
    if not os.path.isfile(path):
        raise DataError(
            f"{path}: no such file or folder; expected a folder, a table or a ZIP of a public data set"
        )
    if is_zip(path):
        root, problems = unpack(path, folder, progress=progress)
        return Place(str(path), root, out, foreign=True, problems=problems, columns=columns)
    if not is_table(path):
        raise DataError(
            f"{path}: neither folder nor table nor ZIP; expected one of these: unpack it yourself and name "
            "the folder"
        )
    return Place(str(path), path.parent, out, only=path, columns=columns)


def read_place(place: Place, policy: Policy, kind: str | None, pools: Sequence[Path]) -> list[Reading]:
    """The photographs of a place, a reading for each kind in it. Raises `DataError` where it is of no kind,
    or not of `kind`.
    """
    kinds = [kind] if kind is not None else place.name_kinds()
    if not kinds and place.only is not None:
        refuse_table(place.only)
    if not kinds:
        raise DataError(f"{place.given}: of no kind that is known; expected one of {list_kinds()}")
    archives = {archive.name: archive for archive in ARCHIVES}
    tabular = [archives[name] for name in kinds if name in archives]
    roots = [place.root, *pools] if place.only is None else [*pools, place.root]
    whereabouts = FileLookup(roots) if tabular else None
    readings = [read_tables(place, archive, policy, whereabouts) for archive in tabular]
    if "manifest" in kinds:
        readings += [read_manifest(place, path, policy) for path in place.claimed.get("manifest", [])]
    if {"folders", "med-node"} & set(kinds) and place.class_root is not None:
        readings.append(read_folders(place, policy, kinds[0]))
    if not readings:
        raise DataError(f"{place.given}: nothing of the kind {kind}; expected {KINDS[kind]}")
    if whereabouts is not None:
        readings[0].problems.extend(whereabouts.problems)
    return readings


def refuse_table(path: Path) -> None:
    """Raises `DataError` for a table that was named and is not understood: it is read or refused, never
    passed over.
    """
    columns = quote(sorted(peek_columns(path)))
    raise DataError(
        f"{path}: a table of no kind that is known; its columns are {columns}; expected those of a public "
        "data set (--kind lists them), or one that names "
        "the photograph and one that says benign or malignant, or the diagnosis: --image-column NAME "
        "--label-column NAME"
    )


def read_tables(place: Place, archive: Archive, policy: Policy, whereabouts: FileLookup) -> Reading:
    """The photographs that an archive's tables name."""
    tables = [path for path in place.tables if archive.claims(peek_columns(path))]
    if not tables:
        raise DataError(f"{place.given}: no table of the kind {archive.name}; expected {archive.looks}")
    rows, problems = read_rows(archive, tables)
    taken = [path for paths in place.claimed.values() for path in paths]
    near = place.tables if place.only is None else find_tables(place.root, depth=1)
    further = [
        path for path in near if path not in taken and path not in tables and not same_file(path, place.out)
    ]
    if archive.key == LESION:
        rows = expand_lesions(rows, further, archive)
    rows = add_facts(rows, further)
    rows, unlabelled = label_rows(name_licenses(rows, archive), policy, archive.shown, place.columns.mapping)
    kept, unfound = locate_rows(rows, whereabouts, place.root)
    return Reading(
        archive.name,
        place.given,
        archive.namespace,
        name_facts(kept),
        count_words(rows),
        problems + unlabelled + unfound,
    )


def name_licenses(rows: pd.DataFrame, archive: Archive) -> pd.DataFrame:
    """The rows with each photograph's own licence, where any table gives it, before that of the data set."""
    own = [name for name in ("copyright_license", "licence", "license") if name in rows]
    terms = pd.Series([archive.license] * len(rows), index=rows.index, dtype=object)
    for name in reversed(own):
        stated = blank_placeholders(rows[name])
        terms = stated.where(stated.notna(), terms)
    return rows.drop(columns=[name for name in own if name != "license"]).assign(license=terms)


def name_facts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with what is known of patient, place and proof under one name for all data sets."""
    if "dx_type" in rows:
        proof = rows["dx_type"].map(
            lambda word: PROOFS.get(str(word).strip().lower(), word), na_action="ignore"
        )
        known = rows.get("diagnosis_confirm_type", proof).astype(object)
        rows = rows.drop(columns=["dx_type"]).assign(diagnosis_confirm_type=known.where(known.notna(), proof))
    return rename_subjects(rows)


def read_folders(place: Place, policy: Policy, kind: str) -> Reading:
    """The photographs in class folders; the folder's name is the diagnosis."""
    table, problems = list_tree(place.class_root, lambda path, names: None)
    source, terms = ("MED-NODE", RESEARCH) if kind == "med-node" else (place.root.absolute().name, None)
    rows = describe(table.assign(name=table["image"], source=source, license=terms), table["label"])
    rows, unlabelled = label_rows(rows, policy, "diagnosis", place.columns.mapping)
    return Reading(
        kind, place.given, source, rows[rows["label"].notna()], count_words(rows), problems + unlabelled
    )


def read_manifest(place: Place, path: Path, policy: Policy) -> Reading:
    """The photographs of a manifest, its own labels kept whatever the diagnosis. Paths that lead out of its
    folder are problems, unless it was named itself.
    """
    refuse = partial(find_escape, foreign=place.foreign) if place.only is None else lambda named: None
    dataset = load_manifest(path, refuse, replace(place.columns, policy=policy.name))
    source = path.absolute().parent.name if path.stem.lower() in ("manifest", "metadata") else path.stem
    rows = dataset.table
    words = (
        rows["diagnosis_word"].astype(object).where(rows["diagnosis_word"].notna(), rows["label"])
        if "diagnosis_word" in rows
        else rows["label"]
    )
    named = (
        rows["source"].astype(object).where(rows["source"].notna(), source) if "source" in rows else source
    )
    rows = describe(rows, words).assign(name=rows["image"], judged=rows["label"], source=named)
    if "mask" in rows:
        lost = rows["mask"].map(lambda mask: refuse(str(mask)), na_action="ignore").notna()
        rows = rows.assign(
            mask=[
                str(path.parent / mask) if isinstance(mask, str) and not bad else None
                for mask, bad in zip(rows["mask"], lost, strict=True)
            ]
        )
    return Reading("manifest", place.given, source, rows, count_words(rows), list(dataset.problems))


def find_escape(image: str, foreign: bool) -> str | None:
    """Why a path in a manifest is not followed, or None: it climbs out of the manifest's folder, or is
    absolute in a manifest from a ZIP.

    >>> find_escape("../a.jpg", False) is None, find_escape("x/../a.jpg", True) is None, find_escape("/a.jpg",
    False) is None, find_escape("/a.jpg", True) is None (False, True, True, False)
    """
    if os.path.isabs(image) or PureWindowsPath(image).drive:
        return (
            "an absolute path in a manifest from a ZIP: left out; expected a path below the manifest"
            if foreign
            else None
        )
    climbed = os.path.normpath(image.replace("\\", "/"))
    if climbed == ".." or climbed.startswith("../"):
        return "leads out of the manifest's folder: left out; expected a path below the manifest: name the manifest itself where you trust it"
    return None


def count_words(rows: pd.DataFrame) -> pd.DataFrame:
    """How often each word of a source became which class."""
    said = rows.assign(published=None)[MAPPING] if "published" not in rows else rows[MAPPING]
    said = said.astype(object).where(said.notna(), None)
    return said.groupby(MAPPING, dropna=False, sort=False).size().reset_index(name="n")


def holds_diagnoses(folder: Path, columns: TableOptions = TableOptions()) -> bool:
    """Whether a folder's folders have names of classes or diagnoses, or such as `--map` names, one of them at
    least.
    """
    return any(
        normalise(child.name) in NAME_OF or spell_word(child.name) in columns.mapping
        for child in list_subfolders(folder)
    )


def name_kind(path: Path) -> str | None:
    """The kind that a delimited table is of, by its columns, or None."""
    columns = peek_columns(path)
    archive = next((archive.name for archive in ARCHIVES if archive.claims(columns)), None)
    return archive or ("manifest" if {"image", "label"} <= columns else None)


def same_file(path: Path, other: Path) -> bool:
    """Whether two names are those of one file that is there."""
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
