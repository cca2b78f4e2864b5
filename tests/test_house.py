"""The order of the rooms: a module imports from its own room or from those above it, and nothing goes in circles."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import lentigo

HOUSE = Path(lentigo.__file__).parent
ROOMS = ["errors", "data", "models", "inference", "evaluation", "training", "serving", "cli"]
DOOR = ("cli", "cli_data", "cli_growing", "cli_lesions", "cli_serving", "completion", "answers", "options", "summary", "terminal", "__main__")  # one door: the command line and what stands beside it
MODULES = {".".join(p.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): p for p in HOUSE.rglob("*.py")}


def imports(path: Path) -> set[str]:
    """Modules of the house that a module names in import statements, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lentigo"):
            found |= {f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("lentigo")}
    return found


def room(module: str) -> str:
    name = module.split(".")[1]
    return "cli" if name in DOOR else name


def test_imports_go_up():
    for module in set(MODULES) - {"lentigo"}:  # the package itself is imported by all
        for target in imports(MODULES[module]) - {"lentigo"}:
            assert ROOMS.index(room(target)) <= ROOMS.index(room(module)), f"{module} imports {target}"


def test_no_cycle():
    order = TopologicalSorter({module: imports(path) - {module} for module, path in MODULES.items()})
    assert len(list(order.static_order())) >= len(MODULES)


def test_keras_is_imported_only_where_networks_are_made():
    for module, path in MODULES.items():
        text = path.read_text()
        if "import keras" in text or "from keras" in text:
            assert room(module) in ("models", "training"), module


DOORS = {"keras": "lentigo.models.deep_learning", "openvino": "lentigo.models.engine", "matplotlib": "lentigo.data.drawing"}


def test_packages_that_report_or_write_at_import_come_in_by_one_door():
    """That door keeps OpenVINO from reporting its use, and Keras and Matplotlib from the user's settings and home folder."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for package in {name.partition(".")[0] for name in names} & set(DOORS):
                inner = [name for name in names if name.startswith("openvino._")]  # of an OpenVINO that is imported
                assert module == DOORS[package] or inner, f"{module} imports {package}; expected `from {DOORS[package]} import ...`"


def test_prediction_imports_no_framework():
    code = "import sys, lentigo.inference.prediction, lentigo.cli; print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'pandas', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_importing_lentigo_imports_nothing_heavy():
    code = "import sys, lentigo; print([m for m in ('numpy', 'openvino', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
