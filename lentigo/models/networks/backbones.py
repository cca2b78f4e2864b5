"""The backbones and what each was trained to see.

Feeding a backbone pixels of another range is the commonest mistake with pretrained networks, so the range
stands here beside the name and becomes the first layers of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lentigo.errors import UsageError
from lentigo.images.photographs import SIDE

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of RGB 0..255
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)  # the same
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of BGR 0..255
SHRINK = "shrunk"  # name of the layer that shrinks a photograph, where a backbone sees it smaller


@dataclass(frozen=True)
class Backbone:
    """A network of `keras.applications`, or EfficientNet-Lite2, which we build ourselves.

    Attributes:
        name: In recipes, cards and commands.
        constructor: In `keras.applications`.
        sees: The range of pixels it was trained for: `standardised` (ImageNet's mean and deviation),
            `symmetric` (-1..1), `lite` ((RGB - 127) / 128), `caffe` (BGR less ImageNet's mean) or `raw`
            (0..255; it rescales by itself).
        features: Channels of its last feature map, hence the length of the embedding.
        grid: Side of its last feature map for a photograph of 224 pixels.
    """

    name: str
    constructor: str
    sees: str
    features: int
    grid: int = 7


ALL_BACKBONES = (
    Backbone("densenet121", "DenseNet121", "standardised", 1024),
    Backbone("densenet169", "DenseNet169", "standardised", 1664),
    Backbone("densenet201", "DenseNet201", "standardised", 1920),
    Backbone("inceptionv3", "InceptionV3", "symmetric", 2048, 5),
    Backbone("inceptionresnetv2", "InceptionResNetV2", "symmetric", 1536, 5),
    Backbone("xception", "Xception", "symmetric", 2048),
    Backbone("vgg16", "VGG16", "caffe", 512),
    Backbone("vgg19", "VGG19", "caffe", 512),
    Backbone("mobilenetv2", "MobileNetV2", "symmetric", 1280),
    Backbone("mobilenetv3small", "MobileNetV3Small", "raw", 576),
    Backbone("nasnetmobile", "NASNetMobile", "symmetric", 1056),
    Backbone("resnet50", "ResNet50", "caffe", 2048),
    Backbone("resnet101", "ResNet101", "caffe", 2048),
    Backbone("resnet152", "ResNet152", "caffe", 2048),
    Backbone("efficientnetb0", "EfficientNetB0", "raw", 1280),
    Backbone("efficientnetb3", "EfficientNetB3", "raw", 1536),
    Backbone("efficientnetlite2", "EfficientNetLite2", "lite", 1280),
)
BACKBONES = {backbone.name: backbone for backbone in ALL_BACKBONES}


def find_backbone(name: str) -> Backbone:
    """Finds an entry of the backbone table.

    Args:
        name: Its name, in any case.

    Raises:
        UsageError: There is none; the message lists the names.

    >>> find_backbone("mobilenetv2").sees
    'symmetric'
    """
    try:
        return BACKBONES[name.lower()]
    except KeyError:
        raise UsageError(f"backbone {name!r} is unknown; expected one of {', '.join(BACKBONES)}") from None


def preprocess(backbone: Backbone, image: Any, input_size: int = SIDE) -> Any:
    """Adds the layers from raw pixels to what the backbone was trained to see.

    Args:
        backbone: An entry of the table.
        image: A Keras tensor of RGB pixels 0..255, (n, side, side, 3).
        input_size: Pixels along the side at which the backbone sees it; below `SIDE` it is shrunk first.

    Returns:
        A Keras tensor, float32 (n, side, side, 3).
    """
    from lentigo.models.networks.deep_learning import layers

    # From uint8 to float32, also where the rest of the network computes in 16 bits
    pixels = layers.Rescaling(1.0, dtype="float32", name="pixels")(image)
    if input_size != SIDE:
        pixels = layers.Resizing(input_size, input_size, interpolation="bilinear", name=SHRINK)(pixels)
    if backbone.sees == "standardised":
        # (pixel - mean) / deviation, as the multiplication and the addition that `Rescaling` does
        scale = []
        offset = []
        for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True):
            scale.append(1 / deviation)
            offset.append(-mean / deviation)
        return layers.Rescaling(scale, offset, name="standardise")(pixels)
    if backbone.sees == "symmetric":  # 0..255 to -1..1
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="centre")(pixels)
    if backbone.sees == "lite":
        return layers.Rescaling(1 / 128, offset=-127 / 128, name="centre")(pixels)
    if backbone.sees == "caffe":
        from lentigo.models.networks.layers import ReverseChannels

        blue_green_red = ReverseChannels(name="bgr")(pixels)
        return layers.Rescaling(1.0, [-mean for mean in CAFFE_MEAN], name="centre")(blue_green_red)
    return pixels
