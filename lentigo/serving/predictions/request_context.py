"""A request: what all its photographs share, and what became of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lentigo.common.hashing import hash_bytes
from lentigo.images.problems import Problem
from lentigo.serving.http.uploads import Details
from lentigo.serving.store.records import Record


@dataclass(frozen=True)
class RequestContext:
    """What all photographs of a request share.

    Args:
        who: the name of the key that was used.
        request: the name of the request: its Idempotency-Key, else an id of its own.
        created: when it came in.
        details: what was said of the photographs.
        fingerprint: a hash of all that was asked, of `hash_request`.
        is_named: whether the client has named it, so that it may have come before.
    """

    who: str
    request: str
    created: datetime
    details: Details
    fingerprint: str = ""
    is_named: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Args:
        records: of the photographs that were answered.
        problems: of the others.
        is_new: False where the same request had been answered before.
    """

    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    is_new: bool


def hash_request(contents: Iterable[bytes | bytearray], details: Details) -> str:
    """Hashes all that a request asks.

    Args:
        contents: its files in their order, also those that cannot be read.
        details: what is said of them.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    digests = [hashlib.sha256(content).digest() for content in contents]
    return hash_bytes(encode_details(details), *digests)


def encode_details(details: Details) -> bytes:
    """What is said of photographs, as bytes that a hash is made of."""
    taken = None if details.taken is None else details.taken.isoformat()
    facts = [details.lesion, taken, details.mm_per_pixel]
    if details.patient_id:
        facts.append(details.patient_id)
    return json.dumps(facts).encode()
