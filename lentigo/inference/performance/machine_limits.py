"""The limits of the machine: how fast it multiplies matrices, and how many multiplications a photograph
takes.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lentigo.inference.performance.timing import REPEATS, time_each
from lentigo.models.compilation import fastest_precision
from lentigo.models.engine import openvino

GEMM_SIDE = 2048  # rows and columns of the matrices

opset = openvino.opset13


def list_precisions() -> list[str]:
    """ "f32", and "bf16" where the processor has it."""
    return sorted({"f32", fastest_precision()}, reverse=True)


def measure_gemm(precision: str) -> float:
    """FLOP/s of a product of two square matrices, the most that a network could reach: the best of several.

    Args:
        precision: "f32" or "bf16".
    """
    numbers = np.random.default_rng(0).standard_normal((GEMM_SIDE, GEMM_SIDE)).astype(np.float32)
    left = opset.parameter([GEMM_SIDE, GEMM_SIDE], np.float32)
    right = opset.constant(numbers)
    model = openvino.Model([opset.matmul(left, right, False, False)], [left])
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    ones = np.ones((GEMM_SIDE, GEMM_SIDE), np.float32)
    times = [time_each(lambda: request.infer({0: ones}, share_inputs=True), 1) for _ in range(4 * REPEATS)]
    operations = 2 * GEMM_SIDE**3  # a product and a sum for each
    return operations / min(times)


def count_flops(graph: Path) -> float:
    """Counts the floating-point operations of one photograph in convolutions and matrix products.

    Args:
        graph: The file of an ONNX graph.

    Returns:
        Two for each multiplication.
    """
    model = openvino.Core().read_model(graph)
    model.reshape([1, *list(model.inputs[0].partial_shape)[1:]])
    flops = 0
    for operation in model.get_ordered_ops():
        flops += 2 * math.prod(operation.get_output_shape(0)) * count_products(operation)
    return float(flops)


def count_products(operation: openvino.Node) -> int:
    """Multiplications for each number that an operation gives; 0 for those that do not count."""
    kind = operation.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul"):
        return 0
    shape = operation.get_input_shape(1)
    if kind == "Convolution":  # (outputs, inputs, height, width)
        return math.prod(shape[1:])
    if kind == "GroupConvolution":  # (groups, outputs, inputs, height, width)
        return math.prod(shape[2:])
    if operation.get_attributes().get("transpose_b"):
        return shape[-1]
    return shape[-2] if len(shape) > 1 else shape[0]
