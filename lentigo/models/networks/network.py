"""The network: raw pixels, a backbone, global average pooling, a head of two layers, one logit.

    photo (224, 224, 3) uint8 RGB -> preprocessing -> backbone -> pooling = embedding (d)
      -> Dense 1024 relu -> batch norm -> dropout -> Dense 512 relu -> batch norm -> dropout -> Dense 1, sigmoid

The graph is flat: each layer of the backbone is a layer of the network, so features, embedding and head can
be reached by name after saving and loading.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lentigo.common.hashing import hash_bytes
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE
from lentigo.models.networks.backbones import Backbone, preprocess
from lentigo.models.networks.deep_learning import find_keras_home, keras, layers
from lentigo.models.networks.efficientnet_lite import build_efficientnet_lite2, load_efficientnet_lite2
from lentigo.models.networks.layers import GradientMap
from lentigo.models.networks.onnx_graph import origin, walk

UNITS = (1024, 512)
HEAD = (
    "head_dense_1",
    "head_norm_1",
    "head_dropout_1",
    "head_dense_2",
    "head_norm_2",
    "head_dropout_2",
    "logit",
)  # its layers, in order


@dataclass(frozen=True)
class Network:
    """Views of the same layers. `full`: image to logit; `trunk`: image to embedding; `head`: embedding to
    logit.

    `mask` is the decoder's answer (n, side, side) where there is a decoder. A network that only segments has
    neither `full` nor `head`. `diagnosis` are probabilities (n, 7) in the order of `DIAGNOSES`, where the
    network tells diagnoses apart.
    """

    backbone: Backbone
    full: keras.Model | None
    trunk: keras.Model
    head: keras.Model | None
    mask: keras.KerasTensor | None = None
    diagnosis: keras.KerasTensor | None = None

    @property
    def diagnosis_logits(self) -> keras.KerasTensor:
        """The diagnosis before its softmax, (n, 7)."""
        return self.diagnosis._keras_history.operation.input

    @property
    def mask_logit(self) -> keras.KerasTensor:
        """The mask before its sigmoid."""
        return self.mask._keras_history.operation.input

    @property
    def features(self) -> keras.KerasTensor:
        """The last feature map, (n, h, w, d)."""
        return self.trunk.get_layer("embedding").input


def build_network(
    backbone: Backbone,
    weights: str | Path,
    dropouts: tuple[float, float] = (0.8, 0.5),
    seed: int = 0,
    units: tuple[int, ...] = UNITS,
) -> Network:
    """Builds the network with its trunk frozen. `weights`: "imagenet", "none" or a file of the backbone's
    weights.

    The same seed gives the same head, the same dropout and, with "none", the same trunk. Raises `ModelError`
    for weights that cannot be had.
    """
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    with seed_initializers(seed):
        trunk = build_feature_extractor(backbone, image, weights)
    head = build_head(backbone.features, dropouts, seed, units=units)
    full = keras.Model(image, chain_layers(head, trunk.output), name="network")
    network = Network(backbone, full, trunk, head)
    freeze_backbone(network)
    return network


@contextmanager
def seed_initializers(seed: int) -> Iterator[None]:
    """Gives the backbone's random initial weights a seed: Keras draws theirs from Python's `random`, whose
    state is put back.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def build_feature_extractor(backbone: Backbone, image: keras.KerasTensor, weights: str | Path) -> keras.Model:
    """Preprocessing, backbone and pooling, with weights loaded; image to embedding."""
    if backbone.name == "efficientnetlite2":
        base = build_lite_base(backbone, image, weights)
        return keras.Model(image, layers.GlobalAveragePooling2D(name="embedding")(base.output), name="trunk")
    constructor = getattr(keras.applications, backbone.constructor)
    options = {"include_preprocessing": True} if backbone.constructor.startswith("MobileNetV3") else {}
    try:
        with (
            warnings.catch_warnings(action="ignore", category=UserWarning),
            redirect_stdout(sys.stderr),
        ):  # MobileNet doubts that 224 x 224 is square; a download shows its progress
            base = constructor(
                include_top=False,
                input_tensor=preprocess(backbone, image),
                name=backbone.name,
                weights="imagenet" if str(weights) == "imagenet" else None,
                **options,
            )
    except Exception as error:  # whatever urllib, h5py and Keras raise when the download fails
        if str(weights) != "imagenet":
            raise
        raise ModelError(explain_download(backbone)) from error
    if str(weights) not in ("imagenet", "none"):
        load_backbone_weights(base, Path(weights), backbone)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="embedding")(base.output), name="trunk")


def build_lite_base(backbone: Backbone, image: keras.KerasTensor, weights: str | Path) -> keras.Model:
    """EfficientNet-Lite2 with weights loaded; Keras has no file of them to download."""
    if str(weights) == "imagenet":
        raise ModelError(
            "efficientnetlite2: Keras has no ImageNet weights of it; pass a file: --weights FILE.npz, or "
            "start from bundled or none"
        )
    base = build_efficientnet_lite2(preprocess(backbone, image), backbone.name)
    if str(weights) != "none":
        if not Path(weights).is_file():
            raise ModelError(
                f"{weights}: no such weight file; expected an .npz file of EfficientNet-Lite2, bundled or "
                "none"
            )
        load_efficientnet_lite2(base, weights)
    return base


def explain_download(backbone: Backbone) -> str:
    """What to do where Keras cannot fetch ImageNet weights."""
    folder = find_keras_home() / "models"
    return (
        f"ImageNet weights of {backbone.name} could not be downloaded; put Keras' file for "
        f"{backbone.constructor}(include_top=False) into {folder}, or pass it: --weights FILE (to compare: "
        "--weights-dir FOLDER)"
    )


def load_backbone_weights(base: keras.Model, path: Path, backbone: Backbone) -> None:
    """Loads a file that `keras.applications.X(include_top=False).save_weights` wrote."""
    expected = f"expected the weights of keras.applications.{backbone.constructor}(include_top=False)"
    if not path.is_file():
        raise ModelError(f"{path}: no such weight file; {expected}, or --weights imagenet or none")
    try:
        with warnings.catch_warnings(
            action="ignore", category=UserWarning
        ):  # what does not fit is an error besides
            base.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(
            f"{path}: does not fit {backbone.name} ({str(error).splitlines()[0]}); {expected}"
        ) from error


def build_head(
    features: int, dropouts: tuple[float, float], seed: int, prefix: str = "", units: tuple[int, ...] = UNITS
) -> keras.Model:
    """The head, embedding (features) to logit (1).

    `prefix` comes before the names of its layers, which are those of `HEAD`. `units` are the sizes of its
    hidden layers; without any the logit is a linear function of the embedding, of which the first share of
    `dropouts` is dropped while it learns.
    """
    x = embedding = keras.Input((features,), name="pooled")
    if not units:
        x = layers.Dropout(dropouts[0], seed=seed + 1, name=f"{prefix}head_dropout_1")(x)
    for number, (width, dropout) in enumerate(zip(units, dropouts), 1):
        initializer = keras.initializers.GlorotUniform(seed=seed + number)
        x = layers.Dense(
            width, activation="relu", kernel_initializer=initializer, name=f"{prefix}head_dense_{number}"
        )(x)
        x = layers.BatchNormalization(name=f"{prefix}head_norm_{number}")(x)
        x = layers.Dropout(dropout, seed=seed + number, name=f"{prefix}head_dropout_{number}")(x)
    last = layers.Dense(
        1,
        dtype="float32",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name=f"{prefix}logit",
    )
    return keras.Model(embedding, last(x), name=f"{prefix}head")


def attach_diagnosis(network: Network, dropout: float = 0.3, seed: int = 0) -> Network:
    """The network with a second head: embedding to probabilities of the seven `DIAGNOSES`, in one flat graph.

    Args:
        network: A classifier.
        dropout: Share of the embedding that is dropped while the head learns.
        seed: Decides the initial weights and the dropout.
    """
    x = layers.Dropout(dropout, seed=seed + 3, name="diagnosis_dropout")(network.trunk.output)
    initializer = keras.initializers.GlorotUniform(seed=seed + 3)
    x = layers.Dense(
        len(DIAGNOSES), dtype="float32", kernel_initializer=initializer, name="diagnosis_logits"
    )(x)
    return replace(network, diagnosis=layers.Activation("softmax", dtype="float32", name="diagnosis")(x))


def join_heads(network: Network, heads: Sequence[keras.Model]) -> Network:
    """The network whose logit is the mean of the logits of several heads, each of which was built with a
    prefix of its own.
    """
    total, mean = layers.Add(name="logits"), layers.Rescaling(1 / len(heads), name="logit")
    pooled = keras.Input((network.backbone.features,), name="pooled")
    logits = [mean(total([chain_layers(head, x) for head in heads])) for x in (network.trunk.output, pooled)]
    return replace(
        network,
        full=keras.Model(network.trunk.input, logits[0], name="network"),
        head=keras.Model(pooled, logits[1], name="head"),
    )


def list_prefixes(model: keras.Model) -> list[str]:
    """The prefixes of the heads in a model, in order: one that is empty, or one for each head that was
    joined.
    """
    return sorted(
        layer.name.removesuffix("head_dropout_1")
        for layer in model.layers
        if layer.name.endswith("head_dropout_1")
    )


def chain_layers(model: keras.Model, x: keras.KerasTensor) -> keras.KerasTensor:
    """Applies the layers of a linear model one by one, so that the graph stays flat."""
    for layer in model.layers[1:]:
        x = layer(x)
    return x


def settle_norms(network: Network, images: np.ndarray) -> None:
    """Gives the batch norms of a random trunk the means and variances of photographs, uint8 (n, side, side,
    3), in one pass.

    Untouched they pass on what random filters make of a photograph, which fades from layer to layer: after
    the fifty of a MobileNet all photographs have the same features (the data-dependent start of Mishkin &
    Matas 2016, for variances alone). The trunk stays frozen.
    """
    norms = [layer for layer in network.trunk.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.trainable, norm.momentum = True, 0.0
    network.trunk(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.trainable, norm.momentum = False, momentum


def freeze_backbone(network: Network) -> None:
    """No layer of the trunk learns."""
    for layer in network.trunk.layers:
        layer.trainable = False


def unfreeze_backbone(network: Network) -> None:
    """Every layer of the trunk learns but its batch norms, whose means and variances stay as they are.

    `backbone(x, training=False)` would not do: `fit` overrides it once the layer is trainable.
    """
    for layer in network.trunk.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def build_learner(network: Network, side: int) -> keras.Model:
    """The whole network as it learns, for photographs of a side: image to logit and, where there is one, to
    the diagnosis' logits.
    """
    outputs = [network.full.output]
    if network.diagnosis is not None:
        outputs.append(network.diagnosis_logits)
    model = keras.Model(network.trunk.input, outputs, name="learner")
    if side == SIDE:
        return model
    return resize_input(model, side)


def resize_input(model: keras.Model, side: int) -> keras.Model:
    """A model for photographs of another side: the same layers, hence the same weights."""
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    return keras.models.clone_model(model, input_tensors=image, clone_function=lambda layer: layer)


def join_outputs(model: keras.Model) -> keras.Model:
    """A model whose outputs, (n, k) each, are columns of one; a model with one output stays as it is."""
    if len(model.outputs) == 1:
        return keras.Model(model.input, model.outputs[0])
    return keras.Model(model.input, layers.Concatenate(name="answers")(model.outputs))


def cut_network(model: keras.Model, share: float) -> tuple[keras.Model, keras.Model]:
    """Two models that make up `model`, of the same layers: from the photograph to one feature map, "map", and
    from it to the output.

    The map is the last of `find_cuts`. Raises `ModelError` where there is none.
    """
    cuts = find_cuts(model, share)
    if not cuts:
        raise ModelError(
            f"no feature map within the first {share:.0%} of the layers takes in everything before it; "
            "expected a larger share"
        )
    return keras.Model(model.input, {"map": cuts[-1]}), keras.Model(cuts[-1], model.output)


def find_cuts(model: keras.Model, share: float) -> list[keras.KerasTensor]:
    """The feature maps, in order, within that share of the layers through which everything goes."""
    tensors = list(walk(model.outputs, {}))
    used = {
        id(x): place for place, tensor in enumerate(tensors) for x in origin(tensor)[1].input_tensors
    }  # the last place that needs it
    waiting = [
        sum(used.get(id(x), 0) > place for x in tensors[: place + 1])
        for place in range(int(share * len(tensors)) + 1)
    ]
    return [
        tensor
        for tensor, count in zip(tensors, waiting)
        if count == 1 and len(tensor.shape) == 4 and tensor.dtype != "uint8"
    ]


def find_middle(network: Network) -> keras.KerasTensor:
    """The last feature map in the second quarter of the trunk's layers through which everything goes; the
    last of all where there is none.
    """
    cuts = find_cuts(network.trunk, 0.5)[len(find_cuts(network.trunk, 0.25)) :]
    return cuts[-1] if cuts else network.features


def name_weights(network: Network) -> str:
    """A hash of everything that decides the embedding: preprocessing, architecture, weights."""
    arrays = [np.ascontiguousarray(value).tobytes() for value in network.trunk.get_weights()]
    return hash_bytes(repr(network.backbone).encode(), *arrays)


def build_saved(network: Network) -> keras.Model:
    """Image to P(malignant) and, where there is a decoder, to the mask, as it is saved for further
    training.
    """
    outputs = (
        {
            "probability": layers.Activation("sigmoid", dtype="float32", name="probability")(
                network.full.output
            )
        }
        if network.head
        else {"embedding": network.trunk.output}
    )
    outputs |= list_extras(network)
    return keras.Model(
        network.trunk.input, outputs if len(outputs) > 1 else outputs["probability"], name="lentigo"
    )


def list_extras(network: Network) -> dict[str, keras.KerasTensor]:
    """Mask and diagnosis, as far as the network has them."""
    extras = {"mask": network.mask, "diagnosis": network.diagnosis}
    return {name: tensor for name, tensor in extras.items() if tensor is not None}


def build_answers(network: Network) -> keras.Model:
    """Image to `logit` (n, 1), `embedding` (n, d), `heatmap` (n, h, w) and `mask` (n, side, side), as far as
    the network has them, for export.
    """
    outputs = {"embedding": network.trunk.output}
    if network.head is not None:
        outputs = {"logit": network.full.output, **outputs, "heatmap": build_heatmap(network)}
    return keras.Model(network.trunk.input, outputs | list_extras(network))


def build_graph(network: Network) -> keras.Model:
    """As `build_answers`, and with a classifier `middle` (n, 2 m) besides: the means over places of the m
    channels of the map in the middle of the trunk, then those of their squares, which still tell other things
    from lesions when fine-tuning has made the embedding forget them."""
    answers = build_answers(network)
    if network.head is None:
        return answers
    x = find_middle(network)
    squares = layers.Multiply(name="middle_squares")([x, x])
    means = [
        layers.GlobalAveragePooling2D(name=f"middle_mean_{number}")(each)
        for number, each in enumerate((x, squares), 1)
    ]
    return keras.Model(answers.input, {**answers.output, "middle": layers.Concatenate(name="middle")(means)})


def build_heatmap(network: Network) -> keras.KerasTensor:
    """The heatmap (n, h, w) of the logit; where that is the mean of several heads, the mean of theirs, which
    is the same: a gradient is linear.
    """
    prefixes = list_prefixes(network.head)
    maps = []
    for prefix in prefixes:
        known = {layer.name: layer for layer in network.head.layers}
        numbers = [n for n in (1, 2) if f"{prefix}head_dense_{n}" in known]
        blocks = [(known[f"{prefix}head_dense_{n}"], known[f"{prefix}head_norm_{n}"]) for n in numbers]
        name = f"{prefix}heatmap" if prefix else "heatmap"
        maps.append(
            GradientMap(blocks, network.head.get_layer(f"{prefix}logit"), name=name)(
                [network.features, network.trunk.output]
            )
        )
    return (
        maps[0]
        if len(maps) == 1
        else layers.Rescaling(1 / len(maps), name="heatmap")(layers.Add(name="heatmaps")(maps))
    )


def open_network(path: str | Path, backbone: Backbone) -> Network:
    """The network of a RUN's `model.keras`.

    Args:
        path: The file.
        backbone: The backbone that the RUN's card names.

    Raises:
        ModelError: Where this Keras cannot open it, or it is none of our networks.
    """
    try:
        return rebuild_network(keras.saving.load_model(path, compile=False), backbone)
    except Exception as error:  # Keras, h5py and zipfile raise whatever a damaged file leads them to
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        cure = "use the version that card.json names, or copy the RUN again from its source"
        raise ModelError(f"{path}: cannot be opened by this Keras ({reason}); {cure}") from error


def rebuild_network(saved: keras.Model, backbone: Backbone) -> Network:
    """The network of layers that were saved."""
    known = {layer.name: layer for layer in saved.layers}
    trunk = keras.Model(saved.input, known["embedding"].output, name="trunk")
    mask = known["mask"].output if "mask" in known else None
    diagnosis = known["diagnosis"].output if "diagnosis" in known else None
    if "logit" not in known:
        return Network(backbone, None, trunk, None, mask)
    pooled = keras.Input((backbone.features,), name="pooled")
    logits = []
    for prefix in list_prefixes(saved):
        x = pooled
        for name in HEAD:
            if prefix + name in known:
                x = known[prefix + name](x)
        logits.append(x)
    x = logits[0] if len(logits) == 1 else known["logit"](known["logits"](logits))
    return Network(
        backbone,
        keras.Model(saved.input, known["logit"].output, name="network"),
        trunk,
        keras.Model(pooled, x, name="head"),
        mask,
        diagnosis,
    )
