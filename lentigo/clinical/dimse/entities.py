"""This program as a DICOM application entity."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynetdicom import AE

VERIFICATION = "1.2.840.10008.1.1"  # the SOP class of C-ECHO
CONNECT_SECONDS = 10.0
REPLY_SECONDS = 60.0  # for one message, and between two


def make_entity(title: str) -> AE:
    """An application entity that does not wait for ever, and logs nothing: what matters is reported.

    Args:
        title: Its AE title.
    """
    from pynetdicom import AE

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    entity = AE(title)
    entity.connection_timeout = CONNECT_SECONDS
    entity.acse_timeout = CONNECT_SECONDS
    entity.dimse_timeout = REPLY_SECONDS
    entity.network_timeout = REPLY_SECONDS
    return entity
