"""What goes wrong between this machine and a public archive: faults that may pass, and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from tenacity import RetryCallState

from lentigo.datasets.archive.archive_addresses import name_place
from lentigo.errors import ArchiveError, LentigoError

PASSING_STATUSES = frozenset({408, 425, 429})  # beside all from 500 on


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

    def double_wait(self, attempt: int) -> float:
        """How long to wait after an attempt, but for what is left to chance.

        Args:
            attempt: Its number, from 1.
        """
        return min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)


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


def find_fault(state: RetryCallState) -> Fault | None:
    """The fault of the last attempt, or None.

    Args:
        state: Of tenacity, after an attempt.
    """
    if state.outcome is None:
        return None
    error = state.outcome.exception()
    return error if isinstance(error, Fault) else None


def judge_status(response: httpx.Response, patience: Patience) -> None:
    """Raises `Fault` for a status that may pass, `Refusal` for another that is not 200.

    Args:
        response: Its body is not read yet.
        patience: Says how long a server may ask to be left alone.
    """
    status = response.status_code
    if status == 200:
        return
    if status in PASSING_STATUSES or status >= 500:
        raise_passing(response, patience)
    detail = next(response.iter_bytes(4096), b"").decode(errors="replace")
    raise Refusal(f"{name_place(response.url)}: answered {status}; expected 200", status, detail)


def raise_passing(response: httpx.Response, patience: Patience) -> None:
    """Raises `Fault` for a status that may pass, `ArchiveError` where the server asks for too long a wait."""
    status = response.status_code
    place = name_place(response.url)
    asked = read_retry_after(response.headers.get("retry-after"))
    # Longer than anybody would wait for a command
    if asked is not None and asked > patience.longest_asked:
        raise ArchiveError(
            f"{place}: answered {status} and asks to be left alone for {asked:.0f} s; run the same command "
            "later"
        )
    raise Fault(f"{place}: answered {status} each time; expected 200: run the same command later", asked)


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
    """What went wrong on the way, as a fault that may pass, or one that will not.

    Args:
        error: Of httpx.
        url: That was asked.
    """
    # httpx leaves some messages empty
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
