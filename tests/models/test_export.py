import json
import shutil
import sys

import numpy as np
import onnx
import openvino
import pandas as pd
import pytest
from onnx import numpy_helper

import lentigo
from lentigo.common.hashing import hash_file
from lentigo.errors import DataError, ModelError, UsageError
from lentigo.models.bundle import INT8_GRAPH, INT8_WEIGHTS, open_bundle
from lentigo.models.compilation import choose_precision
from lentigo.models.exports import agreement, quantization
from lentigo.models.exports.export import export
from lentigo.models.exports.formats import FORMATS
from lentigo.models.exports.output_comparison import MAX_IMAGES, choose_pixels, compare
from lentigo.models.exports.quantization import list_validation
from lentigo.models.runtime import Session

NAMES = {
    "onnx": "lesions.onnx",
    "openvino": "lesions.xml",
    "litert": "lesions.tflite",
    "savedmodel": "lesions",
}
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3)).astype("uint8")


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def change_card(folder, change):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def list_files(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


SLOW = "litert", "savedmodel"  # half a minute each
# Tests of the command line hold OpenVINO's answers in `make test`
IN_CHECK = (*SLOW, "openvino")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.check) if name in IN_CHECK else name for name in FORMATS]
)
def test_every_format_answers_as_the_keras_model_does(run, out, name):
    artefact = lentigo.export(run, name, out / NAMES[name])
    assert artefact.path == out / NAMES[name] and artefact.path.exists()
    assert artefact.largest_difference < 1e-4 and max(artefact.deviations.values()) < 1e-3
    assert artefact.photographs >= 16 and artefact.megabytes > 1
    answers = FORMATS[name].run(artefact.path, PIXELS)
    expected = {"logit": (3, 1), "embedding": (3, 576), "heatmap": (3, 7, 7)} | (
        {} if name in SLOW else {"middle": (3, 80)}
    )
    assert {key: value.shape for key, value in answers.items()} == expected


@pytest.mark.check
def test_real_photographs_give_the_same_probability(run, out, photographs):
    artefact = export(run, "openvino", out, images=photographs)
    assert artefact.photographs == MAX_IMAGES and artefact.largest_difference < 1e-4


def test_an_artefact_that_answers_otherwise_does_not_stay(copy, out):
    graph = onnx.load(copy / "model.onnx")
    last = next(node for node in graph.graph.node if "logit" in node.output)
    bias = next(constant for constant in graph.graph.initializer if constant.name == last.input[2])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    onnx.save(graph, copy / "model.onnx")
    change_card(copy, lambda card: card["files"].update({"model.onnx": hash_file(copy / "model.onnx")}))
    with pytest.raises(
        ModelError, match=r"format openvino: the probability differs from model.keras's by 0\.02"
    ):
        export(copy, "openvino", out)
    assert not out.exists() and [path.name for path in out.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "received",
    [
        {"embedding": np.ones((2, 4)), "heatmap": np.ones((2, 7, 7))},
        {"logit": np.full((2, 1), np.nan), "embedding": np.ones((2, 4)), "heatmap": np.ones((2, 7, 7))},
        {"logit": np.ones((1, 1)), "embedding": np.ones((2, 4)), "heatmap": np.ones((2, 7, 7))},
    ],
)
def test_an_answer_that_is_missing_no_number_or_misshapen_differs_infinitely(received):
    expected = {"logit": np.ones((2, 1)), "embedding": np.ones((2, 4)), "heatmap": np.ones((2, 7, 7))}
    assert compare(expected, received) == {"probability": np.inf, "embedding": 0, "heatmap": 0}


def test_a_logit_counts_by_its_probability():
    expected = {
        "logit": np.array([[0.0], [50.0]]),
        "embedding": np.ones((2, 4)),
        "heatmap": np.ones((2, 7, 7)),
    }
    assert compare(expected, {**expected, "logit": np.array([[0.01], [60.0]])})[
        "probability"
    ] == pytest.approx(0.0025, rel=1e-3)


def test_an_unknown_format_lists_the_known_ones(run, out):
    with pytest.raises(UsageError, match="expected one of onnx, openvino, litert, savedmodel"):
        export(run, "coreml", out)


@pytest.mark.parametrize(("format", "name"), [("onnx", "model.tflite"), ("savedmodel", "model.onnx")])
def test_a_name_of_another_format_is_refused(run, out, format, name):
    with pytest.raises(UsageError, match="is a name for another format"):
        export(run, format, out / name)


@pytest.mark.parametrize("taken", ["model.xml", "model.bin"])
def test_a_taken_place_is_refused(run, out, taken):
    out.mkdir()
    (out / taken).write_text("mine")
    for place in (out, out / "model.xml"):
        with pytest.raises(UsageError, match="is there already"):
            export(run, "openvino", place)
    assert (out / taken).read_text() == "mine"


def test_a_run_without_keras_model_is_named(copy, out):
    (copy / "model.keras").unlink()
    change_card(copy, lambda card: card["files"].pop("model.keras"))
    with pytest.raises(ModelError, match=r"has no model\.keras"):
        export(copy, "onnx", out)


@pytest.mark.parametrize(
    ("module", "format", "int8", "cure"),
    [
        ("lentigo.models.networks.network", "savedmodel", False, "lentigo[train]"),
        ("ai_edge_litert.interpreter", "litert", False, "lentigo[export]"),
        ("nncf", "openvino", True, "lentigo[export]"),
    ],
)
def test_a_missing_library_is_named_with_its_cure(copy, out, monkeypatch, module, format, int8, cure):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError) as caught:
        export(copy, format, out, int8=int8)
    assert f"pip install '{cure}" in str(caught.value) and not out.exists()


def test_synthetic_lesions_stand_in_for_photographs_that_are_gone(copy):
    splits = (copy / "splits.csv").read_text()
    (copy / "splits.csv").write_text(splits.replace(".jpg", ".gone"))
    bundle = open_bundle_again(copy)
    assert list_validation(bundle).empty and choose_pixels(bundle, None).shape == (16, 224, 224, 3)


def test_a_photograph_that_changed_is_not_taken_for_the_old_one(copy, tmp_path):
    bundle = open_bundle(copy)
    table = list_validation(bundle)
    splits = (copy / "splits.csv").read_text()
    (copy / "splits.csv").write_text(splits.replace(table["sha256"][0], "0" * 64))
    assert len(list_validation(open_bundle_again(copy))) == len(table) - 1


def test_photographs_to_compare_on_that_cannot_be_read_are_an_error(run, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no photograph")
    with pytest.raises(DataError, match="none of the 1 photographs"):
        choose_pixels(open_bundle(run), tmp_path / "bad.jpg")


def open_bundle_again(folder):
    change_card(folder, lambda card: card["files"].update({"splits.csv": hash_file(folder / "splits.csv")}))
    return open_bundle(folder)


def test_int8_of_the_trunk_is_kept_in_the_run_with_what_it_costs(copy, out, monkeypatch, capsys):
    monkeypatch.setattr(
        agreement, "MAX_AUROC_LOSS", 1.1
    )  # ten synthetic lesions and a random trunk: one pair is 0.04
    monkeypatch.setattr(agreement, "MIN_EQUAL_DECISIONS", 0.0)
    monkeypatch.setattr(agreement, "MAX_MEAN_DIFFERENCE", 1.0)
    artefact = export(copy, "openvino", out / "small.xml", int8=True)
    card = open_bundle(copy).card
    assert {path.name for path in out.iterdir()} == {"small.xml", "small.bin"}
    assert {INT8_GRAPH, INT8_WEIGHTS} <= set(card["files"]) and hash_file(out / "small.bin") == card["files"][
        INT8_WEIGHTS
    ]
    assert (
        card["int8"]["loss"]
        == artefact.int8.loss
        == card["int8"]["auroc_before"] - card["int8"]["auroc_after"]
    )
    assert card["int8"]["neutral"] and 0 <= card["int8"]["decisions_equal"] <= 1
    assert card["int8"]["n"] == len(list_validation(open_bundle(copy))) and len(card["int8"]["ci_after"]) == 2
    assert set(Session(copy / INT8_GRAPH).names) == {"logit", "embedding", "heatmap", "middle"}
    kinds, factors = list_kinds(copy / INT8_GRAPH)
    assert "FakeQuantize" in kinds
    assert factors and "FakeQuantize" not in factors  # the head stays as it is
    assert capsys.readouterr().out == ""
    with (copy / INT8_WEIGHTS).open("r+b") as file:
        file.write(b"?")
    with pytest.raises(ModelError, match=r"model\.int8\.bin: was altered"):
        open_bundle(copy)


@pytest.mark.check
def test_int8_that_changes_decisions_is_written_and_not_the_default(copy, out, monkeypatch):
    monkeypatch.setattr(agreement, "MIN_EQUAL_DECISIONS", 1.1)
    artefact = export(copy, "openvino", out / "small.xml", int8=True)
    bundle = open_bundle(copy)
    assert not artefact.int8.neutral and (out / "small.bin").is_file() and not (copy / INT8_GRAPH).exists()
    assert (
        bundle.card["int8"]["neutral"] is False
        and INT8_GRAPH not in bundle.card["files"]
        and choose_precision(bundle) != "int8"
    )


TABLE = pd.DataFrame({"label": ["benign", "malignant"] * 500, "group": range(1000)})
LOGITS = np.random.default_rng(0).normal(np.tile([-1.0, 1.0], 500), 1.0)


def test_int8_needs_decisions_that_stay():
    moved = np.where(np.arange(1000) < 6, -LOGITS, LOGITS)  # of 1,000 photographs
    assert compare_duplicate(LOGITS).neutral and compare_duplicate(LOGITS).decisions_equal == 1
    assert (
        compare_duplicate(moved).decisions_equal == pytest.approx(0.994)
        and not compare_duplicate(moved).neutral
    )


def test_int8_needs_an_auroc_whose_upper_limit_of_loss_is_small():
    high = np.flatnonzero(LOGITS > 1)
    mixed = LOGITS.copy()
    mixed[high] = np.random.default_rng(1).permutation(
        LOGITS[high]
    )  # far from the threshold: no decision changes
    loss = compare_duplicate(mixed)
    assert loss.decisions_equal == 1 and loss.loss < 0.002 < loss.ci_loss[1] and not loss.neutral


def test_int8_needs_probabilities_that_stay_since_it_has_no_calibration_of_its_own():
    shifted = LOGITS + 0.2 * np.sign(LOGITS)  # surer everywhere: no decision changes, and no rank
    loss = compare_duplicate(shifted)
    assert loss.decisions_equal == 1 and loss.loss == 0 and loss.mean_difference > 0.01 and not loss.neutral


def compare_duplicate(after):
    return quantization.compare(TABLE, LOGITS, after, 0.0, calibration=0, nncf="")


def test_int8_needs_the_validation_photographs(copy, out):
    splits = (copy / "splits.csv").read_text()
    (copy / "splits.csv").write_text(splits.replace(".jpg", ".gone"))
    open_bundle_again(copy)
    with pytest.raises(ModelError, match="no readable, unchanged validation photographs of both classes"):
        export(copy, "openvino", out, int8=True)


def test_only_openvino_has_an_int8_form(run, out):
    with pytest.raises(UsageError, match="expected --format openvino"):
        export(run, "onnx", out, int8=True)


def list_kinds(graph):
    """The kinds of all operations of a graph, and of what its matrix products multiply by."""
    kinds = set()
    factors = []
    for operation in openvino.Core().read_model(graph).get_ops():
        kinds.add(operation.get_type_name())
        if operation.get_type_name() == "MatMul":
            factors.append(operation.input_value(1).get_node().get_type_name())
    return kinds, factors
