"""Masks: outlines of lesions as pictures, white where the lesion is, and the manifest that pairs them with
photographs.

A mask is kept at its own size; where pixels are asked for at another, it is averaged over areas and cut at
half, which keeps the boundary in its place. What looks wrong is listed, never mended in silence.
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
from PIL import Image

from lentigo.common.file_names import spell_name
from lentigo.common.hashing import hash_bytes, hash_readable
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset, make_dataset, select_split
from lentigo.datasets.manifests import MANIFESTS, place_images
from lentigo.datasets.tables.columns import CLASS_COLUMNS, choose_column, find_image_column
from lentigo.datasets.tables.labels import read_labels
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.table_files import read_table
from lentigo.datasets.tables.words import quote
from lentigo.errors import DataError, ImageError
from lentigo.images.decoding.opening import hold_decoded, name_damage, open_image
from lentigo.images.decoding.pixel_bands import UPRIGHT
from lentigo.images.photographs import measure_image, measure_upright, read_content
from lentigo.images.problems import Problem

HALF = 128  # of 255: from here on a grey level is lesion
BRIGHT = 0.75  # of the whole range: a mask that reaches it uses all of it
MOST_BETWEEN = 0.05  # share of the pixels that may lie between the two levels of a mask that does not
SHOWN_LEVELS = 5  # of a mask, in an error
COLUMNS = "image,mask"  # of the manifest


@dataclass(frozen=True)
class MaskSet(Dataset):
    """Photographs with the outlines of their lesions. `table` has a row for each pair: `image` and `mask`
    (paths), where known `split`, `label` and ids, as in `Dataset`; a photograph without a label has None
    there."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the contents of photographs and masks, whatever the order, names or place of the
        files.
        """
        outlines = [hash_readable(path) for path in self.table["mask"]]
        return hash_bytes(
            *sorted(
                f"{image} {outline}".encode() for image, outline in zip(self.digests, outlines, strict=True)
            )
        )

    @property
    def labelled(self) -> bool:
        """Whether a classifier can be trained too: photographs of both classes stand in it."""
        return set(CLASSES) <= set(self.table["label"])


def load_masks(
    path: str | Path | MaskSet, split: str = "all", *, progress: Progress = show_nothing
) -> MaskSet:
    """The pairs of a manifest (CSV or Parquet) or of a folder that holds one, each of them looked at.

    `split` is one of train, validation, test, all. What cannot be used is in `problems` under the name of its
    photograph: a file that is missing or damaged, a photograph without a mask, a mask of another shape, one
    that is empty or looks inverted. Raises `DataError` where the manifest, or all of it, cannot be used;
    `UsageError` for an unknown split.
    """
    listed = list_masks(path)
    chosen = select_split(listed, split)
    return check_masks(replace(chosen, problems=listed.problems), progress=progress)


def list_masks(path: str | Path | MaskSet, options: TableOptions = TableOptions()) -> MaskSet:
    """The pairs that a manifest names, none of them opened; photographs without a mask are in `problems`.

    Args:
        path: a manifest, a folder that holds one, or pairs that were listed before.
        options: what the user says of its columns and labels.

    Raises:
        DataError: where it names no photograph, no mask, or a label that is not understood.
    """
    if isinstance(path, MaskSet):
        return path
    path = find_manifest(Path(path))
    table = read_table(path)
    if "mask" not in table:
        raise DataError(f"{path}: lacks the column mask; it has {quote(table.columns)}; expected {COLUMNS}")
    image_column = find_image_column(table, options, path)
    names = [
        str(name).strip() if known else ""
        for name, known in zip(table["mask"], table["mask"].notna(), strict=True)
    ]
    named = np.array([bool(name) for name in names], dtype=bool)
    labels = label_pairs(path, table, options)
    images = place_images(path, [str(name) for name in table[image_column]])
    ambiguous = [answer for answer in images if isinstance(answer, Problem)]
    named &= np.array([not isinstance(answer, Problem) for answer in images], dtype=bool)
    table = table.assign(label=labels, image=images, mask=[spell_name(path.parent / name) for name in names])
    bare = [
        Problem(image, "has no mask; expected the name of one in the column mask")
        for image, name in zip(images, names, strict=True)
        if not name
    ]
    if not named.any():
        raise DataError(f"{path}: none of its {len(table)} rows names a mask; expected {COLUMNS}")
    dataset = make_dataset(path, table[named].reset_index(drop=True), bare + ambiguous)
    return MaskSet(dataset.name, dataset.table, dataset.problems)


def find_manifest(path: Path) -> Path:
    """The file itself, or the manifest in a folder. Raises `DataError` where there is none."""
    if os.path.isdir(path):
        found = next((path / name for name in MANIFESTS if (path / name).is_file()), None)
        if found is None:
            raise DataError(f"{path}: holds no {' or '.join(MANIFESTS)}; expected a manifest with {COLUMNS}")
        return found
    if not os.path.isfile(path):
        raise DataError(
            f"{path}: no such file or folder; expected a manifest with {COLUMNS}, or a folder that holds one"
        )
    return path


def label_pairs(path: Path, table: pd.DataFrame, options: TableOptions) -> pd.Series:
    """`benign`, `malignant` or None. Raises `DataError` for a word that is not understood."""
    column = choose_column(table, options.label, "--label-column", path) or next(
        (name for name in CLASS_COLUMNS if name in table), None
    )
    if column is None:
        return pd.Series(None, index=table.index, dtype=object)
    return read_labels(table, column, options, path).classes


def check_masks(masks: MaskSet, *, progress: Progress = show_nothing) -> MaskSet:
    """The pairs that can be used, the others among the problems. Raises `DataError` where none is left."""
    answers = list(progress(inspect_pairs(masks), total=len(masks), label="masks"))
    found = [
        Problem(image, error) for image, error in zip(masks.table["image"], answers, strict=True) if error
    ]
    good = np.array([error is None for error in answers], dtype=bool)
    if not good.any():
        raise DataError(
            f"{masks.name}: none of its {len(masks)} masks can be used; the first: {found[0].image}: "
            f"{found[0].error}"
        )
    return replace(masks.take(good), problems=masks.problems + tuple(found))


def inspect_pairs(masks: MaskSet) -> Iterator[str | None]:
    """What is wrong with each pair, or None."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(inspect_pair, masks.table["image"], masks.table["mask"])


def inspect_pair(image: str, mask: str) -> str | None:
    """What is wrong with a photograph and its mask, in words, or None."""
    try:
        size = measure_upright(image)
    except ImageError as error:
        return str(error).removeprefix(f"{image}: ")
    try:
        pixels = read_mask(mask) > 0
    except ImageError as error:
        return f"its mask {error}"
    if not agree(size, pixels.shape[::-1]):
        return f"its mask {mask} is {pixels.shape[1]} x {pixels.shape[0]}, {describe_shape(image, size, pixels.shape[::-1])}"
    if not pixels.any():
        return f"its mask {mask} is empty: all of it is background; expected white where the lesion is"
    if looks_inverted(pixels):
        return f"its mask {mask} looks inverted: white at its border, dark within; expected white where the lesion is: invert or correct it"
    return None


def describe_shape(image: str, upright: tuple[int, int], mask: tuple[int, int]) -> str:
    """In words what shape was expected of a mask that has another one than its photograph."""
    words = f"the photograph {upright[0]} x {upright[1]}"
    stored = measure_image(image)
    if stored != upright and agree(stored, mask):
        return f"{words} as its EXIF turns it upright; expected a mask of the upright photograph: turn the mask likewise"
    return f"{words}; expected the same shape"


def agree(image: tuple[int, int], mask: tuple[int, int]) -> bool:
    """Whether two sizes, (width, height), are one size or the same shape to within a pixel of the smaller.

    >>> agree((4288, 2848), (512, 340)), agree((640, 480), (480, 640))
    (True, False)
    """
    (wide, high), (width, height) = sorted((image, mask), reverse=True)
    return abs(height - high * width / wide) <= 1 or abs(width - wide * height / high) <= 1


def looks_inverted(mask: np.ndarray) -> bool:
    """Whether the border of a mask, bool (height, width), is mostly lesion, and more so than its inside.

    A lesion that fills the photograph leaves its corners free; the background of a lesion takes the whole
    border.
    """
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    return bool(border > 0.5 and border >= mask.mean())


def read_mask(path: str | Path, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """A mask as uint8 (height, width), 1 where the lesion is, at its own size or at `size`: a side, or
    (width, height).

    Grey, 1-bit, palette, colour and transparent pictures are read, 8 and 16 bits. Of two levels the brighter
    one is the lesion, whatever both are: 0 and 1, 0 and 127, 0 and 255. Many grey levels are cut at half. It
    is turned upright where EXIF says so.

    Args:
        path: a file or an address.
        size: at which the mask is wanted.

    Raises:
        PhotoError: for a file that is missing, unreadable or no picture, and for levels that may be several
            classes.
    """
    return resize_mask(find_lesion(read_levels(path), str(path)).astype(np.uint8), size)


def resize_mask(mask: np.ndarray, size: int | tuple[int, int] | None) -> np.ndarray:
    """A mask of 0 and 1, uint8 (height, width), at another `size`: a side, or (width, height); the boundary
    stays where it is.
    """
    width, height = (size, size) if isinstance(size, int) else size or mask.shape[::-1]
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask * np.uint8(255)).resize(
        (width, height), Image.Resampling.BILINEAR
    )  # averages areas where it shrinks
    return (np.asarray(image) >= HALF).astype(np.uint8)


def read_levels(path: str | Path) -> np.ndarray:
    """The levels of a mask's file, uint8 or uint16 (height, width), upright. Raises `ImageError`."""
    content, name = read_content(path), str(path)
    with (
        name_damage(content, name),
        open_image(content, name) as image,
        hold_decoded(image, content, name, None) as (orientation, _),
    ):
        levels = find_levels(image, name)
    method = UPRIGHT.get(orientation)
    return levels if method is None else np.asarray(Image.fromarray(levels).transpose(method))


def find_levels(image: Image.Image, name: str) -> np.ndarray:
    """The levels of a picture of any mode, (height, width): of colours the brightest channel, what is
    transparent as black.
    """
    if image.mode == "F":
        raise ImageError(
            f"{name}: floating-point pixels, whose range is unknown; expected a mask of 1, 8 or 16 bits"
        )
    if image.mode == "1" or (image.mode == "L" and "transparency" not in image.info):
        return np.array(image.convert("L"))
    if image.mode.startswith("I"):
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
    rgba = np.asarray(image.convert("RGBA"))
    colour, opacity = rgba[..., :3].max(axis=-1), rgba[..., 3]
    if np.ptp(colour) == 0 and np.ptp(opacity) > 0:
        return opacity.copy()  # drawn in the transparency alone
    return np.where(opacity >= HALF, colour, 0).astype(np.uint8)


def find_lesion(levels: np.ndarray, name: str) -> np.ndarray:
    """Where the lesion is, bool (height, width), told by the levels of a mask.

    Args:
        levels: uint8 or uint16 (height, width).
        name: for the error.

    Raises:
        PhotoError: where the levels are more than two, none of them near white, and many pixels lie in
            between, as in a map of several classes.

    >>> find_lesion(np.uint8([[0, 127]]), "mask").tolist(), find_lesion(np.uint8([[0, 60, 200]]),
    "mask").tolist() ([[False, True]], [[False, False, True]])
    """
    shares = np.bincount(levels.ravel()) / levels.size
    present = np.flatnonzero(shares)
    darkest, brightest = int(present[0]), int(present[-1])
    if darkest == brightest:
        return np.full(levels.shape, brightest > 0)
    if len(present) == 2:
        return levels == brightest
    whole = 255 if brightest <= 255 else 65535
    if brightest >= BRIGHT * whole:
        return levels >= HALF * (whole // 255)
    between = shares[round(brightest * 0.25) + 1 : round(brightest * 0.75)].sum()
    if between > MOST_BETWEEN:
        shown = ", ".join(str(level) for level in present[:SHOWN_LEVELS])
        words = f"{shown} ..." if len(present) > SHOWN_LEVELS else shown
        raise ImageError(
            f"{name}: holds the levels {words}, as a map of several classes does; expected two levels, the "
            "lesion white: write it so"
        )
    return levels >= brightest / 2
