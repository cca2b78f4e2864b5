"""Each program of bench/ says what it is for, and answers --help without waiting for a framework."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench"
SHARED = ("packing.py", "structures.py", "tables.py")  # imported by programs, none themselves
PROGRAMS = sorted(path for path in BENCH.glob("*.py") if path.name not in SHARED)
# Asks each program for help, one after the other: what several of them import is imported once
ASK_FOR_HELP = """
import contextlib, io, json, runpy, sys

HEAVY = {"keras", "tensorflow", "torch", "jax"}
folder, *programs = sys.argv[1:]
sys.path.insert(0, folder)
answers = {}
for program in programs:
    before = set(sys.modules)
    sys.argv = [program, "--help"]
    code = None
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        try:
            runpy.run_path(program, run_name="__main__")
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = repr(error)
    heavy = sorted((set(sys.modules) - before) & HEAVY)
    answers[program] = {"code": code, "usage": stdout.getvalue().startswith("usage:"), "heavy": heavy}
print(json.dumps(answers))
"""


def test_every_program_has_a_docstring():
    for path in sorted(BENCH.glob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.name


def test_every_program_gives_help_without_a_framework():
    command = [sys.executable, "-c", ASK_FOR_HELP, str(BENCH), *map(str, PROGRAMS)]
    environment = {**os.environ, "COLUMNS": "120"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert result.returncode == 0, result.stderr
    answers = json.loads(result.stdout)
    assert len(answers) == len(PROGRAMS)
    for program, answer in answers.items():
        assert answer == {"code": 0, "usage": True, "heavy": []}, program
