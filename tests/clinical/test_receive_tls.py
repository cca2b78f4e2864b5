"""`lentigo receive` over TLS: real associations on loopback, with certificates that openssl makes."""

import shutil
import socket
import time

import pytest
from dicom_toys import draw_pixels, encode_jpeg, wrap_jpeg
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, evt
from pynetdicom.sop_class import DermoscopicPhotographyImageStorage, Verification

from lentigo.clinical.dimse.destinations import DimseDestination, read_address
from lentigo.clinical.dimse.receiver import Listening, Receiver
from lentigo.clinical.dimse.spool import Spool
from lentigo.clinical.dimse.transport_security import TlsFiles, check_tls_options
from lentigo.errors import HospitalError, UsageError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture
def listen(tmp_path, certificates):
    """Starts a receiver with the certificate of the server; who calls is trusted by the name of a certificate."""
    started = []

    def start(authority=None):
        tls = TlsFiles(certificates["server"], authority=authority and certificates[authority])
        listening = Listening(port=0, tls=tls.make_listening_context())
        receiver = Receiver(listening, Spool(tmp_path / "spool"), "toy", print)
        receiver.start()
        started.append(receiver)
        return receiver

    yield start
    for receiver in started:
        receiver.stop()
        receiver.spool.close()


def call(port, context, dataset=None):
    """Calls over TLS and sends an image; its status, None where there is no association."""
    entity = AE("CAMERA")
    entity.acse_timeout = entity.network_timeout = entity.connection_timeout = 10
    entity.add_requested_context(Verification)
    if dataset is not None:
        entity.add_requested_context(DermoscopicPhotographyImageStorage, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="LENTIGO", tls_args=(context, "127.0.0.1"))
    if not association.is_established:
        return None
    status = association.send_c_echo() if dataset is None else association.send_c_store(dataset)
    association.release()
    return status.Status


def test_an_image_arrives_over_mutual_tls(listen, certificates):
    receiver = listen("client")
    scan = dcmread(DicomBytesIO(wrap_jpeg(encode_jpeg(draw_pixels()))))
    files = TlsFiles(certificates["client"], authority=certificates["server"])
    assert call(receiver.port, files.make_calling_context(), scan) == 0x0000
    assert receiver.spool.list_waiting() == [scan.SOPInstanceUID]


@pytest.mark.parametrize("client", [None, "stranger"])
def test_a_caller_without_a_certificate_that_is_trusted_is_not_heard(listen, certificates, client):
    receiver = listen("client")
    files = TlsFiles(client and certificates[client], authority=certificates["server"])
    assert call(receiver.port, files.make_calling_context()) is None


def test_a_caller_without_tls_is_not_heard(listen):
    with socket.create_connection(("127.0.0.1", listen().port), timeout=30) as caller:
        caller.sendall(
            bytes([1, 0, 0, 0, 0, 4]) + b"call"
        )  # an A-ASSOCIATE-RQ begins with 1, its acceptance with 2
        assert caller.recv(1) in (b"", b"\x15")  # TLS's own: an alert


def test_a_silent_caller_keeps_nobody_waiting(listen, certificates):
    receiver = listen()
    with socket.create_connection(("127.0.0.1", receiver.port)):
        context = TlsFiles(authority=certificates["server"]).make_calling_context()
        before = time.monotonic()
        assert call(receiver.port, context) == 0x0000
        assert time.monotonic() - before < 30  # far below what the silent one may take


@pytest.fixture
def archive(certificates):
    """The address of an application entity that wants the certificate of the client."""
    context = TlsFiles(certificates["server"], authority=certificates["client"]).make_listening_context()
    entity = AE("PACS")
    entity.add_supported_context(Verification)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, ssl_context=context, evt_handlers=[(evt.EVT_C_ECHO, lambda event: 0)]
    )
    yield f"PACS@127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_results_go_over_mutual_tls(archive, certificates):
    files = TlsFiles(certificates["client"], authority=certificates["server"])
    DimseDestination(read_address(archive), "LENTIGO", tls=files.make_calling_context()).echo()


@pytest.mark.parametrize("client, authority", [("stranger", "server"), ("client", "stranger")])
def test_a_destination_that_is_not_trusted_is_one_line(archive, certificates, client, authority):
    files = TlsFiles(certificates[client], authority=certificates[authority])
    destination = DimseDestination(read_address(archive), "LENTIGO", tls=files.make_calling_context())
    with pytest.raises(HospitalError, match=r"no secure connection.*--tls-ca"):
        destination.echo()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_is_no_certificate_is_named(tmp_path, content):
    path = tmp_path / "c.pem"
    if content is not None:
        path.write_bytes(content)
    for files in (TlsFiles(path), TlsFiles(None, None, path)):
        with pytest.raises(UsageError, match=r"c\.pem: .*expected PEM files"):
            files.make_calling_context()


def test_options_that_do_not_go_together_are_refused(tmp_path):
    for files in (TlsFiles(key=tmp_path), TlsFiles(authority=tmp_path)):
        with pytest.raises(UsageError, match="goes with --tls-cert"):
            check_tls_options(files, sends=False)
