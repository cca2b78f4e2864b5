"""The mask decoder: from feature maps that the backbone makes anyway to the outline of the lesion.

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
from lentigo.models.networks.keras_graph import chain_graph
from lentigo.models.networks.layers import SpreadPixels
from lentigo.models.networks.network import Network

SCALES = (1, 2, 4, 8)  # sides of the feature maps, in the order of use, in units of the last one's
MASK_GRID = 56  # side of the map each of whose cells becomes a square of pixels
WIDTHS = (96, 64, 48, 32, 24, 16, 8)  # channels to choose from
# Of the backbone's multiplications that a decoder may add; in time a fifth at most (bench/decoder.py)
MAX_SHARE = 0.15


def find_skips(network: Network) -> list[keras.KerasTensor]:
    """Finds the feature maps that the decoder starts from.

    Args:
        network: Any network.

    Returns:
        The backbone's last feature map of each of four sides, (n, side, side, d), each twice the one before:
        7, 14, 28 and 56 of a photograph of 224 pixels.

    Raises:
        ModelError: The backbone has no such maps: its convolutions cut borders off.
    """
    last_map: dict[int, keras.KerasTensor] = {}  # by its side
    for layer in network.feature_extractor.layers:
        shape = layer.output.shape
        if len(shape) == 4 and shape[1] == shape[2]:
            last_map[shape[1]] = layer.output
    coarsest = network.features.shape[1]
    sides = [scale * coarsest for scale in SCALES]
    missing = set(sides) - set(last_map)
    if missing:
        raise ModelError(
            f"backbone {network.backbone.name}: has no feature map of side "
            f"{', '.join(map(str, sorted(missing)))}; expected "
            f"{', '.join(map(str, sides))}: "
            f"choose another backbone for masks, such as densenet121, mobilenetv2, resnet50 or efficientnetb0"
        )
    return [last_map[side] for side in sides]


def choose_width(network: Network) -> int:
    """Chooses the width of a decoder.

    Args:
        network: The network that the decoder is to be attached to.

    Returns:
        The most channels of `WIDTHS` with which a decoder adds at most `MAX_SHARE` to the multiplications of
        the backbone; else the fewest.
    """
    skips = find_skips(network)
    budget = MAX_SHARE * count_products(network.feature_extractor)
    for width in WIDTHS:
        if count_products(build_decoder(skips, width, seed=0)) <= budget:
            return width
    return WIDTHS[-1]


def count_products(model: keras.Model) -> int:
    """Counts the multiplications of one photograph in the convolutions of a model.

    Args:
        model: A functional model.
    """
    return sum(map(count_layer_products, model.layers))


def count_layer_products(layer: keras.layers.Layer) -> int:
    """The multiplications of one photograph in a layer; 0 where it is no convolution."""
    shape = layer.output.shape
    if len(shape) != 4:
        return 0
    # Kernels alone, which are applied at each place of the output
    kernels = [weight.shape for weight in layer.weights if len(weight.shape) == 4]
    return sum(map(math.prod, kernels)) * math.prod(shape[1:3])


def build_decoder(skips: Sequence[keras.KerasTensor], width: int, seed: int) -> keras.Model:
    """Builds a decoder for feature maps of given shapes.

    Args:
        skips: The feature maps (n, side, side, d), the coarsest first.
        width: Its channels.
        seed: The same seed gives the same weights.

    Returns:
        A model from the maps to logits of P(lesion), (n, 224, 224).
    """
    inputs = [keras.Input(skip.shape[1:], name=f"skip_{skip.shape[1]}") for skip in skips]
    coarsest = inputs[0]  # (n, 7, 7, d)
    x = convolve(coarsest, width, 1, seed, f"mask_{coarsest.shape[1]}_project")
    x = layers.Activation("relu", name=f"mask_{coarsest.shape[1]}_relu")(x)
    for number, skip in enumerate(inputs[1:], 1):
        x = add_level(x, skip, width, seed + 2 * number)
    if x.shape[1] != MASK_GRID:
        x = layers.Resizing(MASK_GRID, MASK_GRID, interpolation="bilinear", name="mask_larger")(x)
    factor = SIDE // MASK_GRID  # pixels of the photograph along a cell of the finest map
    initializer = keras.initializers.GlorotUniform(seed=seed + 2 * len(inputs))
    x = layers.Conv2D(factor**2, 1, kernel_initializer=initializer, name="mask_pixels")(x)
    return keras.Model(inputs, SpreadPixels(factor, name="mask_logit")(x), name="decoder")


def add_level(x: keras.KerasTensor, skip: keras.KerasTensor, width: int, seed: int) -> keras.KerasTensor:
    """One level of the pyramid: what is there, enlarged to the side of the next map, and that map added."""
    side = skip.shape[1]
    lateral = convolve(skip, width, 1, seed, f"mask_{side}_project")
    enlarge = layers.UpSampling2D(side // x.shape[1], interpolation="bilinear", name=f"mask_{side}_larger")
    total = layers.Add(name=f"mask_{side}_sum")([enlarge(x), lateral])
    x = layers.Activation("relu", name=f"mask_{side}_relu")(total)
    smooth = convolve(x, width, 3, seed + 1, f"mask_{side}_smooth")
    return layers.Activation("relu", name=f"mask_{side}_smooth_relu")(smooth)


def convolve(x: keras.KerasTensor, width: int, size: int, seed: int, name: str) -> keras.KerasTensor:
    """A convolution that keeps the side, and its batch norm.

    Args:
        x: Maps (n, h, w, c).
        width: Channels of the answer.
        size: Side of the kernel, in cells.
        seed: Of the initial weights.
        name: Of the layers.
    """
    convolution = layers.Conv2D(
        width,
        size,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(seed=seed),
        name=name,
    )
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(convolution(x))


def attach_decoder(network: Network, decoder: keras.Model) -> Network:
    """Puts a decoder on the backbone's feature maps, in one flat graph.

    Args:
        network: Any network.
        decoder: What `build_decoder` built for its feature maps.

    Returns:
        The network with a mask.
    """
    logits = chain_graph(decoder, find_skips(network))
    return replace(network, mask=layers.Activation("sigmoid", name="mask")(logits))
