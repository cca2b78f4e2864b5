"""Public data sets, as they are published, become one manifest; how diagnoses became classes is written down
beside it.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo._version import __version__
from lentigo.common.file_names import is_file
from lentigo.common.files import remove_leftovers, write_json, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES
from lentigo.datasets.diagnoses import DECIDED, DEFAULT_POLICY, Policy, find_policy
from lentigo.datasets.groups import find_leaks, group_images
from lentigo.datasets.published.archive_tables import name_ids
from lentigo.datasets.published.catalogue import ARCHIVES
from lentigo.datasets.published.dataset_readers import (
    Place,
    Reading,
    check_kind,
    list_kinds,
    open_place,
    read_place,
)
from lentigo.datasets.tables.diagnosis_columns import add_diagnoses, count_diagnoses
from lentigo.datasets.tables.options import TableOptions
from lentigo.errors import DataError, ImageError, UsageError
from lentigo.images.decoding.opening import name_damage, open_image
from lentigo.images.photographs import read_content
from lentigo.images.problems import Problem

FIRST = (
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
INNER = (  # not written: said by other columns
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
NO_WORD = ("", "nan", "none", "null", "n/a", "na", "unk", "unknown")
NO_FILE = "no such file"


@dataclass(frozen=True)
class Imported:
    """What was imported. `manifest` and `record` are the files written; `sources` counts by data set;
    `mapping` says which word became which class, how often; `left_out` counts photographs without a class by
    diagnosis. `duplicates` are photographs that stand in the manifest more than once, by content or by the
    ISIC archive's number, and share a `duplicate_group`; `conflicts` those of them with both labels; `leaks`
    ids on two sides of the published splits. `problems` lists everything that was left out. `diagnoses`
    counts the photographs of each of the seven diagnoses, `other_diagnoses` those of words that are none of
    them."""

    manifest: str
    record: str
    policy: Policy
    n: int
    n_malignant: int
    sources: tuple[dict[str, Any], ...]
    mapping: tuple[dict[str, Any], ...]
    left_out: dict[str, int]
    duplicates: dict[str, int]
    conflicts: tuple[dict[str, Any], ...]
    leaks: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...]
    diagnoses: dict[str, int]
    other_diagnoses: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            **asdict(self),
            "policy": self.policy.to_json(),
            "problems": [asdict(problem) for problem in self.problems],
        }


def import_datasets(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    policy: str = DEFAULT_POLICY,
    kind: str | None = None,
    extract: str | Path | None = None,
    splits: bool = True,
    columns: TableOptions | None = None,
    progress: Progress = show_nothing,
) -> Imported:
    """Writes one manifest of the photographs in folders, tables and ZIPs of public data sets, and
    `OUT.policy.json` beside it.

    The kind of each source is found by what it holds, or is `kind` (see
    `lentigo.datasets.published.dataset_readers`). `policy` decides which diagnoses are malignant (see
    `lentigo.datasets.diagnoses`). ZIPs are unpacked beside the manifest, or below `extract`. Without `splits`
    the published splits are dropped. `columns` says of tables of the kind `manifest` and of class folders
    what they do not say themselves. Raises `UsageError` for an unknown policy or kind or another suffix than
    .csv, `DataError` for a source that is of no known kind or where nothing is left, `SpaceError` where the
    disk is too small.
    """
    chosen, out = find_policy(policy), Path(out)
    check_kind(kind)
    if out.suffix.lower() != ".csv":
        raise UsageError(
            f"{out}: expected the name of a .csv file for the manifest, such as "
            f"{out.with_suffix('.csv').name}"
        )
    given = [Path(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    if not given:
        raise UsageError("no source was named; expected folders, tables or ZIP files of public data sets")
    refuse_overwriting(given, out)
    remove_leftovers(out.parent)
    places = [
        open_place(source, Path(extract) if extract else out.parent, out, progress, columns)
        for source in given
    ]
    readings, problems = read_places(places, chosen, kind)
    return write_import(readings, problems, chosen, out, splits=splits, progress=progress)


def read_places(
    places: Sequence[Place], policy: Policy, kind: str | None
) -> tuple[list[Reading], list[Problem]]:
    """The photographs of all sources and what was left out. Sources of photographs alone are looked through
    for those that the others' tables name.
    """
    pools = [place for place in places if place.is_pool(kind)]
    readings = [
        reading
        for place in places
        if place not in pools
        for reading in read_place(place, policy, kind, [pool.root for pool in pools])
    ]
    if not readings:
        raise DataError(f"{places[0].given}: of no kind that is known; expected one of {list_kinds()}")
    problems = [problem for opened in (*places, *readings) for problem in opened.problems]
    images = pd.concat([reading.rows["image"] for reading in readings])
    idle = [pool.given for pool in pools if not images.str.startswith(f"{pool.root}{os.sep}").any()]
    return readings, problems + [
        Problem(
            given,
            "nothing says what its photographs show: left out; expected a table of diagnoses, named beside "
            "it",
        )
        for given in idle
    ]


def name_readings(readings: Iterable[Reading]) -> list[pd.DataFrame]:
    """The rows of readings, with ids that no two of them share unless they mean the same, and with what was
    named for them.
    """
    shared, used, tables = {archive.namespace for archive in ARCHIVES}, Counter(), []
    for reading in readings:
        used[reading.namespace] += 1
        number = used[reading.namespace]
        space = (
            reading.namespace
            if number == 1 or reading.namespace in shared
            else f"{reading.namespace}-{number}"
        )
        tables.append(name_ids(reading.rows, space).assign(given=reading.given, kind=reading.kind))
    return tables


def refuse_overwriting(sources: Iterable[Path], out: Path) -> None:
    """Raises `UsageError` where the manifest to be written is one of those to be read."""
    for source in sources:
        if out.exists() and os.path.exists(source) and os.path.samefile(source, out):
            raise UsageError(f"{out}: is one of the sources; expected another name for the new manifest")


def write_import(
    readings: list[Reading],
    problems: list[Problem],
    policy: Policy,
    out: Path,
    *,
    splits: bool,
    progress: Progress,
) -> Imported:
    """Looks at every photograph, joins those that are the same, and writes manifest and record; see
    `import_datasets`.
    """
    mapping = pd.concat([reading.mapping for reading in readings], ignore_index=True)
    rows, unusable = inspect_rows(pd.concat(name_readings(readings), ignore_index=True), progress)
    rows, torn = merge_places(rows)
    problems = [*problems, *unusable, *torn]
    if not len(rows):
        first = (
            f"; the first of {len(problems)} problems: {problems[0].image}: {problems[0].error}"
            if problems
            else ", and none was named"
        )
        raise DataError(
            f"{', '.join(reading.given for reading in readings)}: no photograph is left to import{first}"
        )
    rows, duplicates, conflicts = group_duplicates(
        rows if splits else rows.drop(columns=["split"], errors="ignore")
    )
    table = tidy_rows(rows, out)
    with write_whole(out) as temporary:
        table.to_csv(temporary, index=False, errors="backslashreplace")
    undecided = mapping[~mapping["judged"].isin(DECIDED)]
    left_out = (
        undecided.assign(diagnosis=undecided["diagnosis"].fillna("none"))
        .groupby("diagnosis")["n"]
        .sum()
        .sort_values(ascending=False)
    )
    record = out.with_suffix(".policy.json")
    answer = Imported(
        str(out),
        str(record),
        policy,
        len(table),
        int((table["label"] == CLASSES[1]).sum()),
        count_sources(rows),
        tuple(
            {str(key): none_if_missing(value) for key, value in row.items()}
            for row in mapping.to_dict("records")
        ),
        {str(word): int(n) for word, n in left_out.items()},
        duplicates,
        conflicts,
        tuple(find_leaks(table)) if "split" in table else (),
        tuple(problems),
        *count_diagnoses(add_diagnoses(rows)[0]),
    )
    write_json(record, {"lentigo": __version__, "manifest_sha256": hash_file(out), **answer.to_json()})
    return answer


def none_if_missing(value: Any) -> Any:
    """None for NaN and its kin, an int for a NumPy one."""
    return (
        None if pd.isna(value) else int(value) if isinstance(value, int) or hasattr(value, "dtype") else value
    )


def inspect_rows(rows: pd.DataFrame, progress: Progress) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows whose photograph is there, is not empty and not too large to open, with its `digest`; and the
    problems of the others.

    Where none of a table's photographs is there, one problem says so for all.
    """
    paths = list(rows["image"].unique())
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = dict(
            zip(
                paths,
                progress(pool.map(inspect_image, paths), total=len(paths), label="photographs"),
                strict=True,
            )
        )
    digests = rows["image"].map(lambda image: found[image] if isinstance(found[image], str) else None)
    absent = rows["image"].map(
        lambda image: isinstance(found[image], Problem) and found[image].error == NO_FILE
    )
    listed = rows["listed_in"] if "listed_in" in rows else pd.Series(None, index=rows.index, dtype=object)
    empty = listed.notna() & absent.groupby(listed.fillna("")).transform("all")
    problems = [
        Problem(
            str(path),
            f"none of its {len(some)} photographs is there; expected files such as "
            f"{Path(some.iloc[0]).name}: name their folder or ZIP too",
        )
        for path, some in rows.loc[empty, "image"].groupby(listed[empty])
    ]
    problems += [found[image] for image in rows.loc[digests.isna() & ~empty, "image"].unique()]
    return rows[digests.notna()].assign(digest=digests[digests.notna()]), problems


def inspect_image(path: str) -> str | Problem:
    """The SHA-256 of a photograph, opened but not decoded, or what is wrong with it."""
    if not is_file(path):
        return Problem(path, NO_FILE)
    try:
        content = read_content(path)
        with name_damage(content, path), open_image(content, path):
            return hashlib.sha256(content).hexdigest()
    except ImageError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))


def merge_places(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with each file once, what several tables say of it put together; files that they give both
    labels are problems.
    """
    place = rows["image"].map(os.path.realpath)
    torn = rows.groupby(place)["label"].transform("nunique") > 1
    problems = [
        Problem(image, "is benign in one table and malignant in another: left out; expected one label")
        for image in rows.loc[torn, "image"].unique()
    ]
    whole, place = rows[~torn], place[~torn]
    return (
        whole.groupby(place, sort=False).first().reset_index(drop=True) if place.duplicated().any() else whole
    ), problems


def group_duplicates(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int], tuple[dict[str, Any], ...]]:
    """The rows with a `duplicate_group` where the same photograph stands in several, by content, by its ISIC
    number or as its data set says; how many there are; and the groups that have both labels."""
    rows = rows.reset_index(drop=True)
    keys = [column for column in ("digest", "isic_id", "duplicate_group") if column in rows]
    groups = pd.Series(group_images(rows, keys), index=rows.index)
    size = groups.groupby(groups).transform("size")
    number = (
        rows["isic_id"].map(lambda value: f"isic:{value}", na_action="ignore")
        if "isic_id" in rows
        else pd.Series(None, index=rows.index, dtype=object)
    )
    names = number.where(number.notna(), "sha256:" + rows["digest"].str[:16]).groupby(groups).transform("min")
    rows = rows.assign(duplicate_group=names.where(size > 1, None))
    several = rows[size > 1]
    across = several.groupby("duplicate_group")["source"].transform("nunique") > 1
    counts = {
        "groups": int(several["duplicate_group"].nunique()),
        "photographs": len(several),
        "in_several_sources": int(across.sum()),
    }
    torn = several.groupby("duplicate_group")["label"].transform("nunique") > 1
    conflicts = tuple(
        {"duplicate_group": str(name), "images": some["image"].tolist(), "labels": some["label"].tolist()}
        for name, some in several[torn].groupby("duplicate_group")
    )
    return rows, counts, conflicts


def tidy_rows(rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """The table of the manifest: columns under our names, the usual ones first, empty ones dropped, paths
    relative to it.
    """
    table = rows.drop(columns=[name for name in INNER if name in rows]).dropna(axis="columns", how="all")
    for column in (name for name in ("image", "mask") if name in table):
        table[column] = table[column].map(lambda path: name_path(path, out), na_action="ignore")
    for column in (name for name in ("sex", "site") if name in table):
        words = (
            table[column].astype(object).where(table[column].notna(), "").astype(str).str.strip().str.lower()
        )
        table[column] = words.where(~words.isin(NO_WORD), None)
    if "age" in table:
        table["age"] = pd.to_numeric(
            table["age"].astype(str).str.replace(",", ".", regex=False), errors="coerce"
        )
    if "skin_type" in table:
        table["skin_type"] = table["skin_type"].map(
            lambda value: str(value).removesuffix(".0"), na_action="ignore"
        )
    first = [name for name in FIRST if name in table]
    return table[[*first, *(name for name in table if name not in first)]]


def name_path(path: str, out: Path) -> str:
    """A path as a manifest writes it: relative where the file lies below the manifest's folder, so that both
    can be moved, else absolute.

    >>> name_path("/data/ham/a.jpg", Path("/data/manifest.csv")), name_path("/elsewhere/a.jpg",
    Path("/data/manifest.csv")) ('ham/a.jpg', '/elsewhere/a.jpg')
    """
    place, home = Path(os.path.abspath(path)), Path(os.path.abspath(out)).parent
    return place.relative_to(home).as_posix() if place.is_relative_to(home) else str(place)


def count_sources(rows: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """Photographs, malignant ones and licences by data set and by what was named for it."""
    answers = []
    for (given, kind, source), some in rows.groupby(["given", "kind", "source"], sort=False):
        terms = sorted(map(str, some["license"].dropna().unique())) if "license" in some else []
        answers.append(
            {
                "given": str(given),
                "kind": str(kind),
                "source": str(source),
                "n": len(some),
                "n_malignant": int((some["label"] == CLASSES[1]).sum()),
                "licenses": terms,
            }
        )
    return tuple(answers)
