"""The entries of the ledger: how often each photograph and each set was evaluated.

One JSON object a line, one line an evaluation. `photographs` holds the identities of its photographs: the
start of the SHA-256 of the file in which each was first evaluated. `new` holds, of each file that was not in
the ledger, the start of its SHA-256, the identity, and a perceptual hash, by which the photograph is
recognised in another file.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lentigo.common.progress import Progress
from lentigo.duplicates.hash_search import find_similar_hashes
from lentigo.duplicates.perceptual_hashes import BYTES, METHOD

ID_BYTES = 8  # of a SHA-256
NEW_BYTES = 2 * ID_BYTES + BYTES


@dataclass
class Ledger:
    """What the ledger says.

    Attributes:
        sets: How often each set was evaluated, by its fingerprint.
        unnamed: The same of evaluations by earlier versions, which did not name their photographs.
        counts: How often each photograph was evaluated, by its identity.
        identities: Of each file the identity of its photograph.
        hashes: The perceptual hash of each identity, where one is known.
        damaged: The numbers of lines that cannot be read, from 1.
    """

    sets: Counter[str] = field(default_factory=Counter)
    unnamed: Counter[str] = field(default_factory=Counter)
    counts: Counter[bytes] = field(default_factory=Counter)
    identities: dict[bytes, bytes] = field(default_factory=dict)
    hashes: dict[bytes, bytes] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    def read_entry(self, entry: dict[str, Any]) -> None:
        """Adds one evaluation.

        Where it is damaged, raises `ValueError`, `KeyError` or `TypeError`, and adds nothing.

        Args:
            entry: A line of the ledger.
        """
        fingerprint = str(entry["fingerprint"])
        # Entries of early versions name the set alone, by its fingerprint
        if "photographs" not in entry:
            self.sets[fingerprint] += 1
            self.unnamed[fingerprint] += 1
            return
        photographs = cut_bytes(entry["photographs"], ID_BYTES)
        new = cut_bytes(entry["new"], NEW_BYTES)
        # Hashes of another method cannot be compared with those of this one
        same_method = entry["method"] == METHOD
        self.sets[fingerprint] += 1
        # A photograph counts once an evaluation, however often it is in the set
        self.counts.update(set(photographs))
        for each in new:
            digest = each[:ID_BYTES]
            identity = each[ID_BYTES : 2 * ID_BYTES]
            perceptual_hash = each[2 * ID_BYTES :]
            self.identities[digest] = identity
            # Zeros: the photograph was not compared by content
            if same_method and any(perceptual_hash):
                self.hashes.setdefault(identity, perceptual_hash)

    def identify(self, images: Sequence[str], digests: Sequence[bytes], progress: Progress) -> list[bytes]:
        """The identities of photographs whose files are not in the ledger.

        A photograph that the ledger has in another file has that one's identity, another its own digest.

        Args:
            images: Paths of n photographs.
            digests: The start of the SHA-256 of each file, `ID_BYTES` bytes.
            progress: Shows how many have been searched for.
        """
        identities = list(self.hashes)
        hashes = np.frombuffer(b"".join(self.hashes.values()), np.uint8).reshape(-1, BYTES)
        matches = find_similar_hashes(images, hashes, progress=progress)
        found = []
        for digest, similar in zip(digests, matches, strict=True):
            # The most similar one; without any, the photograph is new and its own identity
            found.append(identities[similar[0].row] if similar else digest)
        return found


def cut_bytes(text: str, size: int) -> list[bytes]:
    """Base64 as pieces of `size` bytes. Raises `ValueError` where the last one is shorter."""
    content = b64decode(text, validate=True)
    if len(content) % size:
        raise ValueError(f"{len(content)} bytes, expected a multiple of {size}")
    return [content[start : start + size] for start in range(0, len(content), size)]
