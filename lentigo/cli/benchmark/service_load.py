"""Clients for `lentigo serve`: connections that send one photograph after the other, on this machine."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lentigo.cli.benchmark.timing import Measurement, make_environment, read_process
from lentigo.errors import ModelError

CLIENTS = 16
WARM_UP = 32  # photographs before those that are timed: the first take longer
BOUNDARY = "lentigo-bench"


def measure_service(model: str, images: Sequence[bytes], count: int, tree: str | Path | None) -> Measurement:
    """Measures `lentigo serve`, its store on disk, with 16 clients that share the processors with it.

    Args:
        model: A RUN or "bundled".
        images: Files of photographs.
        count: How many are sent.
        tree: As for `make_environment`.
    """
    requests = [write_request(image) for image in images]
    with start_service(model, tree) as (port, pid):
        asyncio.run(send_requests(port, requests, WARM_UP))
        before = read_process(pid)  # after the warm-up: loading is no part of an answer
        started = time.perf_counter()
        times = asyncio.run(send_requests(port, requests, count))
        seconds = time.perf_counter() - started
        after = read_process(pid)
    cpu_ms = None
    if before is not None and after is not None:
        cpu_ms = 1000 * (after - before) / count
    ordered = sorted(times)  # for the percentiles
    return Measurement(
        what=f"lentigo serve, {CLIENTS} clients",
        photographs=count,
        seconds=seconds,
        cpu_ms=cpu_ms,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[int(0.99 * (len(ordered) - 1))],
    )


@contextmanager
def start_service(model: str, tree: str | Path | None) -> Iterator[tuple[int, int]]:
    """The service with a store of its own: its port and its process."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        database = f"sqlite:///{folder}/store.db"
        command = [sys.executable, "-m", "lentigo", "serve", "--json", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--model", model, "--db", database],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=make_environment(tree),
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise ModelError(
                    "lentigo serve did not start; expected the extra 'serve' and a RUN that classifies: run "
                    "it by itself"
                )
            yield int(json.loads(line)["url"].rpartition(":")[2]), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def write_request(image: bytes) -> bytes:
    """A request of HTTP/1.1 with one photograph, as bytes."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photos"; filename="x"\r\n\r\n'
    body = part.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        "POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send_requests(port: int, requests: Sequence[bytes], count: int) -> list[float]:
    """Sends so many requests by `CLIENTS` connections; the seconds that each took.

    Raises:
        ModelError: A request is not answered with a success.
    """
    times: list[float] = []
    numbers = itertools.count()

    async def run_client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (number := next(numbers)) < count:
            sent = time.perf_counter()
            writer.write(requests[number % len(requests)])
            await read_response(reader)
            times.append(time.perf_counter() - sent)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(run_client() for _ in range(CLIENTS)))
    return times


async def read_response(reader: asyncio.StreamReader) -> None:
    """Reads one response, which has to be a success."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    body = await reader.readexactly(length)
    if not head.split(" ", 2)[1].startswith("2"):
        raise ModelError(
            f"lentigo serve refused a photograph ({body.decode()[:200]}); expected photographs that can be "
            "read: name others"
        )
