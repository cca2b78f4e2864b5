"""The plain install, `pip install .`: small, and enough to predict, to explain and to find lesions."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import lentigo
from lentigo.errors import EXTRAS

HOME = Path(__file__).parents[1]
FRAMEWORKS = {"tensorflow", "keras", "torch", "jax", "onnx", "onnxruntime"}
# Of the plain install on disk: OpenVINO has 190 MB of it, OpenCV 153 MB, which finds outlines and boxes
MAX_BYTES = 560e6
LEFT_OUT = FRAMEWORKS.union(*EXTRAS.values())
REFUSE = '''
import sys

class Without:
    """A finder that does not know some modules, as where they are not installed."""

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in LEFT_OUT else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
'''
FROM_PYTHON = """
import lentigo
_, photo, run, out = sys.argv
# In bf16 the last digits depend on which outputs are asked for
said, shown = lentigo.predict(photo, run, fp32=True), lentigo.explain(photo, run, fp32=True, out=out)
print(abs(said.probability - shown.prediction.probability) < 1e-6, shown.figure_file)
"""


def run_plain(code, *words, refused=LEFT_OUT):
    """Runs Python where some modules are not to be had."""
    code = f"LEFT_OUT = {sorted(refused)!r}{REFUSE}{code}"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ,
    )


def run_command(*words, **options):
    return run_plain("from lentigo.cli.app import main; main()", *words, **options)


def test_the_command_predicts_and_explains(run, image, tmp_path):
    result = run_command("predict", image, "--model", run, "--explain", tmp_path, "--json")
    assert result.returncode == 0, result.stderr
    assert Path(json.loads(result.stdout)["figure"]).is_file()


def test_python_predicts_and_explains(run, image, tmp_path):
    result = run_plain(FROM_PYTHON, image, run, tmp_path / "heat.png")
    assert result.stdout.split() == ["True", str(tmp_path / "heat.png")], result.stderr


@pytest.mark.parametrize(
    ("words", "missing", "extra"),
    [
        (["evaluate", "RUN", "DATA"], "evaluate needs ", "evaluate"),
        (["data", "info", "DATA"], "data needs ", "evaluate"),
        (["data", "get", "isic", "--out", "OUT"], "data needs httpx, ", "archive"),
        (["train", "DATA", "--out", "RUN"], "train needs ", "train"),
        (["export", "RUN", "--format", "onnx", "--out", "OUT"], "export needs ", "train,export"),
    ],
)
def test_a_command_that_needs_an_extra_names_it(run, words, missing, extra):
    result = run_command(*(run if word == "RUN" else word for word in words))
    assert result.returncode == 4 and len(result.stderr.splitlines()) == 1, result.stderr
    assert (
        result.stderr.startswith(f"lentigo: {missing}")
        and f"; pip install 'lentigo[{extra}]" in result.stderr
    )


def test_a_photograph_at_an_address_names_the_extra(run):
    result = run_command("predict", "https://example.org/mole.jpg", "--model", run)
    assert (
        result.returncode == 3
        and "https:// needs fsspec" in result.stderr
        and "pip install 'lentigo[cluster]" in result.stderr
    )


@pytest.mark.parametrize("command", ["segment", "detect"])
def test_the_command_finds_lesions(toy_run, image, tmp_path, command):
    result = run_command(command, image, "--model", toy_run(), "--out", tmp_path, "--json")
    assert result.returncode == 0, result.stderr
    assert (
        json.loads(result.stdout)["image"] == str(image)
        and len(list(tmp_path.iterdir())) == {"segment": 2, "detect": 1}[command]
    )


def test_python_names_the_extra_too():
    result = run_plain("import lentigo; lentigo.evaluate")
    assert "MissingError: evaluate needs " in result.stderr and "lentigo[evaluate]" in result.stderr


def test_another_missing_module_is_a_bug(run, image):
    result = run_command("predict", image, "--model", run, refused={"PIL"})
    assert (
        result.returncode == 1 and "Traceback" in result.stderr and "No module named 'PIL'" in result.stderr
    )


def test_each_module_that_is_imported_is_in_the_plain_install_or_in_an_extra():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    wanted = {
        name: {re.split(r"[>\[]", word)[0] for word in words}
        for name, words in project["optional-dependencies"].items()
    }
    wanted["plain"] = {re.split(r"[>\[]", word)[0] for word in project["dependencies"]}
    brings, known = (
        packages_distributions(),
        {module: extra for extra, modules in EXTRAS.items() for module in modules},
    )
    for module in (
        third_party()
        - {
            "onnxruntime",
            "pydantic",
            "ipython",
            "IPython",
        }
    ):  # the runtime says how to get the first; where FastAPI is, the second is; a notebook has brought the last
        packages = {name.lower().replace("_", "-") for name in brings.get(module, ())}
        assert not packages or packages & wanted[known.get(module, "plain")], module


def third_party():
    """The modules of others that Lentigo imports anywhere."""
    found = set()
    for path in Path(lentigo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            found |= {name.partition(".")[0] for name in names}
    return found - set(sys.stdlib_module_names) - {"lentigo"}


@pytest.mark.check
def test_a_plain_install_is_small_and_answers(run, image, tmp_path):
    tree, python = tmp_path / "tree", tmp_path / "venv" / "bin" / "python"
    shutil.copytree(HOME / "lentigo", tree / "lentigo", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOME / name, tree)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-c",
            HOME / "constraints.txt",
            tree,
        ],
        check=True,
        cwd=tmp_path,
    )
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    assert not {path.name for path in packages.iterdir()} & LEFT_OUT
    sizes = [path.stat().st_blocks * 512 for path in packages.rglob("*") if not path.is_symlink()]
    assert sum(sizes) < MAX_BYTES
    result = subprocess.run(
        [python, "-m", "lentigo", "predict", image, "--model", run, "--explain", tmp_path, "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 0 and Path(json.loads(result.stdout)["figure"]).is_file(), result.stderr
