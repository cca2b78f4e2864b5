"""Synthetic lesions: photographs of skin lesions that were never taken, drawn by program, with their
outlines.

They stand in for real photographs in the demo, in tests and wherever none may be shipped. Each lesion has a
latent atypia; the two classes draw it from overlapping normal distributions, and every visible sign
(asymmetry, border, colours, structures, size) follows it with noise of its own. So no classifier can be
perfect: knowing the atypia itself would give an accuracy of 0.95, knowing every sign exactly 0.92. Hairs,
rulers, bubbles, dark corners, light and skin tone do not depend on the class.

Colour is built as light loses it: skin times exp(-melanin * its absorption - blood * its absorption).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from lentigo.common.files import write_whole
from lentigo.common.progress import Progress, show_nothing
from lentigo.errors import UsageError
from lentigo.images.artefacts.drawn_artefacts import ARTEFACTS, blend, grid, rise

_MEAN_ATYPIA = {"benign": 0.26, "malignant": 0.74}
_ATYPIA_DEVIATION = 0.145  # of both classes
_SIGN_DEVIATION = 0.18  # of each visible sign from the atypia
_PATCH_DEVIATION = 0.3  # and of the strength of each patch
_PATCH_THRESHOLDS = (0.45, 0.65, 0.55, 0.7)  # atypia from which black, blue-grey, red and white patches show
# Fitzpatrick types I to VI: RGB of the skin, and the share of lesions on it
_SKIN = np.array(
    [[240, 212, 200], [230, 190, 172], [214, 166, 142], [184, 134, 106], [146, 100, 76], [108, 75, 59]],
    np.float32,
)
_SKIN_SHARE = (0.22, 0.26, 0.22, 0.14, 0.09, 0.07)
# Absorption of red, green and blue light at density 1, (3, 1, 1)
_MELANIN = np.array([[[0.48]], [[0.88]], [[1.22]]], np.float32)
_BLOOD = np.array([[[0.10]], [[0.62]], [[0.46]]], np.float32)
_BLUE_GREY = np.array([98, 102, 118], np.float32)  # RGB of pigment deep in the skin
_SCAR = np.array([228, 206, 206], np.float32)  # RGB of scar-like white areas
_SKIN_LEVEL = 190  # mean RGB of the skin on which those two colours look so
_TEXTURE = 256  # texels along the side of a noise texture
_REACH = 1.8  # image widths that a texture spans
_OUTLINE_STEPS = 2048  # around a lesion
_TWICE_SHARE = 0.25  # of the lesions are photographed twice
_SAME_PATIENT_SHARE = 0.15  # of the lesions belong to the patient before
_SEEDS_PER_SET = 1_000_000  # so that the lesions of two seeds of a set differ
MIN_SIZE = 32  # pixels along the side of a drawing

# The columns of a manifest's row, and the `seed` and `view` from which its photograph is drawn
_Shot = dict[str, Any]


@dataclass(frozen=True)
class SyntheticLesion:
    """One photograph of a drawn lesion."""

    image: np.ndarray  # uint8 (S, S, 3) RGB
    mask: np.ndarray  # uint8 (S, S), 255 where the lesion is
    label: str  # 'benign' | 'malignant'


@dataclass(frozen=True)
class _Lesion:
    """What stays the same in every photograph of a lesion. Strengths are about 0 to 1, lengths in image
    widths.
    """

    skin: np.ndarray  # (3, 1, 1) RGB of the skin around
    radius: float
    asymmetry: float
    ragged: float  # irregularity of the border
    variegation: float  # unevenness of the pigment
    melanin: float  # density of the pigment
    blood: float
    softness: float  # width of the border, in radii
    centre: float  # darker (> 0) or lighter centre
    network: float
    globules: float
    streaks: float
    mesh: float  # width of a mesh of the network
    patches: np.ndarray  # (4,) strengths of black, blue-grey, red and white areas


@dataclass(frozen=True)
class _View:
    """Where the pixels of one photograph lie on the lesion; arrays are (S, S) float32."""

    x: np.ndarray  # image widths from the lesion's centre, along its own axes
    y: np.ndarray
    distance: np.ndarray  # image widths
    angle: np.ndarray  # radians, 0 to 2 pi
    to_texture: np.ndarray  # (2, 3): pixel to texel

    def see(self, texture: np.ndarray) -> np.ndarray:
        """A (_TEXTURE, _TEXTURE) texture that lies on the skin, as this photograph shows it."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(
            texture, self.to_texture, self.x.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT
        )


def draw_synthetic_lesion(label: str, seed: int, view: int = 0, size: int = 224) -> SyntheticLesion:
    """Draws one photograph of the lesion that a label and a seed name.

    The same arguments give the same pixels.

    Args:
        label: "benign" or "malignant".
        seed: Of the lesion.
        view: Another number is another photograph of the same lesion: turned, shifted, in other light, with
            other hairs.
        size: Pixels along the side.

    Returns:
        The photograph with its outline.

    Raises:
        UsageError: For an unknown label, a size under 32, a negative seed or view.

    >>> synthetic_lesion = draw_synthetic_lesion("malignant", seed=7, size=64)
    >>> synthetic_lesion.image.shape, synthetic_lesion.mask.shape, synthetic_lesion.label
    ((64, 64, 3), (64, 64), 'malignant')
    """
    _check(label, seed, view, size)
    of_lesion = np.random.default_rng([seed, 0, *label.encode()])
    of_view = np.random.default_rng([seed, 1 + view, *label.encode()])
    lesion = _draw_lesion(_MEAN_ATYPIA[label], of_lesion)
    frame = _draw_view(of_view, size)
    depth = _draw_outline(lesion, frame, of_lesion)
    image = _colour(lesion, frame, depth, of_lesion)  # (3, S, S) from here on
    image = _expose(image, of_view)
    for share, add_artefact in ARTEFACTS:
        if of_view.random() < share:
            add_artefact(image, of_view)
    image += of_view.standard_normal((size, size), np.float32) * np.float32(1.6)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    mask = np.where(depth > 0, 255, 0).astype(np.uint8)
    return SyntheticLesion(cv2.merge(list(pixels)), mask, label)


def write_synthetic_lesions(
    out: str | Path, count: int, *, seed: int = 0, size: int = 224, progress: Progress = show_nothing
) -> pd.DataFrame:
    """Writes synthetic lesions with their masks and a manifest.

    Photographs are `out/benign/*.jpg` and `out/malignant/*.jpg`, masks `out/masks/*.png` with the same stem.
    About one lesion in four is photographed twice and some patients have two lesions or more, so splits must
    keep them together. The same seed writes the same files: lesion `L00007` is `draw_synthetic_lesion(label,
    seed * 1_000_000 + 7)`.

    Args:
        out: The folder.
        count: Photographs of each class.
        seed: Of the set.
        size: Pixels along the side.
        progress: Watches the photographs go by.

    Returns:
        The table that is also written to `out/manifest.csv`.

    Raises:
        UsageError: For a count under 1 and for what `draw_synthetic_lesion` refuses.
        SpaceError: When the disk is full.
    """
    if count < 1:
        raise UsageError(f"count {count}: expected at least 1 photograph of each class")
    _check("benign", seed, 0, size)
    out = Path(out)
    shots = _plan_shots(count, seed)
    for shot in progress(shots, total=len(shots), label="synthetic lesions"):
        synthetic_lesion = draw_synthetic_lesion(shot["label"], shot["seed"], shot["view"], size)
        with write_whole(out / shot["image"]) as temporary:
            Image.fromarray(synthetic_lesion.image).save(temporary, quality=92)
        with write_whole(out / shot["mask"]) as temporary:
            Image.fromarray(synthetic_lesion.mask).save(temporary)
    manifest = pd.DataFrame(shots).drop(columns=["seed", "view"])
    with write_whole(out / "manifest.csv") as temporary:
        manifest.to_csv(temporary, index=False)
    return manifest


def _plan_shots(count: int, seed: int) -> list[_Shot]:
    """A row of the manifest for each photograph, with the `seed` and `view` to draw it from."""
    rng = np.random.default_rng([seed, 0])
    lesions: list[tuple[str, int]] = []  # label and number of photographs
    for label in _MEAN_ATYPIA:
        left = count
        while left:
            wanted = 2 if rng.random() < _TWICE_SHARE else 1
            views = min(left, wanted)
            lesions.append((label, views))
            left -= views
    rng.shuffle(lesions)
    shots = []
    patient = 0
    for number, (label, views) in enumerate(lesions):
        if number == 0 or rng.random() > _SAME_PATIENT_SHARE:
            patient += 1
        for view in range(views):
            stem = f"synthetic_{number:05d}_{view}"
            shot: _Shot = {
                "image": f"{label}/{stem}.jpg",
                "label": label,
                "lesion_id": f"L{number:05d}",
                "patient_id": f"P{patient:05d}",
                "mask": f"masks/{stem}.png",
                "source": "lentigo synthetic lesion",
                "license": "CC0-1.0",
                "seed": seed * _SEEDS_PER_SET + number,
                "view": view,
            }
            shots.append(shot)
    return shots


def _check(label: str, seed: int, view: int, size: int) -> None:
    """Raises `UsageError` for what cannot be drawn."""
    if label not in _MEAN_ATYPIA:
        raise UsageError(f"label {label!r}: expected one of {', '.join(_MEAN_ATYPIA)}")
    if size < MIN_SIZE:
        raise UsageError(f"size {size}: expected at least {MIN_SIZE} pixels")
    if seed < 0 or view < 0:
        raise UsageError(f"seed {seed}, view {view}: expected whole numbers from 0 on")


def _draw_lesion(mean_atypia: float, rng: np.random.Generator) -> _Lesion:
    """A lesion whose signs follow its atypia."""
    atypia = rng.normal(mean_atypia, _ATYPIA_DEVIATION)
    signs = np.clip(atypia + rng.normal(0, _SIGN_DEVIATION, 6), 0, 1)
    patches = atypia + rng.normal(0, _PATCH_DEVIATION, 4) - _PATCH_THRESHOLDS
    tone = rng.choice(6, p=_SKIN_SHARE) + rng.uniform(-0.5, 0.5)  # between two neighbouring skin types
    skin = np.array([np.interp(tone, range(6), channel) for channel in _SKIN.T], np.float32)
    radius = 0.16 * np.exp(0.55 * signs[0] + rng.normal(0, 0.25))
    return _Lesion(
        skin=skin.reshape(3, 1, 1),
        radius=float(np.clip(radius, 0.09, 0.4)),
        asymmetry=signs[1],
        ragged=signs[2],
        variegation=signs[3],
        melanin=float(np.exp(rng.normal(-0.3, 0.35) + 0.2 * signs[4])),
        blood=rng.beta(1, 3),
        softness=rng.uniform(0.15, 0.5),
        centre=rng.uniform(-0.35, 0.7),
        network=rng.choice([0.0, 0.5, 1.0]) * rng.uniform(0.5, 1),
        globules=rng.choice([0.0, 0.0, 1.0]) * rng.uniform(0.4, 1),
        streaks=signs[5] * rng.choice([0.0, 0.0, 1.0]),
        mesh=rng.uniform(0.022, 0.034),
        patches=(np.clip(patches, 0, 0.5) * 2).astype(np.float32),
    )


def _draw_view(rng: np.random.Generator, size: int) -> _View:
    """A camera's place: how it is turned, how near, and how far off the lesion's centre."""
    turn = rng.uniform(0, 2 * np.pi)  # radians
    zoom = rng.uniform(0.9, 1.1)
    shift = rng.uniform(-0.06, 0.06, 2)  # image widths
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    axes = rotation / zoom
    offset = -axes @ (0.5 + shift)  # so that the lesion's centre shows at 0.5 + shift image widths
    y, x = grid(size)
    axes32 = axes.astype(np.float32)
    offset32 = offset.astype(np.float32)
    across = axes32[0, 0] * x + axes32[0, 1] * y + offset32[0]
    down = axes32[1, 0] * x + axes32[1, 1] * y + offset32[1]
    distance, angle = cv2.cartToPolar(across, down)
    texels = _TEXTURE / _REACH  # of an image width
    to_texture = np.column_stack([axes * texels / size, offset * texels + _TEXTURE / 2])
    return _View(across, down, distance, angle, to_texture)


def _draw_noise(rng: np.random.Generator, cells: int, octaves: int = 1) -> np.ndarray:
    """A texture of smooth noise, mean 0, with details from 1 / `cells` of its side on.

    Each octave is finer and weaker.
    """
    texture = rng.standard_normal((cells, cells), np.float32)
    for octave in range(1, octaves):
        side = cells * 2**octave
        coarser: np.ndarray = cv2.resize(texture, (side, side), interpolation=cv2.INTER_CUBIC)
        finer = rng.standard_normal((side, side), np.float32) * np.float32(0.6**octave)
        texture = coarser + finer
    return cv2.resize(texture, (_TEXTURE, _TEXTURE), interpolation=cv2.INTER_CUBIC)


def _draw_outline(lesion: _Lesion, view: _View, rng: np.random.Generator) -> np.ndarray:
    """How far inside the lesion each pixel lies, (S, S) in radii; 0 on the outline."""
    orders = np.arange(2, 8)[:, None]  # waves around the lesion: the first make it oval, the others ragged
    strengths = np.where(orders < 4, 0.03 + 0.13 * lesion.asymmetry, 0.005 + 0.045 * lesion.ragged)
    waves = rng.normal(0, 1, (6, 1)) * strengths
    around = np.linspace(0, 2 * np.pi, _OUTLINE_STEPS + 1)
    phases = rng.uniform(0, 2 * np.pi, (6, 1))
    edge = 1 + (waves * np.cos(orders * around + phases)).sum(0)  # radii by the angle
    step = (view.angle * np.float32(_OUTLINE_STEPS / (2 * np.pi))).astype(np.int32)
    depth = edge.astype(np.float32)[step]
    depth += np.float32(0.03 + 0.16 * lesion.ragged) * view.see(_draw_noise(rng, 10, 2))
    depth += np.float32(0.025 + 0.04 * lesion.ragged) * view.see(_draw_noise(rng, 40, 3))
    return depth - view.distance / np.float32(lesion.radius)


def _draw_mesh(lesion: _Lesion, view: _View, rng: np.random.Generator) -> np.ndarray:
    """A honeycomb, about 1 on its lines and -2 in its holes: three waves at 60 degrees, bent by noise."""
    bend = np.float32(lesion.mesh * (0.2 + 0.2 * lesion.variegation))
    pitch = np.float32(2 * np.pi / lesion.mesh)  # radians of an image width
    x = (view.x + bend * view.see(_draw_noise(rng, 48, 2))) * pitch
    y = (view.y + bend * view.see(_draw_noise(rng, 48, 2))) * pitch
    half_x = x * np.float32(0.5)
    tall_y = y * np.float32(0.866)  # sin 60 degrees
    waves = np.cos(x) + np.cos(half_x + tall_y) + np.cos(half_x - tall_y)
    return waves * np.float32(-0.667)


def _draw_pigment(lesion: _Lesion, view: _View, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The density of melanin that the lesion adds, (S, S)."""
    unevenness = view.see(_draw_noise(rng, 7, 5))
    evenness = 1 - lesion.variegation
    slope = rng.normal(0, 0.35 * lesion.asymmetry / lesion.radius, 2).astype(np.float32)
    darker_centre = np.float32(lesion.centre) * (depth - np.float32(0.5))
    density = 1 + darker_centre + slope[0] * view.x + slope[1] * view.y
    density *= np.exp(np.float32(0.42 - 0.3 * evenness) * unevenness)
    # Structures stand where this is large
    prominence = np.clip(1 + np.float32(lesion.variegation) * view.see(_draw_noise(rng, 9)), 0, 2)
    if lesion.network or lesion.globules:
        mesh = _draw_mesh(lesion, view, rng)
        network = np.float32(0.22 * lesion.network) * mesh
        globules = np.float32(0.6 * lesion.globules) * rise(-mesh, 0.4, 1.8)  # in the holes of the mesh
        density += prominence * (network + globules)
    density = np.maximum(density, 0.1) * rise(depth, -0.35 * lesion.softness, lesion.softness)
    if lesion.streaks:
        rays_around = np.float32(rng.integers(18, 40))
        rays = rise(np.cos(view.angle * rays_around + 2 * unevenness), 0, 1)
        rim = rise(depth, -0.28, 0.1) * rise(-depth, -0.4, 0.05)
        strength = np.float32(0.5 * lesion.streaks) * np.maximum(prominence - np.float32(0.6), 0)
        density += strength * rim * rays
    return np.float32(lesion.melanin) * density


def _draw_skin(view: _View, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The density of melanin and of blood in the skin beside its tone, (S, S) each.

    Pores, two directions of furrows, freckles on some, and blotches of blood.
    """
    pores = view.see(_draw_noise(rng, 128))
    bend = view.see(_draw_noise(rng, 14, 3))
    turn = rng.uniform(0, np.pi)  # radians
    melanin = np.float32(rng.uniform(0.01, 0.03)) * pores + np.float32(0.03) * bend
    for direction in (turn, turn + rng.uniform(0.8, 1.6)):
        across = view.x * np.float32(np.cos(direction)) + view.y * np.float32(np.sin(direction))
        furrow = np.square(np.cos(across * np.float32(rng.uniform(70, 120)) + 2 * bend))
        melanin += np.float32(rng.uniform(0, 0.05)) * np.square(furrow * furrow)
    if rng.random() < 0.3:
        darkness = np.float32(rng.uniform(0.1, 0.4))
        melanin += darkness * rise(view.see(_draw_noise(rng, 32, 2)), 1.4, 3)  # freckles
    blotches = np.float32(rng.uniform(0.03, 0.1)) * view.see(_draw_noise(rng, 6, 4))
    blood = blotches + np.float32(0.03) * pores
    return melanin, blood + np.float32(rng.uniform(0, 0.3))


def _draw_patches(
    lesion: _Lesion, view: _View, inside: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """How strong black, blue-grey, red and white areas are, (S, S) each; () for one that the lesion lacks."""
    patches = []
    for strength in lesion.patches:
        patch = np.zeros((), np.float32)
        if strength:
            patch = strength * inside * rise(view.see(_draw_noise(rng, 6, 4)), 0.1, 1.5)
        patches.append(patch)
    return patches


def _colour(lesion: _Lesion, view: _View, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The skin with the lesion in it, in even light: (3, S, S) float32."""
    melanin, blood = _draw_skin(view, rng)
    inside = rise(depth, -0.1, max(lesion.softness, 0.25))
    pigment = _draw_pigment(lesion, view, depth, rng)
    black, blue, red, white = _draw_patches(lesion, view, inside, rng)
    left_by_white = 1 - np.float32(0.8) * white
    left_by_red = 1 - np.float32(0.5) * red
    melanin += (pigment + np.float32(1.8) * black) * left_by_white * left_by_red
    blood += np.float32(lesion.blood) * inside + np.float32(1.1) * red
    image = lesion.skin * np.exp(-melanin * _MELANIN - blood * _BLOOD)  # Beer and Lambert's law
    brightness = lesion.skin.mean() / _SKIN_LEVEL
    if blue.ndim:
        blend(image, np.float32(0.6) * blue, _BLUE_GREY * brightness)
    if white.ndim:
        blend(image, np.float32(0.45) * white, _SCAR * brightness)
    return image


def _expose(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, a vignette, and a camera with a white balance of its own."""
    y, x = grid(image.shape[1]) - np.float32(0.5)
    slope = rng.uniform(-0.16, 0.16, 2).astype(np.float32)
    vignette = np.float32(rng.uniform(0, 0.5)) * (x * x + y * y)
    light = 1 + slope[0] * x + slope[1] * y - vignette
    exposure = rng.uniform(0.92, 1.08)
    white_balance = 1 + rng.normal(0, (0.02, 0.035, 0.06))
    channels = (exposure * white_balance).astype(np.float32)
    return image * light * channels.reshape(3, 1, 1)
