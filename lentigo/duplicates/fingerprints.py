"""Fingerprints: what is kept of a photograph to find its duplicates.

A fingerprint has a hash of the pixels, a reduced image, local features and low frequencies. A photograph is
brought to `AREA` pixels first, whatever its size, so that the same detail has about the same size in all
duplicates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.common.statistics.percentiles import find_percentile
from lentigo.errors import ImageError
from lentigo.images.decoding.whole_images import hold_pixels
from lentigo.images.image_contents import read_content
from lentigo.images.problems import Problem

AREA = 160 * 160  # pixels of the reduced image
MIN_SIDE_PIXELS = 32  # of the reduced image, however long and narrow the photograph is
MAX_FEATURES = 200  # local features that are kept, the strongest ones
LOW = 8  # lowest frequencies along a side
# Orientations of an image: turn t is t % 4 quarter turns counterclockwise, after mirroring left to right where
# t >= 4
TURNS = 8
# What is darker or brighter than this and joined to the edge is no skin
MAX_DARK_SHARE = 0.25  # of the luma of the bright pixels
MIN_BRIGHT_LUMA = 250
RIM_PIXELS = 10  # of the reduced image around that, which the edge of a lens disturbs
MAX_BLANK_CONTRAST = 4  # grey levels between the darkest and the brightest pixels of an even surface
_UNIT = 512.0  # a rootSIFT value of 1, as stored
# Where the values of a mirrored patch are: SIFT has 4 x 4 cells of 8 directions
_MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one photograph.

    Attributes:
        digest: BLAKE2 of its decoded pixels.
        size: Its width and height in pixels.
        grey: The luma of the reduced image, uint8 (h, w), of `AREA` pixels.
        skin: Which pixels of `grey` are not beyond the lens, a frame or a filled corner, as bits.
        points: Local features, float32 (m, 4): x and y in pixels of `grey`, diameter, angle in degrees
            clockwise.
        descriptors: Of the points, uint8 (m, 128).
        low: Low frequencies, float32 (63,), see `describe_low`.
        blank: Whether there is nothing in it to compare.
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
    """Opens a photograph and takes its fingerprint.

    Args:
        path: Of the file, or its address.

    Returns:
        The fingerprint, or why the photograph cannot be read.
    """
    try:
        with hold_pixels(read_content(path), str(path)) as pixels:
            return describe_pixels(pixels)
    except ImageError as error:
        return Problem.from_error(str(path), error)


def describe_pixels(pixels: np.ndarray) -> Fingerprint:
    """Takes the fingerprint of a decoded photograph.

    Args:
        pixels: RGB, uint8 (height, width, 3).

    Returns:
        The fingerprint.
    """
    height, width = pixels.shape[:2]
    # The luma: duplicates may differ in colour, seldom in brightness where details are
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = shrink(luma)
    skin = find_skin(grey)
    points, descriptors = find_features(grey, skin)
    # The pixels of 2 x 8 are also those of 4 x 4: the size is part of the hash
    salt = np.array([height, width], np.uint32).tobytes()
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16, salt=salt).digest()
    return Fingerprint(
        digest=digest,
        size=(width, height),
        grey=grey,
        skin=np.packbits(skin),
        points=points,
        descriptors=descriptors,
        low=describe_low(luma),
        blank=is_blank(grey),
    )


def shrink(luma: np.ndarray) -> np.ndarray:
    """The image, uint8 (h, w), brought to `AREA` pixels, its shape kept unless it is very long."""
    height, width = luma.shape
    factor = np.sqrt(AREA / (height * width))
    new_width = max(round(width * factor), MIN_SIDE_PIXELS)
    new_height = max(round(height * factor), MIN_SIDE_PIXELS)
    # Areas are averaged where it shrinks; a cubic would alias
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(luma, (new_width, new_height), interpolation=interpolation)


def is_blank(grey: np.ndarray) -> bool:
    """Whether nearly all pixels are alike: an even surface with at most the noise of compression on it."""
    return find_percentile(grey, 99) - find_percentile(grey, 1) <= MAX_BLANK_CONTRAST


def find_skin(grey: np.ndarray) -> np.ndarray:
    """Where there is no lens' dark surround, no frame and no filled corner, uint8 0 or 1 (h, w).

    Their edges are alike in all photographs of a camera.
    """
    blurred = cv2.blur(grey, (3, 3))
    dark = blurred < MAX_DARK_SHARE * find_percentile(blurred, 90)
    # Both may be there: dark corners within a white frame
    bright = blurred >= MIN_BRIGHT_LUMA
    beyond = np.zeros(grey.shape, np.uint8)
    for extreme in (dark, bright):
        labels = cv2.connectedComponents(extreme.astype(np.uint8), connectivity=4)[1]
        # What touches the edge; label 0 is what is neither
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        beyond |= np.isin(labels, edge[edge > 0]).astype(np.uint8)
    diameter = 2 * RIM_PIXELS + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    return 1 - cv2.dilate(beyond, disc)


def unpack_skin(fingerprint: Fingerprint) -> np.ndarray:
    """Reads where a fingerprint shows skin.

    Args:
        fingerprint: Of a photograph with a reduced image of (h, w) pixels.

    Returns:
        1 for skin, 0 for what is beyond a lens, a frame or a filled corner, uint8 (h, w).
    """
    return np.unpackbits(fingerprint.skin, count=fingerprint.grey.size).reshape(fingerprint.grey.shape)


def find_features(grey: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points, float32 (m, 4), and descriptors, uint8 (m, 128).

    SIFT (Lowe 2004) with square roots of its shares (Arandjelovic and Zisserman 2012). The strongest
    `MAX_FEATURES` are taken, however weak they are: on bland skin a quarter of all photographs have less than
    eight above SIFT's own threshold.
    """
    sift = cv2.SIFT.create(
        nfeatures=MAX_FEATURES, contrastThreshold=0, edgeThreshold=15, enable_precise_upscale=True
    )
    found, values = sift.detectAndCompute(grey, skin)
    if not found:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    # Position, diameter and direction, as OpenCV gives them
    points = np.array([(*point.pt, point.size, point.angle) for point in found], np.float32)
    # RootSIFT (Arandjelović and Zisserman 2012): the cosine of roots is the Hellinger kernel
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    return points, np.minimum(_UNIT * np.sqrt(shares) + 0.5, 255).astype(np.uint8)


def restore_descriptors(descriptors: np.ndarray) -> np.ndarray:
    """Brings descriptors to length 1.

    Args:
        descriptors: Those of a fingerprint, uint8 (m, 128).

    Returns:
        The descriptors, float32 (m, 128).
    """
    values = descriptors.astype(np.float32)
    lengths = np.sqrt(np.einsum("md,md->m", values, values))
    return values / np.maximum(lengths, 1)[:, None]


def mirror_features(points: np.ndarray, descriptors: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives the features that an image would have, were it mirrored left to right.

    Args:
        points: Those of a fingerprint, float32 (m, 4).
        descriptors: Theirs, uint8 (m, 128).
        width: Of the image in pixels.

    Returns:
        Points and descriptors of the mirrored image.
    """
    x, y, size, angle = points.T
    mirrored = np.stack([width - 1 - x, y, size, (180 - angle) % 360], axis=1)
    return mirrored, descriptors[:, _MIRROR]


def describe_low(luma: np.ndarray) -> np.ndarray:
    """The lowest frequencies of an image squeezed to a square, float32 (63,), of length 1; zeros where it is
    even.

    That is the perceptual hash of Zauner (2010) before it is rounded to bits. Square roots keep the blob in
    the middle, which all lesions have, from hiding the rest.
    """
    square = cv2.resize(luma, (4 * LOW, 4 * LOW), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Without the first, which is the mean: photographs of all brightnesses compare
    waves = cv2.dct(square)[:LOW, :LOW].ravel()[1:]
    # Roots keep one strong frequency from deciding alone
    rooted = np.sign(waves) * np.sqrt(np.abs(waves))
    return rooted / max(float(np.linalg.norm(rooted)), 1e-6)


def turn_low(low: np.ndarray) -> np.ndarray:
    """Gives the low frequencies that images would have in all orientations: other signs and places.

    Args:
        low: The low frequencies of the images, (n, 63).

    Returns:
        Those of all turns, (n, 8, 63).
    """
    # Of the waves along a side, where that side is mirrored
    signs = np.where(np.arange(LOW) % 2, -1, 1).astype(low.dtype)
    mean = np.zeros((len(low), 1), low.dtype)  # the frequency that is left out
    waves = np.concatenate([mean, low], axis=1).reshape(-1, LOW, LOW)
    turned = []
    for quarters in (waves, waves * signs):
        for _ in range(4):
            turned.append(quarters.reshape(len(low), -1)[:, 1:])
            quarters = (quarters * signs).transpose(0, 2, 1)
    return np.stack(turned, axis=1)
