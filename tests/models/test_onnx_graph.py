import keras
import numpy as np
import onnxruntime
import pytest
from keras import ops

from lentigo.errors import ModelError
from lentigo.models.graphs.onnx_graph import save_onnx, to_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.network import build_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.runtime import Session

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype("uint8")


def shake(network):
    """Random batch norms, so that a random trunk gives answers of a size worth comparing."""
    rng = np.random.default_rng(1)
    for layer in network.classifier.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            if layer.scale:
                layer.gamma.assign(rng.uniform(1.0, 2.0, layer.gamma.shape))
            layer.moving_mean.assign(rng.normal(0, 0.05, layer.moving_mean.shape))
    return network


def settle(network):
    """Batch norms fitted to the pictures: shaken, the signal of an EfficientNet grows to 1e10, where the last
    bit of a product decides.
    """
    fit_batch_norms(network.feature_extractor, PIXELS)
    return network


@pytest.fixture(scope="module")
def network():
    return shake(build_network(BACKBONES["mobilenetv2"], "none"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "mobilenetv3small" else pytest.mark.check) for name in BACKBONES],
)
def test_onnx_answers_as_keras_does(name, tmp_path):
    prepare = settle if name.startswith("efficientnet") else shake
    model = build_export_model(prepare(build_network(BACKBONES[name], "none")))
    save_onnx(model, tmp_path / "model.onnx")
    expected = {key: np.asarray(value) for key, value in model(PIXELS).items()}
    answers = Session(tmp_path / "model.onnx", precision="f32").run(PIXELS)
    other = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(list(expected), {"image": PIXELS})
    for (key, value), second in zip(expected.items(), other, strict=True):
        scale = np.abs(value).max()
        assert scale > 1e-6, key
        np.testing.assert_allclose(answers[key] / scale, value / scale, atol=2e-4, err_msg=key)
        np.testing.assert_allclose(second / scale, value / scale, atol=2e-4, err_msg=key)


def test_the_graph_has_the_names_and_shapes_of_the_contract(network):
    graph = to_onnx(build_export_model(network)).graph
    shapes = {
        x.name: [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim]
        for x in [*graph.input, *graph.output]
    }
    assert shapes == {
        "image": ["n", 224, 224, 3],
        "logit": ["n", 1],
        "embedding": ["n", 1280],
        "heatmap": ["n", 7, 7],
    }


def test_the_heatmap_is_gradcam_before_its_relu(network):
    import tensorflow as tf

    features = keras.Model(network.classifier.input, network.features)(PIXELS)
    with tf.GradientTape() as tape:
        tape.watch(features)
        logit = network.head(ops.mean(features, axis=(1, 2)), training=False)
    weights = tf.reduce_mean(tape.gradient(logit, features), axis=(1, 2), keepdims=True)
    expected = tf.reduce_sum(features * weights, axis=-1).numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(
        np.asarray(build_export_model(network)(PIXELS)["heatmap"]),
        expected,
        atol=1e-4 * np.abs(expected).max(),
    )


def test_a_layer_without_onnx_form_is_named():
    x = keras.Input((8, 8, 3), name="image")
    model = keras.Model(x, keras.layers.UnitNormalization(name="odd")(x))
    with pytest.raises(ModelError, match="layer odd is a UnitNormalization"):
        to_onnx(model)
