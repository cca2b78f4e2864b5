"""What one hostile or heavy client of `lentigo serve` costs the others. Example:

    python bench/service_edges.py --model bundled --side 5000

While one request of 20 lossless WebP of SIDE x SIDE pixels (a few hundred bytes each) is answered, another
client sends one small photograph after the other; then a thousand connections say nothing while it goes on.
Printed are the waits of the small client and the peak of the service's memory.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from PIL import Image
from tables import describe_machine, make_parser, print_table

from lentigo.images.synthetic_lesions import draw_synthetic_lesion

HEAVY_COUNT = 20
IDLE_CONNECTIONS = 1000
IDLE_SECONDS = 10.0


def main() -> None:
    """Measures and prints a table."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--side", type=int, default=5000, help="pixels of the heavy photographs' sides")
    options = parser.parse_args()
    print(describe_machine())
    small = encode(Image.fromarray(draw_synthetic_lesion("benign", 0, size=450).image), "JPEG")
    heavy = encode(Image.new("RGB", (options.side, options.side), "white"), "WEBP", lossless=True)
    rows = []
    with start_service(options.model) as (url, process):
        rows.append(
            [
                "alone",
                *measure_waits(url, small, lambda: time.sleep(IDLE_SECONDS)),
                "",
                read_peak(process.pid),
            ]
        )
        seconds: list[float] = []
        waits = measure_waits(url, small, lambda: seconds.append(send_heavy(url, heavy)))
        rows.append(
            [
                f"beside {HEAVY_COUNT} of {options.side**2 / 1e6:.0f} megapixels",
                *waits,
                f"{seconds[0]:.1f}",
                read_peak(process.pid),
            ]
        )
        waits = measure_waits(url, small, lambda: hold_idle(url))
        rows.append([f"beside {IDLE_CONNECTIONS} idle connections", *waits, "", read_peak(process.pid)])
    head = [
        "a small photograph",
        "answered",
        "median wait (s)",
        "longest wait (s)",
        "the large request (s)",
        "peak memory (MB)",
    ]
    print_table(head, [[str(cell) for cell in row] for row in rows])


def encode(image: Image.Image, kind: str, **options: bool) -> bytes:
    """The bytes of a picture."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@contextmanager
def start_service(model: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The service as a process: its address, and the process."""
    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "log"), "w") as log:
        command = [
            sys.executable,
            "-m",
            "lentigo",
            "serve",
            "--json",
            "--port",
            "0",
            "--model",
            model,
            "--db",
            f"sqlite:///{folder}/store.db",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield read_address(process), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            print(f"log: {os.path.getsize(log.name)} bytes")


def read_address(process: subprocess.Popen) -> str:
    """The address that a service prints when it begins to listen. Raises `SystemExit` where it ended before."""
    assert process.stdout is not None  # a pipe
    said = process.stdout.readline()
    if not said:
        raise SystemExit(f"the service ended with code {process.wait()} before it listened")
    return json.loads(said)["url"]


def measure_waits(url: str, image: bytes, meanwhile: Callable[[], object]) -> list[str]:
    """How often a small photograph was answered while `meanwhile` ran, and the median and the longest wait in
    seconds.
    """
    work = threading.Thread(target=meanwhile)
    work.start()
    waits: list[float] = []
    with httpx.Client(timeout=300, trust_env=False) as client:
        while work.is_alive() or not waits:
            began = time.perf_counter()
            client.post(f"{url}/v1/predictions", files={"photos": image}).raise_for_status()
            waits.append(time.perf_counter() - began)
    work.join()
    return [str(len(waits)), f"{median(waits):.3f}", f"{max(waits):.3f}"]


def send_heavy(url: str, image: bytes) -> float:
    """Seconds of a request of many large photographs."""
    began = time.perf_counter()
    answer = httpx.post(
        f"{url}/v1/predictions", files=[("photos", image)] * HEAVY_COUNT, timeout=600, trust_env=False
    )
    print(
        f"the large request: {answer.status_code}, "
        f"{answer.text[:160] if answer.status_code >= 400 else len(answer.json()['predictions'])}"
    )
    return time.perf_counter() - began


def hold_idle(url: str) -> None:
    """Opens connections that say nothing, for a while."""
    port = int(url.rpartition(":")[2])
    idle = []
    for _ in range(IDLE_CONNECTIONS):
        try:
            idle.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        except OSError:
            break
    time.sleep(IDLE_SECONDS)
    for connection in idle:
        connection.close()


def read_peak(process: int) -> str:
    """The most memory that a process has held, in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return f"{int(line.split()[1]) / 1000:.0f}"
    return "unknown"


if __name__ == "__main__":
    main()
