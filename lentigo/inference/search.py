"""Search: the lesions of a photograph that may show one or many, as rectangles in its pixels.

The pass over the whole photograph says where its lesion is; where that is one of a good size, it is the answer. Otherwise the photograph is looked at
in overlapping tiles of several sizes, each lesion taken from the sizes that show it well. Each is then looked at once more, alone, with a margin of
skin: that pass gives its outline, hence the rectangle, and P(malignant).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lentigo.inference.lesions import HALF, clean_mask, enlarge_mask
from lentigo.inference.prediction import Predictor
from lentigo.inference.regions import fill_holes, find_regions
from lentigo.inference.tiles import CELLS, cut_tiles, lay_grid, merge_tiles, shrink_square

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Search:
    """How lesions are looked for; chosen on composed photographs, see bench/detection.py."""

    finest: int = 160  # pixels of the smallest tile's side at least
    levels: int = 5  # sizes of tiles at most, each half of the one before
    least: float = 0.08  # of a tile's side: the longer side of a lesion that is taken from that size of tile
    most: float = 0.6
    margin: float = 0.5  # of a lesion's longer side: the skin around it in the second look
    close: float = 0.03  # of the photograph's area: a single lesion of that size makes it a close-up
    alone: float = 0.1  # of that lesion's weight: all else together in a close-up
    agree: float = 0.3  # overlap (IoU) of both looks, for a lesion to stand
    apart: float = 0.4  # overlap from which on two rectangles are of one lesion


@dataclass(frozen=True)
class Look:
    """A lesion: where it is, how sure that there is one, 0..1, and P(malignant) where that is known."""

    place: Rectangle
    score: float
    malignant: float | None = None


def is_close_up(mask: np.ndarray, search: Search) -> bool:
    """Whether the mask of a whole photograph, (side, side), shows one lesion of a good size and hardly anything else."""
    regions = find_regions(mask >= HALF)
    weight = np.sort(regions.sum_up(mask))[::-1]
    return bool(len(weight) and regions.areas.max() >= search.close * mask.size and weight[1:].sum() <= search.alone * weight[0])


def outline_whole(predictor: Predictor, photo: np.ndarray, mask: np.ndarray, search: Search) -> list[Look]:
    """The one lesion of a close-up, uint8 (height, width, 3), as the mask of its first pass, (side, side), has it; P(malignant) from a second look."""
    cleaned = clean_mask(mask)
    seen = enlarge_mask(cleaned, photo.shape[1], photo.shape[0])
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    place = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    square = shrink_square(photo, *surround(place, photo.shape, search.margin))
    malignant = next(predictor.rate([square])) if predictor.classifies else None
    return [Look(place, float(mask[cleaned >= HALF].mean()), malignant)]


def search_photo(predictor: Predictor, photo: np.ndarray, mask: np.ndarray, search: Search) -> list[Look]:
    """The lesions of a photograph, uint8 (height, width, 3), the surest first; `mask` is that of its first pass."""
    found = [*list_regions(mask, photo.shape, search.least, 1.0)]
    for side in list_sides(min(photo.shape[:2]), search):
        grid = lay_grid(photo.shape[1], photo.shape[0], side)
        answers = predictor.session.stream(cut_tiles(photo, grid))
        merged = merge_tiles((answer["mask"] for answer in answers), grid)
        found += list_regions(merged, photo.shape, search.least * CELLS / max(merged.shape), search.most * CELLS / max(merged.shape))
    return look_again(predictor, photo, keep_apart(found, search.apart), search)


def list_sides(shorter: int, search: Search) -> list[int]:
    """The sides of tiles for a photograph by its shorter side, the largest first.

    >>> list_sides(1200, Search(finest=160, levels=5))
    [1200, 600, 300]
    """
    sides = [shorter // 2**level for level in range(search.levels)]
    return [side for side in sides if side >= search.finest]


def list_regions(mask: np.ndarray, shape: tuple[int, ...], least: float, most: float) -> Iterator[Look]:
    """The regions of a mask over a photograph of that shape, (height, width, ...), whose longer side is between two shares of the mask's longer side."""
    regions = find_regions(mask >= HALF)
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    for (left, top, right, bottom), area, weight in zip(regions.boxes, regions.areas, regions.sum_up(mask), strict=True):
        longer = max(right - left, bottom - top) / max(mask.shape)
        if least <= longer <= most:
            yield Look((left * across, top * down, right * across, bottom * down), float(weight / area))


def look_again(predictor: Predictor, photo: np.ndarray, found: Sequence[Look], search: Search) -> list[Look]:
    """Each lesion alone with a margin of skin; those stand that are there in both looks, the surest first and none twice."""
    squares = [surround(look.place, photo.shape, search.margin) for look in found]
    answers = predictor.session.stream(shrink_square(photo, *square) for square in squares)
    looks = [refine(predictor, look, square, answer, search) for look, square, answer in zip(found, squares, answers, strict=True)]
    return keep_apart([look for look in looks if look is not None], search.apart)


def surround(place: Rectangle, shape: tuple[int, ...], margin: float) -> tuple[int, int, int]:
    """The square, left, top and side, around a lesion with a margin of skin, moved into the photograph of that shape."""
    left, top, right, bottom = place
    side = min(round(max(right - left, bottom - top) * (1 + 2 * margin)) + 1, *shape[:2])
    x, y = ((low + high - side) / 2 for low, high in ((left, right), (top, bottom)))
    return int(np.clip(round(x), 0, shape[1] - side)), int(np.clip(round(y), 0, shape[0] - side)), side


def refine(predictor: Predictor, first: Look, square: tuple[int, int, int], answer: dict[str, np.ndarray], search: Search) -> Look | None:
    """The lesion of a second look, as the first one says where; None where both do not agree."""
    x, y, side = square
    mask, zoom = answer["mask"], side / len(answer["mask"])
    regions = find_regions(fill_holes(mask >= HALF))
    places = [(x + left * zoom, y + top * zoom, x + right * zoom, y + bottom * zoom) for left, top, right, bottom in regions.boxes]
    overlaps = [measure_overlap(first.place, place) for place in places]
    if not overlaps or max(overlaps) < search.agree:
        return None
    best = int(np.argmax(overlaps))
    score = float(regions.sum_up(mask)[best] / regions.areas[best])
    return Look(places[best], score, rate(predictor, answer))


def rate(predictor: Predictor, answer: dict[str, np.ndarray]) -> float | None:
    """P(malignant) of an answer, None where the RUN has no classifier."""
    return float(predictor.calibration.apply(answer["logit"])[0]) if predictor.classifies else None


def measure_overlap(a: Rectangle, b: Rectangle) -> float:
    """Intersection over union of two rectangles."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return shared / (measure_size(a) + measure_size(b) - shared)


def measure_size(a: Rectangle) -> float:
    """Square pixels."""
    return (a[2] - a[0]) * (a[3] - a[1])


def keep_apart(looks: Sequence[Look], apart: float) -> list[Look]:
    """The looks, the surest first, without those that overlap a surer one by `apart` or more (non-maximum suppression)."""
    kept: list[Look] = []
    for look in sorted(looks, key=lambda look: -look.score):
        if all(measure_overlap(look.place, other.place) < apart for other in kept):
            kept.append(look)
    return kept
