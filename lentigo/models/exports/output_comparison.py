"""How far an exported form gives what the RUN's own model gives, and on which photographs that is measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.special import expit

from lentigo.datasets.dataset import CLASSES
from lentigo.errors import DataError, ModelError
from lentigo.images.listing import find_images
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.models.bundle import CLASSIFIER, Bundle
from lentigo.models.exports.formats import Outputs
from lentigo.models.exports.quantization import list_validation, read_some

MAX_DIFFERENCE = 1e-3  # of P(malignant)
MAX_DEVIATION = 1e-2  # of embedding and heatmap, as a share of their largest value
MIN_IMAGES = 16  # to compare on: synthetic lesions fill them up
MAX_IMAGES = 64  # to compare on


def choose_pixels(bundle: Bundle, compare_on: str | Path | Iterable[str | Path] | None) -> np.ndarray:
    """Chooses what to compare on: photographs that were given, else those of validation, filled up with
    synthetic lesions.

    Args:
        bundle: The RUN.
        compare_on: Files or folders of photographs; None for the RUN's validation photographs.

    Returns:
        Uint8 (n, side, side, 3).

    Raises:
        DataError: Photographs are given, and none of them can be read.
    """
    images = list_given(compare_on) if compare_on is not None else list(list_validation(bundle)["image"])
    pixels = [image.pixels for image in read_some(images, MAX_IMAGES)]
    if compare_on is not None and not pixels:
        raise DataError(
            f"none of the {len(images)} photographs to compare on can be read; expected JPEG, PNG, TIFF, "
            "WebP or BMP"
        )
    for seed in range(MIN_IMAGES - len(pixels)):
        pixels.append(draw_synthetic_lesion(CLASSES[seed % 2], seed).image)
    return np.stack(pixels)


def list_given(names: str | Path | Iterable[str | Path]) -> list[str]:
    """The photographs of a file or folder, or of several."""
    images = []
    for name in [names] if isinstance(names, str | Path) else names:
        images += [str(file) for file in find_images(name)]
    return images


def compare(expected: Outputs, received: Outputs) -> dict[str, float]:
    """Compares the outputs of two models.

    Args:
        expected: Of the RUN's model.
        received: Of its other form.

    Returns:
        The largest difference of each output, as a share of its largest value; of the logit that of
        P(malignant), as "probability". Infinite for one that is missing.
    """
    deviations = {}
    for name, values in expected.items():
        shown_name = "probability" if name == "logit" else name
        deviation = np.inf
        if name in received:
            deviation = compare_output(name, values, received[name])
        deviations[shown_name] = deviation
    return deviations


def compare_output(name: str, expected: np.ndarray, received: np.ndarray) -> float:
    """The largest difference of one output, as `compare` gives it."""
    if name == "logit":  # a large logit may differ by more without any consequence
        return find_largest_difference(expit(expected), expit(received))
    scale = float(np.abs(expected).max()) or 1.0
    return find_largest_difference(expected / scale, received / scale)


def find_largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where shapes differ or a value is no number."""
    if a.shape != b.shape:
        return np.inf
    difference = float(np.abs(a - b).max())
    return np.inf if np.isnan(difference) else difference


def refuse_difference(format: str, deviations: dict[str, float], count: int) -> None:
    """Raises `ModelError` where an exported form does not answer as the RUN does.

    Args:
        format: Its name.
        deviations: As `compare` gives them.
        count: The number of photographs.
    """
    for name, value in deviations.items():
        limit = MAX_DIFFERENCE if name == "probability" else MAX_DEVIATION
        if value > limit:
            raise ModelError(
                f"format {format}: the {name} differs from {CLASSIFIER}'s by {value:.2g} on {count} "
                f"photographs, expected at most {limit:g}; "
                "nothing was written: report it with the RUN's card.json, and use the RUN's model.onnx "
                "meanwhile"
            )
