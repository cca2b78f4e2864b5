"""What each kind of Keras layer is in ONNX: a table of functions that write its nodes.

Each takes the writer, the layer and the ONNX names of the layer's inputs, and gives the name of its output.
Feature maps are channels first, (n, channels, height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from lentigo.errors import ModelError
from lentigo.models.graphs.graph_writer import GraphWriter, per_channel, to_array
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.layers import GradientMap

SIMPLE_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}  # ONNX operators by Keras' names
RESIZE_MODES = {"bilinear": "linear", "nearest": "nearest"}  # ONNX' names by Keras' names


def write_activation(writer: GraphWriter, function: Any, x: str) -> str:
    """An activation by its Keras name."""
    serialized = keras.activations.serialize(function)
    name = serialized if isinstance(serialized, str) else serialized["config"]
    if name == "linear":
        return x
    if name == "relu6":
        return writer.add("Clip", x, per_channel(0.0), per_channel(6.0))
    if name in ("silu", "swish"):  # no operator of opset 17
        return writer.add("Mul", x, writer.add("Sigmoid", x))
    if name == "hard_sigmoid":
        return writer.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)  # Keras' slope; that of ONNX is 0.2
    if name in ("hard_silu", "hard_swish"):
        return writer.add("HardSwish", x)
    if name == "softmax":
        return writer.add("Softmax", x, axis=-1)
    return writer.add(SIMPLE_ACTIVATIONS[name], x)


def list_window_attributes(layer: Any) -> dict[str, Any]:
    """Strides, dilation and padding of a convolution or a pooling."""
    attributes = {
        "strides": list(layer.strides),
        "auto_pad": "SAME_UPPER" if layer.padding == "same" else "VALID",
    }
    if hasattr(layer, "dilation_rate"):
        attributes["dilations"] = list(layer.dilation_rate)
    return attributes


def list_bias(layer: Any) -> list[np.ndarray]:
    """The bias of a layer, if it has one."""
    return [to_array(layer.bias)] if layer.use_bias else []


def arrange_depthwise_kernel(kernel: Any) -> np.ndarray:
    """A depthwise kernel (height, width, channels, multiplier) as ONNX has it, one filter a channel."""
    height, width, channels, multiplier = kernel.shape
    filters = to_array(kernel).reshape(height, width, 1, channels * multiplier)
    return filters.transpose(3, 2, 0, 1)


def write_conv(writer: GraphWriter, layer: Any, x: str) -> str:
    # Keras has (height, width, inputs, outputs), ONNX (outputs, inputs, height, width)
    kernel = to_array(layer.kernel).transpose(3, 2, 0, 1)
    return write_convolution(writer, layer, x, kernel, layer.groups)


def write_depthwise(writer: GraphWriter, layer: Any, x: str) -> str:
    channels = layer.kernel.shape[2]
    return write_convolution(writer, layer, x, arrange_depthwise_kernel(layer.kernel), channels)


def write_convolution(writer: GraphWriter, layer: Any, x: str, kernel: np.ndarray, groups: int) -> str:
    """A convolution in groups of channels, with its bias and its activation."""
    window = list_window_attributes(layer)
    convolved = writer.add("Conv", x, kernel, *list_bias(layer), group=groups, **window)
    return write_activation(writer, layer.activation, convolved)


def write_separable(writer: GraphWriter, layer: Any, x: str) -> str:
    channels = layer.depthwise_kernel.shape[2]
    depthwise_kernel = arrange_depthwise_kernel(layer.depthwise_kernel)
    depthwise = writer.add("Conv", x, depthwise_kernel, group=channels, **list_window_attributes(layer))
    pointwise_kernel = to_array(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    pointwise = writer.add("Conv", depthwise, pointwise_kernel, *list_bias(layer))
    return write_activation(writer, layer.activation, pointwise)


def write_norm(writer: GraphWriter, layer: Any, x: str) -> str:
    mean = to_array(layer.moving_mean)
    variance = to_array(layer.moving_variance)
    # ONNX wants scale and shift, also where Keras has none
    gamma = to_array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = to_array(layer.beta) if layer.center else np.zeros_like(mean)
    return writer.add("BatchNormalization", x, gamma, beta, mean, variance, epsilon=float(layer.epsilon))


def write_dense(writer: GraphWriter, layer: Any, x: str) -> str:
    product = writer.add("Gemm", x, to_array(layer.kernel), to_array(layer.bias))
    return write_activation(writer, layer.activation, product)


def write_pad(writer: GraphWriter, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    # All beginnings by axis, then all ends; batch and channels get nothing
    return writer.add("Pad", x, np.array([0, 0, top, left, 0, 0, bottom, right]))


def write_crop(writer: GraphWriter, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.cropping
    to_the_end = np.iinfo(np.int64).max  # where nothing is cut off
    lower_end = -bottom if bottom else to_the_end
    right_end = -right if right else to_the_end
    axes = np.array([2, 3])  # height and width
    return writer.add("Slice", x, np.array([top, left]), np.array([lower_end, right_end]), axes)


def write_relu(writer: GraphWriter, layer: Any, x: str) -> str:
    if layer.negative_slope or layer.threshold:
        raise ModelError(f"layer {layer.name}: a ReLU with slope or threshold has no ONNX form here")
    if layer.max_value is None:
        return writer.add("Relu", x)
    return writer.add("Clip", x, per_channel(0.0), per_channel(layer.max_value))


def write_mean_pool(writer: GraphWriter, layer: Any, x: str) -> str:
    window = list_window_attributes(layer)
    # Keras divides by the pixels that are there, not by those of the window
    return writer.add("AveragePool", x, kernel_shape=list(layer.pool_size), count_include_pad=0, **window)


def write_max_pool(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("MaxPool", x, kernel_shape=list(layer.pool_size), **list_window_attributes(layer))


def write_global_mean(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("ReduceMean", x, axes=[2, 3], keepdims=int(layer.keepdims))


def write_rescaling(writer: GraphWriter, layer: Any, x: str) -> str:
    scaled = writer.add("Mul", x, per_channel(layer.scale))
    return writer.add("Add", scaled, per_channel(layer.offset))


def write_standardise(writer: GraphWriter, layer: Any, x: str) -> str:
    # As Keras does it: a channel that never varies is not divided by zero
    deviation = np.maximum(np.sqrt(per_channel(layer.variance)), keras.config.epsilon())
    centred = writer.add("Sub", x, per_channel(layer.mean))
    return writer.add("Div", centred, deviation)


def write_reshape(writer: GraphWriter, layer: Any, x: str) -> str:
    height, width, channels = layer.target_shape
    # 0 keeps the size of the batch. Right for the (1, 1, channels) of squeeze-and-excitation alone: a larger
    # map would be laid out in another order
    return writer.add("Reshape", x, np.array([0, channels, height, width]))


def write_spread_pixels(writer: GraphWriter, layer: Any, x: str) -> str:
    _, height, width = layer.output.shape
    pixels = writer.add("DepthToSpace", x, blocksize=layer.factor)  # (n, 1, height, width)
    return writer.add("Reshape", pixels, np.array([0, height, width]))


def write_upsampling(writer: GraphWriter, layer: Any, x: str) -> str:
    """Pixels are areas, as in TensorFlow, torch and OpenCV: the first has its centre at half its width."""
    mode = RESIZE_MODES.get(layer.interpolation)
    if mode is None:
        raise ModelError(
            f"layer {layer.name}: {layer.interpolation} upsampling has no ONNX form here; expected bilinear "
            "or nearest"
        )
    return write_resize(writer, x, np.array([1, 1, *layer.size], dtype=np.float32), mode)


def write_resizing(writer: GraphWriter, layer: Any, x: str) -> str:
    """Another size; pixels are areas, as in `write_upsampling`."""
    _, height, width, _ = writer.input_shapes[0]
    scales = np.array([1, 1, layer.height / height, layer.width / width], dtype=np.float32)
    # A size is rounded down after the product: the next larger number gives the whole one
    scales[2:] = np.nextafter(scales[2:], np.float32(np.inf))
    return write_resize(writer, x, scales, RESIZE_MODES[layer.interpolation])


def write_resize(writer: GraphWriter, x: str, scales: np.ndarray, mode: str) -> str:
    region_of_interest = np.array([], dtype=np.float32)  # all of it
    return writer.add(
        "Resize", x, region_of_interest, scales, mode=mode, coordinate_transformation_mode="half_pixel"
    )


def write_sum(writer: GraphWriter, layer: Any, *inputs: str | np.ndarray) -> str:
    return writer.add("Sum", *inputs)


def write_product(writer: GraphWriter, layer: Any, *factors: str | np.ndarray) -> str:
    first, second, *others = factors
    product = writer.add("Mul", first, second)
    for other in others:
        product = writer.add("Mul", product, other)
    return product


def write_concatenation(writer: GraphWriter, layer: Any, *inputs: str) -> str:
    return writer.add("Concat", *inputs, axis=1)


def write_scaled_sum(writer: GraphWriter, layer: Any, x: str, residual: str) -> str:
    scaled = writer.add("Mul", residual, per_channel(layer.scale))
    return writer.add("Add", x, scaled)


def write_reversed_channels(writer: GraphWriter, layer: Any, x: str) -> str:
    return writer.add("Gather", x, np.array([2, 1, 0]), axis=1)


def write_gradient_map(writer: GraphWriter, layer: GradientMap, features: str, pooled: str) -> str:
    """The closed form of `GradientMap.call`, channels first."""
    slopes = write_slopes(writer, layer, pooled)
    gradient = write_gradient(writer, layer, slopes)  # (n, d)
    # The gradient weighs the channels of the feature map
    weights = writer.add("Unsqueeze", gradient, np.array([2, 3]))  # (n, d, 1, 1)
    weighted = writer.add("Mul", features, weights)  # (n, d, h, w)
    total = writer.add("ReduceSum", weighted, np.array([1]), keepdims=0)  # (n, h, w)
    _, height, width, _ = layer.input[0].shape
    return writer.add("Div", total, per_channel(height * width))


def write_slopes(writer: GraphWriter, layer: GradientMap, pooled: str) -> list[str]:
    """Forwards through the head: the slope of each hidden layer at this photograph, (n, units)."""
    slopes = []
    x = pooled
    for dense, norm in layer.blocks:
        before = writer.add("Gemm", x, to_array(dense.kernel), to_array(dense.bias))
        scale = to_array(norm.gamma) / np.sqrt(to_array(norm.moving_variance) + norm.epsilon)
        is_active = writer.add("Greater", before, per_channel(0.0))
        slopes.append(writer.add("Mul", writer.add("Cast", is_active, to=TensorProto.FLOAT), scale))
        x = write_norm(writer, norm, writer.add("Relu", before))
    return slopes


def write_gradient(writer: GraphWriter, layer: GradientMap, slopes: list[str]) -> str | np.ndarray:
    """Backwards: the gradient of the logit with respect to the pooled features, (n, d)."""
    gradient: str | np.ndarray = to_array(layer.last.kernel).T
    for (dense, _), slope in zip(reversed(layer.blocks), reversed(slopes), strict=True):
        column = writer.add("Transpose", writer.add("Mul", slope, gradient), perm=[1, 0])
        # The kernel stands first, as it is: see LOG.md, 2026-11-25
        product = writer.add("MatMul", to_array(dense.kernel), column)
        gradient = writer.add("Transpose", product, perm=[1, 0])
    return gradient


LAYER_WRITERS: dict[str, Callable[..., str]] = {
    "Activation": lambda writer, layer, x: write_activation(writer, layer.activation, x),
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
    "Resizing": write_resizing,
    "ReverseChannels": write_reversed_channels,
    "SeparableConv2D": write_separable,
    "SpreadPixels": write_spread_pixels,
    "UpSampling2D": write_upsampling,
    "ZeroPadding2D": write_pad,
}
