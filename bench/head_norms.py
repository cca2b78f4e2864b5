"""Whether it matters that the head's batch norms follow the raw weights while the averaged weights are saved.

    python bench/head_norms.py PHOTOS --weights mobilenetv2_imagenet_notop.weights.h5

Fine-tunes with a moving average of the weights. After each epoch the averaged network is validated twice: with the means and variances that its head's batch norms
have, and with those that the averaged weights themselves give on views of the training photographs.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from tables import describe_machine, print_table

from lentigo.data.manifests import load_dataset
from lentigo.data.progress import show_nothing
from lentigo.data.splits import split_validation

NORMS = ("head_norm_1", "head_norm_2")


def main() -> None:
    """Prints, for each epoch, both validations and how far the answers lie apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("--weights", required=True, help="weights of the backbone")
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--side", type=int, default=128, help="pixels along the side of the views")
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    from lentigo.models.backbones import find_backbone
    from lentigo.models.graph_weights import start_network
    from lentigo.training.features import extract_features
    from lentigo.training.recipes import BEST
    from lentigo.training.stages import run_stages
    from lentigo.training.trainer import Job, build_head_stage, build_small_stage

    print(describe_machine())
    dataset = load_dataset(options.photos)
    recipe = dataclasses.replace(BEST, backbone=options.backbone, small_side=options.side, small_epochs=options.epochs, patience=0, head_epochs=10)
    network = start_network(find_backbone(options.backbone), options.weights, (recipe.dropout_1, recipe.dropout_2), 0)
    features = extract_features(network, dataset).values
    held_out = split_validation(dataset.malignant, dataset.groups, dataset.digests, 0.2, 0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        job = Job(recipe, network, dataset.take(~held_out), dataset.take(held_out), features[~held_out], features[held_out], Path(folder) / "state.npz", False, show_nothing)

        def build_watched():
            stage = build_small_stage(job)
            return dataclasses.replace(stage, validate=lambda: compare(stage, job, rows))

        run_stages([lambda: build_head_stage(job), build_watched], recipe, None, show_nothing)
    print_table(["epoch", "AUROC, as saved", "settled", "loss, as saved", "settled", "P apart, mean", "largest", "decisions alike"], rows)


def compare(stage, job, rows: list) -> dict[str, float]:
    """Validates as the trainer does; adds a row on the same weights with settled batch norms."""
    from lentigo.training.heads import score_logits
    from lentigo.training.trainer import measure_validation

    norms = [stage.model.get_layer(name) for name in NORMS]
    kept = [norm.get_weights() for norm in norms]
    saved = measure_validation(job, stage.model)
    settle(stage, norms)
    settled = measure_validation(job, stage.model)
    for norm, weights in zip(norms, kept, strict=True):
        norm.set_weights(weights)
    malignant, apart = job.validation.malignant, np.abs(expit(saved) - expit(settled))
    scores = score_logits(saved, malignant)
    rows.append([
        len(rows) + 1, f"{scores['val_auroc']:.4f}", f"{roc_auc_score(malignant, settled):.4f}", f"{scores['val_loss']:.4f}",
        f"{score_logits(settled, malignant)['val_loss']:.4f}", f"{apart.mean():.4f}", f"{apart.max():.3f}", f"{((saved > 0) == (settled > 0)).mean():.2%}",
    ])  # fmt: skip
    return scores


def settle(stage, norms: list, batches: int = 20) -> None:
    """Gives the head's batch norms the means and variances of the weights as they are, over batches of views as the training has them."""
    momenta = [norm.momentum for norm in norms]
    seen = [[] for _ in norms]
    rng = np.random.default_rng(0)
    for norm in norms:
        norm.momentum = 0.0  # after a batch each holds the means and variances of that batch alone
    for _ in range(batches):
        views = stage.load_batch(10**6, rng.choice(len(stage.weights), 32, replace=False))[0]
        stage.model(views, training=True)
        for values, norm in zip(seen, norms, strict=True):
            values.append(norm.get_weights()[2:])
    for norm, momentum, values in zip(norms, momenta, seen, strict=True):
        norm.momentum = momentum
        norm.set_weights([*norm.get_weights()[:2], *(np.mean(parts, axis=0) for parts in zip(*values, strict=True))])


if __name__ == "__main__":
    main()
