"""What runs on a node of a cluster: a task that checks the versions, and opens its work once."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from lentigo._version import __version__
from lentigo.errors import ClusterError


class Work(Protocol):
    """What workers do. A frozen dataclass of plain values: it is sent to each worker."""

    def open(self, cores: int) -> Callable[[list], Sequence]:
        """Prepares the work, once in each worker.

        Args:
            cores: Processors that it may use.

        Returns:
            A function that gives one result for each item of a batch.
        """


def name_versions() -> dict[str, str]:
    """Names what must be the same on every node.

    Returns:
        Versions by the name of what they are of.
    """
    major, minor = sys.version_info[:2]
    return {"Lentigo": __version__, "Python": f"{major}.{minor}"}


def refuse_node(name: str, found: dict[str, str]) -> ClusterError:
    """Describes a node with other versions.

    Args:
        name: Of the node.
        found: Its versions, as `name_versions` gives those of this machine.

    Returns:
        The error to raise.
    """
    theirs = join_versions(found)
    ours = join_versions(name_versions())
    return ClusterError(
        f"node {name}: has {theirs}, this machine {ours}; expected the same on every node: install them "
        "there, or leave that node out"
    )


def join_versions(versions: dict[str, str]) -> str:
    """Versions in words."""
    return " and ".join(f"{name} {version}" for name, version in versions.items())


def make_task() -> Callable[..., tuple]:
    """Makes what Ray runs on a node.

    It is sent whole, not by its name: a node with another Lentigo, or none, must be able to report that. So
    it imports what it needs by itself.

    Returns:
        A function that gives "refused", "ready" (without work) or "done" first.
    """

    def task(
        versions: dict[str, str], cores: int = 1, key: str = "", work: Any = None, batch: bytes = b""
    ) -> tuple:
        # Imported here: the task is sent by value to a node that may lack this package
        import platform
        import sys

        try:
            from lentigo._version import __version__
        except ImportError:
            __version__ = "none"
        major, minor = sys.version_info[:2]
        found = {"Lentigo": __version__, "Python": f"{major}.{minor}"}
        if found != versions:
            return "refused", platform.node(), found
        if work is None:
            return "ready", platform.node(), found
        from lentigo.common.parallel.worker import do_batch

        return "done", do_batch(cores, key, work, batch)

    return task


_opened: dict[str, Callable[[list], Sequence]] = {}  # the work that this worker has opened, by its key


def do_batch(cores: int, key: str, work: np.ndarray, batch: bytes) -> bytes:
    """Does a batch, in a worker. The work of a key is opened once; that of another is forgotten.

    Args:
        cores: Processors of this worker.
        key: Tells works apart.
        work: The pickled `Work`, uint8 (n,).
        batch: The pickled items.

    Returns:
        The pickled list of results.
    """
    import ray

    if key not in _opened:
        _opened.clear()
        _opened[key] = ray.cloudpickle.loads(work.tobytes()).open(cores)
    items = ray.cloudpickle.loads(batch)
    return pickle.dumps(list(_opened[key](items)))
