"""What a decoder adds to one forward pass: time of a processor's core for a photograph, with and without the
mask. Example:

    python bench/decoder.py densenet121 mobilenetv2

Weights are random, since they do not change the time. Both graphs run in turn on one thread, and the time
that the process itself used is counted, so that what else the machine does matters little. bf16 is measured
where the processor computes in it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import openvino
from tables import describe_machine, make_parser, print_table

from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.models.compilation import fastest_precision
from lentigo.models.inference_session import BATCH
from lentigo.models.networks.backbones import find_backbone

if TYPE_CHECKING:
    import keras

    from lentigo.models.networks.network import Network

ROUNDS = 15


def main() -> None:
    """A row for each backbone, precision and width."""
    parser = make_parser(__doc__)
    parser.add_argument("backbones", nargs="+", metavar="BACKBONE")
    parser.add_argument(
        "--width", type=int, nargs="+", default=[0], help="channels; 0 is what the backbone's cost allows"
    )
    options = parser.parse_args()
    images = np.stack([draw_synthetic_lesion("benign", seed).image for seed in range(BATCH)])
    rows = [row for name in options.backbones for row in measure(name, options.width, images)]
    print(describe_machine())
    print_table(
        [
            "backbone",
            "channels",
            "parameters of the decoder",
            "multiplications added",
            "precision",
            "ms without",
            "ms with",
            "time added",
        ],
        rows,
    )


def measure(name: str, widths: list[int], images: np.ndarray) -> list[list]:
    """The rows of one backbone."""
    from lentigo.models.networks.feature_extractor import fit_batch_norms
    from lentigo.models.networks.mask_decoder import attach_decoder, build_decoder, choose_width, find_skips
    from lentigo.models.networks.network import build_network

    network = build_network(find_backbone(name), "none")
    fit_batch_norms(network.feature_extractor, images)
    decoders = [build_decoder(find_skips(network), width or choose_width(network), 0) for width in widths]
    rows = []
    for precision in ("f32", *(["bf16"] if fastest_precision() == "bf16" else [])):
        graphs = [network, *(attach_decoder(network, decoder) for decoder in decoders)]
        plain, *others = time_in_turn([prepare(graph, images, precision) for graph in graphs])
        for decoder, seconds in zip(decoders, others, strict=True):
            rows.append(
                [
                    name,
                    *describe(network, decoder),
                    precision,
                    1000 * plain,
                    1000 * seconds,
                    f"{seconds / plain - 1:+.0%}",
                ]
            )
    return rows


def describe(network: Network, decoder: keras.Model) -> list:
    """Channels, parameters and the share of multiplications."""
    from lentigo.models.networks.mask_decoder import count_products

    return [
        decoder.get_layer("mask_7_project").filters,
        f"{decoder.count_params():,}",
        f"{count_products(decoder) / count_products(network.feature_extractor):+.0%}",
    ]


def prepare(network: Network, images: np.ndarray, precision: str) -> Callable[[], None]:
    """A warm graph, as a call."""
    from lentigo.models.graphs.onnx_graph import to_onnx
    from lentigo.models.networks.output_models import build_export_model

    core = openvino.Core()
    graph = core.read_model(to_onnx(build_export_model(network)).SerializeToString())
    graph.reshape(list(images.shape))
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    request = core.compile_model(graph, "CPU", options).create_infer_request()
    request.infer({0: images})
    return lambda: request.infer({0: images}, share_inputs=True) and None


def time_in_turn(calls: list[Callable[[], None]]) -> list[float]:
    """Seconds of the processor for a photograph, the median over rounds, of each call."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times in zip(calls, seconds, strict=True):
            started = time.process_time()
            call()
            times.append((time.process_time() - started) / BATCH)
    return [statistics.median(times) for times in seconds]


if __name__ == "__main__":
    main()
