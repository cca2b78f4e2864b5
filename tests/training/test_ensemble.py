import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lentigo.data.manifests import load_dataset
from lentigo.data.photos import read_photo
from lentigo.data.progress import show_nothing
from lentigo.errors import UsageError
from lentigo.evaluation.calibration import fit_platt
from lentigo.evaluation.recalibration import measure_calibration
from lentigo.inference.prediction import Prediction, Predictor
from lentigo.inference.refusal import load_reference
from lentigo.models.backbones import BACKBONES
from lentigo.models.bundle import open_bundle
from lentigo.models.network import build_answers, build_network, join_heads, list_prefixes, open_network
from lentigo.models.runtime import Session
from lentigo.training import ensemble as ensemble_module
from lentigo.training.ensemble import train_folds
from lentigo.training.heads import Sample, answer_head, train_head
from lentigo.training.recipes import find_head_recipe

RECIPE = find_head_recipe("seed", backbone="mobilenetv3small", epochs=2)


@pytest.fixture(scope="module")
def ensemble(phantoms, weight_file, tmp_path_factory):
    """A RUN of three folds on phantoms, and what the training said of it."""
    out = tmp_path_factory.mktemp("ensemble") / "run"
    return out, train_folds(phantoms, out, RECIPE, folds=3, weights=weight_file("mobilenetv3small"))


@pytest.fixture(scope="module")
def pixels(phantoms):
    return np.stack([read_photo(path).pixels for path in sorted(phantoms.glob("*/phantom_*.jpg"))[::16]])


def test_a_run_of_folds_is_a_run(ensemble, phantoms):
    out, _ = ensemble
    answers = list(Predictor(open_bundle(out)).predict(sorted(phantoms.glob("malignant/*.jpg"))[:3]))
    assert all(isinstance(answer, Prediction) for answer in answers) and open_bundle(out).outputs == ("logit", "embedding", "heatmap")


def test_the_graph_answers_as_the_saved_model_does(ensemble, pixels):
    out, _ = ensemble
    expected = build_answers(open_network(out / "model.keras", BACKBONES["mobilenetv3small"]))(pixels)
    answers = Session(out / "model.onnx", precision="f32").answer(pixels)
    for name in ("logit", "embedding", "heatmap"):
        np.testing.assert_allclose(answers[name], expected[name], atol=2e-3, rtol=1e-3)


def test_the_logit_and_the_heatmap_are_the_means_of_the_heads(ensemble, pixels):
    out, _ = ensemble
    network = open_network(out / "model.keras", BACKBONES["mobilenetv3small"])
    model = build_answers(network)
    prefixes = list_prefixes(network.head)
    assert prefixes == ["fold_00_", "fold_01_", "fold_02_"]
    parts = type(model)(model.input, {name: [model.get_layer(f"{prefix}{name}").output for prefix in prefixes] for name in ("logit", "heatmap")})(pixels)
    joined = model(pixels)
    np.testing.assert_allclose(joined["logit"], np.mean([np.asarray(part) for part in parts["logit"]], axis=0), atol=1e-5)
    np.testing.assert_allclose(joined["heatmap"], np.mean([np.asarray(part) for part in parts["heatmap"]], axis=0), atol=1e-5)


def test_folds_on_a_trunk_that_was_fine_tuned_refuse_by_its_middle(ensemble, phantoms, tmp_path):
    out, _ = ensemble
    assert open_bundle(out).card["refusal"]["output"] == "embedding" and load_reference(out / "reference.npz").output == "embedding"
    training = train_folds(phantoms, tmp_path / "run", find_head_recipe("seed", backbone="mobilenetv2", epochs=2), folds=3, weights="bundled")
    reference = load_reference(tmp_path / "run" / "reference.npz")
    assert training.bundle.card["refusal"]["output"] == reference.output == "middle" and reference.centres.shape == (2, 128)
    known = [answer.in_distribution for answer in Predictor(training.bundle).predict(sorted(phantoms.glob("*/phantom_*.jpg"))[::4])]
    assert np.mean(known) > 0.9


def test_heads_differ_by_what_they_learned_from(ensemble, pixels):
    out, _ = ensemble
    network = open_network(out / "model.keras", BACKBONES["mobilenetv3small"])
    kernels = [network.head.get_layer(f"{prefix}head_dense_1").get_weights()[0] for prefix in list_prefixes(network.head)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


def test_a_photograph_is_answered_by_the_mean_of_heads_that_have_not_seen_its_fold(monkeypatch):
    def train_toy(recipe, sample, held_out, path, progress):
        """A head that says how many photographs it has seen of each fold, as digits."""
        seen = sum(10 ** int(fold) for fold in parts[~held_out])
        return lambda features, training: np.full((len(features), 1), float(seen)), None

    parts = np.array([0, 0, 1, 1, 2, 2, 2])
    monkeypatch.setattr(ensemble_module, "train_head", train_toy)
    ready = SimpleNamespace(features=np.zeros((7, 2)), dataset=SimpleNamespace(malignant=np.zeros(7, int)))
    logits = ensemble_module.answer_held_out(Path("checkpoint"), RECIPE, ready, parts, False, show_nothing)
    by_fold = [(20 + 300) / 2, (2 + 300) / 2, (2 + 20) / 2]  # of fold 0: the heads without 0 and 1, and without 0 and 2
    np.testing.assert_allclose(logits, np.array(by_fold)[parts])


def test_the_stored_scores_are_those_of_the_means(ensemble):
    out, training = ensemble
    reference = load_reference(out / "reference.npz")
    stored = np.sort(np.concatenate([reference.benign, reference.malignant]))
    np.testing.assert_allclose(stored, np.sort(training.validation.table["probability"]))


@pytest.mark.check
def test_the_mean_that_is_served_is_calibrated(tmp_path):
    """Of features that tell little: heads are too sure, and each in its own way."""
    rng = np.random.default_rng(0)
    malignant = rng.integers(0, 2, 5300)
    features = (rng.normal(0, 1, (5300, 60)) + 0.25 * (2 * malignant[:, None] - 1) * (np.arange(60) < 12)).astype(np.float32)
    parts, recipe = np.arange(300) % 3, find_head_recipe("seed", backbone="mobilenetv2", epochs=30)
    ready = SimpleNamespace(features=features[:300], dataset=SimpleNamespace(malignant=malignant[:300]))
    sample = Sample(features[:300], malignant[:300])
    heads = [train_head(recipe, sample, parts == fold)[0] for fold in range(3)]
    served = np.mean([answer_head(head, features[300:]) for head in heads], axis=0)
    members = np.concatenate([answer_head(heads[fold], features[:300][parts == fold]) for fold in range(3)])
    order = np.concatenate([np.flatnonzero(parts == fold) for fold in range(3)])
    means = ensemble_module.answer_held_out(tmp_path, recipe, ready, parts, False, show_nothing)
    slopes = []
    for logits, truth in ((means, malignant[:300]), (members, malignant[:300][order])):
        probability = fit_platt(logits, truth).apply(served)
        slopes.append(measure_calibration(malignant[300:], probability, np.arange(5000)).slope)
    assert abs(slopes[0] - 1) < abs(slopes[1] - 1) and abs(slopes[0] - 1) < 0.3


def test_every_photograph_is_validation_once_and_a_patient_in_one_fold(ensemble, phantoms):
    out, training = ensemble
    sides = pd.read_csv(out / "splits.csv").set_index("image")
    dataset = load_dataset(phantoms)
    assert training.validation.n == len(dataset) and set(sides["fold"]) == {0, 1, 2}
    assert (dataset.table["image"].map(sides["fold"]).groupby(dataset.table["patient_id"]).nunique() == 1).all()


def test_the_limit_of_the_unknown_lets_the_held_out_pass(ensemble):
    _, training = ensemble
    assert training.validation.refusals.to_json()["outside"] <= 0.05 * training.validation.n


def test_card_and_model_card_say_that_it_is_an_ensemble(ensemble):
    out, _ = ensemble
    card, words = json.loads((out / "card.json").read_text()), (out / "model_card.md").read_text()
    assert card["ensemble"]["folds"] == 3 and sum(card["ensemble"]["sizes"]) == card["data"]["validation"] == card["data"]["training"]
    assert "each of 3 heads on one backbone" in words and "no ensemble" not in words and "Every photograph was held out once: 3 folds" in words


def test_the_history_has_a_stage_for_each_fold(ensemble):
    out, _ = ensemble
    history = pd.read_csv(out / "history.csv")
    assert history.groupby("stage").size().to_dict() == {"fold 0": 2, "fold 1": 2, "fold 2": 2} and not (out / "checkpoint").exists()


def test_a_recipe_that_trains_the_backbone_is_refused(phantoms, tmp_path):
    with pytest.raises(UsageError, match="--folds with --finetune"):
        train_folds(phantoms, tmp_path / "run", find_head_recipe("best", finetune=True))
    assert not (tmp_path / "run").exists()


@pytest.mark.check
def test_a_training_of_folds_that_was_stopped_goes_on(phantoms, weight_file, ensemble, tmp_path, monkeypatch):
    from lentigo.training import ensemble as module

    seen, original = [], module.train_head

    def stop(*words, **more):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(more["prefix"])
        return original(*words, **more)

    monkeypatch.setattr(module, "train_head", stop)
    options = {"folds": 3, "weights": weight_file("mobilenetv3small")}
    with pytest.raises(KeyboardInterrupt):
        train_folds(phantoms, tmp_path / "run", RECIPE, **options)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="another folds"):
        train_folds(phantoms, tmp_path / "run", RECIPE, **options | {"folds": 4}, resume=True)
    train_folds(phantoms, tmp_path / "run", RECIPE, **options, resume=True)
    columns = ["stage", "epoch", "loss", "val_auroc"]
    whole, parted = (pd.read_csv(folder / "history.csv")[columns] for folder in (ensemble[0], tmp_path / "run"))
    pd.testing.assert_frame_equal(whole, parted, rtol=1e-3, atol=0.02)


def test_one_head_that_is_joined_alone_is_itself(pixels):
    from lentigo.models.network import build_head

    network = build_network(BACKBONES["mobilenetv3small"], "none")
    head = build_head(576, (0.8, 0.5), 0, "fold_00_")
    joined = join_heads(network, [head])
    np.testing.assert_allclose(joined.head(np.ones((1, 576), np.float32)), head(np.ones((1, 576), np.float32)), atol=1e-6)
