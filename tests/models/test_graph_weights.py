"""Weights in graphs: half as large, nearly the same answers, and back in Keras."""

import numpy as np
import onnx
import pytest

from lentigo.errors import ModelError
from lentigo.models.graphs.graph_weights import halve_weights, load_backbone
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import build_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.runtime import Session


@pytest.fixture(scope="module")
def network(weight_file):
    return build_network(BACKBONES["mobilenetv3small"], weight_file("mobilenetv3small"))


@pytest.fixture(scope="module")
def graph(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    path.write_bytes(halve_weights(to_onnx(build_export_model(network))).SerializeToString())
    return path


def test_half_the_bits_half_the_size_nearly_the_same_answers(network, graph):
    whole = to_onnx(build_export_model(network)).SerializeToString()
    images = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    fp32, half = (Session(model, precision="f32").run(images) for model in (whole, graph.read_bytes()))
    assert graph.stat().st_size < 0.52 * len(whole)
    assert np.abs(fp32["embedding"] - half["embedding"]).max() < 0.01 * np.abs(fp32["embedding"]).max()


def test_no_weight_is_there_twice(network):
    model = to_onnx(build_export_model(network))
    size = sum(np.prod(constant.dims) for constant in model.graph.initializer)
    assert size < 1.01 * network.classifier.count_params()


IN_CHECK = [pytest.param(name, marks=pytest.mark.check) for name in ("mobilenetv2", "densenet121")]


@pytest.mark.parametrize("name", ["mobilenetv3small", *IN_CHECK])
def test_the_trunk_comes_back(name, weight_file, tmp_path):
    trained, fresh = (
        build_network(BACKBONES[name], weight_file(name)),
        build_network(BACKBONES[name], "none", seed=5),
    )
    (tmp_path / "model.onnx").write_bytes(to_onnx(build_export_model(trained)).SerializeToString())
    load_backbone(fresh, tmp_path / "model.onnx")
    assert all(
        np.array_equal(a, b)
        for a, b in zip(
            trained.feature_extractor.get_weights(), fresh.feature_extractor.get_weights(), strict=True
        )
    )


def test_another_backbone_is_refused_by_name(graph, toy_backbone):
    with pytest.raises(ModelError, match="toy"):
        load_backbone(build_network(BACKBONES["toy"], "none"), graph)


def test_a_damaged_graph_is_refused(network, graph, tmp_path):
    (tmp_path / "torn.onnx").write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"torn\.onnx"):
        load_backbone(network, tmp_path / "torn.onnx")
    assert onnx.load(graph)
