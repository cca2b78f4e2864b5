import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import UsageError
from lentigo.evaluation.scores.calibration_slope import measure_calibration
from lentigo.images.photographs import read_image
from lentigo.inference.decisions.refusal import load_reference
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction
from lentigo.models.bundle import open_bundle
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.heads import list_head_prefixes
from lentigo.models.networks.network import build_network, join_heads, open_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.runtime import Session
from lentigo.models.training_record_files import read_training_record
from lentigo.training.calibration import calibration_fit as calibration_module
from lentigo.training.calibration.calibration_fit import fit_platt
from lentigo.training.heads import LabelledFeatures, predict_logits, train_head
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.selection.ensemble import train_folds
from lentigo.training.selection.folds import assign_folds, gather_pool

pytestmark = pytest.mark.usefixtures("toy_backbone", "untraced")
RECIPE = find_head_recipe("seed", backbone="toy", epochs=2, validation_split=0.3, tta=True)


@pytest.fixture(scope="module")
def ensemble(synthetic_lesions, weight_file, tmp_path_factory):
    """A RUN of three folds on synthetic lesions, and what the training said of it. Few photographs are enough
    to calibrate it.
    """
    out = tmp_path_factory.mktemp("ensemble") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration_module, "MIN_PER_CLASS", 3)
        return out, train_folds(synthetic_lesions, out, RECIPE, folds=3, weights=weight_file("toy"))


class Divided(Exception):
    """The photographs are divided into folds; no head has learned yet."""


def stop_before_the_heads(items, total=None, label=""):
    """A progress that ends the training where its first head would begin."""
    if label == "folds":
        raise Divided
    return items


def list_validation(out):
    """The validation photographs of a RUN, and which of them are malignant."""
    sides = pd.read_csv(out / "splits.csv")
    validation = sides[sides["split"] == "validation"]
    return validation["image"], (validation["label"] == "malignant").to_numpy()


@pytest.fixture(scope="module")
def pixels(synthetic_lesions):
    return np.stack(
        [read_image(path).pixels for path in sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[::16]]
    )


def test_a_run_of_folds_is_a_run(ensemble, synthetic_lesions):
    out, _ = ensemble
    answers = list(Predictor(open_bundle(out)).predict(sorted(synthetic_lesions.glob("malignant/*.jpg"))[:3]))
    assert all(isinstance(answer, Prediction) for answer in answers) and open_bundle(out).outputs == (
        "logit",
        "embedding",
        "heatmap",
    )


def test_the_graph_answers_as_the_saved_model_does(ensemble, pixels):
    out, _ = ensemble
    expected = build_export_model(open_network(out / "model.keras", BACKBONES["toy"]))(pixels)
    answers = Session(out / "model.onnx", precision="f32").run(pixels)
    for name in ("logit", "embedding", "heatmap"):
        np.testing.assert_allclose(answers[name], expected[name], atol=2e-3, rtol=1e-3)


def test_the_logit_and_the_heatmap_are_the_means_of_the_heads(ensemble, pixels):
    out, _ = ensemble
    network = open_network(out / "model.keras", BACKBONES["toy"])
    model = build_export_model(network)
    prefixes = list_head_prefixes(network.head)
    assert prefixes == ["fold_00_", "fold_01_", "fold_02_"]
    parts = type(model)(
        model.input,
        {
            name: [model.get_layer(f"{prefix}{name}").output for prefix in prefixes]
            for name in ("logit", "heatmap")
        },
    )(pixels)
    joined = model(pixels)
    np.testing.assert_allclose(
        joined["logit"], np.mean([np.asarray(part) for part in parts["logit"]], axis=0), atol=1e-5
    )
    np.testing.assert_allclose(
        joined["heatmap"], np.mean([np.asarray(part) for part in parts["heatmap"]], axis=0), atol=1e-5
    )


def test_folds_on_a_trunk_of_other_photographs_refuse_by_its_embedding(ensemble):
    out, _ = ensemble
    assert open_bundle(out).card["refusal"]["output"] == "embedding"
    assert load_reference(out / "reference.npz").output == "embedding"


@pytest.mark.check
def test_folds_on_a_trunk_that_was_fine_tuned_refuse_by_its_middle(synthetic_lesions, tmp_path):
    recipe = find_head_recipe("seed", backbone="mobilenetv2", epochs=2)
    training = train_folds(synthetic_lesions, tmp_path / "run", recipe, folds=2, weights="bundled")
    reference = load_reference(training.bundle.folder / "reference.npz")
    assert training.bundle.card["refusal"]["output"] == reference.output == "middle"
    assert reference.centres.shape == (2, 128)
    images = sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[::4]
    known = [answer.in_distribution for answer in Predictor(training.bundle).predict(images)]
    assert np.mean(known) > 0.9


def test_a_validation_split_that_the_data_give_is_in_no_fold(synthetic_lesions, weight_file, tmp_path):
    pool = gather_pool(synthetic_lesions).dataset
    dataset = pool.assign(split=np.where(assign_folds(pool, 4, 0) == 0, "validation", "train"))
    options = {"folds": 2, "weights": weight_file("toy"), "progress": stop_before_the_heads}
    with pytest.raises(Divided):
        train_folds(dataset, tmp_path / "run", RECIPE, **options)
    sides = pd.read_csv(tmp_path / "run" / "splits.csv").set_index("image")
    expected = dataset.table.set_index("image")["split"]
    assert (sides["split"] == expected.reindex(sides.index)).all()
    assert sides.loc[sides["split"] == "validation", "fold"].isna().all()
    assert set(sides.loc[sides["split"] == "train", "fold"]) == {0, 1}


def test_heads_differ_by_what_they_learned_from(ensemble, pixels):
    out, _ = ensemble
    network = open_network(out / "model.keras", BACKBONES["toy"])
    kernels = [
        network.head.get_layer(f"{prefix}head_dense_1").get_weights()[0]
        for prefix in list_head_prefixes(network.head)
    ]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


@pytest.mark.parametrize("tta", [False, True])
def test_calibration_threshold_and_scores_are_those_of_the_mean_that_is_served(ensemble, tta):
    out, _ = ensemble
    images, malignant = list_validation(out)
    predictor = Predictor(open_bundle(out), tta=tta)
    answers = list(predictor.infer(images))
    fitted = fit_platt(np.array([answer.logit for answer in answers]), malignant.astype(int))
    assert predictor.decider.calibration.kind == "platt"
    assert predictor.decider.calibration.slope == pytest.approx(fitted.slope, rel=1e-3)
    assert predictor.decider.calibration.intercept == pytest.approx(fitted.intercept, abs=1e-3)
    probability = np.array([answer.prediction.probability for answer in answers])
    np.testing.assert_allclose(
        np.sort(probability[~malignant]), predictor.decider.reference.benign, atol=1e-4
    )
    np.testing.assert_allclose(
        np.sort(probability[malignant]), predictor.decider.reference.malignant, atol=1e-4
    )


def test_validation_scores_are_those_of_what_is_served(ensemble):
    out, training = ensemble
    images, _ = list_validation(out)
    served = {answer.image: answer.probability for answer in Predictor(open_bundle(out)).predict(images)}
    table = training.validation.table
    np.testing.assert_allclose(table["probability"], table["image"].map(served), atol=1e-4)


def test_what_a_run_of_folds_knows_says_what_was_validation(ensemble):
    out, _ = ensemble
    sides = pd.read_csv(out / "splits.csv")
    known = read_training_record(open_bundle(out)).recognise(
        sides["image"].tolist(), sides["sha256"].tolist()
    )
    assert [found.split for found in known] == sides["split"].tolist()


@pytest.mark.check
def test_the_mean_of_heads_is_calibrated_by_photographs_that_no_head_has_seen():
    """Of features that tell little: the mean is off, and the calibration mends it on fresh ones."""
    rng = np.random.default_rng(0)
    malignant = rng.integers(0, 2, 5900)
    signal = 0.25 * (2 * malignant[:, None] - 1) * (np.arange(60) < 12)
    features = (rng.normal(0, 1, (5900, 60)) + signal).astype(np.float32)
    training, validation, fresh = slice(0, 300), slice(300, 900), slice(900, 5900)
    recipe = find_head_recipe("seed", backbone="mobilenetv2", epochs=30)
    sample = LabelledFeatures(features[training], malignant[training])
    logits = np.zeros(5900)
    for fold in range(3):
        head, _ = train_head(recipe, sample, np.arange(300) % 3 == fold)
        logits += predict_logits(head, features) / 3
    groups = np.arange(5000)
    before = measure_calibration(malignant[fresh], expit(logits[fresh]), groups)
    probability = fit_platt(logits[validation], malignant[validation]).apply(logits[fresh])
    after = measure_calibration(malignant[fresh], probability, groups)
    assert abs(before.intercept) > 0.3  # P(malignant) is too high
    assert abs(after.slope - 1) < 0.2 and abs(after.intercept) < 0.2


def test_validation_is_in_no_fold_and_a_patient_in_one(ensemble, synthetic_lesions):
    out, training = ensemble
    sides = pd.read_csv(out / "splits.csv").set_index("image")
    dataset = load_dataset(synthetic_lesions)
    held_out = sides["split"] == "validation"
    assert training.validation.n == held_out.sum() and len(sides) == len(dataset)
    assert sides.loc[held_out, "fold"].isna().all() and set(sides.loc[~held_out, "fold"]) == {0, 1, 2}
    where = dataset.table["image"].map(sides["fold"].fillna(-1))
    assert (where.groupby(dataset.table["patient_id"]).nunique() == 1).all()


def test_the_limit_of_the_unknown_lets_the_held_out_pass(ensemble):
    _, training = ensemble
    refusals = training.validation.refusals
    assert refusals.out_of_distribution <= 0.05 * training.validation.n


def test_card_and_model_card_say_that_it_is_an_ensemble(ensemble):
    out, _ = ensemble
    card, words = json.loads((out / "card.json").read_text()), (out / "model_card.md").read_text()
    assert (
        card["ensemble"]["folds"] == 3
        and sum(card["ensemble"]["sizes"]) == card["data"]["training"] == 48 - card["data"]["validation"]
    )
    assert "each of 3 heads on one backbone" in words and "no ensemble" not in words
    assert "divided into 3 folds" in words and "no epoch was chosen on it" in words
    assert "optimistic: calibration, threshold and refusal were chosen" in words


def test_a_head_is_scored_on_the_fold_that_it_has_not_seen(ensemble):
    out, _ = ensemble
    card, history = json.loads((out / "card.json").read_text()), pd.read_csv(out / "history.csv")
    best = history.groupby("stage")["val_auroc"].max()
    assert card["ensemble"]["aurocs"] == pytest.approx(best.tolist())
    assert f"AUROC there {best.min():.3f} to {best.max():.3f}" in (out / "model_card.md").read_text()


def test_the_history_has_a_stage_for_each_fold(ensemble):
    out, _ = ensemble
    history = pd.read_csv(out / "history.csv")
    assert (
        history.groupby("stage").size().to_dict() == {"fold 0": 2, "fold 1": 2, "fold 2": 2}
        and not (out / "checkpoint").exists()
    )


def test_a_recipe_that_trains_the_backbone_is_refused(synthetic_lesions, tmp_path):
    with pytest.raises(UsageError, match="--folds with --finetune"):
        train_folds(synthetic_lesions, tmp_path / "run", find_head_recipe("best", finetune=True))
    assert not (tmp_path / "run").exists()


@pytest.mark.check
def test_a_training_of_folds_that_was_stopped_goes_on(
    synthetic_lesions, weight_file, ensemble, tmp_path, monkeypatch
):
    from lentigo.training.selection import ensemble as module

    seen, original = [], module.train_head

    def stop(*words):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(words[-1])
        return original(*words)

    monkeypatch.setattr(module, "train_head", stop)
    options = {"folds": 3, "weights": weight_file("toy")}
    with pytest.raises(KeyboardInterrupt):
        train_folds(synthetic_lesions, tmp_path / "run", RECIPE, **options)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="another folds"):
        train_folds(synthetic_lesions, tmp_path / "run", RECIPE, **options | {"folds": 4}, resume=True)
    train_folds(synthetic_lesions, tmp_path / "run", RECIPE, **options, resume=True)
    columns = ["stage", "epoch", "loss", "val_auroc"]
    whole, parted = (
        pd.read_csv(folder / "history.csv")[columns] for folder in (ensemble[0], tmp_path / "run")
    )
    pd.testing.assert_frame_equal(whole, parted, rtol=1e-3, atol=0.02)


def test_one_head_that_is_joined_alone_is_itself(pixels):
    from lentigo.models.networks.heads import build_head

    network = build_network(BACKBONES["toy"], "none")
    head = build_head(64, (0.8, 0.5), 0, "fold_00_")
    joined = join_heads(network, [head])
    np.testing.assert_allclose(
        joined.head(np.ones((1, 64), np.float32)), head(np.ones((1, 64), np.float32)), atol=1e-6
    )
