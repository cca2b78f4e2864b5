"""A graph that lies about what it gives, or asks for more memory than there is, is one line before it is compiled."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lentigo.errors import ModelError
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import draft_bundle
from lentigo.models.graphs import graph_checks
from lentigo.models.runtime import Session


def append(model, kind, name, *inputs, sizes, **attributes):
    """Puts a node behind an output, which keeps its name; `sizes` are what the graph says of it then."""
    for node in model.graph.node:
        if node.output[0] == name:
            node.output[0] = "before"
    model.graph.node.append(helper.make_node(kind, ["before", *inputs], [name], **attributes))
    for output in model.graph.output:
        if output.name == name:
            output.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))


def add_constant(model, name, value):
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))


def double_logit(model):
    """Two logits a photograph; the graph says that it is one."""
    add_constant(model, "pair", np.ones((1, 2), np.float32))
    append(model, "MatMul", "logit", "pair", sizes=["n", 1])


def average_photographs(model):
    append(model, "ReduceMean", "logit", sizes=["n", 1], axes=[0], keepdims=1)


def add_channel(model):
    add_constant(model, "axis", np.array([1]))
    append(model, "Unsqueeze", "heatmap", "axis", sizes=["n", 1, 7, 7])


def ask_for_memory(model):
    """3 MB of zeros from a file of a few bytes."""
    add_constant(model, "sizes", np.array([1000, 800]))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["sizes"], ["zeros"]))
    model.graph.node.insert(1, helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0))
    append(model, "Add", "logit", "sum", sizes=["n", 1])


@pytest.mark.parametrize(
    "change, words",
    [
        (double_logit, r"gives logit \[4,2\] for 4 photographs; expected \[4,1\]"),
        (average_photographs, r"gives logit \[1,1\]"),
        (add_channel, r"gives heatmap \[4,1,7,7\] for 4 photographs; expected \[4,any,any\]"),
        (ask_for_memory, r"asks for 0\.0 GB in .*; expected at most"),
    ],
)
def test_a_graph_that_lies_is_one_line(toy_run, monkeypatch, change, words):
    monkeypatch.setattr(graph_checks, "MAX_TENSOR_BYTES", 3_000_000)
    model = onnx.load(toy_run() / "model.onnx")
    Session(model.SerializeToString(), batch=4)
    change(model)
    with pytest.raises(ModelError, match=words) as caught:
        Session(model.SerializeToString(), batch=4)
    assert "\n" not in str(caught.value)


def test_an_output_that_the_card_names_must_be_there(toy_run, tmp_path):
    model = onnx.load(toy_run("embedding") / "model.onnx")
    onnx.save(model, tmp_path / "model.onnx")
    card = {"threshold": 0.5, "calibration": {"kind": "none"}, "backbone": "mobilenetv2", "prevalence": 0.5}
    made = draft_bundle(tmp_path, card | {"outputs": ["logit", "embedding"]})

    with pytest.raises(ModelError, match=r"gives no `logit`, which card\.json names"):
        Predictor(made)
