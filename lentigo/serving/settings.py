"""Settings of the service: what it answers with, where it listens, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from lentigo.errors import UsageError

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})  # hosts that only this machine reaches


@dataclass(frozen=True)
class Settings:
    """`model` is a RUN or "bundled", `database` a URL as `open_store` takes it, None for the usual one,
    `photos` the folder in which photographs are kept, None for none.

    Limits of a request: `most_photos`, bytes of each (`most_bytes`) and of all (`most_total`), pixels of each
    (`most_pixels`; of formats that cannot be decoded at a smaller size `most_pixels_whole`), and the
    `upload_seconds` in which it must have arrived. Limits of all requests together: `most_waiting`
    photographs that are accepted and not answered, `most_held` bytes of photographs in memory, and
    `most_connections` at once (fewer where the system lets a process open few files). The head of a request
    must arrive within `header_seconds`, and a client read some of its answer within `read_seconds`. `rate` is
    requests a second of one key, and `burst` as many at once.

    The network is asked about up to `most_batch` photographs at a time; the first of them waits `wait_ms` for
    others where no batch is under way (bench/service.py compares waits). At the end accepted requests have
    `stop_seconds` to be answered. Raises `UsageError`.
    """

    model: str | Path = "bundled"
    database: str | None = None
    photos: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    most_photos: int = 20
    most_bytes: int = 20_000_000
    most_total: int = 100_000_000
    most_pixels: int = 50_000_000
    most_pixels_whole: int = 25_000_000
    upload_seconds: float = 60.0
    header_seconds: float = 10.0
    read_seconds: float = 60.0
    most_connections: int = 512
    most_waiting: int = 128
    most_held: int = 512_000_000
    rate: float = 50.0
    burst: int = 100
    most_batch: int = 16
    wait_ms: float = 1.0
    stop_seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in (
            f
            for f in fields(self)
            if f.name not in ("model", "database", "photos", "host", "port", "wait_ms")
        ):
            if getattr(self, field.name) <= 0:
                raise UsageError(f"{field.name} {getattr(self, field.name)}: expected more than 0")
        if not 0 <= self.port <= 65535 or self.wait_ms < 0:
            raise UsageError(
                f"port {self.port}, wait_ms {self.wait_ms}: expected a port from 0 to 65535, and a wait of "
                "0 or more"
            )
        if self.most_waiting < self.most_photos:
            raise UsageError(
                f"most_waiting {self.most_waiting}: expected at least the photographs of one request, "
                f"{self.most_photos}"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOCAL
