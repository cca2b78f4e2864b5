"""What a graph says of itself, checked before it is compiled: a file from anywhere may lie."""

from __future__ import annotations

from math import prod

from lentigo.models.engine import openvino

# Sizes of an output for one photograph; None for any
OUTPUT_SIZES: dict[str, tuple[int | None, ...]] = {
    "logit": (1,),
    "diagnosis": (7,),
    "embedding": (None,),
    "heatmap": (None, None),
    "mask": (None, None),
}
# Our largest graph holds 50 MB at once; one that asks for more would take the machine down
MAX_TENSOR_BYTES = 2 * 1024**3


def find_fault(graph: openvino.Model, batch: int) -> str:
    """What is wrong with a graph; "" where it may be compiled.

    Args:
        graph: As read from its file, for requests of one size.
        batch: Photographs in a request.
    """
    return find_size_fault(graph, batch) or find_memory_fault(graph)


def find_size_fault(graph: openvino.Model, batch: int) -> str:
    """An output that has other sizes than it should; "" where there is none."""
    for output in graph.outputs:
        sizes = output.partial_shape
        for name in sorted(output.get_names() & set(OUTPUT_SIZES)):
            expected = (batch, *OUTPUT_SIZES[name])
            if not sizes.is_static or not fits(tuple(output.shape), expected):
                return f"gives {name} {sizes} for {batch} photographs; expected {spell_sizes(expected)}"
    return ""


def find_memory_fault(graph: openvino.Model) -> str:
    """An operation that asks for more memory than any network of ours; "" where there is none."""
    for node in graph.get_ops():
        for output in node.outputs():
            asked = count_bytes(output)
            if asked > MAX_TENSOR_BYTES:
                return (
                    f"asks for {asked / 1e9:.1f} GB in {node.get_friendly_name()}; expected at most "
                    f"{MAX_TENSOR_BYTES / 1e9:.1f} GB"
                )
    return ""


def fits(sizes: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether an output has the sizes that it should have.

    >>> fits((4, 7, 7), (4, None, None)), fits((4, 2), (4, 1)), fits((4,), (4, 1))
    (True, False, False)
    """
    if len(sizes) != len(expected):
        return False
    return all(wanted in (None, size) for size, wanted in zip(sizes, expected, strict=True))


def spell_sizes(expected: tuple[int | None, ...]) -> str:
    """Sizes for people.

    >>> spell_sizes((4, None, None))
    '[4,any,any]'
    """
    words = ["any" if size is None else str(size) for size in expected]
    return f"[{','.join(words)}]"


def count_bytes(output: openvino.Output) -> int:
    """Counts the bytes of what a node gives.

    Args:
        output: Of a node of the graph.

    Returns:
        0 where its shape stays open.
    """
    if not output.partial_shape.is_static:
        return 0
    return prod(output.shape) * output.element_type.size
