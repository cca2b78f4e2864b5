"""Random views of a photograph that leave its diagnosis alone.

A lesion has no up, no left and no fixed distance, and cameras disagree about light and colour.
One affine map and one colour matrix make a view, so the photograph is resampled only once.
Each view is drawn from its own generator, hence the same whenever training is resumed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.images.artefacts.drawn_artefacts import (
    add_dark_corners,
    add_hairs,
    add_ink,
    add_patch,
    add_ruler,
)
from lentigo.images.corruptions import add_noise, blur, draw, recompress, resample
from lentigo.training.recipes import Recipe

ARTEFACTS = (add_hairs, add_ruler, add_ink, add_dark_corners, add_patch)
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma of RGB


@dataclass(frozen=True)
class Augmentation:
    """Half-widths of the ranges from which a view is drawn; 0 switches a change off.

    `rotation` is in degrees; `zoom`, `stretch`, `brightness`, `contrast`, `saturation` and `tint` are natural
    logarithms of a factor; `shift` is a fraction of the side. `flip` is a switch. `degradation` and
    `artefacts` are probabilities: of each of blur, noise and compression, and of each of hairs, ruler, ink,
    dark corners and a coloured patch; `resampling` is that of a view that is shrunk and enlarged again;
    `amelanosis` that of a lesion without its pigment, where there is a mask to know it by.
    """

    rotation: float = 180.0
    flip: bool = True
    zoom: float = 0.2
    stretch: float = 0.1
    shift: float = 0.08
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    tint: float = 0.06
    corruption: float = 0.0
    resampling: float = 0.0
    artefacts: float = 0.0
    amelanosis: float = 0.0


def find_augmentation(recipe: Recipe) -> Augmentation:
    """The ranges that a recipe has under the same names."""
    return Augmentation(
        **{item.name: getattr(recipe, item.name) for item in dataclasses.fields(Augmentation)}
    )


def view_generator(seed: int, epoch: int, *index: int) -> np.random.Generator:
    """The generator of one view, or of one batch: a function of run, epoch and photographs, not of what was
    drawn before.
    """
    return np.random.default_rng([seed, epoch, *index])


def augment_image(image: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A random view of `photo`, uint8 (height, width, 3) RGB, of the same shape and type."""
    height, width = image.shape[:2]
    geometry, colour = draw_geometry(augmentation, width, height, rng), draw_colour(augmentation, rng)
    return render_view(image, geometry, colour, augmentation, rng)


def augment_pair(
    image: np.ndarray, mask: np.ndarray, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A random view of `photo` as `augment_image` gives it, and its mask, uint8 (height, width) of 0 and 1,
    turned with it.

    The mask comes back as float32, between 0 and 1 where a pixel is only partly lesion.
    """
    height, width = image.shape[:2]
    geometry, colour = draw_geometry(augmentation, width, height, rng), draw_colour(augmentation, rng)
    if augmentation.amelanosis and rng.random() < augmentation.amelanosis:
        image = bleach_lesion(image, mask, rng)
    outline = warp(mask.astype(np.float32), geometry)
    return render_view(image, geometry, colour, augmentation, rng), outline


def render_view(
    image: np.ndarray,
    geometry: np.ndarray,
    colour: np.ndarray,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """A photograph with artefacts, moved, coloured and degraded."""
    for add in ARTEFACTS:
        if rng.random() < augmentation.artefacts:
            image = draw(add, image, rng)
    view = cv2.transform(warp(image, geometry), colour)
    if rng.random() < augmentation.resampling:
        view = resample(view, rng.uniform(0.25, 0.9))
    return corrupt_image(view, augmentation.corruption, rng)


def bleach_lesion(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`photo`, uint8 (height, width, 3), with a lesion, `mask` (height, width) of 0 and 1, that has lost its
    pigment and is pink or faint.

    Melanin darkens all colours, blood hardly red: what sets the lesion off from the median of the skin beside
    it shrinks, in red most of all. What lies far from the lesion stays as it is; a photograph without a
    lesion, or without skin, too.
    """
    gains = np.array([rng.uniform(0, 0.4), *rng.uniform(0.25, 0.8) * rng.uniform(0.85, 1.15, 2)], np.float32)
    reach = 0.05 * len(image)
    near = cv2.GaussianBlur(
        cv2.dilate(mask.astype(np.float32), np.ones((2 * int(reach) + 1,) * 2)), (0, 0), reach
    )
    beside = image[(mask == 0) & (near > 0.2)]
    if not len(beside) or not mask.any():
        return image
    skin = np.median(beside, axis=0).astype(np.float32)
    contrast = (image - skin) * (1 - near[:, :, None] * (1 - gains))
    return np.clip(np.rint(skin + contrast), 0, 255).astype(np.uint8)


def warp(image: np.ndarray, geometry: np.ndarray) -> np.ndarray:
    """A picture moved by an affine map (2, 3); what lies beyond its border is its mirror image."""
    height, width = image.shape[:2]
    return cv2.warpAffine(
        image, geometry, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def corrupt_image(image: np.ndarray, chance: float, rng: np.random.Generator) -> np.ndarray:
    """Each of blur (sigma to 2.5 pixels), noise (sigma to 14 grey levels) and JPEG (quality 25 to 95) with a
    chance, in a camera's order.
    """
    if rng.random() < chance:
        image = blur(image, rng.uniform(0.3, 2.5))
    if rng.random() < chance:
        image = add_noise(image, rng, rng.uniform(1, 14))
    return recompress(image, int(rng.integers(25, 96))) if rng.random() < chance else image


def draw_geometry(
    augmentation: Augmentation, width: int, height: int, rng: np.random.Generator
) -> np.ndarray:
    """An affine map (2, 3) about the centre: stretch along a random axis, rotation, zoom, flip, shift."""
    angle, axis = np.deg2rad(rng.uniform(-1, 1) * augmentation.rotation), rng.uniform(0, np.pi)
    zoom = np.exp(rng.uniform(-1, 1) * augmentation.zoom)
    stretch = np.exp(rng.uniform(-1, 1) * augmentation.stretch)
    mirror = -1.0 if augmentation.flip and rng.random() < 0.5 else 1.0
    linear = (
        zoom
        * rotate(angle)
        @ rotate(axis)
        @ np.diag([stretch, 1 / stretch])
        @ rotate(-axis)
        @ np.diag([mirror, 1])
    )
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = rng.uniform(-1, 1, 2) * augmentation.shift * [width, height]
    return np.column_stack([linear, centre - linear @ centre + shift])


def rotate(angle: float) -> np.ndarray:
    """The rotation matrix (2, 2) of `angle` radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def draw_colour(augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A colour matrix (3, 4) on RGB 0..255: saturation about grey, contrast about mid-grey, brightness,
    tint.
    """
    brightness, contrast, saturation = np.exp(
        rng.uniform(-1, 1, 3) * [augmentation.brightness, augmentation.contrast, augmentation.saturation]
    )
    tint = np.exp(rng.uniform(-1, 1, 3) * augmentation.tint)
    saturate = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), GREY)
    linear = np.diag(tint) @ saturate * brightness * contrast
    return np.column_stack([linear, np.full(3, 127.5 * (1 - contrast))])


Mixed = tuple[np.ndarray, np.ndarray, np.ndarray]  # views, labels, weights


def mix_views(
    views: np.ndarray, labels: np.ndarray, weights: np.ndarray, alpha: float, rng: np.random.Generator
) -> Mixed:
    """Mixup (Zhang 2018): each view is blended with another of its batch.

    The share of the view itself is drawn from Beta(alpha, alpha) and is a half at least. The loss of what is
    mixed is the mean of the losses of both photographs by their shares, each with the weight of its own
    class. Cross-entropy is linear in the label, so that is the loss of one mixed label with one mixed weight.

    Args:
        views: uint8 (n, height, width, 3).
        labels: float32 (n, k).
        weights: What each photograph weighs, float32 (n,).
        alpha: Of the Beta distribution, above 0.
        rng: Draws shares and partners.

    Returns:
        Views, labels and weights of the same shapes and types.
    """
    share = rng.beta(alpha, alpha, len(views))
    share = np.maximum(share, 1 - share).astype(np.float32)
    other = rng.permutation(len(views))
    pairs = zip(views, views[other], share, strict=True)
    mixed = [cv2.addWeighted(view, float(part), partner, float(1 - part), 0) for view, partner, part in pairs]
    own = share * weights
    partners = (1 - share) * weights[other]
    weight = own + partners
    label = (own[:, None] * labels + partners[:, None] * labels[other]) / weight[:, None]
    return np.stack(mixed), label, weight


def lay_mosaics(
    views: np.ndarray, masks: np.ndarray, chance: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mosaics (Bochkovskiy 2020, YOLOv4): with a chance a view, uint8 (n, side, side, 3), is shown beside
    three others of its batch, all at half the size and in any order, and its mask, float32 (n, side, side),
    with it: several lesions, small ones, none in the middle. The side is even.
    """
    laid = views.copy(), masks.copy()
    small = [[shrink(image) for image in images] for images in (views, masks)]
    for n in range(len(views)):
        if rng.random() < chance:
            four = rng.permutation([n, *rng.integers(len(views), size=3)])
            for whole, halves in zip(laid, small, strict=True):
                whole[n] = lay_four([halves[m] for m in four])
    return laid


def shrink(image: np.ndarray) -> np.ndarray:
    """A picture at half its size, each pixel the mean of four."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def lay_four(parts: list[np.ndarray]) -> np.ndarray:
    """Four pictures of one size as the quarters of another."""
    return np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
