"""The bundled weights from photographs: clean, train, put a decoder in, pack. Stopped at any point, the same
call goes on.

    python bench/weights.py photographs/malignant_vs_benign --more photographs/more_training --start densenet121.weights.h5 --out runs/weights
    python bench/weights.py ... --masks photographs/lesion_masks --pack lentigo/models/bundled
    lentigo evaluate bundled photographs/malignant_vs_benign --no-duplicates --stress --json > measured.json      # once
    python bench/weights.py ... --pack lentigo/models/bundled --measured measured.json

The first data set has a test split, which is opened only to leave out of the training what it shows;
photographs of one lesion with two labels are left out, too. `--masks` takes what `lentigo train --masks`
does, for instance the manifest of bench/self_training.py. What is packed is compared with the RUN on its
validation photographs first. Training writes what the RUN has learned from (`learned.npz`: hashes of files
and of pictures), and packing takes it along; nothing is to be done for that.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from tables import describe_machine, print_table

from lentigo.common.files import write_text
from lentigo.common.progress import show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.models.bundle import BUNDLED, CARD, MODEL_CARD, Bundle, finish_bundle, open_bundle
from lentigo.splits.leaks import join_duplicates, search_dataset
from lentigo.splits.partition import find_conflicts
from lentigo.training.recipes import BEST, Recipe
from lentigo.training.training_set import LeakPolicy
from lentigo.training.validation import find_start

RECIPE = dataclasses.replace(
    BEST,
    validation_split=0.12,
    head_epochs=30,
    lowres_epochs=8,
    epochs=4,
    ema=0.995,
    corruption=0.15,
    artefacts=0.15,
    zoom=0.25,
)
LICENCE = "weights for non-commercial research use (trained on photographs of the ISIC archive, part of them CC BY-NC 4.0); the code has its own licence, Apache-2.0"
MASK_RECIPE = dataclasses.replace(
    RECIPE, mask_epochs=18, ema=0.0, artefacts=0.3, amelanosis=0.5, mosaic=0.3,
    zoom=0.4, brightness=0.3, contrast=0.4, saturation=0.4, tint=0.12,
)  # fmt: skip
CHANGES = (  # that the call may make
    "backbone", "lowres_epochs", "lowres_size", "epochs", "freeze", "learning_rate", "patience", "seed",
    "corruption", "artefacts", "mixup", "zoom", "brightness", "contrast", "saturation", "tint",
)  # fmt: skip
LARGEST_LOSS = 0.002  # of AUROC, by 16 bits


def main() -> None:
    """Makes what is not there yet, and prints what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--more", nargs="*", default=[], help="further data sets, all of them to train on")
    parser.add_argument(
        "--start",
        required=True,
        help="weights of the backbone, or a RUN to go on from, whose validation photographs stay that",
    )
    for name in CHANGES:
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(getattr(RECIPE, name)), default=getattr(RECIPE, name)
        )
    parser.add_argument(
        "--validation",
        help="a RUN whose validation photographs are to be this one's, too: both can then be compared",
    )
    parser.add_argument("--masks", help="a manifest of photographs with masks, for the decoder")
    parser.add_argument("--mask-epochs", type=int, default=MASK_RECIPE.mask_epochs)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--pack", type=Path, help="the folder for the small copy")
    parser.add_argument(
        "--measured",
        type=Path,
        help="what `lentigo evaluate --stress --json` said of what was packed: it goes into the card, and "
        "nothing else is done",
    )
    options = parser.parse_args()
    if options.measured:
        return tell_measured(
            options.pack or BUNDLED, options.data, json.loads(options.measured.read_text(encoding="utf-8"))
        )
    print(describe_machine())
    changes = {name: getattr(options, name) for name in CHANGES}
    if not (options.out / CARD).is_file():
        learn(options, dataclasses.replace(RECIPE, **changes))
    if options.masks and "decoder" not in open_bundle(options.out).card:
        from lentigo.training.masks.mask_training import train_masks

        recipe = dataclasses.replace(MASK_RECIPE, backbone=options.backbone, mask_epochs=options.mask_epochs)
        train_masks(
            options.masks,
            options.out,
            recipe,
            resume=(options.out / "decoder").is_dir(),
            leak_policy=LeakPolicy(leaks="drop"),
        )
    card = open_bundle(options.out).card
    print_table(
        ["validation", "value"],
        [[name, value] for name, value in card["metrics"]["validation"].items() if isinstance(value, float)],
    )
    if options.pack:
        pack(options.out, options.pack)


def learn(options: argparse.Namespace, recipe: Recipe) -> None:
    """The classifier."""
    from lentigo.training.trainer import train

    manifest = options.out.with_suffix(".csv")
    if not manifest.is_file():
        table = clean(options.data, options.more)
        if options.validation:
            known = find_start(options.validation).find_splits(Dataset("all", table))
            table["split"] = table["split"].mask(known == "validation", "validation")
        table.to_csv(manifest, index=False)
    train(
        manifest,
        options.out,
        recipe,
        weights=options.start,
        resume=options.out.is_dir(),
        leak_policy=LeakPolicy(leaks="drop"),
    )


def pack(run: Path, out: Path) -> None:
    """The small copy, with its licence, once it answers as the RUN does. Raises `SystemExit` where it does
    not.
    """
    from packing import pack_bundle

    from lentigo.models.runtime import Session, measure_logits

    bundle, splits = open_bundle(run), pd.read_csv(run / "splits.csv")
    validation = splits[splits["split"] == "validation"]
    with tempfile.TemporaryDirectory() as folder:
        small = pack_bundle(bundle, folder)
        logits = [
            measure_logits(Session(one.graph, precision="f32"), validation["image"])
            for one in (bundle, small)
        ]
    before, after = (float(roc_auc_score(validation["label"] == "malignant", each)) for each in logits)
    moved = float(np.abs(expit(logits[0]) - expit(logits[1])).max())
    print_table(
        ["n", "AUROC, 32 bits", "16 bits", "largest change of P"], [[len(validation), before, after, moved]]
    )
    if before - after > LARGEST_LOSS:
        raise SystemExit(
            f"{run}: 16 bits lower the AUROC by {before - after:.4f}; expected {LARGEST_LOSS} at most"
        )
    halved = {"n": len(validation), "auroc_f32": before, "auroc_f16": after, "largest_change": moved}
    pack_bundle(bundle, out, licence=LICENCE, halved=halved)
    (out / "LICENSE").write_text(
        f"Lentigo: {LICENCE}.\nA research tool, not a medical device: no diagnosis, no treatment decision.\n",
        encoding="utf-8",
    )


def tell_measured(folder: Path, data: str, said: dict) -> None:
    """Puts test results into the card of a packed RUN. Raises `SystemExit` where they are another model's."""
    bundle = open_bundle(folder)
    if said["model"].partition("@")[2] != bundle.name.partition("@")[2]:
        raise SystemExit(f"{said['model']} was measured; expected {bundle.name}")
    measured = {
        "data": f"{Path(data).name}, {said['split']}",
        **{
            name: said[name]
            for name in ("n", "n_malignant", "model", *TITLES, "ci", "shortcut_baselines", "stress")
        },
    }
    whole = finish_bundle(Bundle(folder, {**bundle.card, "measured": measured}), bundle.card["metrics"])
    write_text(folder / MODEL_CARD, write_card(whole))


def clean(data: str, more: list[str]) -> pd.DataFrame:
    """The manifest: absolute paths, labels, splits, and the data set that each comes from as its source;
    without conflicts.
    """
    sets = [load_dataset(path) for path in (data, *more)]
    tables = [
        one.table.assign(source=Path(one.name).name, split=one.table["split"].fillna("train")) for one in sets
    ]
    table = pd.concat(tables, ignore_index=True)[["image", "label", "split", "source"]]
    dataset = Dataset("all", table)
    joined = join_duplicates(dataset, search_dataset(dataset, show_nothing))
    torn = {image for conflict in find_conflicts(joined) for image in conflict.images}
    print(f"{len(table)} photographs, {len(torn)} of them in conflict")
    return table[~table["image"].isin(torn)].assign(
        image=table["image"].map(lambda path: str(Path(path).resolve()))
    )


if __name__ == "__main__":
    main()
