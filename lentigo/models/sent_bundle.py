"""A RUN to be sent: what of its files is needed to answer, unpacked into the cache of another machine."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lentigo.common.cache import make_scratch, warn_of_cache
from lentigo.common.hashing import hash_bytes
from lentigo.common.staging import stage_folder
from lentigo.common.user_folders import cache_folder
from lentigo.errors import ModelError, SpaceError
from lentigo.models.bundle import CARD, CLASSIFIER, HISTORY, LEARNED, MASKS, PAST, SPLITS, Bundle, find_bundle
from lentigo.models.cards.card_kinds import is_plain_name

NOT_SENT = (CLASSIFIER, HISTORY, SPLITS, LEARNED, PAST, MASKS)  # for further training and for the record


@dataclass(frozen=True)
class SentBundle:
    """The name of a RUN's folder and its files. What unpacks it answers with the same name."""

    name: str
    files: dict[str, bytes]

    def unpack(self) -> Bundle:
        """The RUN in a folder of the cache, named after its content.

        One that is there already is taken where it is still whole. Where the cache cannot be written the
        folder is a temporary one.

        Returns:
            The RUN, its card read and its files hashed.

        Raises:
            ModelError: Where the files are no RUN.
            SpaceError: Where they cannot be written anywhere.
        """
        for name in (self.name, *self.files):
            if not is_plain_name(name):
                raise ModelError(
                    f"{name[:80]!a}: is no plain name of a file; expected a RUN as `lentigo train` wrote it"
                )
        parts: list[bytes] = []
        for name in sorted(self.files):
            parts += [name.encode(), self.files[name]]
        digest = hash_bytes(*parts)
        folder = cache_folder() / "parcels" / digest[:32] / self.name
        if self.is_whole(folder):
            return find_bundle(folder)
        try:
            self.write(folder)
        except SpaceError as error:
            warn_of_cache(error)
            folder = make_scratch() / self.name
            self.write(folder)
        return find_bundle(folder)

    def is_whole(self, folder: Path) -> bool:
        """Whether a folder holds these files as they are.

        Args:
            folder: Any path.
        """
        try:
            return all((folder / name).read_bytes() == content for name, content in self.files.items())
        except OSError:
            return False

    def write(self, folder: Path) -> None:
        """Writes the files into a new folder, or in the place of one that was damaged. Raises
        `SpaceError`.

        Args:
            folder: The new folder.
        """
        with stage_folder(folder) as stage:
            inner = stage / self.name
            inner.mkdir()
            for name, content in self.files.items():
                (inner / name).write_bytes(content)
            if folder.exists() and not self.is_whole(folder):
                shutil.rmtree(folder)
            try:
                os.rename(inner, folder)
            except OSError:
                if not self.is_whole(folder):  # else another worker of this machine was first
                    raise


def pack_bundle(bundle: Bundle) -> SentBundle:
    """Packs what of a RUN is needed to predict.

    Args:
        bundle: The RUN.
    """
    digests = {}
    contents = {}
    for name, digest in bundle.card["files"].items():
        if name not in NOT_SENT:
            digests[name] = digest
            contents[name] = (bundle.folder / name).read_bytes()
    card = json.dumps({**bundle.card, "files": digests}, allow_nan=False).encode()
    return SentBundle(bundle.folder.resolve().name, {CARD: card, **contents})
