"""Comparison and tuning as the work of a cluster: without one, and, among the checks, on real workers."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lentigo.common.parallel.cluster import Cluster
from lentigo.common.user_folders import cache_folder
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import UsageError
from lentigo.images.problems import Problem
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import build_network
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.selection.comparison_units import Unit, UnitScorer
from lentigo.training.selection.fold_evaluation import FeaturedDataset
from lentigo.training.selection.tuning.tuning import Plan, check_storage
from lentigo.training.start.features import FeatureExtraction, extract_features


def test_a_worker_gives_the_features_that_this_machine_computes(synthetic_lesions, weight_file, bad):
    network = build_network(BACKBONES["mobilenetv3small"], weight_file("mobilenetv3small"))
    dataset = load_dataset(synthetic_lesions)
    describe = FeatureExtraction(to_onnx(network.feature_extractor).SerializeToString(), True).open(1)
    *answers, problem = describe([*dataset.table["image"][:6], str(bad)])
    assert isinstance(problem, Problem) and [digest for digest, _ in answers] == dataset.digests[:6]
    here = extract_features(network, dataset.take(np.arange(6)), fp32=True)
    np.testing.assert_allclose([values for _, values in answers], here.values, atol=1e-4)


def test_a_unit_has_the_score_that_it_has_here(synthetic_lesions, tmp_path):
    dataset = load_dataset(synthetic_lesions)
    features = np.random.default_rng(0).normal(size=(len(dataset), 8)).astype(np.float32)
    scoring = UnitScorer(FeaturedDataset(dataset, features, "none", True), tmp_path / "work")
    unit = Unit(find_head_recipe("best", epochs=2), np.arange(len(dataset)) % 3 == 0)
    (there,), here = scoring.open(1)([unit]), scoring.score(unit)
    assert there.auroc == pytest.approx(here.auroc) and there.loss == pytest.approx(here.loss, rel=1e-4)


def test_several_machines_need_a_database_for_a_study():
    recipe = find_head_recipe("best")
    with pytest.raises(UsageError, match="--storage postgresql"):
        check_storage(Plan(recipe), Cluster("head:6379", 4, shared=False))
    check_storage(Plan(recipe), Cluster("local", 4, shared=True))
    check_storage(Plan(recipe, storage="postgresql://host/trials"), Cluster("head:6379", 4, shared=False))


@pytest.mark.check
def test_a_comparison_is_that_of_one_machine(synthetic_lesions, weight_file, tmp_path):
    shutil.copy(weight_file("mobilenetv3small"), tmp_path / "mobilenetv3small.weights.h5")
    call = [
        sys.executable,
        "-m",
        "lentigo",
        "compare",
        str(synthetic_lesions),
        "--backbones",
        "mobilenetv3small",
        "--weights-dir",
        str(tmp_path),
        "--epochs",
        "2",
        "--folds",
        "2",
        "--seeds",
        "1",
        "--no-duplicates",
        "--no-costs",
        "--fp32",
        "--json",
    ]
    together = subprocess.run(
        [*call, "--out", str(tmp_path / "together"), "--cluster", "local"], capture_output=True, text=True
    )
    assert together.returncode == 0, together.stderr
    shutil.rmtree(cache_folder() / "features")
    alone = subprocess.run([*call, "--out", str(tmp_path / "alone")], capture_output=True, text=True)
    scores = [json.loads(answer.stdout)["backbones"][0] for answer in (together, alone)]
    assert scores[0]["auroc"]["mean"] == pytest.approx(scores[1]["auroc"]["mean"], abs=1e-3)
