"""The folder in which received images wait: what was accepted is on the disk until it is answered.

waiting/UID.dcm    to be answered
aside/UID.dcm      could not be answered; kept, since the sender may have deleted its own
done/UID           an empty file for each report that is stored, by the report's UID
"""

from __future__ import annotations

import os
from pathlib import Path

from lentigo.common.files import write_whole
from lentigo.common.staging import lock_folder, remove_leftovers
from lentigo.errors import SpaceError, UsageError

SUFFIX = ".dcm"


class Spool:
    """A folder of received images, which one process works on at a time.

    Args:
        folder: Is made where it is missing. Only its owner may read it.

    Raises:
        SpaceError: Where it cannot be made.
        UsageError: Where another process works on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting = folder / "waiting"
        self.aside = folder / "aside"
        self.done = folder / "done"
        self._make_folders()
        self.lock = self._lock()
        remove_leftovers(self.waiting)

    def _make_folders(self) -> None:
        """Makes the folders that are missing. Raises `SpaceError`."""
        for part in (self.waiting, self.aside, self.done):
            try:
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise SpaceError(
                    f"{self.folder}: could not be made ({error.strerror}); expected a folder to keep images "
                    "in, name it by --spool"
                ) from error

    def _lock(self) -> int | None:
        """The lock of the folder; None where there are none. Raises `UsageError` where another has it."""
        try:
            return lock_folder(self.folder)
        except BlockingIOError as error:
            raise UsageError(
                f"{self.folder}: another `lentigo receive` works on it; name another folder by --spool"
            ) from error

    def close(self) -> None:
        """Lets another process work on the folder."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def keep(self, uid: str, content: bytes) -> None:
        """Writes an image so that it outlives a power cut. One that waits already stays as it is.

        Args:
            uid: Its SOP Instance UID, of digits and points.
            content: The file.

        Raises:
            SpaceError: Where the disk is full; nothing is left of it then.
        """
        if self.is_waiting(uid):
            return
        with write_whole(self.find(uid)) as temporary:
            temporary.touch(mode=0o600)  # its owner's alone
            temporary.write_bytes(content)

    def find(self, uid: str) -> Path:
        """The file in which an image waits.

        Args:
            uid: Its SOP Instance UID.
        """
        return self.waiting / f"{uid}{SUFFIX}"

    def is_waiting(self, uid: str) -> bool:
        """Whether an image is to be answered.

        Args:
            uid: Its SOP Instance UID.
        """
        return self.find(uid).exists()

    def list_waiting(self) -> list[str]:
        """UIDs of the images that wait, those that came first in front."""
        paths = self.waiting.glob(f"[0-9]*{SUFFIX}")
        by_age = sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.stem))
        return [path.stem for path in by_age]

    def finish(self, uid: str) -> None:
        """Deletes an image that is answered.

        Args:
            uid: Its SOP Instance UID.
        """
        self.find(uid).unlink(missing_ok=True)

    def set_aside(self, uid: str) -> Path:
        """Keeps an image that cannot be answered out of the way.

        Args:
            uid: Its SOP Instance UID.

        Returns:
            Where it is now.
        """
        kept = self.aside / f"{uid}{SUFFIX}"
        os.replace(self.find(uid), kept)
        return kept

    def is_done(self, report: str) -> bool:
        """Whether a report is stored.

        Args:
            report: Its UID.
        """
        return (self.done / report).exists()

    def mark_done(self, report: str) -> None:
        """Remembers that a report is stored.

        Args:
            report: Its UID.

        Raises:
            SpaceError: Where the disk is full.
        """
        with write_whole(self.done / report) as temporary:
            temporary.touch()
