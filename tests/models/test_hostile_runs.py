"""A RUN from somebody else: whatever its card says, it is used or refused in one line, and leads nowhere out
of its folder.
"""

import copy
import io
import json
import shutil
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lentigo.common.hashing import hash_file
from lentigo.errors import ModelError
from lentigo.evaluation.card.model_card import write_card
from lentigo.inference.decisions.calibration import read_calibration
from lentigo.inference.decisions.refusal import load_reference
from lentigo.models.bundle import (
    BUNDLED,
    CARD,
    GRAPH,
    LEARNED,
    REFERENCE,
    Bundle,
    describe_bundle,
    find_bundle,
    open_bundle,
)
from lentigo.models.cards.card_kinds import is_plain_name
from lentigo.models.external_data import list_external_files
from lentigo.models.sent_bundle import SentBundle
from lentigo.models.training_record_files import read_training_record
from lentigo.splits.leak_words import mark_leaks

OUTSIDE = [
    "../evil",
    "../../.bashrc",
    "/etc/cron.d/evil",
    "a/b",
    "a\\b",
    "..\\evil",
    "C:evil",
    "C:\\evil",
    "//host/share/x",
    ".",
    "..",
    "",
    " ",
    "x\0y",
    "x\ny",
    "\x1b[2J",
    "x" * 256,
    "nul",
    "CON.txt",
    "a.",
    "a ",
    "\ud800",
]
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(OUTSIDE),
    st.just(10**400),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.none() | st.text(max_size=4), max_size=2),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A copy of the bundled RUN, whose card holds every kind of entry, and its card."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(BUNDLED, folder)
    return folder, json.loads((folder / CARD).read_text())


def list_places(value, place=()):
    """The places of all entries of a card; of a list the first two items."""
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for name, item in inner:
        yield (*place, name)
        yield from list_places(item, (*place, name))


def change(card, place, value=None, *, drop=False):
    """A copy of a card with another value at a place, or without it."""
    card = copy.deepcopy(card)
    holder = card
    for name in place[:-1]:
        holder = holder[name]
    if drop:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return card


PLACES = sorted(list_places(json.loads((BUNDLED / CARD).read_text())), key=str)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.sampled_from(PLACES), value=HOSTILE, drop=st.booleans())
def test_a_card_that_was_changed_anywhere_is_used_or_refused_in_one_line(run, place, value, drop):
    folder, card = run
    (folder / CARD).write_text(json.dumps(change(card, place, value, drop=drop and value is None)))
    try:
        bundle = find_bundle(folder)
        float(bundle.card.get("alpha", 0.0))
        assert 0 <= bundle.threshold <= 1
        read_calibration(bundle.card["calibration"]).apply([0.0])
        facts = describe_bundle(bundle)
        json.dumps(facts, allow_nan=False).encode()
        mark_leaks(bundle.card).encode()
        write_card(bundle).encode()
    except ModelError as error:
        assert "\n" not in str(error)
        str(error).encode()


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("entry", ["files", "coming"])
def test_names_of_files_are_plain(run, tmp_path, name, entry):
    folder, card = run
    (tmp_path / "evil").write_text("evil")
    (folder / CARD).write_text(
        json.dumps(change(card, (entry,), card["files"] | {name: hash_file(tmp_path / "evil")}))
    )
    with pytest.raises(ModelError, match="is damaged"):
        open_bundle(folder)


@pytest.mark.parametrize("name", [name for name in OUTSIDE if not is_plain_name(name)])
def test_a_parcel_is_unpacked_into_its_own_folder(tmp_path, monkeypatch, name):
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "cache"))
    for parcel in (SentBundle("run", {name: b"evil"}), SentBundle(name, {"card.json": b"{}"})):
        with pytest.raises(ModelError, match="no plain name"):
            parcel.unpack()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": ' + "9" * 5000 + "}",
        '{"format": 1, "threshold": NaN}',
        '{"format": 1e999}',
        '{"format": true}',
        "null",
        '"card"',
        "\x00",
    ],
    ids=range(8),
)
def test_what_is_no_card_is_one_line(run, text):
    (run[0] / CARD).write_text(text)
    with pytest.raises(ModelError, match=r"card\.json: is damaged"):
        open_bundle(run[0])


# --- arrays


def list_damaged_arrays(path):
    """An `.npz` file damaged in many ways, by what was done."""
    content = path.read_bytes()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    name = next(iter(arrays))
    yield "empty", b""
    yield "half", content[: len(content) // 2]
    yield "no archive", b"arrays"
    yield "one array", content[:30] + content[200:]
    # The flags of the first member say that it is encrypted, or its way of packing is unknown
    yield "encrypted", content.replace(b"PK\x01\x02\x14\x00\x14\x00\x00", b"PK\x01\x02\x14\x00\x14\x00\x01")
    middle = bytearray(content)
    middle[len(content) // 2] ^= 0xFF
    yield "another byte", bytes(middle)
    for what, changed in {
        "missing": {key: value for key, value in arrays.items() if key != name},
        "words": arrays | {name: np.array(["x"])},
        "a pickle": arrays | {name: np.array([{}], dtype=object)},
        "no dimension": arrays | {name: np.array(3)},
        "other rows": {key: value[:1] if value.ndim else value for key, value in arrays.items()}
        | {name: arrays[name]},
        "not finite": {key: value * np.nan for key, value in arrays.items()},
    }.items():
        buffer = io.BytesIO()
        np.savez(buffer, **changed)
        yield what, buffer.getvalue()
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    header += (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000, 1000), }".ljust(117) + b"\n"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key in arrays:
            archive.writestr(f"{key}.npy", header)
    yield "a shape beyond all numbers", buffer.getvalue()
    listing = content.rindex(b"PK\x01\x02")
    yield (
        "a bomb",
        content[: listing + 24] + b"\xff\xff\xff\x7f" + content[listing + 28 :],
    )  # its size unpacked


@pytest.mark.parametrize("name", [REFERENCE, LEARNED])
def test_arrays_from_anybody_are_used_or_refused_in_one_line(tmp_path, name):
    shutil.copy(BUNDLED / name, tmp_path / name)
    bundle = Bundle(tmp_path, {"files": {}})
    refused = []
    for what, content in list_damaged_arrays(BUNDLED / name):
        (tmp_path / name).write_bytes(content)
        try:
            load_reference(tmp_path / name) if name == REFERENCE else read_training_record(bundle)
        except ModelError as error:
            assert "\n" not in str(error) and len(str(error)) < 500, what
            refused.append(what)
    assert set(refused) >= {"empty", "half", "missing", "words", "a pickle", "a bomb", "not finite"}


# --- weights in other files


def draw_graph(location, nested=False):
    """A graph that adds weights from another file, in the graph itself or in a branch within it."""
    from onnx import TensorProto, helper

    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4], b"\0" * 16, raw=True)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    if not nested:
        return helper.make_model(
            helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [output], [tensor])
        )
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["z"], value=tensor)],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [4])],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return helper.make_model(
        helper.make_graph([node], "g", [helper.make_tensor_value_info("c", TensorProto.BOOL, [])], [output])
    )


@pytest.mark.parametrize("nested", [False, True])
def test_files_that_weights_lie_in_are_found(tmp_path, nested):
    (tmp_path / GRAPH).write_bytes(draw_graph("../../etc/passwd", nested).SerializeToString())
    assert list_external_files(tmp_path / GRAPH) == {"../../etc/passwd"}


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "weights.bin"])
def test_weights_in_a_file_that_the_card_does_not_name_are_refused(toy_run, tmp_path, location):
    folder = copy_toy(toy_run, tmp_path, draw_graph(location).SerializeToString())
    with pytest.raises(ModelError, match="takes weights from"):
        open_bundle(folder)


def test_weights_in_a_file_of_the_run_are_hashed(toy_run, tmp_path):
    folder = copy_toy(toy_run, tmp_path, draw_graph("weights.bin").SerializeToString(), b"\0" * 16)
    open_bundle(folder)
    (folder / "weights.bin").write_bytes(b"\1" * 16)
    with pytest.raises(ModelError, match=r"weights\.bin: was altered"):
        open_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"\x0b", b"\x3a\xff", b"\xff" * 20, b"\x3a\x02\x7a\x05"])
def test_what_is_no_graph_is_one_line(toy_run, tmp_path, content):
    with pytest.raises(ModelError, match="is no ONNX graph"):
        open_bundle(copy_toy(toy_run, tmp_path, content))


def copy_toy(toy_run, tmp_path, graph, weights=None):
    """A RUN with another graph, and with a file of weights where there are some; its hashes are right."""
    folder = tmp_path / "copy"
    shutil.copytree(toy_run("logit"), folder)
    (folder / GRAPH).write_bytes(graph)
    if weights is not None:
        (folder / "weights.bin").write_bytes(weights)
    card = json.loads((folder / CARD).read_text())
    card["files"] = {path.name: hash_file(path) for path in folder.iterdir() if path.name != CARD}
    (folder / CARD).write_text(json.dumps(card))
    return folder
