"""More than one machine: work in parts on the nodes of a Ray cluster.

Ray starts the workers, brings parts and answers, and does again what a lost worker had; nothing here replaces
it. A worker opens its work once (a model is loaded, a data set unpacked) and keeps it for the parts to come.
"""

from __future__ import annotations

import logging
import os
import pickle
import platform
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from lentigo._version import __version__
from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.work_batches import Lost, choose_size, cut_parts, map_parts
from lentigo.common.user_folders import set_environment
from lentigo.errors import ClusterError, LentigoError, UsageError

LOCAL = "local"  # in place of an address: worker processes on this machine
CORES = 4  # of a worker, where each node has as many
RETRIES = 4  # of a part whose worker or node was lost, before it is cut in two
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"  # and an empty SETTINGS frame
STARTS = 3  # of the processes on this machine, where it is too busy for them
ANSWER_S, START_S, EMPTY_S = (
    5.0,
    120.0,
    60.0,
)  # until nobody answers, until a node's first worker does not start, until a cluster without nodes is given up
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_server_request_timeout_seconds": "10",
}
LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"
}  # Ray's word for: nobody else may join, listen on 127.0.0.1


class Work(Protocol):
    """What workers do. A frozen dataclass of plain values: it is sent to each worker."""

    def open(self, cores: int) -> Callable[[list], Sequence]:
        """Gets ready on so many cores, once in each worker; what it gives answers for the items of a part,
        one for one.
        """


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with its number of processors."""

    name: str
    identity: str
    cores: int


@dataclass(frozen=True)
class Cluster:
    """A cluster that was joined; `cores` are those of each worker. `shared` is whether all its nodes are on
    this machine.
    """

    address: str
    cores: int
    shared: bool

    def list_nodes(self) -> list[Node]:
        """The nodes that are there now and compute."""
        import ray

        found = [node for node in ray.nodes() if node["Alive"]]
        return [
            Node(node["NodeManagerHostname"], node["NodeID"], int(node["Resources"].get("CPU", 0)))
            for node in found
            if node["Resources"].get("CPU", 0) >= 1
        ]

    def count_workers(self) -> int:
        """Parts that are worked on at a time."""
        return sum(node.cores // self.cores for node in self.list_nodes())

    def map(
        self,
        work: Work,
        items: Iterable[Any],
        *,
        count: int | None = None,
        size: int | None = None,
        give_up: Callable[[Any, Lost], Any],
    ) -> Iterator[Any]:
        """One answer for each item, in order, as parts are finished; `count` is the number of items where it
        is known, `size` that of a part.

        `give_up` answers for an item at which every worker was lost. Raises `ClusterError` where no node is
        left, and whatever `LentigoError` the work raises.
        """
        import ray

        content = np.frombuffer(ray.cloudpickle.dumps(work), np.uint8)
        key, place = hash_bytes(content.tobytes()), ray.put(content)
        task = ray.remote(make_task()).options(
            num_cpus=self.cores, max_retries=RETRIES, scheduling_strategy="SPREAD", name=type(work).__name__
        )

        def submit(part: list) -> Any:
            return task.remote(name_versions(), self.cores, key, place, ray.cloudpickle.dumps(part))

        parts = cut_parts(items, size or choose_size(count, max(1, self.count_workers())))
        yield from map_parts(
            parts, submit, self.collect, lambda: 2 * max(1, self.count_workers()) + 1, give_up
        )

    def collect(self, reference: Any) -> Sequence:
        """Waits for the answers of a part. Raises `Lost`, `ClusterError` and what the work raised."""
        import ray
        from ray.exceptions import (
            NodeDiedError,
            ObjectLostError,
            OutOfMemoryError,
            RayError,
            RayTaskError,
            WorkerCrashedError,
        )

        waited = 0.0
        while not ray.wait([reference], timeout=ANSWER_S)[0]:
            waited = 0.0 if self.count_workers() else waited + ANSWER_S
            if waited >= EMPTY_S:
                raise ClusterError(
                    f"{self.address}: no node is left that could go on; expected one with {self.cores} "
                    "processors: start one, and call again"
                )
        try:
            said, *rest = ray.get(reference)
        except (WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError) as error:
            raise Lost(type(error).__name__) from error
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, LentigoError) else error from None
        except RayError as error:
            raise ClusterError(
                f"{self.address}: {first_line(error)}; expected a cluster that goes on: look into Ray's "
                "logs on its head node"
            ) from error
        if said == "refused":
            raise refuse_node(*rest)
        return pickle.loads(rest[0])


@contextmanager
def join_cluster(address: str, *, cores: int | None = None, workers: int | None = None) -> Iterator[Cluster]:
    """Joins the cluster whose head is at `address` (HOST:PORT, ray://HOST:PORT, or auto for that of this
    machine), or starts worker processes here for `LOCAL`, which end with the context and are reached from
    this machine alone.

    `cores` are those of a worker; `workers` is their number for `LOCAL`, as many as fit without it. Raises
    `ClusterError` where nobody answers, and where a node has another Lentigo or Python.
    """
    with ExitStack() as stack:
        stack.enter_context(set_environment(QUIET | (start_settings() if address == LOCAL else {})))
        check_address(address)
        import ray

        if ray.is_initialized():
            raise ClusterError(
                "this process is in a cluster already; expected one at a time: leave that first "
                "(ray.shutdown())"
            )
        start_ray(address, workers * (cores or 1) if workers else count_cores(), stack)
        stack.callback(ray.shutdown)
        silence_ray()
        draft = Cluster(address, cores or 1, False)
        nodes = draft.list_nodes()
        if not nodes:
            raise ClusterError(
                f"{address}: none of its nodes computes; expected one with a processor at least: ray start "
                f"--address={address} --num-cpus=N"
            )
        smallest = min(node.cores for node in nodes)
        if cores and cores > max(node.cores for node in nodes):
            raise UsageError(
                f"{cores} cores a worker; expected {max(node.cores for node in nodes)} at most, as many as "
                "a node has"
            )
        check_nodes(nodes)
        yield Cluster(
            address, cores or min(CORES, smallest), {node.name for node in nodes} == {platform.node()}
        )


def start_settings() -> dict[str, str | None]:
    """Of workers on this machine: on loopback only, and behind a token that only this process and they know.
    That it is asked for Ray sees to itself.
    """
    return LOOPBACK | {"RAY_AUTH_TOKEN": make_token(), "RAY_AUTH_MODE": None}


@cache
def make_token() -> str:
    """A token; one for a process, since Ray reads it once."""
    return secrets.token_hex(32)


def check_address(address: str) -> None:
    """Raises `UsageError` for an address that is none, `ClusterError` where nobody listens."""
    if address in (LOCAL, "auto"):
        return
    place = urlsplit(address if "://" in address else f"ray-head://{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError:
        host = port = None
    if not host or not port or place.scheme not in ("ray", "ray-head"):
        raise UsageError(
            f"cluster {address!r} is no address; expected HOST:PORT of its head, ray://HOST:PORT, auto or "
            f"{LOCAL}"
        )
    try:
        with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0" and not speaks_http2(connection):
                raise explain_silence(address, "what listens there is another server")
    except OSError as error:
        raise explain_silence(address, error.strerror or str(error)) from error


def speaks_http2(connection: socket.socket) -> bool:
    """Whether a server greets as HTTP/2 asks, which Ray's do: it has to send a SETTINGS frame first (RFC
    9113, section 3.4). Raises `OSError` after a while of silence.

    Ray itself would wait for minutes.
    """
    connection.sendall(HTTP2_GREETING)
    answer = b""
    while len(answer) < 4 and (more := connection.recv(9 - len(answer))):
        answer += more
    return answer[3:4] == b"\x04"


def start_ray(address: str, processors: int, stack: ExitStack) -> None:
    """`ray.init` without its dashboard and its messages, for `LOCAL` with so many processors. Raises
    `ClusterError`.
    """
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == LOCAL:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="lentigo-", ignore_cleanup_errors=True)
        )
        options |= {
            "include_dashboard": False,
            "num_cpus": processors,
            **({"_temp_dir": folder} if len(folder) < 40 else {}),
        }  # sockets have short names
    for _ in range(STARTS if address == LOCAL else 1):
        try:
            ray.init(address, **options)
            return
        except Exception as error:  # Ray raises what it is, down to a bare Exception
            failure, reason = error, explain_start(address, error)
            ray.shutdown()
        if not is_late(failure):
            break
    raise reason from failure


def is_late(error: Exception) -> bool:
    """Whether Ray gave up only because its processes took long to start: it waits half a minute, and no
    setting says otherwise.
    """
    return "timed out during startup" in str(error)


def explain_start(address: str, error: Exception) -> ClusterError:
    """What Ray says where it cannot be joined or started, in one line with its cure."""
    words = " ".join(str(error).split())
    if is_late(error):
        return ClusterError(
            f"cluster {address}: Ray's own processes do not start in time, {STARTS} times over; expected a "
            "machine that is less busy: try later"
        )
    if "ersion" in words:
        return ClusterError(
            f"cluster {address}: {words[:300]}; install the same versions of Ray and Python on every machine"
        )
    if "oken" in words:
        return ClusterError(
            f"cluster {address}: asks for a token ({first_line(error)}); set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN to that of the cluster"
        )
    if isinstance(error, ConnectionError | TimeoutError):
        return explain_silence(address, first_line(error))
    return ClusterError(
        f"cluster {address}: cannot be joined ({first_line(error)}); expected the head of a Ray cluster, "
        "see docs/cluster.md"
    )


def silence_ray() -> None:
    """Ray prints on stdout that a worker or a node was lost: there it would stand among answers."""
    import ray._private.worker as inner

    if hasattr(inner, "_worker_logs_enabled"):
        inner._worker_logs_enabled = False


def count_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def explain_silence(address: str, reason: str) -> ClusterError:
    """Nobody answers at an address."""
    return ClusterError(
        f"cluster {address}: nobody answers ({reason}); expected the head of a Ray cluster: start one with "
        "`ray start --head --port=6379`, "
        f"or work on this machine with --cluster {LOCAL}"
    )


def first_line(error: Exception) -> str:
    """An error of Ray in one line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def name_versions() -> dict[str, str]:
    """What must be the same on every node."""
    return {"Lentigo": __version__, "Python": ".".join(map(str, sys.version_info[:2]))}


def refuse_node(name: str, found: dict[str, str]) -> ClusterError:
    """A node with other versions."""
    theirs, ours = (
        " and ".join(f"{what} {version}" for what, version in versions.items())
        for versions in (found, name_versions())
    )
    return ClusterError(
        f"node {name}: has {theirs}, this machine {ours}; expected the same on every node: install them "
        "there, or leave that node out"
    )


def check_nodes(nodes: Sequence[Node]) -> None:
    """Raises `ClusterError` where a node has other versions than this machine, or starts no worker."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(make_task())
    waiting = {
        task.options(
            num_cpus=0,
            max_retries=1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.identity, soft=False),
        ).remote(name_versions()): node
        for node in nodes
    }
    done, late = ray.wait(list(waiting), num_returns=len(waiting), timeout=START_S)
    if late:
        raise ClusterError(
            f"node {waiting[late[0]].name}: starts no worker within {START_S:.0f} s; expected one: look at "
            "that node, or leave it out"
        )
    for reference in done:
        try:
            said, *rest = ray.get(reference)
        except ray.exceptions.RayError as error:
            raise ClusterError(
                f"node {waiting[reference].name}: its worker ends at once ({first_line(error)}); look at "
                "that node, or leave it out"
            ) from error
        if said == "refused":
            raise refuse_node(*rest)


def make_task() -> Callable[..., tuple]:
    """What Ray runs on a node. It is sent whole, not by its name: a node with another Lentigo, or none, must
    be able to say so.
    """

    def task(
        versions: dict[str, str], cores: int = 1, key: str = "", work: Any = None, part: bytes = b""
    ) -> tuple:
        import platform
        import sys

        try:
            from lentigo._version import __version__
        except ImportError:
            __version__ = "none"
        found = {"Lentigo": __version__, "Python": ".".join(map(str, sys.version_info[:2]))}
        if found != versions:
            return "refused", platform.node(), found
        if work is None:
            return "ready", platform.node(), found
        from lentigo.common.parallel.cluster import do_part

        return "done", do_part(cores, key, work, part)

    return task


_opened: dict[str, Callable[[list], Sequence]] = {}


def do_part(cores: int, key: str, work: np.ndarray, part: bytes) -> bytes:
    """In a worker: the answers for a part, pickled. The work of a `key` is opened once; that of another is
    forgotten.
    """
    import ray

    if key not in _opened:
        _opened.clear()
        _opened[key] = ray.cloudpickle.loads(work.tobytes()).open(cores)
    return pickle.dumps(list(_opened[key](ray.cloudpickle.loads(part))))
