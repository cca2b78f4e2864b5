"""A RUN to be sent: what of its files is needed to answer, unpacked into the cache of another machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from lentigo.data.files import cache_folder, hash_bytes, stage_folder
from lentigo.models.bundle import CARD, CLASSIFIER, HISTORY, MASKS, PAST, SPLITS, Bundle, find_bundle

LEFT = (CLASSIFIER, HISTORY, SPLITS, PAST, MASKS)  # for further training and for the record


@dataclass(frozen=True)
class Parcel:
    """The name of a RUN's folder and its files. What unpacks it answers with the same name."""

    name: str
    files: dict[str, bytes]

    def unpack(self) -> Bundle:
        """The RUN in a folder of the cache, named after its content; one that is there already is taken. Raises `SpaceError` and `ModelError`."""
        digest = hash_bytes(*(part for name in sorted(self.files) for part in (name.encode(), self.files[name])))
        folder = cache_folder() / "parcels" / digest[:32] / self.name
        if not (folder / CARD).is_file():
            with stage_folder(folder) as stage:
                inner = stage / self.name
                inner.mkdir()
                for name, content in self.files.items():
                    (inner / name).write_bytes(content)
                try:
                    os.rename(inner, folder)
                except OSError:
                    if not (folder / CARD).is_file():  # else another worker of this machine was first
                        raise
        return find_bundle(folder)


def pack_bundle(bundle: Bundle) -> Parcel:
    """What of a RUN is needed to answer."""
    files = {name: digest for name, digest in bundle.card["files"].items() if name not in LEFT}
    card = json.dumps({**bundle.card, "files": files}, allow_nan=False).encode()
    return Parcel(bundle.folder.resolve().name, {CARD: card, **{name: (bundle.folder / name).read_bytes() for name in files}})
