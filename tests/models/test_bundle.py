import json
import shutil

import pytest

from lentigo.errors import ModelError
from lentigo.models.bundle import open_bundle


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def test_a_run_is_the_whole_model(run):
    names = {path.name for path in run.iterdir()}
    assert {"card.json", "model.onnx", "model.keras", "history.csv", "splits.csv", "figures", "report.html", "reference.npz", "model_card.md"} == names


def test_the_card_says_what_the_model_is(run):
    card = open_bundle(run).card
    assert card["classes"] == ["benign", "malignant"] and card["recipe"]["name"] == "seed"
    assert {"threshold", "temperature", "metrics", "data", "libraries", "files", "disclaimer"} <= set(card)


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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": 1}'])
def test_a_damaged_card_is_named(copy, text):
    (copy / "card.json").write_text(text)
    with pytest.raises(ModelError, match=r"card.json: is damaged"):
        open_bundle(copy)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(ModelError, match="is no finished RUN"):
        open_bundle(tmp_path)
