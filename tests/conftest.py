"""Shared toys: synthetic lesions on disk, a RUN trained on them, and caches that end with the session."""

import gc
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from filelock import FileLock

# Rooms whose files take long, the longest first; two workers that begin with them end at nearly the same time.
FIRST_ROOMS = ("training", "models", "evaluation", "cli", "inference", "tests", "serving")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Tests share a cache, a ledger and a store of their own, never the user's."""
    home = tmp_path_factory.mktemp("home")
    os.environ["LENTIGO_CACHE"] = str(home / "cache")
    os.environ["LENTIGO_LEDGER"] = str(home / "ledger.jsonl")
    os.environ["LENTIGO_DB"] = f"sqlite:///{home / 'lentigo.db'}"


@pytest.fixture(scope="module", autouse=True)
def ended_servers():
    """A server that outlives its tests, its socket closed, would spin and slow all tests behind it."""
    yield
    left = [thread.name for thread in threading.enumerate() if "serve_forever" in thread.name]
    assert not left, f"shut down the servers of this module: {left}"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps what the imports made out of the search for garbage, which took a twentieth of all tests."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the rooms that take longest first; the order within a room stays."""
    items.sort(key=place_room)


def place_room(item: pytest.Item) -> int:
    """The place of a test's room in `FIRST_ROOMS`, or behind them all."""
    room = item.path.parent.name
    return FIRST_ROOMS.index(room) if "tests" in item.path.parts and room in FIRST_ROOMS else len(FIRST_ROOMS)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Gives a folder by its name. The first worker of this session that asks fills it; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker has a folder of its own in there

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = base / "once" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        filled = Path(f"{folder}.filled")
        with FileLock(f"{folder}.lock"):
            if not filled.exists():
                shutil.rmtree(folder, ignore_errors=True)
                fill(folder)
                filled.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def lentigo() -> Callable[..., subprocess.CompletedProcess]:
    """Runs a command in this process; gives its exit code and what it wrote, as `subprocess.run` would."""
    from lentigo.cli.app import run_command
    from lentigo.cli.output.terminal import show_own_warnings

    def run(*words: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess:
        arguments = ["lentigo", *map(str, words)]
        stdout = io.StringIO()
        stderr = io.StringIO()
        with (
            patch.object(sys, "argv", arguments),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.dict(os.environ, environment),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("default")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")
            show_own_warnings()
            code = run_command()
        return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())

    return run


@pytest.fixture(scope="session")
def synthetic_lesions(make_once) -> Path:
    """A folder of 24 synthetic lesions of each class, with a manifest."""
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    return make_once("synthetic", lambda folder: write_synthetic_lesions(folder, 24, seed=1))


@pytest.fixture
def image(synthetic_lesions) -> Path:
    """A malignant synthetic lesion."""
    return sorted((synthetic_lesions / "malignant").glob("*.jpg"))[0]


@pytest.fixture
def bad(tmp_path) -> Path:
    """A file that only its name makes a photograph."""
    (tmp_path / "bad.jpg").write_bytes(b"no photograph")
    return tmp_path / "bad.jpg"


@pytest.fixture(scope="session")
def weight_file(synthetic_lesions, make_once) -> Callable[[str], Path]:
    """Gives a weight file by the name of its backbone: random weights, and batch norms fitted to synthetic
    lesions in one pass.

    Without that the features of the MobileNets are of the order 1e-12: every photograph has the same logit,
    and no test can fail.
    """

    def write(folder: Path) -> None:
        import numpy as np

        from lentigo.images.photographs import read_all
        from lentigo.models.networks.backbones import BACKBONES
        from lentigo.models.networks.feature_extractor import fit_batch_norms
        from lentigo.models.networks.network import build_network

        name = folder.name
        network = build_network(BACKBONES[name], "none")
        images, _ = read_all(sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[::4])
        fit_batch_norms(network.feature_extractor, np.stack([image.pixels for image in images]))
        folder.mkdir()
        network.feature_extractor.save_weights(folder / f"{name}.weights.h5")

    return lambda name: make_once(f"weights/{name}", write) / f"{name}.weights.h5"


@pytest.fixture(scope="session")
def random_network() -> Callable:
    """Gives a network of random weights by the name of its backbone. It is built once, and no test changes it."""
    from lentigo.models.networks.backbones import BACKBONES
    from lentigo.models.networks.network import build_network

    return cache(lambda name: build_network(BACKBONES[name], "none"))


@pytest.fixture(scope="module")
def toy_backbone() -> Iterator[None]:
    """The backbones `toy` and `other_toy`, of five convolutions, in the table while a module's tests run.

    But for their size they are backbones like the others; a training on them takes a quarter of the time.
    """
    from lentigo.models.networks.backbones import BACKBONES, Backbone
    from lentigo.models.networks.deep_learning import keras
    from lentigo.models.networks.receptive_fields import FIRST_CENTRES

    with pytest.MonkeyPatch.context() as patch:
        for name in ("toy", "other_toy"):
            patch.setitem(BACKBONES, name, Backbone(name, "Toy", "symmetric", 64))
            patch.setitem(FIRST_CENTRES, name, 31.5)
        patch.setattr(keras.applications, "Toy", build_toy, raising=False)
        yield


def build_toy(*, include_top: bool, input_tensor, name: str, weights: str | None):
    """A backbone as `keras.applications` would build it; it has no weights to download."""
    from lentigo.models.networks.deep_learning import keras, layers

    assert not include_top and weights is None
    x = input_tensor
    for number, channels in enumerate((8, 16, 32, 64, 64), 1):  # to 112, 56, 28, 14 and 7 pixels
        x = layers.Conv2D(channels, 3, 2, padding="same", use_bias=False, name=f"conv_{number}")(x)
        x = layers.BatchNormalization(name=f"norm_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x, name=name)


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Shortcut baselines of thirty trees, where a module's tests tell strong shortcuts from none."""
    from lentigo.audit import baseline_models

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline_models, "TREES", 30)
        yield


@pytest.fixture(scope="module")
def fewest_trees() -> Iterator[None]:
    """Shortcut baselines of three trees, where no test of a module asks how strong a shortcut is."""
    from lentigo.audit import baseline_models

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline_models, "TREES", 3)
        yield


@pytest.fixture(scope="session")
def trained(lentigo, synthetic_lesions, weight_file, make_once) -> Path:
    """A folder with a RUN, `seed`, and what `lentigo train --json` said when it made it: `stdout.txt`,
    `stderr.txt`. MobileNetV3-Small of `weight_file`, three epochs of its head.
    """

    def fill(folder: Path) -> None:
        folder.mkdir()
        recipe = ["--recipe", "seed", "--backbone", "mobilenetv3small", "--epochs", "3", "--tta"]
        places = [synthetic_lesions, "--out", folder / "seed", "--weights", weight_file("mobilenetv3small")]
        result = lentigo("train", *places, *recipe, "--json")
        assert result.returncode == 0, result.stderr
        (folder / "stdout.txt").write_text(result.stdout)
        (folder / "stderr.txt").write_text(result.stderr)

    return make_once("runs", fill)


@pytest.fixture(scope="session")
def run(trained, tmp_path_factory) -> Path:
    """A RUN of the seed recipe on synthetic lesions, trained once a session; each worker has a copy."""
    return shutil.copytree(trained / "seed", tmp_path_factory.mktemp("runs") / "seed")


@pytest.fixture
def locked() -> Iterator[Callable[[Path], Path]]:
    """Gives, for a folder, a copy of it in which `locked/` cannot be read; not by root either, who is nobody
    until the test ends.
    """
    if os.name != "posix":
        pytest.skip("permissions of another system")
    home, user = Path(tempfile.mkdtemp(dir="/tmp")), os.geteuid()  # pytest's own folders let nobody else in

    def lock(folder: Path) -> Path:
        shutil.copytree(folder, home, dirs_exist_ok=True)
        for path in home.rglob("*"):
            path.chmod(0o755)
        for path in home.rglob("locked"):
            path.chmod(0o000)
        home.chmod(0o755)
        if user == 0:
            os.seteuid(65534)
        return home

    yield lock
    os.seteuid(user)
    for path in home.rglob("locked"):
        path.chmod(0o755)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real photographs that LENTIGO_DATA names; without it the test is skipped."""
    folder = os.environ.get("LENTIGO_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LENTIGO_DATA names no folder of real photographs")
    return Path(folder)


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory) -> Callable[..., Path]:
    """Gives a RUN by its outputs, of `TOY_OUTPUTS`: a graph of a few nodes that takes what is dark for
    lesion, and the darker for the more malignant.
    """

    @cache
    def write(*outputs: str) -> Path:
        import onnx

        from lentigo.common.json_values import write_json
        from lentigo.models.bundle import CARD, draft_bundle

        folder = tmp_path_factory.mktemp("toys") / "toy"
        folder.mkdir()
        onnx.save(draw_toy(outputs or tuple(TOY_OUTPUTS)), folder / "model.onnx")
        card = {
            "threshold": 0.5,
            "calibration": {"kind": "none"},
            "backbone": "mobilenetv2",
            "prevalence": 0.5,
            "outputs": list(outputs or TOY_OUTPUTS),
        }
        write_json(folder / CARD, draft_bundle(folder, card).card)
        return folder

    return write


TOY_OUTPUTS = {"logit": (1,), "embedding": (3,), "heatmap": (7, 7), "mask": (224, 224)}


def draw_toy(outputs: tuple[str, ...]):
    """A graph: the mask is a steep sigmoid of darkness around 0.5, the logit of the mean darkness, the
    heatmap its mean by cell.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "white": np.float32(255),
        "half": np.float32(0.5),
        "steep": np.float32(-60),
        "gentle": np.float32(-6),
        "row": np.array([-1, 1]),
    }
    nodes = [
        ("Cast", ["image"], "raw", {"to": TensorProto.FLOAT}),
        ("Div", ["raw", "white"], "shares", {}),
        ("ReduceMean", ["shares"], "light", {"axes": [3], "keepdims": 0}),
        ("Sub", ["light", "half"], "lightness", {}),
        ("Mul", ["lightness", "steep"], "sharp", {}),
        ("Sigmoid", ["sharp"], "mask", {}),
        ("ReduceMean", ["lightness"], "mean", {"axes": [1, 2], "keepdims": 0}),
        ("Reshape", ["mean", "row"], "column", {}),
        ("Mul", ["column", "gentle"], "logit", {}),
        ("ReduceMean", ["shares"], "embedding", {"axes": [1, 2], "keepdims": 0}),
        ("Transpose", ["shares"], "planes", {"perm": [0, 3, 1, 2]}),
        ("AveragePool", ["planes"], "cells", {"kernel_shape": [32, 32], "strides": [32, 32]}),
        ("ReduceMean", ["cells"], "heatmap", {"axes": [1], "keepdims": 0}),
    ]
    made = [
        helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in nodes
    ]
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *TOY_OUTPUTS[name]]) for name in outputs
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 224, 224, 3])
    graph = helper.make_graph(
        made,
        "toy",
        [image],
        infos,
        initializer=[numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates with their keys, each signed by itself: of a server on loopback, and of a client."""
    folder = tmp_path_factory.mktemp("tls")
    files = {}
    for name in ("server", "client", "stranger"):
        files[name] = folder / f"{name}.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        subprocess.run(
            [*command, "-keyout", f"{files[name]}.key", "-out", files[name]], check=True, capture_output=True
        )
        with files[name].open("ab") as file:
            file.write(Path(f"{files[name]}.key").read_bytes())
    return files
