"""Where the cells of a feature map look: computed from each graph, layer by layer."""

import math

import keras
import numpy as np
import pytest
from keras import layers

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.keras_graph import find_origin, walk_tensors
from lentigo.models.networks.network import build_network
from lentigo.models.networks.receptive_fields import CELL_STEP, place_cells

FAST = ("mobilenetv2",)
WINDOWS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)


def trace_cells(features, image):
    """The centre of the first cell of a feature map, and the step to the next, in pixels of the image."""
    places = {id(image): (0.5, 1)}
    for tensor in walk_tensors([features], {id(image): 0}):
        layer, node = find_origin(tensor)
        maps = [x for x in node.input_tensors if places.get(id(x))]
        if (
            not maps or len(tensor.shape) != 4 or tensor.shape[1] == 1
        ):  # squeeze and excitation look everywhere
            continue
        first, step = np.mean([places[id(x)][0] for x in maps]), places[id(maps[0])][1]
        if isinstance(layer, WINDOWS):
            first, step = slide_window(layer, maps[0].shape[1], first, step)
        elif isinstance(layer, layers.ZeroPadding2D):
            first -= step * layer.padding[0][0]
        elif isinstance(layer, layers.Cropping2D):
            first += step * layer.cropping[0][0]
        places[id(tensor)] = (first, step)
    return places[id(features)]


def slide_window(layer, side, first, step):
    """Centre and step after a convolution or a pooling."""
    kernel = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    reach = (kernel[0] - 1) * getattr(layer, "dilation_rate", (1, 1))[0] + 1
    stride = layer.strides[0]
    before = (
        max((math.ceil(side / stride) - 1) * stride + reach - side, 0) // 2 if layer.padding == "same" else 0
    )
    return first + step * ((reach - 1) / 2 - before), step * stride


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.check) for name in BACKBONES]
)
def test_cells_stand_where_the_graph_says(name):
    network = build_network(BACKBONES[name], "none")
    first, step = trace_cells(network.features, network.feature_extractor.input)
    centres = np.array(place_cells(name, network.features.shape[1])) * SIDE
    assert step == CELL_STEP and centres.tolist() == pytest.approx(
        [first + step * cell for cell in range(len(centres))], abs=0.05
    )


def test_a_network_that_sees_a_smaller_photograph_has_its_cells_all_over_it():
    network = build_network(BACKBONES["mobilenetv2"], "none", input_size=160)
    first, step = trace_cells(network.features, network.feature_extractor.input)
    centres = place_cells("mobilenetv2", network.features.shape[1], side=160)
    assert centres == pytest.approx([(first + step * cell) / 160 for cell in range(5)])
    assert centres[0] < 0.2 and centres[-1] > 0.99


def test_every_backbone_has_its_centres():
    assert all(len(place_cells(name, backbone.grid)) == backbone.grid for name, backbone in BACKBONES.items())


def test_a_backbone_that_is_unknown_is_named():
    with pytest.raises(ModelError, match="backbone 'toynet': where its cells look is not known"):
        place_cells("toynet", 7)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_centre_is_that_of_the_pixels_that_a_cell_answers_to(padding):
    image = keras.Input((64, 64, 1))
    x = image
    for kernel, stride in ((3, 2), (3, 1), (5, 2)):
        x = layers.Conv2D(1, kernel, stride, padding=padding, kernel_initializer="ones", use_bias=False)(x)
    model = keras.Model(image, x)
    cell = x.shape[1] // 2
    pixels = np.eye(64, dtype=np.float32)[:, :, None, None] * np.ones(
        (1, 1, 64, 1), np.float32
    )  # each photograph has one bright row
    answers = keras.ops.convert_to_numpy(model(pixels))[:, cell, cell, 0]
    first, step = trace_cells(x, image)
    assert (answers @ (np.arange(64) + 0.5)) / answers.sum() == pytest.approx(first + step * cell)
