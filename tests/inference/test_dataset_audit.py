"""The audit with the bundled weights: learned artefacts are looked for, by class and by source."""

import pickle
import shutil

import numpy as np
import pandas as pd
import pytest

import lentigo
from lentigo.audit.report import write_audit
from lentigo.errors import ModelError
from lentigo.images.artefacts.artefact_detection import KINDS
from lentigo.inference.auditing import artefact_embedding
from lentigo.inference.auditing.artefact_embedding import open_artefact_detector
from lentigo.models.bundle import ARTEFACT_HEAD, BUNDLED, amend_bundle, open_bundle


@pytest.fixture(scope="module")
def detector():
    return open_artefact_detector("bundled")


@pytest.fixture(scope="module")
def few(synthetic_lesions):
    """Two synthetic lesions of each class."""
    images = [
        *sorted(synthetic_lesions.glob("benign/*.jpg"))[:2],
        *sorted(synthetic_lesions.glob("malignant/*.jpg"))[:2],
    ]
    return pd.DataFrame({"image": list(map(str, images)), "label": [image.parent.name for image in images]})


@pytest.fixture(scope="module")
def found(few):
    """The audit of four lesions of two sources."""
    return lentigo.audit(few.assign(source=["clinic", "archive", "clinic", "archive"]))


def test_the_bundled_head_goes_with_the_bundled_branch(detector):
    assert detector.embed(np.full((224, 224, 3), 128, np.uint8)).shape == (detector.head.embedding_size,)


def test_learned_kinds_are_rated_by_class_and_by_source(found, detector):
    facts = found.to_json()
    assert set(facts["artefacts"]) == {*KINDS, *detector.head.kinds} == set(facts["artefact_detectors"])
    assert set(facts["artefacts"]["hair"]) == {"all", "benign", "malignant"}
    assert set(facts["artefacts_by_source"]["hair"]) == {"all", "archive", "clinic"}


def test_the_report_shows_what_finds_each_kind_and_the_sources(found):
    page = write_audit(found)
    assert "By source" in page and "a learned head" in page


def test_without_a_model_image_processing_alone_is_used(few):
    found = lentigo.audit(few, model="none")
    assert tuple(found.artefact_detectors) == KINDS and not found.notes


def test_a_model_without_a_head_is_said(few, tmp_path):
    folder = shutil.copytree(BUNDLED, tmp_path / "copy")
    bundle = amend_bundle(open_bundle(folder), [], drop=[ARTEFACT_HEAD])
    found = lentigo.audit(few, model=bundle.folder)
    assert tuple(found.artefact_detectors) == KINDS
    assert "has no head for artefacts" in found.notes[-1]


def test_without_bundled_weights_image_processing_is_used(monkeypatch, tmp_path):
    monkeypatch.setattr(artefact_embedding, "BUNDLED", tmp_path)
    assert open_artefact_detector("bundled") is None


def test_the_detector_travels_to_a_worker(detector):
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    sent = pickle.loads(pickle.dumps(detector))
    assert np.array_equal(sent.embed(pixels), detector.embed(pixels))


def test_a_head_for_another_branch_is_refused(detector, tmp_path):
    folder = shutil.copytree(BUNDLED, tmp_path / "copy")
    head = detector.head
    stranger = type(head)(head.kinds, head.weights[1:], head.bias, head.limits)
    stranger.save(tmp_path / ARTEFACT_HEAD)
    amend_bundle(open_bundle(folder), [tmp_path / ARTEFACT_HEAD])
    with pytest.raises(ModelError, match="reads 255 numbers, but the graph's output reference has 256"):
        open_artefact_detector(folder)
