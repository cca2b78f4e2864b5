"""A ReLU that ends at a largest value, as one operation."""

from __future__ import annotations

from lentigo.models.engine import openvino

opset = openvino.opset13


def fuse_capped_relus(graph: openvino.Model) -> None:
    """Replaces min(relu(x), c) by a clamp of x to 0..c, in place.

    The numbers are the same. OpenVINO computes a clamp within the convolution before it; a ReLU and a minimum
    are a step of their own, which has to be compiled, too: in MobileNetV2 and EfficientNet-Lite there are
    some fifty each.

    Args:
        graph: As read from its file.
    """
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Minimum":
            continue
        relu, limit = order_inputs(node)
        if relu is None or limit is None or limit < 0:
            continue
        if relu.get_output_partial_shape(0) != node.get_output_partial_shape(0):
            continue  # the number has more axes, and gives them to the result
        clamp = opset.clamp(relu.input_value(0), 0.0, limit)
        clamp.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(clamp.output(0))


def order_inputs(minimum: openvino.Node) -> tuple[openvino.Node | None, float | None]:
    """The ReLU and the number, the same for all channels, that a minimum is taken of; None for what is not
    there.
    """
    relu = None
    limit = None
    for index in range(2):
        source = minimum.input_value(index).get_node()
        if source.get_type_name() == "Relu":
            relu = source
        elif source.get_type_name() == "Constant" and source.get_data().size == 1:
            limit = float(source.get_data().reshape(-1)[0])
    return relu, limit
