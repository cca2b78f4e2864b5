"""The size at which a network should see photographs: AUROC within each source of its validation photographs.

    python bench/input_sizes.py runs/mean --data sources.csv --sizes 160 192 224

A network answers best at about the size of the views that it has learned from (Touvron et al. 2019, fixing the
train-test resolution discrepancy). The RUN needs its `model.keras` and `splits.csv`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from known import take_split
from sklearn.metrics import roc_auc_score
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.images.photographs import SIDE, read_image
from lentigo.models.bundle import CLASSIFIER, Bundle, open_bundle
from lentigo.models.runtime import Session
from lentigo.training.loop.sampling import average_auroc

CHUNK = 32  # photographs at a time


def main() -> None:
    """Prints one row a size."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", required=True, help="the manifest that the RUN has learned from")
    parser.add_argument("--sizes", type=int, nargs="+", default=[160, 192, 224])
    options = parser.parse_args()
    print(describe_machine())
    bundle = open_bundle(options.run)
    dataset = take_split(load_dataset(options.data), bundle, "validation")
    sources = dataset.table["source"].to_numpy()
    names = sorted(set(sources))
    rows = []
    for size in options.sizes:
        logits = measure_at(bundle, dataset, size)
        row = [size, average_auroc(logits, dataset.malignant, sources)]
        for name in names:
            chosen = sources == name
            row.append(roc_auc_score(dataset.malignant[chosen], logits[chosen]))
        rows.append(row)
    print(f"{len(dataset)} validation photographs of {bundle.name}")
    print_table(["pixels", "AUROC within sources", *names], rows)


def measure_at(bundle: Bundle, dataset: Dataset, size: int) -> np.ndarray:
    """The logits of photographs that are shown at a size, float (n,)."""
    return measure_outputs_at(bundle, dataset, size)["logit"].ravel()


def measure_outputs_at(bundle: Bundle, dataset: Dataset, size: int) -> dict[str, np.ndarray]:
    """The logits (n, 1) and the embeddings (n, d) of photographs that are shown at a size."""
    session = open_at(bundle, size)
    images = dataset.table["image"].tolist()
    answers = []
    for start in range(0, len(images), CHUNK):
        pixels = np.stack([read_image(path, size).pixels for path in images[start : start + CHUNK]])
        answers.append(session.run(pixels))
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def open_at(bundle: Bundle, size: int) -> Session:
    """A RUN's network that takes photographs of a size, and gives `logit` and `embedding`."""
    from lentigo.models.graphs.onnx_graph import to_onnx
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.deep_learning import keras
    from lentigo.models.networks.keras_graph import resize_input
    from lentigo.models.networks.network import open_network

    network = open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    outputs = [network.logit, network.feature_extractor.output]
    model = keras.Model(network.feature_extractor.input, outputs)
    if size != SIDE:
        model = resize_input(model, size)
    classifier = keras.Model(model.input, dict(zip(("logit", "embedding"), model.outputs, strict=True)))
    return Session(to_onnx(classifier).SerializeToString(), precision="f32")


if __name__ == "__main__":
    main()
