"""What a small set of lesions gains from starting at the bundled weights in place of ImageNet's: heads of the
recipe `seed` on frozen trunks.

    python bench/small_sets.py runs/weights --start mobilenetv2_imagenet_notop.weights.h5

RUN is what bench/weights.py made; the photographs are its validation's, which the bundled trunk has not
learned from. Of them a few are drawn to learn from, by groups of duplicates, and all others are the test; the
score is that of the last epoch, so nothing is chosen on the test. Both starts have the same draws.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit
from tables import describe_machine, make_parser, print_table

from lentigo.common.progress import show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.models.networks.backbones import find_backbone
from lentigo.training.recipes import SEED


def main() -> None:
    """Prints, for each size, the AUROC of both starts and their difference draw by draw."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--start", required=True, help="the ImageNet weights of the same backbone")
    parser.add_argument("--bundled", default="bundled", help="the other start: 'bundled' or a RUN")
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    from lentigo.models.graphs.graph_weights import start_network
    from lentigo.training.start.features import extract_features

    print(describe_machine())
    dataset, groups = load_pool(options.run)
    starts = {"ImageNet": options.start, "bundled": options.bundled}
    features = {}
    for name, start in starts.items():
        network = start_network(find_backbone(options.backbone), start)
        features[name] = extract_features(network, dataset).values
    rows = []
    for size in options.sizes:
        draws = GroupShuffleSplit(options.draws, train_size=size / len(dataset), random_state=0)
        scores: dict[str, list[float]] = {name: [] for name in starts}
        for number, (few, others) in enumerate(draws.split(groups, groups=groups)):
            for name, start in starts.items():
                scores[name].append(score_start(options, start, dataset, features[name], few, others, number))
        gains = np.subtract(scores["bundled"], scores["ImageNet"])
        cells = []
        for values in (*scores.values(), gains):
            cells.append(f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
        rows.append([size, *cells, f"{(gains > 0).sum()} of {len(gains)}"])
    print_table(["photographs", "AUROC, ImageNet", "AUROC, bundled", "gain", "better in"], rows)


def load_pool(run: Path) -> tuple[Dataset, np.ndarray]:
    """The validation photographs of a RUN and their groups."""
    splits = pd.read_csv(run / "splits.csv")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "pool.csv"
        splits[splits["split"] == "validation"][["image", "label", "group"]].to_csv(manifest, index=False)
        dataset = load_dataset(manifest)
    known = splits.set_index("image")["group"]
    return dataset, dataset.table["image"].map(known).to_numpy()


def score_start(
    options: argparse.Namespace,
    start: str,
    dataset: Dataset,
    features: np.ndarray,
    few: np.ndarray,
    others: np.ndarray,
    seed: int,
) -> float:
    """The AUROC on the others of a head that has learned from a few."""
    from lentigo.models.graphs.graph_weights import start_network
    from lentigo.training.loop.stage_runs import run_stages
    from lentigo.training.stage_builders import TrainingJob, build_head_stage

    recipe = dataclasses.replace(SEED, backbone=options.backbone, epochs=options.epochs, seed=seed)
    network = start_network(
        find_backbone(options.backbone), start, (recipe.dropout_1, recipe.dropout_2), seed
    )
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            recipe=recipe,
            network=network,
            training=dataset.take(few),
            validation=dataset.take(others),
            features=features[few],
            features_validation=features[others],
            checkpoint=Path(folder) / "state.npz",
            fp32=False,
            progress=show_nothing,
        )
        history = run_stages([lambda: build_head_stage(job)], recipe, job.checkpoint, show_nothing)
        return float(history["val_auroc"].iloc[-1])


if __name__ == "__main__":
    main()
