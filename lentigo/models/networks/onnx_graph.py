"""From a Keras graph to ONNX, layer by layer.

Keras' own exporter goes through a framework's graph: a quarter of a minute for DenseNet121, one framework's
exporter each, and EfficientNet comes out with extra inputs. The networks here are made of two dozen kinds of
layers, so a table says what each is in ONNX. The layout inside is channels first, as ONNX has it; a
photograph comes in as a camera gives it, uint8 (n, height, width, 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lentigo.common.files import write_whole
from lentigo.common.hashing import hash_bytes
from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.layers import GradientMap

OPSET = 17
TYPES = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


class GraphWriter:
    """Collects the nodes and constants of one ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.owners: dict[str, list[str]] = {}  # by layer the names of its nodes
        self.layer = "input"  # whose nodes are written

    def add(self, kind: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Appends a node; arrays become constants. Gives the name of its output."""
        names = [self.constant(value) if isinstance(value, np.ndarray) else value for value in inputs]
        mine = self.owners.setdefault(self.layer, [])
        output = f"{self.layer}/{kind.lower()}_{len(mine)}"
        mine.append(output)
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def constant(self, value: np.ndarray) -> str:
        """Adds a constant, float32 or, for shapes, int64, unless there is one like it already."""
        kind = np.int64 if np.issubdtype(value.dtype, np.integer) else np.float32
        array = np.ascontiguousarray(value, dtype=kind).reshape(
            value.shape
        )  # NumPy makes a scalar a vector there
        digest = hash_bytes(f"{kind} {array.shape}".encode(), array.tobytes())
        if digest not in self.constants:
            self.constants[digest] = numpy_helper.from_array(array, f"constant_{len(self.constants)}")
        return self.constants[digest].name

    def finish(
        self, inputs: list, outputs: dict[str, str], shapes: dict[str, tuple], doc: str
    ) -> onnx.ModelProto:
        """The model, with outputs under their public names alone."""
        public = {inner: name for name, inner in outputs.items()}
        for node in self.nodes:
            node.input[:] = [public.get(name, name) for name in node.input]
            node.output[:] = [public.get(name, name) for name in node.output]
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shapes[name][1:]])
            for name in outputs
        ]
        graph = helper.make_graph(
            self.nodes, "lentigo", inputs, infos, initializer=list(self.constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="lentigo", doc_string=doc
        )
        model.ir_version = 8
        return model


def to_onnx(model: keras.Model, doc: str = "") -> onnx.ModelProto:
    """The ONNX graph of a flat functional model. A model whose `output` is a dict keeps its keys as output
    names.

    Raises `ModelError` for a kind of layer that the table lacks.
    """
    return trace_onnx(model, doc)[0]


def trace_onnx(model: keras.Model, doc: str = "") -> tuple[onnx.ModelProto, dict[str, list[str]]]:
    """As `to_onnx`, and by the name of each layer the names of its nodes, which depend on its name alone."""
    outputs = model.output if isinstance(model.output, dict) else {model.output_names[0]: model.output}
    writer, known = GraphWriter(), {}
    source = model.inputs[0]
    inputs = [helper.make_tensor_value_info(source.name, TYPES[source.dtype], ["n", *source.shape[1:]])]
    known[id(source)] = write_input(writer, source)
    for tensor in walk(outputs.values(), known):
        layer, node = origin(tensor)
        write = WRITERS.get(type(layer).__name__)
        if write is None:
            raise ModelError(
                f"layer {layer.name} is a {type(layer).__name__}, which has no ONNX form here; expected "
                f"{', '.join(sorted(WRITERS))}"
            )
        writer.layer = layer.name
        known[id(tensor)] = write(writer, layer, *list_inputs(layer, node, known))
    writer.layer = "output"
    shapes = {name: tuple(tensor.shape) for name, tensor in outputs.items()}
    answers = {name: write_output(writer, tensor, known[id(tensor)]) for name, tensor in outputs.items()}
    return writer.finish(inputs, answers, shapes, doc), writer.owners


def save_onnx(model: keras.Model, path: str | Path, doc: str = "") -> None:
    """Writes the ONNX graph of a model, whole or not at all."""
    content = to_onnx(model, doc=doc).SerializeToString()
    with write_whole(path) as temporary:
        temporary.write_bytes(content)


def annotate_onnx(path: str | Path, doc: str) -> None:
    """Gives an ONNX file another documentation (`doc_string`), whole or not at all."""
    model = onnx.load(path)
    model.doc_string = doc
    with write_whole(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def origin(tensor: keras.KerasTensor) -> tuple[keras.layers.Layer, Any]:
    """The layer that made a symbolic tensor, and the call."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index]


def list_inputs(layer: Any, node: Any, known: dict[int, str]) -> list[str | np.ndarray]:
    """Names of a call's tensors; of an operation such as `x + 3` the plain numbers too."""
    if isinstance(layer, keras.layers.Layer):
        return [known[id(x)] for x in node.input_tensors]
    return [known[id(x)] if id(x) in known else per_channel(x) for x in node.arguments.args]


def walk(outputs: Iterable[keras.KerasTensor], known: dict[int, str]) -> Iterable[keras.KerasTensor]:
    """Tensors that the outputs need and that are not known, each after those it is made of."""
    stack = [(tensor, False) for tensor in outputs]
    seen = set(known)
    while stack:
        tensor, ready = stack.pop()
        if ready:
            yield tensor
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack += [(x, False) for x in origin(tensor)[1].input_tensors]


def write_input(writer: GraphWriter, source: keras.KerasTensor) -> str:
    """Photographs, uint8 (n, height, width, 3), to float32 (n, 3, height, width); vectors pass as they
    are.
    """
    if len(source.shape) != 4:
        return source.name
    return writer.add("Transpose", writer.add("Cast", source.name, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])


def write_output(writer: GraphWriter, tensor: keras.KerasTensor, x: str) -> str:
    """A feature map (n, d, h, w) as Keras has it, (n, h, w, d); other answers as they are."""
    return writer.add("Transpose", x, perm=[0, 2, 3, 1]) if len(tensor.shape) == 4 else x


def value(variable: Any) -> np.ndarray:
    """A variable, or a plain number or list, as float32."""
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float32)


def per_channel(number: Any) -> np.ndarray:
    """A scalar or one value a channel, shaped for (n, channels, height, width)."""
    array = value(number).reshape(-1)
    return array.reshape(1, -1, 1, 1) if array.size > 1 else array.reshape(())


def activate(writer: GraphWriter, function: Any, x: str) -> str:
    """An activation by its Keras name."""
    name = keras.activations.serialize(function)
    name = name if isinstance(name, str) else name["config"]
    if name == "linear":
        return x
    if name == "relu6":
        return writer.add("Clip", x, per_channel(0.0), per_channel(6.0))
    if name in ("silu", "swish"):
        return writer.add("Mul", x, writer.add("Sigmoid", x))
    if name == "hard_sigmoid":
        return writer.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    if name in ("hard_silu", "hard_swish"):
        return writer.add("HardSwish", x)
    if name == "softmax":
        return writer.add("Softmax", x, axis=-1)
    return writer.add({"relu": "Relu", "sigmoid": "Sigmoid"}[name], x)


def window(layer: Any) -> dict[str, Any]:
    """Strides, dilation and padding of a convolution or a pooling."""
    attributes = {
        "strides": list(layer.strides),
        "auto_pad": "SAME_UPPER" if layer.padding == "same" else "VALID",
    }
    if hasattr(layer, "dilation_rate"):
        attributes["dilations"] = list(layer.dilation_rate)
    return attributes


def write_conv(writer: GraphWriter, layer: Any, x: str) -> str:
    bias = [value(layer.bias)] if layer.use_bias else []
    kernel = value(layer.kernel).transpose(3, 2, 0, 1)
    return activate(
        writer, layer.activation, writer.add("Conv", x, kernel, *bias, group=layer.groups, **window(layer))
    )


def write_depthwise(writer: GraphWriter, layer: Any, x: str) -> str:
    height, width, channels, multiplier = layer.kernel.shape
    kernel = value(layer.kernel).reshape(height, width, 1, channels * multiplier).transpose(3, 2, 0, 1)
    bias = [value(layer.bias)] if layer.use_bias else []
    return activate(
        writer, layer.activation, writer.add("Conv", x, kernel, *bias, group=channels, **window(layer))
    )


def write_separable(writer: GraphWriter, layer: Any, x: str) -> str:
    height, width, channels, multiplier = layer.depthwise_kernel.shape
    deep = (
        value(layer.depthwise_kernel).reshape(height, width, 1, channels * multiplier).transpose(3, 2, 0, 1)
    )
    x = writer.add("Conv", x, deep, group=channels, **window(layer))
    bias = [value(layer.bias)] if layer.use_bias else []
    return activate(
        writer,
        layer.activation,
        writer.add("Conv", x, value(layer.pointwise_kernel).transpose(3, 2, 0, 1), *bias),
    )


def write_norm(writer: GraphWriter, layer: Any, x: str) -> str:
    mean, variance = value(layer.moving_mean), value(layer.moving_variance)
    gamma = value(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = value(layer.beta) if layer.center else np.zeros_like(mean)
    return writer.add("BatchNormalization", x, gamma, beta, mean, variance, epsilon=float(layer.epsilon))


def write_dense(writer: GraphWriter, layer: Any, x: str) -> str:
    return activate(writer, layer.activation, writer.add("Gemm", x, value(layer.kernel), value(layer.bias)))


def write_pad(writer: GraphWriter, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    return writer.add("Pad", x, np.array([0, 0, top, left, 0, 0, bottom, right]))


def write_crop(writer: GraphWriter, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.cropping
    far = np.iinfo(np.int64).max
    ends = [-bottom if bottom else far, -right if right else far]
    return writer.add("Slice", x, np.array([top, left]), np.array(ends), np.array([2, 3]))


def write_relu(writer: GraphWriter, layer: Any, x: str) -> str:
    if layer.negative_slope or layer.threshold:
        raise ModelError(f"layer {layer.name}: a ReLU with slope or threshold has no ONNX form here")
    relu = writer.add("Relu", x)
    return relu if layer.max_value is None else writer.add("Min", relu, per_channel(layer.max_value))


def write_mean_pool(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add(
        "AveragePool", x, kernel_shape=list(layer.pool_size), count_include_pad=0, **window(layer)
    )


def write_max_pool(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("MaxPool", x, kernel_shape=list(layer.pool_size), **window(layer))


def write_global_mean(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("ReduceMean", x, axes=[2, 3], keepdims=int(layer.keepdims))


def write_rescaling(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("Add", writer.add("Mul", x, per_channel(layer.scale)), per_channel(layer.offset))


def write_standardise(writer: GraphWriter, layer: Any, x: str) -> str:
    deviation = np.maximum(np.sqrt(per_channel(layer.variance)), keras.config.epsilon())
    return writer.add("Div", writer.add("Sub", x, per_channel(layer.mean)), deviation)


def write_reshape(writer: GraphWriter, layer: Any, x: str) -> str:
    height, width, channels = layer.target_shape
    return writer.add("Reshape", x, np.array([0, channels, height, width]))


def write_spread(writer: GraphWriter, layer: Any, x: str) -> str:
    _, height, width = layer.output.shape
    return writer.add(
        "Reshape", writer.add("DepthToSpace", x, blocksize=layer.factor), np.array([0, height, width])
    )


def write_upsampling(writer: GraphWriter, layer: Any, x: str) -> str:
    """Pixels are areas, as TensorFlow, torch and OpenCV have it: the centre of the first lies at half its
    width.
    """
    scales = np.array([1, 1, *layer.size], dtype=np.float32)
    mode = {"bilinear": "linear", "nearest": "nearest"}.get(layer.interpolation)
    if mode is None:
        raise ModelError(
            f"layer {layer.name}: {layer.interpolation} upsampling has no ONNX form here; expected bilinear "
            "or nearest"
        )
    return writer.add(
        "Resize",
        x,
        np.array([], dtype=np.float32),
        scales,
        mode=mode,
        coordinate_transformation_mode="half_pixel",
    )


def write_sum(writer: GraphWriter, layer: Any, *inputs: str | np.ndarray) -> str:
    return writer.add("Sum", *inputs)


def write_product(writer: GraphWriter, layer: Any, *inputs: str | np.ndarray) -> str:
    product = inputs[0]
    for other in inputs[1:]:
        product = writer.add("Mul", product, other)
    return product


def write_concatenation(writer: GraphWriter, layer: Any, *inputs: str) -> str:
    return writer.add("Concat", *inputs, axis=1)


def write_scaled_sum(writer: GraphWriter, layer: Any, x: str, residual: str) -> str:
    return writer.add("Add", x, writer.add("Mul", residual, per_channel(layer.scale)))


def write_gradient_map(writer: GraphWriter, layer: GradientMap, features: str, pooled: str) -> str:
    """The closed form of `GradientMap.call`, channels first."""
    slopes, x = [], pooled
    for dense, norm in layer.blocks:
        before = writer.add("Gemm", x, value(dense.kernel), value(dense.bias))
        scale = value(norm.gamma) / np.sqrt(value(norm.moving_variance) + norm.epsilon)
        active = writer.add("Cast", writer.add("Greater", before, per_channel(0.0)), to=TensorProto.FLOAT)
        slopes.append(writer.add("Mul", active, scale))
        x = write_norm(writer, norm, writer.add("Relu", before))
    gradient: str | np.ndarray = value(layer.last.kernel).T
    for (dense, _), slope in zip(reversed(layer.blocks), reversed(slopes), strict=True):
        column = writer.add(
            "Transpose", writer.add("Mul", slope, gradient), perm=[1, 0]
        )  # the kernel stands first, as it is: see LOG.md, 2026-11-25
        gradient = writer.add("Transpose", writer.add("MatMul", value(dense.kernel), column), perm=[1, 0])
    weights = writer.add("Unsqueeze", gradient, np.array([2, 3]))
    _, height, width, _ = layer.input[0].shape
    total = writer.add("ReduceSum", writer.add("Mul", features, weights), np.array([1]), keepdims=0)
    return writer.add("Div", total, per_channel(height * width))


WRITERS: dict[str, Callable[..., str]] = {
    "Activation": lambda writer, layer, x: activate(writer, layer.activation, x),
    "Add": write_sum,
    "AveragePooling2D": write_mean_pool,
    "BatchNormalization": write_norm,
    "Concatenate": write_concatenation,
    "Conv2D": write_conv,
    "Cropping2D": write_crop,
    "CustomScaleLayer": write_scaled_sum,
    "Dense": write_dense,
    "DepthwiseConv2D": write_depthwise,
    "Dropout": lambda writer, layer, x: x,
    "GlobalAveragePooling2D": write_global_mean,
    "GradientMap": write_gradient_map,
    "MaxPooling2D": write_max_pool,
    "Multiply": write_product,
    "Normalization": write_standardise,
    "ReLU": write_relu,
    "Rescaling": write_rescaling,
    "Reshape": write_reshape,
    "ReverseChannels": lambda writer, layer, x: writer.add("Gather", x, np.array([2, 1, 0]), axis=1),
    "SeparableConv2D": write_separable,
    "SpreadPixels": write_spread,
    "UpSampling2D": write_upsampling,
    "ZeroPadding2D": write_pad,
}
