import json
import shutil

import numpy as np
import pandas as pd
import pytest

from lentigo.data.manifests import load_dataset
from lentigo.data.photos import read_photo
from lentigo.errors import ModelError
from lentigo.evaluation.analysis import find_overlap
from lentigo.evaluation.copies import list_known
from lentigo.inference.prediction import Predictor
from lentigo.models.backbones import BACKBONES
from lentigo.models.bundle import describe_bundle, find_bundle, open_bundle, read_sides
from lentigo.models.graph_weights import start_network
from lentigo.models.packing import pack_bundle
from lentigo.models.quantization import list_validation


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    return pack_bundle(open_bundle(run), tmp_path_factory.mktemp("packed"), licence="for research")


def test_half_as_large_and_nothing_of_the_training_photographs(run, packed):
    whole = sum((run / name).stat().st_size for name in ("model.onnx", "reference.npz"))
    assert sum((packed.folder / name).stat().st_size for name in packed.card["files"]) < 0.6 * whole
    assert {path.name for path in packed.folder.iterdir()} == {"card.json", "history.csv", "model.onnx", "model_card.md", "reference.npz", "splits.csv"}
    for name in ("card.json", "model_card.md", "splits.csv"):
        text = (packed.folder / name).read_text()
        assert "phantom_" not in text and str(run.parent.parent) not in text


def test_it_answers_as_the_run_does(run, packed, photo):
    whole, small = (next(iter(Predictor(model, exact=True).predict([photo]))) for model in (run, packed.folder))
    assert small.probability == pytest.approx(whole.probability, abs=0.01)
    assert (small.label, small.in_distribution) == (whole.label, whole.in_distribution)


def test_the_card_keeps_what_was_measured_and_names_its_origin(run, packed):
    card, before = open_bundle(packed.folder).card, open_bundle(run).card
    assert card["metrics"] == before["metrics"] and card["packed_from"] == before["files"]["model.onnx"] and card["licence"] == "for research"


def test_it_knows_the_sides_by_hashes_alone(run, packed):
    kept, before = pd.read_csv(packed.folder / "splits.csv"), pd.read_csv(run / "splits.csv")
    assert list(kept) == ["sha256", "split"] and kept.set_index("sha256")["split"].to_dict() == before.set_index("sha256")["split"].to_dict()
    assert read_sides(packed.folder) == read_sides(run) and list_validation(packed).empty and list_known(packed, []) == []
    seen = packed.folder.parent / "seen.csv"
    before[["image", "label"]].to_csv(seen, index=False)
    assert len(find_overlap(packed, load_dataset(seen))) == len(before)


def test_what_info_says_of_it(packed):
    facts = describe_bundle(packed)
    assert facts["backbone"] == "mobilenetv2" and facts["licence"] == "for research" and 1 < facts["megabytes"] < 20
    assert facts["results"]["validation"]["auroc"] == packed.card["metrics"]["validation"]["auroc"]


def test_training_starts_from_its_trunk(packed, photo):
    network = start_network(BACKBONES["mobilenetv2"], packed.folder, seed=3)
    pixels = read_photo(photo).pixels[None]
    embedding = Predictor(packed, exact=True).session.answer(pixels)["embedding"]
    assert np.allclose(network.trunk(pixels), embedding, rtol=1e-3, atol=1e-3 * np.abs(embedding).max())


def test_another_backbone_is_refused_with_the_cure(packed):
    with pytest.raises(ModelError, match=r"has a trunk of mobilenetv2, expected one of densenet121; add --backbone mobilenetv2"):
        start_network(BACKBONES["densenet121"], packed.folder)


def test_a_run_that_was_altered_is_not_packed(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"files": card["files"] | {"model.onnx": "0" * 64}}))
    with pytest.raises(ModelError, match="was altered"):
        pack_bundle(find_bundle(copy), tmp_path / "out")
