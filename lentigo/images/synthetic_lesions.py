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

_ATYPIA = {"benign": 0.26, "malignant": 0.74}  # means; the spread of both is _SPREAD
_SPREAD = 0.145
_SKIN = np.float32(
    [[240, 212, 200], [230, 190, 172], [214, 166, 142], [184, 134, 106], [146, 100, 76], [108, 75, 59]]
)
_SKIN_SHARE = (
    0.22,
    0.26,
    0.22,
    0.14,
    0.09,
    0.07,
)  # of the Fitzpatrick types I to VI, whose colours stand above
_MELANIN = np.float32([[[0.48]], [[0.88]], [[1.22]]])  # absorption of red, green, blue light at density 1
_BLOOD = np.float32([[[0.10]], [[0.62]], [[0.46]]])
_BLUE_GREY = np.float32([98, 102, 118])
_SCAR = np.float32([228, 206, 206])
_TEXTURE = 256  # texels along the side of a noise texture
_REACH = 1.8  # image widths that a texture spans


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
    """Draws one photograph, `size` x `size` pixels, of the lesion that `label` and `seed` name.

    The same arguments give the same pixels. Another `view` is another photograph of the same lesion: turned,
    shifted, in other light, with other hairs. Raises `UsageError` for an unknown label, a size under 32, a
    negative seed or view.

    >>> synthetic_lesion = draw_synthetic_lesion("malignant", seed=7, size=64)
    >>> synthetic_lesion.image.shape, synthetic_lesion.mask.shape, synthetic_lesion.label
    ((64, 64, 3), (64, 64), 'malignant')
    """
    _check(label, seed, view, size)
    own = np.random.default_rng([seed, 0, *label.encode()])
    chance = np.random.default_rng([seed, 1 + view, *label.encode()])
    lesion, frame = _draw_lesion(_ATYPIA[label], own), _draw_view(chance, size)
    depth = _outline(lesion, frame, own)
    image = _expose(_colour(lesion, frame, depth, own), chance)
    for share, add in ARTEFACTS:
        if chance.random() < share:
            add(image, chance)
    image += chance.standard_normal((size, size), np.float32) * np.float32(1.6)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return SyntheticLesion(cv2.merge(list(pixels)), np.where(depth > 0, 255, 0).astype(np.uint8), label)


def write_synthetic_lesions(
    out: str | Path, count: int, *, seed: int = 0, size: int = 224, progress: Progress = show_nothing
) -> pd.DataFrame:
    """Writes `count` photographs of each class under `out`, their masks, and `manifest.csv`, which is also
    returned.

    Photographs are `out/benign/*.jpg` and `out/malignant/*.jpg`, masks `out/masks/*.png` with the same stem.
    About one lesion in four is photographed twice and some patients have two lesions or more, so splits must
    keep them together. The same seed writes the same files: lesion `L00007` is `draw_synthetic_lesion(label,
    seed * 1_000_000 + 7)`. Raises `UsageError` for a count under 1 and for what `draw_synthetic_lesion`
    refuses, `SpaceError` when the disk is full.
    """
    if count < 1:
        raise UsageError(f"count {count}: expected at least 1 photograph of each class")
    _check("benign", seed, 0, size)
    out, shots = Path(out), _plan_shots(count, seed)
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


def _plan_shots(count: int, seed: int) -> list[dict[str, Any]]:
    """A row of the manifest for each photograph, with the `seed` and `view` to draw it from."""
    rng, lesions, shots, patient = np.random.default_rng([seed, 0]), [], [], 0
    for label in _ATYPIA:
        left = count
        while left:
            lesions.append((label, min(left, 1 + int(rng.random() < 0.25))))
            left -= lesions[-1][1]
    rng.shuffle(lesions)
    for number, (label, views) in enumerate(lesions):
        patient += number == 0 or rng.random() > 0.15
        for view in range(views):
            stem = f"synthetic_{number:05d}_{view}"
            row = {
                "image": f"{label}/{stem}.jpg",
                "label": label,
                "lesion_id": f"L{number:05d}",
                "patient_id": f"P{patient:05d}",
            }
            row |= {"mask": f"masks/{stem}.png", "source": "lentigo synthetic lesion", "license": "CC0-1.0"}
            shots.append(row | {"seed": seed * 1_000_000 + number, "view": view})
    return shots


def _check(label: str, seed: int, view: int, size: int) -> None:
    if label not in _ATYPIA:
        raise UsageError(f"label {label!r}: expected one of {', '.join(_ATYPIA)}")
    if size < 32:
        raise UsageError(f"size {size}: expected at least 32 pixels")
    if seed < 0 or view < 0:
        raise UsageError(f"seed {seed}, view {view}: expected whole numbers from 0 on")


def _draw_lesion(mean: float, rng: np.random.Generator) -> _Lesion:
    atypia = rng.normal(mean, _SPREAD)
    signs = np.clip(atypia + rng.normal(0, 0.18, 6), 0, 1)
    patches = np.clip(atypia + rng.normal(0, 0.3, 4) - (0.45, 0.65, 0.55, 0.7), 0, 0.5) * 2
    tone = rng.choice(6, p=_SKIN_SHARE) + rng.uniform(-0.5, 0.5)
    return _Lesion(
        skin=np.float32([[[np.interp(tone, range(6), channel)]] for channel in _SKIN.T]),
        radius=float(np.clip(0.16 * np.exp(0.55 * signs[0] + rng.normal(0, 0.25)), 0.09, 0.4)),
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
        patches=np.float32(patches),
    )


def _draw_view(rng: np.random.Generator, size: int) -> _View:
    turn, zoom, shift = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.1), rng.uniform(-0.06, 0.06, 2)
    axes = np.float64([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / zoom
    offset = -axes @ (0.5 + shift)  # so that the lesion's centre shows at 0.5 + shift image widths
    y, x = grid(size)
    across, down = (
        np.float32(a[0]) * x + np.float32(a[1]) * y + np.float32(o) for a, o in zip(axes, offset, strict=True)
    )
    scale = _TEXTURE / _REACH
    to_texture = np.column_stack([axes * scale / size, offset * scale + _TEXTURE / 2])
    return _View(across, down, *cv2.cartToPolar(across, down), to_texture)


def _noise(rng: np.random.Generator, cells: int, octaves: int = 1) -> np.ndarray:
    """A texture of smooth noise, mean 0, with details from 1 / `cells` of its side on; each octave is finer
    and weaker.
    """
    total = rng.standard_normal((cells, cells), np.float32)
    for octave in range(1, octaves):
        side = cells * 2**octave
        total = cv2.resize(total, (side, side), interpolation=cv2.INTER_CUBIC)
        total += rng.standard_normal((side, side), np.float32) * np.float32(0.6**octave)
    return cv2.resize(total, (_TEXTURE, _TEXTURE), interpolation=cv2.INTER_CUBIC)


def _outline(lesion: _Lesion, view: _View, rng: np.random.Generator) -> np.ndarray:
    """How far inside the lesion each pixel lies, in radii; 0 on the outline."""
    orders = np.arange(2, 8)[:, None]
    waves = rng.normal(0, 1, (6, 1)) * np.where(
        orders < 4, 0.03 + 0.13 * lesion.asymmetry, 0.005 + 0.045 * lesion.ragged
    )
    around = np.linspace(0, 2 * np.pi, 2049)
    edge = 1 + (waves * np.cos(orders * around + rng.uniform(0, 2 * np.pi, (6, 1)))).sum(0)
    depth = np.float32(edge)[(view.angle * np.float32(2048 / (2 * np.pi))).astype(np.int32)]
    depth += np.float32(0.03 + 0.16 * lesion.ragged) * view.see(_noise(rng, 10, 2))
    depth += np.float32(0.025 + 0.04 * lesion.ragged) * view.see(_noise(rng, 40, 3))
    return depth - view.distance / np.float32(lesion.radius)


def _mesh(lesion: _Lesion, view: _View, rng: np.random.Generator) -> np.ndarray:
    """A honeycomb, about 1 on its lines and -2 in its holes: three waves at 60 degrees, bent by noise."""
    bend = np.float32(lesion.mesh * (0.2 + 0.2 * lesion.variegation))
    pitch = np.float32(2 * np.pi / lesion.mesh)
    x, y = ((a + bend * view.see(_noise(rng, 48, 2))) * pitch for a in (view.x, view.y))
    half, tall = x * np.float32(0.5), y * np.float32(0.866)
    return (np.cos(x) + np.cos(half + tall) + np.cos(half - tall)) * np.float32(-0.667)


def _pigment(lesion: _Lesion, view: _View, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The density of melanin that the lesion adds, (S, S)."""
    uneven, even = view.see(_noise(rng, 7, 5)), 1 - lesion.variegation
    slope = rng.normal(0, 0.35 * lesion.asymmetry / lesion.radius, 2).astype(np.float32)
    density = (
        1 + np.float32(lesion.centre) * (depth - np.float32(0.5)) + slope[0] * view.x + slope[1] * view.y
    )
    density *= np.exp(np.float32(0.42 - 0.3 * even) * uneven)
    where = np.clip(1 + np.float32(lesion.variegation) * view.see(_noise(rng, 9)), 0, 2)
    if lesion.network or lesion.globules:
        mesh = _mesh(lesion, view, rng)
        density += where * (
            np.float32(0.22 * lesion.network) * mesh
            + np.float32(0.6 * lesion.globules) * rise(-mesh, 0.4, 1.8)
        )
    density = np.maximum(density, 0.1) * rise(depth, -0.35 * lesion.softness, lesion.softness)
    if lesion.streaks:
        rays = rise(np.cos(view.angle * np.float32(rng.integers(18, 40)) + 2 * uneven), 0, 1)
        rim = rise(depth, -0.28, 0.1) * rise(-depth, -0.4, 0.05)
        density += np.float32(0.5 * lesion.streaks) * np.maximum(where - np.float32(0.6), 0) * rim * rays
    return np.float32(lesion.melanin) * density


def _skin(view: _View, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The density of melanin and of blood in the skin beside its tone: blotches, furrows, pores, freckles;
    (S, S) each.
    """
    pores, bend, turn = view.see(_noise(rng, 128)), view.see(_noise(rng, 14, 3)), rng.uniform(0, np.pi)
    melanin = np.float32(rng.uniform(0.01, 0.03)) * pores + np.float32(0.03) * bend
    for direction in (turn, turn + rng.uniform(0.8, 1.6)):
        across = view.x * np.float32(np.cos(direction)) + view.y * np.float32(np.sin(direction))
        furrow = np.square(np.cos(across * np.float32(rng.uniform(70, 120)) + 2 * bend))
        melanin += np.float32(rng.uniform(0, 0.05)) * np.square(furrow * furrow)
    if rng.random() < 0.3:
        melanin += np.float32(rng.uniform(0.1, 0.4)) * rise(view.see(_noise(rng, 32, 2)), 1.4, 3)
    blood = np.float32(rng.uniform(0.03, 0.1)) * view.see(_noise(rng, 6, 4)) + np.float32(0.03) * pores
    return melanin, blood + np.float32(rng.uniform(0, 0.3))


def _colour(lesion: _Lesion, view: _View, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The skin with the lesion in it, in even light: (3, S, S) float32."""
    melanin, blood = _skin(view, rng)
    inside = rise(depth, -0.1, max(lesion.softness, 0.25))
    pigment = _pigment(lesion, view, depth, rng)
    black, blue, red, white = (
        strength * inside * rise(view.see(_noise(rng, 6, 4)), 0.1, 1.5) if strength else np.float32(0)
        for strength in lesion.patches
    )
    melanin += (
        (pigment + np.float32(1.8) * black) * (1 - np.float32(0.8) * white) * (1 - np.float32(0.5) * red)
    )
    blood += np.float32(lesion.blood) * inside + np.float32(1.1) * red
    image = lesion.skin * np.exp(-melanin * _MELANIN - blood * _BLOOD)
    for amount, colour in ((0.6 * blue, _BLUE_GREY), (0.45 * white, _SCAR)):
        if np.ndim(amount):
            blend(image, amount, colour * lesion.skin.mean() / 190)
    return image


def _expose(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, a vignette, and a camera with a white balance of its own."""
    y, x = grid(image.shape[1]) - np.float32(0.5)
    slope = rng.uniform(-0.16, 0.16, 2).astype(np.float32)
    shade = 1 + slope[0] * x + slope[1] * y - np.float32(rng.uniform(0, 0.5)) * (x * x + y * y)
    balance = rng.uniform(0.92, 1.08) * (1 + rng.normal(0, (0.02, 0.035, 0.06)))
    return image * shade * np.float32(balance).reshape(3, 1, 1)
