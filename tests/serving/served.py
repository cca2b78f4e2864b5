"""The service on a port of this machine: in a thread of the test, or as a process of its own that can be
killed.
"""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from functools import cache

import httpx
import numpy as np
import uvicorn
from PIL import Image

import lentigo
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.serving.http.app import make_app
from lentigo.serving.predictions.inference_pool import InferencePool
from lentigo.serving.server import make_config
from lentigo.serving.service import Service
from lentigo.serving.settings import Settings
from lentigo.serving.store.store import open_store

HOUSE = os.path.dirname(os.path.dirname(lentigo.__file__))


@cache
def load_pool():
    return InferencePool("bundled")


@cache
def draw_image(seed=0, size=224, format="JPEG"):
    """The bytes of a synthetic lesion, another one for each seed."""
    return encode(
        Image.fromarray(draw_synthetic_lesion(("benign", "malignant")[seed % 2], seed, size=size).image),
        format,
    )


def draw_stripes():
    """A photograph of no lesion."""
    return encode(
        Image.fromarray(np.uint8(np.indices((224, 224)).sum(axis=0) % 32 // 16 * 255)).convert("RGB"), "PNG"
    )


def encode(image, format="JPEG", **options):
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


class Served:
    """The service in a thread. `call` asks it; `service` is what answers; the settings are those of
    `Settings`.
    """

    def __init__(self, database, pool=None, **settings):
        settings = Settings(database=database, port=0, **settings)
        self.service = Service(settings, pool or load_pool(), open_store(settings.database))
        self.server = uvicorn.Server(make_config(settings, make_app(settings, self.service)))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the service did not start"
            threading.Event().wait(0.005)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.should_exit = True
        self.thread.join()

    def call(self, method, path, **options):
        return self.client.request(method, path, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def send(self, *photos, key=None, headers=None, **fields):
        """Sends photographs, bytes each, for prediction."""
        headers = (headers or {}) | ({"Idempotency-Key": key} if key else {})
        return self.call(
            "POST",
            "/v1/predictions",
            files=[("photos", ("x", photo)) for photo in photos],
            data=fields,
            headers=headers,
        )


class Process:
    """`lentigo serve` as a process of its own."""

    def __init__(self, database, *options):
        command = [
            sys.executable,
            "-m",
            "lentigo",
            "serve",
            "--json",
            "--port",
            "0",
            "--db",
            database,
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": HOUSE},
        )
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.url = json.loads(line)["url"]
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr))
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)

    def end(self, number=signal.SIGTERM):
        """Sends a signal and waits; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(60)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def send(self, *photos, key=None, timeout=60):
        """Sends photographs for prediction, on a connection of its own."""
        headers = {"Idempotency-Key": key} if key else {}
        return httpx.post(
            f"{self.url}/v1/predictions",
            files=[("photos", ("x", photo)) for photo in photos],
            headers=headers,
            timeout=timeout,
            trust_env=False,
        )
