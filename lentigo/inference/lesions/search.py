"""Search: the lesions of a photograph that may show one or many, as rectangles in its pixels.

The pass over the whole photograph says where its lesion is; where that is one of a good size, it is the
answer. Otherwise the photograph is looked at in overlapping tiles of several sizes, each lesion taken from
the sizes that show it well. Each is then looked at once more, alone, with a margin of skin: that pass gives
its outline, hence the rectangle, and P(malignant).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lentigo.images.photographs import view_image
from lentigo.images.skin_tone import convert_lab
from lentigo.inference.lesions.mask_cleaning import HALF, SHARE, clean_mask, enlarge_mask, find_box
from lentigo.inference.lesions.regions import fill_holes, find_regions, open_mask
from lentigo.inference.lesions.tiles import CELLS, cut_tiles, lay_grid, merge_tiles, shrink_square
from lentigo.inference.prediction import Answer, Predictor
from lentigo.models.runtime import Answers

VIEW, CLOSE_VIEW = 16_000_000, 1_000_000  # pixels at most of a photograph that is searched, and of a close-up
DOUBT = 2.0  # contrast at which it is as likely as not that what the network sees is skin
NARROW = 0.1  # of the root of a lesion's area: what is narrower is no part of it
CORNER = 0.06  # of the shorter side, from a dark corner: what the decoder sees there is the end of the lens
SKIP, FEWEST = 3, 25  # every third row and column tells colours; pixels of skin that are enough for it
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Search:
    """How lesions are looked for; chosen on composed photographs, see bench/detection.py."""

    finest: int = 160  # pixels of the smallest tile's side at least
    levels: int = 4  # sizes of tiles at most, each half of the one before
    least: float = 0.08  # of a tile's side: the longer side of a lesion that is taken from that size of tile
    most: float = 0.8
    margin: float = 0.5  # of a lesion's longer side: the skin around it in the second look
    close: float = 0.03  # of the photograph's area: a single lesion of that size makes it a close-up
    alone: float = 0.35  # of that lesion's weight: all else together in a close-up
    agree: float = 0.3  # overlap (IoU) of both looks, for a lesion to stand
    sure: float = 0.45  # score at least, but in a close-up
    # Distance from what the classifier knows, in its limits, from which on a picture shows something else
    # than a lesion
    strange: float = 1.4
    apart: float = 0.4  # overlap from which on two rectangles are of one lesion


@dataclass(frozen=True)
class Look:
    """A lesion: where it is, how sure that there is one, 0..1, and P(malignant) where that is known."""

    place: Rectangle
    score: float
    malignant: float | None = None


@dataclass(frozen=True)
class LesionView:
    """A photograph after its first look: `upright`, uint8 (height, width, 3), upright and perhaps reduced,
    its own `size`, (width, height), and what was `found`; of a close-up that is its one lesion, and its place
    is right."""

    image: str
    upright: np.ndarray
    size: tuple[int, int]
    close: bool
    found: tuple[Look, ...]


def is_close_up(mask: np.ndarray, search: Search) -> bool:
    """Whether the mask of a whole photograph, (side, side), shows one lesion of a good size and hardly
    anything else.
    """
    regions = find_regions(mask >= HALF)
    weight = np.sort(regions.sum_up(mask))[::-1]
    return bool(
        len(weight)
        and regions.areas.max() >= search.close * mask.size
        and weight[1:].sum() <= search.alone * weight[0]
    )


def look_once(predictor: Predictor, answer: Answer, search: Search) -> LesionView:
    """The photograph of a first pass, and what is seen in it: its one lesion, or what tiles show. Raises
    `ImageError` where it is gone meanwhile.
    """
    close = is_close_up(answer.mask, search)
    image, size = view_image(answer.image, CLOSE_VIEW if close else VIEW)
    found = outline_whole(image, answer) if close else search_tiles(predictor, image, answer.mask, search)
    return LesionView(answer.image, image, size, close, tuple(found))


def outline_whole(image: np.ndarray, answer: Answer) -> list[Look]:
    """The one lesion of a close-up, uint8 (height, width, 3), as its first pass has it; none in a photograph
    of so few pixels that it fills none of them.
    """
    cleaned = clean_mask(answer.mask)
    trimmed = np.where((cleaned >= HALF) & ~trim_lesion(cleaned >= HALF), 0, cleaned)
    box = find_box(enlarge_mask(trimmed, image.shape[1], image.shape[0]))
    if box is None:
        return []
    place = float(box.x), float(box.y), float(box.x + box.width), float(box.y + box.height)
    return [Look(place, score_lesion(answer.pixels, answer.mask, cleaned >= HALF))]


def search_tiles(predictor: Predictor, image: np.ndarray, mask: np.ndarray, search: Search) -> list[Look]:
    """What tiles of a photograph, uint8 (height, width, 3), show, the surest first; `mask` is that of its
    first pass.
    """
    found = [*list_regions(mask, image.shape, search.least, 1.0)]
    for side in list_sides(min(image.shape[:2]), search):
        grid = lay_grid(image.shape[1], image.shape[0], side)
        masks = (tile["mask"] for tile in predictor.session.stream(cut_tiles(image, grid)))
        merged = merge_tiles(masks, grid)
        found += list_regions(
            merged,
            image.shape,
            search.least * CELLS / max(merged.shape),
            search.most * CELLS / max(merged.shape),
        )
    corners = find_dark_corners(image)
    lit = [
        look
        for look in found
        if not any(is_near(look.place, corner, CORNER * min(image.shape[:2])) for corner in corners)
    ]
    return keep_apart(lit, search.apart)


def find_dark_corners(image: np.ndarray) -> list[tuple[int, int]]:
    """The corners, x and y, of a photograph, uint8 (height, width, 3), that a lens has left dark: half as
    light as the photograph, or less.
    """
    height, width = image.shape[:2]
    small = image[:: 1 + height // 100, :: 1 + width // 100].mean(axis=2)
    patch = 1 + min(small.shape) // 50
    corners = {
        (0, 0): small[:patch, :patch],
        (width, 0): small[:patch, -patch:],
        (0, height): small[-patch:, :patch],
        (width, height): small[-patch:, -patch:],
    }
    return [corner for corner, light in corners.items() if light.mean() < 0.5 * np.median(small)]


def is_near(place: Rectangle, corner: tuple[int, int], reach: float) -> bool:
    """Whether a rectangle comes as near as `reach` pixels to a corner, along both sides."""
    return place[0] - reach < corner[0] < place[2] + reach and place[1] - reach < corner[1] < place[3] + reach


def list_sides(shorter: int, search: Search) -> list[int]:
    """The sides of tiles for a photograph by its shorter side, the largest first.

    >>> list_sides(1200, Search(finest=160, levels=5))
    [1200, 600, 300]
    """
    sides = [shorter // 2**level for level in range(search.levels)]
    return [side for side in sides if side >= search.finest]


def list_regions(mask: np.ndarray, shape: tuple[int, ...], least: float, most: float) -> Iterator[Look]:
    """The regions of a mask over a photograph of that shape, (height, width, ...), whose longer side is
    between two shares of the mask's longer side.
    """
    regions = find_regions(mask >= HALF)
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    for (left, top, right, bottom), area, weight in zip(
        regions.boxes, regions.areas, regions.sum_up(mask), strict=True
    ):
        longer = max(right - left, bottom - top) / max(mask.shape)
        if least <= longer <= most:
            yield Look((left * across, top * down, right * across, bottom * down), float(weight / area))


def look_again(predictor: Predictor, sights: Sequence[LesionView], search: Search) -> list[list[Look]]:
    """The lesions of each of the photographs, the surest first and none twice, after a look at each alone
    with a margin of skin.

    That gives P(malignant) and, but in a close-up, the place; lesions stand that are there in both looks. The
    looks at all photographs share one stream, so that no batch goes half empty.
    """
    squares = [
        [surround(look.place, sight.upright.shape, search.margin) for look in sight.found] for sight in sights
    ]
    answers = predictor.session.stream(
        shrink_square(sight.upright, *square)
        for sight, several in zip(sights, squares, strict=True)
        for square in several
    )
    concluded = []
    for sight, several in zip(sights, squares, strict=True):
        looks = [
            conclude(predictor, sight, look, square, next(answers), search)
            for look, square in zip(sight.found, several, strict=True)
        ]
        concluded.append(keep_apart([look for look in looks if look is not None], search.apart))
    return concluded


def conclude(
    predictor: Predictor,
    sight: LesionView,
    first: Look,
    square: tuple[int, int, int],
    answer: Answers,
    search: Search,
) -> Look | None:
    """A lesion after its second look, None where there is none."""
    second = first if sight.close else refine(sight.upright, first, square, answer["mask"], search)
    if second is None or is_strange(predictor, answer, search):
        return None
    return replace(
        second, malignant=predictor.read_probability(answer["logit"]) if predictor.classifies else None
    )


def surround(place: Rectangle, shape: tuple[int, ...], margin: float) -> tuple[int, int, int]:
    """The square, left, top and side, around a lesion with a margin of skin, moved into the photograph of
    that shape.
    """
    left, top, right, bottom = place
    side = min(round(max(right - left, bottom - top) * (1 + 2 * margin)) + 1, *shape[:2])
    x, y = ((low + high - side) / 2 for low, high in ((left, right), (top, bottom)))
    return int(np.clip(round(x), 0, shape[1] - side)), int(np.clip(round(y), 0, shape[0] - side)), side


def refine(
    image: np.ndarray, first: Look, square: tuple[int, int, int], mask: np.ndarray, search: Search
) -> Look | None:
    """The lesion of a second look, as the first one says where; None where both do not agree, or where it is
    doubtful that there is one.
    """
    x, y, side = square
    zoom = side / len(mask)
    regions = find_regions(fill_holes(mask >= HALF))
    overlaps = [
        measure_overlap(first.place, (x + left * zoom, y + top * zoom, x + right * zoom, y + bottom * zoom))
        for left, top, right, bottom in regions.boxes
    ]
    if not overlaps or max(overlaps) < search.agree:
        return None
    lesion = regions.paint(np.arange(regions.count) == np.argmax(overlaps))
    score = score_lesion(shrink_square(image, *square), mask, lesion)
    box = find_box(lesion)
    place = (
        x + box.x * zoom,
        y + box.y * zoom,
        x + (box.x + box.width) * zoom,
        y + (box.y + box.height) * zoom,
    )
    return Look(place, score) if score >= search.sure else None


def trim_lesion(lesion: np.ndarray) -> np.ndarray:
    """A lesion, bool (side, side), without what sticks out and is narrow: hairs, ink, rulers. The largest
    piece, and others half as large, stay.
    """
    opened = open_mask(lesion, max(1, round(NARROW * np.count_nonzero(lesion) ** 0.5)))
    regions = find_regions(opened)
    return regions.paint(regions.areas >= SHARE * regions.areas.max()) if regions.count else lesion


def score_lesion(pixels: np.ndarray, mask: np.ndarray, lesion: np.ndarray) -> float:
    """How sure it is that there is a lesion, 0..1: the mean P(lesion) in it, less where its colour is hardly
    another than that of the skin around.

    `pixels` are uint8 (side, side, 3), `mask` and `lesion` P and bool (side, side). The contrast is the
    distance, Delta E*ab 1976, of the lesion's mean colour from the skin's median, in median distances of the
    skin's own pixels from that; a contrast of `DOUBT` halves the score. The network alone is sure of lesions
    on bare skin, which it has never seen.
    """
    sure, lab = float(mask[lesion].mean()), convert_lab(pixels[::SKIP, ::SKIP])
    inside, outside = lab[lesion[::SKIP, ::SKIP]], lab[(mask < 0.2)[::SKIP, ::SKIP]]
    if not len(inside) or len(outside) < FEWEST:
        return sure
    middle = np.median(outside, axis=0)
    spread = max(0.5, float(np.median(np.linalg.norm(outside - middle, axis=1))))
    contrast = float(np.linalg.norm(inside.mean(axis=0) - middle)) / spread
    return sure * contrast / (contrast + DOUBT)


def is_strange(predictor: Predictor, answer: Answers, search: Search) -> bool:
    """Whether a pass shows something else than a lesion: a decoder, which has seen nothing else, finds one in
    a flower too. Needs a classifier.
    """
    if predictor.reference is None:
        return False
    distance = float(predictor.reference.measure_distance(answer[predictor.reference.output][None])[0])
    return distance > search.strange * predictor.reference.limit


def measure_overlap(a: Rectangle, b: Rectangle) -> float:
    """Intersection over union of two rectangles."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return shared / (measure_size(a) + measure_size(b) - shared)


def measure_size(a: Rectangle) -> float:
    """Square pixels."""
    return (a[2] - a[0]) * (a[3] - a[1])


def keep_apart(looks: Sequence[Look], apart: float) -> list[Look]:
    """The looks, the surest first, without those that overlap a surer one by `apart` or more (non-maximum
    suppression).
    """
    kept: list[Look] = []
    for look in sorted(looks, key=lambda look: -look.score):
        if all(measure_overlap(look.place, other.place) < apart for other in kept):
            kept.append(look)
    return kept
