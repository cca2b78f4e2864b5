"""HTTP for public archives: only hosts that may be asked, patience with faults that pass, and an end to it.

Nothing is asked before a `Transport` is told to. Credentials are neither sent nor understood.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from lentigo._version import __version__
from lentigo.datasets.archive.archive_addresses import (
    check_base,
    is_loopback,
    name_origin,
    name_place,
    parse_url,
)
from lentigo.datasets.archive.faults import (
    ContentFault,
    Fault,
    Patience,
    Stopped,
    Unreachable,
    find_fault,
    judge_status,
    name_fault,
)
from lentigo.errors import ArchiveError

MAX_REDIRECTS = 5
T = TypeVar("T")


class Transport:
    """A pool of connections to an archive and to the hosts of its files; a context manager, safe to share by
    threads.
    """

    def __init__(self, base: str, *, threads: int = 10, patience: Patience = Patience()) -> None:
        """`base` is the address of the archive's interface. Raises `UsageError` where it may not be asked."""
        self.base = check_base(base)
        self.patience = patience
        self.stopped = threading.Event()
        self.answered = False
        self.client = httpx.Client(
            headers={"User-Agent": f"lentigo/{__version__}"},
            # Connecting takes seconds at most, an answer may take longer
            timeout=httpx.Timeout(patience.timeout, connect=min(10.0, patience.timeout), pool=None),
            limits=httpx.Limits(max_connections=threads + 1, max_keepalive_connections=threads + 1),
            # An archive on this machine is not asked by way of a proxy
            trust_env=not is_loopback(self.base.host),  # proxies and certificates of the environment
        )

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stopped.set()
        self.client.close()

    def retry(self, action: Callable[[], T]) -> T:
        """Repeats an action where it raises a `Fault`, as often and as late as `patience` says.

        Args:
            action: One attempt.

        Returns:
            What the action gives.

        Raises:
            Fault: The last one.
            Stopped: After `stopped` was set.
        """
        attempt = Retrying(
            retry=retry_if_exception_type(Fault),
            stop=self._is_enough,
            wait=self._choose_wait,
            sleep=self._sleep,
            reraise=True,
        )
        return attempt(action)

    def _sleep(self, seconds: float) -> None:
        """Waits, but no longer than until `stopped` is set."""
        self.stopped.wait(seconds)

    def _is_enough(self, state: RetryCallState) -> bool:
        """Whether the last attempt was the last one that is made."""
        fault = find_fault(state)
        limit = self.patience.attempts
        # An address that never answered is mistyped more often than busy
        if isinstance(fault, ContentFault) or (isinstance(fault, Unreachable) and not self.answered):
            limit = self.patience.few_attempts
        return state.attempt_number >= limit

    def _choose_wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: what the server asked for, else exponential; both with a part left
        to chance, so that threads that failed together do not come back together."""
        fault = find_fault(state)
        if fault is not None and fault.asked is not None:
            return fault.asked + random.uniform(0, self.patience.first_wait)
        wait = self.patience.double_wait(state.attempt_number)
        # By chance, so that threads that failed together do not ask together
        return wait + random.uniform(0, wait)

    def open_archive(self, url: str) -> AbstractContextManager[httpx.Response]:
        """One attempt at the archive's interface: the answer (200) to a GET, its body yet to be read by
        `read_chunks`.

        Addresses and redirects are followed on the archive's own host alone. Raises `Fault`, `Refusal`,
        `ArchiveError` and `Stopped`, and the context raises them too where the body does not come whole.

        Args:
            url: Of a page of the interface.
        """
        return self._open(url, self.allow_archive, {})

    def open_file(self, url: str) -> AbstractContextManager[httpx.Response]:
        """The same for a file, which any host may keep, see `allow_file`. It comes uncompressed, so that its
        length can be compared.

        Args:
            url: Of a photograph.
        """
        return self._open(url, self.allow_file, {"Accept-Encoding": "identity"})

    @contextmanager
    def _open(
        self, url: str, allow: Callable[[httpx.URL], httpx.URL], headers: dict[str, str]
    ) -> Iterator[httpx.Response]:
        target = parse_url(url)
        try:
            # Redirects by hand: each place is checked before it is asked
            for _ in range(MAX_REDIRECTS + 1):
                if self.stopped.is_set():
                    raise Stopped("stopped")
                target = allow(target)
                with self.client.stream("GET", target, headers=headers) as response:
                    self.answered = True
                    if response.next_request is None:
                        judge_status(response, self.patience)
                        yield response
                        return
                    target = response.next_request.url
        except httpx.HTTPError as error:
            raise name_fault(error, target) from error
        raise ArchiveError(f"{name_place(target)}: more than {MAX_REDIRECTS} redirects; expected an answer")

    def read_chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The body of an answer, piece by piece. Raises `Stopped`; the context of the answer names other
        faults.

        Args:
            response: An answer whose body is not read yet.
        """
        for chunk in response.iter_bytes():
            if self.stopped.is_set():
                raise Stopped("stopped")
            yield chunk

    def allow_archive(self, url: httpx.URL) -> httpx.URL:
        """The address, on the archive's own host and by its own scheme. Raises `ArchiveError` for another
        host.

        Args:
            url: Where an address or a redirect leads.
        """
        url = self.base.join(url)
        if (url.host, url.port) != (self.base.host, self.base.port):
            raise ArchiveError(
                f"{self.base.host}: points to another host, {name_origin(url)}; expected "
                f"{name_origin(self.base)}: not followed"
            )
        return url.copy_with(scheme=self.base.scheme)  # servers behind a proxy say http where they mean https

    def allow_file(self, url: httpx.URL) -> httpx.URL:
        """The address of a file: any host by https; by http only this machine, where the archive is on it
        too. Raises `ArchiveError`.

        Args:
            url: Where an address or a redirect leads.
        """
        if url.scheme == "https" or (
            url.scheme == "http" and is_loopback(url.host) and is_loopback(self.base.host)
        ):
            return url
        raise ArchiveError(
            f"{self.base.host}: keeps a file at {name_origin(url)}; expected https: not followed"
        )
