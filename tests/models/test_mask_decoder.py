"""The decoder: one flat graph with the network, the same answers in every runtime, and the classifier's own
untouched.
"""

import dataclasses

import keras
import numpy as np
import onnxruntime
import pytest

from lentigo.errors import ModelError
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.layers import SpreadPixels
from lentigo.models.networks.mask_decoder import (
    WIDTHS,
    attach_decoder,
    build_decoder,
    choose_width,
    count_products,
    find_skips,
)
from lentigo.models.networks.network import build_network, open_network
from lentigo.models.networks.output_models import build_export_model, build_saved_model
from lentigo.models.runtime import Session

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype("uint8")
REAL = set(BACKBONES)  # before the toys are in the table
WITHOUT = ("inceptionv3", "inceptionresnetv2", "xception")  # convolutions that cut borders off


pytestmark = pytest.mark.usefixtures("toy_backbone")


def build(name: str, width: int = 16):
    """A network of random weights whose norms fit the pictures, with a decoder."""
    network = build_network(BACKBONES[name], "none")
    fit_batch_norms(network.feature_extractor, PIXELS)
    return attach_decoder(network, build_decoder(find_skips(network), width, seed=0))


@pytest.fixture(scope="module")
def network():
    return build("mobilenetv3small")


@pytest.fixture(scope="module")
def toy_network(toy_backbone):
    return build("toy")


def answer_with_onnxruntime(graph: bytes) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(graph)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": PIXELS}), strict=True))


FAST = ("mobilenetv3small",)
DEEP = (
    "resnet101",
    "resnet152",
)  # random filters of a hundred layers make 3e-3 of the last bits, in which processors differ


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in FAST else pytest.mark.check) for n in BACKBONES if n not in WITHOUT],
)
def test_the_mask_is_the_same_in_keras_openvino_and_onnxruntime(name):
    model = build_export_model(build(name))
    graph, expected, tolerance = (
        to_onnx(model).SerializeToString(),
        np.asarray(model(PIXELS)["mask"]),
        1e-2 if name in DEEP else 5e-4,
    )
    assert expected.shape == (2, 224, 224) and expected.min() > 0 and np.ptp(expected) > 0.05
    np.testing.assert_allclose(Session(graph, precision="f32").run(PIXELS)["mask"], expected, atol=tolerance)
    np.testing.assert_allclose(answer_with_onnxruntime(graph)["mask"], expected, atol=tolerance)


def test_a_decoder_leaves_the_other_answers_as_they_are_bit_for_bit(network):
    before = to_onnx(build_export_model(dataclasses.replace(network, mask=None))).SerializeToString()
    after = to_onnx(build_export_model(network)).SerializeToString()
    for answer in (lambda graph: Session(graph, precision="f32").run(PIXELS), answer_with_onnxruntime):
        plain, more = answer(before), answer(after)
        assert set(more) - set(plain) == {"mask"}
        for name, values in plain.items():
            np.testing.assert_array_equal(more[name], values, err_msg=name)


def test_the_graph_is_flat(network):
    assert not any(isinstance(layer, keras.Model) for layer in build_export_model(network).layers)


def test_skips_are_the_last_maps_of_each_side(random_network):
    skips = find_skips(random_network("mobilenetv2"))
    assert [skip.shape[1:] for skip in skips] == [(7, 7, 1280), (14, 14, 576), (28, 28, 192), (56, 56, 144)]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "inceptionv3" else pytest.mark.check) for n in WITHOUT]
)
def test_a_backbone_without_such_maps_is_refused(name):
    with pytest.raises(
        ModelError,
        match=r"has no feature map of side .*; expected .*: choose another backbone for masks, "
        r"such as densenet121",
    ):
        find_skips(build_network(BACKBONES[name], "none"))


def test_the_same_seed_gives_the_same_decoder(network):
    first, second, other = (build_decoder(find_skips(network), 8, seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_the_width_follows_what_the_backbone_costs(network, random_network):
    assert choose_width(network) == 8
    assert choose_width(random_network("mobilenetv2")) == 24


@pytest.mark.check
def test_no_decoder_adds_more_than_a_seventh_of_the_multiplications():
    for name in REAL - set(WITHOUT):
        plain = build_network(BACKBONES[name], "none")
        width = choose_width(plain)
        assert width in WIDTHS and count_products(
            build_decoder(find_skips(plain), width, 0)
        ) <= 0.15 * count_products(plain.feature_extractor), name


def test_products_are_those_of_convolutions():
    x = keras.Input((8, 8, 3), name="image")
    y = keras.layers.DepthwiseConv2D(3, padding="same")(
        keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    )
    assert count_products(keras.Model(x, y)) == 4 * 4 * (9 * 3 * 4 + 9 * 4)


def test_a_saved_network_comes_back_with_its_mask(toy_network, tmp_path):
    build_saved_model(toy_network).save(tmp_path / "model.keras")
    back = open_network(tmp_path / "model.keras", toy_network.backbone)
    before, after = (build_export_model(one)(PIXELS) for one in (toy_network, back))
    assert set(after) == {"logit", "embedding", "heatmap", "mask"}
    for name, values in before.items():
        np.testing.assert_array_equal(np.asarray(after[name]), np.asarray(values), err_msg=name)


def test_a_network_without_a_head_is_saved_and_comes_back(toy_network, tmp_path):
    alone = dataclasses.replace(toy_network, classifier=None, head=None)
    build_saved_model(alone).save(tmp_path / "model.keras")
    back = open_network(tmp_path / "model.keras", toy_network.backbone)
    assert back.head is None and set(build_export_model(back).output) == {"embedding", "mask"}
    np.testing.assert_array_equal(
        np.asarray(build_export_model(back)(PIXELS)["mask"]),
        np.asarray(build_export_model(toy_network)(PIXELS)["mask"]),
    )


def test_a_second_decoder_takes_the_place_of_the_first(network):
    again = attach_decoder(network, build_decoder(find_skips(network), 8, seed=3))
    names = [layer.name for layer in build_export_model(again).layers]
    assert len(names) == len(set(names)) and again.mask is not network.mask


# --- the layers that are new to ONNX


def test_channels_become_squares_of_pixels_row_by_row():
    x = np.arange(8, dtype="float32").reshape(1, 1, 2, 4)
    assert np.asarray(SpreadPixels(2)(x)).tolist() == [[[0, 1, 4, 5], [2, 3, 6, 7]]]


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.UpSampling2D(2, interpolation="bilinear"),
        keras.layers.UpSampling2D((2, 4), interpolation="nearest"),
    ],
)
def test_upsampling_is_the_same_everywhere(layer):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    model = keras.Model(image, {"larger": layer(keras.layers.Rescaling(1.0, dtype="float32")(image))})
    graph, images = to_onnx(model).SerializeToString(), PIXELS[:, :8, :8]
    expected = np.asarray(model(images)["larger"])
    np.testing.assert_allclose(Session(graph, precision="f32").run(images)["larger"], expected, atol=1e-3)
    np.testing.assert_allclose(
        onnxruntime.InferenceSession(graph).run(["larger"], {"image": images})[0], expected, atol=1e-3
    )


def test_upsampling_without_onnx_form_is_named():
    x = keras.Input((8, 8, 3), name="image")
    with pytest.raises(
        ModelError, match="layer odd: bicubic upsampling has no ONNX form here; expected bilinear or nearest"
    ):
        to_onnx(keras.Model(x, keras.layers.UpSampling2D(2, interpolation="bicubic", name="odd")(x)))
