"""The mean of the weights of two RUNs of one training: a RUN and the one that it went on from.

    python bench/soup.py runs/first runs/second --out runs/mean

Where both lie in one valley of the loss, their mean generalises better than either, at no cost (Wortsman et
al. 2022, model soups). Only `model.onnx` is written anew; card, splits and history are the second RUN's.
Calibrate the result before use (bench/join.py, bench/rejudge.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from lentigo.common.files import write_whole
from lentigo.common.hashing import hash_file
from lentigo.models.bundle import (
    GRAPH,
    HISTORY,
    LEARNED,
    REFERENCE,
    SPLITS,
    Bundle,
    finish_bundle,
    open_bundle,
)

COPIED = (HISTORY, LEARNED, REFERENCE, SPLITS)


def main() -> None:
    """Writes the mean as a RUN."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path, help="went on from the first")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    first = open_bundle(options.first)
    second = open_bundle(options.second)
    graph = average_weights(onnx.load(first.graph), onnx.load(second.graph))
    options.out.mkdir(parents=True, exist_ok=True)
    with write_whole(options.out / GRAPH) as temporary:
        temporary.write_bytes(graph.SerializeToString())
    for name in COPIED:
        (options.out / name).write_bytes((second.folder / name).read_bytes())
    files = {name: hash_file(options.out / name) for name in (GRAPH, *COPIED)}
    card = {**second.card, "files": files, "mean_of": [first.name, second.name]}
    finish_bundle(Bundle(options.out, card), second.card["metrics"])


def average_weights(first: onnx.ModelProto, second: onnx.ModelProto) -> onnx.ModelProto:
    """Averages two graphs of one architecture. Raises `SystemExit` where they are of two."""
    shapes = [[tuple(each.dims) for each in graph.graph.initializer] for graph in (first, second)]
    kinds = [[node.op_type for node in graph.graph.node] for graph in (first, second)]
    if shapes[0] != shapes[1] or kinds[0] != kinds[1]:
        raise SystemExit("the two RUNs have different networks; expected one architecture")
    averaged = onnx.ModelProto()
    averaged.CopyFrom(second)
    for one, other in zip(first.graph.initializer, averaged.graph.initializer, strict=True):
        weights = numpy_helper.to_array(one)
        if weights.dtype == np.float32:
            mean = (weights + numpy_helper.to_array(other)) / 2
            other.CopyFrom(numpy_helper.from_array(mean.astype(np.float32), other.name))
    return averaged


if __name__ == "__main__":
    main()
