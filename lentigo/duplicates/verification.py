"""Is one photograph a copy of another? Matched local features say how it would lie on the other, its detail
whether it does.

A map is a matrix, float64 (2, 3), from pixels of the one small picture (see
`lentigo.duplicates.fingerprints`) to those of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.duplicates.fingerprints import Fingerprint, mirror_features, restore_descriptors, unpack_skin

RATIO = 0.85  # of the distances to the nearest and the next feature, up to which a match counts (Lowe 2004)
LEAST_MATCHES = 6  # that lie alike
NEAR_ANGLE, NEAR_SCALE = 20.0, 0.6  # degrees and octaves by which two matches may differ to be alike
REACH = 3.0  # pixels from where the map puts a feature, within which it is found
CELL = 16  # pixels; detail is compared in squares of this side
FINE, COARSE = (
    1.2,
    4.0,
)  # pixels: detail is what a blur of the first width leaves and one of the second removes
FLAT = 0.3  # grey levels of detail, below which a square has none
MOST = 0.9  # of a square must be skin in both
LEAST_DETAIL = 1 / 3  # of the squares that both pictures show must have some
LEAST_CELLS = 9  # squares that say something, or nothing is said


@dataclass(frozen=True)
class Alignment:
    """How a picture lies on another. `map`: from the one to the other. `features`: matched ones that agree
    with it, 0 where it was not found by them.

    `score`: the median correlation of their detail in the squares of `CELL` pixels that both show, below 0
    set to 0: 1 for the same pixels, about 0 for other skin. `overlap`: the share of the picture that shows
    more which the other shows, too.
    """

    map: np.ndarray
    features: int
    score: float
    overlap: float


def match_turn(a: Fingerprint, b: Fingerprint, turn: int) -> Alignment | None:
    """`a` turned by quarters and mirrored (see `fingerprints.TURNS`), and squeezed where need be, laid on
    `b`.
    """
    return judge_map(a, b, map_turn(a.grey.shape, b.grey.shape, turn), 0)


def map_turn(shape: tuple[int, int], onto: tuple[int, int], turn: int) -> np.ndarray:
    """The map from a picture of shape (h, w) to that of another, for an orientation.

    >>> map_turn((10, 20), (20, 10), 1).tolist()  # a quarter turn counterclockwise: left is down now
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 19.0]]
    """
    (height, width), (h, w) = shape, onto
    centre = np.array([[1, 0, (1 - width) / 2], [0, 1, (1 - height) / 2], [0, 0, 1]])
    unit = np.diag([-2 / width if turn >= 4 else 2 / width, 2 / height, 1])
    quarter = np.linalg.matrix_power(np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), turn % 4)
    back = np.array([[w / 2, 0, (w - 1) / 2], [0, h / 2, (h - 1) / 2], [0, 0, 1]])
    return (back @ quarter @ unit @ centre)[:2] + 0.0


def match_features(a: Fingerprint, others: Sequence[Fingerprint], mirrored: bool) -> list[Alignment | None]:
    """`a`, or its mirror image, laid on each of some others by their local features; None where too few
    agree.
    """
    points, descriptors = (
        (mirror_features(a.points, a.descriptors, a.grey.shape[1])) if mirrored else (a.points, a.descriptors)
    )
    if len(points) < LEAST_MATCHES or not others:
        return [None] * len(others)
    paired = pair_features(restore_descriptors(descriptors), [b.descriptors for b in others])
    return [
        lay_on(a, b, points, mine, theirs, mirrored) for b, (mine, theirs) in zip(others, paired, strict=True)
    ]


def lay_on(
    a: Fingerprint, b: Fingerprint, points: np.ndarray, mine: np.ndarray, theirs: np.ndarray, mirrored: bool
) -> Alignment | None:
    """`a` on `b`, by those of its `points`, (m, 4), and of those of `b` that are matched."""
    if min(len(mine), len(b.points)) < LEAST_MATCHES:
        return None
    alike = find_alike(points[mine], b.points[theirs])
    found = estimate_map(points[mine[alike], :2], b.points[theirs[alike], :2])
    if found is None:
        return None
    matrix, features = found
    flip = np.array([[-1, 0, a.grey.shape[1] - 1], [0, 1, 0], [0, 0, 1]]) if mirrored else np.eye(3)
    return judge_map(a, b, matrix @ flip, features)


def pair_features(a: np.ndarray, others: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of descriptors, float32 (m, 128), and of each of some others, uint8 (n, 128), that are nearest and
    clearly nearer than the next (Lowe 2004).

    All others are compared in one product: they are many, and each is small.
    """
    most = max(2, *(len(other) for other in others))
    padded = np.zeros((len(others), most, a.shape[1]), np.uint8)
    for row, other in zip(padded, others, strict=True):
        row[: len(other)] = other
    likeness = (a @ restore_descriptors(padded.reshape(-1, a.shape[1])).T).reshape(len(a), len(others), most)
    first = likeness.argmax(axis=2)
    best = np.take_along_axis(likeness, first[..., None], axis=2)
    np.put_along_axis(likeness, first[..., None], -1, axis=2)
    clear = (1 - best[..., 0]) < RATIO**2 * (
        1 - likeness.max(axis=2)
    )  # squared distances are 2 - 2 x likeness
    return [
        (np.flatnonzero(chosen), nearest[chosen]) for chosen, nearest in zip(clear.T, first.T, strict=True)
    ]


def find_alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of matched points, (m, 4) each, the rows of the largest set that one match turns and scales alike."""
    turn, scale = b[:, 3] - a[:, 3], np.log2(b[:, 2] / a[:, 2])
    off = np.abs((turn[:, None] - turn + 180) % 360 - 180)
    alike = (off < NEAR_ANGLE) & (np.abs(scale[:, None] - scale) < NEAR_SCALE)
    return np.flatnonzero(alike[alike.sum(axis=1).argmax()]) if len(a) else np.zeros(0, int)


def estimate_map(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, int] | None:
    """The affine map on which most of the matched points, (m, 2) each, agree, and how many; None below
    `LEAST_MATCHES`, or where it is no photograph's.

    RANSAC (Fischler and Bolles 1981), then least squares over those that agree.
    """
    if len(a) < LEAST_MATCHES:
        return None
    matrix, agree = cv2.estimateAffine2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=REACH, maxIters=500, confidence=0.99
    )
    if matrix is None:
        return None
    count = len(
        np.unique(np.round(a[agree.ravel() > 0]), axis=0)
    )  # a point may have features in several directions
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    sound = (
        np.linalg.det(matrix[:, :2]) > 0
        and stretch[1] > 0.25
        and stretch[0] < 4
        and stretch[0] < 1.6 * stretch[1]
    )
    return (matrix, count) if sound and count >= LEAST_MATCHES else None


def judge_map(a: Fingerprint, b: Fingerprint, matrix: np.ndarray, features: int) -> Alignment | None:
    """Whether the detail of `a` is that of `b` where the map puts it; None where they share too little skin,
    or show no detail there.
    """
    onto_a = np.abs(np.linalg.det(matrix[:, :2])) > 1  # details are compared where they are smaller
    mine, theirs, way = (b, a, cv2.invertAffineTransform(matrix)) if onto_a else (a, b, matrix)
    height, width = theirs.grey.shape
    laid = cv2.warpAffine(
        mine.grey, way, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    shown = cv2.warpAffine(np.ones(mine.grey.shape, np.float32), way, (width, height), flags=cv2.INTER_LINEAR)
    skin = cv2.warpAffine(unpack_skin(mine), way, (width, height), flags=cv2.INTER_NEAREST) * unpack_skin(
        theirs
    )
    area = abs(np.linalg.det(way[:, :2])) * mine.grey.size
    overlap = float(min(shown.sum() / max(area, theirs.grey.size), 1))
    score = compare_detail(laid, theirs.grey, skin.astype(np.float32))
    return None if score is None else Alignment(matrix, features, score, overlap)


def compare_detail(a: np.ndarray, b: np.ndarray, shown: np.ndarray) -> float | None:
    """The median correlation of two pictures' detail, uint8 (h, w), in squares where `shown`, float32 (h, w),
    is nearly all 1; see `Alignment`.
    """
    mine, theirs = keep_detail(a), keep_detail(b)
    cells = (max(a.shape[1] // CELL, 1), max(a.shape[0] // CELL, 1))
    inside, xx, yy, xy = (
        cv2.resize(each, cells, interpolation=cv2.INTER_AREA)
        for each in (shown, mine * mine, theirs * theirs, mine * theirs)
    )
    inside = inside > MOST
    detailed = inside & (np.maximum(xx, yy) > FLAT**2)
    if detailed.sum() < max(LEAST_DETAIL * inside.sum(), LEAST_CELLS):
        return None
    correlation = xy[detailed] / np.sqrt(xx[detailed] * yy[detailed] + 1e-6)
    return float(np.clip(np.median(correlation), 0, 1))


def keep_detail(grey: np.ndarray) -> np.ndarray:
    """What is finer than shapes and coarser than the noise of compression, float32 (h, w)."""
    image = grey.astype(np.float32)
    return cv2.GaussianBlur(image, (0, 0), FINE) - cv2.GaussianBlur(image, (0, 0), COARSE)
