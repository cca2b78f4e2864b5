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
from lentigo.models.bundle import is_run, open_bundle
from lentigo.models.networks.backbones import Backbone
from lentigo.models.networks.network import UNITS, Network, build_network
from lentigo.models.networks.onnx_graph import trace_onnx

SMALL = 256  # values, up to which a constant keeps its 32 bits: they are few, and norms depend on them


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its large constants in 16 bits, cast back where they are used; runtimes do that
    once, when they load it.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for constant in halved.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or np.prod(constant.dims) <= SMALL:
            continue
        name, array = constant.name, numpy_helper.to_array(constant).astype(np.float16)
        constant.CopyFrom(numpy_helper.from_array(array, f"{name}_half"))
        casts.append(
            helper.make_node("Cast", [f"{name}_half"], [name], name=f"cast_{name}", to=TensorProto.FLOAT)
        )
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
) -> Network:
    """As `build_network`, with the trunk of a RUN, too, where `weights` is its folder or "bundled".

    Raises `ModelError` where that has another backbone.
    """
    if not is_run(weights):
        return build_network(backbone, weights, dropouts, seed, units)
    bundle = open_bundle(weights)
    if bundle.card["backbone"] != backbone.name:
        raise ModelError(
            f"{weights}: has a trunk of {bundle.card['backbone']}, expected one of {backbone.name}; add "
            f"--backbone {bundle.card['backbone']}"
        )
    network = build_network(backbone, "none", dropouts, seed, units)
    load_backbone(network, bundle.graph)
    return network


def load_backbone(network: Network, path: str | Path) -> None:
    """Gives the trunk of a network the weights of the `model.onnx` of a RUN with the same backbone.

    Raises `ModelError` where the graph is of another network.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's own errors share no base class with OSError
        raise ModelError(
            f"{path}: not a readable graph ({error}); expected the model.onnx of a RUN, copy it again"
        ) from error
    constants = read_constants(graph)
    nodes = {node.name: node for node in graph.node}
    owners = trace_onnx(network.trunk)[1]
    for layer in network.trunk.layers:
        read = READERS.get(type(layer).__name__)
        if read is None or not layer.weights:
            continue
        try:
            values = [
                [constants[name] for name in nodes[node].input if name in constants]
                for node in owners[layer.name]
            ]
            layer.set_weights(read(layer, [value for value in values if value]))
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(
                f"{path}: does not hold a {network.backbone.name} (layer {layer.name}); name its own "
                "backbone with --backbone"
            ) from error


def read_constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """The constants of a graph, float32, by the names under which nodes use them."""
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    casts = {
        node.output[0]: constants[node.input[0]]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in constants
    }
    return {name: np.asarray(array, np.float32) for name, array in {**constants, **casts}.items()}


def read_conv(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    kernel, *bias = values[0]
    return [kernel.transpose(2, 3, 1, 0), *bias]


def read_depthwise(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    kernel, *bias = values[0]
    return [kernel.transpose(2, 3, 1, 0).reshape(layer.kernel.shape), *bias]


def read_separable(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    (deep,), (point, *bias) = values
    return [
        deep.transpose(2, 3, 1, 0).reshape(layer.depthwise_kernel.shape),
        point.transpose(2, 3, 1, 0),
        *bias,
    ]


def read_norm(layer: Any, values: list[list[np.ndarray]]) -> list[np.ndarray]:
    gamma, beta, mean, variance = values[0]
    return [*[gamma] * layer.scale, *[beta] * layer.center, mean, variance]


READERS: dict[str, Callable[[Any, list[list[np.ndarray]]], list[np.ndarray]]] = {
    "BatchNormalization": read_norm,
    "Conv2D": read_conv,
    "DepthwiseConv2D": read_depthwise,
    "SeparableConv2D": read_separable,
}
