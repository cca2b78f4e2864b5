"""The bundled weights from photographs of several sources: classifier, decoder, 16 bits, frozen branch,
limits. Stopped at any point, the same call goes on.

    python bench/sources.py photographs --out sources.csv --masks masks.csv
    python bench/weights.py sources.csv --masks masks.csv --start efficientnetlite2.npz --not-lesions flowers \
        --branch efficientnetlite2.npz --out runs/weights --pack lentigo/models/bundled
    lentigo evaluate bundled photographs/malignant_vs_benign --no-duplicates --stress --json > measured.json   # once
    python bench/weights.py sources.csv --pack lentigo/models/bundled --measured measured.json

What is packed is compared with the RUN on its validation photographs first. Training writes what the RUN has
learned from (`learned.npz`: hashes of files and of pictures), and packing takes it along.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from packing import pack_bundle, pack_weights
from rejudge import rejudge
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from tables import describe_machine, print_table

from lentigo.common.files import write_text
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.models.bundle import BUNDLED, CARD, MODEL_CARD, Bundle, finish_bundle, open_bundle
from lentigo.training.recipes import BEST
from lentigo.training.training_set import LeakPolicy

RECIPE = dataclasses.replace(
    BEST,
    backbone="efficientnetlite2",
    head="linear",
    validation_split=0.1,
    head_epochs=0,
    lowres_epochs=26,
    lowres_size=144,
    epochs=1,
    views=4000,
    batch_size=48,
    lowres_learning_rate=4e-4,
    learning_rate=3e-5,
    warmup_epochs=0.5,
    weight_decay=0.02,
    clip_norm=1.0,
    ema=0.998,
    patience=0,
    balance="source",
    diagnosis="diagnosis",
    dropout_1=0.3,
    zoom=0.3,
    stretch=0.12,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    tint=0.12,
    corruption=0.18,
    resampling=0.2,
    artefacts=0.08,
    background_swap=0.3,
)
MASK_RECIPE = dataclasses.replace(
    RECIPE,
    validation_split=0.08,
    batch_size=32,
    weight_decay=0.0,
    clip_norm=0.0,
    mask_epochs=4,
    views=6000,
    mask_width=48,
    warmup_epochs=0.2,
    ema=0.0,
    stretch=BEST.stretch,
    artefacts=0.25,
    amelanosis=0.3,
    mosaic=0.25,
    zoom=0.45,
    saturation=0.4,
    corruption=0.1,
    resampling=0.0,
    background_swap=0.0,
    lesion_removal=0.15,
)
CHANGES = (  # that the call may make
    "backbone",
    "balance",
    "diagnosis_weight",
    "lowres_epochs",
    "lowres_size",
    "lowres_learning_rate",
    "epochs",
    "learning_rate",
    "views",
    "freeze",
    "seed",
    "ema",
    "zoom",
    "brightness",
    "contrast",
    "saturation",
    "tint",
    "corruption",
    "resampling",
    "background_swap",
    "lesion_removal",
    "input_size",
    "outline_weight",
    "batch_size",
    "mask_width",
)
LARGEST_LOSS = 0.002  # of AUROC, by 16 bits


def main() -> None:
    """Makes what is not there yet, and prints what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a manifest of bench/sources.py")
    parser.add_argument("--start", help="ImageNet weights of the backbone, or a RUN to go on from")
    for name in CHANGES:
        default = getattr(RECIPE, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--masks", help="a manifest of photographs with masks, for the decoder")
    parser.add_argument("--mask-epochs", type=int, default=MASK_RECIPE.mask_epochs)
    parser.add_argument("--branch", help="EfficientNet-Lite2's ImageNet weights, for the frozen branch")
    parser.add_argument("--not-lesions", help="a folder of pictures of other things")
    parser.add_argument("--out", type=Path, help="the RUN")
    parser.add_argument("--pack", type=Path, help="the folder for the small copy")
    parser.add_argument(
        "--measured",
        type=Path,
        help="what `lentigo evaluate --stress --json` said of what was packed: it goes into the card, and "
        "nothing else is done",
    )
    options = parser.parse_args()
    if options.measured:
        measured = json.loads(options.measured.read_text(encoding="utf-8"))
        keep_measured(options.pack or BUNDLED, options.data, measured)
        return
    print(describe_machine())
    if not (options.out / CARD).is_file():
        train_classifier(options)
    if options.masks and "decoder" not in open_bundle(options.out).card:
        train_decoder(options)
    card = open_bundle(options.out).card
    rows = []
    for name, value in card["metrics"]["validation"].items():
        if isinstance(value, float):
            rows.append([name, value])
    print_table(["validation", "value"], rows)
    if options.pack:
        pack(options.out, options.pack)
        rejudge(options.pack, [options.data], options.not_lesions, options.branch)


def train_classifier(options: argparse.Namespace) -> None:
    """Trains the classifier, or goes on with it."""
    from lentigo.training.trainer import train

    changes = {name: getattr(options, name) for name in CHANGES}
    train(
        options.data,
        options.out,
        dataclasses.replace(RECIPE, **changes),
        weights=options.start,
        fp32=True,
        resume=options.out.is_dir(),
        leak_policy=LeakPolicy(duplicates=False, leaks="drop"),
    )


def train_decoder(options: argparse.Namespace) -> None:
    """Trains the decoder upon the classifier, or goes on with it."""
    from lentigo.training.masks.mask_training import train_masks

    train_masks(
        options.masks,
        options.out,
        dataclasses.replace(MASK_RECIPE, mask_epochs=options.mask_epochs),
        fp32=True,
        resume=(options.out / "decoder").is_dir(),
        # Searched: the drawings hold a test split that bench/sources.py has not compared
        leak_policy=LeakPolicy(duplicates=True, leaks="drop"),
    )


def pack(run: Path, out: Path) -> None:
    """The small copy, with its licence, once it answers as the RUN does. Raises `SystemExit` where it does
    not.
    """
    from lentigo.models.exports.agreement import measure_logits
    from lentigo.models.runtime import Session

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
    pack_weights(bundle, out, halved=halved)


def keep_measured(folder: Path, data: str, said: dict) -> None:
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


if __name__ == "__main__":
    main()
