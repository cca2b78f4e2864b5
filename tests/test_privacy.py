"""Nothing is sent, and nothing is written outside the folders that are ours."""

import json
import os
import subprocess
import sys

import pytest

WATCHED = """
import socket, sys
asked = []
sys.addaudithook(lambda event, arguments: asked.append(event) if event in ("socket.getaddrinfo", "socket.connect", "socket.gethostbyname") else None)
import atexit, os
leave = os._exit
def report(code):
    print(sorted(set(asked)), file=sys.stderr, flush=True)
    leave(code)
os._exit = report
from lentigo.cli.app import main
try:
    main()
finally:
    print(sorted(set(asked)), file=sys.stderr, flush=True)
"""


def watch(home, *words):
    """Runs a command with an empty home and without the variables that switch reports off; gives it, and the
    files that it left there.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "TF_BUILD", "JENKINS_URL", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    }
    result = subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, words)],
        capture_output=True,
        text=True,
        env=kept | {"HOME": str(home)},
        timeout=300,
    )
    return result, [str(path.relative_to(home)) for path in home.rglob("*")]


@pytest.mark.parametrize(
    "words",
    [["predict", "PHOTO", "--model", "RUN"], ["data", "info", "DATA", "--out", "OUT"]],
    ids=["predict", "data info"],
)
def test_a_command_asks_no_host_and_leaves_the_home_empty(run, synthetic_lesions, image, tmp_path, words):
    (tmp_path / "home").mkdir()
    places = {"PHOTO": image, "RUN": run, "DATA": synthetic_lesions, "OUT": tmp_path / "out"}
    result, left = watch(tmp_path / "home", *(places.get(word, word) for word in words))
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "[]" and left == []


@pytest.mark.check
def test_training_and_its_report_ask_no_host_and_leave_the_home_empty(
    synthetic_lesions, weight_file, tmp_path
):
    (tmp_path / "home").mkdir()
    out = tmp_path / "run"
    result, left = watch(
        tmp_path / "home",
        "train",
        synthetic_lesions,
        "--out",
        out,
        "--recipe",
        "seed",
        "--epochs",
        "1",
        "--backbone",
        "mobilenetv3small",
        "--weights",
        weight_file("mobilenetv3small"),
        "--json",
    )
    assert result.returncode == 0 and json.loads(result.stdout)["run"] == str(out), result.stderr
    assert result.stderr.splitlines()[-1] == "[]" and left == []
