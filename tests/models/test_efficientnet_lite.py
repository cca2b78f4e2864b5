"""EfficientNet-Lite2: its shape, its file of weights, its graph."""

import keras
import numpy as np
import pytest

from lentigo.errors import ModelError
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2
from lentigo.models.networks.network import build_network
from lentigo.models.runtime import Session


@pytest.fixture(scope="module")
def arrays():
    """Random weights by the names of the published file."""
    rng = np.random.default_rng(0)
    arrays = {}
    for layer in build_efficientnet_lite2(keras.Input((64, 64, 3))).layers:
        for variable in layer.weights:
            name = "kernel" if "kernel" in variable.name else variable.name
            scale = 0.2 if name == "kernel" else 0.1
            arrays[f"{layer.name}/{name}"] = (
                rng.normal(0, scale, variable.shape) + ("variance" in name or name == "gamma")
            ).astype(np.float32)
            if "variance" in name:
                arrays[f"{layer.name}/{name}"] = np.abs(arrays[f"{layer.name}/{name}"]) + 0.5
    return arrays


@pytest.fixture
def file(arrays, tmp_path):
    np.savez(tmp_path / "lite2.npz", **arrays)
    return tmp_path / "lite2.npz"


def test_it_has_as_many_parameters_as_published():
    assert build_efficientnet_lite2(keras.Input((64, 64, 3))).count_params() == 4_869_168


def test_a_network_starts_from_the_file(file, arrays):
    network = build_network(find_backbone("efficientnetlite2"), file)
    kernel = network.feature_extractor.get_layer("block3_depthwise_conv").get_weights()[0]
    assert kernel == pytest.approx(arrays["block3_depthwise_conv/kernel"])


def test_the_graph_answers_as_the_network_does(file):
    trunk = build_network(find_backbone("efficientnetlite2"), file).feature_extractor
    photographs = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    expected = keras.ops.convert_to_numpy(trunk(photographs, training=False))
    found = Session(to_onnx(trunk).SerializeToString(), precision="f32").run(photographs)["embedding"]
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_a_file_without_a_layer_is_an_error_that_names_it(arrays, tmp_path):
    few = {name: array for name, array in arrays.items() if not name.startswith("block7")}
    np.savez(tmp_path / "few.npz", **few)
    with pytest.raises(ModelError, match="has no block7"):
        build_network(find_backbone("efficientnetlite2"), tmp_path / "few.npz")


def test_a_file_of_another_shape_is_an_error(arrays, tmp_path):
    np.savez(tmp_path / "other.npz", **arrays | {"stem_conv/kernel": np.zeros((3, 3, 3, 8), np.float32)})
    with pytest.raises(ModelError, match="expected \\(3, 3, 3, 32\\)"):
        build_network(find_backbone("efficientnetlite2"), tmp_path / "other.npz")


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_file_that_is_no_archive_is_an_error(content, tmp_path):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(ModelError, match="not readable"):
        build_network(find_backbone("efficientnetlite2"), tmp_path / "bad.npz")


def test_keras_has_no_weights_of_it_to_download():
    with pytest.raises(ModelError, match=r"--weights FILE\.npz"):
        build_network(find_backbone("efficientnetlite2"), "imagenet")


def test_the_published_weights_give_the_published_embedding(photographs):
    weights = photographs.parent / "weights"
    if not (weights / "efficientnetlite2_reference.npy").is_file():
        pytest.skip("no published weights beside the photographs")
    model = build_network(
        find_backbone("efficientnetlite2"), weights / "efficientnetlite2_imagenet_notop.npz"
    ).feature_extractor
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    found = keras.ops.convert_to_numpy(model(pixels, training=False))
    assert found == pytest.approx(np.load(weights / "efficientnetlite2_reference.npy"), abs=1e-4)
