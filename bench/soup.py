"""The mean of the weights of two RUNs of one training: a RUN and the one that it went on from.

    python bench/soup.py runs/first runs/second --out runs/mean

Where both lie in one valley of the loss, their mean generalises better than either, at no cost (Wortsman et
al. 2022, model soups). `model.keras` and `model.onnx` are written anew; the rest is the second RUN's, its
input size too. Calibrate the result before use (bench/join.py, bench/rejudge.py).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from lentigo.common.files import write_whole
from lentigo.common.hashing import hash_file
from lentigo.models.bundle import CARD, CLASSIFIER, GRAPH, Bundle, finish_bundle, open_bundle

if TYPE_CHECKING:
    from lentigo.models.networks.network import Network


def main() -> None:
    """Writes the mean as a RUN."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path, help="went on from the first")
    parser.add_argument("--out", required=True, type=Path, help="a new folder")
    options = parser.parse_args()

    # After the call was read: Keras takes seconds
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network

    first = open_bundle(options.first)
    second = open_bundle(options.second)
    backbone = find_backbone(second.card["backbone"])
    networks = [open_network(bundle.folder / CLASSIFIER, backbone) for bundle in (first, second)]
    write_changed(second, average_weights(*networks), options.out, mean_of=[first.name, second.name])


def write_changed(run: Bundle, network: Network, out: Path, **entries: Any) -> Bundle:
    """Writes a RUN with other weights to a new folder: `model.keras` and `model.onnx` anew, the rest as it is, the
    card with `entries`.
    """
    from lentigo.models.graphs.onnx_graph import save_onnx
    from lentigo.models.networks.output_models import build_runtime_model, build_saved_model

    shutil.copytree(run.folder, out, ignore=shutil.ignore_patterns(CARD))
    with write_whole(out / CLASSIFIER) as temporary:
        build_saved_model(network).save(temporary)
    save_onnx(build_runtime_model(network), out / GRAPH, onnx.load(run.graph).doc_string)
    written = {name: hash_file(out / name) for name in (CLASSIFIER, GRAPH)}
    card = {**run.card, "files": run.card["files"] | written, **entries}
    return finish_bundle(Bundle(out, card), run.card["metrics"])


def average_weights(first: Network, second: Network) -> Network:
    """The second network with the mean of both networks' weights. Raises `SystemExit` where they differ."""
    from lentigo.models.networks.output_models import build_saved_model

    models = [build_saved_model(network) for network in (first, second)]
    weights = [model.get_weights() for model in models]
    shapes = [[array.shape for array in arrays] for arrays in weights]
    if shapes[0] != shapes[1]:
        raise SystemExit("the two RUNs have different networks; expected one architecture")
    means = [np.mean(pair, axis=0, dtype=np.float64) for pair in zip(*weights, strict=True)]
    models[1].set_weights([mean.astype(np.float32) for mean in means])
    return second


if __name__ == "__main__":
    main()
