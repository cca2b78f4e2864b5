"""Each program of bench/ says what it is for, answers --help without waiting for a framework, and takes the
calls that pages and docstrings name.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_blocks import find_calls, find_docstring_calls, list_pages

BENCH = Path(__file__).parents[1] / "bench"
SHARED = ("known.py", "packing.py", "structures.py", "tables.py")  # imported by programs, none themselves
PROGRAMS = sorted(path for path in BENCH.glob("*.py") if path.name not in SHARED)
PAGES = [*list_pages(), BENCH.parent / "BENCHMARKS.md", BENCH.parent / "CONTRIBUTING.md"]
# Calls programs, one after the other, up to where their arguments are read: what several of them import is
# imported once
CALL_PROGRAMS = """
import argparse, contextlib, io, json, runpy, sys

HEAVY = {"keras", "tensorflow", "torch", "jax"}
sys.path.insert(0, sys.argv[1])
read = argparse.ArgumentParser.parse_args

class Taken(BaseException):
    pass

def stop_when_read(*given, **named):
    read(*given, **named)
    raise Taken

argparse.ArgumentParser.parse_args = stop_when_read
answers = []
for call in json.load(sys.stdin):
    before = set(sys.modules)
    sys.argv = call
    code = None
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            runpy.run_path(call[0], run_name="__main__")
        except Taken:
            code = "taken"
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = repr(error)
    heavy = sorted((set(sys.modules) - before) & HEAVY)
    usage = stdout.getvalue().startswith("usage:")
    answers.append({"code": code, "usage": usage, "heavy": heavy, "stderr": stderr.getvalue()})
print(json.dumps(answers))
"""


HELP = [[str(program), "--help"] for program in PROGRAMS]
WRONG = ["bench/style.py", "lentigo", "--no-such-flag"]


@pytest.fixture(scope="module")
def answers():
    """What became of each call, by the call: help of each program, what pages and docstrings name, and a wrong one."""
    calls = [*HELP, *(call.words[1:] for call in list_named_calls()), WRONG]
    environment = {**os.environ, "COLUMNS": "120"}
    result = subprocess.run(
        [sys.executable, "-c", CALL_PROGRAMS, str(BENCH)],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=BENCH.parent,
    )
    assert result.returncode == 0, result.stderr
    return dict(zip(map(tuple, calls), json.loads(result.stdout), strict=True))


def list_named_calls():
    """The calls of programs that pages name, in blocks and in sentences, and the programs' docstrings."""
    calls = []
    for page in PAGES:
        calls += find_calls(page)
    for path in sorted(BENCH.glob("*.py")):
        calls += find_docstring_calls(path)
    return [call for call in calls if call.words[0] == "python" and call.words[1].startswith("bench/")]


def test_every_program_has_a_docstring():
    for path in sorted(BENCH.glob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.name


def test_every_program_gives_help_without_a_framework(answers):
    for call in HELP:
        assert answers[*call] == {"code": 0, "usage": True, "heavy": [], "stderr": ""}, call[0]


def test_programs_take_the_calls_that_pages_and_docstrings_name(answers):
    refused = {}
    for call in list_named_calls():
        answer = answers[*call.words[1:]]
        if answer["code"] != "taken":
            refused[str(call)] = answer
    assert refused == {}


def test_a_call_that_a_program_does_not_take_is_found(answers):
    answer = answers[*WRONG]
    assert answer["code"] == 2
    assert "--no-such-flag" in answer["stderr"]
