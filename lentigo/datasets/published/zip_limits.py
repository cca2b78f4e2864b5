"""What a ZIP from somebody else may unpack to: no bomb, and no full disk."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lentigo.common.files import find_nearest_folder
from lentigo.errors import DataError, SpaceError


@dataclass(frozen=True)
class Limits:
    """What a ZIP may hold. JPEG hardly shrinks in a ZIP; masks and tables do, which `free_bytes` allows
    for.
    """

    members: int = 2_000_000
    member_bytes: int = 4 << 30
    ratio: float = 100  # of all that is unpacked to the ZIP
    free_bytes: int = 256 << 20  # below this the ratio does not matter
    spare_bytes: int = 64 << 20  # of the disk, to be left free


class Allowance:
    """What may still be unpacked of a ZIP of `packed` bytes, and of all ZIPs in it together: a ZIP in a ZIP
    gets no fresh allowance.
    """

    def __init__(self, packed: int, limits: Limits) -> None:
        self.packed = max(packed, 1)
        self.limits = limits
        self.members = 0
        self.total = 0

    def take(self, path: Path, members: Sequence[zipfile.ZipInfo], wanted: Sequence[zipfile.ZipInfo]) -> None:
        """Takes what a ZIP declares. Raises `DataError`, and takes nothing, where that is more than any set
        of photographs would hold.

        Args:
            path: The ZIP, for the error.
            members: All that it lists.
            wanted: Those of them that are to be unpacked.
        """
        # Nothing is counted before all limits are checked: what is refused takes no allowance
        limits = self.limits
        count = self.members + len(members)
        total = self.total + count_bytes(wanted)
        if count > limits.members:
            raise DataError(
                f"{path}: holds {count} files; expected at most {limits.members}: unpack it yourself if you "
                "trust it"
            )
        if total > limits.free_bytes and total / self.packed > limits.ratio:
            raise DataError(
                f"{path}: unpacks to {total / 1e6:.0f} MB, {total / self.packed:.0f} times its size, as ZIP "
                f"bombs do; expected photographs, at most {limits.ratio:.0f} times: unpack it yourself if you "
                "trust it"
            )
        self.members = count
        self.total = total


def count_bytes(members: Iterable[zipfile.ZipInfo]) -> int:
    """The bytes that members declare to unpack to.

    Args:
        members: Of a ZIP.
    """
    return sum(member.file_size for member in members)


def check_space(path: Path, folder: Path, total: int, limits: Limits) -> None:
    """Raises `SpaceError` where the disk of a folder has too little room.

    Args:
        path: The ZIP, for the error.
        folder: Where it is unpacked; it need not be there yet.
        total: Bytes that it unpacks to.
        limits: Say how much of the disk is left free.
    """
    there = find_nearest_folder(folder)
    free = shutil.disk_usage(there).free
    if total + limits.spare_bytes > free:
        raise SpaceError(
            f"{path}: unpacks to {total / 1e6:.0f} MB, and {there} has {free / 1e6:.0f} MB free; free some "
            "space or name another disk with --extract"
        )
