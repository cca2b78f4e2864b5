import json
import os
import shutil

import pytest

from lentigo.common.hashing import hash_file
from lentigo.errors import ModelError
from lentigo.models.bundle import Bundle, amend_bundle, describe_bundle, open_bundle
from lentigo.models.cards.card_schema import find_fault


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def test_a_run_is_the_whole_model(run):
    names = {path.name for path in run.iterdir()}
    assert {
        "card.json",
        "model.onnx",
        "model.keras",
        "history.csv",
        "splits.csv",
        "learned.npz",
        "figures",
        "report.html",
        "reference.npz",
        "model_card.md",
    } == names


def test_the_card_says_what_the_model_is(run):
    card = open_bundle(run).card
    assert card["classes"] == ["benign", "malignant"] and card["recipe"]["name"] == "seed"
    assert {"threshold", "calibration", "metrics", "data", "libraries", "files", "disclaimer"} <= set(card)


def test_an_altered_file_is_named(copy):
    with (copy / "model.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    with pytest.raises(ModelError, match=r"model.onnx: was altered"):
        open_bundle(copy)


def test_a_missing_file_is_named(copy):
    (copy / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model.onnx: is missing"):
        open_bundle(copy)


def test_a_newer_format_asks_for_an_update(copy):
    change_card(copy, format=99)
    with pytest.raises(ModelError, match="newer Lentigo"):
        open_bundle(copy)


def test_an_earlier_format_is_told_the_cure(copy):
    change_card(copy, format=1)
    with pytest.raises(ModelError, match=r"has format 1, expected 2; train again, or run .*upgrade_run\.py"):
        open_bundle(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": 2}'])
def test_a_damaged_card_is_named(copy, text):
    (copy / "card.json").write_text(text)
    with pytest.raises(ModelError, match=r"card.json: is damaged"):
        open_bundle(copy)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(ModelError, match="is no finished RUN"):
        open_bundle(tmp_path)


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("moment", range(5))
def test_a_run_is_valid_at_every_moment_of_a_change(copy, tmp_path, monkeypatch, moment):
    """Three writes of the card or of a file, each followed by the end; after the last there is none."""
    new = tmp_path / "new"
    new.mkdir()
    for name in ("history.csv", "model.onnx"):
        (new / name).write_bytes((copy / name).read_bytes() + b"\x32\x00")  # of a graph an empty description
    bundle, replace, calls = open_bundle(copy), os.replace, []

    def replace_until(source, target):
        if len(calls) == moment:
            raise Killed
        calls.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_until)
    if moment < 4:  # the card, two files, the card
        with pytest.raises(Killed):
            amend_bundle(bundle, sorted(new.iterdir()), outputs=["logit"])
    else:
        amend_bundle(bundle, sorted(new.iterdir()), outputs=["logit"])
    changed = open_bundle(copy)
    assert changed.outputs == (("logit",) if moment == 4 else ("logit", "embedding", "heatmap"))
    assert ("coming" in changed.card) == (moment in (1, 2, 3))


def test_a_change_may_drop_files(copy):
    (copy / "model.int8.xml").write_text("twin")
    bundle = amend_bundle(open_bundle(copy), [], drop=())
    bundle = Bundle(
        copy,
        bundle.card
        | {"files": bundle.card["files"] | {"model.int8.xml": hash_file(copy / "model.int8.xml")}},
    )
    amend_bundle(bundle, [], drop=("model.int8.xml", "model.int8.bin"))
    assert "model.int8.xml" not in open_bundle(copy).card["files"] and not (copy / "model.int8.xml").exists()


def test_a_card_without_a_classifier_needs_no_threshold(copy):
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(
        json.dumps(
            {key: value for key, value in card.items() if key not in ("threshold", "calibration")}
            | {"outputs": ["mask"]}
        )
    )
    assert open_bundle(copy).outputs == ("mask",)


def test_a_card_that_is_nested_too_deeply_is_one_line(tmp_path):
    (tmp_path / "card.json").write_text("[" * 100_000)
    with pytest.raises(
        ModelError, match=r"card\.json: is damaged \(lists or objects are nested too deeply\)"
    ):
        open_bundle(tmp_path)


def test_a_run_says_what_it_is(run):
    facts = describe_bundle(open_bundle(run))
    assert (
        facts["backbone"] == "mobilenetv3small"
        and 0 < facts["threshold"] < 1
        and facts["recipe"]["name"] == "seed"
        and facts["results"]
    )


def test_a_card_of_an_ensemble_and_of_mirrored_views_is_sound(run):
    card = json.loads((run / "card.json").read_text())
    assert find_fault(card | {"best_epoch": [2, 2, 1]}) == ""
    assert "best_epoch" in find_fault(card | {"best_epoch": ["last"]})
    isotonic = {"kind": "isotonic", "knots": [1.0, 0.0], "values": [0.1, 0.9], "n": 9}
    assert "ascending" in find_fault(card | {"tta": {"threshold": 0.5, "calibration": isotonic}})
