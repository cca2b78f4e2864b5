"""The nodes and constants of an ONNX graph, collected one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lentigo.common.hashing import hash_bytes
from lentigo.models.networks.deep_learning import keras

OPSET = 17  # version of the ONNX operators
IR_VERSION = 8  # version of the ONNX file format


class GraphWriter:
    """Collects the nodes and constants of one ONNX graph.

    Attributes:
        nodes: The nodes, in the order in which they were added.
        constants: The constants by the hash of their content.
        nodes_by_layer: By the name of each Keras layer the names of its nodes.
        layer: The layer whose nodes are being written.
        input_shapes: Of the tensors that it takes there, as Keras has them, (n, h, w, d).
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.nodes_by_layer: dict[str, list[str]] = {}
        self.layer = "input"
        self.input_shapes: list[tuple[int | None, ...]] = []

    def add(self, kind: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Appends a node.

        Args:
            kind: The ONNX operator.
            *inputs: Names of tensors, and arrays, which become constants.
            **attributes: Of the operator.

        Returns:
            The name of its output.
        """
        names = []
        for given in inputs:
            names.append(self.add_constant(given) if isinstance(given, np.ndarray) else given)
        # Numbered within the layer: the names of a layer's nodes do not depend on what stands before it
        siblings = self.nodes_by_layer.setdefault(self.layer, [])
        output = f"{self.layer}/{kind.lower()}_{len(siblings)}"
        siblings.append(output)
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def add_constant(self, value: np.ndarray) -> str:
        """Adds a constant unless there is one like it already.

        Args:
            value: The array; kept as float32 or, for shapes, as int64.

        Returns:
            Its name.
        """
        kind = np.int64 if np.issubdtype(value.dtype, np.integer) else np.float32
        # `ascontiguousarray` makes a vector of a scalar, hence the shape
        array = np.ascontiguousarray(value, dtype=kind).reshape(value.shape)
        digest = hash_bytes(f"{kind} {array.shape}".encode(), array.tobytes())
        if digest not in self.constants:
            self.constants[digest] = numpy_helper.from_array(array, f"constant_{len(self.constants)}")
        return self.constants[digest].name

    def finish(
        self,
        inputs: list[onnx.ValueInfoProto],
        outputs: dict[str, str],
        shapes: dict[str, tuple],
        doc: str,
    ) -> onnx.ModelProto:
        """Builds the model, with outputs under their public names alone.

        Args:
            inputs: What the graph takes.
            outputs: By their public names the outputs' names in the graph.
            shapes: By their public names the outputs' shapes, the batch first.
            doc: The documentation of the graph.
        """
        # Inner names become public ones at both ends of each node
        public_names = {inner: name for name, inner in outputs.items()}
        for node in self.nodes:
            rename(node.input, public_names)
            rename(node.output, public_names)
        infos = []
        for name in outputs:
            shape = ["n", *shapes[name][1:]]  # any number of photographs
            infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "lentigo", inputs, infos, initializer=constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], producer_name="lentigo", doc_string=doc)
        model.ir_version = IR_VERSION
        return model


def rename(names: Any, new_names: dict[str, str]) -> None:
    """Replaces names in place; those without a new one stay.

    Args:
        names: Inputs or outputs of a node.
        new_names: By the old ones.
    """
    names[:] = [new_names.get(name, name) for name in names]


def to_array(variable: Any) -> np.ndarray:
    """Gives numbers as an array.

    Args:
        variable: Of Keras, or a plain number or list.

    Returns:
        Float32, of the same shape.
    """
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float32)


def per_channel(number: Any) -> np.ndarray:
    """Shapes a number, or one for each channel, for (n, channels, height, width).

    Args:
        number: A scalar or a list, plain or a Keras variable.

    Returns:
        Float32, () or (1, channels, 1, 1).
    """
    array = to_array(number).reshape(-1)
    # A scalar has no axes, so that it goes with vectors (n, d) too
    return array.reshape(1, -1, 1, 1) if array.size > 1 else array.reshape(())
