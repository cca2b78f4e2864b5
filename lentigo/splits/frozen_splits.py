"""Frozen splits: written as a manifest, and recalled from it when photographs have been added."""

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
FIRST_COLUMNS = ("image", "label", "split", "duplicate_group")
PATH_COLUMNS = ("image", "mask")
SUFFIXES = (".csv", ".parquet")


def write_manifest(dataset: Dataset, out: str | Path) -> None:
    """Writes a data set as a manifest that `load_dataset` reads.

    Files are named relative to the manifest where they lie on the same disk.

    Args:
        dataset: The photographs.
        out: A name ending in .csv or .parquet.

    Raises:
        UsageError: The name has another ending.
        MissingError: Parquet is asked for, and pyarrow is not installed.
        SpaceError: The disk is full.
    """
    out = Path(out)
    check_suffix(out)
    # Links are followed: the manifest's paths are relative to where it really lies
    folder = Path(os.path.realpath(out)).parent
    table = dataset.table[order_columns(dataset.table.columns.tolist())].copy()
    # Relative names: the folder may be moved or copied as a whole
    for name in PATH_COLUMNS:
        if name in table:
            relative = [name_relative(path, folder) for path in table[name]]
            table[name] = pd.Series(relative, index=table.index, dtype=object)
    with write_whole(out) as temporary:
        if out.suffix.lower() == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False)


def order_columns(names: list[str]) -> list[str]:
    """The columns of a manifest in their order: `FIRST_COLUMNS`, all others, the hash.

    >>> order_columns(["sha256", "age", "label", "image"])
    ['image', 'label', 'age', 'sha256']
    """
    first = [name for name in FIRST_COLUMNS if name in names]
    last = [DIGEST] if DIGEST in names else []
    others = [name for name in names if name not in (*first, *last)]
    return first + others + last


def check_suffix(out: Path) -> None:
    """Raises `UsageError` for a name that is no manifest's, `MissingError` for Parquet without pyarrow."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{out}: expected a name ending in .csv or .parquet")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingError(f"{out}: writing Parquet needs pyarrow; {tell_install('parquet')}, or name a .csv")


def require_new(out: Path, keep: Path | None) -> None:
    """Checks that a manifest can be written without taking the place of another: a split should stay.

    Args:
        out: The manifest to be written.
        keep: The earlier manifest whose photographs stay where they are; it may be written anew.

    Raises:
        UsageError: The file is there already, or has a wrong ending.
        MissingError: See `write_manifest`.
    """
    check_suffix(out)
    if not out.exists():
        return
    # The same file by another name counts as the same
    if keep is not None and keep.exists() and out.samefile(keep):
        return
    raise UsageError(
        f"{out}: is there already; expected a new name, or --keep {out}, which leaves its photographs where "
        "they are"
    )


def name_relative(value: object, folder: Path) -> object:
    """Names a file as seen from a folder.

    Args:
        value: The file; or a missing value or an address, which stay as they are.
        folder: It sees the file.

    Returns:
        The name relative to `folder`; absolute where both share no folder but the root.
    """
    if not isinstance(value, str) or not value or is_address(value):
        return value
    path = os.path.abspath(value)
    try:
        shared = os.path.commonpath([path, folder])
    except ValueError:  # two drives
        return path
    is_root = shared == os.path.dirname(shared)
    if is_root:  # a relative name would climb through all folders and say nothing
        return path
    return Path(os.path.relpath(path, folder)).as_posix()


def read_earlier(path: Path) -> pd.DataFrame:
    """Reads the rows of an earlier manifest that have a split.

    Args:
        path: The manifest. Files that are gone are known by their hash in it.

    Returns:
        Columns `split`, `sha256`, and ids, as words.

    Raises:
        DataError: The manifest has no split, or an unknown one, or nothing to know its photographs again by.
    """
    table = read_table(path)
    if "split" not in table or table["split"].isna().all():
        raise DataError(
            f"{path}: has no split to keep; expected a manifest that `lentigo data split` wrote, or one "
            "with a column split"
        )
    # Rows without a split were not given one: they are free now
    table = table[table["split"].notna()].reset_index(drop=True)
    splits = table["split"].astype(str).str.strip().str.lower().map(SPLIT_NAMES)
    unknown = table.loc[splits.isna(), "split"]
    if len(unknown) > 0:
        raise DataError(f"{path}: split {unknown.iloc[0]!r} is unknown; expected {', '.join(SPLITS)}")
    # A manifest of somebody else's: its files are hashed where they lie
    if DIGEST not in table:
        table[DIGEST] = pd.Series(hash_listed(table, path), index=table.index, dtype=object)
    ids = [name for name in GROUP_COLUMNS if name in table]
    return table.assign(split=splits)[["split", DIGEST, *ids]]


def hash_listed(table: pd.DataFrame, path: Path) -> list[str | None]:
    """The SHA-256 of each file that a manifest names, None where it cannot be read. Raises `DataError`."""
    if "image" not in table:
        raise DataError(
            f"{path}: has neither sha256 nor image; expected one of them, to know its photographs again"
        )
    digests: list[str | None] = []
    for image in table["image"]:
        digests.append(hash_readable(str(path.parent / str(image))) or None)
    return digests


def recall_splits(dataset: Dataset, earlier: pd.DataFrame, splits: list[str]) -> np.ndarray:
    """Finds the split that a photograph, or one that it belongs with, had in an earlier manifest.

    Where those were in several splits, the first counts: a photograph may go from test to training, where it
    harms no later test, and not back.

    Args:
        dataset: The photographs.
        earlier: See `read_earlier`.
        splits: Names of the splits that there are to be.

    Returns:
        Numbers in `splits`, int (n,); -1 where it had none.

    Raises:
        UsageError: The earlier manifest has a split that is not to be.
    """
    gone = sorted(set(earlier["split"]) - set(splits))
    if gone:
        raise UsageError(
            f"the split to be kept has {' and '.join(gone)} photographs, and none are asked for; expected a "
            "share above 0 for them"
        )
    columns = (*GROUP_COLUMNS, DIGEST)
    now = dataset.table.assign(**{DIGEST: dataset.digests})
    # Ids of any type are compared as words
    tables = [table.reindex(columns=columns).astype(object) for table in (earlier, now)]
    both = pd.concat(tables, ignore_index=True)  # the earlier rows come first
    groups = group_images(both.where(both.isna(), both.astype(str)), columns)
    # A photograph of now has no number of its own: it takes the lowest of its group
    numbers = pd.Series([*earlier["split"].map(splits.index), *[np.nan] * len(now)])
    recalled = numbers.groupby(groups).transform("min").fillna(-1).to_numpy(dtype=int)
    return recalled[len(earlier) :]


def find_moved(dataset: Dataset, chosen: np.ndarray, earlier: pd.DataFrame) -> tuple[str, ...]:
    """Finds the photographs that an earlier manifest had in another split.

    Args:
        dataset: The photographs.
        chosen: The split that each has now, words (n,).
        earlier: See `read_earlier`.

    Returns:
        Their paths.
    """
    # Photographs that are new have no split before, and so have not moved
    split_before = dict(zip(earlier[DIGEST], earlier["split"], strict=True))
    moved = []
    for image, digest, split in zip(dataset.table["image"], dataset.digests, chosen, strict=True):
        if split_before.get(digest, split) != split:
            moved.append(image)
    return tuple(moved)
