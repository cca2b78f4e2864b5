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


def subfolders(path: Path) -> list[Path]:
    """The visible folders directly below a folder that may be classes or splits, sorted. Raises `DataError`
    where it cannot be read.
    """
    try:
        entries = list_visible(str(path))
    except OSError as error:
        raise DataError(
            f"{path}: the folder cannot be read ({error.strerror or error}); expected one that you may "
            "read: change its permissions"
        ) from error
    return [
        path / entry.name for entry in entries if is_folder(entry) and entry.name.lower() not in NOT_CLASSES
    ]


def holds_splits(path: Path) -> bool:
    """Whether train/, validation/ or test/, by any of their names, stand directly below a folder."""
    return any(child.name.lower() in SPLIT_NAMES for child in subfolders(path))


def list_tree(path: Path, check: Check) -> tuple[pd.DataFrame, list[Problem]]:
    """`image,label[,split]` of class folders or split folders, the label being the folder's name, and what
    was left out.
    """
    if not holds_splits(path):
        return list_classes(path, check)
    children = {child: SPLIT_NAMES.get(child.name.lower()) for child in subfolders(path)}
    strays = [
        Problem(str(child), f"the folder is none of {', '.join(SPLITS)}: left out")
        for child, split in children.items()
        if split is None
    ]
    sides = [(split, *list_classes(child, check)) for child, split in children.items() if split is not None]
    tables = [table.assign(split=split) for split, table, _ in sides]
    return pd.concat(tables, ignore_index=True), [
        *strays,
        *(problem for _, _, problems in sides for problem in problems),
    ]


def list_classes(path: Path, check: Check) -> tuple[pd.DataFrame, list[Problem]]:
    """`image,label` of a folder that holds a folder for each class, and what could not be looked at."""
    classes = {child: child.name.lower() for child in subfolders(path)}
    check(path, [child.name for child in classes])
    if not classes:
        raise DataError(
            f"{path}: holds no class folder; expected benign/ and malignant/ with photographs, or a "
            "manifest.csv"
        )
    scans = {child: scan_images(child) for child in classes}
    rows = [(str(file), classes[child]) for child, (found, _) in scans.items() for file in found]
    problems = [problem for _, some in scans.values() for problem in some]
    if not rows:
        raise DataError(
            f"{path}: its class folders are empty; expected photographs in "
            f"{' and '.join(f'{child.name}/' for child in classes)}"
        )
    return pd.DataFrame(rows, columns=["image", "label"]), problems
