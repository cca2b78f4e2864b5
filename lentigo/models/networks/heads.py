"""Heads: from the embedding to the logit, and to the diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.models.networks.deep_learning import keras, layers
from lentigo.models.networks.keras_graph import chain_layers

UNITS = (1024, 512)  # of the hidden layers
HEAD_LAYERS = (  # names of the layers of a head, in order
    "head_dense_1",
    "head_norm_1",
    "head_dropout_1",
    "head_dense_2",
    "head_norm_2",
    "head_dropout_2",
    "logit",
)


def build_head(
    features: int,
    dropouts: tuple[float, float],
    seed: int,
    prefix: str = "",
    units: tuple[int, ...] = UNITS,
) -> keras.Model:
    """Builds a head, from the embedding to the logit.

    Args:
        features: Length of the embedding.
        dropouts: Shares that are dropped after each hidden layer. Without hidden layers the first is the
            share of the embedding.
        seed: Decides the initial weights and the dropout.
        prefix: Stands before the names of its layers, which are those of `HEAD_LAYERS`.
        units: Sizes of the hidden layers. Without any the logit is a linear function of the embedding.

    Returns:
        A model from (n, features) to (n, 1).
    """
    x = embedding = keras.Input((features,), name="pooled")
    if not units:
        x = layers.Dropout(dropouts[0], seed=seed + 1, name=f"{prefix}head_dropout_1")(x)
    for number, (width, dropout) in enumerate(zip(units, dropouts), 1):
        dense = layers.Dense(
            width,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + number),
            name=f"{prefix}head_dense_{number}",
        )
        x = dense(x)
        x = layers.BatchNormalization(name=f"{prefix}head_norm_{number}")(x)
        x = layers.Dropout(dropout, seed=seed + number, name=f"{prefix}head_dropout_{number}")(x)
    # In float32 also where the network computes in 16 bits, as Keras asks of outputs in mixed precision
    last = layers.Dense(
        1,
        dtype="float32",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name=f"{prefix}logit",
    )
    return keras.Model(embedding, last(x), name=f"{prefix}head")


def build_diagnosis(embedding: keras.KerasTensor, dropout: float, seed: int) -> keras.KerasTensor:
    """The probabilities (n, 7) of the `DIAGNOSES` as a function of an embedding.

    Args:
        embedding: (n, d).
        dropout: The share that is dropped while the head learns.
        seed: Of weights and dropout.
    """
    x = layers.Dropout(dropout, seed=seed + 3, name="diagnosis_dropout")(embedding)
    dense = layers.Dense(
        len(DIAGNOSES),
        dtype="float32",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 3),
        name="diagnosis_logits",
    )
    return layers.Activation("softmax", dtype="float32", name="diagnosis")(dense(x))


class MeanLogit:
    """The mean of the logits of several heads; the same two layers whatever it is applied to."""

    def __init__(self, heads: Sequence[keras.Model]):
        self.heads = heads
        self.total = layers.Add(name="logits")
        self.mean = layers.Rescaling(1 / len(heads), name="logit")

    def __call__(self, embedding: keras.KerasTensor) -> keras.KerasTensor:
        """The mean logit, (n, 1), of an embedding, (n, d)."""
        logits = [chain_layers(head, embedding) for head in self.heads]  # (n, 1) each
        return self.mean(self.total(logits))


def list_head_prefixes(model: keras.Model) -> list[str]:
    """Lists the prefixes of the heads in a model.

    Args:
        model: A network, or its head.

    Returns:
        One prefix that is empty, or one for each of the heads that were joined, in order.
    """
    ending = "head_dropout_1"  # the layer that every head has
    prefixes = []
    for layer in model.layers:
        if layer.name.endswith(ending):
            prefixes.append(layer.name.removesuffix(ending))
    return sorted(prefixes)
