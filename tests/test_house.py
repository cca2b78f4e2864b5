"""The order of the rooms: a module imports from its own room or from those above it, and nothing goes in
circles.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import lentigo

HOUSE = Path(lentigo.__file__).parent
ROOMS = [
    "errors",
    "common",
    "images",
    "datasets",
    "duplicates",
    "splits",
    "audit",
    "models",
    "inference",
    "clinical",
    "evaluation",
    "training",
    "serving",
    "cli",
]
MOST_MODULES = 12  # of a room, beside its `__init__`; an inner room counts as a room of its own
BY_ALL = {"lentigo", "lentigo._version"}  # imported by every room
MODULES = {
    ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in HOUSE.rglob("*.py")
}


@cache
def read_imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a file, at any depth."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


@cache
def imports(path: Path) -> set[str]:
    """Modules of the house that a module names in import statements, at any depth."""
    found = set()
    for node in read_imports(path):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lentigo"):
            found |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module
                for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("lentigo")}
    return found


def room(module: str) -> str:
    name = module.split(".")[1]
    return "cli" if name == "__main__" else name


def test_imports_go_up():
    for module in set(MODULES) - BY_ALL:
        for target in imports(MODULES[module]) - BY_ALL:
            assert ROOMS.index(room(target)) <= ROOMS.index(room(module)), f"{module} imports {target}"


def test_a_room_holds_at_most_a_dozen_modules():
    sizes = Counter(path.parent for path in HOUSE.rglob("*.py") if path.name != "__init__.py")
    assert {folder.name: size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_every_room_says_what_it_holds():
    for module, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{module} has no docstring"


def test_no_cycle():
    order = TopologicalSorter({module: imports(path) - {module} for module, path in MODULES.items()})
    assert len(list(order.static_order())) >= len(MODULES)


def test_keras_is_imported_only_where_networks_are_made():
    for module, path in MODULES.items():
        text = path.read_text()
        if "import keras" in text or "from keras" in text:
            assert room(module) in ("models", "training"), module


DOORS = {
    "keras": "lentigo.models.networks.deep_learning",
    "openvino": "lentigo.models.engine",
    "matplotlib": "lentigo.common.plots",
}


def test_packages_that_report_or_write_at_import_come_in_by_one_door():
    """That door keeps OpenVINO from reporting its use, and Keras and Matplotlib from the user's settings and
    home folder.
    """
    for module, path in MODULES.items():
        for node in read_imports(path):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""]
            for package in {name.partition(".")[0] for name in names} & set(DOORS):
                inner = [
                    name for name in names if name.startswith("openvino._")
                ]  # of an OpenVINO that is imported
                assert module == DOORS[package] or inner, (
                    f"{module} imports {package}; expected `from {DOORS[package]} import ...`"
                )


# What one photograph is answered without: frameworks, tables, figures, the service, other commands, checkers
# of options, OpenVINO's converter
NOT_FOR_PREDICTION = [
    "absl",
    "fastapi",
    "jax",
    "keras",
    "lentigo.audit",
    "lentigo.cli.audit",
    "lentigo.cli.training",
    "lentigo.training",
    "matplotlib",
    "openvino.tools.ovc",
    "pandas",
    "pydantic",
    "pydicom",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "tensorflow",
    "torch",
]


def test_a_prediction_imports_only_what_it_needs(image):
    code = (
        "import os, sys; import lentigo.cli.app as shell; shell.leave_process = lambda code: None; "
        f"sys.argv = ['lentigo', 'predict', {str(image)!r}]; shell.run_command(); "
        f"print([name for name in {NOT_FOR_PREDICTION} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_lentigo_imports_nothing_heavy():
    code = "import sys, lentigo; print([m for m in ('numpy', 'openvino', 'pandas') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_a_broad_except_says_why():
    for module, path in MODULES.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.match(r"\s*except( (Base)?Exception\b|:)", line):
                assert "#" in line or "#" in lines[number + 1], f"{module}:{number + 1}"
