"""Wheel and source distribution: one file for all systems, which installs and predicts on each Python at hand."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
BUILT = ("lentigo", "pyproject.toml", "README.md", "LICENSE")


def find_pythons():
    """The interpreters of this machine, by version: on the path, and those of pyenv."""
    found = {}
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    for version in PYTHONS:
        for program in [folder / f"python{version}" for folder in folders]:
            if program.is_file() and ask_version(program) == version:
                found[version] = program
    return found


def ask_version(program):
    """What an interpreter says of itself; "" of one that does not start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([program, "-c", code], capture_output=True, text=True)
    return result.stdout.strip()


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The wheel and the source distribution, built as for a release."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(HOUSE / "lentigo", tree / "lentigo", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT[1:]:
        shutil.copy(HOUSE / name, tree)
    command = [sys.executable, "-m", "build", "--outdir", tree / "dist", tree]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = (tree / "dist").glob("*.whl")
    (source,) = (tree / "dist").glob("*.tar.gz")
    return wheel, source


def install_into(folder, interpreter, package):
    """Installs a package with the tested versions into a fresh environment; gives its interpreter. By uv where it
    is there, as `make setup` does: it takes a tenth of the time."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--python", interpreter, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "-c", HOUSE / "constraints.txt", package], check=True, cwd=folder)
    return python


@pytest.mark.check
def test_the_wheel_is_pure_python_and_whole(packages):
    wheel, _ = packages
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert not [name for name in names if re.search(r"\.(so|pyd|dylib|pyc)$", name)]
    for path in (HOUSE / "lentigo").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(HOUSE).as_posix()) in names


@pytest.mark.check
@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("kind", ["wheel", "source"])
def test_installs_and_predicts(packages, image, tmp_path, version, kind):
    if kind == "source" and version != PYTHONS[0]:
        pytest.skip("the source distribution makes the same wheel on each Python")
    interpreter = find_pythons().get(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    package = packages[0] if kind == "wheel" else packages[1]
    python = install_into(tmp_path / "venv", interpreter, package)
    environment = {**os.environ, "PYTHONPATH": "", "LENTIGO_CACHE": str(tmp_path / "cache")}
    command = [python, "-m", "lentigo", "predict", image, "--json"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["label"] in ("benign", "malignant", "uncertain")


@pytest.mark.check
def test_uv_installs_it_where_uv_is(packages, tmp_path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("no uv on this machine")
    subprocess.run([uv, "venv", "--python", sys.executable, tmp_path / "venv"], check=True)
    command = [uv, "pip", "install", "--python", tmp_path / "venv", "--no-deps", packages[0]]
    subprocess.run(command, check=True)
