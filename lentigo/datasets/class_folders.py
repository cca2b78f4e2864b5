"""Class folders and split folders as a data set."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.datasets.dataset import CLASSES, Dataset, make_dataset
from lentigo.datasets.folders import list_tree
from lentigo.datasets.tables.diagnosis_columns import add_diagnoses
from lentigo.datasets.tables.labels import understand_words
from lentigo.datasets.tables.options import TableOptions, TableReading
from lentigo.datasets.tables.words import LEFT_OUT, MAX_QUOTED_WORDS
from lentigo.errors import DataError
from lentigo.images.problems import Problem


def load_tree(path: Path, options: TableOptions) -> Dataset:
    """Reads class folders or split folders.

    Args:
        path: The folder that holds them; names of classes are benign and malignant, 0 and 1, diagnoses, or
            what `--map` says.
        options: What the user says.

    Returns:
        The data set.

    Raises:
        DataError: A folder's name is not understood, or nothing is left.
    """
    table, problems = list_tree(path, partial(require_classes, options=options))
    meanings, policy = understand_words(table["label"].unique(), options)
    # Before the labels take the place of the folders' names: a name may be a diagnosis
    table, _ = add_diagnoses(table)
    labels = table["label"].map(meanings)
    kept = labels.isin(CLASSES).to_numpy(dtype=bool)
    problems = [*problems, *explain_left_out(table[~kept], meanings, policy)]
    became = {}
    for word, meaning in meanings.items():
        became[str(word)] = meaning if meaning in CLASSES else "left out"
    diagnosis_column = "the folders' names" if "diagnosis_word" in table else None
    reading = TableReading(None, None, diagnosis_column, policy, became)
    dataset = make_dataset(path, table.assign(label=labels)[kept], problems)
    return replace(dataset, reading=reading)


def explain_left_out(
    table: pd.DataFrame, meanings: dict[Any, str | None], policy: str | None
) -> list[Problem]:
    """A problem for each class whose photographs are left out."""
    problems = []
    for word, images in table.groupby("label", sort=False)["image"]:
        reason = f"is neither benign nor malignant by the policy {policy}; --map {word}=malignant takes it"
        if meanings[word] == LEFT_OUT:
            reason = "is left out, as --map says"
        folder = str(Path(images.iloc[0]).parent)
        words = f"{len(images)} photographs of the class {word!r} left out: it {reason}"
        problems.append(Problem(folder, words))
    return problems


def require_classes(path: Path, names: Iterable[str], options: TableOptions = TableOptions()) -> None:
    """Makes sure that the names of class folders are understood.

    Args:
        path: The folder that holds them.
        names: Their names.
        options: What the user says.

    Raises:
        DataError: A name is not understood; with the name that was meant or what else to do.
    """
    names = list(names)
    # Names are words in lower case, as files of any system may have them
    meanings, _ = understand_words([name.lower() for name in names], options)
    unknown = [name for name in names if meanings[name.lower()] is None]
    if not unknown:
        return
    quoted = unknown[:MAX_QUOTED_WORDS]
    others = ""
    if len(unknown) > 1:
        others = f" ({len(unknown)} of {len(names)} are: {', '.join(quoted)})"
    pairs = ",".join(f"{name}=benign" for name in quoted)
    cure = f"rename or remove it, say what it means (--map {pairs}), or write a manifest (image,label)"
    # A typing error has the nearest cure
    similar = difflib.get_close_matches(unknown[0].lower(), CLASSES, n=1)
    if similar:
        cure = f"rename it to {similar[0]}"
    raise DataError(
        f"{path}: class folder {unknown[0]!r} is unknown{others}; expected {' and '.join(CLASSES)}: {cure}"
    )
