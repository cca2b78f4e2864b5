"""From a Keras graph to ONNX, layer by layer.

Keras' own exporter goes through a framework's graph: a quarter of a minute for DenseNet121, one framework's
exporter each, and EfficientNet comes out with extra inputs. The networks here are made of two dozen kinds of
layers, so a table (`lentigo.models.graphs.onnx_layers`) says what each is in ONNX. The layout inside is
channels first, as ONNX has it; a photograph comes in as a camera gives it, uint8 (n, height, width, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from lentigo.common.files import write_bytes
from lentigo.errors import ModelError
from lentigo.models.graphs.graph_writer import GraphWriter, per_channel
from lentigo.models.graphs.onnx_layers import LAYER_WRITERS
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.keras_graph import find_origin, walk_tensors

ONNX_TYPES = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}  # by the name of Keras' type


@dataclass(frozen=True)
class TracedGraph:
    """An ONNX graph, and by the name of each Keras layer the names of its nodes.

    The names of nodes depend on the name of their layer alone.
    """

    model: onnx.ModelProto
    nodes_by_layer: dict[str, list[str]]


def to_onnx(model: keras.Model, doc: str = "") -> onnx.ModelProto:
    """Translates a flat functional model to ONNX.

    Args:
        model: The model. One whose `output` is a dict keeps its keys as output names.
        doc: The documentation of the graph, its `doc_string`.

    Raises:
        ModelError: The table lacks a kind of layer.
    """
    return trace_onnx(model, doc).model


def trace_onnx(model: keras.Model, doc: str = "") -> TracedGraph:
    """Translates a model as `to_onnx` does, and says which nodes are whose.

    Args:
        model: A flat functional model.
        doc: The documentation of the graph.

    Raises:
        ModelError: The table lacks a kind of layer.
    """
    outputs = model.output if isinstance(model.output, dict) else {model.output_names[0]: model.output}
    source = model.inputs[0]
    # The first size is that of the batch, which stays open
    input_shape = ["n", *source.shape[1:]]
    input_info = helper.make_tensor_value_info(source.name, ONNX_TYPES[source.dtype], input_shape)

    writer = GraphWriter()
    names = {id(source): write_input(writer, source)}  # of the tensors in ONNX, by the `id` of Keras' own
    # In the order in which they are computed: what a layer takes has a name already
    for tensor in walk_tensors(outputs.values(), names):
        layer, node = find_origin(tensor)
        write = find_layer_writer(layer)
        writer.layer = layer.name
        writer.input_shapes = [tuple(source.shape) for source in node.input_tensors]
        names[id(tensor)] = write(writer, layer, *list_arguments(layer, node, names))

    writer.layer = "output"
    shapes = {}
    inner_names = {}
    for name, tensor in outputs.items():
        shapes[name] = tuple(tensor.shape)
        inner_names[name] = write_output(writer, tensor, names[id(tensor)])
    graph = writer.finish([input_info], inner_names, shapes, doc)
    return TracedGraph(graph, writer.nodes_by_layer)


def find_layer_writer(layer: Any) -> Callable[..., str]:
    """The table's function for a layer. Raises `ModelError` where it has none."""
    kind = type(layer).__name__
    if kind not in LAYER_WRITERS:
        raise ModelError(
            f"layer {layer.name} is a {kind}, which has no ONNX form here; expected "
            f"{', '.join(sorted(LAYER_WRITERS))}"
        )
    return LAYER_WRITERS[kind]


def save_onnx(model: keras.Model, path: str | Path, doc: str = "") -> None:
    """Writes the ONNX graph of a model, whole or not at all.

    Args:
        model: A flat functional model.
        path: The file.
        doc: The documentation of the graph.
    """
    write_bytes(path, to_onnx(model, doc=doc).SerializeToString())


def annotate_onnx(path: str | Path, doc: str) -> None:
    """Gives an ONNX file another documentation, whole or not at all.

    Args:
        path: The file.
        doc: The documentation, the graph's `doc_string`.
    """
    model = onnx.load(path)
    model.doc_string = doc
    write_bytes(path, model.SerializeToString())


def list_arguments(layer: Any, node: Any, names: dict[int, str]) -> list[str | np.ndarray]:
    """The ONNX names of the tensors of a call; of an operation such as `x + 3` the plain numbers too."""
    if isinstance(layer, keras.layers.Layer):
        return [names[id(tensor)] for tensor in node.input_tensors]
    arguments: list[str | np.ndarray] = []
    for argument in node.arguments.args:
        is_tensor = id(argument) in names
        arguments.append(names[id(argument)] if is_tensor else per_channel(argument))
    return arguments


def write_input(writer: GraphWriter, source: keras.KerasTensor) -> str:
    """Photographs, uint8 (n, height, width, 3), to float32 (n, 3, height, width); vectors stay as they are."""
    if len(source.shape) != 4:
        return source.name
    pixels = writer.add("Cast", source.name, to=TensorProto.FLOAT)
    return writer.add("Transpose", pixels, perm=[0, 3, 1, 2])


def write_output(writer: GraphWriter, tensor: keras.KerasTensor, name: str) -> str:
    """A feature map (n, d, h, w) as Keras has it, (n, h, w, d); other outputs as they are."""
    if len(tensor.shape) != 4:
        return name
    return writer.add("Transpose", name, perm=[0, 2, 3, 1])
