"""An index of known lesions, and the search for the ones that are like a photograph."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from json_schemas import hold_schema
from PIL import Image

import lentigo
from lentigo.errors import ModelError, UsageError
from lentigo.inference.similarity.case_index import open_index
from lentigo.models.bundle import open_bundle

COLOURS = {"nevus": (120, 80, 60), "melanoma": (40, 30, 60), "dermatofibroma": (180, 120, 110)}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Photographs whose embedding in the toy is their mean colour: five of each diagnosis, two of a lesion."""
    folder = tmp_path_factory.mktemp("colours")
    rows = []
    for diagnosis, colour in COLOURS.items():
        for number in range(5):
            path = folder / f"{diagnosis}_{number}.png"
            Image.new("RGB", (32, 32), tuple(np.add(colour, number))).save(path)
            rows.append(
                {
                    "image": str(path),
                    "label": "malignant" if diagnosis == "melanoma" else "benign",
                    "diagnosis": diagnosis,
                    "patient_id": f"{diagnosis}_{number}",
                    "lesion_id": f"{diagnosis}_{max(number, 1)}",
                    "license": "CC-0",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def known(frame, toy_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("index") / "known"
    lentigo.index_cases(frame, out, toy_run())
    return out


def draw(diagnosis):
    return np.full((40, 40, 3), np.add(COLOURS[diagnosis], 7), np.uint8)


def test_the_nearest_known_lesions_are_of_the_same_colour(known, toy_run):
    for diagnosis in COLOURS:
        prediction = lentigo.predict(draw(diagnosis), toy_run(), similar=3, index=known)
        assert [case.diagnosis for case in prediction.similar] == [diagnosis] * 3
        similarities = [case.similarity for case in prediction.similar]
        assert similarities == sorted(similarities, reverse=True) and similarities[0] > 0.99
        assert prediction.similar[0].license == "CC-0" and prediction.similar[0].thumbnail.startswith(
            b"\xff\xd8"
        )


def test_of_one_lesion_one_photograph_is_shown(known, toy_run):
    prediction = lentigo.predict(draw("nevus"), toy_run(), similar=15, index=known)
    assert len(prediction.similar) == 12  # 15 photographs, 2 of each of 3 lesions


def test_the_photograph_itself_and_those_of_its_patient_are_left_out(known, toy_run, frame):
    path = frame["image"][4]
    shown = lentigo.predict(path, toy_run(), similar=5, index=known).similar
    assert path not in [case.image for case in shown]
    others = lentigo.predict(path, toy_run(), similar=5, index=known, patient_id="nevus_3").similar
    assert frame["image"][3] in [case.image for case in shown]
    assert frame["image"][3] not in [case.image for case in others] and len(others) == 5


def test_an_index_of_another_model_is_refused(known, toy_run):
    other = toy_run("logit", "embedding")
    with pytest.raises(
        ModelError, match=r"was made with the model .*lentigo index DATA --out .* --model RUN"
    ):
        lentigo.predict(draw("nevus"), other, similar=3, index=known)


def test_a_damaged_index_is_refused(known, toy_run, tmp_path):
    folder = shutil.copytree(known, tmp_path / "known")
    (folder / "cases.json").write_text("[]")
    with pytest.raises(ModelError, match=r"damaged \(cases\.json has changed\)"):
        open_index(folder, open_bundle(toy_run()))
    with pytest.raises(ModelError, match="holds no index of known cases"):
        open_index(tmp_path, open_bundle(toy_run()))


@pytest.mark.parametrize("options", [{"similar": 3}, {"similar": 1000}, {"similar": -1}])
def test_a_number_without_an_index_or_without_sense_is_refused(known, toy_run, options):
    index = None if options["similar"] == 3 else known
    with pytest.raises(UsageError, match="similar"):
        lentigo.predict(draw("nevus"), toy_run(), index=index, **options)


def test_an_index_does_not_take_the_place_of_another(known, frame, toy_run):
    with pytest.raises(UsageError, match="is there already"):
        lentigo.index_cases(frame, known, toy_run())


def test_the_command_line_makes_and_searches_an_index(lentigo, frame, toy_run, tmp_path):
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    (tmp_path / "bad.png").write_bytes(b"no photograph")
    made = lentigo(
        "index", tmp_path / "manifest.csv", "--out", tmp_path / "known", "--model", toy_run(), "--json"
    )
    assert made.returncode == 0
    indexed = json.loads(made.stdout)
    hold_schema("index", "lentigo index --json", [indexed])
    assert indexed["diagnoses"]["nevus"] == 5
    words = [
        "predict",
        frame["image"][0],
        "--model",
        toy_run(),
        "--similar",
        2,
        "--index",
        tmp_path / "known",
    ]
    shown = lentigo(*words, "--json", "--csv", tmp_path / "table.csv")
    entry = json.loads(shown.stdout)["similar"][0]
    assert set(entry) == {"image", "label", "diagnosis", "similarity", "source", "license"}
    assert entry["diagnosis"] == "nevus"
    assert "nevus (benign), similarity" in pd.read_csv(tmp_path / "table.csv")["similar"][0]
    assert "like nevus (benign), similarity" in lentigo(*words).stdout
    assert "similar cases" in lentigo(*words[:-2], "--json").stderr


def test_a_notebook_shows_them(known, toy_run):
    html = lentigo.predict([draw("nevus")], toy_run(), similar=3, index=known)._repr_html_()
    assert html.count("<img") == 4 and "nevus (benign), similarity" in html
