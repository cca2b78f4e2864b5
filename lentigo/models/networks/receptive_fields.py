"""Where in the photograph the cells of a backbone's last feature map look: the centres of their receptive
fields.

The cells do not tile the photograph. A strided convolution that pads on one side only, as "same" padding does
where the size is even, or not at all, moves all centres (Araujo, Norris and Sim 2019, Computing receptive
fields of convolutional neural networks, Distill, doi 10.23915/distill.00021). A test computes them from each
graph. Where branches of a backbone disagree, the centre is their mean.
"""

from __future__ import annotations

from lentigo.errors import ModelError
from lentigo.images.photographs import SIDE

CELL_STEP = 32  # pixels from one centre to the next, of every backbone, at the side that it sees
FIRST_CENTRES = {  # pixels from the photograph's edge to the centre of the first cell, for a side of 224
    "densenet121": 14.5,
    "densenet169": 14.5,
    "densenet201": 14.5,
    "efficientnetb0": 31.5,
    "efficientnetb3": 31.5,
    "efficientnetlite2": 31.5,
    "inceptionresnetv2": 37.5,
    "inceptionv3": 37.5,
    "mobilenetv2": 31.5,
    "mobilenetv3small": 31.5,
    "nasnetmobile": 24.9,
    "resnet101": 0.5,
    "resnet152": 0.5,
    "resnet50": 0.5,
    "vgg16": 16.0,
    "vgg19": 16.0,
    "xception": 15.5,
}


def place_cells(backbone: str, count: int, side: int = SIDE) -> tuple[float, ...]:
    """Places the cells of a feature map on the photograph.

    Args:
        backbone: A name of the backbone table.
        count: Cells along a side.
        side: At which the backbone sees the photograph, a multiple of 32 pixels. Each such side is even at
            every strided convolution, as 224 is, so the first centre is the same number of pixels away.

    Returns:
        The centres of the cells of a row, and of the rows, as shares of the photograph's side.

    Raises:
        ModelError: The backbone is not in the table.

    >>> [round(centre * 224, 1) for centre in place_cells("mobilenetv2", 7)][:2]
    [31.5, 63.5]
    >>> [round(centre * 160, 1) for centre in place_cells("mobilenetv2", 5, side=160)][:2]
    [31.5, 63.5]
    """
    if backbone not in FIRST_CENTRES:
        raise ModelError(
            f"backbone {backbone!r}: where its cells look is not known; expected one of {', '.join(FIRST_CENTRES)}"
        )
    first = FIRST_CENTRES[backbone]
    return tuple((first + CELL_STEP * cell) / side for cell in range(count))
