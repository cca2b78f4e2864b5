"""The network: raw pixels, a backbone, global average pooling, a head of two layers, one logit.

    image (224, 224, 3) uint8 RGB -> preprocessing -> backbone -> pooling = embedding (d)
      -> Dense 1024 relu -> batch norm -> dropout -> Dense 512 relu -> batch norm -> dropout -> Dense 1, sigmoid

The graph is flat: each layer of the backbone is a layer of the network, so features, embedding and head can
be reached by name after saving and loading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lentigo.common.hashing import hash_bytes
from lentigo.errors import ModelError, first_line
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import SHRINK, Backbone
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.feature_extractor import build_feature_extractor, seed_initializers
from lentigo.models.networks.heads import (
    HEAD_LAYERS,
    UNITS,
    MeanLogit,
    build_diagnosis,
    build_head,
    list_head_prefixes,
)
from lentigo.models.networks.keras_graph import chain_layers


@dataclass(frozen=True)
class Network:
    """Models of the same layers.

    Attributes:
        backbone: The entry of the backbone table.
        classifier: Photograph to logit; None where the network only segments.
        feature_extractor: Photograph to embedding: preprocessing, backbone and pooling.
        head: Embedding to logit; None where the network only segments.
        mask: P(lesion), (n, side, side), where there is a mask decoder.
        diagnosis: Probabilities (n, 7) in the order of `DIAGNOSES`, where the network tells them apart.
    """

    backbone: Backbone
    classifier: keras.Model | None
    feature_extractor: keras.Model
    head: keras.Model | None
    mask: keras.KerasTensor | None = None
    diagnosis: keras.KerasTensor | None = None

    @property
    def logit(self) -> keras.KerasTensor:
        """The logit of P(malignant), (n, 1). Raises `ModelError` for a network that only segments."""
        return self.require_classifier().output

    def require_classifier(self) -> keras.Model:
        """Photograph to logit. Raises `ModelError` for a network that only segments."""
        return require_part(self.classifier)

    def require_head(self) -> keras.Model:
        """Embedding to logit. Raises `ModelError` for a network that only segments."""
        return require_part(self.head)

    @property
    def diagnosis_logits(self) -> keras.KerasTensor:
        """The diagnosis before its softmax, (n, 7)."""
        return find_activation_input(self.diagnosis)

    @property
    def mask_logit(self) -> keras.KerasTensor:
        """The mask before its sigmoid, (n, side, side)."""
        return find_activation_input(self.mask)

    @property
    def features(self) -> keras.KerasTensor:
        """The last feature map, (n, h, w, d)."""
        return self.feature_extractor.get_layer("embedding").input


def require_part(part: keras.Model | None) -> keras.Model:
    """The classifier or its head, which a network that only segments has not."""
    if part is None:
        raise ModelError("the network only segments; expected one with a classifier")
    return part


def find_activation_input(tensor: keras.KerasTensor | None) -> keras.KerasTensor:
    """What an activation that is a layer of its own is applied to."""
    if tensor is None:
        raise ModelError("the network has no such output; expected one that was trained with it")
    return tensor._keras_history.operation.input


def build_network(
    backbone: Backbone,
    weights: str | Path,
    dropouts: tuple[float, float] = (0.8, 0.5),
    seed: int = 0,
    units: tuple[int, ...] = UNITS,
    input_size: int = SIDE,
) -> Network:
    """Builds the network, its backbone frozen.

    Args:
        backbone: An entry of the backbone table.
        weights: "imagenet", "none" or a file of the backbone's weights.
        dropouts: Shares that are dropped after the two hidden layers of the head.
        seed: The same seed gives the same head, the same dropout and, with "none", the same backbone.
        units: Sizes of the hidden layers of the head.
        input_size: Pixels along the side at which the backbone sees a photograph.

    Raises:
        ModelError: The weights cannot be had.
    """
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    with seed_initializers(seed):
        feature_extractor = build_feature_extractor(backbone, image, weights, input_size)
    head = build_head(backbone.features, dropouts, seed, units=units)
    classifier = keras.Model(image, chain_layers(head, feature_extractor.output), name="network")
    network = Network(backbone, classifier, feature_extractor, head)
    freeze_backbone(network)
    return network


def attach_diagnosis(network: Network, dropout: float = 0.3, seed: int = 0) -> Network:
    """Adds a second head: embedding to probabilities of the seven `DIAGNOSES`, in one flat graph.

    Args:
        network: A classifier.
        dropout: Share of the embedding that is dropped while the head learns.
        seed: Decides the initial weights and the dropout.
    """
    return replace(network, diagnosis=build_diagnosis(network.feature_extractor.output, dropout, seed))


def join_heads(network: Network, heads: Sequence[keras.Model]) -> Network:
    """Joins several heads into one, whose logit is the mean of theirs.

    Args:
        network: The network whose head is replaced.
        heads: Heads that were each built with a prefix of its own.
    """
    mean_logit = MeanLogit(heads)
    embedding = network.feature_extractor.output
    pooled = keras.Input((network.backbone.features,), name="pooled")
    return replace(
        network,
        classifier=keras.Model(network.feature_extractor.input, mean_logit(embedding), name="network"),
        head=keras.Model(pooled, mean_logit(pooled), name="head"),
    )


def freeze_backbone(network: Network) -> None:
    """Freezes the feature extractor: none of its layers learns.

    Args:
        network: The network whose layers are changed.
    """
    for layer in network.feature_extractor.layers:
        layer.trainable = False


def unfreeze_backbone(network: Network) -> None:
    """Lets every layer of the feature extractor learn but its batch norms, which keep means and variances.

    `backbone(x, training=False)` would not do: `fit` overrides it once the layer is trainable.

    Args:
        network: The network whose layers are changed.
    """
    for layer in network.feature_extractor.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def hash_weights(network: Network) -> str:
    """Hashes everything that decides the embedding: preprocessing, architecture, weights.

    Args:
        network: The network.

    Returns:
        A SHA-256 in hexadecimal digits.
    """
    weights = network.feature_extractor.get_weights()
    arrays = [np.ascontiguousarray(value).tobytes() for value in weights]
    parts = [repr(network.backbone).encode(), *arrays]
    input_size = find_input_size(network)
    if input_size != SIDE:
        parts.append(str(input_size).encode())
    return hash_bytes(*parts)


def find_input_size(network: Network) -> int:
    """Finds at how many pixels along the side a backbone sees a photograph.

    Args:
        network: Any network.

    Returns:
        `SIDE`, or fewer where the network shrinks photographs.
    """
    for layer in network.feature_extractor.layers:
        if layer.name == SHRINK:
            return layer.height
    return SIDE


def open_network(path: str | Path, backbone: Backbone) -> Network:
    """Opens the network of a RUN's `model.keras`.

    Args:
        path: The file.
        backbone: The backbone that the RUN's card names.

    Raises:
        ModelError: This Keras cannot open it, or it is none of our networks.
    """
    try:
        saved = keras.saving.load_model(path, compile=False)
        return rebuild_network(saved, backbone)
    except Exception as error:  # Keras, h5py and zipfile raise whatever a damaged file leads them to
        raise ModelError(
            f"{path}: cannot be opened by this Keras ({first_line(error)}); use the version that card.json "
            "names, or copy the RUN again from its source"
        ) from error


def rebuild_network(saved: keras.Model, backbone: Backbone) -> Network:
    """The network of layers that were saved."""
    saved_layers = index_layers(saved)
    embedding = saved_layers["embedding"].output
    feature_extractor = keras.Model(saved.input, embedding, name="feature_extractor")
    mask = saved_layers["mask"].output if "mask" in saved_layers else None
    if "logit" not in saved_layers:
        return Network(backbone, None, feature_extractor, None, mask)
    diagnosis = saved_layers["diagnosis"].output if "diagnosis" in saved_layers else None
    classifier = keras.Model(saved.input, saved_layers["logit"].output, name="network")
    head = rebuild_head(saved, backbone)
    return Network(backbone, classifier, feature_extractor, head, mask, diagnosis)


def index_layers(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers of a model by their names, which do not change when it is saved.

    Args:
        model: Any model.
    """
    return {layer.name: layer for layer in model.layers}


def rebuild_head(saved: keras.Model, backbone: Backbone) -> keras.Model:
    """The head of layers that were saved, or the mean of several."""
    saved_layers = index_layers(saved)
    pooled = keras.Input((backbone.features,), name="pooled")
    logits = []
    for prefix in list_head_prefixes(saved):
        x = pooled
        for name in HEAD_LAYERS:  # a linear head has some of them
            if prefix + name in saved_layers:
                x = saved_layers[prefix + name](x)
        logits.append(x)
    if len(logits) == 1:
        return keras.Model(pooled, logits[0], name="head")
    mean_logit = saved_layers["logit"](saved_layers["logits"](logits))
    return keras.Model(pooled, mean_logit, name="head")
