"""A ReLU that ends at a largest value, as one operation."""

from __future__ import annotations

from lentigo.models.engine import openvino

opset = openvino.opset13


def fuse_capped_relus(graph: openvino.Model) -> None:
    """Replaces min(relu(x), c), and min(max(x, 0), c), by a clamp of x to 0..c, in place.

    The numbers are the same. OpenVINO computes a clamp within the convolution before it; a ReLU and a minimum
    are a step of their own, which has to be compiled, too: in MobileNetV2 and EfficientNet-Lite there are
    some fifty each. ONNX's Clip is read as a maximum and a minimum.

    Args:
        graph: As read from its file.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Minimum":
            continue
        rectified, limit = split_inputs(node)
        if limit is None or limit < 0 or rectified.get_partial_shape() != node.get_output_partial_shape(0):
            continue  # where the number has more axes, it gives them to the result
        x = find_rectified(rectified)
        if x is None:
            continue
        clamp = opset.clamp(x, 0.0, limit)
        clamp.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(clamp.output(0))


def find_rectified(output: openvino.Output) -> openvino.Output | None:
    """What a ReLU, or a maximum with 0, is taken of; None for the output of another operation."""
    node = output.get_node()
    if node.get_type_name() == "Relu":
        return node.input_value(0)
    if node.get_type_name() != "Maximum":
        return None
    x, least = split_inputs(node)
    if least != 0 or x.get_partial_shape() != output.get_partial_shape():
        return None
    return x


def split_inputs(node: openvino.Node) -> tuple[openvino.Output, float | None]:
    """The two inputs of an operation: the values, and the number, the same for all channels, that they are
    compared with; None where neither is such a number.
    """
    first, second = node.input_value(0), node.input_value(1)
    number = read_number(second)
    if number is not None:
        return first, number
    return second, read_number(first)


def read_number(output: openvino.Output) -> float | None:
    """The number that a constant of one element holds; None for what is none."""
    node = output.get_node()
    if node.get_type_name() != "Constant" or node.get_data().size != 1:
        return None
    return float(node.get_data().reshape(-1)[0])
