"""Lesions laid onto the skin of other photographs, so that the skin around a lesion says nothing of its
class.

A cut lesion keeps its pixels; the other photograph gives skin, hairs, border and ruler. The edge is soft, and
the lesion takes on the light of its new skin. After Dwibedi et al. 2017 (cut, paste and learn).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import inspect_pairs
from lentigo.errors import DataError
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem

SMALL_SIDE = 64  # pixels at which the lesion of the other photograph is painted over
RING_WIDTH = 0.06  # of the side: skin this near to a lesion tells its light
EDGE_DEVIATION = 0.015  # of the side: the standard deviation of the soft edge
MARGIN_WIDTH = 0.03  # of the side: the paint covers this much more than the mask, as outlines are tight
MAX_LIGHT_RATIO = 1.5  # a lesion gets at most this much lighter or darker, in each channel
MIN_RING_SHARE = 0.05  # of the pixels: with less skin around a lesion its light is not known
MAX_LESION_SHARE = 0.7  # of the pixels: a larger lesion leaves no skin to swap


@dataclass(frozen=True)
class BackgroundSwap:
    """Lays the lesions of a data set onto the skin of its other photographs.

    The skin is drawn from all photographs with a mask, of any class and source: so what surrounds a lesion
    says nothing of either.

    Attributes:
        images: Paths of the n photographs.
        masks: The path of each one's mask, or None.
        masked_rows: The rows that have a mask, int (m,).
        probability: That a photograph with a mask gets another skin.
    """

    images: np.ndarray
    masks: np.ndarray
    masked_rows: np.ndarray
    probability: float

    def read_view(self, row: int, side: int, mask: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
        """Reads a photograph, at times with the skin of another one.

        Args:
            row: Of the photograph.
            side: Of the view, in pixels.
            mask: Its own, as `read_outline` gives it.
            rng: Draws whether the skin is swapped, and for which; nothing is drawn without a probability.

        Returns:
            uint8 (side, side, 3).
        """
        image = read_image(self.images[row], side).pixels
        if mask is None or not self.probability or rng.random() >= self.probability:
            return image
        # Any skin will do, also that of the other class: what is behind the lesion must say nothing of it
        other = rng.choice(self.masked_rows)
        other_image = read_image(self.images[other], side).pixels
        other_mask = read_mask(self.masks[other], side)
        return swap_background(image, mask, other_image, other_mask)

    def read_outline(self, row: int, side: int) -> np.ndarray | None:
        """Reads the mask of a photograph. It holds on other skin, too.

        Args:
            row: Of the photograph.
            side: Of the mask, in pixels.

        Returns:
            1 where the lesion is, uint8 (side, side); None where the photograph has no mask.
        """
        if self.masks[row] is None:
            return None
        return read_mask(self.masks[row], side)


def plan_swap(dataset: Dataset, probability: float) -> BackgroundSwap:
    """Plans which photographs of a data set may get another skin.

    Args:
        dataset: The training photographs, their masks as `keep_usable_masks` leaves them.
        probability: That a photograph with a mask gets another skin.

    Returns:
        The plan. Where the data set has no column `mask`, it swaps nothing.
    """
    images = dataset.table["image"].to_numpy()
    masks = np.full(len(images), None, dtype=object)
    if "mask" in dataset.table:
        masks = dataset.table["mask"].astype(object).where(dataset.table["mask"].notna(), None).to_numpy()
    masked_rows = np.flatnonzero(masks != None)  # noqa: E711, of each element
    return BackgroundSwap(images, masks, masked_rows, probability)


def keep_usable_masks(dataset: Dataset, progress: Progress = show_nothing) -> Dataset:
    """Looks at the masks of a data set before lesions are cut out by them, or outlines learned from them.

    Args:
        dataset: Photographs, of which some name a mask in the column `mask`.
        progress: Of the masks.

    Returns:
        The same photographs. A mask that is missing, damaged, empty, inverted or of another shape is taken
        out of the table, and is a problem under the name of its photograph.

    Raises:
        DataError: Fewer than two masks can be used.
    """
    masks = plan_swap(dataset, 1.0).masks
    rows = np.flatnonzero(masks != None)  # noqa: E711, of each element
    pairs = dataset.take(rows)
    faults = []
    if len(rows):
        faults = list(progress(inspect_pairs(pairs), total=len(rows), label="masks"))
    usable = masks.copy()
    problems = []
    for row, image, fault in zip(rows, pairs.table["image"].tolist(), faults, strict=True):
        if fault is not None:
            usable[row] = None
            problems.append(Problem(image, f"used without its mask: {fault}"))
    n_usable = len(rows) - len(problems)
    if n_usable < 2:
        first = f"; the first: {problems[0].image}: {problems[0].error}" if problems else ""
        raise DataError(
            f"{dataset.name}: --background-swap, --lesion-removal and --outline-weight need the masks of lesions, "
            f"and {n_usable} can be used; expected two at least in a column `mask`, or leave them out{first}"
        )
    table = dataset.table.assign(mask=usable)
    checked = replace(dataset, table=table, problems=dataset.problems + tuple(problems))
    return checked.know_digests(dataset.digests)


def swap_background(
    image: np.ndarray, mask: np.ndarray, other: np.ndarray, other_mask: np.ndarray
) -> np.ndarray:
    """Lays the lesion of one photograph onto the skin of another.

    Args:
        image: The photograph of the lesion, uint8 (side, side, 3), sRGB.
        mask: 1 where its lesion is, uint8 (side, side).
        other: The photograph that gives the skin, uint8 (side, side, 3).
        other_mask: 1 where that one's lesion is, which is painted over, uint8 (side, side).

    Returns:
        A photograph, uint8 (side, side, 3). It is `image` itself where either has no lesion or hardly any
        skin.
    """
    # Too large a lesion leaves no skin, too small a one nothing to lay on it
    if not can_swap(mask) or not can_swap(other_mask):
        return image
    skin = paint_over(other, other_mask)
    light = match_light(image, mask, skin)
    side = len(mask)
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), EDGE_DEVIATION * side)[:, :, None]
    lesion = image.astype(np.float32) * light
    mixed = weight * lesion + (1 - weight) * skin
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def can_swap(mask: np.ndarray) -> bool:
    """Whether a photograph has both a lesion and enough skin around it."""
    share = float(mask.mean())
    return 0 < share <= MAX_LESION_SHARE


def paint_over(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photograph whose lesion is filled with the colours around it, float32 (side, side, 3).

    The fill is computed on a small copy (Telea 2004), and gets the fine grain of the mirrored photograph, so
    that it is not smoother than skin.
    """
    side = len(mask)
    wide = widen(mask, MARGIN_WIDTH)
    size = (SMALL_SIDE, SMALL_SIDE)
    small_image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_mask = (cv2.resize(wide, size, interpolation=cv2.INTER_LINEAR) > 0).astype(np.uint8)
    filled = cv2.inpaint(small_image, small_mask, 3, cv2.INPAINT_TELEA)
    fill = cv2.resize(filled, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    skin = image.astype(np.float32)
    grain = skin - cv2.GaussianBlur(skin, (0, 0), EDGE_DEVIATION * side)
    mirrored_grain = grain[::-1, ::-1] * (1 - wide[::-1, ::-1, None])  # without that of the lesion itself
    weight = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), EDGE_DEVIATION * side)[:, :, None]
    return weight * (fill + mirrored_grain) + (1 - weight) * skin


def match_light(image: np.ndarray, mask: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The factor of each channel, float32 (3,), by which a lesion gets the light of another skin.

    It is the ratio of the median colours around the lesion: of the new skin by the old one (von Kries 1902).
    """
    near = widen(mask, RING_WIDTH)
    ring = (near == 1) & (widen(mask, MARGIN_WIDTH) == 0)
    if ring.mean() < MIN_RING_SHARE:
        ring = near == 0
    if not ring.any():
        return np.ones(3, np.float32)
    before = np.median(image[ring], axis=0)
    after = np.median(skin[ring], axis=0)
    # One more: a channel may be black
    ratio = (after + 1) / (before + 1)
    return np.clip(ratio, 1 / MAX_LIGHT_RATIO, MAX_LIGHT_RATIO).astype(np.float32)


def widen(mask: np.ndarray, share: float) -> np.ndarray:
    """A mask that reaches a share of the side further in every direction, uint8 (side, side).

    Args:
        mask: uint8 (side, side).
        share: Of the side.
    """
    reach = 2 * round(share * len(mask)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.dilate(mask, kernel)
