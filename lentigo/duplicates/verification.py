"""Verification: is one photograph a duplicate of another?

Matched local features say how it would lie on the other, its fine detail whether it does. A map is a matrix,
float64 (2, 3), from pixels of the one reduced image (see `lentigo.duplicates.fingerprints`) to those of the
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.duplicates.fingerprints import Fingerprint, mirror_features, restore_descriptors, unpack_skin

# Of the distances to the nearest and the next feature, up to which a match counts (Lowe 2004)
MAX_RATIO = 0.85
MIN_MATCHES = 6  # that agree on one map
MAX_ANGLE_DEGREES = 20.0  # by which the rotations of two matches may differ to be alike
MAX_SCALE_OCTAVES = 0.6  # by which the scales of two matches may differ to be alike
MAX_OFFSET_PIXELS = 3.0  # from where the map puts a feature, within which it is found
# What a photograph's map may do
MIN_STRETCH = 0.25
MAX_STRETCH = 4
MAX_SQUEEZE = 1.6  # of the larger stretch to the smaller
CELL_PIXELS = 16  # detail is compared in squares of this side
# Detail is what a blur of the first width leaves and one of the second removes
FINE_PIXELS = 1.2
COARSE_PIXELS = 4.0
MIN_CELL_DETAIL = 0.3  # grey levels, below which a square has none
MIN_CELL_SKIN = 0.9  # share of a square that must be skin in both
MIN_DETAILED_SHARE = 1 / 3  # of the squares that both images show must have detail
MIN_DETAILED_CELLS = 9  # squares with detail, without which nothing is said


@dataclass(frozen=True)
class Alignment:
    """How one image lies on another.

    Attributes:
        map: From the one to the other, float64 (2, 3).
        features: Matched local features that agree with it, 0 where it was not found by them.
        score: The median correlation of their detail in the squares that both show, negative ones set to 0: 1
            for the same pixels, about 0 for other skin.
        overlap: The share of the image that shows more which the other shows, too.
    """

    map: np.ndarray
    features: int
    score: float
    overlap: float


def match_turn(a: Fingerprint, b: Fingerprint, turn: int) -> Alignment | None:
    """Lays an image on another after turning it by quarters, mirroring it, and squeezing it where need be.

    Args:
        a: The first image.
        b: The second.
        turn: See `fingerprints.TURNS`.

    Returns:
        How the first lies on the second; None where they cannot be compared.
    """
    return judge_map(a, b, map_turn(a.grey.shape, b.grey.shape, turn), 0)


def map_turn(shape: tuple[int, int], onto: tuple[int, int], turn: int) -> np.ndarray:
    """Gives the map from one image to another for an orientation.

    Args:
        shape: Height and width of the first in pixels.
        onto: Height and width of the second.
        turn: See `fingerprints.TURNS`.

    Returns:
        The map, float64 (2, 3).

    >>> map_turn((10, 20), (20, 10), 1).tolist()  # a quarter turn counterclockwise: left is down now
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 19.0]]
    """
    height, width = shape
    onto_height, onto_width = onto
    mirror = -1 if turn >= 4 else 1
    # From pixels to a square of -1 to 1 around the middle, turned there, and to pixels of the other
    centre = np.array([[1, 0, (1 - width) / 2], [0, 1, (1 - height) / 2], [0, 0, 1]])
    to_unit = np.diag([mirror * 2 / width, 2 / height, 1])
    quarter = np.linalg.matrix_power(np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), turn % 4)
    from_unit = np.array(
        [
            [onto_width / 2, 0, (onto_width - 1) / 2],
            [0, onto_height / 2, (onto_height - 1) / 2],
            [0, 0, 1],
        ]
    )
    return (from_unit @ quarter @ to_unit @ centre)[:2] + 0.0  # no negative zeros


def match_features(a: Fingerprint, others: Sequence[Fingerprint], mirrored: bool) -> list[Alignment | None]:
    """Lays an image on each of some others by their local features.

    Args:
        a: The image.
        others: The others.
        mirrored: Whether its mirror image is laid on them.

    Returns:
        How it lies on each; None where too few features agree, or where they cannot be compared.
    """
    points = a.points
    descriptors = a.descriptors
    if mirrored:
        points, descriptors = mirror_features(points, descriptors, a.grey.shape[1])
    if len(points) < MIN_MATCHES or not others:
        return [None] * len(others)
    matches = pair_features(restore_descriptors(descriptors), [b.descriptors for b in others])
    alignments = []
    for b, (mine, theirs) in zip(others, matches, strict=True):
        alignments.append(lay_on(a, b, points, mine, theirs, mirrored))
    return alignments


def lay_on(
    a: Fingerprint, b: Fingerprint, points: np.ndarray, mine: np.ndarray, theirs: np.ndarray, mirrored: bool
) -> Alignment | None:
    """`a` on `b`, by those of its `points`, (m, 4), and of those of `b` that are matched."""
    if min(len(mine), len(b.points)) < MIN_MATCHES:
        return None
    alike = find_alike(points[mine], b.points[theirs])
    found = estimate_map(points[mine[alike], :2], b.points[theirs[alike], :2])
    if found is None:
        # The homography of quarter turns: rotation about the middle, in units of half a side
        return None
    matrix, features = found
    flip = np.eye(3)
    if mirrored:
        flip = np.array([[-1, 0, a.grey.shape[1] - 1], [0, 1, 0], [0, 0, 1]])
    return judge_map(a, b, matrix @ flip, features)


def pair_features(a: np.ndarray, others: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Matches descriptors with those of some others: the nearest, if clearly nearer than the next (Lowe
    2004).

    Args:
        a: Descriptors, float32 (m, 128).
        others: Of each of the others, uint8 (n, 128).

    Returns:
        For each of the others the matched rows of `a` and its own.
    """
    # All others are compared in one product: they are many, and each is small
    padded = pad_descriptors(others, a.shape[1])  # (others, n, 128)
    flat = restore_descriptors(padded.reshape(-1, a.shape[1]))
    likeness = (a @ flat.T).reshape(len(a), len(others), -1)
    nearest = likeness.argmax(axis=2)[..., None]
    best = np.take_along_axis(likeness, nearest, axis=2)[..., 0]  # (m, others)
    np.put_along_axis(likeness, nearest, -1, axis=2)  # so that the next is found
    next_best = likeness.max(axis=2)
    clear = (1 - best) < MAX_RATIO**2 * (1 - next_best)  # squared distances are 2 - 2 x likeness
    matches = []
    for chosen, theirs in zip(clear.T, nearest[..., 0].T, strict=True):
        matches.append((np.flatnonzero(chosen), theirs[chosen]))
    return matches


def pad_descriptors(others: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Descriptors of several images as one array, uint8 (images, n, length); zeros, which nothing is near,
    fill up the shorter ones. There are two rows at least, so that each descriptor has a next one.
    """
    n = max(2, *(len(other) for other in others))
    padded = np.zeros((len(others), n, length), np.uint8)
    for row, other in zip(padded, others, strict=True):
        row[: len(other)] = other
    return padded


def find_alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of matched points, (m, 4) each, the rows of the largest set that rotates and scales as one of them
    does.
    """
    if len(a) == 0:
        return np.zeros(0, int)
    rotation = b[:, 3] - a[:, 3]  # degrees
    scale = np.log2(b[:, 2] / a[:, 2])  # octaves
    rotation_gap = np.abs((rotation[:, None] - rotation + 180) % 360 - 180)  # (m, m)
    scale_gap = np.abs(scale[:, None] - scale)
    alike = (rotation_gap < MAX_ANGLE_DEGREES) & (scale_gap < MAX_SCALE_OCTAVES)
    largest = alike.sum(axis=1).argmax()
    return np.flatnonzero(alike[largest])


def estimate_map(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int] | None:
    """The affine map on which most of the matched points, (m, 2) each, agree, and how many do.

    RANSAC (Fischler and Bolles 1981), then least squares over those that agree. None below `MIN_MATCHES`, or
    where the map is none that photographs have.
    """
    if len(a) < MIN_MATCHES:
        return None
    matrix, agree = cv2.estimateAffine2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=MAX_OFFSET_PIXELS, maxIters=500, confidence=0.99
    )
    if matrix is None or not is_plausible(matrix[:, :2]):
        return None
    # A point may have features in several directions: it counts once
    count = len(np.unique(np.round(a[agree.ravel() > 0]), axis=0))
    if count < MIN_MATCHES:
        return None
    return matrix, count


def is_plausible(linear: np.ndarray) -> bool:
    """Whether a linear map, (2, 2), neither mirrors nor stretches more than photographs do."""
    larger, smaller = np.linalg.svd(linear, compute_uv=False)
    if np.linalg.det(linear) <= 0:
        return False
    return bool(smaller > MIN_STRETCH and larger < MAX_STRETCH and larger < MAX_SQUEEZE * smaller)


def judge_map(a: Fingerprint, b: Fingerprint, matrix: np.ndarray, features: int) -> Alignment | None:
    """Whether the detail of `a` is that of `b` where the map puts it.

    None where they share too little skin, or show no detail there.
    """
    moving = a
    fixed = b
    way = matrix
    if np.abs(np.linalg.det(matrix[:, :2])) > 1:  # details are compared where they are smaller
        moving = b
        fixed = a
        way = cv2.invertAffineTransform(matrix)
    height, width = fixed.grey.shape
    size = (width, height)  # OpenCV's order
    laid = cv2.warpAffine(moving.grey, way, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    everywhere = np.ones(moving.grey.shape, np.float32)
    shown = cv2.warpAffine(everywhere, way, size, flags=cv2.INTER_LINEAR)
    skin_of_moving = cv2.warpAffine(unpack_skin(moving), way, size, flags=cv2.INTER_NEAREST)
    skin = skin_of_moving * unpack_skin(fixed)
    area = abs(np.linalg.det(way[:, :2])) * moving.grey.size  # of the moved image, in pixels of the other
    overlap = float(min(shown.sum() / max(area, fixed.grey.size), 1))
    score = compare_detail(laid, fixed.grey, skin.astype(np.float32))
    if score is None:
        return None
    return Alignment(matrix, features, score, overlap)


def compare_detail(a: np.ndarray, b: np.ndarray, shown: np.ndarray) -> float | None:
    """The median correlation of the detail of two images, uint8 (h, w), in squares; see `Alignment`.

    Squares count where `shown`, float32 (h, w), is nearly all 1. None where too few have any detail.
    """
    detail_a = keep_detail(a)
    detail_b = keep_detail(b)
    inside = average_cells(shown) > MIN_CELL_SKIN
    variance_a = average_cells(detail_a * detail_a)
    variance_b = average_cells(detail_b * detail_b)
    covariance = average_cells(detail_a * detail_b)
    # Where both are smooth, a correlation would be one of noise
    detailed = inside & (np.maximum(variance_a, variance_b) > MIN_CELL_DETAIL**2)
    if detailed.sum() < max(MIN_DETAILED_SHARE * inside.sum(), MIN_DETAILED_CELLS):
        return None
    deviations = np.sqrt(variance_a[detailed] * variance_b[detailed] + 1e-6)  # never 0
    correlation = covariance[detailed] / deviations
    return float(np.clip(np.median(correlation), 0, 1))


def average_cells(values: np.ndarray) -> np.ndarray:
    """The means of squares of `CELL_PIXELS`, float32 (h, w) to one value a square."""
    height, width = values.shape
    cells = (max(width // CELL_PIXELS, 1), max(height // CELL_PIXELS, 1))
    return cv2.resize(values, cells, interpolation=cv2.INTER_AREA)


def keep_detail(grey: np.ndarray) -> np.ndarray:
    """What is finer than shapes and coarser than the noise of compression, float32 (h, w)."""
    image = grey.astype(np.float32)
    fine = cv2.GaussianBlur(image, (0, 0), FINE_PIXELS)
    coarse = cv2.GaussianBlur(image, (0, 0), COARSE_PIXELS)
    return fine - coarse
