"""Answers reach stdout whole, whatever stdout and stderr are; people's words and progress stay on stderr."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer

from lentigo.cli.output.evaluations import explain_missing
from lentigo.cli.output.terminal import (
    FAILED_INPUTS,
    PAGE_SUFFIXES,
    TABLE_SUFFIXES,
    report_problems,
    require_ending,
)
from lentigo.errors import UsageError
from lentigo.images.problems import Problem, SkippedMask

pty = pytest.importorskip("pty", reason="no pseudo-terminal on this system")


class Screen:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self):
        self.reading, self.writing = pty.openpty()
        self.content = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while True:
            try:
                part = os.read(self.reading, 65536)
            except OSError:  # the other end is closed
                return
            if not part:
                return
            self.content += part

    def close(self):
        os.close(self.writing)
        self.reader.join(timeout=60)
        os.close(self.reading)
        return self.content.decode().replace("\r\n", "\n")


def call(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **variables):
    """Runs the command; a `Screen` may be its stdout or stderr, or both."""
    command = [sys.executable, "-m", "lentigo", *map(str, words)]
    streams = [stream.writing if isinstance(stream, Screen) else stream for stream in (stdout, stderr)]
    return subprocess.run(
        command, stdout=streams[0], stderr=streams[1], env=os.environ | variables, text=True, timeout=300
    )


@pytest.fixture
def screen():
    """A screen that the test closes to see what was written."""
    screen = Screen()
    yield screen
    if screen.reader.is_alive():
        screen.close()


COLOURED = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "20"}
SCENES = {"narrow": {"COLUMNS": "20", "TERM": "xterm"}, "coloured": COLOURED, "dumb": {"TERM": "dumb"}}


@pytest.mark.parametrize("variables", SCENES.values(), ids=SCENES.keys())
def test_json_goes_to_a_file_whole_while_stderr_is_a_terminal(toy_run, image, tmp_path, screen, variables):
    with (tmp_path / "out.jsonl").open("w") as file:
        result = call(
            "predict",
            image,
            image,
            image,
            "--model",
            toy_run(),
            "--json",
            stdout=file,
            stderr=screen,
            **variables,
        )
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert result.returncode == 0 and [line["image"] for line in lines] == [str(image)] * 3
    assert str(image) not in screen.close()


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_text_and_json_go_through_a_pipe_while_stderr_is_a_terminal(toy_run, image, screen, more):
    result = call("predict", image, image, "--model", toy_run(), *more, stderr=screen, **COLOURED)
    assert (
        len([line for line in result.stdout.splitlines() if str(image) in line]) == 2
        and "\x1b" not in result.stdout
    )


def test_json_on_a_terminal_is_json_alone(toy_run, image, screen):
    call("predict", image, image, "--model", toy_run(), "--json", stdout=screen, **COLOURED)
    assert [json.loads(line)["image"] for line in screen.close().splitlines()] == [str(image)] * 2


def test_one_terminal_for_both_shows_each_answer_on_a_line_of_its_own(toy_run, image, screen):
    call("predict", image, image, "--model", toy_run(), stdout=screen, stderr=screen, TERM="xterm")
    lines = screen.close().splitlines()
    assert (
        len(
            [
                line
                for line in lines
                if line.startswith(("benign", "malignant", "uncertain")) and line.count(str(image)) == 1
            ]
        )
        == 2
    )


@pytest.mark.parametrize(
    "command", [["segment", "--out", "OUT"], ["detect"], ["explain"]], ids=["segment", "detect", "explain"]
)
def test_the_other_commands_of_photographs_do_so_too(toy_run, image, tmp_path, screen, command):
    name, *more = [str(tmp_path) if word == "OUT" else word for word in command]
    result = call(name, image, image, *more, "--model", toy_run(), "--json", stderr=screen, **COLOURED)
    assert [json.loads(line)["image"] for line in result.stdout.splitlines()] == [str(image)] * 2


def test_commands_of_data_sets_do_so_too(synthetic_lesions, screen):
    result = call("data", "info", synthetic_lesions, "--json", stderr=screen, **COLOURED)
    assert json.loads(result.stdout)["n"] == 48


def test_colour_that_is_forced_puts_no_bars_into_a_file(toy_run, image):
    assert call("predict", image, "--model", toy_run(), "--json", **COLOURED).stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "words", [["info"], ["info", "--json"], ["predict", "PHOTO", "--json"]], ids=" ".join
)
def test_a_stdout_that_is_full_is_one_line(image, words):
    with open("/dev/full", "w") as full:
        result = call(*(image if word == "PHOTO" else word for word in words), stdout=full)
    assert result.returncode == 4 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(
        "lentigo: standard output: could not be written (No space left on device)"
    )


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
@pytest.mark.parametrize("closed", ["2>&-", "0<&- 2>&-"])
def test_what_is_meant_for_a_closed_stderr_does_not_go_to_stdout(toy_run, image, bad, closed):
    command = f'"{sys.executable}" -m lentigo predict "{image}" "{bad}" --model "{toy_run()}" --json {closed}'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=300)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and ["error" in line for line in lines] == [False, True]


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
def test_a_closed_stdout_is_no_error(toy_run, image, tmp_path):
    command = f'"{sys.executable}" -m lentigo predict "{image}" --model "{toy_run()}" --csv "{tmp_path / "a.csv"}" >&-'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and result.stderr == "" and (tmp_path / "a.csv").is_file()


@pytest.mark.parametrize(
    ("name", "endings"),
    [
        ("report.pdf", PAGE_SUFFIXES),
        ("report", PAGE_SUFFIXES),
        ("answers.xlsx", TABLE_SUFFIXES),
        ("answers.json", TABLE_SUFFIXES),
    ],
)
def test_a_name_that_promises_another_format_is_refused(tmp_path, name, endings):
    with pytest.raises(
        UsageError, match=f"{name}: a table is written there; expected a name ending in {endings[0]}"
    ):
        require_ending("--out", tmp_path / name, endings, "a table")


def test_a_name_that_fits_and_none_are_taken(tmp_path):
    require_ending("--out", tmp_path / "report.HTML", PAGE_SUFFIXES, "a report")
    require_ending("--out", None, PAGE_SUFFIXES, "a report")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UsageError, match="is a folder; expected a file's name"):
        require_ending("--out", tmp_path / "report.html", PAGE_SUFFIXES, "a report")


# --- masks beside photographs, and metrics without a value


def test_masks_beside_photographs_are_named_and_are_no_failure(capsys):
    masks = [SkippedMask(f"{number}_mask.png", "a mask") for number in range(5)]
    report_problems(masks)
    assert capsys.readouterr().err == (
        "5 masks beside the photographs left out, by name: 0_mask.png, 1_mask.png, 2_mask.png, ...\n"
    )


def test_a_failure_beside_masks_is_one(capsys):
    with pytest.raises(typer.Exit) as ending:
        report_problems([SkippedMask("a_mask.png", "a mask"), Problem("b.jpg", "is empty")])
    assert ending.value.exit_code == FAILED_INPUTS
    assert "1 left out:\n  b.jpg: is empty\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("n_malignant", "auroc", "reason"),
    [(0, None, "one class is missing"), (3, 1.0, "told apart without error"), (3, 0.7, "too few groups")],
)
def test_a_metric_without_a_value_says_why(n_malignant, auroc, reason):
    assert reason in explain_missing({"n": 5, "n_malignant": n_malignant, "auroc": auroc})
