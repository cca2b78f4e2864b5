"""The size at which a network should see photographs: AUROC within each source of its validation photographs.

    python bench/input_sizes.py runs/mean --data sources.csv --sizes 160 192 224

A network answers best at about the size of the views that it has learned from (Touvron et al. 2019, fixing the
train-test resolution discrepancy). The RUN needs its `model.keras` and `splits.csv`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from tables import describe_machine, make_parser, print_table

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.images.photographs import read_image
from lentigo.models.bundle import CLASSIFIER, SPLITS, Bundle, open_bundle
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
    dataset = choose_validation(load_dataset(options.data), bundle)
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


def choose_validation(dataset: Dataset, bundle: Bundle) -> Dataset:
    """The photographs that a RUN was validated on."""
    splits = pd.read_csv(bundle.folder / SPLITS, dtype=str)
    names = splits.loc[splits["split"] == "validation", "image"]
    return dataset.take(dataset.table["image"].isin(names).to_numpy())


def measure_at(bundle: Bundle, dataset: Dataset, size: int) -> np.ndarray:
    """The logits of photographs that are shown at a size, float (n,)."""
    from lentigo.models.graphs.onnx_graph import to_onnx
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.deep_learning import keras
    from lentigo.models.networks.network import open_network
    from lentigo.models.networks.output_models import build_training_model

    network = open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    model = build_training_model(network, size)
    classifier = keras.Model(model.input, {"logit": model.outputs[0]})
    session = Session(to_onnx(classifier).SerializeToString(), precision="f32")
    images = dataset.table["image"].tolist()
    logits = []
    for start in range(0, len(images), CHUNK):
        pixels = np.stack([read_image(path, size).pixels for path in images[start : start + CHUNK]])
        logits.append(session.run(pixels)["logit"].ravel())
    return np.concatenate(logits)


if __name__ == "__main__":
    main()
