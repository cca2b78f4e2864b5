"""Models built from a network's layers: as it learns, as it is saved, as it is exported, as it predicts."""

from __future__ import annotations

from lentigo.images.photographs import SIDE
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.heads import list_head_prefixes
from lentigo.models.networks.keras_graph import find_cuts, resize_input
from lentigo.models.networks.layers import GradientMap
from lentigo.models.networks.network import Network, index_layers


def build_training_model(
    network: Network, side: int, outline: keras.KerasTensor | None = None
) -> keras.Model:
    """Builds the whole network as it learns.

    Args:
        network: A classifier.
        side: Pixels along the side of its photographs.
        outline: Logits of the mask, (n, 224, 224), where it is learned with the class.

    Returns:
        A model from photographs, uint8 (n, side, side, 3), to the logit, where the network tells them apart
        to the logits of the diagnoses, and to those of the mask, (n, side * side).
    """
    outputs = [network.logit]
    if network.diagnosis is not None:
        outputs.append(network.diagnosis_logits)
    if outline is not None:
        outputs.append(layers.Flatten(name="outline")(outline))
    model = keras.Model(network.feature_extractor.input, outputs, name="learner")
    if side == SIDE:
        return model
    return resize_input(model, side)


def build_saved_model(network: Network) -> keras.Model:
    """Builds what is written as `model.keras` for further training.

    Args:
        network: Any network.

    Returns:
        A model from photographs to P(malignant), or to the embedding where there is no classifier, and to
        mask and diagnosis where there are such.
    """
    if network.head is None:
        outputs = {"embedding": network.feature_extractor.output}
    else:
        sigmoid = layers.Activation("sigmoid", dtype="float32", name="probability")
        outputs = {"probability": sigmoid(network.logit)}
    outputs |= list_optional_outputs(network)
    if len(outputs) == 1:
        return keras.Model(network.feature_extractor.input, outputs["probability"], name="lentigo")
    return keras.Model(network.feature_extractor.input, outputs, name="lentigo")


def list_optional_outputs(network: Network) -> dict[str, keras.KerasTensor]:
    """Mask and diagnosis by name, as far as the network has them."""
    outputs = {}
    if network.mask is not None:
        outputs["mask"] = network.mask
    if network.diagnosis is not None:
        outputs["diagnosis"] = network.diagnosis
    return outputs


def build_export_model(network: Network) -> keras.Model:
    """Builds the model that is exported to other runtimes.

    Args:
        network: Any network.

    Returns:
        A model from photographs to `logit` (n, 1), `embedding` (n, d), `heatmap` (n, h, w), `mask` (n, side,
        side) and `diagnosis` (n, 7), as far as the network has them.
    """
    outputs = {"embedding": network.feature_extractor.output}
    if network.head is not None:
        outputs = {"logit": network.logit, **outputs, "heatmap": build_heatmap(network)}
    return keras.Model(network.feature_extractor.input, outputs | list_optional_outputs(network))


def build_runtime_model(network: Network) -> keras.Model:
    """Builds the model that is written as `model.onnx`.

    It has the outputs of `build_export_model` and, with a classifier, the mid-level features, "middle"
    (n, 2 m): means over places of the m channels of a feature map in the middle of the backbone, then those
    of their squares. They still tell other things from lesions when fine-tuning has made the embedding
    forget them.

    Args:
        network: Any network.
    """
    exported = build_export_model(network)
    if network.head is None:
        return exported
    mid_level = find_mid_level_map(network)
    squares = layers.Multiply(name="middle_squares")([mid_level, mid_level])
    mean = layers.GlobalAveragePooling2D(name="middle_mean_1")(mid_level)  # (n, m)
    mean_square = layers.GlobalAveragePooling2D(name="middle_mean_2")(squares)
    features = layers.Concatenate(name="middle")([mean, mean_square])
    return keras.Model(exported.input, {**exported.output, "middle": features})


def find_mid_level_map(network: Network) -> keras.KerasTensor:
    """Finds the feature map whose means are the mid-level features.

    Args:
        network: Any network.

    Returns:
        The last map (n, h, w, m) in the second quarter of the feature extractor's layers through which
        everything goes; the last map of all where there is none.
    """
    first_quarter = find_cuts(network.feature_extractor, 0.25)
    first_half = find_cuts(network.feature_extractor, 0.5)
    second_quarter = first_half[len(first_quarter) :]
    return second_quarter[-1] if second_quarter else network.features


def build_heatmap(network: Network) -> keras.KerasTensor:
    """The heatmap (n, h, w) of the logit.

    Where the logit is the mean of several heads it is the mean of their heatmaps, which is the same: a
    gradient is linear.
    """
    prefixes = list_head_prefixes(network.require_head())
    heatmaps = [build_head_heatmap(network, prefix) for prefix in prefixes]
    if len(heatmaps) == 1:
        return heatmaps[0]
    total = layers.Add(name="heatmaps")(heatmaps)
    return layers.Rescaling(1 / len(heatmaps), name="heatmap")(total)


def build_head_heatmap(network: Network, prefix: str) -> keras.KerasTensor:
    """The heatmap (n, h, w) of the logit of one head, by the prefix of its layers."""
    head_layers = index_layers(network.require_head())
    blocks = []
    for number in (1, 2):  # a linear head has neither
        if f"{prefix}head_dense_{number}" in head_layers:
            dense = head_layers[f"{prefix}head_dense_{number}"]
            norm = head_layers[f"{prefix}head_norm_{number}"]
            blocks.append((dense, norm))
    # In float32 under mixed precision too: slopes and moving means are
    gradient_map = GradientMap(
        blocks, head_layers[f"{prefix}logit"], name=f"{prefix}heatmap", dtype="float32"
    )
    return gradient_map([network.features, network.feature_extractor.output])
