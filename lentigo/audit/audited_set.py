"""The photographs that an audit reads: a data set, a folder without classes, an address, or two sets as
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lentigo.common.file_names import resolve_name, take_path
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.folders import list_subfolders
from lentigo.datasets.groups import SPLIT_NAMES
from lentigo.datasets.manifests import MANIFESTS, find_table, load_dataset
from lentigo.datasets.tables.frames import NAME, read_frame
from lentigo.datasets.tables.labels import understand_words
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.words import MAX_QUOTED_WORDS, quote
from lentigo.errors import DataError
from lentigo.images.addresses import is_address
from lentigo.images.held_images import ImageSource
from lentigo.images.listing import find_images, list_images, scan_images
from lentigo.images.problems import separate_problems

ARCHIVE_TABLE = "metadata.csv"
HAM10000_TABLES = "HAM10000_metadata*"


def open_set(data: DataSource, options: TableOptions = TableOptions()) -> Dataset:
    """Opens a data set, or the photographs of a folder that has neither classes nor a manifest.

    Args:
        data: A folder, a table, an address or a data set.
        options: What the user says of columns and labels.

    Returns:
        The data set; without labels where the folder says nothing of them.

    Raises:
        DataError: There is no photograph.
    """
    # What says most of its labels comes first: a table, a set, an address, then what a folder holds
    if isinstance(data, pd.DataFrame):
        return open_frame(data, options)
    if isinstance(data, Dataset):
        return data
    if is_address(data):
        return open_address(str(data))
    path = take_path(data, "data", "a folder, a table's file, a pandas table or a data set")
    if not path.is_dir():
        return load_dataset(path, options)
    folders = [child.name for child in list_subfolders(path)]
    if options.label is not None or has_classes(folders, options) or has_table(path):
        return load_dataset(path, options)
    images, problems = scan_images(path)
    if not images:
        find_images(path)  # says what was expected
    table = list_unlabelled(list(map(str, images)))
    return Dataset(str(path), table, tuple(problems), notes=describe_unlabelled(path, folders))


def open_frame(frame: pd.DataFrame, options: TableOptions) -> Dataset:
    """The photographs of a pandas table; without labels where it has the column `image` alone. Raises
    `DataError`.
    """
    table = read_frame(frame, options)
    if list(table.columns) != ["image"]:
        return load_dataset(frame, options)
    return Dataset(NAME, list_unlabelled(table["image"].tolist()))


def has_classes(folders: Sequence[str], options: TableOptions) -> bool:
    """Whether a folder's subfolders, by their names, are classes or splits."""
    meanings, _ = understand_words(folders, options)
    return any(meanings[name] is not None or name.lower() in SPLIT_NAMES for name in folders)


def has_table(path: Path) -> bool:
    """Whether a folder has a table that says what its photographs show."""
    if any((path / name).is_file() for name in (*MANIFESTS, ARCHIVE_TABLE)):
        return True
    return any(path.glob(HAM10000_TABLES)) or find_table(path) is not None


def list_unlabelled(images: Sequence[ImageSource]) -> pd.DataFrame:
    """The table of photographs without labels."""
    return pd.DataFrame({"image": images, "label": None, "split": None}, dtype=object)


def describe_unlabelled(path: Path, folders: Sequence[str]) -> tuple[str, ...]:
    """What to say of a folder whose photographs are audited without classes: why, and what makes classes."""
    lost = "(no conflicts of labels, no shortcut baselines)"
    if not folders:
        return (f"{path}: no classes, no table: audited without labels {lost}",)
    mapping = ",".join(f"{name}=benign" for name in folders[:2])
    return (
        f"{path}: its folders ({quote(folders, MAX_QUOTED_WORDS)}) are no classes that are known, so that it is "
        f"audited without labels {lost}; expected benign and malignant, or diagnoses: --map {mapping} says "
        "what they mean",
    )


def open_address(address: str) -> Dataset:
    """The photographs below an address, without labels. Raises `DataError` where there is none."""
    images: list[ImageSource]
    images, problems, _ = separate_problems(list_images([address]))
    if not images:
        raise DataError(f"{problems[0].image}: {problems[0].error}")
    return Dataset(address, list_unlabelled(images), tuple(problems))


def join_sets(first: Dataset, second: Dataset) -> Dataset:
    """Joins two sets to one; a photograph of the first is not listed again.

    Args:
        first: A set.
        second: Another.

    Returns:
        Both. The split of a photograph names its set, and its split there.
    """
    here = set(map(name_place, first.table["image"]))
    # The same file by another path would be a duplicate of itself
    is_new = ~second.table["image"].map(name_place).isin(here).to_numpy(dtype=bool)
    tables = [name_splits(first), name_splits(second.take(is_new))]
    return Dataset(first.name, pd.concat(tables, ignore_index=True), first.problems)


def name_splits(dataset: Dataset) -> pd.DataFrame:
    """The table of a set, with the set's name before the split."""
    # Photographs without a split have the set's name alone
    within = dataset.table["split"].map("/{}".format, na_action="ignore").fillna("").astype(str)
    return dataset.table.assign(split=dataset.name + within)


def name_place(image: str) -> str:
    """The one name of a file, whatever path leads to it; an address is that.

    Args:
        image: A path or an address.
    """
    if is_address(image):
        return image
    return resolve_name(image)
