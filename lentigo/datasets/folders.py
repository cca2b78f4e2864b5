"""Trees of folders: classes, or train, validation and test with classes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from lentigo.datasets.groups import SPLIT_NAMES, SPLITS
from lentigo.errors import DataError
from lentigo.images.listing import is_folder, list_visible, scan_images
from lentigo.images.problems import Problem

NOT_CLASSES = frozenset({"masks", "figures"})  # folders that may stand beside the classes

Check = Callable[[Path, Iterable[str]], None]  # raises `DataError` for names that are no classes


def list_subfolders(path: Path) -> list[Path]:
    """The folders directly below a folder that may be classes or splits.

    Args:
        path: The folder.

    Returns:
        Visible folders, sorted.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        entries = list_visible(str(path))
    except OSError as error:
        raise DataError(
            f"{path}: the folder cannot be read ({error.strerror or error}); expected one that you may "
            "read: change its permissions"
        ) from error
    folders = []
    # By the system's own entries: whether each is a folder is known without another call
    for entry in entries:
        if is_folder(entry) and entry.name.lower() not in NOT_CLASSES:
            folders.append(path / entry.name)
    return folders


def list_tree(path: Path, check: Check) -> tuple[pd.DataFrame, list[Problem]]:
    """Lists the photographs of class folders or split folders.

    Args:
        path: The folder that holds them.
        check: Gets a folder and the names of its class folders.

    Returns:
        `image,label[,split]`, the label being the folder's name, and what was left out.

    Raises:
        DataError: There is no class folder, or no photograph in one; and what `check` raises.
    """
    children = list_subfolders(path)
    split_of = {child: SPLIT_NAMES.get(child.name.lower()) for child in children}
    # No name of a split: the folders are classes
    if not any(split_of.values()):
        return list_classes(path, check)
    # A folder beside splits that is none may hold photographs that somebody misses
    problems = []
    for child, split in split_of.items():
        if split is None:
            problems.append(Problem(str(child), f"the folder is none of {', '.join(SPLITS)}: left out"))
    tables = []
    for child, split in split_of.items():
        if split is not None:
            table, unreadable = list_classes(child, check)
            tables.append(table.assign(split=split))
            problems += unreadable
    return pd.concat(tables, ignore_index=True), problems


def list_classes(path: Path, check: Check) -> tuple[pd.DataFrame, list[Problem]]:
    """`image,label` of a folder that holds a folder for each class, and what could not be looked at."""
    classes = list_subfolders(path)
    # Names first: an unknown class is an error before thousands of files are listed
    check(path, [child.name for child in classes])
    if not classes:
        raise DataError(
            f"{path}: holds no class folder; expected benign/ and malignant/ with photographs, or a "
            "manifest.csv"
        )
    rows = []
    problems = []
    for child in classes:
        images, unreadable = scan_images(child)
        problems += unreadable
        for image in images:
            rows.append((str(image), child.name.lower()))
    if not rows:
        names = " and ".join(f"{child.name}/" for child in classes)
        raise DataError(f"{path}: its class folders are empty; expected photographs in {names}")
    return pd.DataFrame(rows, columns=["image", "label"]), problems
