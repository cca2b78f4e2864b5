"""Synthetic lesions: photographs of skin lesions that were never taken, drawn by program, with their
outlines.

They stand in for real photographs in the demo, in tests and wherever none may be shipped. Each lesion has a
latent atypia; the two classes draw it from overlapping normal distributions, and every visible sign
(asymmetry, border, colours, structures, size) follows it with noise of its own. So no classifier can be
perfect: knowing the atypia itself would give an accuracy of 0.95, knowing every sign exactly 0.92. Hairs,
rulers, bubbles, dark corners, light and skin tone do not depend on the class.

`lentigo.images.synthetic` draws the signs, the view and the colours.
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
from lentigo.images.artefacts.drawn_artefacts import ARTEFACTS
from lentigo.images.synthetic.camera_views import add_light, draw_view
from lentigo.images.synthetic.lesion_colours import colour_lesion, draw_outline
from lentigo.images.synthetic.lesion_signs import MEAN_ATYPIA, draw_signs

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
    # Two generators: another view changes the photograph, and leaves the lesion as it is
    of_lesion = np.random.default_rng([seed, 0, *label.encode()])
    of_view = np.random.default_rng([seed, 1 + view, *label.encode()])
    lesion = draw_signs(MEAN_ATYPIA[label], of_lesion)
    frame = draw_view(of_view, size)
    depth = draw_outline(lesion, frame, of_lesion)
    image = colour_lesion(lesion, frame, depth, of_lesion)  # (3, S, S) from here on
    image = add_light(image, of_view)
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
    lesions = _plan_lesions(count, rng)
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


def _plan_lesions(count: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """The label and the number of photographs of each lesion, in random order; `count` photographs a class."""
    lesions: list[tuple[str, int]] = []
    for label in MEAN_ATYPIA:
        left = count
        while left:
            wanted = 2 if rng.random() < _TWICE_SHARE else 1
            views = min(left, wanted)
            lesions.append((label, views))
            left -= views
    rng.shuffle(lesions)
    return lesions


def _check(label: str, seed: int, view: int, size: int) -> None:
    """Raises `UsageError` for what cannot be drawn."""
    if label not in MEAN_ATYPIA:
        raise UsageError(f"label {label!r}: expected one of {', '.join(MEAN_ATYPIA)}")
    if size < MIN_SIZE:
        raise UsageError(f"size {size}: expected at least {MIN_SIZE} pixels")
    if seed < 0 or view < 0:
        raise UsageError(f"seed {seed}, view {view}: expected whole numbers from 0 on")
