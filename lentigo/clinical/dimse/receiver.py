"""A store SCP: takes photographs that others send by C-STORE, and answers with the status that says why not.

An image is accepted when it is on the disk, and not before. What cannot be answered is refused at once, so
that its sender learns of it.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lentigo.clinical.dimse.entities import VERIFICATION, make_entity
from lentigo.clinical.dimse.spool import Spool
from lentigo.clinical.sources import complete_source
from lentigo.clinical.worklist import PHOTOGRAPHS, Instance, name_report
from lentigo.common.file_reading import MAX_FILE_BYTES
from lentigo.errors import HospitalError, ImageError, SpaceError
from lentigo.images.dicom.dicom_attributes import clean_value, mute_remarks, read_dataset
from lentigo.images.dicom.dicom_frames import ENCAPSULATED, MAX_FRAMES, NATIVE, describe_frame
from lentigo.images.problems import Problem

if TYPE_CHECKING:
    from pydicom import Dataset


# Statuses of C-STORE: DICOM PS3.4, table B.2-1, and PS3.7, annex C
SUCCESS = 0x0000
NOT_AUTHORIZED = 0x0124
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
MAX_COMMENT_LETTERS = 64  # of an Error Comment
MAX_ASSOCIATIONS = 4  # each may hold an image in memory
SYNTAXES = (*NATIVE, *ENCAPSULATED)


@dataclass(frozen=True)
class Listening:
    """How a receiver listens.

    Attributes:
        title: its AE title; a call for another is rejected.
        host: the address of this machine that it listens at.
        port: of TCP; 0 for any that is free.
        callers: AE titles that may call; () for all.
        classes: SOP classes that it takes.
        tls: how callers are answered over TLS; None for none.
    """

    title: str = "LENTIGO"
    host: str = "127.0.0.1"
    port: int = 11112
    callers: Sequence[str] = ()
    classes: Sequence[str] = PHOTOGRAPHS
    tls: ssl.SSLContext | None = None


class Receiver:
    """A store SCP that runs in threads of its own.

    Args:
        listening: where, and for whom.
        spool: where accepted images wait.
        model: the model's name; an image that it has reported on is accepted and not kept.
        report: is told of each image that is refused, and in a dry run of each that would be kept.
        dry_run: nothing is kept, and each image is refused, so that its sender keeps it.
    """

    def __init__(
        self,
        listening: Listening,
        spool: Spool,
        model: str,
        report: Callable[[Problem | Instance], None],
        *,
        dry_run: bool = False,
    ) -> None:
        self.listening = listening
        self.spool = spool
        self.model = model
        self.report = report
        self.dry_run = dry_run
        self.arrived = threading.Event()
        self.received_bytes: dict[Any, int] = {}  # of the object that an association is sending
        self.server: Any = None

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return self.server.server_address[1]

    def start(self) -> None:
        """Begins to listen.

        Raises:
            HospitalError: Where the address or port cannot be had.
        """
        from pynetdicom import evt

        entity = make_entity(self.listening.title)
        entity.require_called_aet = True
        entity.require_calling_aet = list(self.listening.callers)
        entity.maximum_associations = MAX_ASSOCIATIONS
        entity.add_supported_context(VERIFICATION)
        for sop_class in self.listening.classes:
            entity.add_supported_context(sop_class, list(SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self.handle_store),
            (evt.EVT_PDU_RECV, self.count_bytes),
            (evt.EVT_REJECTED, self.report_rejection),
            (evt.EVT_ACCEPTED, self.report_contexts),
            (evt.EVT_CONN_CLOSE, self.forget_association),
        ]
        place = (self.listening.host, self.listening.port)
        try:
            self.server = entity.start_server(
                place, block=False, ssl_context=self.listening.tls, evt_handlers=handlers
            )
        except OSError as error:
            raise HospitalError(
                f"{place[0]}:{place[1]}: cannot listen there ({error.strerror or error}); expected an address of "
                "this machine and a free port (--host, --port)"
            ) from error

    def stop(self) -> None:
        """Ends all associations."""
        if self.server is not None:
            self.server.shutdown()
            self.server = None

    def handle_store(self, event: Any) -> Dataset:
        """Takes an image, or says why not.

        Args:
            event: Of pynetdicom, with the object as it was received.

        Returns:
            The status that is sent back.
        """
        self.received_bytes.pop(event.assoc, None)
        uid = clean_value(event.request.AffectedSOPInstanceUID)
        sop_class = clean_value(event.request.AffectedSOPClassUID)
        try:
            instance = check_object(event.encoded_dataset(), uid, sop_class)
            return self.take(instance, event.encoded_dataset())
        except MismatchError as error:
            return self.refuse(DOES_NOT_MATCH, uid, str(error))
        except ImageError as error:
            reason = str(error).removeprefix(f"{uid}#1: ").removeprefix(f"{uid}: ")
            return self.refuse(CANNOT_UNDERSTAND, uid, reason)
        except SpaceError as error:
            return self.refuse(OUT_OF_RESOURCES, uid, f"the disk is full ({error})")

    def take(self, instance: Instance, content: bytes) -> Dataset:
        """Keeps an image unless it waits already, or is answered.

        Args:
            instance: Its UIDs and its number of frames.
            content: The file.

        Returns:
            The status that is sent back.
        """
        if self.dry_run:
            self.report(instance)
            return make_status(NOT_AUTHORIZED, "a dry run, in which nothing is kept")
        names = instance.list_names()
        # Stored before, by the same model: the sender only wants to hear that it arrived
        if not all(self.spool.is_done(name_report(self.model, name)) for name in names):
            self.spool.keep(instance.uid, content)
            self.arrived.set()
        return make_status(SUCCESS)

    def refuse(self, code: int, uid: str, reason: str) -> Dataset:
        """Reports an image that is not taken.

        Args:
            code: The status of C-STORE.
            uid: The image's SOP Instance UID; "" where it has none.
            reason: In words.

        Returns:
            The status for its sender.
        """
        self.report(Problem(uid or "an image without a UID", reason))
        return make_status(code, reason)

    def count_bytes(self, event: Any) -> None:
        """Ends an association that sends more than an image may have.

        Args:
            event: Of pynetdicom, with a piece of a message.
        """
        items = getattr(event.pdu, "presentation_data_value_items", ())
        size = sum(len(item.presentation_data_value) for item in items)
        total = self.received_bytes.get(event.assoc, 0) + size
        self.received_bytes[event.assoc] = total
        if total > MAX_FILE_BYTES:
            # pynetdicom gathers an object in memory: without a limit a sender could fill it
            del self.received_bytes[event.assoc]
            caller = name_caller(event)
            limit = f"{MAX_FILE_BYTES / 1e6:.0f} MB"
            self.report(Problem(caller, f"sends an object of more than {limit}; the connection was ended"))
            event.assoc.abort()

    def forget_association(self, event: Any) -> None:
        """Drops what was counted of an association that has ended.

        Args:
            event: Of pynetdicom, of the end of a connection.
        """
        self.received_bytes.pop(event.assoc, None)

    def report_rejection(self, event: Any) -> None:
        """Says who called in vain.

        Args:
            event: Of pynetdicom, of a call that was rejected.
        """
        called = clean_value(event.assoc.requestor.primitive.called_ae_title)
        reason = f"was rejected: it called {called!a}; expected {self.listening.title!a}"
        if called == self.listening.title:
            reason = "was rejected: its AE title is not among those of --from, or too many call at once"
        self.report(Problem(name_caller(event), reason))

    def report_contexts(self, event: Any) -> None:
        """Says what a caller offered and is not taken: SOP classes, and transfer syntaxes that are not read.

        Args:
            event: Of pynetdicom, of a call that was accepted.
        """
        refused = []
        for context in event.assoc.rejected_contexts:
            known = context.abstract_syntax in self.listening.classes
            what = "in a transfer syntax that is not read" if known else "which is not taken (--sop-class)"
            refused.append(f"{context.abstract_syntax.name}, {what}")
        if refused:
            self.report(Problem(name_caller(event), f"offers {'; '.join(sorted(set(refused)))}"))


class MismatchError(ImageError):
    """An object that is another than its sender says."""


def check_object(content: bytes, uid: str, sop_class: str = "") -> Instance:
    """Checks that an object is the one that was announced, and an image that can be answered.

    Args:
        content: its file.
        uid: the SOP Instance UID by which it was announced.
        sop_class: its SOP class, likewise; "" for any.

    Returns:
        Where it belongs.

    Raises:
        MismatchError: where it is another.
        ImageError: where it cannot be read, or referred to.
    """
    dataset = read_dataset(content, uid)
    with mute_remarks():
        complete_source(dataset, uid)
        if dataset.SOPInstanceUID != uid or sop_class not in ("", dataset.SOPClassUID):
            raise MismatchError("its SOP Instance UID or SOP Class UID is not the one that was announced")
        frame = describe_frame(dataset, f"{uid}#1")
    if frame.count > MAX_FRAMES:
        raise ImageError(f"{uid}: holds {frame.count} frames; expected at most {MAX_FRAMES}")
    return Instance(str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), uid, frame.count)


def make_status(code: int, reason: str = "") -> Dataset:
    """A status of C-STORE, with a comment where it is not plain success."""
    from pydicom import Dataset

    status = Dataset()
    status.Status = code
    if reason:
        # An Error Comment is a short ASCII text, in which a backslash would part two values
        comment = reason.encode("ascii", "replace").decode().replace("\\", "/")
        status.ErrorComment = comment[:MAX_COMMENT_LETTERS]
    return status


def name_caller(event: Any) -> str:
    """Who calls, for people."""
    requestor = event.assoc.requestor
    title = clean_value(getattr(requestor.primitive, "calling_ae_title", "")) or "somebody"
    return f"{title}@{requestor.address}"
