"""A ReLU that ends at a largest value is one operation, with the same numbers."""

import numpy as np
import pytest

from lentigo.models.bundle import BUNDLED, GRAPH
from lentigo.models.engine import openvino
from lentigo.models.graphs.capped_relus import fuse_capped_relus

opset = openvino.opset13
CHANNELS = 3


def make_graph(limit: np.ndarray, *, swapped: bool = False) -> openvino.Model:
    """min(relu(x), limit) of x (2, channels)."""
    x = opset.parameter([2, CHANNELS], np.float32)
    pair = [opset.relu(x), opset.constant(limit.astype(np.float32))]
    if swapped:
        pair.reverse()
    return openvino.Model([opset.minimum(*pair)], [x])


def make_clip(least: float) -> openvino.Model:
    """min(max(x, least), 6) of x (2, channels), as ONNX's Clip is read."""
    x = opset.parameter([2, CHANNELS], np.float32)
    rectified = opset.maximum(x, opset.constant(np.float32(least)))
    return openvino.Model([opset.minimum(rectified, opset.constant(np.float32(6)))], [x])


def run(graph: openvino.Model) -> np.ndarray:
    values = np.linspace(-9, 9, 2 * CHANNELS, dtype=np.float32).reshape(2, CHANNELS)
    return openvino.Core().compile_model(graph, "CPU")(values)[0]


def list_kinds(graph: openvino.Model) -> set[str]:
    return {node.get_type_name() for node in graph.get_ops()}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_capped_relu_becomes_a_clamp_of_the_same_numbers(swapped):
    limit = np.array(6.0)
    fused = make_graph(limit, swapped=swapped)
    fuse_capped_relus(fused)
    assert "Clamp" in list_kinds(fused)
    assert not list_kinds(fused) & {"Relu", "Minimum"}
    np.testing.assert_array_equal(run(fused), run(make_graph(limit, swapped=swapped)))


def test_a_clip_from_zero_becomes_a_clamp_of_the_same_numbers():
    fused = make_clip(0.0)
    fuse_capped_relus(fused)
    assert "Clamp" in list_kinds(fused)
    assert not list_kinds(fused) & {"Maximum", "Minimum"}
    np.testing.assert_array_equal(run(fused), run(make_clip(0.0)))


def test_a_clip_from_another_number_stays():
    graph = make_clip(-1.0)
    fuse_capped_relus(graph)
    assert "Clamp" not in list_kinds(graph)


@pytest.mark.parametrize("limit", [np.array([6.0, 5.0, 4.0]), np.full((1, 1, 1), 6.0), np.array(-1.0)])
def test_a_minimum_that_is_no_clamp_stays(limit):
    graph = make_graph(limit)
    fuse_capped_relus(graph)
    assert "Clamp" not in list_kinds(graph)


def test_the_bundled_graph_keeps_no_capped_relu():
    graph = openvino.Core().read_model(BUNDLED / GRAPH)
    fuse_capped_relus(graph)
    assert "Minimum" not in list_kinds(graph)
