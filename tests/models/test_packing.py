import json
import shutil

import numpy as np
import pandas as pd
import pytest
from packing import pack_bundle
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.errors import ModelError
from lentigo.evaluation.contamination import find_contamination
from lentigo.evaluation.training_duplicates import list_training_images
from lentigo.images.photographs import read_image
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import describe_bundle, find_bundle, open_bundle
from lentigo.models.exports.quantization import list_validation
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.training_record_files import read_training_record


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    return pack_bundle(open_bundle(run), tmp_path_factory.mktemp("packed"), licence="for research")


def test_half_as_large_and_nothing_of_the_training_photographs(run, packed):
    whole = sum((run / name).stat().st_size for name in ("model.onnx", "reference.npz"))
    assert sum((packed.folder / name).stat().st_size for name in packed.card["files"]) < 0.6 * whole
    assert {path.name for path in packed.folder.iterdir()} == {
        "card.json",
        "history.csv",
        "learned.npz",
        "model.onnx",
        "model_card.md",
        "reference.npz",
    }
    for name in ("card.json", "model_card.md"):
        text = (packed.folder / name).read_text()
        assert "synthetic_" not in text and str(run.parent.parent) not in text


def test_it_answers_as_the_run_does(run, packed, image):
    whole, small = (
        next(iter(Predictor(model, fp32=True).predict([image]))) for model in (run, packed.folder)
    )
    assert small.probability == pytest.approx(whole.probability, abs=0.01)
    assert (small.label, small.in_distribution) == (whole.label, whole.in_distribution)


def test_the_card_keeps_what_was_measured_and_names_its_origin(run, packed):
    card, before = open_bundle(packed.folder).card, open_bundle(run).card
    assert (
        card["metrics"] == before["metrics"]
        and card["packed_from"] == before["files"]["model.onnx"]
        and card["licence"] == "for research"
    )


def test_it_knows_its_photographs_without_their_names(run, packed):
    before, kept = read_training_record(open_bundle(run)), read_training_record(packed)
    assert len(kept) == len(pd.read_csv(run / "splits.csv")) and kept.not_known == 0
    np.testing.assert_array_equal(kept.hashes, before.hashes)
    np.testing.assert_array_equal(kept.uses, before.uses)
    assert list_validation(packed).empty and list_training_images(packed) == []


def test_it_finds_them_in_other_files(run, packed, tmp_path):
    table = pd.read_csv(run / "splits.csv")
    for label in ("benign", "malignant"):
        (tmp_path / label).mkdir()
    for number, (image, label) in enumerate(zip(table["image"], table["label"], strict=True)):
        Image.open(image).save(tmp_path / label / f"{number}.jpg", quality=85)
    found = find_contamination(packed, load_dataset(tmp_path))
    assert found.count("picture") == found.n == len(table) and found.count("file") == 0


def test_a_run_without_picture_hashes_gets_them_when_it_is_packed(run, tmp_path):
    old = shutil.copytree(run, tmp_path / "old")
    (old / "learned.npz").unlink()
    card = json.loads((old / "card.json").read_text())
    card["files"].pop("learned.npz")
    (old / "card.json").write_text(json.dumps(card))
    assert read_training_record(find_bundle(old)).not_known == len(pd.read_csv(run / "splits.csv"))
    assert read_training_record(pack_bundle(find_bundle(old), tmp_path / "packed")).not_known == 0


def test_what_info_says_of_it(packed):
    facts = describe_bundle(packed)
    assert (
        facts["backbone"] == "mobilenetv3small"
        and facts["licence"] == "for research"
        and 1 < facts["megabytes"] < 20
    )
    assert facts["results"]["validation"]["auroc"] == packed.card["metrics"]["validation"]["auroc"]


def test_training_starts_from_its_trunk(packed, image):
    network = start_network(BACKBONES["mobilenetv3small"], packed.folder, seed=3)
    pixels = read_image(image).pixels[None]
    embedding = Predictor(packed, fp32=True).session.run(pixels)["embedding"]
    assert np.allclose(
        network.feature_extractor(pixels), embedding, rtol=1e-3, atol=1e-3 * np.abs(embedding).max()
    )


def test_another_backbone_is_refused_with_the_cure(packed):
    with pytest.raises(
        ModelError,
        match=r"has the backbone mobilenetv3small, expected densenet121; add --backbone mobilenetv3small",
    ):
        start_network(BACKBONES["densenet121"], packed.folder)


def test_a_run_that_was_altered_is_not_packed(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"files": card["files"] | {"model.onnx": "0" * 64}}))
    with pytest.raises(ModelError, match="was altered"):
        pack_bundle(find_bundle(copy), tmp_path / "out")
