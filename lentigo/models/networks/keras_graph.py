"""Reading and rebuilding the graph of a Keras model: where a tensor comes from, where a model can be cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lentigo.errors import ModelError
from lentigo.models.networks.deep_learning import keras, layers


def find_origin(tensor: keras.KerasTensor) -> tuple[keras.layers.Layer, Any]:
    """Finds what made a symbolic tensor.

    Args:
        tensor: A tensor of a functional model.

    Returns:
        The layer, and the node of its graph that stands for this call.
    """
    history = tensor._keras_history
    layer = history.operation
    return layer, layer._inbound_nodes[history.node_index]


def walk_tensors(
    outputs: Iterable[keras.KerasTensor], computed: Iterable[int] = ()
) -> Iterator[keras.KerasTensor]:
    """Yields the tensors that outputs need, each after those it is made of.

    Args:
        outputs: The tensors to be computed.
        computed: `id` of tensors that are there already; neither they nor what they need is yielded.
    """
    seen = set(computed)
    stack = [(tensor, False) for tensor in outputs]
    while stack:  # depth first, without recursion: a backbone is hundreds of layers deep
        tensor, inputs_are_done = stack.pop()
        if inputs_are_done:
            yield tensor
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            _, node = find_origin(tensor)
            stack += [(source, False) for source in node.input_tensors]


def chain_layers(model: keras.Model, x: keras.KerasTensor) -> keras.KerasTensor:
    """Applies the layers of a linear model one by one, so that the new graph stays flat.

    Args:
        model: A model whose layers follow one another.
        x: The tensor that takes the place of its input.

    Returns:
        The output of its last layer.
    """
    for layer in model.layers[1:]:
        x = layer(x)
    return x


def chain_graph(model: keras.Model, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Applies the layers of a model with one output to other inputs, so that the new graph stays flat.

    Args:
        model: A functional model.
        inputs: The tensors that take the place of its inputs, in their order.

    Returns:
        What its output becomes.
    """
    replaced = {id(own): given for own, given in zip(model.inputs, inputs, strict=True)}
    for tensor in walk_tensors(model.outputs, replaced):
        layer, node = find_origin(tensor)
        arguments = [replaced[id(source)] for source in node.input_tensors]
        replaced[id(tensor)] = layer(arguments if len(arguments) > 1 else arguments[0])
    return replaced[id(model.outputs[0])]


def resize_input(model: keras.Model, side: int) -> keras.Model:
    """Rebuilds a model for photographs of another side, of the same layers, hence with the same weights.

    Args:
        model: A model that takes photographs.
        side: Pixels along their side.
    """
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    return keras.models.clone_model(model, input_tensors=image, clone_function=lambda layer: layer)


def join_outputs(model: keras.Model) -> keras.Model:
    """Joins the outputs of a model, (n, k) each, as columns of one; one output stays as it is.

    Args:
        model: A functional model.
    """
    if len(model.outputs) == 1:
        return keras.Model(model.input, model.outputs[0])
    return keras.Model(model.input, layers.Concatenate(name="answers")(model.outputs))


def cut_network(model: keras.Model, share: float) -> tuple[keras.Model, keras.Model]:
    """Cuts a model in two at the last map of `find_cuts`.

    Args:
        model: A functional model that takes photographs.
        share: The share of its layers within which the cut has to lie, 0 to 1.

    Returns:
        Two models of the same layers: from the photograph to a feature map, named "map", and from the map
        to the output.

    Raises:
        ModelError: There is no such map.
    """
    cuts = find_cuts(model, share)
    if not cuts:
        raise ModelError(
            f"no feature map within the first {share:.0%} of the layers takes in everything before it; "
            "expected a larger share"
        )
    first = keras.Model(model.input, {"map": cuts[-1]})
    rest = keras.Model(cuts[-1], model.output)
    return first, rest


def find_cuts(model: keras.Model, share: float) -> list[keras.KerasTensor]:
    """Finds the feature maps through which everything goes.

    Args:
        model: A functional model that takes photographs.
        share: The share of its layers that is looked at, 0 to 1.

    Returns:
        The maps (n, height, width, channels), in order.
    """
    tensors = list(walk_tensors(model.outputs))
    last_use: dict[int, int] = {}
    for place, tensor in enumerate(tensors):
        for source in find_origin(tensor)[1].input_tensors:
            last_use[id(source)] = place
    cuts = []
    for place, tensor in enumerate(tensors[: int(share * len(tensors)) + 1]):
        # Tensors that are made by now and still needed later: a cut is where there is only one
        needed_later = 0
        for made in tensors[: place + 1]:
            if last_use.get(id(made), 0) > place:
                needed_later += 1
        if needed_later == 1 and len(tensor.shape) == 4 and tensor.dtype != "uint8":
            cuts.append(tensor)
    return cuts
