"""Windows and macOS, simulated: processes by `spawn`, a Western code page, long paths, disks that know no
capitals. The workflows in .github/ run the real ones.
"""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lentigo.inference.prediction import predict

WESTERN = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}


def call(*words, **environment):
    """A command in a process of its own."""
    command = [sys.executable, "-m", "lentigo", *map(str, words)]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment})


def ask(path):
    """P(malignant); called in a process that `spawn` has started."""
    return predict([path]).predictions[0].probability


@pytest.mark.check
def test_a_spawned_process_predicts_the_same(image):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(ask, (str(image),)) == pytest.approx(ask(str(image)))


@pytest.mark.parametrize("name", ["läsion.jpg", "病变.jpg"])
def test_a_western_code_page_takes_every_name(image, tmp_path, name):
    shutil.copy(image, tmp_path / name)
    result = call("predict", tmp_path / name, "--json", **WESTERN)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.decode("cp1252"))["image"].endswith(name)
    assert call("predict", tmp_path / name, **WESTERN).returncode == 0


def test_no_file_of_ours_is_opened_in_the_systems_encoding(image, tmp_path):
    """Python itself says where a text is read or written without a named encoding."""
    watched = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    drawn = tmp_path / "drawn"
    for words in (
        ("data", "synth", "--out", drawn, "--count", 1),
        ("data", "info", drawn),
        ("predict", image, "--csv", tmp_path / "answers.csv"),
    ):
        result = call(*words, "--json", **watched)
        assert result.returncode == 0, result.stderr
        for line in result.stderr.decode().splitlines():
            assert "EncodingWarning" not in line or "site-packages" in line, line


def test_a_path_beyond_windows_260_characters(lentigo, image, tmp_path):
    folder = tmp_path.joinpath(*["a folder of thirty characters "[:29] for _ in range(12)])
    folder.mkdir(parents=True)
    shutil.copy(image, folder)
    result = lentigo("predict", folder, "--explain", folder / "figures", "--csv", folder / "answers.csv")
    assert result.returncode == 0, result.stderr
    assert len(str(folder)) > 260 and len(list((folder / "figures").iterdir())) == 1


def test_files_differ_by_more_than_capitals(lentigo, image, tmp_path):
    for number, name in enumerate(("Mole.jpg", "mole.jpg")):
        (tmp_path / "photos" / str(number)).mkdir(parents=True)
        shutil.copy(image, tmp_path / "photos" / str(number) / name)
    assert lentigo("explain", tmp_path / "photos", "--out", tmp_path / "out").returncode == 0
    names = [path.name.casefold() for path in Path(tmp_path / "out").iterdir()]
    assert len(set(names)) == 2
