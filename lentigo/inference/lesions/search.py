"""Search: the lesions of a photograph that may show one or many, as rectangles in its pixels.

The pass over the whole photograph says where its lesion is; where that is one of a good size, it is the
answer, with the P(malignant) of that pass, and a photograph that is refused has none. Otherwise the photograph
is searched in overlapping tiles of several sizes, each candidate taken from the sizes that show it well. Each
is then passed through the network once more, alone, with a margin of skin: that gives its outline, hence the
rectangle, and P(malignant) (`lentigo.inference.lesions.verification`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lentigo.images.held_images import HeldImage
from lentigo.images.photographs import view_image
from lentigo.inference.lesions.mask_cleaning import HALF, clean_mask, enlarge_mask, find_box
from lentigo.inference.lesions.rectangles import Rectangle, is_near, measure_iou
from lentigo.inference.lesions.regions import find_regions
from lentigo.inference.lesions.scoring import score_lesion, trim_lesion
from lentigo.inference.lesions.tiles import CELLS, cut_tiles, lay_grid, merge_tiles
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult

MAX_SEARCHED_PIXELS = 16_000_000  # of a photograph that is searched; a larger one is reduced
MAX_CLOSE_UP_PIXELS = 1_000_000  # of a close-up
# Of the shorter side, from a dark corner: what the decoder sees there is the end of the lens
CORNER_REACH = 0.06
DARK_CORNER = 0.5  # of the photograph's median lightness: a corner below is dark


@dataclass(frozen=True)
class SearchSettings:
    """How lesions are searched for; chosen on composed photographs, see bench/detection.py."""

    finest: int = 160  # pixels of the smallest tile's side at least
    levels: int = 4  # sizes of tiles at most, each half of the one before
    least: float = 0.08  # of a tile's side: the longer side of a lesion that is taken from that size of tile
    most: float = 0.8  # of a tile's side, the same at most
    margin: float = 0.5  # of a lesion's longer side: the skin around it in the second pass
    close: float = 0.03  # of the photograph's area: a single lesion of that size makes it a close-up
    alone: float = 0.35  # of that lesion's weight: all else together in a close-up
    agree: float = 0.3  # IoU of both passes, for a lesion to be kept
    min_score: float = 0.55  # of a lesion outside close-ups: on bare skin the network finds some of less
    min_close_up_score: float = 0.35  # of the one lesion of a close-up
    # Distance from what the classifier knows, in its limits, from which on something else than a lesion is
    # shown
    ood_factor: float = 1.4
    apart: float = 0.4  # IoU from which on two rectangles are of one lesion


@dataclass(frozen=True)
class LesionCandidate:
    """A lesion that was found.

    Attributes:
        place: Where it is, in pixels of the photograph as it is searched.
        score: How sure it is that there is one, 0 to 1.
        malignant: P(malignant); None where the RUN has no classifier, or would refuse the lesion alone.
    """

    place: Rectangle
    score: float
    malignant: float | None = None


@dataclass(frozen=True)
class SearchedImage:
    """A photograph after its first pass.

    Attributes:
        image: Its path.
        upright: Uint8 (height, width, 3), upright and perhaps reduced.
        size: Its own (width, height).
        is_close_up: Whether it shows one lesion of a good size; then that is the one candidate, and its
            place is right.
        candidates: What was found.
        held: The photograph itself where it was given in memory, and no file has it.
    """

    image: str
    upright: np.ndarray
    size: tuple[int, int]
    is_close_up: bool
    candidates: tuple[LesionCandidate, ...]
    held: HeldImage | None = None


def find_candidates(predictor: Predictor, result: InferenceResult, settings: SearchSettings) -> SearchedImage:
    """Finds what may be lesions: the one lesion of a close-up, or what tiles show.

    Args:
        predictor: A RUN with a mask decoder.
        result: The first pass over the photograph.
        settings: How lesions are searched for.

    Raises:
        ImageError: The photograph is gone meanwhile.
    """
    mask = result.get_mask()
    is_close = is_close_up(mask, settings)
    upright, size = view_image(result.source, MAX_CLOSE_UP_PIXELS if is_close else MAX_SEARCHED_PIXELS)
    if is_close:
        candidates = outline_close_up(upright, result, settings)
    else:
        candidates = search_tiles(predictor, upright, mask, settings)
    return SearchedImage(result.image, upright, size, is_close, tuple(candidates), result.held)


def is_close_up(mask: np.ndarray, settings: SearchSettings) -> bool:
    """Whether a photograph shows one lesion of a good size and hardly anything else.

    Args:
        mask: P(lesion) over the whole photograph, (side, side).
        settings: How lesions are searched for.
    """
    regions = find_regions(mask >= HALF)
    if not regions.count:
        return False
    weights = np.sort(regions.sum_up(mask))[::-1]  # sums of P(lesion), the heaviest first
    is_large = regions.areas.max() >= settings.close * mask.size
    is_alone = weights[1:].sum() <= settings.alone * weights[0]
    return bool(is_large and is_alone)


def outline_close_up(
    image: np.ndarray, result: InferenceResult, settings: SearchSettings
) -> list[LesionCandidate]:
    """The one lesion of a close-up, uint8 (height, width, 3), as its first pass has it, with the P(malignant)
    that `predict` gives; none where the photograph is refused: a decoder, which has seen nothing else, finds a
    lesion in a flower too. None where it hardly differs from the skin around. None in a photograph of so few
    pixels that it fills none of them.
    """
    prediction = result.prediction
    if result.is_refused:
        return []
    mask = result.get_mask()
    cleaned = clean_mask(mask)
    lesion = cleaned >= HALF
    trimmed = np.where(lesion & ~trim_lesion(lesion), 0, cleaned)
    box = find_box(enlarge_mask(trimmed, image.shape[1], image.shape[0]))
    if box is None:
        return []
    score = score_lesion(result.pixels, mask, lesion)
    if score < settings.min_close_up_score:
        return []
    place = (float(box.x), float(box.y), float(box.x + box.width), float(box.y + box.height))
    malignant = None if prediction is None else prediction.probability
    return [LesionCandidate(place, score, malignant)]


def search_tiles(
    predictor: Predictor, image: np.ndarray, mask: np.ndarray, settings: SearchSettings
) -> list[LesionCandidate]:
    """What tiles of a photograph, uint8 (height, width, 3), show, the surest first.

    `mask` is that of its first pass, (side, side).
    """
    height, width = image.shape[:2]
    # The first pass sees the largest lesions, which no tile holds whole
    found = list(list_regions(mask, image.shape, settings.least, 1.0))
    for side in list_sides(min(height, width), settings):
        grid = lay_grid(width, height, side)
        tiles = predictor.session.stream(cut_tiles(image, grid))
        merged = merge_tiles((outputs["mask"] for outputs in tiles), grid)
        tile_share = CELLS / max(merged.shape)  # of a tile in the longer side of the photograph
        least = settings.least * tile_share
        most = settings.most * tile_share
        found += list_regions(merged, image.shape, least, most)
    corners = find_dark_corners(image)
    reach = CORNER_REACH * min(height, width)
    lit = []
    for candidate in found:
        in_dark = any(is_near(candidate.place, corner, reach) for corner in corners)
        if not in_dark:
            lit.append(candidate)
    return suppress_overlapping(lit, settings.apart)


def find_dark_corners(image: np.ndarray) -> list[tuple[int, int]]:
    """Finds the corners that a lens has left dark: half as light as the photograph, or less.

    Args:
        image: Uint8 (height, width, 3).

    Returns:
        X and y of each.
    """
    height, width = image.shape[:2]
    # A hundred pixels along each side tell lightness well enough
    small = image[:: 1 + height // 100, :: 1 + width // 100].mean(axis=2)
    patch = 1 + min(small.shape) // 50  # cells along the side of a corner
    corners = {
        (0, 0): small[:patch, :patch],
        (width, 0): small[:patch, -patch:],
        (0, height): small[-patch:, :patch],
        (width, height): small[-patch:, -patch:],
    }
    darkest = DARK_CORNER * np.median(small)
    return [corner for corner, lightness in corners.items() if lightness.mean() < darkest]


def list_sides(shorter: int, settings: SearchSettings) -> list[int]:
    """Lists the sides of tiles for a photograph, the largest first.

    Args:
        shorter: Pixels of the photograph's shorter side.
        settings: How lesions are searched for.

    >>> list_sides(1200, SearchSettings(finest=160, levels=5))
    [1200, 600, 300]
    """
    sides = []
    for level in range(settings.levels):
        side = shorter // 2**level
        if side >= settings.finest:
            sides.append(side)
    return sides


def list_regions(
    mask: np.ndarray, shape: tuple[int, ...], least: float, most: float
) -> Iterator[LesionCandidate]:
    """The regions of a mask over a photograph of that shape, (height, width, ...), whose longer side is
    between two shares of the mask's longer side.
    """
    regions = find_regions(mask >= HALF)
    down = shape[0] / mask.shape[0]  # pixels of the photograph for a cell of the mask
    across = shape[1] / mask.shape[1]
    weights = regions.sum_up(mask)
    for (left, top, right, bottom), area, weight in zip(regions.boxes, regions.areas, weights, strict=True):
        longer = max(right - left, bottom - top) / max(mask.shape)
        if least <= longer <= most:
            place = (left * across, top * down, right * across, bottom * down)
            yield LesionCandidate(place, float(weight / area))  # the mean P(lesion) in it


def suppress_overlapping(candidates: Sequence[LesionCandidate], apart: float) -> list[LesionCandidate]:
    """Drops the candidates that overlap a surer one (non-maximum suppression).

    Args:
        candidates: What was found.
        apart: IoU from which on two are of one lesion.

    Returns:
        The others, the surest first.
    """
    kept: list[LesionCandidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        if all(measure_iou(candidate.place, other.place) < apart for other in kept):
            kept.append(candidate)
    return kept
