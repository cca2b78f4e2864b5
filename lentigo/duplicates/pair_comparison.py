"""Whether two photographs are duplicates: how the one lies on the other, and which kind that makes them.

What merely looks alike is no duplicate: the fine detail of both must agree where the one lies on the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lentigo.duplicates.candidates import MIRRORED
from lentigo.duplicates.duplicates import (
    Duplicate,
    Pair,
    Transformation,
)
from lentigo.duplicates.fingerprints import TURNS, Fingerprint
from lentigo.duplicates.verification import Alignment, match_features, match_turn

SURE_SCORE = 0.85  # from which a turned image is a duplicate whatever its features say
TURN_SCORE = 0.6  # the same where its features say nothing
MANY_FEATURES = 9  # matched features that count as many
MANY_SCORE = 0.3  # from which an image laid on another by many features is a duplicate
FEW_SCORE = 0.5  # the same with fewer features
SAME_IMAGE_SCORE = 0.75  # below which it is another photograph of the same lesion, not the same image
MIN_WHOLE_OVERLAP = 0.97  # the share in common from which nothing was cropped
MAX_WHOLE_ANGLE = 2.0  # degrees from a quarter turn, up to which nothing was rotated freely
Proposal = tuple[Pair, tuple[int, ...]]  # a pair, and the ways in which its first may lie on its second


def get_first(proposal: Proposal) -> int:
    """The row of the first photograph of a proposed pair.

    Args:
        proposal: A pair of rows and the ways to try.
    """
    return proposal[0][0]


def compare_row(fingerprints: Sequence[Fingerprint], proposals: Sequence[Proposal]) -> list[Duplicate | None]:
    """Compares one photograph with several others.

    Args:
        fingerprints: Of all photographs.
        proposals: Pairs with the same first photograph, and the ways in which it may lie on the second.

    Returns:
        For each pair the duplicate that it is, or None.
    """
    first = fingerprints[get_first(proposals[0])]
    others = [fingerprints[pair[1]] for pair, _ in proposals]
    turned = []
    for other, (_, ways) in zip(others, proposals, strict=True):
        turned.append(align_turned(first, other, ways))
    # Features are slow, so they are compared only where turning the whole image has not decided
    by_features = align_by_features(first, others, proposals, turned)
    duplicates: list[Duplicate | None] = []
    for row, (pair, _) in enumerate(proposals):
        best = choose_alignment(by_features[row], turned[row])
        duplicate = None
        if best is not None:
            duplicate = name_duplicate(pair, best, first, others[row])
        duplicates.append(duplicate)
    return duplicates


def align_turned(first: Fingerprint, second: Fingerprint, ways: tuple[int, ...]) -> Alignment | None:
    """The best alignment by quarter turns and mirroring, where it is good enough."""
    alignments = [match_turn(first, second, way) for way in ways if way < TURNS]
    return choose_best(alignments, TURN_SCORE)


def align_by_features(
    first: Fingerprint,
    others: Sequence[Fingerprint],
    proposals: Sequence[Proposal],
    turned: Sequence[Alignment | None],
) -> list[list[Alignment]]:
    """The alignments by local features, for each of the others; none where its turned whole is sure."""
    alignments: list[list[Alignment]] = [[] for _ in others]
    for mirrored in (False, True):
        rows = []
        for row, (_, ways) in enumerate(proposals):
            if mirrored in list_flips(ways) and is_unsure(turned[row]):
                rows.append(row)
        results = match_features(first, [others[row] for row in rows], mirrored)
        for row, alignment in zip(rows, results, strict=True):
            if alignment is not None:
                alignments[row].append(alignment)
    return alignments


def list_flips(ways: tuple[int, ...]) -> set[bool]:
    """Whether the first of a pair may lie on the second as it is, mirrored, or either, by its ways."""
    return {way == MIRRORED or 4 <= way < TURNS for way in ways}


def is_unsure(turned: Alignment | None) -> bool:
    """Whether features must be compared, beside the turned whole."""
    return turned is None or turned.score < SURE_SCORE


def choose_alignment(by_features: list[Alignment], turned: Alignment | None) -> Alignment | None:
    """The best alignment that is good enough: of those found by features, and of the turned whole."""
    # Many features may agree on a weaker score: chance does not lay nine on one map
    many = [alignment for alignment in by_features if alignment.features >= MANY_FEATURES]
    few = [alignment for alignment in by_features if alignment.features < MANY_FEATURES]
    return choose_best([choose_best(many, MANY_SCORE), choose_best(few, FEW_SCORE), turned], 0)


def choose_best(alignments: Sequence[Alignment | None], min_score: float) -> Alignment | None:
    """The first with the highest score, where that is `min_score` at least.

    Args:
        alignments: One for each attempt; None where it failed.
        min_score: Below which there is no duplicate.
    """
    good = []
    for alignment in alignments:
        if alignment is not None and alignment.score >= min_score:
            good.append(alignment)
    return max(good, key=lambda alignment: alignment.score, default=None)


def name_duplicate(pair: Pair, alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Duplicate:
    """The duplicate that an alignment shows.

    Args:
        pair: The rows of two photographs.
        alignment: What makes the second out of the first.
        a: The fingerprint of the first.
        b: The fingerprint of the second.
    """
    transformation = describe_map(alignment, a, b)
    kind = name_kind(alignment, transformation)
    return Duplicate(pair[0], pair[1], kind, alignment.score, transformation, alignment.features)


def name_kind(alignment: Alignment, transformation: Transformation) -> str:
    """Which of `KINDS`, but 'exact'."""
    if alignment.score < SAME_IMAGE_SCORE:
        return "same lesion"
    # Near 0, 90, 180 and 270 degrees alike
    from_quarter_turn = abs((transformation.angle + 45) % 90 - 45)  # degrees
    if from_quarter_turn <= MAX_WHOLE_ANGLE and transformation.overlap >= MIN_WHOLE_OVERLAP:
        return "near"
    return "partial"


def describe_map(alignment: Alignment, a: Fingerprint, b: Fingerprint) -> Transformation:
    """What an alignment of the reduced images means for the photographs themselves."""
    a_height, a_width = a.grey.shape
    b_height, b_width = b.grey.shape
    # Reduced images may be squeezed differently: the map is brought back to the photographs' own pixels
    reduce_a = np.diag([a_width / a.size[0], a_height / a.size[1]])
    enlarge_b = np.diag([b.size[0] / b_width, b.size[1] / b_height])
    linear = enlarge_b @ alignment.map[:, :2] @ reduce_a  # (2, 2), in pixels of the photographs
    mirrored = bool(np.linalg.det(linear) < 0)
    # A mirrored map has no rotation: it is mirrored first, as `Transformation` says
    if mirrored:
        linear = linear @ np.diag([-1, 1])
    # The nearest rotation to a linear map is what its singular vectors make of it (polar decomposition)
    left, stretch, right = np.linalg.svd(linear)
    rotation = left @ right
    middle_of_a = alignment.map @ [(a_width - 1) / 2, (a_height - 1) / 2, 1]
    x, y = middle_of_a - [(b_width - 1) / 2, (b_height - 1) / 2]
    return Transformation(
        scale=float(np.sqrt(stretch.prod())),
        squeeze=float(stretch[0] / stretch[1]),
        angle=float(np.degrees(np.arctan2(rotation[0, 1], rotation[0, 0]))),
        mirrored=mirrored,
        shift=(float(x / b_width), float(y / b_height)),
        overlap=alignment.overlap,
    )
