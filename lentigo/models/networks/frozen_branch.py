"""A light branch beside a network that fine-tuning does not bend: it tells what shows a lesion from what does
not.

    image (n, 224, 224, 3) -> mean of 3 x 3 pixels -> EfficientNet-Lite2 with ImageNet weights, up to block 13
      -> means over places of the maps of blocks 5, 9 and 13 -> `reference` (n, 48 + 88 + 120)

The longer a network learns lesions, the less it remembers of anything else, and the more every new camera
looks strange to it. The branch keeps what ImageNet has taught it. It costs 43 million multiplications a
photograph, a fifteenth of a whole EfficientNet-Lite2.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import find_backbone, preprocess
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2, load_efficientnet_lite2

BLOCKS = ("block5_add", "block9_add", "block13_add")
SHRINK = 3  # pixels of the photograph along the side of one that the branch sees
OUTPUT = "reference"
PREFIX = "frozen/"


def build_frozen_branch(weights: str | Path) -> keras.Model:
    """The branch.

    Args:
        weights: The file of EfficientNet-Lite2's ImageNet weights, .npz.

    Returns:
        A model from image, uint8 (n, 224, 224, 3), to `reference`, float32 (n, 256).

    Raises:
        ModelError: The file is not readable, or holds other weights.
    """
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    small = layers.AveragePooling2D(SHRINK, name="shrink")(
        preprocess(find_backbone("efficientnetlite2"), image)
    )
    backbone = build_efficientnet_lite2(small)
    load_efficientnet_lite2(backbone, weights)
    means = [
        layers.GlobalAveragePooling2D(name=f"{name}_mean")(backbone.get_layer(name).output) for name in BLOCKS
    ]
    return keras.Model(image, {OUTPUT: layers.Concatenate(name="reference_parts")(means)})


def add_branch(graph: onnx.ModelProto, branch: onnx.ModelProto) -> onnx.ModelProto:
    """A graph with the output of a branch besides; both take the same image.

    Args:
        graph: The graph of a RUN.
        branch: The graph of `build_frozen_branch`.

    Raises:
        ModelError: The graph has such an output already, or takes another input.
    """
    names = [output.name for output in graph.graph.output]
    if OUTPUT in names:
        raise ModelError(f"the graph has an output {OUTPUT!r} already; expected a graph without the branch")
    inputs = [[value.name for value in model.graph.input] for model in (graph, branch)]
    if inputs[0] != inputs[1]:
        raise ModelError(
            f"the graph takes {', '.join(inputs[0])}, the branch {', '.join(inputs[1])}; expected the same "
            "input"
        )
    kept = {*inputs[0], OUTPUT}
    joined = onnx.ModelProto()
    joined.CopyFrom(graph)
    renamed = onnx.ModelProto()
    renamed.CopyFrom(branch)
    for node in renamed.graph.node:
        node.name = PREFIX + node.name
        node.input[:] = [name if name in kept or not name else PREFIX + name for name in node.input]
        node.output[:] = [name if name in kept else PREFIX + name for name in node.output]
    for constant in renamed.graph.initializer:
        constant.name = PREFIX + constant.name
    joined.graph.node.extend(renamed.graph.node)
    joined.graph.initializer.extend(renamed.graph.initializer)
    joined.graph.output.extend(renamed.graph.output)
    return joined
