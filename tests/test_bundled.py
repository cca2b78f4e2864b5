"""The weights that come with the package."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import lentigo
from lentigo.errors import ModelError
from lentigo.models import bundle
from lentigo.models.bundle import BUNDLED, open_bundle
from lentigo.models.networks.backbones import BACKBONES


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the bundled weights that answers to their name."""
    folder = shutil.copytree(BUNDLED, tmp_path / "bundled")
    monkeypatch.setattr(bundle, "BUNDLED", folder)
    return folder


def test_they_are_small_and_say_what_they_are_for():
    card = open_bundle("bundled").card
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) <= 20e6
    assert "non-commercial" in card["licence"] and "not a medical device" in card["disclaimer"]
    assert {"validation"} <= set(card["metrics"]) and card["backbone"] in BACKBONES


def test_a_photograph_is_answered_without_naming_a_model(image):
    prediction = lentigo.predict(image)
    assert 0 <= prediction.probability <= 1 and prediction.model.startswith("bundled@")


def test_noise_is_no_lesion(tmp_path):
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(
        tmp_path / "noise.png"
    )
    prediction = lentigo.predict(tmp_path / "noise.png")
    assert prediction.label == "uncertain" and prediction.in_distribution is False


def test_a_replaced_graph_is_refused(copy, image):
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"model\.onnx: was altered"):
        lentigo.predict(image)


def test_a_newer_format_is_refused(copy, image):
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"format": 99}))
    with pytest.raises(ModelError, match=r"made by a newer Lentigo \(format 99"):
        lentigo.predict(image)


def test_without_them_the_cure_is_named(copy, image):
    shutil.rmtree(copy)
    with pytest.raises(ModelError, match=r"bundled: is no finished RUN"):
        lentigo.predict(image)


def test_a_cache_that_cannot_be_written_stops_nobody(image, tmp_path):
    (tmp_path / "file").write_text("in the way")
    call = [sys.executable, "-m", "lentigo", "predict", str(image), "--json"]
    done = subprocess.run(
        call,
        capture_output=True,
        text=True,
        env=os.environ | {"LENTIGO_CACHE": str(tmp_path / "file" / "cache")},
    )
    assert done.returncode == 0 and json.loads(done.stdout)["label"] in ("benign", "malignant", "uncertain")


def test_info_names_them():
    done = subprocess.run(
        [sys.executable, "-m", "lentigo", "info", "--json"], capture_output=True, text=True, check=True
    )
    facts = json.loads(done.stdout)["bundled"]
    assert (
        facts["name"] == open_bundle("bundled").name
        and facts["megabytes"] <= 20
        and facts["results"]["validation"]["n"] > 100
    )
