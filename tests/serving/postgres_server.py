"""A PostgreSQL server of our own for tests: in a temporary folder, reached by a socket in it, as user
postgres where we are root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = max(
    Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/none"), key=lambda path: int(path.parent.name)
)


class PostgresServer:
    """A context manager; `make_database` gives the URL of an empty one, `make_schema` that of an empty room
    in one, which is quicker.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short
        self.count = 0

    def __enter__(self) -> PostgresServer:
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        self.run(
            "initdb",
            "--pgdata",
            self.data,
            "--auth",
            "trust",
            "--username",
            "postgres",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        )
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"unix_socket_directories = '{self.home}'\nlisten_addresses = ''\nfsync = "
                "off\nmax_connections = 200\ntimezone = 'Asia/Kathmandu'\n"
            )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def data(self) -> Path:
        return self.home / "data"

    def start(self) -> None:
        self.run("pg_ctl", "start", "--wait", "--silent", "--pgdata", self.data, "--log", self.home / "log")

    def stop(self) -> None:
        """At once, as a crash would."""
        self.run("pg_ctl", "stop", "--wait", "--silent", "--mode", "immediate", "--pgdata", self.data)

    def make_database(self) -> str:
        return f"postgresql://postgres@/{self.make('DATABASE')}?host={self.home}"

    def make_schema(self) -> str:
        return (
            f"postgresql://postgres@/postgres?host={self.home}&options=-csearch_path%3D{self.make('SCHEMA')}"
        )

    def make(self, what: str) -> str:
        self.count += 1
        self.run(
            "psql",
            "--host",
            self.home,
            "--username",
            "postgres",
            "--quiet",
            "--command",
            f"CREATE {what} test{self.count}",
        )
        return f"test{self.count}"

    def run(self, program: str, *words: object) -> None:
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run(
            [*user, str(PROGRAMS / program), *map(str, words)],
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
