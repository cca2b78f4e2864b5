"""EfficientNet-Lite2, which `keras.applications` lacks: no squeeze-and-excitation, ReLU6, made for 8-bit
integers.

Source: Tan & Le 2019 (EfficientNet, arXiv 1905.11946) and the Lite variants of its authors (2020).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lentigo.common.array_files import read_arrays
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras, layers

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
NORM_EPSILON = 1e-3
EXPECTED_FILE = (
    "expected an .npz file with one array a weight, named LAYER/kernel, LAYER/gamma, LAYER/beta, "
    "LAYER/moving_mean, LAYER/moving_variance"
)


class LiteStage(NamedTuple):
    """Blocks of one shape."""

    repeats: int  # blocks
    kernel: int  # pixels along the side of the depthwise kernel
    stride: int  # of the first block; that of the others is 1
    expansion: int  # channels within a block, in its input's channels
    channels: int  # of the output


STAGES = (
    LiteStage(1, 3, 1, 1, 16),
    LiteStage(3, 3, 2, 6, 24),
    LiteStage(3, 5, 2, 6, 48),
    LiteStage(4, 3, 2, 6, 88),
    LiteStage(4, 5, 1, 6, 120),
    LiteStage(5, 5, 2, 6, 208),
    LiteStage(1, 3, 1, 6, 352),
)


def build_efficientnet_lite2(input_tensor: Any, name: str = "efficientnetlite2") -> keras.Model:
    """Builds the backbone without its classifier, with random weights.

    Args:
        input_tensor: Pixels as the backbone was trained to see them, (n, side, side, 3): (RGB - 127) / 128.
        name: Name of the model.

    Returns:
        A flat functional model; its output is the last feature map, (n, side / 32, side / 32, 1280).
    """
    x = convolve(input_tensor, STEM_CHANNELS, 3, 2, "stem")
    number = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x = build_block(x, stage, stride, f"block{number}")
            number += 1
    x = convolve(x, HEAD_CHANNELS, 1, 1, "head")
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x, name=name)


def build_block(x: Any, stage: LiteStage, stride: int, name: str) -> Any:
    """An inverted residual: expand, filter each channel in space, project; the input is added where the shape
    stays.
    """
    channels = x.shape[-1]
    y = x
    if stage.expansion > 1:
        y = convolve(y, channels * stage.expansion, 1, 1, f"{name}_expand")
    y = layers.DepthwiseConv2D(stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv")(y)
    y = normalise(y, f"{name}_depthwise")
    y = convolve(y, stage.channels, 1, 1, f"{name}_project", activate=False)
    if stride == 1 and channels == stage.channels:
        return layers.Add(name=f"{name}_add")([y, x])
    return y


def convolve(x: Any, channels: int, kernel: int, stride: int, name: str, activate: bool = True) -> Any:
    """A convolution without bias and its batch norm, with a ReLU6 unless it projects.

    Args:
        x: Maps (n, h, w, c).
        channels: Of the answer.
        kernel: Its side, in cells.
        stride: In cells.
        name: Of the layers.
        activate: Whether a ReLU6 follows.
    """
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    return normalise(x, name, activate)


def normalise(x: Any, name: str, activate: bool = True) -> Any:
    """A batch norm and, unless it is told not to, a ReLU6.

    Args:
        x: Maps (n, h, w, c).
        name: Of the layer before.
        activate: Whether a ReLU6 follows.
    """
    x = layers.BatchNormalization(epsilon=NORM_EPSILON, name=f"{name}_bn")(x)
    if activate:
        x = layers.ReLU(6.0, name=f"{name}_relu")(x)
    return x


def load_efficientnet_lite2(model: keras.Model, path: str | Path) -> None:
    """Loads the weights of `build_efficientnet_lite2` from an .npz file.

    Args:
        model: What `build_efficientnet_lite2` built.
        path: A file with one array for each weight, named `LAYER/kernel`, `LAYER/gamma` and so on; kernels in
            Keras' layout.

    Raises:
        ModelError: The file is not readable, or holds other layers or shapes.
    """
    try:
        arrays = read_arrays(Path(path))
    except ValueError as error:
        raise ModelError(f"{path}: not readable ({error}); {EXPECTED_FILE}") from error
    for layer in model.layers:
        for variable in layer.weights:
            key = f"{layer.name}/{variable.name}"
            if isinstance(layer, layers.DepthwiseConv2D):
                key = f"{layer.name}/kernel"
            if key not in arrays:
                raise ModelError(f"{path}: has no {key}; {EXPECTED_FILE}")
            if arrays[key].shape != tuple(variable.shape):
                raise ModelError(
                    f"{path}: {key} has shape {arrays[key].shape}, expected {tuple(variable.shape)}; "
                    f"{EXPECTED_FILE}"
                )
            variable.assign(arrays[key].astype(np.float32))
