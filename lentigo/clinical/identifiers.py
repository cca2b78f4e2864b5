"""UIDs that follow from what they name: whoever writes an object twice writes it under the same name."""

from __future__ import annotations

import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://lentigo.org/dicom")


def derive_uid(*parts: str) -> str:
    """A UID of the form that DICOM PS3.5, B.2 derives from a UUID.

    Args:
        parts: What it names, such as a purpose, a model and the UID of the source.

    Returns:
        At most 44 letters; the same for the same parts.

    >>> derive_uid("sr", "model", "1.2.3") == derive_uid("sr", "model", "1.2.3")
    True
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, chr(31).join(parts)).int}"
