"""Photographs with masks of their lesions: the manifest that pairs them, and what is wrong with a pair.

A mask is a picture of the lesion's shape, white where the lesion is. What looks wrong is listed, never mended in
silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.file_names import spell_name
from lentigo.common.hashing import hash_readable, hash_unordered
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset, make_dataset, select_split
from lentigo.datasets.manifests import MANIFESTS
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.tables.columns import CLASS_COLUMNS, choose_column, find_image_column
from lentigo.datasets.tables.image_rows import place_images
from lentigo.datasets.tables.labels import read_labels
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.table_files import read_table
from lentigo.datasets.tables.words import quote
from lentigo.errors import DataError, ImageError
from lentigo.images.image_sizes import measure_image, measure_upright
from lentigo.images.problems import Problem

COLUMNS = "image,mask"  # of the manifest


@dataclass(frozen=True)
class MaskSet(Dataset):
    """Photographs with the masks of their lesions. `table` has a row for each pair: `image` and `mask`
    (paths), where known `split`, `label` and ids, as in `Dataset`; a photograph without a label has None
    there."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the contents of photographs and masks, whatever the order, names or place of the
        files.
        """
        return hash_unordered(self.digests, map(hash_readable, self.table["mask"]))

    @property
    def labelled(self) -> bool:
        """Whether a classifier can be trained too: photographs of both classes stand in it."""
        return set(CLASSES) <= set(self.table["label"])


def load_masks(
    path: str | Path | MaskSet, split: str = "all", *, progress: Progress = show_nothing
) -> MaskSet:
    """Reads the pairs of a manifest, and looks at each of them.

    Args:
        path: A manifest (CSV or Parquet), a folder that holds one, or pairs that were listed before.
        split: train, validation, test or all.
        progress: Of the pairs.

    Returns:
        The pairs that can be used. The others are in `problems` under the name of their photograph: a file
        that is missing or damaged, a photograph without a mask, a mask of another shape, one that is empty or
        looks inverted.

    Raises:
        DataError: The manifest, or all of it, cannot be used.
        UsageError: The split is unknown.
    """
    listed = list_masks(path)
    # The test split's masks are not opened unless they are asked for
    chosen = select_split(listed, split)
    return check_masks(replace(chosen, problems=listed.problems), progress=progress)


def list_masks(path: str | Path | MaskSet, options: TableOptions = TableOptions()) -> MaskSet:
    """Lists the pairs that a manifest names, none of them opened.

    Args:
        path: A manifest, a folder that holds one, or pairs that were listed before.
        options: What the user says of its columns and labels.

    Returns:
        The pairs; photographs without a mask are in `problems`.

    Raises:
        DataError: It names no photograph, no mask, or a label that is not understood.
    """
    if isinstance(path, MaskSet):
        return path
    path = find_manifest(Path(path))
    table = read_table(path)
    if "mask" not in table:
        raise DataError(f"{path}: lacks the column mask; it has {quote(table.columns)}; expected {COLUMNS}")
    image_column = find_image_column(table, options, path)
    labels = label_pairs(path, table, options)
    images = place_images(path, [str(name) for name in table[image_column]])
    # pandas reads an empty cell as NaN
    mask_names = table["mask"].astype(object).where(table["mask"].notna(), "")
    masks = []
    usable = []  # of each row
    bare = []
    ambiguous = []
    for image, mask_name in zip(images, mask_names, strict=True):
        name = str(mask_name).strip()
        # The folder of the manifest, also for rows without a mask: they are dropped below
        masks.append(spell_name(path.parent / name))
        usable.append(bool(name) and not isinstance(image, Problem))
        if isinstance(image, Problem):
            ambiguous.append(image)
        elif not name:
            bare.append(Problem(image, "has no mask; expected the name of one in the column mask"))
    if not any(usable):
        raise DataError(f"{path}: none of its {len(table)} rows names a mask; expected {COLUMNS}")
    table = table.assign(label=labels, image=pd.Series(images, index=table.index, dtype=object), mask=masks)
    pairs = table[np.array(usable, dtype=bool)].reset_index(drop=True)
    dataset = make_dataset(path, pairs, [*bare, *ambiguous])
    return MaskSet(dataset.name, dataset.table, dataset.problems)


def find_manifest(path: Path) -> Path:
    """The file itself, or the manifest in a folder. Raises `DataError` where there is none."""
    if os.path.isdir(path):
        return find_in_folder(path)
    if not os.path.isfile(path):
        raise DataError(
            f"{path}: no such file or folder; expected a manifest with {COLUMNS}, or a folder that holds one"
        )
    return path


def label_pairs(path: Path, table: pd.DataFrame, options: TableOptions) -> pd.Series:
    """`benign`, `malignant` or None. Raises `DataError` for a word that is not understood."""
    column = choose_column(table, options.label, "--label-column", path)
    if column is None:
        column = next((name for name in CLASS_COLUMNS if name in table), None)
    if column is None:
        return pd.Series(None, index=table.index, dtype=object)
    return read_labels(table, column, options, path).classes


def check_masks(masks: MaskSet, *, progress: Progress = show_nothing) -> MaskSet:
    """Looks at pairs.

    Args:
        masks: The pairs.
        progress: Of the pairs.

    Returns:
        Those that can be used, the others among the problems.

    Raises:
        DataError: None is left.
    """
    faults = list(progress(inspect_pairs(masks), total=len(masks), label="masks"))
    problems = []
    for image, fault in zip(masks.table["image"], faults, strict=True):
        if fault is not None:
            problems.append(Problem(image, fault))
    usable = np.array([fault is None for fault in faults], dtype=bool)
    # One wrong folder makes all masks wrong: one error
    if not usable.any():
        raise DataError(
            f"{masks.name}: none of its {len(masks)} masks can be used; the first: {problems[0].image}: "
            f"{problems[0].error}"
        )
    return replace(masks.take(usable), problems=masks.problems + tuple(problems))


def inspect_pairs(masks: Dataset) -> Iterator[str | None]:
    """What is wrong with each pair, or None.

    Args:
        masks: Photographs with a column `mask`.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(inspect_pair, masks.table["image"], masks.table["mask"])


def inspect_pair(image: str, mask: str) -> str | None:
    """What is wrong with a photograph and its mask, in words, or None."""
    try:
        # Photographs are turned upright by their EXIF; masks have none
        upright = measure_upright(image)  # (width, height)
    except ImageError as error:
        return str(error).removeprefix(f"{image}: ")
    try:
        pixels = read_mask(mask) > 0
    except ImageError as error:
        return f"its mask {error}"
    height, width = pixels.shape
    # Sizes may differ: masks are often drawn on a smaller copy
    if not have_same_shape(upright, (width, height)):
        return f"its mask {mask} is {width} x {height}, {describe_shape(image, upright, (width, height))}"
    return find_flaw(mask, pixels)


def find_flaw(mask: str, pixels: np.ndarray) -> str | None:
    """What is wrong with the lesion that a mask shows, bool (height, width), in words, or None."""
    if not pixels.any():
        return f"its mask {mask} is empty: all of it is background; expected white where the lesion is"
    if looks_inverted(pixels):
        return (
            f"its mask {mask} looks inverted: white at its border, dark within; expected white where the "
            "lesion is: invert or correct it"
        )
    return None


def describe_shape(image: str, upright: tuple[int, int], mask: tuple[int, int]) -> str:
    """In words what shape was expected of a mask that has another one than its photograph."""
    words = f"the photograph {upright[0]} x {upright[1]}"
    stored = measure_image(image)
    if stored != upright and have_same_shape(stored, mask):
        return (
            f"{words} as its EXIF turns it upright; expected a mask of the upright photograph: turn the mask "
            "likewise"
        )
    return f"{words}; expected the same shape"


def find_in_folder(folder: Path) -> Path:
    """The manifest in a folder. Raises `DataError` where there is none."""
    for name in MANIFESTS:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: holds no {' or '.join(MANIFESTS)}; expected a manifest with {COLUMNS}")


def have_same_shape(image: tuple[int, int], mask: tuple[int, int]) -> bool:
    """Whether two sizes, (width, height), are one size or the same shape to within a pixel of the smaller.

    >>> have_same_shape((4288, 2848), (512, 340)), have_same_shape((640, 480), (480, 640))
    (True, False)
    """
    # The wider one decides which side may be rounded
    (wide, high), (width, height) = sorted((image, mask), reverse=True)
    return abs(height - high * width / wide) <= 1 or abs(width - wide * height / high) <= 1


def looks_inverted(mask: np.ndarray) -> bool:
    """Whether the border of a mask, bool (height, width), is mostly lesion, and more so than its inside.

    A lesion that fills the photograph leaves its corners free; the background of a lesion takes the whole
    border.
    """
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    # A lesion that fills the picture touches the border, and is no inversion
    return bool(border > 0.5 and border >= mask.mean())
