"""The branch that fine-tuning does not bend."""

import numpy as np
import onnx
import pytest

from lentigo.errors import ModelError
from lentigo.inference.decisions.refusal import PART_SIZES, load_reference
from lentigo.models.bundle import BUNDLED, open_bundle
from lentigo.models.graphs.frozen_branch import OUTPUT, add_branch
from lentigo.models.runtime import Session
from lentigo.training.calibration.reference_fit import fit_reference

RNG = np.random.default_rng(3)


def test_the_bundled_graph_has_the_branch_and_refuses_by_it():
    bundle = open_bundle("bundled")
    assert OUTPUT in bundle.outputs and bundle.card["refusal"]["output"] == OUTPUT
    assert load_reference(BUNDLED / "reference.npz").output == OUTPUT


def test_the_branch_gives_as_many_numbers_as_its_parts_have():
    photograph = RNG.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    answer = Session(BUNDLED / "model.onnx", precision="f32").run(photograph)
    assert answer[OUTPUT].shape == (1, sum(PART_SIZES[OUTPUT]))


def test_a_branch_leaves_the_other_outputs_as_they_are(toy_run):
    graph = onnx.load(toy_run() / "model.onnx")
    constant = onnx.helper.make_node("Identity", ["image"], [OUTPUT])
    image = graph.graph.input[0]
    output = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.UINT8, ["n", 224, 224, 3])
    branch = onnx.helper.make_model(onnx.helper.make_graph([constant], "branch", [image], [output]))
    joined = add_branch(graph, branch)
    photograph = RNG.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    before = Session(graph.SerializeToString(), precision="f32").run(photograph)
    after = Session(joined.SerializeToString(), precision="f32").run(photograph)
    assert set(after) == {*before, OUTPUT}
    assert after["logit"] == pytest.approx(before["logit"])


def test_a_second_branch_is_an_error():
    graph = onnx.load(BUNDLED / "model.onnx")
    with pytest.raises(ModelError, match="already"):
        add_branch(graph, graph)


def test_the_part_that_is_furthest_decides():
    points = RNG.normal(5, 1, (800, sum(PART_SIZES[OUTPUT])))
    truth = RNG.integers(0, 2, 800)
    reference = fit_reference(points[:400], truth[:400], points[400:], truth[400:], np.full(400, 0.5), OUTPUT)
    strange = points[:1].copy()
    strange[:, :48] *= np.linspace(0.2, 3, 48)  # the first part alone points elsewhere
    assert reference.measure_distance(strange)[0] > 2 * reference.shift_limit
