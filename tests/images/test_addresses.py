"""Addresses: fsspec's own places in memory and on disk, and one that denies."""

import contextlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest

from lentigo.audit.audit import audit
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.tables.options import make_options
from lentigo.errors import ImageError, MissingError
from lentigo.images import addresses
from lentigo.images.addresses import is_address, read_address, walk_address
from lentigo.images.listing import collect_images, list_images
from lentigo.images.photographs import read_image, try_image
from lentigo.images.problems import Problem
from lentigo.splits.frozen_splits import write_manifest


@pytest.fixture
def bucket(image):
    """A folder in memory: two photographs, a text, something hidden."""
    system = fsspec.filesystem("memory")
    for name in ("a/mole.jpg", "b/spot.jpg", ".hidden/mole.jpg"):
        system.pipe_file(f"/bucket/{name}", image.read_bytes())
    system.pipe_file("/bucket/notes.txt", b"no photograph")
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


@pytest.fixture
def denied():
    """A place whose objects nobody may read."""

    class Denied(fsspec.AbstractFileSystem):
        protocol = "az"

        def _raise(self, *_, **__):
            raise PermissionError("Access Denied")

        cat_file = info = ls = isdir = walk = _raise

    fsspec.register_implementation("az", Denied, clobber=True)
    yield "az://closed"
    sys.modules["fsspec.registry"]._registry.pop("az")


def test_a_photograph_at_an_address_has_the_same_pixels(bucket, image):
    assert (read_image(f"{bucket}/a/mole.jpg").pixels == read_image(image).pixels).all()


def test_a_file_address_is_read(image):
    assert read_address(f"file://{image}") == image.read_bytes()


@pytest.fixture
def odd_server():
    """A web server by the name that is asked for: `endless` never ends, `silent` says nothing more, anything
    else is not there.
    """
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/none.jpg" else 200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while self.path == "/endless.jpg":
                    self.wfile.write(bytes(1 << 16))
                if self.path == "/silent.jpg":
                    ended.wait(20)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.daemon_threads = True
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        ended.set()
        served.shutdown()


def test_an_object_without_end_a_silent_server_and_a_missing_object_are_one_line_each(
    odd_server, monkeypatch
):
    monkeypatch.setattr(addresses, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(addresses.read_within, "__defaults__", (1_000_000,))
    errors = [try_image(f"{odd_server}/{name}.jpg").error for name in ("endless", "silent", "none")]
    assert errors[0].startswith("cannot be read (more than 1 MB)") and errors[1].startswith(
        "does not answer within 0 seconds"
    )
    assert errors[2] == "no such object; expected a photograph: check the address"


def test_a_file_address_of_a_device_is_refused():
    assert "a device, not a file" in try_image("file:///dev/zero").error


def test_a_folder_gives_its_photographs_in_order(bucket):
    assert list(list_images([bucket])) == ["memory://bucket/a/mole.jpg", "memory://bucket/b/spot.jpg"]


def test_a_missing_object_is_a_problem_beside_the_others(bucket):
    names = [f"{bucket}/a/mole.jpg", f"{bucket}/none.jpg"]
    good, bad = (try_image(name) for name in names)
    assert good.image == names[0] and bad == Problem(
        names[1], "no such object; expected a photograph: check the address"
    )


def test_a_bucket_that_denies_says_so(denied):
    problem = try_image(f"{denied}/mole.jpg")
    assert problem.error.startswith("access is denied") and "credentials" in problem.error


def test_a_folder_that_denies_is_a_problem(denied, image):
    paths, problems = collect_images([image, f"{denied}/photos"])
    assert (
        paths == [image]
        and problems[0].image == f"{denied}/photos"
        and "cannot be listed" in problems[0].error
    )


def test_a_folder_without_photographs_is_a_problem(bucket):
    fsspec.filesystem("memory").pipe_file("/bucket/texts/a.txt", b"")
    (problem,) = list_images([f"{bucket}/texts"])
    assert problem.error.startswith("holds no photograph")


def test_a_web_server_is_not_listed():
    assert list(walk_address("https://host/photos")) == ["https://host/photos"]


def test_a_missing_package_is_named():
    pytest.importorskip("fsspec")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingError, match="pip install s3fs"):
            list(walk_address("s3://bucket/photos"))
        with pytest.raises(ImageError, match="pip install s3fs"):
            read_address("s3://bucket/mole.jpg")


def test_a_path_is_no_address(tmp_path):
    assert not is_address(tmp_path) and not is_address("data:mole.jpg") and not is_address("s3://")


def test_a_manifest_may_list_addresses(bucket, tmp_path):
    (tmp_path / "manifest.csv").write_text(
        f"image,label\n{bucket}/a/mole.jpg,benign\n{bucket}/b/spot.jpg,malignant\n"
    )
    dataset = load_dataset(tmp_path / "manifest.csv", make_options(addresses=True))
    assert dataset.table["image"].tolist() == [f"{bucket}/a/mole.jpg", f"{bucket}/b/spot.jpg"]
    assert dataset.digests[0] == dataset.digests[1] != ""


@pytest.mark.parametrize(
    "address", ["http://internal/mole.jpg", "file:///etc/passwd", "s3://bucket/mole.jpg"]
)
def test_addresses_in_a_table_are_not_asked_unless_an_option_says_so(tmp_path, image, monkeypatch, address):
    monkeypatch.setattr(addresses, "open_place", lambda name: pytest.fail(f"asked {name}"))
    (tmp_path / "manifest.csv").write_text(f"image,label\n{image},benign\n{address},malignant\n")
    dataset = load_dataset(tmp_path / "manifest.csv")
    assert len(dataset) == 1 and len(dataset.groups) == 1
    assert (
        dataset.problems[0].image == address
        and "not asked" in dataset.problems[0].error
        and "--addresses" in dataset.problems[0].error
    )


def test_addresses_stay_as_they_are_in_a_manifest_that_is_written(bucket, tmp_path):
    (tmp_path / "manifest.csv").write_text(f"image,label\n{bucket}/a/mole.jpg,benign\n")
    write_manifest(
        load_dataset(tmp_path / "manifest.csv", make_options(addresses=True)), tmp_path / "out.csv"
    )
    assert f"\n{bucket}/a/mole.jpg,benign" in (tmp_path / "out.csv").read_text()


@pytest.fixture
def server(image):
    """A web server on this machine: /mole.jpg, and /away, which leads to the same under another name of this
    machine.
    """

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            place = {
                "/away": f"http://localhost:{self.server.server_port}/mole.jpg",
                "/here": "/mole.jpg",
                "/file": "file:///etc/passwd",
            }.get(self.path)
            self.send_response(302 if place else 200)
            if place:
                self.send_header("Location", place)
            self.send_header("Content-Length", "0" if place else str(image.stat().st_size))
            self.end_headers()
            if not place:
                self.wfile.write(image.read_bytes())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_redirect_within_a_host_is_followed(server, image):
    assert read_address(f"{server}/here") == image.read_bytes()


@pytest.mark.parametrize("path", ["away", "file"])
def test_a_redirect_to_a_local_or_private_place_is_not_followed(server, path):
    with pytest.raises(ImageError, match=r"redirected to .* not followed|cannot be read"):
        read_address(f"{server}/{path}")


def test_an_audit_finds_copies_at_addresses(bucket):
    found = audit(bucket)
    assert [(duplicate["a"], duplicate["b"]) for duplicate in found.to_json()["duplicates"]] == [
        ("memory://bucket/a/mole.jpg", "memory://bucket/b/spot.jpg")
    ]
