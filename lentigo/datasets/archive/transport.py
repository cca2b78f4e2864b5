"""HTTP for public archives: only hosts that may be asked, patience with faults that pass, and an end to it.

Nothing is asked before a `Transport` is told to. Credentials are neither sent nor understood.
"""

from __future__ import annotations

import ipaddress
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from lentigo._version import __version__
from lentigo.errors import ArchiveError, LentigoError, UsageError

MAX_REDIRECTS = 5
PASSING_STATUSES = frozenset({408, 425, 429})  # beside all from 500 on
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often an address is asked, and how long a fault that passes is waited out; times in seconds."""

    attempts: int = 7  # a minute and more in all
    # Where the answer came whole and is not what it should be, and where nobody has answered yet
    few_attempts: int = 3
    first_wait: float = 1.0  # doubled by each further attempt; up to as much again is added by chance
    longest_wait: float = 60.0
    longest_asked: float = 600.0  # that a server may ask for by Retry-After
    timeout: float = 30.0  # without a byte


class Fault(ArchiveError):
    """A fault that may pass. `asked` is how many seconds the server wants to be left alone."""

    def __init__(self, message: str, asked: float | None = None) -> None:
        super().__init__(message)
        self.asked = asked


class ContentFault(Fault):
    """An answer that came whole and is not what it should be."""


class Unreachable(Fault):
    """No connection: the host is down, misspelt, or this machine is not connected."""


class Refusal(ArchiveError):
    """An answer that will be the same next time. `detail` is what the server says of it."""

    def __init__(self, message: str, status: int, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class Stopped(LentigoError):
    """The download was stopped; said by its threads to each other."""


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
            timeout=httpx.Timeout(patience.timeout, connect=min(10.0, patience.timeout), pool=None),
            limits=httpx.Limits(max_connections=threads + 1, max_keepalive_connections=threads + 1),
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
        if isinstance(fault, ContentFault) or (isinstance(fault, Unreachable) and not self.answered):
            limit = self.patience.few_attempts
        return state.attempt_number >= limit

    def _choose_wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: what the server asked for, else exponential; both with a part left
        to chance, so that threads that failed together do not come back together."""
        fault = find_fault(state)
        if fault is not None and fault.asked is not None:
            return fault.asked + random.uniform(0, self.patience.first_wait)
        doubled = self.patience.first_wait * 2 ** (state.attempt_number - 1)
        wait = min(doubled, self.patience.longest_wait)
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


def check_base(base: str) -> httpx.URL:
    """The address of an archive's interface, ending in a slash. Raises `UsageError` where it may not be
    asked.
    """
    url = httpx.URL("")
    with suppress(httpx.InvalidURL):
        url = httpx.URL(base)
    if (
        not url.host
        or url.query
        or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)))
    ):
        raise UsageError(
            f"address {base!r} is none of an archive; expected one such as "
            "https://api.isic-archive.com/api/v2/ (http on this machine only)"
        )
    if url.userinfo:
        raise UsageError(
            f"address of {url.host} holds a name or a password; expected none: credentials are not "
            "supported, public photographs only"
        )
    return url if url.path.endswith("/") else url.copy_with(path=f"{url.path}/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("isic-archive.com")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_url(url: str) -> httpx.URL:
    """An address that a server gave. Raises `ArchiveError` where it is none."""
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ArchiveError(
            f"address {url[:100]!r} of the archive is none ({error}); expected https://host/path"
        ) from error


def find_fault(state: RetryCallState) -> Fault | None:
    """The fault of the last attempt, or None.

    Args:
        state: Of tenacity, after an attempt.
    """
    if state.outcome is None:
        return None
    error = state.outcome.exception()
    return error if isinstance(error, Fault) else None


def name_origin(url: httpx.URL) -> str:
    """Scheme, host and port, for messages."""
    return f"{url.scheme}://{url.netloc.decode()}"


def name_place(url: httpx.URL) -> str:
    """Host and path, for messages: a signature in the query is nobody's business.

    Args:
        url: Any address.
    """
    return f"{url.host}{url.path}"


def judge_status(response: httpx.Response, patience: Patience) -> None:
    """Raises `Fault` for a status that may pass, `Refusal` for another that is not 200."""
    status = response.status_code
    place = name_place(response.url)
    if status == 200:
        return
    if status in PASSING_STATUSES or status >= 500:
        asked = read_retry_after(response.headers.get("retry-after"))
        if asked is not None and asked > patience.longest_asked:
            raise ArchiveError(
                f"{place}: answered {status} and asks to be left alone for {asked:.0f} s; run the same "
                "command later"
            )
        raise Fault(f"{place}: answered {status} each time; expected 200: run the same command later", asked)
    detail = next(response.iter_bytes(4096), b"").decode(errors="replace")
    raise Refusal(f"{place}: answered {status}; expected 200", status, detail)


def read_retry_after(value: str | None) -> float | None:
    """Seconds, from the header's number or date (RFC 9110, section 10.2.3); None where there is none that can
    be understood.

    >>> read_retry_after("120"), read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), read_retry_after("soon")
    (120.0, 0.0, None)
    """
    try:
        if value is None or value.strip().isdigit():
            return None if value is None else float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a time zone
        return None


def name_fault(error: httpx.HTTPError, url: httpx.URL) -> ArchiveError:
    """What went wrong on the way, as a fault that may pass, or one that will not."""
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    if "CERTIFICATE_VERIFY_FAILED" in what:
        return ArchiveError(
            f"{url.host}: its certificate is not trusted ({what}); behind a proxy that opens https, name "
            "its certificate in SSL_CERT_FILE"
        )
    kind = Unreachable if isinstance(error, httpx.ConnectError) else Fault
    return kind(
        f"{name_place(url)}: no whole answer ({what}); check the connection and run the same command again"
    )
