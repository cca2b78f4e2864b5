"""A worklist against a real Orthanc on loopback: everything is answered once, whatever happens meanwhile."""

import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from lentigo.cli.hospital.worklist import read_day
from lentigo.clinical.dicomweb import Access, DicomWebServer
from lentigo.clinical.photograph_object import Subject, encode_object, make_photograph
from lentigo.clinical.worklist import name_report, work_through
from lentigo.errors import HospitalError, UsageError
from lentigo.images.problems import Problem
from lentigo.images.synthetic_lesions import write_synthetic_lesions
from lentigo.inference.predictor import Predictor

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="needs orthanc and orthanc-dicomweb"
)
KILLS = 50
IMAGES = 8


def find_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Orthanc:
    """A server of its own, with its own folder."""

    def __init__(self, folder):
        self.port = find_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        config = folder / "orthanc.json"
        config.write_text(json.dumps(settings))
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(["Orthanc", str(config)], stdout=log, stderr=log)
        for _ in range(200):
            try:
                self.ask("/system")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((folder / "log").read_text()[-2000:])

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, data=body)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)

    def count(self, modality):
        found = self.ask(
            "/tools/find",
            json.dumps({"Level": "Instance", "Query": {"Modality": modality}, "Expand": False}).encode(),
        )
        return len(found)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def orthanc(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Orthanc(tmp_path)
    write_synthetic_lesions(tmp_path / "lesions", IMAGES // 2, seed=5)
    for number, path in enumerate(sorted((tmp_path / "lesions").glob("*/synthetic_*.jpg"))[:IMAGES]):
        dataset = make_photograph(
            path.read_bytes(), "", "dermoscopic", Subject(f"2.25.{number // 2 + 1}", "P")
        )
        dataset.StudyDate = "20261101"
        server.ask("/instances", encode_object(dataset))
    yield server
    server.stop()


@pytest.mark.check
@needs_orthanc
def test_each_image_is_answered_once(orthanc, toy_run):
    server = DicomWebServer(Access(f"{orthanc.url}/dicom-web"))
    predictor = Predictor(toy_run(), count=1)
    planned = list(work_through(server, predictor, "20261101", dry_run=True))
    assert len(planned) == IMAGES and orthanc.count("SR") == 0
    assert list(work_through(server, predictor, "20261102", dry_run=True)) == []
    answered = list(work_through(server, predictor, "20261101"))
    assert [result for result in answered if isinstance(result, Problem)] == []
    assert {result.sr for result in answered} == {name_report(predictor.name, r.image) for r in answered}
    assert (orthanc.count("SR"), orthanc.count("SEG")) == (IMAGES, IMAGES)
    assert list(work_through(server, predictor, "20261101")) == []


@pytest.mark.check
@needs_orthanc
def test_fifty_kills_lose_and_double_nothing(orthanc, toy_run):
    words = [sys.executable, "-m", "lentigo", "worklist", "--dicomweb", f"{orthanc.url}/dicom-web"]
    words += ["--model", str(toy_run()), "--json"]
    rng = random.Random(0)
    environment = {**os.environ, "no_proxy": "127.0.0.1"}
    started = time.monotonic()
    subprocess.run([*words, "--dry-run"], env=environment, check=True, capture_output=True)
    startup = time.monotonic() - started
    for _ in range(KILLS):
        process = subprocess.Popen(
            words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(startup * (0.7 + 0.5 * rng.random()))
        process.kill()
        process.wait()
    subprocess.run(words, env=environment, check=True, capture_output=True)
    assert (orthanc.count("SR"), orthanc.count("SEG")) == (IMAGES, IMAGES)


@pytest.mark.check
@needs_orthanc
def test_a_server_that_is_not_there_is_one_line(toy_run, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("lentigo.clinical.dicomweb.FIRST_WAIT_SECONDS", 0.01)
    server = DicomWebServer(Access(f"http://127.0.0.1:{find_port()}/dicom-web"), attempts=2)
    with pytest.raises(HospitalError, match="does not answer"):
        list(work_through(server, Predictor(toy_run(), count=1)))


class Refusing:
    """A server that lists one study, and refuses what is asked of it."""

    def __init__(self, refused):
        self.refused = refused

    def list_studies(self, since):
        return ["1.2"]

    def list_instances(self, study):
        from lentigo.clinical.worklist import PHOTOGRAPHS

        instances = []
        for uid in ("1.3", "1.4", "1.4"):
            attributes = {"00080018": uid, "00080016": PHOTOGRAPHS[0], "0020000E": "1.5"}
            instances.append({tag: {"Value": [value]} for tag, value in attributes.items()})
        return instances

    def fetch_instance(self, study, series, instance):
        if instance == self.refused:
            raise HospitalError("toy: answers 403: it does not allow that")
        dataset = make_photograph(self.content, "", "dermoscopic")
        del dataset.PixelData
        return dataset


def test_a_refused_image_does_not_keep_others_back(toy_run, image):
    server = Refusing("1.3")
    server.content = image.read_bytes()
    results = list(work_through(server, Predictor(toy_run(), count=1)))
    assert [type(result) for result in results] == [Problem, Problem]  # the double UID is asked for once
    assert "403" in results[0].error and "without pixels" in results[1].error


def test_calls_that_may_pass_are_tried_again(monkeypatch):
    import requests

    monkeypatch.setattr("lentigo.clinical.dicomweb.FIRST_WAIT_SECONDS", 0.001)
    server = DicomWebServer(Access("http://127.0.0.1:1/dicom-web"))
    calls = []

    def ask():
        calls.append(1)
        if len(calls) < 3:
            raise requests.ConnectionError
        return "answer"

    assert server.call(ask) == "answer" and len(calls) == 3


@pytest.mark.parametrize("code, words", [(401, "who asks"), (507, "full"), (404, "no DICOMweb")])
def test_refusals_are_words(code, words):
    import requests

    server = DicomWebServer(Access("http://127.0.0.1:1/dicom-web"))
    response = requests.Response()
    response.status_code = code

    def ask():
        raise requests.HTTPError(response=response)

    with pytest.raises(HospitalError, match=words):
        server.call(ask)


def test_credentials_are_sent(tmp_path, monkeypatch):
    import requests

    from lentigo.clinical.dicomweb import open_session

    session = open_session(Access("http://toy", "secret", tmp_path / "c.pem", tmp_path / "k.pem"))
    (tmp_path / "netrc").write_text("machine toy login another password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    request = session.prepare_request(requests.Request("GET", "http://toy/studies"))
    assert request.headers["Authorization"] == "Bearer secret"
    assert session.cert == (str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))


# --- TLS on both sides


@pytest.fixture(scope="module")
def tls_server(certificates):
    """The address of a DICOMweb server without studies that wants a client's certificate."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_):
            pass

    class Quiet(HTTPServer):
        def handle_error(self, request, client_address):
            pass  # a client that is refused

    server = Quiet(("127.0.0.1", 0), Empty)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates["server"])
    context.load_verify_locations(certificates["client"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # which refuses a client before anything else is said
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}/dicom-web"
    server.shutdown()
    server.server_close()
    thread.join()


NO_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@NO_OPENSSL
def test_a_client_certificate_opens_a_server_that_wants_one(tls_server, certificates, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates["stranger"]))
    client = certificates["client"]
    for access in (
        Access(tls_server, certificate=client, authority=certificates["server"]),
        Access(tls_server, certificate=client, key=Path(f"{client}.key"), authority=certificates["server"]),
    ):
        assert DicomWebServer(access).list_studies("") == []


@NO_OPENSSL
@pytest.mark.parametrize(
    "client, authority, words",
    [
        (None, "server", "--client-cert FILE"),
        ("stranger", "server", "--client-cert FILE"),
        ("client", None, "--ca FILE"),
        ("client", "stranger", "--ca FILE"),
    ],
)
def test_a_wrong_certificate_is_one_line_at_once(tls_server, certificates, client, authority, words):
    access = Access(tls_server, certificate=certificates.get(client), authority=certificates.get(authority))
    with pytest.raises(HospitalError, match=words) as caught:
        DicomWebServer(access).list_studies("")
    assert "tried" not in str(caught.value)


def test_days():
    assert read_day("2026-11-01") == read_day("20261101") == "20261101"
    with pytest.raises(UsageError):
        read_day("yesterday")
