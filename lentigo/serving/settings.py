"""Settings of the service: which model it uses, where it listens, and how much it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lentigo.errors import UsageError

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})  # hosts that only this machine reaches
POSITIVE = (  # the settings that must be more than 0
    "max_images",
    "max_image_bytes",
    "max_request_bytes",
    "max_pixels",
    "max_pixels_whole",
    "upload_seconds",
    "header_seconds",
    "read_seconds",
    "max_connections",
    "max_waiting",
    "max_pending_bytes",
    "rate",
    "burst",
    "max_batch",
    "stop_seconds",
    "workers",
)


@dataclass(frozen=True)
class Settings:
    """How the service is set up. Raises `UsageError` for a value that cannot be.

    Args:
        model: a RUN or "bundled".
        database: a URL as `open_store` takes it; None for the usual one.
        image_folder: the folder in which photographs are kept; None to keep none.
        index: the folder of known lesions, of `lentigo index`, of which the nearest are shown; None for none.
        similar: how many of them are shown beside a photograph.
        host: the name or address to listen at.
        port: the port to listen at; 0 for any that is free.
        max_images: photographs of one request.
        max_image_bytes: bytes of one photograph.
        max_request_bytes: bytes of one request.
        max_pixels: pixels of one photograph.
        max_pixels_whole: the same for formats that cannot be decoded at a smaller size.
        upload_seconds: seconds in which a request must have arrived.
        header_seconds: seconds in which the head of a request must have arrived.
        read_seconds: seconds in which a client must read some of its response.
        max_connections: connections at once; fewer where the system lets a process open few files.
        max_waiting: photographs of all requests that are accepted and not answered.
        max_pending_bytes: bytes of photographs of all requests in memory.
        rate: requests a second of one key, on average.
        burst: requests of one key at once.
        max_batch: photographs that go through the network at a time.
        wait_ms: milliseconds that the first photograph waits for others where no batch is computed;
            `bench/service.py` compares them.
        stop_seconds: seconds that accepted requests have at the end.
        workers: processes that answer, each with a model of its own. The limits above are those of all of
            them together.
    """

    model: str | Path = "bundled"
    database: str | None = None
    image_folder: Path | None = None
    index: Path | None = None
    similar: int = 5
    host: str = "127.0.0.1"
    port: int = 8000
    max_images: int = 20
    max_image_bytes: int = 20_000_000
    max_request_bytes: int = 100_000_000
    max_pixels: int = 50_000_000
    max_pixels_whole: int = 25_000_000
    upload_seconds: float = 60.0
    header_seconds: float = 10.0
    read_seconds: float = 60.0
    max_connections: int = 512
    max_waiting: int = 128
    max_pending_bytes: int = 512_000_000
    rate: float = 50.0
    burst: int = 100
    max_batch: int = 16
    wait_ms: float = 1.0
    stop_seconds: float = 30.0
    workers: int = 1

    def __post_init__(self) -> None:
        self._check_positive()
        if not 0 <= self.port <= 65535:
            raise UsageError(f"port {self.port}: expected a port from 0 to 65535")
        if self.wait_ms < 0:
            raise UsageError(f"wait_ms {self.wait_ms}: expected a wait of 0 or more")
        if self.max_waiting < self.max_images:
            raise UsageError(
                f"max_waiting {self.max_waiting}: expected at least the photographs of one request, "
                f"{self.max_images}"
            )

    def _check_positive(self) -> None:
        """Raises `UsageError` for one of `POSITIVE` that is not above 0."""
        for name in POSITIVE:
            value = getattr(self, name)
            if value <= 0:
                raise UsageError(f"{name} {value}: expected more than 0")

    @property
    def threads(self) -> int | None:
        """How many processors a worker's network uses; None for all."""
        if self.workers == 1:
            return None
        return max(1, (os.cpu_count() or 1) // self.workers)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOCAL_HOSTS
