"""How a recipe does on sources that it has not learned from: three folds of sources, a training for each.

    python bench/left_out.py sources.csv --start efficientnetlite2.npz --out runs/left_out --recipe sources
    python bench/left_out.py sources.csv --start efficientnetlite2.npz --out runs/left_out --recipe plain
    python bench/left_out.py sources.csv --start efficientnetlite2.npz --out runs/left_out --recipe diagnoses

`sources.csv` is a manifest of bench/sources.py. A training leaves out its sources with their duplicates,
lesions and patients in other sources. It is a short one, on small views: it screens recipes, and its results
are below those of a long training. `sources` is the recipe of bench/weights.py, `plain` is the same budget
without what it does against shortcuts: each photograph as often as another, mild views, no diagnosis, no
other skin; `diagnoses` draws rare diagnoses more often. A fold that is done is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from tables import describe_machine, print_table
from weights import RECIPE

from lentigo.models.bundle import CARD, open_bundle
from lentigo.training.recipes import BEST
from lentigo.training.training_set import LeakPolicy

FOLDS = (("phone",), ("ham10000", "isic2020"), ("isic2018", "archive"))
SHORT = {"lowres_size": 128, "validation_split": 0.05, "tta": False}
PLAIN = dataclasses.replace(
    RECIPE,
    balance="none",
    diagnosis="",
    zoom=BEST.zoom,
    stretch=BEST.stretch,
    brightness=BEST.brightness,
    contrast=BEST.contrast,
    saturation=BEST.saturation,
    tint=BEST.tint,
    corruption=0.0,
    resampling=0.0,
    artefacts=0.0,
    background_swap=0.0,
)
RECIPES = {
    "sources": RECIPE,
    "plain": PLAIN,
    "diagnoses": dataclasses.replace(RECIPE, balance="diagnosis"),
}


def main() -> None:
    """Trains what is missing, and prints the AUROC of each source left out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a manifest of bench/sources.py")
    parser.add_argument("--start", required=True, help="ImageNet weights of EfficientNet-Lite2")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--views", type=int, default=20_000, help="of a training")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the RUNs")
    options = parser.parse_args()
    print(describe_machine())
    rows = []
    for sources in FOLDS:
        run = options.out / f"{options.recipe}_without_{'_'.join(sources)}"
        if not (run / CARD).is_file():
            train_without(sources, run, options)
        scores = open_bundle(run).card["metrics"]
        rows += [describe_source(name, scores[f"without {name}"]) for name in sources]
    mean = np.mean([row[3] for row in rows])
    print_table(["source left out", "photographs", "malignant", "AUROC", "95 % interval"], rows)
    print(f"\nmean AUROC over {len(rows)} sources: {mean:.3f}")


def train_without(sources: tuple[str, ...], run: Path, options: argparse.Namespace) -> None:
    """Trains without some sources, and measures them."""
    from lentigo.training.trainer import train

    epochs = 4
    recipe = dataclasses.replace(
        RECIPES[options.recipe],
        **SHORT,
        views=options.views // epochs,
        lowres_epochs=epochs,
        epochs=0,
    )
    train(
        options.data,
        run,
        recipe,
        weights=options.start,
        fp32=True,
        resume=run.is_dir(),
        leak_policy=LeakPolicy(duplicates=False, leaks="drop"),
        holdout_sources=sources,
    )


def describe_source(name: str, scores: dict) -> list:
    """A row of the table."""
    low, high = scores["ci"]["auroc"]
    return [name, scores["n"], scores["n_malignant"], scores["auroc"], f"{low:.3f} to {high:.3f}"]


if __name__ == "__main__":
    main()
