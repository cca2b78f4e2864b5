"""Splits that stay: written as a manifest, and recalled from it when photographs have been added."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.files import write_whole
from lentigo.common.hashing import hash_readable
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.groups import GROUP_COLUMNS, SPLIT_NAMES, SPLITS, group_images
from lentigo.datasets.tables.table_files import read_table
from lentigo.errors import DataError, MissingError, UsageError, tell_install
from lentigo.images.addresses import is_address

DIGEST = "sha256"  # column of the manifest: a photograph is known again by it, whatever its name
FIRST = ("image", "label", "split", "duplicate_group")  # columns, then all others
PATHS = ("image", "mask")  # columns that name files


def write_manifest(dataset: Dataset, out: str | Path) -> None:
    """Writes a data set as CSV, or Parquet by the name, that `load_dataset` reads; files are named relative
    to it where they lie on the same disk.

    Raises `UsageError` for another suffix, `MissingError` for Parquet without pyarrow, `SpaceError` when the
    disk is full.
    """
    out = Path(out)
    check_suffix(out)
    columns = [name for name in FIRST if name in dataset.table]
    table = dataset.table[
        [
            *columns,
            *(name for name in dataset.table if name not in (*columns, DIGEST)),
            *([DIGEST] if DIGEST in dataset.table else []),
        ]
    ]
    source, target = Path(dataset.name), Path(os.path.realpath(out)).parent
    places = {
        "image": Path(),
        "mask": source if source.is_dir() else source.parent,
    }  # what a manifest names is relative to it; images were resolved before
    table = table.assign(
        **{
            name: [name_relative(value, places[name], target) for value in table[name]]
            for name in PATHS
            if name in table
        }
    )
    with write_whole(out) as temporary:
        if out.suffix.lower() == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False)


def check_suffix(out: Path) -> None:
    """Raises `UsageError` for a name that is no manifest's, `MissingError` for Parquet where nothing writes
    it.
    """
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{out}: expected a name ending in .csv or .parquet")
    if out.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingError(f"{out}: writing Parquet needs pyarrow; {tell_install('parquet')}, or name a .csv")


def require_new(out: Path, keep: Path | None) -> None:
    """Raises as `write_manifest` will, and `UsageError` where it would take the place of a file that is not
    kept: a split should stay.
    """
    check_suffix(out)
    if out.exists() and (keep is None or not keep.exists() or not out.samefile(keep)):
        raise UsageError(
            f"{out}: is there already; expected a new name, or --keep {out}, which leaves its photographs "
            "where they are"
        )


def name_relative(value: object, place: Path, target: Path) -> object:
    """A file's name, relative to a folder, as seen from the folder `target`; absolute where they share no
    folder but the root. What is missing stays so.
    """
    if not isinstance(value, str) or not value or is_address(value):
        return value
    path = os.path.abspath(place / value)
    try:
        shared = os.path.commonpath([path, target])
    except ValueError:  # two drives
        return path
    return path if shared == os.path.dirname(shared) else Path(os.path.relpath(path, target)).as_posix()


def read_earlier(path: Path) -> pd.DataFrame:
    """The rows of an earlier manifest that have a split: `split`, `sha256` and ids, as words; files that are
    gone are known by their hash there.

    Raises `DataError` for a manifest without a split, or with an unknown one.
    """
    table = read_table(path)
    if "split" not in table or table["split"].isna().all():
        raise DataError(
            f"{path}: has no split to keep; expected a manifest that `lentigo data split` wrote, or one "
            "with a column split"
        )
    table = table[table["split"].notna()].reset_index(drop=True)
    splits = table["split"].astype(str).str.strip().str.lower().map(SPLIT_NAMES)
    if splits.isna().any():
        raise DataError(
            f"{path}: split {table.loc[splits.isna(), 'split'].iloc[0]!r} is unknown; expected "
            f"{', '.join(SPLITS)}"
        )
    if DIGEST not in table:
        if "image" not in table:
            raise DataError(
                f"{path}: has neither sha256 nor image; expected one of them, to know its photographs again"
            )
        table = table.assign(
            **{DIGEST: [hash_readable(str(path.parent / str(image))) or None for image in table["image"]]}
        )
    return table.assign(split=splits)[["split", DIGEST, *(name for name in GROUP_COLUMNS if name in table)]]


def recall_parts(dataset: Dataset, earlier: pd.DataFrame, parts: list[str]) -> np.ndarray:
    """The number in `parts`, int (n,), that a photograph, or one that it belongs with, had in an earlier
    manifest; -1 where none had.

    Where those stood in several parts, the first counts: a photograph may go from test to training, where it
    harms no later test, and not back.
    """
    gone = sorted(set(earlier["split"]) - set(parts))
    if gone:
        raise UsageError(
            f"the split to be kept has {' and '.join(gone)} photographs, and none are asked for; expected a "
            "share above 0 for them"
        )
    columns = (*GROUP_COLUMNS, DIGEST)
    now = dataset.table.assign(**{DIGEST: dataset.digests})
    both = pd.concat(
        [side.reindex(columns=columns).astype(object) for side in (earlier, now)], ignore_index=True
    )
    groups = group_images(both.where(both.isna(), both.astype(str)), columns)
    numbers = pd.Series([*earlier["split"].map(parts.index), *[np.nan] * len(now)])
    return numbers.groupby(groups).transform("min").fillna(-1).to_numpy(dtype=int)[len(earlier) :]


def find_moved(dataset: Dataset, chosen: np.ndarray, earlier: pd.DataFrame) -> tuple[str, ...]:
    """The photographs that an earlier manifest had in another part than the one `chosen` now, words (n,)."""
    known = dict(zip(earlier[DIGEST], earlier["split"], strict=True))
    return tuple(
        image
        for image, digest, part in zip(dataset.table["image"], dataset.digests, chosen, strict=True)
        if known.get(digest, part) != part
    )
