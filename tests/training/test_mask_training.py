"""Training with masks: a decoder for a finished RUN, for one trained on the way, and alone."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from json_schemas import hold_schema

from lentigo.datasets.masks import load_masks
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.images.photographs import read_all
from lentigo.inference.prediction import predict
from lentigo.models.bundle import Bundle, open_bundle
from lentigo.models.runtime import Session
from lentigo.models.training_record import forget_everything
from lentigo.models.training_record_files import read_training_record
from lentigo.training.masks.mask_splits import choose_validation
from lentigo.training.masks.mask_stages import balance_drawings
from lentigo.training.masks.mask_training import train_masks
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.training_set import LeakPolicy

pytestmark = pytest.mark.usefixtures("toy_backbone")
ALONE = find_recipe(
    "seed",
    backbone="toy",
    epochs=1,
    mask_epochs=2,
    mask_width=8,
    batch_size=16,  # one batch, and so one graph to be traced
    ema=0.5,
    mask_learning_rate=0.01,
)
QUICK = dataclasses.replace(ALONE, backbone="mobilenetv2")  # a finished RUN has a backbone, whatever is asked


class Stopped(Exception):
    """Somebody pulled the plug."""


def stop_after(epochs: int):
    """A progress that ends the process's world when so many epochs of the decoder are done."""

    def watch(items, total=None, label=""):
        for number, item in enumerate(items):
            if label == "decoder" and number == epochs:
                raise Stopped
            yield item

    return watch


@pytest.fixture(scope="module")
def run(split_run, tmp_path_factory):
    """A finished RUN with a classifier on the toy backbone."""
    return shutil.copytree(split_run, tmp_path_factory.mktemp("classifier") / "run")


@pytest.fixture(scope="module")
def bare(synthetic_lesions, tmp_path_factory):
    """Sixteen synthetic lesions and masks without labels: a manifest that names them where they lie."""
    table = pd.read_csv(synthetic_lesions / "manifest.csv").drop(columns="label").head(16)
    for column in ("image", "mask"):
        table[column] = [str(synthetic_lesions / name) for name in table[column]]
    folder = tmp_path_factory.mktemp("bare")
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def stopped(run, bare, without_tracing, tmp_path_factory):
    """A copy of the RUN whose decoder was stopped after one epoch."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("stopped") / "run")
    with without_tracing(), pytest.raises(Stopped):
        train_masks(bare, folder, QUICK, progress=stop_after(1))
    return folder


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A RUN whose decoder the command has finished, and the object that it printed."""

    bundle: Bundle
    printed: dict


@pytest.fixture(scope="module")
def extended(lentigo, stopped, bare, without_tracing, tmp_path_factory):
    """The RUN with a decoder that was stopped after its first epoch, and resumed by the command."""
    home = tmp_path_factory.mktemp("extended")
    folder = shutil.copytree(stopped, home / "run")
    (home / "recipe.json").write_text(json.dumps(dataclasses.asdict(QUICK)))
    words = ("--masks", "--out", folder, "--recipe", home / "recipe.json", "--resume", "--json")
    with without_tracing():
        resumed = lentigo("train", bare, *words)
    assert resumed.returncode == 0, resumed.stderr
    return Resumed(open_bundle(folder), json.loads(resumed.stdout))


@pytest.fixture(scope="module")
def one_lacking(bare, tmp_path_factory):
    """The same, but for one photograph that has no mask."""
    table = pd.read_csv(bare / "manifest.csv")
    table.loc[0, "mask"] = None
    folder = tmp_path_factory.mktemp("one_lacking")
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def alone(one_lacking, weight_file, tmp_path_factory):
    """A RUN with a decoder and no classifier."""
    out = tmp_path_factory.mktemp("alone") / "run"
    return train_masks(one_lacking, out, ALONE, weights=weight_file("toy"))


def answer(folder, synthetic_lesions):
    images, _ = read_all(sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[:6])
    return Session(folder / "model.onnx", precision="f32").run(np.stack([image.pixels for image in images]))


# --- for a finished RUN


def test_the_classifier_stays_as_it_was_bit_for_bit(run, extended, synthetic_lesions):
    before, after = answer(run, synthetic_lesions), answer(extended.bundle.folder, synthetic_lesions)
    assert set(after) == {"logit", "embedding", "heatmap", "mask", "middle"}
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)


def test_the_run_is_whole_and_says_what_it_answers(run, extended):
    bundle, before = open_bundle(extended.bundle.folder), open_bundle(run)
    assert bundle.outputs == ("logit", "embedding", "heatmap", "mask") and before.outputs == (
        "logit",
        "embedding",
        "heatmap",
    )
    assert {
        key: value for key, value in bundle.card.items() if key not in ("files", "outputs", "decoder")
    } == {key: value for key, value in before.card.items() if key not in ("files", "outputs")}
    assert set(bundle.card["files"]) == {*before.card["files"], "masks.csv"}
    assert not (bundle.folder / "decoder").exists()


def test_the_card_says_how_the_decoder_was_made(extended):
    decoder = extended.bundle.card["decoder"]
    assert decoder["recipe"]["backbone"] == "toy" and decoder["recipe"]["mask_epochs"] == 2
    assert decoder["data"]["training"] + decoder["data"]["validation"] == 16
    assert decoder["validation"]["jaccard"] == extended.printed["masks"]["jaccard"]
    assert decoder["parameters"] > 0 and decoder["best_epoch"] in (1, 2)


def test_the_history_goes_on_with_scores_of_masks(run, extended):
    history, before = pd.read_csv(extended.bundle.folder / "history.csv"), pd.read_csv(run / "history.csv")
    pd.testing.assert_frame_equal(history.loc[: len(before) - 1, before.columns], before)
    rows = history.iloc[len(before) :]
    assert rows["stage"].tolist() == ["decoder", "decoder"] and rows[
        ["val_loss", "val_dice", "val_jaccard", "loss", "seconds"]
    ].notna().all(axis=None)
    assert (extended.bundle.folder / "figures" / "history_masks.png").is_file()


def test_the_model_card_ends_with_the_decoder_and_keeps_what_was_written_by_hand(run, extended):
    before, after = (
        (folder / "model_card.md").read_text("utf-8") for folder in (run, extended.bundle.folder)
    )
    assert after.startswith(before.rstrip()) and "## Outlines of lesions" in after[len(before.rstrip()) :]


def test_the_graph_says_what_a_mask_means(extended):
    import onnx

    doc = onnx.load(extended.bundle.graph).doc_string
    assert "P(malignant) =" in doc and doc.endswith("mask is P(lesion) of each pixel; lesion from 0.5 on.")


def test_a_decoder_that_was_stopped_leaves_a_valid_run(stopped, bare):
    assert open_bundle(stopped).outputs == ("logit", "embedding", "heatmap")
    with pytest.raises(UsageError, match="holds an unfinished decoder; go on with --resume, or remove"):
        train_masks(bare, stopped, QUICK)


def test_the_command_that_resumed_it_speaks_json(extended):
    hold_schema("train_masks", "lentigo train --masks --json", [extended.printed])
    assert extended.printed["run"] == str(extended.bundle.folder)


@pytest.mark.check
def test_a_decoder_that_was_never_stopped_comes_to_the_same_end(run, extended, bare, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    train_masks(bare, folder, QUICK)
    columns = ["loss", "val_loss", "val_dice", "val_jaccard"]
    first, second = (pd.read_csv(end / "history.csv")[columns] for end in (extended.bundle.folder, folder))
    np.testing.assert_allclose(second, first, rtol=1e-4)


@pytest.mark.check
def test_a_decoder_may_be_trained_again(extended, bare, synthetic_lesions, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(extended.bundle.folder, folder)
    again = train_masks(bare, folder, dataclasses.replace(QUICK, mask_epochs=1, seed=5))
    history = pd.read_csv(folder / "history.csv")
    assert (history["stage"] == "decoder").sum() == 1
    assert (folder / "model_card.md").read_text("utf-8").count("## Outlines of lesions") == 1
    before, after = (
        answer(extended.bundle.folder, synthetic_lesions),
        answer(again.bundle.folder, synthetic_lesions),
    )
    np.testing.assert_array_equal(after["logit"], before["logit"])
    assert (after["mask"] != before["mask"]).any()


@pytest.mark.check
def test_masks_of_the_test_split_stay_closed(run, bare, tmp_path):
    table = pd.read_csv(bare / "manifest.csv")
    table["split"] = np.where(
        table["patient_id"].isin(sorted(table["patient_id"].unique())[::3]), "test", "train"
    )
    for column, ending in (("image", "jpg"), ("mask", "png")):
        closed = tmp_path / f"closed.{ending}"
        closed.write_bytes(b"closed")
        table.loc[table["split"] == "test", column] = str(closed)
    table.to_csv(tmp_path / "manifest.csv", index=False)
    shutil.copytree(run, tmp_path / "run")
    training = train_masks(tmp_path, tmp_path / "run", dataclasses.replace(QUICK, mask_epochs=1))
    assert training.problems == () and training.bundle.card["decoder"]["data"]["training"] < 14


# --- alone


def test_without_labels_there_is_a_decoder_and_no_classifier(alone):
    bundle = open_bundle(alone.bundle.folder)
    assert bundle.outputs == ("embedding", "mask") and "threshold" not in bundle.card
    assert alone.validation.model == alone.bundle.name
    assert {path.name for path in bundle.folder.iterdir()} == {
        "card.json",
        "model.onnx",
        "model.keras",
        "learned.npz",
        "history.csv",
        "masks.csv",
        "model_card.md",
        "figures",
    }
    assert alone.classifier is None


def test_a_run_without_a_classifier_refuses_to_classify(alone, image):
    with pytest.raises(
        ModelError, match="expected a RUN with a classifier: `lentigo train PHOTOS --out RUN`"
    ):
        predict(image, alone.bundle.folder)


def test_its_model_card_speaks_of_outlines_alone(alone):
    text = (alone.bundle.folder / "model_card.md").read_text("utf-8")
    assert "## Outlines of lesions" in text and "P(malignant)" not in text


@pytest.mark.check
def test_a_trunk_may_learn_too(bare, weight_file, tmp_path):
    training = train_masks(
        bare,
        tmp_path / "run",
        dataclasses.replace(ALONE, mask_epochs=1),
        weights=weight_file("toy"),
        finetune=True,
    )
    assert pd.read_csv(tmp_path / "run" / "history.csv")["stage"].tolist() == ["decoder", "decoder and trunk"]
    assert training.bundle.card["trunk"] == "trained"


def test_a_trunk_does_not_learn_where_there_is_a_classifier(run, bare):
    with pytest.raises(UsageError, match="--finetune would change the classifier"):
        train_masks(bare, run, QUICK, finetune=True)


@pytest.mark.check
def test_a_stopped_training_goes_on(alone, one_lacking, weight_file, tmp_path):
    weights = weight_file("toy")
    with pytest.raises(Stopped):
        train_masks(one_lacking, tmp_path / "run", ALONE, weights=weights, progress=stop_after(1))
    with pytest.raises(ModelError, match="finish it with --resume"):
        open_bundle(tmp_path / "run")
    another = dataclasses.replace(ALONE, mask_epochs=3)
    with pytest.raises(UsageError, match="was started with another mask_epochs"):
        train_masks(one_lacking, tmp_path / "run", another, weights=weights, resume=True)
    resumed = train_masks(one_lacking, tmp_path / "run", ALONE, weights=weights, resume=True)
    assert resumed.validation.metrics["jaccard"] == pytest.approx(
        alone.validation.metrics["jaccard"], abs=1e-3
    )


# --- both


@pytest.mark.check
def test_with_labels_a_classifier_comes_first_and_shares_its_split(synthetic_lesions, weight_file, tmp_path):
    training = train_masks(synthetic_lesions, tmp_path / "run", ALONE, weights=weight_file("toy"))
    assert (
        training.bundle.outputs == ("logit", "embedding", "heatmap", "mask")
        and training.classifier.validation.n == training.validation.n
    )
    images, masks = (
        pd.read_csv(tmp_path / "run" / name).set_index("image")["split"].to_dict()
        for name in ("splits.csv", "masks.csv")
    )
    assert images == masks


def test_what_cannot_be_used_is_left_out_and_listed(alone):
    data = alone.bundle.card["decoder"]["data"]
    assert ["has no mask" in problem.error for problem in alone.problems] == [True]
    assert data["training"] + data["validation"] == 15


def test_the_run_knows_what_its_decoder_has_learned_from(extended, run, bare):
    learned, before = read_training_record(extended.bundle), read_training_record(open_bundle(run))
    masks = load_masks(bare)
    known = learned.recognise(masks.table["image"].tolist(), masks.digests, part="decoder")
    assert all(known) and {image.how for image in known} == {"file"} and learned.not_known == 0
    np.testing.assert_array_equal(learned.of_part("classifier").digests, before.digests)
    assert not before.of_part("decoder").total


# --- the split


def test_drawings_of_a_rare_source_are_shown_more_often(bare):
    masks = load_masks(bare)
    sources = np.where(np.arange(len(masks)) < 4, "rare", "common")
    common, rare = balance_drawings(masks.assign(source=sources), "source")
    assert rare.rows.tolist() == [0, 1, 2, 3]
    assert common.share / rare.share == pytest.approx((12 / 4) ** 0.5)
    assert balance_drawings(masks, "none") is None


def test_drawings_without_a_source_cannot_be_balanced_by_it(bare):
    masks = load_masks(bare)
    sources = [None, *["clinic"] * (len(masks) - 1)]
    with pytest.raises(DataError, match="some photographs name no source"):
        balance_drawings(masks.assign(source=sources), "source")


def test_no_patient_stands_on_both_sides(synthetic_lesions):
    masks = load_masks(synthetic_lesions)
    sides = (
        pd.Series(choose_validation(masks, QUICK, forget_everything()))
        .groupby(masks.table["patient_id"])
        .nunique()
    )
    assert (sides == 1).all()


def test_a_given_split_is_kept(synthetic_lesions):
    masks = load_masks(synthetic_lesions)
    first = masks.table.index < 9
    given = dataclasses.replace(masks, table=masks.table.assign(split=np.where(first, "validation", "train")))
    assert choose_validation(given, QUICK, forget_everything()).tolist() == first.tolist()


def test_one_group_is_too_few(synthetic_lesions):
    masks = load_masks(synthetic_lesions)
    with pytest.raises(DataError, match=r"of one group .* expected two at least"):
        choose_validation(masks.take(np.array([0])), QUICK, forget_everything())


def test_a_split_that_leaks_is_refused(bare, tmp_path):
    table = pd.read_csv(bare / "manifest.csv")
    table.assign(split=["train", "test"] * (len(table) // 2)).to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(DataError, match=r"patient_id: \d+.*same "):
        train_masks(tmp_path, tmp_path / "run", QUICK, leak_policy=LeakPolicy(duplicates=False))
