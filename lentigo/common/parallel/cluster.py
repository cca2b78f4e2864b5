"""More than one machine: work in batches on the nodes of a Ray cluster.

Ray starts the workers, brings batches and results, and does again what a lost worker had; nothing here
replaces it. A worker opens its work once (a model is loaded, a data set unpacked) and keeps it for the
batches to come.
"""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lentigo.common.hashing import hash_bytes
from lentigo.common.parallel.ray_start import (
    check_address,
    count_cores,
    list_settings,
    silence_ray,
    start_ray,
)
from lentigo.common.parallel.work_batches import Lost, choose_size, cut_batches, map_batches
from lentigo.common.parallel.worker import Work, make_task, name_versions, refuse_node
from lentigo.common.user_folders import set_environment
from lentigo.errors import ClusterError, LentigoError, UsageError, first_line

WORKER_CORES = 4  # processors of a worker, where each node has as many
RETRIES = 4  # of a batch whose worker or node was lost, before it is cut in two
POLL_SECONDS = 5.0  # after which a waiting call looks whether there are nodes left
START_SECONDS = 120.0  # in which the first worker of a node must have started
EMPTY_SECONDS = 60.0  # after which a cluster without nodes is given up


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with its number of processors."""

    name: str
    identity: str
    cores: int


@dataclass(frozen=True)
class Cluster:
    """A cluster that was joined.

    Args:
        address: As it was given to `join_cluster`.
        cores: Processors of each worker.
        shared: Whether all its nodes are on this machine.
    """

    address: str
    cores: int
    shared: bool

    def list_nodes(self) -> list[Node]:
        """Lists the nodes that are there now and compute.

        Returns:
            Those with one processor at least.
        """
        import ray

        nodes = []
        for entry in ray.nodes():
            cores = int(entry["Resources"].get("CPU", 0))
            if entry["Alive"] and cores >= 1:
                nodes.append(Node(entry["NodeManagerHostname"], entry["NodeID"], cores))
        return nodes

    def count_workers(self) -> int:
        """Counts the batches that can be worked on at a time.

        Returns:
            0 where no node is there.
        """
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
        """Gives one result for each item, in order, as batches are finished.

        Args:
            work: What is done with them.
            items: Of any number.
            count: How many, where that is known.
            size: Items of a batch; chosen by the number of items and workers where it is None.
            give_up: Gives the result of an item at which every worker was lost.

        Yields:
            The results.

        Raises:
            ClusterError: Where no node is left.
            LentigoError: Whatever the work raises.
        """
        import ray

        # As an array: Ray shares its memory among the workers of a node
        content = np.frombuffer(ray.cloudpickle.dumps(work), np.uint8)
        key = hash_bytes(content.tobytes())
        reference = ray.put(content)  # sent once to each node
        task = ray.remote(make_task()).options(
            num_cpus=self.cores, max_retries=RETRIES, scheduling_strategy="SPREAD", name=type(work).__name__
        )

        def submit(batch: list) -> Any:
            return task.remote(name_versions(), self.cores, key, reference, ray.cloudpickle.dumps(batch))

        def count_waiting() -> int:
            return 2 * max(1, self.count_workers()) + 1  # one batch done and one ready for each worker

        if size is None:
            size = choose_size(count, max(1, self.count_workers()))
        batches = cut_batches(items, size)
        yield from map_batches(batches, submit, self.collect, count_waiting, give_up)

    def collect(self, reference: Any) -> Sequence:
        """Waits for the results of a batch.

        Args:
            reference: Ray's, of a task.

        Returns:
            One result for each item.

        Raises:
            Lost: Where the worker or its node was lost, each time that it was tried.
            ClusterError: Where no node is left, or one has other versions.
            LentigoError: Whatever the work raised.
        """
        import ray
        from ray.exceptions import (
            NodeDiedError,
            ObjectLostError,
            OutOfMemoryError,
            RayError,
            RayTaskError,
            WorkerCrashedError,
        )

        self.wait(reference)
        try:
            status, *details = ray.get(reference)
        except (WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError) as error:
            raise Lost(type(error).__name__) from error
        except RayTaskError as error:
            if isinstance(error.cause, LentigoError):
                raise error.cause from None
            raise error from None
        except RayError as error:
            raise ClusterError(
                f"{self.address}: {first_line(error)}; expected a cluster that goes on: look into Ray's "
                "logs on its head node"
            ) from error
        if status == "refused":
            raise refuse_node(*details)
        return pickle.loads(details[0])

    def wait(self, reference: Any) -> None:
        """Waits for a task as long as there are nodes. Raises `ClusterError` where none is left for a
        while.

        Args:
            reference: Ray's, of the task.
        """
        import ray

        empty_seconds = 0.0
        while True:
            finished, _ = ray.wait([reference], timeout=POLL_SECONDS)
            if finished:
                return
            if self.count_workers() > 0:
                empty_seconds = 0.0
            else:
                empty_seconds += POLL_SECONDS
            if empty_seconds >= EMPTY_SECONDS:
                raise ClusterError(
                    f"{self.address}: no node is left that could go on; expected one with {self.cores} "
                    "processors: start one, and call again"
                )


@contextmanager
def join_cluster(address: str, *, cores: int | None = None, workers: int | None = None) -> Iterator[Cluster]:
    """Joins a cluster, or starts worker processes on this machine.

    Args:
        address: Of its head: HOST:PORT, ray://HOST:PORT, or auto for that of this machine. `LOCAL` starts
            processes, which end with the context and are reached from this machine alone.
        cores: Processors of a worker.
        workers: How many, for `LOCAL`; as many as fit where it is None.

    Yields:
        The cluster.

    Raises:
        UsageError: For an address that is none, and for more cores than a node has.
        ClusterError: Where nobody answers, and where a node has another Lentigo or Python.
    """
    with ExitStack() as stack:
        stack.enter_context(set_environment(list_settings(address)))
        check_address(address)
        import ray

        if ray.is_initialized():
            raise ClusterError(
                "this process is in a cluster already; expected one at a time: leave that first "
                "(ray.shutdown())"
            )
        processors = workers * (cores or 1) if workers else count_cores()
        start_ray(address, processors, stack)
        stack.callback(ray.shutdown)
        silence_ray()
        nodes = Cluster(address, cores or 1, shared=False).list_nodes()
        # Before the first batch: a node with other versions would fail in the middle
        cores = choose_cores(address, nodes, cores)
        check_nodes(nodes)
        shared = {node.name for node in nodes} == {platform.node()}
        yield Cluster(address, cores, shared)


def choose_cores(address: str, nodes: Sequence[Node], cores: int | None) -> int:
    """The processors of a worker. Raises `UsageError` for too many, `ClusterError` where there is no node."""
    if not nodes:
        raise ClusterError(
            f"{address}: none of its nodes computes; expected one with a processor at least: ray start "
            f"--address={address} --num-cpus=N"
        )
    largest = max(node.cores for node in nodes)
    if cores and cores > largest:
        raise UsageError(f"{cores} cores a worker; expected {largest} at most, as many as a node has")
    return cores or min(WORKER_CORES, *(node.cores for node in nodes))


def check_nodes(nodes: Sequence[Node]) -> None:
    """Raises `ClusterError` where a node has other versions than this machine, or starts no worker."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(make_task())
    node_of = {}  # each node by the reference of its task
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node.identity, soft=False)
        reference = task.options(num_cpus=0, max_retries=1, scheduling_strategy=there).remote(name_versions())
        node_of[reference] = node
    finished, late = ray.wait(list(node_of), num_returns=len(node_of), timeout=START_SECONDS)
    if late:
        raise ClusterError(
            f"node {node_of[late[0]].name}: starts no worker within {START_SECONDS:.0f} s; expected one: "
            "look at that node, or leave it out"
        )
    for reference in finished:
        try:
            status, *details = ray.get(reference)
        except ray.exceptions.RayError as error:
            raise ClusterError(
                f"node {node_of[reference].name}: its worker ends at once ({first_line(error)}); look at "
                "that node, or leave it out"
            ) from error
        if status == "refused":
            raise refuse_node(*details)
