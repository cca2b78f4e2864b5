"""Where in the photograph the cells of a backbone's last feature map look: the centres of their receptive fields.

The cells do not tile the photograph. A strided convolution that pads on one side only, as "same" padding does where the size is even, or not at all, moves all
centres (Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural networks, Distill, doi 10.23915/distill.00021). `bench/receptive_fields.py`
computes them from each graph, and a test holds this table to it.
"""

from __future__ import annotations

from lentigo.data.photos import SIDE
from lentigo.errors import ModelError

STEP = 32  # pixels from one centre to the next, of every backbone
FIRST = {  # pixels from the photograph's edge to the centre of the first cell, for a side of 224
}  # fmt: skip


def place_cells(backbone: str, count: int) -> tuple[float, ...]:
    """The centres of the cells of a row, and of the rows, as shares of the photograph's side.

    Args:
        backbone: A name of the backbone table.
        count: Cells along a side.

    Raises:
        ModelError: The backbone is not in the table.

    >>> [round(centre * 224, 1) for centre in place_cells("mobilenetv2", 7)][:2]
    [31.5, 63.5]
    """
    if backbone not in FIRST:
        raise ModelError(f"backbone {backbone!r}: where its cells look is not known; expected one of {', '.join(FIRST)}")
    return tuple((FIRST[backbone] + STEP * cell) / SIDE for cell in range(count))
