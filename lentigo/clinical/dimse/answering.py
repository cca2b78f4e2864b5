"""Answers the images that wait in a spool, one after another, until it is told to stop.

Segmentation and report of a frame go to the destination, the report last; then the report is marked as done.
Whoever is killed in between makes both anew under the same UIDs. An image leaves the spool when all its
frames are done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lentigo.clinical.dimse.receiver import check_object
from lentigo.clinical.dimse.spool import Spool
from lentigo.clinical.worklist import Destination, Stored, name_report, store_reports
from lentigo.common.file_reading import read_regular
from lentigo.errors import HospitalError, ImageError, SpaceError
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor

FIRST_WAIT_SECONDS = 5.0  # before an image is tried again; each further wait is twice as long
MAX_WAIT_SECONDS = 300.0
WAKE_SECONDS = 0.5  # in which a request to stop is noticed


@dataclass
class Waits:
    """When images may be tried again, after a destination did not take what was made of them.

    An image waits by itself, so that one that is never taken does not keep others back. All wait together
    while nothing is taken, so that a destination that is gone is not called for each.
    """

    until: dict[str, float] = field(default_factory=dict)  # seconds of the monotonic clock, by UID
    last: dict[str, float] = field(default_factory=dict)  # seconds, by UID
    pause: float = 0.0  # seconds, of all
    pause_until: float = 0.0

    def put_off(self, uid: str) -> None:
        """Has an image wait, and all others for a while."""
        now = time.monotonic()
        self.last[uid] = lengthen(self.last.get(uid, 0.0))
        self.until[uid] = now + self.last[uid]
        # One image that fails may be its own fault, several are the destination's: all of them pause
        self.pause = lengthen(self.pause)
        self.pause_until = now + self.pause

    def may_try(self, uid: str) -> bool:
        """Whether an image's turn has come."""
        return time.monotonic() >= max(self.until.get(uid, 0.0), self.pause_until)

    def forget(self, uid: str) -> None:
        """Drops an image that is answered: its destination takes results again."""
        self.until.pop(uid, None)
        self.last.pop(uid, None)
        self.pause = 0.0
        self.pause_until = 0.0


def lengthen(seconds: float) -> float:
    """The wait that follows another.

    >>> lengthen(0.0), lengthen(5.0), lengthen(1000.0)
    (5.0, 10.0, 300.0)
    """
    return min(MAX_WAIT_SECONDS, max(FIRST_WAIT_SECONDS, 2 * seconds))


def answer_until(
    stop: threading.Event,
    arrived: threading.Event,
    spool: Spool,
    predictor: Predictor,
    destination: Destination,
    report: Callable[[Stored | Problem], None],
) -> None:
    """Answers what waits and what arrives, until it is told to stop.

    Args:
        stop: ends it, after the image that it is at.
        arrived: is set when an image has been put into the spool.
        spool: where images wait.
        predictor: a RUN with a classifier.
        destination: where results go.
        report: is told of each result and each problem; of one that stays the same, once.
    """
    waits = Waits()
    problems: dict[str, str] = {}
    while not stop.is_set():
        # Before the list is read: what arrives in between sets it again
        arrived.clear()
        for uid in spool.list_waiting():
            if stop.is_set():
                return
            if not waits.may_try(uid):
                continue
            try:
                for result in answer_image(spool, predictor, destination, uid):
                    report(result)
                waits.forget(uid)
                problems.pop(uid, None)
            except (HospitalError, SpaceError) as error:
                waits.put_off(uid)
                # Once for each cause: a destination may be down for hours
                if problems.get(uid) != str(error):
                    problems[uid] = str(error)
                    report(Problem(uid, f"{error}; the image waits and is tried again"))
        arrived.wait(WAKE_SECONDS)


def answer_image(
    spool: Spool, predictor: Predictor, destination: Destination, uid: str
) -> Iterator[Stored | Problem]:
    """Answers the frames of an image that have no report yet, and takes the image out of the spool.

    Args:
        spool: where it waits.
        predictor: a RUN with a classifier.
        destination: where results go.
        uid: the image's SOP Instance UID.

    Yields:
        Each frame that was answered, or why it cannot be. An image with such a frame is set aside.

    Raises:
        HospitalError: Where the destination did not take a result; the image stays in the spool.
        SpaceError: Likewise.
    """
    path = spool.find(uid)
    failed = False
    try:
        instance = check_object(read_regular(path), uid)  # a disk may have damaged it since it came
    except (ImageError, OSError) as error:
        kept = spool.set_aside(uid)
        yield Problem(uid, f"{str(error).removeprefix(f'{uid}: ')}; kept as {kept}")
        return
    # A frame that is done stays done, whoever was killed after it
    for name in instance.list_names():
        if spool.is_done(name_report(predictor.name, name)):
            continue
        file = f"{path}{name.removeprefix(uid)}"
        try:
            stored = store_reports(destination, predictor, file, name, instance)
        except ImageError as error:
            failed = True
            yield Problem(name, str(error).removeprefix(f"{file}: "))
            continue
        spool.mark_done(stored.sr)
        yield stored
    # One frame failed for good, so trying the image again would not help
    if failed:
        spool.set_aside(uid)
    else:
        spool.finish(uid)
