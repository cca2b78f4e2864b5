"""A training without some sources, and with a diagnosis beside the class."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest

from lentigo.datasets.dataset import Dataset
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.report import write_report
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import open_bundle
from lentigo.training.holdout import set_aside
from lentigo.training.recipe_lookup import find_recipe
from lentigo.training.trainer import train

pytestmark = pytest.mark.usefixtures("toy_backbone")
LINEAR = {"head": "linear", "freeze": 0.3}
RECIPE = find_recipe(
    "best", backbone="toy", epochs=1, lowres_epochs=0, head_epochs=0, views=16, batch_size=8,
    balance="source", diagnosis="diagnosis", clip_norm=1.0, resampling=0.5, artefacts=0.2, **LINEAR,
)  # fmt: skip


@pytest.fixture(scope="module")
def manifest(synthetic_lesions, tmp_path_factory):
    """The drawn lesions as three sources with diagnoses; one lesion stands in two of them."""
    dataset = load_dataset(synthetic_lesions)
    table = dataset.table[["image", "label"]].copy()
    table["image"] = [str(image) for image in table["image"]]
    table["source"] = np.array(["clinic", "phone", "screening"])[np.arange(len(table)) % 3]
    table["diagnosis"] = np.where(table["label"] == "malignant", "melanoma", "nevus")
    table["lesion_id"] = [f"L{row}" for row in range(len(table))]
    table.loc[1, "lesion_id"] = "L0"
    path = tmp_path_factory.mktemp("sources") / "manifest.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def training(manifest, weight_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "without"
    return train(manifest, out, RECIPE, weights=weight_file("toy"), holdout_sources=["phone"])


def test_nothing_of_the_source_is_learned(training, manifest):
    learned = set(pd.read_csv(training.bundle.folder / "splits.csv")["image"])
    table = pd.read_csv(manifest)
    assert not learned & set(table.loc[table["source"] == "phone", "image"])


def test_a_lesion_of_the_source_is_learned_from_no_other_source(training, manifest):
    learned = set(pd.read_csv(training.bundle.folder / "splits.csv")["image"])
    table = pd.read_csv(manifest)
    shared = table.loc[(table["lesion_id"] == "L0") & (table["source"] != "phone"), "image"]
    assert len(shared) and not learned & set(shared)


def test_the_run_is_measured_on_the_source(training):
    assert training.holdouts["phone"].n == 16
    assert training.bundle.card["metrics"]["without phone"]["n"] == 16


def test_the_graph_gives_a_diagnosis_that_adds_up_to_one(training, synthetic_lesions):
    graph = onnx.load(training.bundle.graph).graph
    shapes = {
        output.name: [d.dim_value for d in output.type.tensor_type.shape.dim][1:] for output in graph.output
    }
    assert shapes["diagnosis"] == [len(DIAGNOSES)]
    answer = next(
        iter(Predictor(training.bundle, fp32=True).session.stream([np.full((224, 224, 3), 120, np.uint8)]))
    )
    assert answer["diagnosis"].sum() == pytest.approx(1, abs=1e-5)


def test_the_saved_model_keeps_the_diagnosis(training):
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network

    network = open_network(training.bundle.folder / "model.keras", find_backbone("toy"))
    assert network.diagnosis is not None
    assert open_bundle(training.bundle.folder).outputs[-1] == "diagnosis"


def test_an_unknown_source_is_an_error_that_lists_those_that_are_there(manifest):
    with pytest.raises(UsageError, match="expected one of clinic, phone, screening"):
        set_aside(load_dataset(manifest), ["telephone"])


def test_a_data_set_without_sources_is_an_error(manifest):
    dataset = load_dataset(manifest)
    with pytest.raises(DataError, match="no column 'source'"):
        set_aside(Dataset(dataset.name, dataset.table.drop(columns="source")), ["phone"])


def test_a_data_set_of_one_source_leaves_nothing_to_learn_from(manifest):
    with pytest.raises(DataError, match="another source to learn from"):
        set_aside(load_dataset(manifest).assign(source="phone"), ["phone"])


def test_a_diagnosis_that_the_data_do_not_have_is_an_error(synthetic_lesions, tmp_path):
    with pytest.raises(DataError, match="no column 'diagnosis'"):
        train(synthetic_lesions, tmp_path / "run", RECIPE, weights="none")


def test_a_diagnosis_needs_a_backbone_that_learns(manifest, tmp_path):
    with pytest.raises(UsageError, match="backbone that learns"):
        train(
            manifest,
            tmp_path / "run",
            find_recipe("seed", backbone="toy", diagnosis="diagnosis"),
            weights="none",
        )


def test_a_linear_head_is_one_layer(training):
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network

    network = open_network(training.bundle.folder / "model.keras", find_backbone("toy"))
    assert [layer.name for layer in network.head.layers[1:]] == ["head_dropout_1", "logit"]


def test_the_heatmap_of_a_linear_head_is_its_weights_on_the_features(training):
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import open_network
    from lentigo.models.networks.output_models import build_export_model

    network = open_network(training.bundle.folder / "model.keras", find_backbone("toy"))
    photograph = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    answers = build_export_model(network)(photograph)
    kernel, bias = network.head.get_layer("logit").get_weights()
    assert np.asarray(answers["heatmap"]).sum() == pytest.approx(
        float((np.asarray(answers["embedding"]) @ kernel)[0, 0]), rel=1e-4
    )
    assert float(answers["logit"][0, 0]) == pytest.approx(
        float(np.asarray(answers["heatmap"]).sum() + bias[0]), rel=1e-4, abs=1e-5
    )


def test_the_card_lists_the_output(training):
    assert json.loads((training.bundle.folder / "card.json").read_text())["outputs"][-1] == "diagnosis"


def test_the_card_and_the_report_say_how_well_diagnoses_are_told_apart(training, manifest, tmp_path):
    scores = training.bundle.card["metrics"]["validation"]["diagnoses"]
    assert set(scores["each"]) == {"melanoma", "nevus"} and 0 <= scores["balanced_accuracy"] <= 1
    assert "## Diagnoses on validation" in (training.bundle.folder / "model_card.md").read_text()
    predictor = Predictor(training.bundle, fp32=True)
    assessment = evaluate(predictor, manifest, split="all", duplicates=False)
    assert assessment.to_json()["diagnoses"]["n"] == assessment.n
    page = write_report(training.bundle, assessment, tmp_path / "figures")
    assert "The seven diagnoses" in page and "basal cell carcinoma" in page
