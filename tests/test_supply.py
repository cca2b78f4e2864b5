"""What is installed: every file by its hash, its licence written down, its advisories asked for where a
network is.
"""

import importlib.util
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
DEPLOY = HOUSE / "deploy"
CURE = "run `python deploy/lock.py`"


def load(name):
    """A program of deploy/ as a module."""
    sys.path.insert(0, str(DEPLOY))
    try:
        spec = importlib.util.spec_from_file_location(f"deploy_{name}", DEPLOY / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DEPLOY))


@pytest.fixture(scope="module")
def pins():
    return load("lock").read_pins((HOUSE / "constraints.txt").read_text())


@pytest.mark.parametrize("path", ["requirements.lock", "deploy/requirements.lock"])
def test_every_locked_version_has_hashes_and_is_the_tested_one(pins, path):
    entries = re.split(r"\n(?=\S)", (HOUSE / path).read_text())[1:]
    locked = {}
    for entry in entries:
        name, version = entry.split()[0].split("==")
        locked[name] = version
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry), f"{name}: {CURE}"
    assert locked.items() <= pins.items(), CURE
    assert path.startswith("deploy") or locked.keys() == pins.keys(), CURE


def test_the_container_serves_from_what_is_locked():
    words = (DEPLOY / "requirements.lock").read_text()
    assert {
        "fastapi",
        "uvicorn",
        "sqlalchemy",
        "psycopg",
        "openvino",
        "pillow",
        "pi-heif",
        "setuptools",
    } <= set(re.findall(r"^([\w.-]+)==", words, re.M))
    assert "tensorflow" not in words


def test_the_container_has_all_that_its_extras_need(pins):
    lock = load("lock")
    locked = set(re.findall(r"^([\w.-]+)==", (DEPLOY / "requirements.lock").read_text(), re.M))
    assert {name for name in lock.find_needs(lock.SERVING) | {lock.BUILDER} if name in pins} == locked, CURE


def test_make_setup_installs_what_is_pinned():
    """Each package that pyproject.toml names is pinned, and the Makefile hands pip the pins; hashes are for
    deployments.
    """
    lock = load("lock")
    extras = re.search(r"-c constraints.txt .*'\.\[(.*)\]'", (HOUSE / "Makefile").read_text())[1].split(",")
    needed = {
        lock.plain(re.match(r"[\w.-]+", need)[0])
        for extra in ["", *extras]
        for need in lock.list_own_needs(extra)
    }
    pins = lock.read_pins((HOUSE / "constraints.txt").read_text())
    assert needed - {"lentigo"} - {"tensorflow"} <= set(pins)  # tensorflow is for macOS alone


def test_the_containers_base_is_named_by_its_digest():
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    assert [
        line for line in lines if line.startswith("ARG BASE=") and re.search(r"@sha256:[0-9a-f]{64}$", line)
    ]
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${BASE}"}


def test_every_package_has_its_licence_written_down(pins):
    rows = [
        line.split(" | ")
        for line in (HOUSE / "licences.md").read_text().splitlines()
        if line.startswith("| ")
    ][1:]
    written = {name.strip("| "): (version, licence.strip(" |")) for name, version, licence in rows}
    assert {name: version for name, (version, _) in written.items()} == pins, CURE
    assert [
        name
        for name, (_, licence) in written.items()
        if re.search(r"\b[A]?GPL", licence) and "LGPL" not in licence
    ] == []


class Advisor(BaseHTTPRequestHandler):
    """Knows an advisory of one package."""

    def do_POST(self):
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        said = [
            {"vulns": [{"id": "TOY-1"}]} if query["package"]["name"] == "pillow" else {} for query in queries
        ]
        body = json.dumps({"results": said}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def advisor(monkeypatch):
    """The address of an advisor on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Advisor)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_advisory_ends_the_check(advisor, capsys):
    assert load("advisories").main(advisor) == 1
    out = capsys.readouterr().out
    assert "pillow" in out and "TOY-1" in out and "1 open" in out


def test_an_advisory_that_does_not_concern_us_is_accepted_with_its_reason(advisor, capsys):
    program = load("advisories")
    program.ACCEPTED["TOY-1"] = "a toy"
    assert program.main(advisor) == 0 and "accepted: a toy" in capsys.readouterr().out


def test_without_a_network_it_says_that_nothing_was_checked(capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert load("advisories").main("http://127.0.0.1:1/") == 0
    assert "NOT CHECKED" in capsys.readouterr().out
