"""How `lentigo serve` answers many clients at once, beside the plain service of FastAPI and Keras that people
write first. Example:

    python bench/service.py bundled --photos photos/ --seconds 20
    python bench/service.py bundled --requests 50000          # memory over that many
    python bench/service.py bundled --waits 0,1,2,5,10        # how long a photograph should wait for company
    python bench/service.py bundled --steps                   # what of the processor's time each step of an answer takes

Clients are connections that send one photograph after the other; they share the machine's cores with the
service. `lentigo serve` records every answer on disk and sends outline, measures and heatmap with it; the
plain service sends one number.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tables import describe_machine, make_parser, print_table, require_readable

HERE = Path(__file__).parent
MAX_START_SECONDS = 120
SIDE = 450  # pixels of the synthetic lesions that are drawn where no photographs are named
DRAWN = 16  # synthetic lesions
MAX_PHOTOGRAPHS = 64  # of a folder that are sent
WARM_UP_CLIENTS = 4
WARM_UP_SECONDS = 5.0  # the first answers take longer
MEMORY_CLIENTS = 16  # where --requests is given and --clients is not
NO_END = 1e9  # seconds
DEFAULT_CLIENTS = "1,4,16,64"
Start = Callable[[str], AbstractContextManager[tuple[int, int]]]  # of a RUN: its port and process
LATENCIES = ("p50 (ms)", "p99 (ms)", "p99 / p50")


def main() -> None:
    """Measures what the options name, and prints tables."""
    parser = make_parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="or 'bundled'")
    parser.add_argument(
        "--photos", metavar="FOLDER", type=Path, help="photographs to send; synthetic lesions without it"
    )
    parser.add_argument("--clients", default=DEFAULT_CLIENTS)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument(
        "--requests", type=int, default=0, help="measures memory over so many requests instead"
    )
    parser.add_argument("--waits", default="", help="compares these waits (ms) instead")
    parser.add_argument(
        "--steps", action="store_true", help="measures the steps of an answer instead, without HTTP and store"
    )
    parser.add_argument("--no-plain", action="store_true", help="leaves the plain service out")
    options = parser.parse_args()
    images = find_bodies(options.photos)
    clients = list(map(int, options.clients.split(",")))
    bodies = list(map(write_request, images))
    print(describe_machine())
    if options.steps:
        return measure_steps(options.run, images)
    if options.requests:
        count = MEMORY_CLIENTS if options.clients == DEFAULT_CLIENTS else clients[-1]
        return measure_memory(options.run, bodies, options.requests, count)
    if options.waits:
        waits = list(map(float, options.waits.split(",")))
        return compare_waits(options.run, bodies, clients, options.seconds, waits)
    services: dict[str, Start] = {"lentigo serve": start_lentigo}
    if not options.no_plain:
        services["FastAPI + Keras"] = start_plain
    compare_services(services, options.run, bodies, clients, options.seconds)


def compare_services(
    services: dict[str, Start], run: str, bodies: Sequence[bytes], clients: Sequence[int], seconds: float
) -> None:
    """Rates, latencies and starts of both."""
    rows = []
    starts = []
    rates = {}  # photographs a second, by service and clients
    for name, start in services.items():
        began = time.perf_counter()
        with start(run) as (port, pid):
            ask_once(port, bodies[0])
            starts.append((name, time.perf_counter() - began, read_memory(pid)))
            asyncio.run(load(port, bodies, WARM_UP_CLIENTS, min(seconds, WARM_UP_SECONDS)))
            for count in clients:
                before = read_cpu(pid)
                times, taken = asyncio.run(load(port, bodies, count, seconds))
                milliseconds = 1000 * (read_cpu(pid) - before) / len(times)
                rate = len(times) / taken
                rates[name, count] = rate
                rows.append((name, count, rate, *describe_times(times), milliseconds))
    print_table(("service", "clients", "photographs/s", *LATENCIES, "CPU (ms) a photograph"), rows)
    print_table(("service", "start to first answer (s)", "memory then (MB)"), starts)
    if len(services) == 2:
        one, other = services
        ratios = [(count, rates[one, count] / rates[other, count]) for count in clients]
        print_table(("clients", f"{one} / {other}"), ratios)


def compare_waits(
    run: str, bodies: Sequence[bytes], clients: Sequence[int], seconds: float, waits: Sequence[float]
) -> None:
    """Rates and latencies by how long a photograph waits for company."""
    rows = []
    for wait in waits:
        with start_lentigo(run, "--wait-ms", str(wait)) as (port, _):
            asyncio.run(load(port, bodies, WARM_UP_CLIENTS, WARM_UP_SECONDS))
            for count in clients:
                times, taken = asyncio.run(load(port, bodies, count, seconds))
                rows.append((wait, count, len(times) / taken, *describe_times(times)))
    print_table(("wait (ms)", "clients", "photographs/s", *LATENCIES), rows)


def measure_steps(run: str, contents: Sequence[bytes], rounds: int = 5) -> None:
    """Processor time, the median of some rounds, of what an answer is made of."""
    from lentigo.serving.http.uploads import Details
    from lentigo.serving.predictions.inference_pool import InferencePool
    from lentigo.serving.predictions.recording import make_record
    from lentigo.serving.predictions.request_context import RequestContext
    from lentigo.serving.predictions.upload_decoding import inspect_upload, read_upload
    from lentigo.serving.settings import Settings

    pool = InferencePool(run)
    context = RequestContext("bench", "1", datetime.now(UTC), Details())
    taken: dict[str, list[float]] = {"reading": [], "network": [], "outline and measures": []}
    for _ in range(1 + rounds):
        marks = [time.process_time()]
        images = []
        for place, content in enumerate(contents):
            upload = require_readable(inspect_upload(content, place, Settings()))
            images.append(require_readable(read_upload(upload)))
        marks.append(time.process_time())
        answers = pool.predict(images)
        marks.append(time.process_time())
        for answer, image in zip(answers, images, strict=True):
            make_record(answer, image, pool, context)
        marks.append(time.process_time())
        for name, before, after in zip(taken, marks, marks[1:], strict=False):
            taken[name].append(1000 * (after - before) / len(contents))
    rows = [(name, median(each[1:])) for name, each in taken.items()]  # the first round warms up
    print_table(("step", "CPU (ms) a photograph"), rows)


def measure_memory(run: str, bodies: Sequence[bytes], requests: int, clients: int) -> None:
    """Memory of `lentigo serve` after each tenth of that many requests."""
    rows = []
    done = 0
    share = requests // 10
    with start_lentigo(run) as (port, pid):
        # What libraries hold after the first answers is no growth: the first row is taken early
        for count in (min(500, share), *[share] * 10):
            times, _ = asyncio.run(load(port, bodies, clients, NO_END, count))
            done += len(times)
            rows.append((done, read_memory(pid), *describe_times(times)[:2]))
    print_table(("requests", "memory (MB)", "p50 (ms)", "p99 (ms)"), rows)


@contextmanager
def start_lentigo(run: str, *options: str) -> Iterator[tuple[int, int]]:
    """`lentigo serve` with a store of its own: its port and process."""
    with tempfile.TemporaryDirectory() as folder:
        port = find_port()
        command = [
            sys.executable,
            "-m",
            "lentigo",
            "serve",
            "--port",
            str(port),
            "--model",
            run,
            "--db",
            f"sqlite:///{folder}/store.db",
            *options,
        ]
        with run_process(command, port) as pid:
            yield port, pid


@contextmanager
def start_plain(run: str) -> Iterator[tuple[int, int]]:
    """bench/plain_service.py: its port and process."""
    port = find_port()
    with run_process([sys.executable, str(HERE / "plain_service.py"), run, str(port)], port) as pid:
        yield port, pid


@contextmanager
def run_process(command: Sequence[str], port: int) -> Iterator[int]:
    """A process that listens at a port."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )
    try:
        end = time.monotonic() + MAX_START_SECONDS
        while not is_open(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{' '.join(command)}: did not start")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def find_port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def find_bodies(folder: Path | None) -> list[bytes]:
    """Up to 64 photographs as files."""
    if folder is not None:
        from lentigo.images.listing import find_images

        return [path.read_bytes() for path in find_images(folder)[:MAX_PHOTOGRAPHS]]
    import io

    from PIL import Image

    from lentigo.images.synthetic_lesions import draw_synthetic_lesion

    drawn = []
    for seed in range(DRAWN):
        label = ("benign", "malignant")[seed % 2]
        lesion = draw_synthetic_lesion(label, seed, size=SIDE)
        file = io.BytesIO()
        Image.fromarray(lesion.image).save(file, "JPEG", quality=90)
        drawn.append(file.getvalue())
    return drawn


def write_request(image: bytes) -> bytes:
    """A request of HTTP/1.1 with one photograph, as bytes."""
    part = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="x"\r\n\r\n'
    body = part + image + b"\r\n--x--\r\n"
    lines = [
        "POST /v1/predictions HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask_once(port: int, request: bytes) -> None:
    """One request, answered."""
    asyncio.run(load(port, [request], 1, NO_END, 1))


async def load(
    port: int, requests: Sequence[bytes], clients: int, seconds: float, most: int = 10**9
) -> tuple[list[float], float]:
    """Latencies (s) of requests by so many clients, until the time is over or so many were sent; and the time
    taken.
    """
    times: list[float] = []
    began = time.perf_counter()
    numbers = itertools.count()  # of the requests, over all clients

    async def ask(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in itertools.islice(itertools.cycle(requests), first, None):
            if time.perf_counter() - began > seconds or next(numbers) >= most:
                break
            sent = time.perf_counter()
            writer.write(request)
            await read_answer(reader)
            times.append(time.perf_counter() - sent)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(ask(number) for number in range(clients)))
    return times, time.perf_counter() - began


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Reads one answer, which has to be a success."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    body = await reader.readexactly(length)
    if not head.split(" ", 2)[1].startswith("2"):
        raise SystemExit(f"a request failed: {body.decode()[:300]}")


def describe_times(times: list[float]) -> tuple[float, float, float]:
    """Median and 99th percentile in ms, and their ratio."""
    ordered = sorted(times)
    last = len(ordered) - 1
    middle = 1000 * ordered[min(last, int(0.5 * len(ordered)))]
    high = 1000 * ordered[min(last, int(0.99 * len(ordered)))]
    return middle, high, high / middle


def read_memory(pid: int) -> float:
    """Resident memory of a process, MB."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return float("nan")


def read_cpu(pid: int) -> float:
    """Seconds of all cores that a process has used: less noisy than the clock on a machine that does other
    things too.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()  # after the name, which may hold anything
    ticks = int(fields[11]) + int(fields[12])  # of the program, and of the system for it
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
