"""The outline and the colours of a synthetic lesion on its skin.

Colour is built as light loses it: skin times exp(-melanin * its absorption - blood * its absorption).
"""

from __future__ import annotations

import numpy as np

from lentigo.images.artefacts.drawn_artefacts import blend, rise
from lentigo.images.synthetic.camera_views import CameraView, draw_noise
from lentigo.images.synthetic.lesion_signs import LesionSigns

# Absorption of red, green and blue light at density 1, (3, 1, 1)
MELANIN = np.array([[[0.48]], [[0.88]], [[1.22]]], np.float32)
BLOOD = np.array([[[0.10]], [[0.62]], [[0.46]]], np.float32)
BLUE_GREY = np.array([98, 102, 118], np.float32)  # RGB of pigment deep in the skin
SCAR = np.array([228, 206, 206], np.float32)  # RGB of scar-like white areas
SKIN_LEVEL = 190  # mean RGB of the skin on which those two colours look so
OUTLINE_STEPS = 2048  # around a lesion


def draw_outline(lesion: LesionSigns, view: CameraView, rng: np.random.Generator) -> np.ndarray:
    """Draws the outline of a lesion.

    Args:
        lesion: Its signs.
        view: The photograph, S pixels along its side.
        rng: Of the lesion, so that all of its photographs have the same outline.

    Returns:
        How far inside the lesion each pixel lies, in radii, float32 (S, S); 0 on the outline.
    """
    edge = draw_edge(lesion, rng)
    step = (view.angle * np.float32(OUTLINE_STEPS / (2 * np.pi))).astype(np.int32)
    depth = edge.astype(np.float32)[step]  # (S, S)
    # Coarse notches, then fine ones: a ragged border has both
    depth += np.float32(0.03 + 0.16 * lesion.ragged) * view.see(draw_noise(rng, 10, 2))
    depth += np.float32(0.025 + 0.04 * lesion.ragged) * view.see(draw_noise(rng, 40, 3))
    return depth - view.distance / np.float32(lesion.radius)


def draw_edge(lesion: LesionSigns, rng: np.random.Generator) -> np.ndarray:
    """How far the smooth outline lies from the centre, in radii, for each step around: (OUTLINE_STEPS + 1,)."""
    orders = np.arange(2, 8)[:, None]  # waves around the lesion: the first make it oval, the others ragged
    strengths = np.where(orders < 4, 0.03 + 0.13 * lesion.asymmetry, 0.005 + 0.045 * lesion.ragged)
    waves = rng.normal(0, 1, (6, 1)) * strengths
    around = np.linspace(0, 2 * np.pi, OUTLINE_STEPS + 1)
    phases = rng.uniform(0, 2 * np.pi, (6, 1))
    return 1 + (waves * np.cos(orders * around + phases)).sum(0)


def draw_mesh(lesion: LesionSigns, view: CameraView, rng: np.random.Generator) -> np.ndarray:
    """A honeycomb, about 1 on its lines and -2 in its holes: three waves at 60 degrees, bent by noise."""
    bend = np.float32(lesion.mesh * (0.2 + 0.2 * lesion.variegation))
    pitch = np.float32(2 * np.pi / lesion.mesh)  # radians of an image width
    x = (view.x + bend * view.see(draw_noise(rng, 48, 2))) * pitch
    y = (view.y + bend * view.see(draw_noise(rng, 48, 2))) * pitch
    half_x = x * np.float32(0.5)
    tall_y = y * np.float32(0.866)  # sin 60 degrees
    waves = np.cos(x) + np.cos(half_x + tall_y) + np.cos(half_x - tall_y)
    return waves * np.float32(-0.667)


def draw_pigment(
    lesion: LesionSigns, view: CameraView, depth: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The density of melanin that the lesion adds, (S, S)."""
    unevenness = view.see(draw_noise(rng, 7, 5))
    density = draw_density(lesion, view, depth, unevenness, rng)
    # Structures stand where this is large
    prominence = np.clip(1 + np.float32(lesion.variegation) * view.see(draw_noise(rng, 9)), 0, 2)
    if lesion.network or lesion.globules:
        density += prominence * draw_structures(lesion, view, rng)
    density = np.maximum(density, 0.1) * rise(depth, -0.35 * lesion.softness, lesion.softness)
    if lesion.streaks:
        strength = np.float32(0.5 * lesion.streaks) * np.maximum(prominence - np.float32(0.6), 0)
        density += strength * draw_streaks(view, depth, unevenness, rng)
    return np.float32(lesion.melanin) * density


def draw_density(
    lesion: LesionSigns,
    view: CameraView,
    depth: np.ndarray,
    unevenness: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The density of pigment without structures, about 1, (S, S): darker to one side or in the centre, and
    uneven.
    """
    evenness = 1 - lesion.variegation
    slope = rng.normal(0, 0.35 * lesion.asymmetry / lesion.radius, 2).astype(np.float32)
    darker_centre = np.float32(lesion.centre) * (depth - np.float32(0.5))
    density = 1 + darker_centre + slope[0] * view.x + slope[1] * view.y
    return density * np.exp(np.float32(0.42 - 0.3 * evenness) * unevenness)


def draw_structures(lesion: LesionSigns, view: CameraView, rng: np.random.Generator) -> np.ndarray:
    """A network of dark lines with globules in the holes of its mesh, (S, S)."""
    mesh = draw_mesh(lesion, view, rng)
    network = np.float32(0.22 * lesion.network) * mesh
    globules = np.float32(0.6 * lesion.globules) * rise(-mesh, 0.4, 1.8)
    return network + globules


def draw_streaks(
    view: CameraView, depth: np.ndarray, unevenness: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rays at the border, bent by the unevenness of the pigment, (S, S) of 0 to 1."""
    rays_around = np.float32(rng.integers(18, 40))
    rays = rise(np.cos(view.angle * rays_around + 2 * unevenness), 0, 1)
    rim = rise(depth, -0.28, 0.1) * rise(-depth, -0.4, 0.05)
    return rim * rays


def draw_skin(view: CameraView, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The density of melanin and of blood in the skin beside its tone, (S, S) each.

    Pores, two directions of furrows, freckles on some, and blotches of blood.
    """
    pores = view.see(draw_noise(rng, 128))
    bend = view.see(draw_noise(rng, 14, 3))
    turn = rng.uniform(0, np.pi)  # radians
    melanin = np.float32(rng.uniform(0.01, 0.03)) * pores + np.float32(0.03) * bend
    # The furrows of skin cross: one direction, and another 45 to 90 degrees from it
    for direction in (turn, turn + rng.uniform(0.8, 1.6)):
        melanin += draw_furrows(view, bend, direction, rng)
    if rng.random() < 0.3:
        darkness = np.float32(rng.uniform(0.1, 0.4))
        melanin += darkness * rise(view.see(draw_noise(rng, 32, 2)), 1.4, 3)  # freckles
    blotches = np.float32(rng.uniform(0.03, 0.1)) * view.see(draw_noise(rng, 6, 4))
    blood = blotches + np.float32(0.03) * pores
    return melanin, blood + np.float32(rng.uniform(0, 0.3))


def draw_furrows(
    view: CameraView, bend: np.ndarray, direction: float, rng: np.random.Generator
) -> np.ndarray:
    """The density of melanin in furrows across a direction in radians, (S, S)."""
    across = view.x * np.float32(np.cos(direction)) + view.y * np.float32(np.sin(direction))
    furrow = np.square(np.cos(across * np.float32(rng.uniform(70, 120)) + 2 * bend))
    return np.float32(rng.uniform(0, 0.05)) * np.square(furrow * furrow)


def draw_patches(
    lesion: LesionSigns, view: CameraView, inside: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """How strong black, blue-grey, red and white areas are, (S, S) each; () for one that the lesion lacks."""
    patches = []
    for strength in lesion.patches:
        patch = np.zeros((), np.float32)
        if strength:
            patch = strength * inside * rise(view.see(draw_noise(rng, 6, 4)), 0.1, 1.5)
        patches.append(patch)
    return patches


def colour_lesion(
    lesion: LesionSigns, view: CameraView, depth: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Colours the skin with the lesion in it, in even light.

    Args:
        lesion: The signs of the lesion.
        view: The photograph, S pixels along its side.
        depth: What `draw_outline` gave, (S, S).
        rng: Of the lesion.

    Returns:
        RGB, float32 (3, S, S), about 0 to 255.
    """
    melanin, blood = draw_skin(view, rng)
    inside = rise(depth, -0.1, max(lesion.softness, 0.25))
    pigment = draw_pigment(lesion, view, depth, rng)
    black, blue, red, white = draw_patches(lesion, view, inside, rng)
    # White scars and red areas have lost a part of their pigment
    left_by_white = 1 - np.float32(0.8) * white
    left_by_red = 1 - np.float32(0.5) * red
    melanin += (pigment + np.float32(1.8) * black) * left_by_white * left_by_red
    blood += np.float32(lesion.blood) * inside + np.float32(1.1) * red
    image = lesion.skin * np.exp(-melanin * MELANIN - blood * BLOOD)  # Beer and Lambert's law
    brightness = lesion.skin.mean() / SKIN_LEVEL
    if blue.ndim:  # a patch that the lesion lacks has no dimension
        blend(image, np.float32(0.6) * blue, BLUE_GREY * brightness)
    if white.ndim:
        blend(image, np.float32(0.45) * white, SCAR * brightness)
    return image
