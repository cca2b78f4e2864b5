"""Each program of bench/ says what it is for, and answers --help without waiting for a framework."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
SHARED = ("packing.py", "structures.py", "tables.py")  # imported by programs, none themselves
PROGRAMS = sorted(path for path in BENCH.glob("*.py") if path.name not in SHARED)
HEAVY = ("keras", "tensorflow", "torch", "jax")


@pytest.mark.parametrize("path", sorted(BENCH.glob("*.py")), ids=lambda path: path.name)
def test_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_help_without_a_framework(path):
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", str(path), "--help"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("usage:")
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert not imported & set(HEAVY)
