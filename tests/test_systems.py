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


def test_a_western_code_page_takes_every_name(toy_run, image, tmp_path):
    names = ["läsion.jpg", "病变.jpg"]
    for name in names:
        shutil.copy(image, tmp_path / name)
    words = ["predict", *(tmp_path / name for name in names), "--model", toy_run()]
    result = call(*words, "--json", **WESTERN)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.decode("cp1252").splitlines()
    assert [Path(json.loads(line)["image"]).name for line in lines] == names
    assert call(*words, **WESTERN).returncode == 0


def test_no_file_of_ours_is_opened_in_the_systems_encoding(toy_run, image, tmp_path):
    """Python itself says where a text is read or written without a named encoding."""
    watched = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    drawn = tmp_path / "drawn"
    for words in (
        ("data", "synth", "--out", drawn, "--count", 1),
        ("data", "info", drawn),
        ("predict", image, "--model", toy_run(), "--csv", tmp_path / "answers.csv"),
    ):
        result = call(*words, "--json", **watched)
        assert result.returncode == 0, result.stderr
        for line in result.stderr.decode().splitlines():
            assert "EncodingWarning" not in line or "site-packages" in line, line


def test_a_path_beyond_windows_260_characters(lentigo, toy_run, image, tmp_path):
    folder = tmp_path.joinpath(*["a folder of thirty characters "[:29] for _ in range(12)])
    folder.mkdir(parents=True)
    shutil.copy(image, folder)
    places = ("--explain", folder / "figures", "--csv", folder / "answers.csv")
    result = lentigo("predict", folder, "--model", toy_run(), *places)
    assert result.returncode == 0, result.stderr
    assert len(str(folder)) > 260 and len(list((folder / "figures").iterdir())) == 1


def test_files_differ_by_more_than_capitals(lentigo, toy_run, image, tmp_path):
    for number, name in enumerate(("Mole.jpg", "mole.jpg")):
        (tmp_path / "photos" / str(number)).mkdir(parents=True)
        shutil.copy(image, tmp_path / "photos" / str(number) / name)
    words = ("explain", tmp_path / "photos", "--model", toy_run(), "--out", tmp_path / "out")
    assert lentigo(*words).returncode == 0
    names = [path.name.casefold() for path in Path(tmp_path / "out").iterdir()]
    assert len(set(names)) == 2
