"""How a recipe does on sources that it has not learned from: three folds of sources, a training for each.

    python bench/left_out.py sources.csv --start efficientnetlite2.npz --out runs/left_out --recipes sources plain

`sources.csv` is a manifest of bench/sources.py. A training leaves out its sources with their duplicates,
lesions and patients in other sources. It is a short one, on small views: it screens recipes, and its results
are below those of a long training (`--views 70000 --epochs 14 --rate 6e-4` is one). `sources` is the recipe of bench/weights.py, `plain` is the same budget
without what it does against shortcuts: each photograph as often as another, mild views, no diagnosis, no
other skin; `varied` is the recipe with stronger changes of light and colour, and skin without its lesion. A fold that is done is not trained again.

The networks are measured at the size of the views that they have learned from. A source with fewer than 30
malignant photographs has a row, and does not count in the mean: its AUROC says next to nothing.

`--refit` measures each RUN with its last layer fitted anew, too, as `lentigo train --refit-head` does it.
`--beside runs/first` answers what two networks of which neither knows the source say together: the mean of
both logits, by the share of the first, which may be a training of this program. A photograph is left out where the first has learned from it, or from
another of its lesion or patient.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from input_sizes import measure_at, measure_outputs_at, open_at
from join import SHARES, mix_logits
from known import read_recipe, take_split, take_unlearned
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from tables import describe_machine, print_table
from weights import RECIPE

from lentigo.common.statistics.intervals import measure_scores
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.models.bundle import CARD, CLASSIFIER, Bundle, open_bundle
from lentigo.models.exports.agreement import measure_logits
from lentigo.models.runtime import Session
from lentigo.training.calibration.head_refit import embed_photographs, fit_last_layer
from lentigo.training.holdout import list_holdouts
from lentigo.training.recipes import BEST, Recipe
from lentigo.training.training_set import LeakPolicy

FOLDS = (("phone",), ("ham10000", "isic2020"), ("isic2018", "archive"))
VIEW_SIZE = 128  # pixels
MIN_MALIGNANT = 30  # photographs, for a source to count in the mean
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
VARIED = dataclasses.replace(
    RECIPE, brightness=0.4, contrast=0.4, saturation=0.5, tint=0.2, lesion_removal=0.2
)
COLUMNS = ("source left out", "recipe", "last layer", "photographs", "malignant", "AUROC", "95 % interval")
LAST_LAYERS: dict[Path, tuple[np.ndarray, np.ndarray]] = {}  # fitted anew, by the folder of the RUN
RECIPES = {
    "sources": RECIPE,
    "plain": PLAIN,
    "varied": VARIED,
}


def main() -> None:
    """Trains what is missing, and prints the AUROC of each source left out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a manifest of bench/sources.py")
    parser.add_argument("--start", required=True, help="ImageNet weights of the backbone")
    parser.add_argument("--backbone", default=RECIPE.backbone)
    parser.add_argument(
        "--freeze", type=float, default=RECIPE.freeze, help="share of its layers that stay frozen"
    )
    parser.add_argument("--recipes", choices=RECIPES, nargs="+", default=["sources", "plain"])
    parser.add_argument("--views", type=int, default=20_000, help="of a training")
    parser.add_argument("--epochs", type=int, default=4, help="that the views are divided into")
    parser.add_argument("--rate", type=float, default=RECIPE.lowres_learning_rate, help="learning rate")
    parser.add_argument(
        "--folds", type=read_fold, nargs="+", default=FOLDS, help="sources left out together: phone+isic2020"
    )
    parser.add_argument("--out", type=Path, required=True, help="a folder for the RUNs")
    parser.add_argument(
        "--refit", action="store_true", help="measure with the last layer fitted anew, too (--refit-head)"
    )
    parser.add_argument("--beside", help="a RUN that has learned from none of these sources")
    options = parser.parse_args()
    print(describe_machine())
    dataset = load_dataset(options.data)
    rows = []
    for recipe in options.recipes:
        for sources in options.folds:
            run = options.out / name_run(recipe, sources)
            if not (run / CARD).is_file():
                train_without(sources, run, RECIPES[recipe], options)
            for name, holdout in list_holdouts(dataset, sources).items():
                rows.append([name, recipe, "as learned", *measure_run(run, holdout)])
                if options.refit:
                    rows.append([name, recipe, "fitted anew", *measure_run(run, holdout, dataset)])
    rows.sort(key=lambda row: row[0])
    print_table(COLUMNS, rows)
    for recipe in options.recipes:
        for layer in ("as learned", "fitted anew"):
            aurocs = [row[5] for row in rows if row[1:3] == [recipe, layer] and row[4] >= MIN_MALIGNANT]
            if aurocs:
                print(
                    f"{recipe}, last layer {layer}: mean AUROC {np.mean(aurocs):.3f} of {len(aurocs)} sources"
                )
    if options.beside:
        measure_beside(options, open_bundle(options.beside), dataset)


def read_fold(text: str) -> tuple[str, ...]:
    """The sources of a fold, written with a plus between them."""
    return tuple(text.split("+"))


def name_run(recipe: str, sources: tuple[str, ...]) -> str:
    """The folder of a training that leaves out some sources."""
    return f"{recipe}_without_{'_'.join(sources)}"


def train_without(sources: tuple[str, ...], run: Path, recipe: Recipe, options: argparse.Namespace) -> None:
    """Trains without some sources."""
    from lentigo.training.trainer import train

    short = dataclasses.replace(
        recipe,
        backbone=options.backbone,
        freeze=options.freeze,
        views=options.views // options.epochs,
        lowres_epochs=options.epochs,
        lowres_size=VIEW_SIZE,
        lowres_learning_rate=options.rate,
        epochs=0,
        validation_split=0.05,
        tta=False,
    )
    train(
        options.data,
        run,
        short,
        weights=options.start,
        fp32=True,
        resume=run.is_dir(),
        leak_policy=LeakPolicy(duplicates=False, leaks="drop"),
        holdout_sources=sources,
    )


def measure_run(run: Path, holdout: Dataset, dataset: Dataset | None = None) -> list:
    """How many photographs, how many malignant, AUROC and its interval; with a data set to learn from, by a
    last layer that is fitted anew to the RUN's training photographs.
    """
    bundle = open_bundle(run)
    if dataset is None:
        logits = measure_at(bundle, holdout, VIEW_SIZE)
    else:
        logits = measure_refitted(bundle, holdout, dataset)
    probability = expit(logits)
    called = probability >= 0.5
    scores, intervals = measure_scores(holdout.malignant, probability, called, holdout.groups)
    low, high = intervals["auroc"]
    return [len(holdout), holdout.malignant.sum(), scores["auroc"], f"{low:.3f} to {high:.3f}"]


def measure_refitted(bundle: Bundle, holdout: Dataset, dataset: Dataset) -> np.ndarray:
    """The logits, float (n,), by a last layer that is fitted to the RUN's training photographs anew."""
    if bundle.folder not in LAST_LAYERS:
        training = take_split(dataset, bundle, "train")
        session = open_at(bundle, VIEW_SIZE)
        embedded = embed_photographs(session, training, read_recipe(bundle), VIEW_SIZE)
        LAST_LAYERS[bundle.folder] = fit_last_layer(*embedded)
    kernel, bias = LAST_LAYERS[bundle.folder]
    return (measure_outputs_at(bundle, holdout, VIEW_SIZE)["embedding"] @ kernel + bias).ravel()


def measure_beside(options: argparse.Namespace, first: Bundle, dataset: Dataset) -> None:
    """Prints the AUROC of the weighted mean of two networks' logits: a row for each share of the first."""
    unlearned = take_unlearned(dataset, [first])
    columns = {}
    counted = []
    for recipe in options.recipes:
        for sources in options.folds:
            second = open_bundle(options.out / name_run(recipe, sources))
            for name, holdout in list_holdouts(unlearned, sources).items():
                first_logits = measure_beside_one(first, holdout, dataset, options.refit)
                second_logits = measure_beside_one(second, holdout, dataset, options.refit)
                title = f"{name} ({len(holdout)}, {holdout.malignant.sum()} malignant), {recipe}"
                columns[title] = rank_shares(first_logits, second_logits, holdout.malignant)
                counted.append(bool(holdout.malignant.sum() >= MIN_MALIGNANT))
    rows = []
    for share, *aurocs in zip(SHARES, *columns.values()):
        rows.append([share, *aurocs, np.mean(np.array(aurocs)[counted])])
    print_table([f"share of {first.name}", *columns, "mean"], rows)


def measure_beside_one(run: Bundle, holdout: Dataset, dataset: Dataset, refit: bool) -> np.ndarray:
    """The logits of one of two networks, float (n,): a packed RUN's at the size that it has, a training's of
    this program at the size of its views.
    """
    if not (run.folder / CLASSIFIER).is_file():
        return measure_logits(Session(run.graph, precision="f32"), holdout.table["image"]).ravel()
    if refit:
        return measure_refitted(run, holdout, dataset)
    return measure_at(run, holdout, VIEW_SIZE)


def rank_shares(first: np.ndarray, second: np.ndarray, malignant: np.ndarray) -> list[float]:
    """The AUROC of the mean of two logits, each in its own spread, for each of `SHARES`."""
    aurocs = []
    for share in SHARES:
        aurocs.append(float(roc_auc_score(malignant, mix_logits(first, second, share))))
    return aurocs


if __name__ == "__main__":
    main()
