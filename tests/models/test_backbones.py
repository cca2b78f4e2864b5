import importlib

import keras
import numpy as np
import pytest

from lentigo.errors import UsageError
from lentigo.models.networks.backbones import BACKBONES, find_backbone, preprocess
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2

HOMES = {
    "densenet": "densenet",
    "inceptionv3": "inception_v3",
    "inceptionresnetv2": "inception_resnet_v2",
    "xception": "xception",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3": "mobilenet_v3",
    "nasnet": "nasnet",
    "resnet": "resnet",
    "efficientnet": "efficientnet",
}
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype("uint8")


def keras_preprocess(name):
    """Keras' own `preprocess_input` for a backbone; that of EfficientNet-Lite2, which Keras has not, as its
    authors publish it.
    """
    if name == "efficientnetlite2":
        return lambda pixels: (pixels - 127) / 128
    home = next(home for prefix, home in HOMES.items() if name.startswith(prefix))
    return importlib.import_module(f"keras.applications.{home}").preprocess_input


@pytest.mark.parametrize("name", BACKBONES)
def test_the_graph_preprocesses_as_keras_does(name):
    image = keras.Input((224, 224, 3), dtype="uint8")
    graph = keras.Model(image, preprocess(BACKBONES[name], image))
    expected = keras_preprocess(name)(PIXELS.astype("float32"))
    np.testing.assert_allclose(np.asarray(graph(PIXELS)), expected, atol=2e-5)


@pytest.mark.parametrize("name", ["mobilenetv3small", "efficientnetb0"])
def test_a_backbone_that_sees_raw_pixels_rescales_by_itself(name):
    base = getattr(keras.applications, BACKBONES[name].constructor)(
        weights=None, include_top=False, input_shape=(224, 224, 3)
    )
    assert any(isinstance(layer, keras.layers.Rescaling) for layer in base.layers[:4])


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in ("vgg16", "mobilenetv2") else pytest.mark.check) for n in BACKBONES],
)
def test_the_table_knows_depth_and_grid(name):
    backbone = BACKBONES[name]
    if name == "efficientnetlite2":
        base = build_efficientnet_lite2(keras.Input((224, 224, 3)))
    else:
        base = getattr(keras.applications, backbone.constructor)(
            weights=None, include_top=False, input_shape=(224, 224, 3)
        )
    assert base.output_shape == (None, backbone.grid, backbone.grid, backbone.features)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UsageError, match=r"densnet121.*expected one of densenet121"):
        find_backbone("densnet121")
