"""The feature extractor: preprocessing, backbone and pooling, from a photograph to its embedding."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np

from lentigo.errors import ModelError, first_line
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import Backbone, preprocess
from lentigo.models.networks.deep_learning import find_keras_home, keras, layers
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2, load_efficientnet_lite2


def build_feature_extractor(
    backbone: Backbone, image: keras.KerasTensor, weights: str | Path, input_size: int = SIDE
) -> keras.Model:
    """Builds preprocessing, backbone and pooling, with weights loaded.

    Args:
        backbone: An entry of the backbone table.
        image: The photograph, uint8 (n, side, side, 3).
        weights: "imagenet", "none" or a file of the backbone's weights.
        input_size: Pixels along the side at which the backbone sees the photograph.

    Returns:
        A model from the photograph to its embedding, (n, d).

    Raises:
        ModelError: The weights cannot be had, or do not fit.
    """
    pixels = preprocess(backbone, image, input_size)
    if backbone.name == "efficientnetlite2":
        base = build_lite_backbone(backbone, pixels, weights)
    else:
        base = build_keras_backbone(backbone, pixels, weights)
    embedding = layers.GlobalAveragePooling2D(name="embedding")(base.output)
    return keras.Model(image, embedding, name="feature_extractor")


def build_keras_backbone(backbone: Backbone, pixels: keras.KerasTensor, weights: str | Path) -> keras.Model:
    """A backbone of `keras.applications`, on its preprocessing, with weights loaded."""
    constructor = getattr(keras.applications, backbone.constructor)
    options = {}
    if backbone.constructor.startswith("MobileNetV3"):
        options["include_preprocessing"] = True
    try:
        # MobileNet doubts that 224 x 224 is square; a download shows its progress
        with warnings.catch_warnings(action="ignore", category=UserWarning), redirect_stdout(sys.stderr):
            base = constructor(
                include_top=False,
                input_tensor=pixels,
                name=backbone.name,
                weights="imagenet" if str(weights) == "imagenet" else None,
                **options,
            )
    except Exception as error:  # whatever urllib, h5py and Keras raise when the download fails
        if str(weights) != "imagenet":
            raise
        raise ModelError(explain_download(backbone)) from error
    if str(weights) not in ("imagenet", "none"):
        load_backbone_weights(base, Path(weights), backbone)
    return base


def build_lite_backbone(backbone: Backbone, pixels: keras.KerasTensor, weights: str | Path) -> keras.Model:
    """EfficientNet-Lite2 with weights loaded; Keras has no file of them to download."""
    require_lite_weights(str(weights))
    base = build_efficientnet_lite2(pixels, backbone.name)
    if str(weights) != "none":
        load_efficientnet_lite2(base, weights)
    return base


def require_lite_weights(weights: str) -> None:
    """Raises `ModelError` where weights are neither "none" nor a file that is there."""
    if weights == "imagenet":
        raise ModelError(
            "efficientnetlite2: Keras has no ImageNet weights of it; pass a file: --weights FILE.npz, or "
            "start from bundled or none"
        )
    if weights != "none" and not Path(weights).is_file():
        raise ModelError(
            f"{weights}: no such weight file; expected an .npz file of EfficientNet-Lite2, bundled or none"
        )


def explain_download(backbone: Backbone) -> str:
    """What to do where Keras cannot fetch ImageNet weights."""
    folder = find_keras_home() / "models"
    return (
        f"ImageNet weights of {backbone.name} could not be downloaded; put Keras' file for "
        f"{backbone.constructor}(include_top=False) into {folder}, or pass it: --weights FILE (to compare: "
        "--weights-dir FOLDER)"
    )


def load_backbone_weights(base: keras.Model, path: Path, backbone: Backbone) -> None:
    """Loads a file that `keras.applications.X(include_top=False).save_weights` wrote."""
    expected = f"expected the weights of keras.applications.{backbone.constructor}(include_top=False)"
    if not path.is_file():
        raise ModelError(f"{path}: no such weight file; {expected}, or --weights imagenet or none")
    try:
        # What does not fit raises an error besides the warning
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            base.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"{path}: does not fit {backbone.name} ({first_line(error)}); {expected}") from error


@contextmanager
def seed_initializers(seed: int) -> Iterator[None]:
    """Seeds the random initial weights of a backbone that is built within the block.

    Keras draws the seeds of initializers from Python's `random`, whose state is put back.

    Args:
        seed: Equal seeds give equal weights.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def fit_batch_norms(feature_extractor: keras.Model, images: np.ndarray) -> None:
    """Gives the batch norms of a random backbone the means and variances of photographs, in one pass.

    Untouched they pass on what random filters make of a photograph, which fades from layer to layer: after
    the fifty of a MobileNet all photographs have the same features (the data-dependent start of Mishkin &
    Matas 2016, for variances alone). The backbone stays frozen.

    Args:
        feature_extractor: The model; its batch norms are changed.
        images: Photographs, uint8 (n, side, side, 3).
    """
    norms = list_batch_norms(feature_extractor)
    momenta = []
    for norm in norms:
        momenta.append(norm.momentum)
        norm.trainable = True  # a frozen one takes no means, also in training
        norm.momentum = 0.0  # nothing is left of the means before
    feature_extractor(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.trainable = False
        norm.momentum = momentum


def list_batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The batch norms of a model, in order."""
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
