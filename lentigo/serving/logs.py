"""The log: one JSON object a line on stderr, whoever writes it, and no more lines than a disk can bear.

Libraries in C write to file 2 themselves (libtiff does so about damaged files), Python's warnings and asyncio
write to stderr. Here all of it becomes JSON: file 2 leads into a pipe whose lines are wrapped, and the log
itself has a copy of the old file 2.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from lentigo.serving.rate_limiter import RateLimiter

REQUEST_LOG = "lentigo.serving"  # the logger of requests
LINES_PER_SECOND = 5.0  # of one kind, on average
LINES_AT_ONCE = 100  # of one kind
MAX_MESSAGE_LENGTH = 2_000  # characters of what libraries write
MAX_TRACE_LENGTH = 8_000  # characters of a traceback
GRACE_SECONDS = 2.0  # for the last lines
LEVELS = {  # the lowest level of each logger; "" is the root
    REQUEST_LOG: logging.INFO,
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
    "py.warnings": logging.WARNING,
    "": logging.WARNING,
}
stderr_log = logging.getLogger("stderr")  # what came by file 2


class JsonFormatter(logging.Formatter):
    """A line of JSON for every record; a message that is an object already stays as it is."""

    def format(self, record: logging.LogRecord) -> str:
        facts = read_object(record.getMessage())
        if facts is None:
            facts = describe_record(record)
        if record.exc_info:
            facts["trace"] = shorten(self.formatException(record.exc_info), MAX_TRACE_LENGTH)
        dropped = getattr(record, "dropped", 0)
        if dropped:
            facts["dropped"] = dropped
        return json.dumps(facts)


def read_object(message: str) -> dict | None:
    """The JSON object that a message is, None where it is none."""
    if not message.startswith("{"):
        return None
    try:
        return json.loads(message)
    except ValueError:
        return None


def describe_record(record: logging.LogRecord) -> dict[str, Any]:
    """What a line of the log says of a message that is no JSON."""
    return {
        "level": record.levelname.lower(),
        "log": record.name,
        "message": shorten(record.getMessage(), MAX_MESSAGE_LENGTH),
    }


def shorten(text: str, max_length: int) -> str:
    """The beginning and the end of a text, of `max_length` characters together.

    Args:
        text: Any.
        max_length: In characters.

    >>> shorten("abcdefgh", 4)
    'ab ... gh'
    """
    if len(text) <= max_length:
        return text
    half = max_length // 2
    return f"{text[:half]} ... {text[-half:]}"


class LineLimit(logging.Filter):
    """Lets `burst` lines of a kind through at once and `rate` a second thereafter; the next line that passes
    says how many were `dropped`.

    The kind of a line is its logger, and its `kind` where it was given one (`extra={"kind": ...}`). Kind None
    has no limit: such lines belong to requests with a key, which are limited elsewhere.
    """

    def __init__(
        self,
        rate: float = LINES_PER_SECOND,
        burst: int = LINES_AT_ONCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes the filter.

        Args:
            rate: lines a second of one kind.
            burst: lines of one kind at once.
            now: a clock that never goes back, in seconds.
        """
        super().__init__()
        self.rate_limiter = RateLimiter(rate, burst, now)
        self.dropped: dict[str, int] = {}
        self.lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = getattr(record, "kind", "")
        if kind is None:
            return True
        name = f"{record.name} {kind}"
        with self.lock:
            if self.rate_limiter.take(name) > 0:
                self.dropped[name] = self.dropped.get(name, 0) + 1
                return False
            record.dropped = self.dropped.pop(name, 0)
            return True


@contextmanager
def capture_log() -> Iterator[TextIO]:
    """Sends every line of this process's log to stderr as JSON, until the context ends.

    Yields:
        A stream to stderr for what is for people.
    """
    with copy_stderr() as stream, divert_loggers(make_handler(stream)), divert_stderr(stream):
        yield stream


def make_handler(stream: TextIO) -> logging.Handler:
    """A handler that writes limited JSON lines into a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(LineLimit())
    return handler


@contextmanager
def divert_loggers(handler: logging.Handler) -> Iterator[None]:
    """Gives the loggers of `LEVELS` one handler, and Python's warnings and uncaught errors of threads a
    logger.
    """
    before: dict[str, tuple[list[logging.Handler], bool, int]] = {}
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        before[name] = (logger.handlers, logger.propagate, logger.level)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)
    hook = threading.excepthook  # by itself it writes a traceback to stderr
    threading.excepthook = report_thread
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        threading.excepthook = hook
        for name, (handlers, propagate, level) in before.items():
            logger = logging.getLogger(name)
            logger.handlers = handlers
            logger.propagate = propagate
            logger.setLevel(level)


def report_thread(failure: threading.ExceptHookArgs) -> None:
    """Logs what ended a thread."""
    error = failure.exc_value or failure.exc_type()
    stderr_log.error("a thread has failed", exc_info=(failure.exc_type, error, failure.exc_traceback))


@contextmanager
def copy_stderr() -> Iterator[TextIO]:
    """A stream to where file 2 leads now; stderr itself where that is no file (in notebooks, in tests that
    catch it).
    """
    try:
        number = os.dup(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        yield sys.stderr
        return
    # Line by line: what a process that is killed has logged is not lost
    with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", buffering=1) as stream:
        yield stream


@contextmanager
def divert_stderr(stream: TextIO) -> Iterator[None]:
    """Makes every line that is written to file 2 a line of the log; `stream` leads to where it led before.
    The log must outlive this.
    """
    if stream is sys.stderr or sys.stderr.fileno() != 2 or os.name != "posix":
        yield
        return
    sys.stderr.flush()
    reading, writing = os.pipe()
    # A library that writes much while it holds Python's lock must not wait for the reader.
    os.set_blocking(writing, False)
    os.dup2(writing, 2)
    os.close(writing)
    reader = threading.Thread(target=wrap_lines, args=(reading,), name="stderr", daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stream.fileno(), 2)  # the pipe has no writer any more: the reader ends
        reader.join(GRACE_SECONDS)


def wrap_lines(number: int) -> None:
    """Logs each line that comes by a pipe, until it is closed."""
    with os.fdopen(number, "r", encoding="utf-8", errors="backslashreplace") as lines:
        # A line that never ends is cut: it would fill the memory
        while line := lines.readline(MAX_MESSAGE_LENGTH):
            if line.strip():
                stderr_log.warning(line.rstrip("\n"))
