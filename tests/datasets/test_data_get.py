"""`lentigo data get` as a user runs it."""

import json
import subprocess
import sys

import pytest
from archive_server import Answer, ArchiveServer

from lentigo.cli.app import main


@pytest.fixture
def server():
    with ArchiveServer(12) as server:
        yield server


@pytest.fixture
def out(tmp_path):
    return tmp_path / "isic"


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "lentigo", "data", "get", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_says_what_is_there(server, out):
    result = command(
        "isic",
        "--out",
        out,
        "--url",
        server.url,
        "--license",
        "CC-0,cc-by",
        "--collection",
        "70",
        "--collection",
        "218",
        "--limit",
        "5",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{out}: 5 photographs, ") and result.stdout.endswith(
        " of them fetched now; 3 CC-0, 2 CC-BY\n"
    )
    assert "names whom attribution.txt names" in result.stderr
    assert server.queries()[-1]["collections"] == "70,218"


def test_the_command_speaks_json_and_lists_what_failed(server, out):
    server.always["ISIC_0000003"] = Answer(404)
    result = command(
        "isic", "--out", out, "--url", server.url, "--query", 'image_type:"dermoscopic"', "--json"
    )
    facts = json.loads(result.stdout)
    assert result.returncode == 3 and result.stderr.startswith("1 left out:\n  ISIC_0000003: ")
    assert set(facts) == {"out", "n", "fetched", "size", "licenses", "metadata", "problems"} and (
        facts["n"],
        facts["fetched"],
    ) == (11, 11)
    assert facts["metadata"] == str(out / "metadata.csv") and [
        problem["image"] for problem in facts["problems"]
    ] == ["ISIC_0000003"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ham"], "archive 'ham' is unknown; expected isic"),
        (["isic", "--query", "diagnosis:nevus"], "expected diagnosis_1:Malignant"),
        (["isic", "--query", "a and b"], "expected one such as diagnosis_1:Malignant AND"),
        (["isic", "--license", "MIT"], "expected CC-0, CC-BY, CC-BY-NC"),
        (["isic", "--limit", "0"], "expected 1 or more"),
        (["isic", "--collection", "x"], "is no number"),
        (["isic", "--threads", "0"], "expected 1 to 64"),
        (["isic", "--url", "http://example.org/"], "is none of an archive"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(server, out, monkeypatch, capsys, words, message):
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "lentigo",
            "data",
            "get",
            *([] if "--url" in words else ["--url", server.url]),
            "--out",
            str(out),
            *words,
        ],
    )
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 2 and said.out == "" and len(said.err.splitlines()) == 1 and message in said.err
    assert not out.exists()


def test_importing_asks_for_nothing_and_needs_no_client():
    code = "import sys, lentigo.cli.app, lentigo.datasets.manifests; print([m for m in ('httpx', 'tenacity') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_an_archive_that_does_not_answer_is_one_line_and_code_4(server, out, monkeypatch, capsys):
    server.always["search"] = Answer(body=b"[]")
    monkeypatch.setattr(
        "lentigo.datasets.archive.transport.random.uniform", lambda low, high: -high
    )  # no waiting
    monkeypatch.setattr(
        sys, "argv", ["lentigo", "data", "get", "isic", "--url", server.url, "--out", str(out)]
    )
    with pytest.raises(SystemExit) as end:
        main()
    words = capsys.readouterr().err
    assert (
        end.value.code == 4
        and len(words.splitlines()) == 1
        and "answered a JSON list, no object; expected the archive's interface" in words
    )
