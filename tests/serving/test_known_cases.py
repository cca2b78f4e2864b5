"""Similar known lesions over HTTP: which are shown, what is told of them, and what is kept."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from served import Served, encode

from lentigo.errors import ModelError
from lentigo.inference.similarity.case_indexing import index_cases
from lentigo.serving.predictions.inference_pool import InferencePool

COLOURS = {"nevus": (120, 80, 60), "melanoma": (40, 30, 60)}  # the toy's embedding is the mean colour


@pytest.fixture(scope="module")
def known(toy_run, tmp_path_factory):
    """An index of three photographs of each diagnosis, each of a patient of its own."""
    folder = tmp_path_factory.mktemp("colours")
    rows = []
    for diagnosis, colour in COLOURS.items():
        for number in range(3):
            path = folder / f"Erika {diagnosis} {number}.png"
            Image.new("RGB", (32, 32), tuple(np.add(colour, number))).save(path)
            label = "malignant" if diagnosis == "melanoma" else "benign"
            rows.append([str(path), label, diagnosis, f"{diagnosis} {number}", "CC-0"])
    columns = ["image", "label", "diagnosis", "patient_id", "license"]
    index_cases(pd.DataFrame(rows, columns=columns), folder / "known", toy_run())
    return folder / "known"


@pytest.fixture(scope="module")
def served(known, toy_run, tmp_path_factory):
    pool = InferencePool(toy_run(), similar=2, index=known)
    with Served(f"sqlite:///{tmp_path_factory.mktemp('served')}/store.db", pool) as served:
        yield served


def draw(diagnosis, more=7):
    return encode(Image.new("RGB", (40, 40), tuple(np.add(COLOURS[diagnosis], more))), "PNG")


def test_the_nearest_known_lesions_are_told_and_kept_with_the_prediction(served):
    said = served.send(draw("melanoma")).json()["predictions"][0]
    assert [case["diagnosis"] for case in said["similar"]] == ["melanoma"] * 2
    assert said["similar"][0]["license"] == "CC-0" and said["similar"][0]["similarity"] > 0.99
    assert served.get(f"/v1/predictions/{said['id']}").json()["similar"] == said["similar"]


def test_neither_paths_nor_patients_of_known_lesions_are_told(served):
    said = served.send(draw("nevus")).text + served.get("/v1/models").text
    assert "Erika" not in said and "patient" not in said


def test_known_lesions_of_the_patient_are_left_out_and_the_id_is_not_kept(served):
    first = served.send(draw("nevus", 0)).json()["predictions"][0]["similar"][0]
    sent = served.send(draw("nevus", 0), patient_id=" nevus 0 ").json()["predictions"][0]
    assert first["sha256"] != sent["similar"][0]["sha256"]
    assert "nevus 0" not in json.dumps(served.get(f"/v1/predictions/{sent['id']}").json())


def test_another_patient_under_the_same_key_is_another_request(served):
    served.send(draw("nevus", 3), key="one", patient_id="nevus 1")
    assert served.send(draw("nevus", 3), key="one", patient_id="nevus 1").status_code == 200
    assert served.send(draw("nevus", 3), key="one", patient_id="nevus 2").status_code == 409


def test_a_thumbnail_is_found_by_the_hash_of_its_photograph(served, known):
    path = known.with_name("Erika nevus 1.png")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert served.get(f"/v1/cases/{digest}/thumbnail").content.startswith(b"\xff\xd8")
    missing = served.get(f"/v1/cases/{'0' * 64}/thumbnail")
    assert missing.status_code == 404 and "no photograph with that hash" in missing.json()["detail"]


def test_the_model_tells_which_known_lesions_are_shown(served):
    facts = served.get("/v1/models").json()["models"][0]["known_cases"]
    assert facts == {
        "data": "DataFrame",
        "n": 6,
        "n_malignant": 3,
        "diagnoses": {"nevus": 3, "melanoma": 3},
        "licenses": {"CC-0": 6},
    }


def test_an_index_of_another_model_is_refused_before_anything_is_served(known, toy_run):
    with pytest.raises(ModelError, match="was made with the model"):
        InferencePool(toy_run("logit", "embedding"), similar=2, index=known)
