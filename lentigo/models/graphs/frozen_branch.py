"""A light branch beside a network that fine-tuning does not bend: it tells what shows a lesion from what does
not.

    image (n, 224, 224, 3) -> mean of 3 x 3 pixels -> EfficientNet-Lite2 with ImageNet weights, up to block 13
      -> means over places of the maps of blocks 5, 9 and 13 -> `reference` (n, 48 + 88 + 120)

The longer a network learns lesions, the less it remembers of anything else, and the more every new camera
looks strange to it. The branch keeps what ImageNet has taught it. It costs 43 million multiplications a
photograph, a fifteenth of a whole EfficientNet-Lite2.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import find_backbone, preprocess
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2, load_efficientnet_lite2

BLOCKS = ("block5_add", "block9_add", "block13_add")
SHRINK = 3  # pixels of the photograph along the side of one that the branch sees
OUTPUT = "reference"  # the branch's output
PREFIX = "frozen/"  # of the names of its nodes in a joined graph


def build_frozen_branch(weights: str | Path) -> keras.Model:
    """Builds the branch.

    Args:
        weights: The file of EfficientNet-Lite2's ImageNet weights, .npz.

    Returns:
        A model from image, uint8 (n, 224, 224, 3), to `reference`, float32 (n, 256).

    Raises:
        ModelError: The file is not readable, or holds other weights.
    """
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    pixels = preprocess(find_backbone("efficientnetlite2"), image)
    small = layers.AveragePooling2D(SHRINK, name="shrink")(pixels)
    backbone = build_efficientnet_lite2(small)
    load_efficientnet_lite2(backbone, weights)
    means = []  # of the three maps, (n, 48), (n, 88) and (n, 120)
    for name in BLOCKS:
        block = backbone.get_layer(name).output
        means.append(layers.GlobalAveragePooling2D(name=f"{name}_mean")(block))
    return keras.Model(image, {OUTPUT: layers.Concatenate(name="reference_parts")(means)})


def add_branch(graph: onnx.ModelProto, branch: onnx.ModelProto) -> onnx.ModelProto:
    """Adds a branch to a graph that takes the same image.

    Args:
        graph: The graph of a RUN.
        branch: The graph of `build_frozen_branch`.

    Returns:
        A graph with the outputs of both.

    Raises:
        ModelError: The graph has such an output already, or takes another input.
    """
    names = list_names(graph.graph.output)
    if OUTPUT in names:
        raise ModelError(f"the graph has an output {OUTPUT!r} already; expected a graph without the branch")
    graph_inputs = list_names(graph.graph.input)
    branch_inputs = list_names(branch.graph.input)
    if graph_inputs != branch_inputs:
        raise ModelError(
            f"the graph takes {', '.join(graph_inputs)}, the branch {', '.join(branch_inputs)}; expected the "
            "same input"
        )
    # A copy: the graph that was given may be used again
    joined = onnx.ModelProto()
    joined.CopyFrom(graph)
    renamed = rename_nodes(branch, kept={*graph_inputs, OUTPUT})
    joined.graph.node.extend(renamed.graph.node)
    joined.graph.initializer.extend(renamed.graph.initializer)
    joined.graph.output.extend(renamed.graph.output)
    return joined


def list_names(values: Iterable[onnx.ValueInfoProto]) -> list[str]:
    """The names of some inputs or outputs of a graph."""
    return [value.name for value in values]


def rename_nodes(model: onnx.ModelProto, kept: set[str], prefix: str = PREFIX) -> onnx.ModelProto:
    """A copy in which everything but what is `kept` has a name with a prefix, so that no two graphs clash."""
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    # A missing optional input has an empty name, which stays empty
    unchanged = kept | {""}
    for node in renamed.graph.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            names[:] = [name if name in unchanged else prefix + name for name in names]
    for constant in renamed.graph.initializer:
        constant.name = prefix + constant.name
    return renamed
