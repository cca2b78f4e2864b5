"""Names that are not UTF-8, as in old ZIPs: spelled as text where they are found, and opened by that text."""

import io
import json
import os
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from lentigo.audit.audit import audit
from lentigo.cli.app import app
from lentigo.cli.output.predictions import read_names
from lentigo.cli.output.terminal import print_json, print_line, print_message, print_problems
from lentigo.common.file_names import find_name, is_file, resolve_name, spell_all, spell_controls, spell_name
from lentigo.common.files import write_text
from lentigo.common.hashing import hash_file
from lentigo.common.json_values import write_json
from lentigo.datasets.description import describe_dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.imports import import_datasets
from lentigo.images.listing import list_images
from lentigo.images.photographs import read_image
from lentigo.images.problems import Problem
from lentigo.splits.frozen_splits import write_manifest

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are Unicode there")


@pytest.fixture
def folder(tmp_path):
    """Class folders with one photograph whose name is Latin-1, in a folder whose name is."""
    for number, name in enumerate((b"benign/a.png", b"benign/\xe4/l\xe4sion.png", b"malignant/c.png")):
        path = os.fsencode(tmp_path) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            Image.new("L", (64, 64), 40 * number).save(file, "PNG")
    return tmp_path


def is_text(value) -> bool:
    """Whether a value can be written as UTF-8."""
    return bool(json.dumps(value, ensure_ascii=False).encode())


def test_a_name_is_spelled_and_leads_to_its_file(folder):
    found = [str(path) for path in list_images([folder])]
    assert found[0] == f"{folder}/benign/\\udce4/l\\udce4sion.png" and is_text(found)
    assert (
        read_image(found[0]).pixels.shape == (224, 224, 3)
        and is_file(found[0])
        and len(hash_file(found[0])) == 64
    )


def test_a_name_from_the_command_line_is_spelled(folder):
    (image,) = list_images([f"{folder}/benign/\udce4/l\udce4sion.png"])
    assert is_text(str(image)) and read_image(image).image == str(image)


def test_a_data_set_with_such_a_name_is_whole(folder):
    dataset = load_dataset(folder)
    assert (
        len(dataset) == 3
        and dataset.problems == ()
        and "" not in dataset.digests
        and is_text(describe_dataset(dataset).to_json())
    )


def test_a_manifest_that_is_written_is_utf8_and_is_read_again(folder, tmp_path):
    write_manifest(load_dataset(folder), tmp_path / "out.csv")
    assert "l\\udce4sion.png" in (tmp_path / "out.csv").read_text(encoding="utf-8")
    again = load_dataset(tmp_path / "out.csv")
    assert len(again) == 3 and again.fingerprint == load_dataset(folder).fingerprint


def test_a_parquet_manifest_holds_it_too(folder, tmp_path):
    write_manifest(load_dataset(folder), tmp_path / "out.parquet")
    assert len(load_dataset(tmp_path / "out.parquet")) == 3


def test_an_audit_and_an_import_have_it(folder, tmp_path):
    assert is_text(audit(folder).to_json()) and audit(folder).problems == ()
    assert import_datasets(folder, tmp_path / "m.csv").n == 3 and len(load_dataset(tmp_path / "m.csv")) == 3


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_a_table_may_name_it_in_letters(folder, tmp_path, encoding):
    (tmp_path / "m.csv").write_bytes("image,label\nbenign/ä/läsion.png,benign\n".encode(encoding))
    assert len(load_dataset(tmp_path / "m.csv")) == 1


def test_letters_may_be_composed_otherwise_on_the_disk(tmp_path):
    (tmp_path / "la\u0308sion.png").touch()
    assert find_name(f"{tmp_path}/l\u00e4sion.png") == f"{tmp_path}/la\u0308sion.png"


def test_a_damaged_file_with_such_a_name_is_listed(folder):
    with open(os.fsencode(folder) + b"/benign/\xff.png", "wb") as file:
        file.write(b"no photograph")
    problems = audit(folder).problems
    assert [problem.image for problem in problems] == [f"{folder}/benign/\\udcff.png"] and is_text(
        problems[0].error
    )


def test_whatever_is_written_is_text(tmp_path, capsys):
    write_text(tmp_path / "a.html", "<p>\udce4</p>")
    write_json(tmp_path / "a.json", {"\udce4": ["\udce4", 1.5, None]})
    print_json({"image": "\udce4.png"})
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "<p>\\udce4</p>"
    assert json.loads((tmp_path / "a.json").read_text()) == {"\\udce4": ["\\udce4", 1.5, None]}
    assert json.loads(capsys.readouterr().out) == {"image": "\\udce4.png"}


def test_names_on_standard_input_may_be_of_another_code(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"l\xe4sion.png\n"), encoding="utf-8"))
    assert list(read_names(["-"])) == ["l\udce4sion.png"]


def test_plain_names_stay_as_they_are():
    assert (
        spell_name("läsion.png") == "läsion.png"
        and spell_all({"a": [1, "b", None]}) == {"a": [1, "b", None]}
        and find_name("no/such") == "no/such"
    )


HOSTILE = "a\x1b[2J\nb\u202egpj.jpg"


def test_no_name_commands_a_terminal_or_makes_two_lines(capsys):
    print_line(spell_controls(HOSTILE))
    print_problems([Problem(HOSTILE, "damaged")])
    printed = capsys.readouterr()
    assert printed.out == "a\\x1b[2J\\nb\\u202egpj.jpg\n"
    assert printed.err == "1 left out:\n  a\\x1b[2J\\nb\\u202egpj.jpg: damaged\n"


def test_words_of_several_lines_stay_so_without_commands(capsys):
    print_message("one\ntwo\x07\tthree")
    assert capsys.readouterr().err == "one\ntwo\\x07\tthree\n"


@pytest.mark.parametrize(
    "verb", [["predict"], ["segment", "--out", "OUT"], ["detect"], ["explain", "--out", "OUT"]]
)
def test_an_answer_is_one_line_whatever_the_photograph_is_called(toy_run, image, tmp_path, verb):
    path = tmp_path / "a\x1b[2J\nb.jpg"
    path.write_bytes(image.read_bytes())
    words = [str(tmp_path / "out") if word == "OUT" else word for word in verb]
    result = CliRunner().invoke(app, [*words, str(path), "--model", str(toy_run())])
    named = [line for line in result.stdout.splitlines() if "a\\x1b[2J\\nb" in line]
    assert result.exit_code == 0 and len(named) == 1 and "\x1b" not in result.stdout


def test_a_link_to_itself_has_a_name_and_is_a_problem(toy_run, tmp_path):
    path = tmp_path / "loop.jpg"
    path.symlink_to(path)
    assert resolve_name(path) == str(path) and resolve_name("a\0b").endswith("a\0b")
    for verb in ("segment", "explain"):
        result = CliRunner().invoke(
            app, [verb, str(path), "--out", str(tmp_path / "out"), "--model", str(toy_run())]
        )
        assert result.exit_code == 3 and "loop.jpg: cannot be read" in result.stderr
