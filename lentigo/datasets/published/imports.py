"""Public data sets, as they are published, become one manifest; how diagnoses became classes is written down
beside it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo._version import __version__
from lentigo.common.files import write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.json_values import list_fields, write_json
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.staging import remove_leftovers
from lentigo.datasets.dataset import CLASSES
from lentigo.datasets.diagnoses import DECIDED, DEFAULT_POLICY, Policy, find_policy
from lentigo.datasets.groups import find_leaks
from lentigo.datasets.published.archive_tables import name_ids
from lentigo.datasets.published.catalogue import ARCHIVES
from lentigo.datasets.published.dataset_readers import Reading, read_place
from lentigo.datasets.published.import_rows import (
    count_sources,
    group_duplicates,
    inspect_rows,
    merge_places,
    tidy_rows,
)
from lentigo.datasets.published.places import Place, check_kind, list_kinds, open_place
from lentigo.datasets.tables.diagnosis_columns import add_diagnoses, count_diagnoses
from lentigo.datasets.tables.options import TableOptions
from lentigo.errors import DataError, UsageError
from lentigo.images.problems import Problem, quote_first

# Of a folder of photographs that no table names
UNUSED_POOL = (
    "nothing says what its photographs show: left out; expected a table of diagnoses, named beside it"
)


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Attributes:
        manifest: The manifest that was written.
        record: The file beside it that says how diagnoses became classes.
        policy: Which diagnoses counted as malignant.
        n: Photographs.
        n_malignant: The malignant ones among them.
        sources: Counts by data set.
        mapping: Which word became which class, how often.
        left_out: Photographs without a class by diagnosis.
        duplicates: Counts of photographs that stand in the manifest more than once, by content or by the ISIC
            archive's number, and share a `duplicate_group`.
        conflicts: Those of them with both labels.
        leaks: Ids that stand in two of the published splits.
        problems: Everything that was left out.
        diagnoses: Photographs of each of the seven diagnoses.
        other_diagnoses: Photographs of words that are none of them.
    """

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
            "problems": list_fields(self.problems),
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
    """Writes one manifest of the photographs in public data sets, and `OUT.policy.json` beside it.

    Args:
        sources: Folders, tables and ZIP files.
        out: The manifest, .csv.
        policy: Which diagnoses are malignant (see `lentigo.datasets.diagnoses`).
        kind: Of what kind the sources are (see `lentigo.datasets.published.places`); None to find it by what
            each holds.
        extract: The folder below which ZIPs are unpacked; None for that of the manifest.
        splits: Whether the published splits are kept.
        columns: What tables of the kind `manifest` and class folders do not say themselves.
        progress: Of unpacking and of looking at photographs.

    Returns:
        What was imported.

    Raises:
        UsageError: The policy or the kind is unknown, or the manifest is to have another suffix than .csv.
        DataError: A source is of no known kind, or nothing is left.
        SpaceError: The disk is too small.
    """
    chosen_policy = find_policy(policy)
    out = Path(out)
    check_kind(kind)
    if out.suffix.lower() != ".csv":
        raise UsageError(
            f"{out}: expected the name of a .csv file for the manifest, such as "
            f"{out.with_suffix('.csv').name}"
        )
    if isinstance(sources, str | Path):
        sources = [sources]
    paths = [Path(source) for source in sources]
    if not paths:
        raise UsageError("no source was named; expected folders, tables or ZIP files of public data sets")
    refuse_overwriting(paths, out)
    # What a killed import left half written
    remove_leftovers(out.parent)
    folder = Path(extract) if extract else out.parent
    places = []
    for path in paths:
        places.append(open_place(path, folder, out, progress, columns))
    readings, problems = read_places(places, chosen_policy, kind)
    return write_import(readings, problems, chosen_policy, out, splits=splits, progress=progress)


def refuse_overwriting(sources: Iterable[Path], out: Path) -> None:
    """Raises `UsageError` where the manifest to be written is one of those to be read.

    Args:
        sources: The data sets to be read.
        out: The manifest to be written.
    """
    for source in sources:
        if out.exists() and os.path.exists(source) and os.path.samefile(source, out):
            raise UsageError(f"{out}: is one of the sources; expected another name for the new manifest")


def read_places(
    places: Sequence[Place], policy: Policy, kind: str | None
) -> tuple[list[Reading], list[Problem]]:
    """The photographs of all sources and what was left out. Sources of photographs alone are looked through
    for those that the others' tables name.
    """
    pools = [place for place in places if place.is_pool(kind)]
    roots = [pool.root for pool in pools]
    readings = []
    for place in places:
        if place not in pools:
            readings += read_place(place, policy, kind, roots)
    if not readings:
        raise DataError(f"{places[0].given}: of no kind that is known; expected one of {list_kinds()}")
    sources: list[Place | Reading] = [*places, *readings]
    problems = []
    for source in sources:
        problems += source.problems
    return readings, [*problems, *report_unused_pools(pools, readings)]


def report_unused_pools(pools: Sequence[Place], readings: Sequence[Reading]) -> list[Problem]:
    """A problem for each source of photographs of which no table names any."""
    images = pd.concat([reading.rows["image"] for reading in readings])
    problems = []
    for pool in pools:
        if not images.str.startswith(f"{pool.root}{os.sep}").any():
            problems.append(Problem(pool.given, UNUSED_POOL))
    return problems


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
    # Files first: what several tables say of one photograph is compared only where it is there
    rows, unusable = inspect_rows(pd.concat(name_readings(readings), ignore_index=True), progress)
    rows, contradictory = merge_places(rows)
    problems = [*problems, *unusable, *contradictory]
    if not len(rows):
        refuse_empty(readings, problems)
    if not splits:
        rows = rows.drop(columns=["split"], errors="ignore")
    rows, duplicates, conflicts = group_duplicates(rows)
    table = tidy_rows(rows, out)
    with write_whole(out) as temporary:
        table.to_csv(temporary, index=False, errors="backslashreplace")
    diagnoses, other_diagnoses = count_diagnoses(add_diagnoses(rows)[0])
    record = out.with_suffix(".policy.json")
    imported = Imported(
        manifest=str(out),
        record=str(record),
        policy=policy,
        n=len(table),
        n_malignant=int((table["label"] == CLASSES[1]).sum()),
        sources=count_sources(rows),
        mapping=describe_mapping(mapping),
        left_out=count_left_out(mapping),
        duplicates=duplicates,
        conflicts=conflicts,
        leaks=tuple(find_leaks(table)) if "split" in table else (),
        problems=tuple(problems),
        diagnoses=diagnoses,
        other_diagnoses=other_diagnoses,
    )
    write_json(record, {"lentigo": __version__, "manifest_sha256": hash_file(out), **imported.to_json()})
    return imported


def name_readings(readings: Iterable[Reading]) -> list[pd.DataFrame]:
    """The rows of readings, with ids that no two of them share unless they mean the same, and with what was
    named for them.
    """
    used: Counter[str] = Counter()
    tables = []
    for reading in readings:
        namespace = number_namespace(reading.namespace, used)
        tables.append(name_ids(reading.rows, namespace).assign(given=reading.given, kind=reading.kind))
    return tables


def refuse_empty(readings: list[Reading], problems: list[Problem]) -> None:
    """Raises `DataError` for an import of which nothing is left."""
    first = quote_first(problems) or ", and none was named"
    sources = ", ".join(reading.given for reading in readings)
    raise DataError(f"{sources}: no photograph is left to import{first}")


def number_namespace(namespace: str, used: Counter[str]) -> str:
    """A namespace, with a number where another source has it; `used` counts how many have had each."""
    used[namespace] += 1
    is_shared = namespace in {archive.namespace for archive in ARCHIVES}
    # A public data set keeps its namespace: the same lesion may come from two sources
    if used[namespace] == 1 or is_shared:
        return namespace
    return f"{namespace}-{used[namespace]}"


def count_left_out(mapping: pd.DataFrame) -> dict[str, int]:
    """Photographs without a class by diagnosis, the most first."""
    undecided = mapping[~mapping["judged"].isin(DECIDED)]
    counts = undecided["n"].groupby(undecided["diagnosis"].fillna("none")).sum()
    left_out = {}
    for word, count in counts.sort_values(ascending=False).items():
        left_out[str(word)] = int(count)
    return left_out


def describe_mapping(mapping: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """Which word became which class, as plain values."""
    entries = []
    for row in mapping.to_dict("records"):
        entries.append({str(column): make_plain(value) for column, value in row.items()})
    return tuple(entries)


def make_plain(value: Any) -> Any:
    """None for a missing value, an int for one of NumPy's; others stay."""
    # JSON has no NaN, and does not write NumPy's numbers
    if pd.isna(value):
        return None
    if isinstance(value, int) or hasattr(value, "dtype"):
        return int(value)
    return value
