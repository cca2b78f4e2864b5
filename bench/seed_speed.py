"""How many times faster the `seed` recipe is than plain Keras `fit` on the same frozen network.

Plain Keras is timed for some epochs and extrapolated to all of them: each epoch does the same work. Lentigo's
search for duplicates, which Keras has no counterpart of, is left out (`--no-duplicates`); with --duplicates
it counts. Example:

    python bench/seed_speed.py --data ../shared/data/malignant_vs_benign --weights ../shared/weights/FILE.h5
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tables import describe_machine, make_parser, print_table, require_readable


def main() -> None:
    """Times both in one run, on the same photographs, and prints the ratio."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LENTIGO_CACHE"] = f"{folder}/cache"
        ours, parts = time_lentigo(options, Path(folder))
    plain = time_keras(options)
    total = plain * options.epochs
    print(describe_machine())
    print_table(
        ["what", "seconds"],
        [
            [
                "Lentigo: everything, from photographs to a RUN with report, "
                f"{'with' if options.duplicates else 'without'} the search for duplicates",
                ours,
            ],
            ["of it features of the frozen backbone", parts["features"]],
            [f"of it {options.epochs} epochs of the head", parts["head"]],
            ["of it the rest: hashing, building, writing the RUN", ours - parts["features"] - parts["head"]],
            [f"plain Keras, one epoch (mean of {options.plain_epochs})", plain],
            [f"plain Keras, {options.epochs} epochs (extrapolated)", total],
            ["ratio", f"{total / ours:.0f}x"],
        ],
    )


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", default="../shared/data/malignant_vs_benign")
    parser.add_argument("--weights", default="../shared/weights/densenet121_distilled_notop.weights.h5")
    parser.add_argument("--backbone", default="densenet121")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--plain-epochs", type=int, default=1)
    parser.add_argument(
        "--duplicates", action="store_true", help="search for duplicates, too; what leaks is then left out"
    )
    parser.add_argument("--fp32", action="store_true", help="features in fp32, Keras' own numbers")
    return parser.parse_args()


def time_lentigo(options: argparse.Namespace, folder: Path) -> tuple[float, dict[str, float]]:
    """Seconds of `lentigo.train` with an empty cache, and of its parts by their label. Imports are over
    before.
    """
    from lentigo.training.recipe_lookup import find_recipe
    from lentigo.training.trainer import train
    from lentigo.training.training_set import LeakPolicy

    parts: dict[str, float] = {}

    def watch(items: Iterable, total: int | None = None, label: str = "") -> Iterator:
        begun = time.perf_counter()
        yield from items
        parts[label] = time.perf_counter() - begun

    recipe = find_recipe("seed", backbone=options.backbone, epochs=options.epochs)
    started = time.perf_counter()
    leak_policy = LeakPolicy(options.duplicates, "drop")
    train(
        options.data,
        folder / "run",
        recipe,
        weights=options.weights,
        fp32=options.fp32,
        leak_policy=leak_policy,
        progress=watch,
    )
    return time.perf_counter() - started, parts


def time_keras(options: argparse.Namespace) -> float:
    """Seconds of an epoch of `fit` on photographs in memory, validation included, without the compilation.

    `fit` compiles a step for a full batch and again for the smaller one that ends an epoch: 33 photographs
    show it both, before the clock starts. Otherwise an epoch that is timed alone would carry about ten
    seconds that do not come back.
    """
    import keras
    import numpy as np

    from lentigo.datasets.dataset import select_split
    from lentigo.datasets.manifests import load_dataset
    from lentigo.images.photographs import stream_images
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import build_network

    dataset = select_split(load_dataset(options.data), "train")
    images = stream_images(dataset.table["image"])
    pixels = np.stack([require_readable(image).pixels for image in images])
    labels = dataset.malignant[:, None].astype("float32")
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, rest = np.split(order, [len(order) // 5])
    model = build_network(find_backbone(options.backbone), options.weights).require_classifier()
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(pixels[:33], labels[:33], batch_size=32, validation_data=(pixels[:33], labels[:33]), verbose=0)
    started = time.perf_counter()
    model.fit(
        pixels[rest],
        labels[rest],
        batch_size=32,
        epochs=options.plain_epochs,
        validation_data=(pixels[held_out], labels[held_out]),
        verbose=0,
    )
    return (time.perf_counter() - started) / options.plain_epochs


if __name__ == "__main__":
    main()
