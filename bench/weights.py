"""The bundled weights from photographs: clean, train, put a decoder in. Stopped at any point, the same call goes on.

    python bench/weights.py photographs/malignant_vs_benign --more photographs/more_training --start densenet121.weights.h5 --out runs/weights
    python bench/weights.py ... --masks photographs/lesion_masks

The first data set has a test split, which is opened only to leave out of the training what it shows; photographs of one lesion with two labels are left out, too.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pandas as pd
from tables import describe_machine, print_table

from lentigo.data.leaks import join_twins, search_dataset
from lentigo.data.manifests import Dataset, load_dataset
from lentigo.data.partition import find_conflicts
from lentigo.data.progress import show_nothing
from lentigo.training.recipes import BEST
from lentigo.training.sides import Guard
from lentigo.training.trainer import train

RECIPE = dataclasses.replace(
    BEST, validation_split=0.12, head_epochs=30, small_epochs=8, epochs=4, average=0.995, degradation=0.15, artefacts=0.15, zoom=0.25
)


def main() -> None:
    """Makes what is not there yet, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--more", nargs="*", default=[], help="further data sets, all of them to train on")
    parser.add_argument("--start", required=True, help="weights of the backbone")
    parser.add_argument("--backbone", default=RECIPE.backbone)
    parser.add_argument("--small-epochs", type=int, default=RECIPE.small_epochs)
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--learning-rate", type=float, default=RECIPE.learning_rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    manifest = options.out.with_suffix(".csv")
    if not manifest.is_file():
        clean(options.data, options.more).to_csv(manifest, index=False)
    changes = {name: getattr(options, name) for name in ("backbone", "small_epochs", "epochs", "learning_rate", "seed")}
    training = train(manifest, options.out, dataclasses.replace(RECIPE, **changes), weights=options.start, resume=options.out.is_dir(), guard=Guard(leaks="drop"))
    print(describe_machine())
    print_table(["validation", "value"], [[name, f"{value:.4f}"] for name, value in dataclasses.asdict(training.validation.metrics).items()])


def clean(data: str, more: list[str]) -> pd.DataFrame:
    """The manifest: absolute paths, labels, splits, and the data set that each comes from as its source; without conflicts."""
    sets = [load_dataset(path) for path in (data, *more)]
    tables = [one.table.assign(source=one.name, split=one.table["split"].fillna("train")) for one in sets]
    table = pd.concat(tables, ignore_index=True)[["image", "label", "split", "source"]]
    dataset = Dataset("all", table)
    joined = join_twins(dataset, search_dataset(dataset, show_nothing))
    torn = {image for conflict in find_conflicts(joined) for image in conflict.images}
    print(f"{len(table)} photographs, {len(torn)} of them in conflict")
    return table[~table["image"].isin(torn)].assign(image=table["image"].map(lambda path: str(Path(path).resolve())))


if __name__ == "__main__":
    main()
