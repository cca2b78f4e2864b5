"""Shared toys: phantoms on disk, a RUN trained on them, and caches that end with the session."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Tests share a cache and a ledger of their own, never the user's."""
    home = tmp_path_factory.mktemp("home")
    os.environ["LENTIGO_CACHE"] = str(home / "cache")
    os.environ["LENTIGO_LEDGER"] = str(home / "ledger.jsonl")


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Path:
    """A folder of 24 phantoms of each class, with a manifest."""
    from lentigo.data.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, 24, seed=1)
    return folder


@pytest.fixture
def photo(phantoms) -> Path:
    """A malignant phantom."""
    return sorted((phantoms / "malignant").glob("*.jpg"))[0]


@pytest.fixture
def bad(tmp_path) -> Path:
    """A file that only its name makes a photograph."""
    (tmp_path / "bad.jpg").write_bytes(b"no photograph")
    return tmp_path / "bad.jpg"


@pytest.fixture(scope="session")
def weight_file(phantoms, tmp_path_factory) -> Callable[[str], Path]:
    """Gives a weight file by the name of its backbone: random weights, and batch norms fitted to phantoms in one pass.

    Without that the features of the MobileNets are of the order 1e-12: every photograph has the same logit, and no test can fail.
    """
    folder = tmp_path_factory.mktemp("weights")

    @cache
    def write(name: str) -> Path:
        import numpy as np

        from lentigo.data.photos import read_all
        from lentigo.models.backbones import BACKBONES
        from lentigo.models.network import build_network, settle_norms

        network = build_network(BACKBONES[name], "none")
        photos, _ = read_all(sorted(phantoms.glob("*/phantom_*.jpg"))[::4])
        settle_norms(network, np.stack([photo.pixels for photo in photos]))
        network.trunk.save_weights(folder / f"{name}.weights.h5")
        return folder / f"{name}.weights.h5"

    return write


@pytest.fixture(scope="session")
def run(phantoms, weight_file, tmp_path_factory) -> Path:
    """A RUN of the seed recipe on phantoms: MobileNetV2 of `weight_file`, three epochs of its head."""
    from lentigo.training.recipes import find_recipe
    from lentigo.training.trainer import train

    out = tmp_path_factory.mktemp("runs") / "seed"
    train(phantoms, out, find_recipe("seed", backbone="mobilenetv2", epochs=3), weights=weight_file("mobilenetv2"))
    return out


@pytest.fixture
def locked() -> Iterator[Callable[[Path], Path]]:
    """Gives, for a folder, a copy of it in which `locked/` cannot be read; not by root either, who is nobody until the test ends."""
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
