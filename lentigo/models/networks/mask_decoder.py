"""The decoder: from feature maps that the trunk makes anyway to the outline of the lesion.

    56 x 56 -> project -> + -> relu, 3 x 3 -> 16 channels: the 4 x 4 pixels of each -> P(lesion), (224, 224)
    28 x 28 -> project -> + -> relu, 3 x 3 -> x 2 ^
    14 x 14 -> project -> + -> relu, 3 x 3 -> x 2 ^
      7 x 7 -> project ----> relu ----------> x 2 ^

A feature pyramid (Lin et al. 2017, arXiv 1612.03144) of one width. Batch norms stand behind each convolution
and cost nothing where they are folded into it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.layers import SpreadPixels
from lentigo.models.networks.network import Network
from lentigo.models.networks.onnx_graph import origin, walk

GRIDS = (7, 14, 28, 56)  # sides of the feature maps, in the order in which they are used
WIDTHS = (96, 64, 48, 32, 24, 16, 8)  # channels to choose from
# Of the trunk's multiplications that a decoder may add; in time that is a fifth at most (bench/decoder.py)
SHARE = 0.15


def find_skips(network: Network) -> list[keras.KerasTensor]:
    """The trunk's last feature map of each side of `GRIDS`, (n, side, side, d).

    Raises `ModelError` for a backbone that has no such maps: its convolutions cut borders off.
    """
    outputs = [layer.output for layer in network.trunk.layers if len(layer.output.shape) == 4]
    last = {output.shape[1]: output for output in outputs if output.shape[1] == output.shape[2]}
    missing = [str(side) for side in GRIDS if side not in last]
    if missing:
        raise ModelError(
            f"backbone {network.backbone.name}: has no feature map of side {', '.join(missing)}; expected "
            f"{', '.join(map(str, GRIDS))}: "
            f"choose another backbone for masks, such as densenet121, mobilenetv2, resnet50 or efficientnetb0"
        )
    return [last[side] for side in GRIDS]


def choose_width(network: Network) -> int:
    """The most channels of `WIDTHS` with which a decoder adds at most `SHARE` to the multiplications of the
    trunk; else the fewest.
    """
    skips, budget = find_skips(network), SHARE * count_products(network.trunk)
    return next(
        (width for width in WIDTHS if count_products(build_decoder(skips, width, 0)) <= budget), WIDTHS[-1]
    )


def count_products(model: keras.Model) -> int:
    """Multiplications of one photograph in the convolutions of a model."""
    maps = [layer for layer in model.layers if len(layer.output.shape) == 4]
    return sum(
        math.prod(kernel.shape) * math.prod(layer.output.shape[1:3])
        for layer in maps
        for kernel in layer.weights
        if len(kernel.shape) == 4
    )


def build_decoder(skips: Sequence[keras.KerasTensor], width: int, seed: int) -> keras.Model:
    """A decoder for feature maps of these shapes: the maps, coarsest first, to logits (n, 224, 224). The same
    seed, the same weights.
    """
    inputs = [keras.Input(skip.shape[1:], name=f"skip_{skip.shape[1]}") for skip in skips]
    x = None
    for number, skip in enumerate(inputs):
        side = skip.shape[1]
        lateral = convolve(skip, width, 1, seed + 2 * number, f"mask_{side}_project")
        if x is None:
            x = layers.Activation("relu", name=f"mask_{side}_relu")(lateral)
            continue
        larger = layers.UpSampling2D(
            side // x.shape[1], interpolation="bilinear", name=f"mask_{side}_larger"
        )(x)
        x = layers.Activation("relu", name=f"mask_{side}_relu")(
            layers.Add(name=f"mask_{side}_sum")([larger, lateral])
        )
        x = layers.Activation("relu", name=f"mask_{side}_smooth_relu")(
            convolve(x, width, 3, seed + 2 * number + 1, f"mask_{side}_smooth")
        )
    factor = SIDE // x.shape[1]
    initializer = keras.initializers.GlorotUniform(seed=seed + 2 * len(inputs))
    x = layers.Conv2D(factor**2, 1, kernel_initializer=initializer, name="mask_pixels")(x)
    return keras.Model(inputs, SpreadPixels(factor, name="mask_logit")(x), name="decoder")


def convolve(x: keras.KerasTensor, width: int, size: int, seed: int, name: str) -> keras.KerasTensor:
    """A convolution that keeps the side, and its batch norm."""
    initializer = keras.initializers.HeNormal(seed=seed)
    x = layers.Conv2D(width, size, padding="same", use_bias=False, kernel_initializer=initializer, name=name)(
        x
    )
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def attach_decoder(network: Network, decoder: keras.Model) -> Network:
    """The network with a mask: the decoder's layers on the trunk's feature maps, in one flat graph."""
    logits = chain_graph(decoder, find_skips(network))
    return replace(network, mask=layers.Activation("sigmoid", name="mask")(logits))


def chain_graph(model: keras.Model, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Applies the layers of a model with one output one by one to other inputs, so that the graph stays
    flat.
    """
    known = {id(own): given for own, given in zip(model.inputs, inputs, strict=True)}
    for tensor in walk(model.outputs, known):
        layer, node = origin(tensor)
        given = [known[id(x)] for x in node.input_tensors]
        known[id(tensor)] = layer(given if len(given) > 1 else given[0])
    return known[id(model.outputs[0])]
