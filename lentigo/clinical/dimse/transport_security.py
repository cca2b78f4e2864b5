"""DIMSE over TLS (DICOM PS3.15, BCP 195): certificates of this machine, and whom it trusts."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lentigo.clinical.dimse.entities import REPLY_SECONDS
from lentigo.errors import UsageError

CERTIFICATE_CURE = (
    "expected PEM files, which begin with -----BEGIN, the key not encrypted and that of the certificate"
)


@dataclass(frozen=True)
class TlsFiles:
    """Certificates as PEM files.

    Attributes:
        certificate: of this machine; with its key, unless `key` names that.
        key: of the certificate.
        authority: certificates of the authorities that callers and destinations must be signed by; None: callers
            need no certificate, and destinations one that the system trusts.
    """

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    def make_listening_context(self) -> ssl.SSLContext | None:
        """How callers are answered; None for no TLS.

        Raises:
            UsageError: A file is missing, or holds something else.
        """
        if self.certificate is None:
            return None
        context = LateHandshakes(ssl.PROTOCOL_TLS_SERVER)
        self.load(context)
        if self.authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def make_calling_context(self) -> ssl.SSLContext:
        """How destinations are called: their certificate must be of the host that is called.

        Raises:
            UsageError: A file is missing, or holds something else.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority is None:
            context.load_default_certs()
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Gives a context the certificates.

        Args:
            context: Of either side; from TLS 1.2 on.
        """
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = ClosedSocket
        if self.certificate is not None:
            certificate, key = self.certificate, self.key
            read_pem(certificate, lambda: context.load_cert_chain(certificate, key, password=refuse_password))
        if self.authority is not None:
            authority = self.authority
            read_pem(authority, lambda: context.load_verify_locations(authority))


class ClosedSocket(ssl.SSLSocket):
    """A connection that pynetdicom closes: it leaves one open whose `shutdown` raises, as where the other end is
    gone already.
    """

    def shutdown(self, how: int) -> None:
        """As `socket.shutdown`; a connection that is down already is no error."""
        with suppress(OSError):
            super().shutdown(how)


class LateHandshakes(ssl.SSLContext):
    """A context of a listener whose handshakes are made by the thread of each association.

    pynetdicom takes calls in one thread: a caller that says nothing would keep all others waiting.
    """

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """As `ssl.SSLContext.wrap_socket`, without the handshake: it comes with the first bytes that are read."""
        sock.settimeout(REPLY_SECONDS)  # half a handshake keeps nobody for ever
        return super().wrap_socket(sock, *arguments, **options | {"do_handshake_on_connect": False})


def read_pem(path: Path, load: Callable[[], None]) -> None:
    """Loads a certificate; says in one line what is wrong with its file.

    Args:
        path: The file that is named.
        load: Does it.

    Raises:
        UsageError: It is missing, or holds something else.
    """
    try:
        load()
    except ssl.SSLError as error:
        reason = (error.reason or "no PEM").lower().replace("_", " ")
        raise UsageError(
            f"{path}: is no certificate that can be used ({reason}); {CERTIFICATE_CURE}"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read, or its key cannot ({error.strerror or error}); {CERTIFICATE_CURE}"
        ) from error


def refuse_password() -> str:
    """Stands in for the question for a password, which nobody would answer.

    >>> refuse_password()
    ''
    """
    return ""


def check_tls_options(files: TlsFiles, *, sends: bool) -> None:
    """Raises `UsageError` for options that do not go together.

    Args:
        files: Those that were named.
        sends: Whether results are sent by TLS.
    """
    if files.key is not None and files.certificate is None:
        raise UsageError("--tls-key goes with --tls-cert; name the certificate of the key")
    if files.authority is not None and files.certificate is None and not sends:
        raise UsageError("--tls-ca goes with --tls-cert or --send-tls; name one of them")
