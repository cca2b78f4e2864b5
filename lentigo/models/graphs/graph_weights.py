"""Weights in an ONNX graph of ours: made half as large, and read back into a Keras network for further
training.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.bundle import is_run, open_bundle
from lentigo.models.graphs.onnx_graph import trace_onnx
from lentigo.models.networks.backbones import Backbone
from lentigo.models.networks.heads import UNITS
from lentigo.models.networks.network import Network, build_network

# A constant of up to so many values keeps its 32 bits: they are few, and batch norms depend on them
MAX_FULL_PRECISION_VALUES = 256


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copies a graph, its large constants in 16 bits and cast back where they are used.

    Runtimes do the cast once, when they load the graph.

    Args:
        model: The graph, which stays as it is.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for constant in halved.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or np.prod(constant.dims) <= MAX_FULL_PRECISION_VALUES:
            continue
        name = constant.name
        half_name = f"{name}_half"
        array = numpy_helper.to_array(constant).astype(np.float16)
        constant.CopyFrom(numpy_helper.from_array(array, half_name))
        casts.append(helper.make_node("Cast", [half_name], [name], name=f"cast_{name}", to=TensorProto.FLOAT))
    # Casts first: a graph lists its nodes in the order in which they run
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def start_network(
    backbone: Backbone,
    weights: str | Path,
    dropouts: tuple[float, float] = (0.8, 0.5),
    seed: int = 0,
    units: tuple[int, ...] = UNITS,
    input_size: int = SIDE,
) -> Network:
    """Builds the network that a training starts from, from a RUN's backbone where one is given.

    Args:
        backbone: An entry of the backbone table.
        weights: "bundled", the folder of a RUN, or what `build_network` takes.
        dropouts: Shares that are dropped after the two hidden layers of the head.
        seed: Decides the random weights.
        units: Sizes of the hidden layers of the head.
        input_size: Pixels along the side at which the backbone sees a photograph.

    Raises:
        ModelError: The weights cannot be had, or the RUN has another backbone.
    """
    if not is_run(weights):
        return build_network(backbone, weights, dropouts, seed, units, input_size)
    bundle = open_bundle(weights)
    if bundle.card["backbone"] != backbone.name:
        raise ModelError(
            f"{weights}: has the backbone {bundle.card['backbone']}, expected {backbone.name}; add "
            f"--backbone {bundle.card['backbone']}"
        )
    network = build_network(backbone, "none", dropouts, seed, units, input_size)
    load_backbone(network, bundle.graph)
    return network


def load_backbone(network: Network, path: str | Path) -> None:
    """Gives a feature extractor the weights of the `model.onnx` of a RUN with the same backbone.

    Args:
        network: The network whose feature extractor is changed.
        path: The graph.

    Raises:
        ModelError: The graph cannot be read, or is of another network.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's own errors share no base class with OSError
        raise ModelError(
            f"{path}: not a readable graph ({error}); expected the model.onnx of a RUN, copy it again"
        ) from error
    constants = read_constants(graph)
    nodes = {node.name: node for node in graph.node}
    # The names of nodes depend on the name of their layer alone: those of the file are those of this network
    nodes_by_layer = trace_onnx(network.feature_extractor).nodes_by_layer
    for layer in network.feature_extractor.layers:
        read_weights = LAYER_READERS.get(type(layer).__name__)
        if read_weights is None or not layer.weights:
            continue
        try:
            layer_nodes = [nodes[name] for name in nodes_by_layer[layer.name]]
            layer.set_weights(read_weights(layer, list_node_constants(layer_nodes, constants)))
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(
                f"{path}: does not hold a {network.backbone.name} (layer {layer.name}); name its own "
                "backbone with --backbone"
            ) from error


def list_node_constants(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]
) -> list[list[np.ndarray]]:
    """The constants that each node takes, of the nodes that take any."""
    values = []
    for node in nodes:
        arrays = [constants[name] for name in node.input if name in constants]
        if arrays:
            values.append(arrays)
    return values


def read_constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """The constants of a graph, float32, by the names under which nodes use them."""
    constants = {}
    for constant in graph.initializer:
        constants[constant.name] = np.asarray(numpy_helper.to_array(constant), np.float32)
    for node in graph.node:
        # A constant in 16 bits is used under the name of its cast
        if node.op_type == "Cast" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
    return constants


# The readers below take a Keras layer and, for each of its nodes, the node's constants. ONNX has kernels as
# (outputs, inputs, height, width), Keras as (height, width, inputs, outputs).


def read_conv(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    kernel, *bias = values[0]
    return [kernel.transpose(2, 3, 1, 0), *bias]


def read_depthwise(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    kernel, *bias = values[0]
    return [kernel.transpose(2, 3, 1, 0).reshape(layer.kernel.shape), *bias]


def read_separable(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    (depthwise,), (pointwise, *bias) = values
    depthwise_kernel = depthwise.transpose(2, 3, 1, 0).reshape(layer.depthwise_kernel.shape)
    return [depthwise_kernel, pointwise.transpose(2, 3, 1, 0), *bias]


def read_norm(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    gamma, beta, mean, variance = values[0]
    weights = []
    if layer.scale:
        weights.append(gamma)
    if layer.center:
        weights.append(beta)
    return [*weights, mean, variance]


LAYER_READERS: dict[str, Callable[[Any, list[list[np.ndarray]]], list[np.ndarray]]] = {
    "BatchNormalization": read_norm,
    "Conv2D": read_conv,
    "DepthwiseConv2D": read_depthwise,
    "SeparableConv2D": read_separable,
}
