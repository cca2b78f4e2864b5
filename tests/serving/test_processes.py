"""The service as a process: signals, slow clients, and what is left when it is killed at any moment."""

import contextlib
import io
import json
import os
import random
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from served import HOUSE, Process, Served, draw_image

from lentigo.serving.server import listen
from lentigo.serving.settings import Settings
from lentigo.serving.store.records import Query
from lentigo.serving.store.store import open_store

MOMENTS = int(os.environ.get("LENTIGO_KILLS", 50))  # at which the service is killed


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


def test_what_was_accepted_is_answered_before_the_end(database):
    with Process(database, "--wait-ms", "300") as process, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(process.send, draw_image(seed)) for seed in range(4)]
        while (
            "lentigo_waiting_photographs 4.0" not in httpx.get(f"{process.url}/metrics", trust_env=False).text
        ):
            assert not all(answer.done() for answer in answers), "they were answered too fast for this test"
        process.end(signal.SIGTERM)
        assert [answer.result().status_code for answer in answers] == [201] * 4
        with pytest.raises(httpx.ConnectError):
            process.send(draw_image(1))
    with open_store(database) as store:
        assert len(store.list(Query()).records) == 4


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The log of a process that got a photograph, damaged uploads, and bytes that are no HTTP: a list of lines."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "TIFF", compression="tiff_lzw")
    torn = bytearray(file.getvalue())
    torn[8:40] = bytes(32)
    damaged = [
        bytes(torn),
        file.getvalue()[:100],
        draw_image(1)[:3000],
        draw_image(1, format="PNG")[:5000],
        draw_image(1, format="WEBP")[:3000],
    ]
    with Process(f"sqlite:///{tmp_path_factory.mktemp('logged')}/store.db") as process:
        assert process.send(draw_image(1)).status_code == 201
        assert [process.send(content).status_code for content in damaged] == [422] * len(damaged)
        port = int(process.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wrong:
            wrong.sendall(b"\x16\x03\x01\r\n\r\n")
            wrong.recv(1000)
        process.end()
        return list(process.log)


def test_the_log_is_one_object_a_line(logged):
    assert all(isinstance(json.loads(line), dict) for line in logged)


def test_each_request_is_one_line_of_the_log(logged):
    routes = [json.loads(line).get("route") for line in logged]
    assert [route for route in routes if route] == ["/v1/predictions"] * 6


def test_what_is_no_http_is_named_in_the_log(logged):
    assert any("Invalid HTTP" in json.loads(line).get("message", "") for line in logged)


def test_a_slow_upload_is_ended(database):
    with (
        Served(database, upload_seconds=0.5) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow,
    ):
        slow.sendall(
            b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
            b"boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n"
        )
        assert slow.recv(4000).startswith(b"HTTP/1.1 408 ")
        assert served.send(draw_image(1)).status_code == 201 and served.service.admission.pending_bytes == 0


@pytest.mark.parametrize(
    "words", [b"", b"GET / HT", b"POST /v1/lesions HTTP/1.1\r\nHost: localhost\r\nX-Drip: "]
)
def test_a_head_that_does_not_come_is_ended(database, words):
    with (
        Served(database, header_seconds=0.3) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow,
    ):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 20:
                slow.sendall(words[:1] * 2 if words == b"" else words)
                words = b"a" if words else b""
                slow.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    if slow.recv(4000) == b"":
                        break
        assert time.monotonic() - began < 15


def test_idle_connections_keep_nobody_out(database):
    with Served(database, max_connections=8) as served:
        idle = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(40)]
        assert served.send(draw_image(1)).status_code == 201
        assert len(served.server.server_state.connections) <= 9
        for connection in idle:
            connection.close()


def test_where_all_connections_are_busy_a_newcomer_is_told_so(database):
    with Served(database, max_connections=8) as served, contextlib.ExitStack() as stack:
        head = (
            b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
            b"boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n"
        )
        for _ in range(8):
            busy = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=30))
            busy.sendall(head)
        while len(served.server.server_state.tasks) < 8:
            time.sleep(0.01)
        newcomer = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=30))
        said = newcomer.recv(4000)
        assert (
            said.startswith(b"HTTP/1.1 503 ")
            and b"urn:lentigo:problem:busy" in said
            and b"Retry-After" in said
        )


def test_an_answer_that_nobody_reads_is_ended(database):
    with Served(database, read_seconds=0.2) as served:
        served.service.metrics.write = lambda: b"x" * 20_000_000
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as lazy:
            lazy.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            end = time.monotonic() + 20
            while served.server.server_state.total_requests + len(served.server.server_state.connections) < 1:
                time.sleep(0.01)
            while served.server.server_state.connections:
                assert time.monotonic() < end
                time.sleep(0.01)


def test_a_log_limits_itself_and_says_how_much_it_dropped():
    import logging

    from lentigo.serving.logs import JsonFormatter, LineLimit

    moment = [0.0]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(LineLimit(rate=1, burst=3, now=lambda: moment[0]))
    logger = logging.Logger("toy")
    logger.addHandler(handler)
    for _ in range(10):
        logger.warning("accept %s", "failed\nwith a second line")
    for _ in range(10):
        logger.warning('{"route": "/"}', extra={"kind": None})
    moment[0] = 1.0
    logger.warning("again")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 3 + 10 + 1 and lines[-1]["dropped"] == 7


def test_what_a_library_writes_to_file_2_is_json():
    import subprocess
    import sys

    program = (
        "import os, sys, warnings, threading, logging\n"
        "from lentigo.serving.logs import capture_log\n"
        "with capture_log() as stream:\n"
        "    os.write(2, b'TIFFReadDirectory: broken\\n')\n"
        "    warnings.warn('Truncated File Read')\n"
        "    logging.getLogger('asyncio').error('socket.accept() out of system resource')\n"
        "    thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "    os.write(2, b'x' * 3_000_000)\n"
        "    print('for people', file=stream)\n"
        "print('after', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": HOUSE},
        check=True,
    )
    *lines, last = done.stderr.splitlines()
    lines.remove("for people")
    said = [json.loads(line) for line in lines]
    assert last == "after" and any("ZeroDivisionError" in line.get("trace", "") for line in said)
    assert {"TIFFReadDirectory: broken", "socket.accept() out of system resource"} <= {
        line["message"] for line in said
    }
    assert any("Truncated File Read" in line["message"] for line in said) and max(map(len, lines)) < 10_000


def test_a_client_that_leaves_while_sending_holds_nothing(database):
    with Served(database) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as gone:
            gone.sendall(
                b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
                b"boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n"
            )
        while 'status="499"' not in served.get("/metrics").text:
            time.sleep(0.01)
        assert served.service.admission.pending_bytes == served.service.admission.waiting_images == 0


@pytest.mark.parametrize(
    "request_line",
    [
        b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_hurts_nobody(database, request_line):
    with Served(database) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as wrong:
            wrong.sendall(request_line)
            wrong.recv(100)
        assert served.get("/healthz").status_code == 200


def test_answers_do_not_wait_for_acknowledgements():
    with listen(Settings(port=0)) as listener:
        assert (
            listener.proto == socket.IPPROTO_TCP
        )  # else asyncio leaves Nagle's algorithm on, and each answer takes 40 ms more


def test_a_second_process_at_the_same_store_answers_the_same_request(database):
    with Served(database) as one, Process(database) as other:
        first, again = one.send(draw_image(1), key="same"), other.send(draw_image(1), key="same")
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()


def list_workers(process):
    """The process ids of the workers of `lentigo serve`."""
    task = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children")
    children = [int(word) for word in task.read_text().split()]
    return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.check
def test_workers_answer_at_one_address_and_one_that_dies_is_replaced(database):
    with Process(database, "--workers", "2") as process:
        first, second = list_workers(process)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(process.send, map(draw_image, range(8))))
        os.kill(first, signal.SIGKILL)
        while first in (workers := list_workers(process)) or len(workers) < 2:
            time.sleep(0.05)
        answers.append(process.send(draw_image(8)))
        assert [answer.status_code for answer in answers] == [201] * 9
        workers = list_workers(process)
        assert process.end(signal.SIGTERM) == 0 and second in workers
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    with open_store(database) as store:
        assert len(store.list(Query()).records) == 9


@pytest.mark.check
def test_a_worker_that_cannot_start_says_why(database, tmp_path):
    with pytest.raises(AssertionError, match="is no finished RUN"):
        Process(database, "--workers", "2", "--model", str(tmp_path / "none"))


@pytest.mark.check
def test_killed_under_load_nothing_is_lost_or_doubled(database):
    moment = random.Random(1)
    acknowledged, failed = {}, []
    for _ in range(MOMENTS):
        stop = threading.Event()
        with Process(database) as process, ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(send_until, process, stop, acknowledged, failed) for _ in range(4)]
            time.sleep(moment.uniform(0.1, 1.0))
            process.end(signal.SIGKILL)
            stop.set()
            [client.result() for client in clients]
    with Process(database) as process:
        for key, seed in failed:
            answer = process.send(draw_image(seed), key=key)
            assert answer.status_code in (200, 201)
            acknowledged[key] = answer.json()
    assert len(acknowledged) > MOMENTS
    with open_store(database) as store:
        stored = {record.request: record for record in store.stream(Query())}
        assert len(list(store.stream(Query()))) == len(stored) == len(acknowledged)
        assert {key: stored[key].id for key in acknowledged} == {
            key: said["predictions"][0]["id"] for key, said in acknowledged.items()
        }


def send_until(process, stop, acknowledged, failed):
    """Sends photographs one after the other until the service is gone; keeps what was acknowledged, and what
    was not.
    """
    while not stop.is_set():
        key, seed = str(uuid.uuid4()), random.randrange(8)
        try:
            answer = process.send(draw_image(seed), key=key)
        except httpx.HTTPError:
            failed.append((key, seed))
            return
        assert answer.status_code == 201
        acknowledged[key] = answer.json()
