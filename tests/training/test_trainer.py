import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import onnx
import pandas as pd
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.images.photographs import read_all
from lentigo.inference.decisions.calibration import explain_calibration, read_calibration
from lentigo.inference.decisions.refusal import load_reference
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.network import open_network
from lentigo.training import preparation, trainer
from lentigo.training.calibration.precision_check import PrecisionCheck
from lentigo.training.heads import weigh_classes
from lentigo.training.preparation import choose_refusal_output
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.run_folder import keep_settings
from lentigo.training.start import starting_network
from lentigo.training.start.starting_network import start_training
from lentigo.training.trainer import train
from lentigo.training.training_set import LeakPolicy

pytestmark = pytest.mark.usefixtures("toy_backbone")
SMALL = {"backbone": "mobilenetv3small", "head_epochs": 2, "epochs": 2, "batch_size": 16}


def test_a_patient_stands_on_one_side(run, synthetic_lesions):
    splits = pd.read_csv(run / "splits.csv").set_index("image")["split"]
    table = load_dataset(synthetic_lesions).table
    sides = table["image"].map(splits).groupby(table["patient_id"]).nunique()
    assert (sides == 1).all() and set(splits) == {"train", "validation"}


def test_history_has_a_row_for_each_epoch(run):
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert {"stage", "loss", "accuracy", "val_loss", "val_accuracy", "val_auroc", "seconds"} <= set(history)


def test_the_card_holds_the_best_epoch_of_validation(run):
    card, history = json.loads((run / "card.json").read_text()), pd.read_csv(run / "history.csv")
    assert card["best_epoch"] == history["val_auroc"].idxmax() + 1
    assert card["refusal"]["output"] == "embedding"  # the trunk is frozen
    assert card["metrics"]["validation"]["auroc"] == pytest.approx(
        history["val_auroc"].max(), abs=0.1
    )  # the head ran in fp32: of 15 pairs one may change places


def test_nothing_is_learned_from_the_test_split(split_run):
    splits = pd.read_csv(split_run / "splits.csv")
    assert set(splits["split"]) == {"train", "validation"}
    assert not splits["image"].str.contains("closed").any()
    assert (split_run.parent / "problems.txt").read_text() == ""


def test_validation_is_what_the_data_give(split_run):
    given = pd.read_csv(split_run.parent / "manifest.csv").set_index("image")["split"]
    splits = pd.read_csv(split_run / "splits.csv").set_index("image")["split"]
    assert (splits == given.reindex(splits.index)).all()
    assert json.loads((split_run / "card.json").read_text())["data"]["split"] == "given"


def start(synthetic_lesions, weights, out, *more):
    """Training as a process of its own."""
    command = [
        sys.executable,
        "-m",
        "lentigo",
        "train",
        str(synthetic_lesions),
        "--out",
        str(out),
        "--weights",
        str(weights),
        "--backbone",
        "mobilenetv3small",
        "--head-epochs",
        "2",
        "--lowres-epochs",
        "1",
        "--epochs",
        "1",
        "--batch-size",
        "16",
        "--no-flip",
        *more,
    ]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def read_epochs(out):
    """Finished epochs of an unfinished run."""
    try:
        with np.load(out / "checkpoint" / "state.npz") as file:
            facts = json.loads(str(file["facts"]))
        return len(facts["history"])
    except (OSError, ValueError):
        return 0


@pytest.mark.check
def test_a_killed_run_resumes_to_the_same_end(synthetic_lesions, weight_file, tmp_path):
    weights = weight_file("mobilenetv3small")
    assert start(synthetic_lesions, weights, tmp_path / "whole").wait() == 0
    process = start(synthetic_lesions, weights, tmp_path / "killed")
    while read_epochs(tmp_path / "killed") < 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(UsageError, match="unfinished RUN; go on with --resume"):
        train(synthetic_lesions, tmp_path / "killed")
    assert start(synthetic_lesions, weights, tmp_path / "killed", "--resume").wait() == 0
    columns = ["stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_auroc"]
    whole, killed = (pd.read_csv(tmp_path / name / "history.csv")[columns] for name in ("whole", "killed"))
    pd.testing.assert_frame_equal(whole, killed, rtol=1e-3, atol=1e-4)
    assert whole["stage"].tolist() == ["head", "head", "finetune lowres", "finetune"]
    assert not (tmp_path / "killed" / "checkpoint").exists()


class Finished(Exception):
    """The epochs are over."""


class Watch(keras.callbacks.Callback):
    """Ends a training with its epochs, and keeps the models that learned."""

    def __init__(self):
        super().__init__()
        self.models = []

    def on_epoch_end(self, epoch, logs=None):
        self.models.append(self.model)

    def on_train_end(self, logs=None):
        raise Finished


def test_the_first_layers_are_no_part_of_what_learns_at_any_size(synthetic_lesions, weight_file, tmp_path):
    weights = weight_file("toy")
    start = start_network(find_backbone("toy"), weights).feature_extractor
    before = {layer.name: layer.kernel for layer in start.layers if hasattr(layer, "kernel")}
    table = load_dataset(synthetic_lesions).table.groupby("label").head(10)
    watch = Watch()
    stages = {
        "backbone": "toy",
        "head_epochs": 0,
        "lowres_epochs": 1,
        "epochs": 1,
        "batch_size": 16,  # one batch an epoch, and so one graph of a stage to be traced
        "warmup_epochs": 0,
        "freeze": 0.5,
    }
    recipe = find_recipe("best", **SMALL | stages)
    with pytest.raises(Finished):
        train(table, tmp_path / "run", recipe, weights=weights, callbacks=[watch])
    sizes = set()
    for model in watch.models:
        sizes.add(model.input_shape[1:3])
        kernels = {layer.name: layer.kernel for layer in model.layers if layer.name in before}
        assert list(kernels) == list(before)[-len(kernels) :] and 0 < len(kernels) < len(before)
        last = list(kernels)[-1]
        assert not np.array_equal(kernels[last], before[last])
    assert len(sizes) == 2


# With small views first, the stage at full size follows.
@pytest.mark.check
@pytest.mark.parametrize("lowres_epochs", [0, 1])
def test_still_layers_stay_at_every_size_and_the_others_learn(
    synthetic_lesions, weight_file, tmp_path, lowres_epochs
):
    weights = weight_file("mobilenetv3small")
    train(
        synthetic_lesions,
        tmp_path / "run",
        find_recipe(
            "best", **SMALL | {"epochs": 1, "head_epochs": 1, "lowres_epochs": lowres_epochs}, freeze=0.5
        ),
        weights=weights,
    )
    assert (
        json.loads((tmp_path / "run" / "card.json").read_text())["refusal"]["output"] == "middle"
    )  # the embedding is no longer ImageNet's
    before = start_network(find_backbone("mobilenetv3small"), weights).feature_extractor
    after = open_network(
        tmp_path / "run" / "model.keras", find_backbone("mobilenetv3small")
    ).feature_extractor
    kernels = [(layer.name, layer.kernel) for layer in before.layers if hasattr(layer, "kernel")]
    changed = [not np.array_equal(kernel, after.get_layer(name).kernel) for name, kernel in kernels]
    assert changed == sorted(changed) and not changed[0] and changed[-1], changed


def test_a_head_on_a_trunk_that_was_fine_tuned_refuses_by_its_middle(weight_file):
    head, plain = find_recipe("seed", backbone="mobilenetv2", epochs=1), weight_file("mobilenetv3small")
    assert [choose_refusal_output(head, weights) for weights in ("bundled", plain, "imagenet", "none")] == [
        "middle",
        *["embedding"] * 3,
    ]
    assert choose_refusal_output(find_recipe("best"), plain) == "middle"


@pytest.mark.check
def test_a_head_on_the_bundled_weights_hands_its_middle_on(synthetic_lesions, tmp_path):
    head = find_recipe("seed", backbone="mobilenetv2", epochs=1)
    run = train(synthetic_lesions, tmp_path / "run", head, weights="bundled").bundle
    assert run.card["refusal"]["output"] == choose_refusal_output(head, run.folder) == "middle"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"recipe": 1}', "[" * 100_000, "\xff"],
    ids=["torn", "a list", "no recipe", "deep", "not text"],
)
def test_settings_that_are_damaged_are_one_line(tmp_path, content):
    path = tmp_path / "run" / "checkpoint" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match=r"settings\.json: is damaged .* choose another folder"):
        keep_settings(path, {"recipe": {"epochs": 1}, "weights": "none"})


def test_resuming_with_other_settings_names_them(tmp_path):
    path, recipe = tmp_path / "checkpoint" / "settings.json", find_recipe("best", **SMALL)
    keep_settings(path, {"recipe": asdict(recipe), "weights": "none"})
    keep_settings(path, {"recipe": asdict(recipe), "weights": "none"})
    with pytest.raises(UsageError, match="another epochs, learning_rate"):
        keep_settings(
            path,
            {
                "recipe": asdict(find_recipe("best", **SMALL | {"epochs": 9, "learning_rate": 0.5})),
                "weights": "none",
            },
        )
    with pytest.raises(UsageError, match="another weights"):
        keep_settings(path, {"recipe": asdict(recipe), "weights": "imagenet"})


def test_a_call_that_cannot_start_does_not_block_its_folder(synthetic_lesions, tmp_path):
    with pytest.raises(ModelError, match="no such weight file"):
        train(synthetic_lesions, tmp_path / "run", find_recipe("best", **SMALL), weights="nowhere.h5")
    assert not (tmp_path / "run").exists()


def test_a_random_mobilenet_tells_photographs_apart(synthetic_lesions):
    dataset = load_dataset(synthetic_lesions).take(np.arange(0, 48, 3))
    network = start_training(find_recipe("seed", backbone="mobilenetv3small"), "none", dataset)
    images, _ = read_all(dataset.table["image"][:2])
    embeddings = network.feature_extractor(np.stack([image.pixels for image in images]))
    assert np.abs(embeddings[0] - embeddings[1]).max() > 0.1


def test_a_split_that_cannot_be_drawn_does_not_block_its_folder(synthetic_lesions, weight_file, tmp_path):
    table = pd.read_csv(synthetic_lesions / "manifest.csv").drop(columns="split", errors="ignore")
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    table.groupby("label").head(1).to_csv(tmp_path / "manifest.csv", index=False)
    for _ in range(2):
        with pytest.raises(DataError, match="needs two groups"):
            train(
                tmp_path / "manifest.csv",
                tmp_path / "run",
                find_recipe("seed", backbone="toy"),
                weights=weight_file("toy"),
            )


def test_a_finished_run_is_not_written_over(run, synthetic_lesions):
    with pytest.raises(UsageError, match="holds a finished RUN"):
        train(synthetic_lesions, run)


def test_one_class_only_is_named(synthetic_lesions, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(synthetic_lesions / "benign", folder / "benign")
    with pytest.raises(DataError, match="no malignant photograph; expected both"):
        train(folder, tmp_path / "run")


def test_a_patient_on_both_sides_is_refused(synthetic_lesions, tmp_path):
    table = pd.read_csv(synthetic_lesions / "manifest.csv")
    table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
    table["split"] = np.where(np.arange(len(table)) % 2, "train", "test")
    table["patient_id"] = "P1"
    table.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(DataError, match=r"its split leaks: .*same patient_id"):
        train(
            tmp_path / "manifest.csv",
            tmp_path / "run",
            find_recipe("seed", backbone="mobilenetv2"),
            weights="none",
            leak_policy=LeakPolicy(duplicates=False),
        )


def test_class_weights_balance_the_classes():
    malignant = np.array([0, 0, 0, 1])
    weights = weigh_classes(malignant, find_recipe("best", class_weights=True))
    assert weights[malignant == 1].sum() == pytest.approx(weights[malignant == 0].sum())
    assert weights.mean() == pytest.approx(1)
    assert (weigh_classes(malignant, find_recipe("best")) == 1).all()


def test_the_graph_says_what_to_do_with_its_logit(run):
    card, graph = json.loads((run / "card.json").read_text()), onnx.load(run / "model.onnx")
    assert explain_calibration(read_calibration(card["calibration"])) in graph.doc_string
    assert (
        f"{card['threshold']:.6g} or above" in graph.doc_string and "not a medical device" in graph.doc_string
    )


@pytest.fixture
def noisy_bf16(monkeypatch):
    """A processor whose bf16 shuffles the features of a trunk, and a check that finds this out."""
    original = preparation.extract_features

    def extract(network, dataset, *, fp32=False, cluster=None, progress):
        features = original(network, dataset, fp32=True, progress=progress)
        if fp32:
            return features
        noise = np.random.default_rng(0).normal(0, features.values.std(), features.values.shape)
        return replace(features, values=(features.values + noise).astype(np.float32))

    failed = PrecisionCheck(10, 0.9, 0.9, 0.8, (0.0, 0.2), 0.3, 0.1, False)
    monkeypatch.setattr(starting_network, "extract_features", extract)
    monkeypatch.setattr(starting_network, "extract_features", extract)
    monkeypatch.setattr(preparation, "extract_features", extract)
    monkeypatch.setattr(trainer, "check_precision", lambda *_, fp32: None if fp32 else failed)


def test_a_head_that_will_be_served_in_fp32_is_trained_and_judged_in_fp32(
    synthetic_lesions, weight_file, tmp_path, noisy_bf16
):
    recipe = find_recipe("seed", backbone="toy", epochs=2, operating_point="sensitivity=0.95")
    training = train(synthetic_lesions, tmp_path / "run", recipe, weights=weight_file("toy"))
    card, history = training.bundle.card, pd.read_csv(tmp_path / "run" / "history.csv")
    assert card["precision"] == "f32" and card["bf16"]["neutral"] is False
    served = training.validation.table["probability"].to_numpy()
    reference = load_reference(tmp_path / "run" / "reference.npz")
    stored = np.concatenate([reference.benign, reference.malignant])
    np.testing.assert_allclose(np.sort(stored), np.sort(served), atol=1e-5)
    assert training.validation.metrics.sensitivity >= 0.95
    assert history["val_auroc"].max() == pytest.approx(training.validation.metrics.auroc, abs=1e-3)
