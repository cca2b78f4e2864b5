"""What is kept of a photograph to find its copies: a hash of its pixels, a small picture, local features, low
frequencies.

A photograph is brought to `AREA` pixels first, whatever its size, so that the same detail has about the same
size in all copies.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.errors import ImageError
from lentigo.images.photographs import hold_pixels, read_content
from lentigo.images.problems import Problem

AREA = 160 * 160  # pixels of the small picture
LEAST_SIDE = 32  # pixels of the small picture's smaller side, however long and narrow the photograph is
FEATURES = 200  # local features that are kept, the strongest ones
LOW = 8  # lowest frequencies along a side
# Orientations of a picture: turn t is t % 4 quarter turns counterclockwise, after mirroring left to right
# where t >= 4
TURNS = 8
DARK, BRIGHT = (
    0.25,
    250,
)  # of the bright pixels' luma, and luma: what is darker or brighter and joined to the edge is no skin
RIM = 10  # pixels of the small picture around that, which the edge of a lens disturbs
_UNIT = 512.0  # a rootSIFT value of 1, as stored
_MIRROR = (
    np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()
)  # where the values of a mirrored patch are


@dataclass(frozen=True)
class Fingerprint:
    """Of one photograph. `digest`: BLAKE2 of its decoded pixels. `size`: its width and height in pixels.
    `grey`: uint8 (h, w), luma, `AREA` pixels. `skin`: which of them are not beyond the lens, a frame or a
    filled corner, as bits.

    `points`: float32 (m, 4), x and y in pixels of `grey`, diameter, angle in degrees clockwise;
    `descriptors`: uint8 (m, 128). `low`: float32 (63,), see `describe_low`. `blank`: there is nothing in it
    to compare.
    """

    digest: bytes
    size: tuple[int, int]
    grey: np.ndarray
    skin: np.ndarray
    points: np.ndarray
    descriptors: np.ndarray
    low: np.ndarray
    blank: bool


def take_fingerprint(path: str) -> Fingerprint | Problem:
    """The fingerprint of a file, or why it cannot be read."""
    try:
        with hold_pixels(read_content(path), str(path)) as pixels:
            return describe_pixels(pixels)
    except ImageError as error:
        return Problem(str(path), str(error).removeprefix(f"{path}: "))


def describe_pixels(pixels: np.ndarray) -> Fingerprint:
    """The fingerprint of uint8 (height, width, 3) RGB."""
    height, width = pixels.shape[:2]
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = shrink(luma)
    skin = find_skin(grey)
    points, descriptors = find_features(grey, skin)
    digest = hashlib.blake2b(
        np.ascontiguousarray(pixels), digest_size=16, salt=np.uint32([height, width]).tobytes()
    ).digest()
    return Fingerprint(
        digest,
        (width, height),
        grey,
        np.packbits(skin),
        points,
        descriptors,
        describe_low(luma),
        is_blank(grey),
    )


def shrink(luma: np.ndarray) -> np.ndarray:
    """The picture, uint8 (h, w), brought to `AREA` pixels, its shape kept unless it is very long."""
    height, width = luma.shape
    factor = np.sqrt(AREA / (height * width))
    size = max(round(width * factor), LEAST_SIDE), max(round(height * factor), LEAST_SIDE)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def is_blank(grey: np.ndarray) -> bool:
    """Whether nearly all pixels are alike: an even surface with at most the noise of compression on it."""
    low, high = np.percentile(grey, (1, 99))
    return bool(high - low <= 4)


def find_skin(grey: np.ndarray) -> np.ndarray:
    """Where there is no lens' dark surround, no frame and no filled corner, uint8 0 or 1 (h, w): their edges
    are alike in all photographs of a camera.
    """
    blurred = cv2.blur(grey, (3, 3))
    beyond = np.zeros(grey.shape, np.uint8)
    for extreme in (blurred < DARK * np.percentile(blurred, 90), blurred >= BRIGHT):
        labels = cv2.connectedComponents(extreme.astype(np.uint8), connectivity=4)[1]
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        beyond |= np.isin(labels, edge[edge > 0]).astype(np.uint8)
    return 1 - cv2.dilate(beyond, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1)))


def unpack_skin(fingerprint: Fingerprint) -> np.ndarray:
    """See `find_skin`."""
    return np.unpackbits(fingerprint.skin, count=fingerprint.grey.size).reshape(fingerprint.grey.shape)


def find_features(grey: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points, float32 (m, 4), and descriptors, uint8 (m, 128): SIFT (Lowe 2004), the square roots of its
    shares (Arandjelovic and Zisserman 2012).

    The strongest `FEATURES` are taken, however weak they are: on bland skin a quarter of all photographs have
    less than eight above SIFT's own threshold.
    """
    found, values = cv2.SIFT_create(
        nfeatures=FEATURES, contrastThreshold=0, edgeThreshold=15, enable_precise_upscale=True
    ).detectAndCompute(grey, skin)
    if not found:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    points = np.float32([(*point.pt, point.size, point.angle) for point in found])
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    return points, np.minimum(_UNIT * np.sqrt(shares) + 0.5, 255).astype(np.uint8)


def restore_descriptors(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors of length 1, float32 (m, 128), from those of a fingerprint."""
    values = descriptors.astype(np.float32)
    return values / np.maximum(np.sqrt(np.einsum("md,md->m", values, values)), 1)[:, None]


def mirror_features(points: np.ndarray, descriptors: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The features that the picture would have, were it mirrored left to right."""
    x, y, size, angle = points.T
    return np.stack([width - 1 - x, y, size, (180 - angle) % 360], axis=1), descriptors[:, _MIRROR]


def describe_low(luma: np.ndarray) -> np.ndarray:
    """The lowest frequencies of the picture squeezed to a square, float32 (63,), of length 1; zeros where it
    is even.

    That is the perceptual hash of Zauner (2010) before it is rounded to bits; square roots keep the blob in
    the middle, which all lesions have, from drowning the rest.
    """
    square = cv2.resize(luma, (4 * LOW, 4 * LOW), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(square)[:LOW, :LOW].ravel()[1:]
    rooted = np.sign(waves) * np.sqrt(np.abs(waves))
    return rooted / max(float(np.linalg.norm(rooted)), 1e-6)


def turn_low(low: np.ndarray) -> np.ndarray:
    """The lowest frequencies, (n, 63), of pictures in all orientations, (n, 8, 63): a turned picture's waves
    have other signs and places.
    """
    signs = np.where(np.arange(LOW) % 2, -1, 1).astype(
        low.dtype
    )  # of the waves along a side, where that side is mirrored
    waves = np.concatenate([np.zeros((len(low), 1), low.dtype), low], axis=1).reshape(-1, LOW, LOW)
    turned = []
    for quarters in (waves, waves * signs):
        for _ in range(4):
            turned.append(quarters.reshape(len(low), -1)[:, 1:])
            quarters = (quarters * signs).transpose(0, 2, 1)
    return np.stack(turned, axis=1)
