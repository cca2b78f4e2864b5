"""An archive on this machine, for tests: it answers as the ISIC archive's interface does, and goes wrong
where it is told to.
"""

import io
import json
import threading
from base64 import b64decode, b64encode
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
from PIL import Image

from lentigo.datasets.archive.downloads import download_archive
from lentigo.datasets.archive.faults import Patience
from lentigo.datasets.archive.selection import Selection

LICENSES = ("CC-0", "CC-BY", "CC-BY-NC")
LABELS = ("Benign", "Malignant", "Indeterminate")


def draw_image(number: int, side: int = 48) -> bytes:
    """A JPEG of noise, another one for each number; 3 kB."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=80)
    return content.getvalue()


class Answer:
    """What to send, and how: `cut` leaves out all after that many bytes of the body and hangs up; `hold`
    waits for an event before the rest.
    """

    def __init__(self, status=200, body=b"", headers=None, *, cut=None, hold=None, length=None):
        self.status, self.body, self.headers, self.cut, self.hold = status, body, headers or {}, cut, hold
        self.length = len(body) if length is None else length


class ArchiveServer:
    """`n` photographs; `faults[key]` are answers given instead, first to last, to the next requests for a
    photograph's file (its isic_id), its entry ("entry ISIC_..."), a licence ("CC-0") or a page ("search").
    `log` holds what was asked, in order."""

    def __init__(self, n=12, host="127.0.0.1", file_host="localhost"):
        self.files = {f"ISIC_{number:07d}": draw_image(number) for number in range(1, n + 1)}
        self.server = ThreadingHTTPServer((host, 0), type("Handler", (Handler,), {"archive": self}))
        self.server.handle_error = lambda *_: None
        self.url = f"http://{host}:{self.server.server_port}/api/v2/"
        self.file_url = f"http://{file_host}:{self.server.server_port}/files/"
        self.entries = {name: self.describe(name) for name in self.files}
        self.faults, self.log, self.collections = (
            defaultdict(list),
            [],
            {70: list(self.files), 218: list(self.files)[::2]},
        )
        self.always, self.on_file, self.next_page, self.lock = {}, lambda name: None, None, threading.Lock()

    def describe(self, name):
        number = int(name[5:])
        acquisition = {"pixels_x": 48, "pixels_y": 48, "image_type": "dermoscopic"}
        clinical = {
            "diagnosis_1": LABELS[number % 3],
            "sex": "female" if number % 2 else "male",
            "patient_id": f"IP_{number // 4:07d}",
        }
        return {
            "isic_id": name,
            "public": True,
            "copyright_license": LICENSES[number % 3],
            "attribution": ("Anonymous", "Hôpital Saint-Louis, 皮膚科")[number % 2],
            "files": {
                "full": {"url": f"{self.file_url}{name}.jpg?signature=s3cret", "size": len(self.files[name])},
                "thumbnail_256": {"url": f"{self.file_url}thumbnail_{name}.jpg", "size": 1},
            },
            "metadata": {
                "acquisition": acquisition,
                "clinical": clinical | ({"age_approx": 5 * number} if number % 2 else {}),
            },
        }

    def __enter__(self):
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def asked(self, kind):
        """The paths below /api/v2/ or /files/ that were asked for, of those that start so."""
        return [path for path, _ in self.log if path.startswith(kind)]

    def fetched(self):
        """The photographs whose files were asked for, sorted, as often as they were."""
        return sorted(path.removeprefix("files/").removesuffix(".jpg") for path in self.asked("files/"))

    def queries(self):
        """The parameters of the pages that were asked for."""
        return [query for path, query in self.log if path == "images/search/"]

    # --- answers

    def answer(self, path, query):
        with self.lock:
            self.log.append((path, query))
            key = self.name_key(path)
            fault = self.faults[key].pop(0) if self.faults[key] else self.always.get(key)
        if path.startswith("files/"):
            self.on_file(key)
        return fault or self.answer_well(path, query, key)

    @staticmethod
    def name_key(path):
        last = path.rstrip("/").rpartition("/")[2]
        if path.startswith("files/"):
            return last.removesuffix(".jpg")
        return (
            "search" if path == "images/search/" else f"entry {last}" if path.startswith("images/") else last
        )

    def answer_well(self, path, query, key):
        if path == "images/search/":
            return self.answer_page(query)
        if path.startswith("files/") and key in self.files:
            return Answer(body=self.files[key], headers={"Content-Type": "image/jpeg"})
        if key.removeprefix("entry ") in self.entries and path.startswith("images/"):
            return say_json(self.entries[key.removeprefix("entry ")])
        if path.startswith("zip-download/license-file/") and key in LICENSES:
            return Answer(
                body=f"The terms of {key}: ©\n".encode(),
                headers={"Content-Type": "text/plain; charset=utf-8"},
            )
        return say_json({"detail": "Not Found"}, 404)

    def answer_page(self, query):
        if set(query) - {"query", "collections", "limit", "cursor"}:
            return say_json({"detail": [{"type": "extra_forbidden"}]}, 422)
        if query.get("query", "").count('"') % 2 or " and " in query.get("query", ""):
            return say_json({"message": "Could not parse search query."}, 400)
        chosen = [self.entries[name] for name in self.select(query)]
        start, limit = (
            int(b64decode(query.get("cursor", "MA==")).decode()),
            min(100, int(query.get("limit", 100))),
        )
        more = start + limit < len(chosen)
        following = b64encode(str(start + limit).encode()).decode()
        rest = "&".join(f"{name}={quote(value)}" for name, value in query.items() if name != "cursor")
        page = {
            "results": chosen[start : start + limit],
            "count": None if start else len(chosen),
            "previous": None,
            "next": f"{self.url}images/search/?cursor={quote(following)}&{rest}" if more else None,
        }
        return say_json(page if self.next_page is None else page | {"next": self.next_page})

    def select(self, query):
        numbers = [int(number) for number in query.get("collections", "").split(",") if number]
        names = [
            name
            for name in self.entries
            if not numbers or any(name in self.collections.get(number, ()) for number in numbers)
        ]
        for term in filter(None, query.get("query", "").split(" AND ")):
            field, value = term.split(":", 1)
            names = [name for name in names if str(self.field(name, field)) == value.strip('"')]
        return names[::-1]  # the newest first

    def field(self, name, field):
        metadata = self.entries[name]["metadata"]
        return (metadata["clinical"] | metadata["acquisition"]).get(field)


def say_json(value, status=200):
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8"})


class Handler(BaseHTTPRequestHandler):
    """Sends the answers of the archive that its class names."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        answer = self.archive.answer(parts.path.removeprefix("/api/v2/").removeprefix("/"), query)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send(answer)

    def send(self, answer):
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(answer.length)} | answer.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if answer.cut is None:
            self.wfile.write(answer.body)
            return
        self.wfile.write(answer.body[: answer.cut])
        self.wfile.flush()
        if answer.hold is not None:
            answer.hold.wait(20)
            self.wfile.write(answer.body[answer.cut :])
        self.close_connection = True

    def log_message(self, *_):
        pass


QUICK = Patience(attempts=4, few_attempts=2, first_wait=0.002, longest_wait=0.01, timeout=2)


def get(server, out, selection=Selection(), **options):
    """A download that waits for nothing long."""
    return download_archive(out, selection, url=server.url, patience=QUICK, **options)


def images(out):
    """The photographs in a folder by name, without their suffix."""
    return {path.stem: path.read_bytes() for path in sorted(out.glob("ISIC_*"))}


def hidden(out):
    """Files that are not whole yet, or were left so."""
    return sorted(path.name for path in out.rglob(".*") if path.name != ".archive")
