"""The rows of a table and their photographs: those that may be used, where their files are, each file
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.file_names import is_file, spell_name
from lentigo.datasets.named_files import NamedFiles
from lentigo.datasets.tables.options import TableOptions
from lentigo.errors import DataError
from lentigo.images.addresses import is_address
from lentigo.images.problems import Problem, separate_problems


def drop_refused(
    path: Path,
    table: pd.DataFrame,
    reasons: Sequence[str | None],
    refuse: Callable[[str], str | None],
    options: TableOptions,
) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows that have a class and whose path may be followed, and the problems of the others. Raises
    `DataError` where none is left.

    Args:
        path: Of the table, for the error.
        table: With a column `image`.
        reasons: Why a row has no class, None where it has one.
        refuse: Gives the reason not to follow a path as it is written, or None.
        options: Say whether addresses may be followed.
    """
    problems = []
    kept = []
    for image, reason in zip(table["image"], reasons, strict=True):
        reason = reason or refuse_address(image, options) or refuse(image)
        kept.append(reason is None)
        if reason is not None:
            problems.append(Problem(image, reason))
    # One cause makes all rows unusable: that is an error of the table, not of each photograph
    if problems and not any(kept):
        raise DataError(
            f"{path}: none of its {len(problems)} photographs can be used; the first: {problems[0].image}: "
            f"{problems[0].error}"
        )
    return table[np.array(kept, dtype=bool)], problems


def refuse_address(name: str, options: TableOptions) -> str | None:
    """Why an address in a table is not asked, or None where it is none, or may be."""
    if options.addresses or not is_address(name):
        return None
    return (
        "an address in a table: not asked, since a table may come from anybody; --addresses allows it where "
        "you trust the table"
    )


def locate_images(
    path: Path, table: pd.DataFrame, roots: Sequence[Path]
) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with the paths of their photographs; those of which several may be meant are problems.

    Args:
        path: Of the table.
        table: With a column `image`, paths as they are written.
        roots: Further folders in which photographs are looked for.
    """
    places = place_images(path, list(table["image"]), roots)
    _, problems, is_clear = separate_problems(places)
    table = table.assign(image=pd.Series(places, index=table.index, dtype=object))
    return table[np.array(is_clear, dtype=bool)], problems


def locate_mask(path: Path, mask: object) -> str | None:
    """The path of a mask that a table names, relative to the table, or None where it names none.

    Args:
        path: Of the table.
        mask: A cell of its column `mask`.
    """
    if not isinstance(mask, str) or not mask.strip():
        return None
    return spell_name(path.parent / mask.strip())


def place_images(path: Path, names: Sequence[str], roots: Sequence[Path] = ()) -> list[str | Problem]:
    """Finds the photographs of a table.

    Args:
        path: The table.
        names: As it names them.
        roots: Further folders in which they are looked for.

    Returns:
        A path for each name, or the problem that several files may be meant; addresses stay as they are.
    """
    files = NamedFiles(path.parent, roots)
    # Addresses are not looked for on the disk; both keep their order
    local_names = [name for name in names if not is_address(name)]
    found = iter(files.find_all(local_names))
    return [name if is_address(name) else next(found) for name in names]


def drop_repeats(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows with each image once, those with two labels left out, and what was left out.

    Args:
        table: With columns `image` and `label`.
    """
    present = table["image"].map(lambda image: is_address(image) or is_file(image))
    # A file that is not there may be listed twice: it is reported once, as missing
    repeated = table["image"].duplicated() & present
    contradictory = table.groupby("image")["label"].transform("nunique") > 1
    problems = []
    for image in table.loc[contradictory, "image"].unique():
        problems.append(
            Problem(
                image,
                "is listed as benign and as malignant: left out; expected one label: correct the manifest",
            )
        )
    for image in table.loc[repeated & ~contradictory, "image"].unique():
        problems.append(Problem(image, "is listed more than once: taken once"))
    return table[~repeated & ~contradictory], problems
