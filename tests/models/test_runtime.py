"""The runtime: precision, devices, the cache of compiled graphs, and graphs that are none of ours."""

import dataclasses
import multiprocessing
import os
import pickle
import shutil

import numpy as np
import pytest

from lentigo.common.cache import CacheWarning
from lentigo.common.user_folders import cache_folder
from lentigo.errors import ModelError, UsageError
from lentigo.models import compilation
from lentigo.models.bundle import GRAPH, INT8_GRAPH, INT8_WEIGHTS, open_bundle
from lentigo.models.compilation import choose_precision
from lentigo.models.engine import openvino
from lentigo.models.graphs.onnx_graph import save_onnx
from lentigo.models.networks.backbones import BACKBONES
from lentigo.models.networks.network import build_network
from lentigo.models.networks.output_models import build_export_model
from lentigo.models.runtime import Session, open_session

opset = openvino.opset13

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def graph(toy_backbone, weight_file, tmp_path_factory):
    """The graph of a network with five convolutions, as a RUN would hold it."""
    path = tmp_path_factory.mktemp("graph") / GRAPH
    save_onnx(build_export_model(build_network(BACKBONES["toy"], weight_file("toy"))), path)
    return path


@pytest.fixture
def capabilities(monkeypatch):
    """Sets what the processor is said to compute in."""

    def claim(*names):
        monkeypatch.setattr(compilation, "list_capabilities", lambda core=None: list(names))

    return claim


def with_card(bundle, **entries):
    return dataclasses.replace(bundle, card={**bundle.card, **entries})


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_the_size_of_a_batch_changes_no_answer(graph, batch):
    alone = Session(graph, precision="f32", batch=1).run(PIXELS)
    together = Session(graph, precision="f32", batch=batch).run(PIXELS)
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=1e-4, atol=1e-5)


def test_bf16_is_taken_only_where_the_card_vouches_for_it(run, capabilities):
    bundle = open_bundle(run)
    capabilities("FP32", "BF16")
    assert choose_precision(with_card(bundle, bf16={"neutral": True})) == "bf16"
    assert choose_precision(with_card(bundle, bf16={"neutral": False})) == "f32"
    assert choose_precision(with_card(bundle, bf16=None)) == "f32"
    assert choose_precision(with_card(bundle, bf16={"neutral": True}), fp32=True) == "f32"
    capabilities("FP32")
    assert choose_precision(with_card(bundle, bf16={"neutral": True})) == "f32"


def test_the_int8_duplicate_is_taken_where_the_card_lists_it(run, capabilities):
    bundle = open_bundle(run)
    duplicate = with_card(
        bundle,
        bf16={"neutral": True},
        int8={"neutral": True},
        files={**bundle.card["files"], INT8_GRAPH: "0", INT8_WEIGHTS: "0"},
    )
    capabilities("FP32", "BF16", "INT8")
    assert choose_precision(duplicate) == "int8" and choose_precision(duplicate, fp32=True) == "f32"
    for unknown in (
        {"neutral": False},
        {"loss": 0.001},
        None,
    ):  # of an older Lentigo, which looked at the AUROC alone
        assert choose_precision(with_card(duplicate, int8=unknown)) == "bf16"
    capabilities("FP32", "BF16")
    assert choose_precision(duplicate) == "bf16"


def test_onnxruntime_answers_as_openvino_does(run):
    ours = open_session(open_bundle(run), fp32=True).run(PIXELS)
    theirs = open_session(open_bundle(run), device="onnxruntime").run(PIXELS)
    assert set(ours) == set(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-3, atol=1e-4)


def test_a_device_that_is_not_there_or_unknown_is_named(run):
    with pytest.raises(
        ModelError, match=r"device directml is not there: ONNX Runtime offers .*CPU.*--device cpu"
    ):
        open_session(open_bundle(run), device="directml")
    with pytest.raises(UsageError, match="'tpu' is unknown; expected cpu, cuda"):
        open_session(open_bundle(run), device="tpu")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "cache"))
    return cache_folder() / "compiled"


def test_a_compiled_graph_is_kept_and_recalled(graph, own_cache, monkeypatch):
    first = Session(graph, precision="f32", batch=1).run(PIXELS[:1])
    assert len(list(own_cache.glob("*.blob"))) == 1
    monkeypatch.setattr(compilation, "compile_graph", lambda *_: pytest.fail("compiled again"))
    again = Session(graph, precision="f32", batch=1)
    np.testing.assert_array_equal(again.run(PIXELS[:1])["logit"], first["logit"])
    assert again.names == list(first)


@pytest.mark.parametrize(
    "damage", [lambda blob: blob[: len(blob) // 2], lambda blob: b"", lambda blob: b"no graph at all" * 1000]
)
def test_a_torn_or_foreign_compiled_graph_is_made_again(graph, own_cache, damage):
    expected = Session(graph, precision="f32", batch=1).run(PIXELS[:1])
    (blob,) = own_cache.glob("*.blob")
    whole = blob.read_bytes()
    blob.write_bytes(damage(whole))
    np.testing.assert_array_equal(
        Session(graph, precision="f32", batch=1).run(PIXELS[:1])["logit"], expected["logit"]
    )
    assert len(blob.read_bytes()) == pytest.approx(len(whole), rel=0.01)  # OpenVINO's differ by a few bytes


def test_a_compiled_graph_whose_bytes_changed_is_not_taken(graph, own_cache):
    """OpenVINO takes it as it is, and answers otherwise."""
    expected = Session(graph, precision="f32", batch=1).run(PIXELS[:1])
    (blob,) = own_cache.glob("*.blob")
    whole = bytearray(blob.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 4096] = bytes(4096)
    blob.write_bytes(whole)
    again = Session(graph, precision="f32", batch=1).run(PIXELS[:1])
    np.testing.assert_array_equal(again["logit"], expected["logit"])


def test_a_cache_that_cannot_be_written_stops_no_one(graph, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LENTIGO_CACHE", str(tmp_path / "file"))
    with pytest.warns(CacheWarning, match="set LENTIGO_CACHE"):
        session = Session(graph, precision="f32", batch=1)
    assert session.run(PIXELS[:1])["logit"].shape == (1, 1)


def test_only_the_graphs_used_last_are_kept(graph, own_cache, monkeypatch):
    monkeypatch.setattr(compilation, "MAX_CACHED_GRAPHS", 2)
    for batch in (1, 2, 3):
        Session(graph, precision="f32", batch=batch)
    assert len(list(own_cache.glob("*.blob"))) == 2


@pytest.mark.parametrize(
    ("shape", "kind"), [([-1, 224, 224, 3], np.float32), ([-1, 3, 224, 224], np.uint8), ([-1, 10], np.uint8)]
)
def test_a_graph_that_takes_no_photographs_is_refused(tmp_path, shape, kind):
    image = opset.parameter(openvino.PartialShape(shape), kind, name="image")
    openvino.save_model(openvino.Model([opset.convert(image, "f32")], [image]), tmp_path / "other.xml")
    with pytest.raises(ModelError, match=r"other.xml: cannot be compiled .* instead of uint8 photographs"):
        Session(tmp_path / "other.xml")


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"model.onnx: cannot be compiled .* copy it again"):
        Session(tmp_path / "model.onnx")


def test_a_bounded_session_runs_on_any_processor(graph):
    """Pinned, two processes of one thread each shared the first processor."""
    session = Session(graph, threads=1)
    assert session.graph.get_property("INFERENCE_NUM_THREADS") == 1 and not session.graph.get_property(
        "ENABLE_CPU_PINNING"
    )


def answer_once(session):
    return session.run(PIXELS[:1])["logit"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's own of fork among threads
def test_a_session_answers_in_a_process_that_was_forked(graph, batch):
    session = Session(graph, precision="f32", batch=batch)
    expected = answer_once(session)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        received = pool.apply_async(answer_once, [session]).get(timeout=60)
    np.testing.assert_array_equal(received, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_that_answered_ends(graph):
    session = Session(graph, precision="f32", batch=4)
    answer_once(session)
    child = multiprocessing.get_context("fork").Process(target=answer_once, args=[session])
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0


@pytest.mark.parametrize("device", ["cpu", "onnxruntime"])
def test_a_session_can_be_pickled(run, device):
    session = open_session(open_bundle(run), device=device, fp32=True)
    copy = pickle.loads(pickle.dumps(session))
    np.testing.assert_array_equal(answer_once(copy), answer_once(session))


def test_a_copy_of_a_session_does_not_answer_with_other_weights(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    copy = pickle.dumps(open_session(open_bundle(folder), fp32=True))
    (folder / GRAPH).write_bytes((folder / GRAPH).read_bytes() + b" ")
    with pytest.raises(ModelError, match="was altered"):
        answer_once(pickle.loads(copy))
