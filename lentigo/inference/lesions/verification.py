"""Verification: each candidate lesion of an overview is passed through the network once more, alone, with a
margin of skin.

That gives P(malignant) and the place; lesions are kept that are there in both passes. The lesion of a close-up
was seen well enough by the first pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lentigo.inference.lesions.mask_cleaning import HALF, find_box
from lentigo.inference.lesions.rectangles import Rectangle, measure_iou
from lentigo.inference.lesions.regions import fill_holes, find_regions
from lentigo.inference.lesions.scoring import score_lesion
from lentigo.inference.lesions.search import (
    LesionCandidate,
    SearchedImage,
    SearchSettings,
    suppress_overlapping,
)
from lentigo.inference.lesions.tiles import shrink_square
from lentigo.inference.predictor import Predictor
from lentigo.models.inference_session import Outputs

Square = tuple[int, int, int]  # left, top and side in pixels


def verify_candidates(
    predictor: Predictor, images: Sequence[SearchedImage], settings: SearchSettings
) -> list[list[LesionCandidate]]:
    """Verifies the candidates of several photographs.

    The passes of all photographs share one stream, so that no batch goes half empty.

    Args:
        predictor: A RUN with a mask decoder.
        images: Photographs after their first pass.
        settings: How lesions are searched for.

    Returns:
        The lesions of each photograph, the surest first and none twice.
    """
    overviews = [image for image in images if not image.is_close_up]
    outputs = predictor.session.stream(cut_candidates(overviews, settings.margin))
    verified = []
    for image in images:
        if image.is_close_up:
            verified.append(list(image.candidates))
            continue
        lesions = []
        for candidate in image.candidates:
            lesion = verify_candidate(predictor, image, candidate, next(outputs), settings)
            if lesion is not None:
                lesions.append(lesion)
        verified.append(suppress_overlapping(lesions, settings.apart))
    return verified


def cut_candidates(images: Sequence[SearchedImage], margin: float) -> Iterator[np.ndarray]:
    """The square around each candidate, as the network takes it, in order."""
    for image in images:
        for candidate in image.candidates:
            yield shrink_square(image.upright, *surround(candidate.place, image.upright.shape, margin))


def verify_candidate(
    predictor: Predictor,
    image: SearchedImage,
    candidate: LesionCandidate,
    outputs: Outputs,
    settings: SearchSettings,
) -> LesionCandidate | None:
    """A candidate after its second pass, None where there is no lesion."""
    refined = refine(image.upright, candidate, outputs["mask"], settings)
    if refined is None or is_out_of_distribution(predictor, outputs, settings.ood_factor):
        return None
    if not predictor.has_classifier or is_out_of_distribution(predictor, outputs):
        return replace(refined, malignant=None)
    return replace(refined, malignant=predictor.decider.read_probability(float(outputs["logit"][0])))


def surround(place: Rectangle, shape: tuple[int, ...], margin: float) -> Square:
    """Lays a square around a lesion with a margin of skin, and moves it into the photograph.

    Args:
        place: Where the lesion is.
        shape: Of the photograph, (height, width, ...).
        margin: Of the lesion's longer side.
    """
    height, width = shape[:2]
    left, top, right, bottom = place
    longer = max(right - left, bottom - top)
    side = min(round(longer * (1 + 2 * margin)) + 1, height, width)  # no larger than the photograph
    x = round((left + right - side) / 2)
    y = round((top + bottom - side) / 2)
    return int(np.clip(x, 0, width - side)), int(np.clip(y, 0, height - side)), side


def refine(
    image: np.ndarray, candidate: LesionCandidate, mask: np.ndarray, settings: SearchSettings
) -> LesionCandidate | None:
    """The lesion of a second pass, where the first one has it; None where both do not agree, or where it is
    uncertain that there is one.
    """
    square = surround(candidate.place, image.shape, settings.margin)
    regions = find_regions(fill_holes(mask >= HALF))
    ious = []
    for region in regions.boxes:
        ious.append(measure_iou(candidate.place, place_on_image(region, square, len(mask))))
    if not ious or max(ious) < settings.agree:
        return None
    lesion = regions.paint(np.arange(regions.count) == np.argmax(ious))
    score = score_lesion(shrink_square(image, *square), mask, lesion)
    box = find_box(lesion)
    if box is None or score < settings.min_score:
        return None
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    return LesionCandidate(place_on_image(corners, square, len(mask)), score)


def place_on_image(corners: Sequence[int], square: Square, side: int) -> Rectangle:
    """Left, top, right and bottom in a mask of `side` pixels over a square, in pixels of the photograph."""
    x, y, square_side = square
    zoom = square_side / side
    left, top, right, bottom = corners
    return (x + left * zoom, y + top * zoom, x + right * zoom, y + bottom * zoom)


def is_out_of_distribution(predictor: Predictor, outputs: Outputs, factor: float = 1.0) -> bool:
    """Whether a pass shows something else than a lesion: a decoder, which has seen nothing else, finds one in
    a flower too. Needs a classifier.

    Args:
        predictor: Whose pass it was.
        outputs: What the network gave.
        factor: Of the limit beyond which `predict` refuses a photograph.
    """
    reference = predictor.decider.reference
    if reference is None:
        return False
    return predictor.decider.measure_distance(outputs) > factor * reference.limit
