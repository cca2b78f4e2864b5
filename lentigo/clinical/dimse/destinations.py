"""Where results go: another application entity (C-STORE), or a folder."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lentigo.clinical.dimse.entities import VERIFICATION, make_entity
from lentigo.clinical.photograph_object import write_object
from lentigo.errors import HospitalError, UsageError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom import AE
    from pynetdicom.association import Association

ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.5  # before the second attempt; each further wait is twice as long
SUCCESS = 0x0000
WARNINGS = (0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xB007)  # stored, with a remark
OUT_OF_RESOURCES = range(0xA700, 0xA800)
STATUS_WORDS = {0x0122: "it does not store objects of that class", 0x0124: "it does not allow that"}
ADDRESS = re.compile(r"(?P<title>[^@\\]{1,16})@(?P<host>[^@\s]+):(?P<port>\d{1,5})")
MAX_PORT = 65535


@dataclass(frozen=True)
class FolderDestination:
    """Results as files, each named by its UID.

    Attributes:
        folder: is made where it is missing.
    """

    folder: Path

    def store(self, dataset: Dataset, study: str) -> None:
        """Writes a file, whole or not at all.

        Args:
            dataset: The object.
            study: Not needed.

        Raises:
            SpaceError: Where the disk is full.
        """
        write_object(self.folder / f"{dataset.SOPInstanceUID}.dcm", dataset)


@dataclass(frozen=True)
class Address:
    """An application entity that takes objects.

    Attributes:
        title: its AE title.
        host: name or IP address.
        port: of TCP.
    """

    title: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.title}@{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """Reads an application entity's address.

    Args:
        text: Such as PACS@10.0.0.5:104.

    Raises:
        UsageError: For anything else.

    >>> read_address("PACS@10.0.0.5:104")
    Address(title='PACS', host='10.0.0.5', port=104)
    """
    found = ADDRESS.fullmatch(text.strip())
    if found is None or not 1 <= int(found["port"]) <= MAX_PORT:
        raise UsageError(
            f"--send {text!r}: expected an AE title, a host and a port, such as PACS@10.0.0.5:104"
        )
    return Address(found["title"].strip(), found["host"].strip("[]"), int(found["port"]))


class DimseDestination:
    """Another application entity, to which objects are sent by C-STORE.

    Args:
        address: of it.
        own_title: the AE title that calls.
        attempts: how often a call is tried that may pass the next time.
        tls: how it is called over TLS; None for none.
    """

    def __init__(
        self,
        address: Address,
        own_title: str,
        attempts: int = ATTEMPTS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.address = address
        self.own_title = own_title
        self.attempts = attempts

    def store(self, dataset: Dataset, study: str) -> None:
        """Sends an object.

        Args:
            dataset: The object.
            study: Not needed: the object names it.

        Raises:
            HospitalError: Where it is not taken, or where nobody answers, or has no room, after all attempts.
        """
        syntax = dataset.file_meta.TransferSyntaxUID
        wait = FIRST_WAIT_SECONDS
        for attempt in range(1, self.attempts + 1):
            problem = self.send(dataset, syntax)
            if not problem:
                return
            if attempt < self.attempts:
                time.sleep(wait)
                wait *= 2
        raise HospitalError(f"{self.address}: {problem}; tried {self.attempts} times")

    def send(self, dataset: Dataset, syntax: str) -> str:
        """Sends an object once.

        Args:
            dataset: The object.
            syntax: UID of its transfer syntax.

        Returns:
            What was in the way and may pass; "" where it is stored.

        Raises:
            HospitalError: Where the destination will not take it later either.
        """
        from pydicom.uid import ImplicitVRLittleEndian

        entity = make_entity(self.own_title)
        # Every receiver takes implicit little endian; its own syntax keeps an image compressed
        entity.add_requested_context(dataset.SOPClassUID, [syntax, ImplicitVRLittleEndian])
        association = self.associate(entity)
        if association.rejected_contexts:
            raise HospitalError(f"{self.address}: it stores no {dataset.SOPClassUID.name}")
        if not association.is_established:
            return describe_failure(association, self.tls is not None)
        try:
            status = association.send_c_store(dataset)
        finally:
            association.release()
        return self.judge_status(status.get("Status"))

    def judge_status(self, code: int | None) -> str:
        """What a status of C-STORE says.

        Args:
            code: The status; None where the connection was lost.

        Returns:
            What may pass; "" where the object is stored.

        Raises:
            HospitalError: For a refusal.
        """
        if code is None:
            return "the connection was lost before it answered"
        if code == SUCCESS or code in WARNINGS:
            return ""
        if code in OUT_OF_RESOURCES:
            return f"it is out of resources (status {code:04X}); expected room for reports"
        words = STATUS_WORDS.get(code, "see its log")
        raise HospitalError(f"{self.address}: refuses the object (status {code:04X}): {words}")

    def echo(self) -> None:
        """Asks whether anybody is there (C-ECHO).

        Raises:
            HospitalError: Where nobody is.
        """

        entity = make_entity(self.own_title)
        entity.add_requested_context(VERIFICATION)
        association = self.associate(entity)
        if not association.is_established:
            raise HospitalError(f"{self.address}: {describe_failure(association, self.tls is not None)}")
        try:
            if association.accepted_contexts:
                association.send_c_echo()
        finally:
            association.release()

    def associate(self, entity: AE) -> Association:
        """Calls the destination.

        Args:
            entity: Who calls, with the presentation contexts that it asks for.

        Returns:
            The association; whether the call was answered, it says itself.
        """
        tls_args = None if self.tls is None else (self.tls, self.address.host)
        return entity.associate(
            self.address.host, self.address.port, ae_title=self.address.title, tls_args=tls_args
        )


def describe_failure(association: Association, over_tls: bool) -> str:
    """Why an association was not made."""
    if association.is_rejected:
        return "it rejects the call; expected one that knows this AE title (--ae-title), and its own"
    if over_tls:
        return (
            "no secure connection; expected an application entity that speaks TLS there, a certificate of its host "
            "that --tls-ca signed, and one that takes ours (--tls-cert)"
        )
    return "it does not answer; expected an application entity that runs there"
