"""On real photographs, where LENTIGO_DATA names them: how they are read, and the main job from end to end."""

import json

import numpy as np
import pandas as pd
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.assessment import evaluate
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.trainer import train
from lentigo.training.training_set import LeakPolicy


@pytest.fixture(scope="module")
def weights(photographs):
    path = photographs.parent / "weights" / "mobilenetv2_imagenet_notop.weights.h5"
    if not path.is_file():
        pytest.skip("no ImageNet weights beside LENTIGO_DATA")
    return path


def draw_sample(photographs, path, count):
    """So many photographs of each class of the training folder, as a manifest; every third is test."""
    table = load_dataset(photographs / "malignant_vs_benign").of_split("train").table
    rng = np.random.default_rng(0)
    chosen = pd.concat([part.iloc[rng.permutation(len(part))[:count]] for _, part in table.groupby("label")])
    chosen["split"] = np.where(np.arange(len(chosen)) % 3 == 2, "test", "train")
    chosen.to_csv(path, index=False)
    return path


def test_the_starting_data_set_is_read_as_it_is(photographs):
    counts = (
        load_dataset(photographs / "malignant_vs_benign").table.value_counts(["split", "label"]).to_dict()
    )
    assert counts == {
        ("train", "benign"): 1440,
        ("train", "malignant"): 1197,
        ("test", "benign"): 360,
        ("test", "malignant"): 300,
    }


@pytest.mark.check
def test_the_seed_recipe_learns_from_few_photographs(photographs, weights, tmp_path):
    count = 180  # of each class
    sample = draw_sample(photographs, tmp_path / "manifest.csv", count)
    training = train(
        sample,
        tmp_path / "run",
        find_recipe("seed", backbone="mobilenetv2", epochs=25),
        weights=weights,
        leak_policy=LeakPolicy(leaks="drop"),
    )
    assessment = evaluate(tmp_path / "run", sample)
    n_test, n_train = 2 * count // 3, 4 * count // 3
    assert assessment.n == n_test and assessment.contamination.duplicates == ()
    assert assessment.metrics.auroc > 0.82 and assessment.ci["auroc"][0] > 0.72
    data = json.loads((tmp_path / "run" / "card.json").read_text())["data"]
    assert data["training"] + data["validation"] == n_train - training.training_set.left_out
    assert training.training_set.left_out < 0.1 * n_train
