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

ARTEFACT_PAINTERS = (add_hairs, add_ruler, add_ink, add_dark_corners, add_patch)
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma of RGB


@dataclass(frozen=True)
class Augmentation:
    """Half-widths of the ranges from which a view is drawn; 0 switches a change off.

    Attributes:
        rotation: Degrees.
        flip: Whether half of the views are mirrored.
        zoom: Natural logarithm of the scale.
        stretch: Natural logarithm of the stretch along a random axis.
        shift: Fraction of the side.
        brightness: Natural logarithm of the gain.
        contrast: Natural logarithm of the gain about mid-grey.
        saturation: Natural logarithm of the gain about grey.
        tint: Natural logarithm of each channel's gain.
        corruption: Probability of each of blur, noise and compression.
        resampling: Probability that a view is shrunk and enlarged again.
        artefacts: Probability of each of hairs, ruler, ink, dark corners and a coloured patch.
        amelanosis: Probability that a lesion loses its pigment, where there is a mask to know it by.
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
    """Takes the ranges of a recipe.

    Args:
        recipe: It has fields of the same names.

    Returns:
        The ranges.
    """
    ranges = {item.name: getattr(recipe, item.name) for item in dataclasses.fields(Augmentation)}
    return Augmentation(**ranges)


def view_generator(seed: int, epoch: int, *index: int) -> np.random.Generator:
    """Makes the generator of one view, or of one batch: it does not depend on what was drawn before.

    Args:
        seed: Of the recipe.
        epoch: From 0.
        *index: The row of the photograph, or the rows of the batch.

    Returns:
        The generator.
    """
    return np.random.default_rng([seed, epoch, *index])


def augment_image(image: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Draws a random view of an image.

    Args:
        image: uint8 (height, width, 3) RGB.
        augmentation: The ranges.
        rng: Draws within them.

    Returns:
        The view, of the same shape and type.
    """
    height, width = image.shape[:2]
    geometry = draw_geometry(augmentation, width, height, rng)
    colour = draw_colour(augmentation, rng)
    return render_view(image, geometry, colour, augmentation, rng)


def augment_pair(
    image: np.ndarray, mask: np.ndarray, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a random view of an image and of its mask.

    Args:
        image: uint8 (height, width, 3) RGB.
        mask: uint8 (height, width) of 0 and 1.
        augmentation: The ranges.
        rng: Draws within them.

    Returns:
        The view, of the same shape and type, and the mask moved with it, float32 (height, width), between 0
        and 1 where a pixel is only partly lesion.
    """
    # Drawn in the same order as in `augment_image`, so that a mask changes no view
    height, width = image.shape[:2]
    geometry = draw_geometry(augmentation, width, height, rng)
    colour = draw_colour(augmentation, rng)
    if augmentation.amelanosis and rng.random() < augmentation.amelanosis:
        image = bleach_lesion(image, mask, rng)
    moved_mask = warp(mask.astype(np.float32), geometry)
    return render_view(image, geometry, colour, augmentation, rng), moved_mask


def render_view(
    image: np.ndarray,
    geometry: np.ndarray,
    colour: np.ndarray,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """An image with artefacts, moved by a map (2, 3), coloured by a matrix (3, 4) and corrupted."""
    # Before the image is moved: hairs and rulers turn with the skin
    for paint in ARTEFACT_PAINTERS:
        if rng.random() < augmentation.artefacts:
            image = draw(paint, image, rng)
    view = cv2.transform(warp(image, geometry), colour)  # rounds and clips to 0 to 255
    if rng.random() < augmentation.resampling:
        view = resample(view, rng.uniform(0.25, 0.9))
    return corrupt_image(view, augmentation.corruption, rng)


def bleach_lesion(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Takes the pigment from a lesion, which is pink or faint then.

    Melanin darkens all colours, blood hardly red: what sets the lesion off from the median of the skin beside
    it shrinks, in red most of all. What lies far from the lesion stays as it is.

    Args:
        image: uint8 (height, width, 3) RGB.
        mask: uint8 (height, width) of 0 and 1.
        rng: Draws how much of the contrast is left.

    Returns:
        The image, of the same shape and type; without a lesion, or without skin, as it was.
    """
    # The red of pigment fades most; the other channels keep more of their contrast
    red_gain = rng.uniform(0, 0.4)
    other_gains = rng.uniform(0.25, 0.8) * rng.uniform(0.85, 1.15, 2)
    gains = np.array([red_gain, *other_gains], np.float32)
    reach = 0.05 * len(image)  # pixels from the lesion's border
    kernel = np.ones((2 * int(reach) + 1, 2 * int(reach) + 1))
    # 1 on the lesion, falling to 0 beside it, so that no edge is left
    nearness = cv2.GaussianBlur(cv2.dilate(mask.astype(np.float32), kernel), (0, 0), reach)
    skin_beside = image[(mask == 0) & (nearness > 0.2)]
    if not len(skin_beside) or not mask.any():
        return image
    skin = np.median(skin_beside, axis=0).astype(np.float32)
    contrast = (image - skin) * (1 - nearness[:, :, None] * (1 - gains))
    return np.clip(np.rint(skin + contrast), 0, 255).astype(np.uint8)


def warp(image: np.ndarray, geometry: np.ndarray) -> np.ndarray:
    """An image moved by an affine map (2, 3); what lies beyond its border is its mirror image.

    Args:
        image: uint8 (side, side, 3).
        geometry: From the answer's pixels to those of the image, float (2, 3).
    """
    height, width = image.shape[:2]
    return cv2.warpAffine(
        image, geometry, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def corrupt_image(image: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Each of blur (sigma to 2.5 pixels), noise (sigma to 14 grey levels) and JPEG (quality 25 to 95) with a
    probability, in a camera's order.
    """
    if rng.random() < probability:
        image = blur(image, rng.uniform(0.3, 2.5))
    if rng.random() < probability:
        image = add_noise(image, rng, rng.uniform(1, 14))
    if rng.random() < probability:
        image = recompress(image, int(rng.integers(25, 96)))
    return image


def draw_geometry(
    augmentation: Augmentation, width: int, height: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws an affine map about the centre: stretch along a random axis, rotation, zoom, flip, shift.

    Args:
        augmentation: The ranges.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        rng: Draws within the ranges.

    Returns:
        The map, (2, 3).
    """
    angle = np.deg2rad(rng.uniform(-1, 1) * augmentation.rotation)
    axis = rng.uniform(0, np.pi)
    zoom = np.exp(rng.uniform(-1, 1) * augmentation.zoom)
    stretch = np.exp(rng.uniform(-1, 1) * augmentation.stretch)
    mirror = 1.0
    if augmentation.flip and rng.random() < 0.5:
        mirror = -1.0
    # From the right: mirrored, stretched along the axis, rotated, scaled.
    turned = zoom * rotate(angle) @ rotate(axis)
    linear = turned @ np.diag([stretch, 1 / stretch]) @ rotate(-axis) @ np.diag([mirror, 1])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = rng.uniform(-1, 1, 2) * augmentation.shift * [width, height]
    return np.column_stack([linear, centre - linear @ centre + shift])  # the centre moves by the shift alone


def rotate(angle: float) -> np.ndarray:
    """The rotation matrix (2, 2) of `angle` radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def draw_colour(augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Draws a colour matrix: saturation about grey, contrast about mid-grey, brightness, tint.

    Args:
        augmentation: The ranges.
        rng: Draws within them.

    Returns:
        The matrix, (3, 4), on RGB from 0 to 255.
    """
    # Logarithms are drawn evenly: half as bright is as likely as twice as bright
    widths = [augmentation.brightness, augmentation.contrast, augmentation.saturation]
    brightness, contrast, saturation = np.exp(rng.uniform(-1, 1, 3) * widths)
    tint = np.exp(rng.uniform(-1, 1, 3) * augmentation.tint)
    saturate = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), LUMA)
    linear = np.diag(tint) @ saturate * brightness * contrast
    return np.column_stack([linear, np.full(3, 127.5 * (1 - contrast))])
