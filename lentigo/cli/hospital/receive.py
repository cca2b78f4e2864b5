"""`lentigo receive`."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from lentigo.cli.options import Fp32, Json, Model
from lentigo.cli.output.terminal import format_count, print_json, print_line, print_message
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.clinical.dimse.transport_security import TlsFiles

TlsCertificate = Annotated[
    Path | None,
    Option(
        "--tls-cert", help="Certificate of this machine (PEM), with its key or --tls-key: callers speak TLS."
    ),
]
TlsKey = Annotated[Path | None, Option("--tls-key", help="Key of the certificate (PEM).")]
TlsAuthority = Annotated[
    Path | None,
    Option(
        "--tls-ca", help="Authorities (PEM) that certificates of callers and of --send must be signed by."
    ),
]

receive_app = typer.Typer(rich_markup_mode=None)


@receive_app.command(epilog="Example: lentigo receive --port 11112 --send PACS@10.0.0.5:104 --from CAMERA")
def receive(
    send: Annotated[
        str, Option("--send", help="AE title, host and port of who gets the results: PACS@10.0.0.5:104.")
    ] = "",
    out: Annotated[Path | None, Option("--out", help="Folder for the results, instead of --send.")] = None,
    host: Annotated[
        str, Option("--host", help="Where to listen. DIMSE has no passwords: only this machine, unless said.")
    ] = "127.0.0.1",
    port: Annotated[int, Option("--port", help="0 for any that is free.")] = 11112,
    title: Annotated[str, Option("--ae-title", help="Calls for another are rejected.")] = "LENTIGO",
    callers: Annotated[
        list[str] | None,
        Option("--from", help="AE title that may call; may be repeated. All unless said."),
    ] = None,
    sop_class: Annotated[
        list[str] | None,
        Option("--sop-class", help="UID of images that are taken; may be repeated. Photographs unless said."),
    ] = None,
    spool: Annotated[
        Path | None, Option("--spool", help="Folder in which images wait; in your data folder unless said.")
    ] = None,
    certificate: TlsCertificate = None,
    key: TlsKey = None,
    authority: TlsAuthority = None,
    send_tls: Annotated[bool, Option("--send-tls", help="Sends the results over TLS.")] = False,
    model: Model = "bundled",
    dry_run: Annotated[
        bool, Option("--dry-run", help="Says what would be answered; keeps nothing and refuses each image.")
    ] = False,
    fp32: Fp32 = False,
    as_json: Json = False,
) -> None:
    """Takes images that are sent by C-STORE, and sends structured reports and segmentations on."""
    from lentigo.clinical.dimse.answering import answer_until
    from lentigo.clinical.dimse.receiver import Listening, Receiver
    from lentigo.clinical.dimse.spool import Spool
    from lentigo.clinical.dimse.transport_security import TlsFiles, check_tls_options
    from lentigo.clinical.worklist import PHOTOGRAPHS
    from lentigo.common.user_folders import data_folder
    from lentigo.inference.predictor import Predictor

    tls = TlsFiles(certificate, key, authority)
    check_tls_options(tls, sends=send_tls)
    destination = choose_destination(send, out, title, tls if send_tls else None)
    listening = Listening(
        title, host, port, callers or (), sop_class or PHOTOGRAPHS, tls.make_listening_context()
    )
    check_titles(title, *listening.callers)
    predictor = Predictor(model, fp32=fp32, count=1)
    predictor.require_classifier()
    stop = stop_on_signals()
    printer = ResultPrinter(as_json)
    kept = Spool(spool or data_folder() / "receive")
    receiver = Receiver(listening, kept, predictor.name, printer.show, dry_run=dry_run)
    receiver.start()
    try:
        if as_json:
            print_json({"ae_title": title, "host": host, "port": receiver.port, "model": predictor.name})
        print_message(
            f"{title} listens at {host}:{receiver.port}; {format_count(len(kept.list_waiting()), 'image')} "
            "waiting; Ctrl-C ends it. Research output, unverified."
        )
        if dry_run:
            printer.check(destination)
            stop.wait()
        else:
            answer_until(stop, receiver.arrived, kept, predictor, destination, printer.show)
    finally:
        receiver.stop()
        kept.close()
    print_message(f"{format_count(printer.count, 'image')} {'seen' if dry_run else 'answered'}")


def choose_destination(send: str, out: Path | None, title: str, tls: TlsFiles | None = None) -> Any:
    """Where results go; raises `UsageError` unless exactly one place is named."""
    from lentigo.clinical.dimse.destinations import DimseDestination, FolderDestination, read_address

    if bool(send) == (out is not None):
        raise UsageError("expected one place for the results: --send PACS@HOST:PORT, or --out FOLDER")
    if out is not None:
        if tls is not None:
            raise UsageError("--send-tls goes with --send; a folder is no connection")
        return FolderDestination(out)
    context = None if tls is None else tls.make_calling_context()
    return DimseDestination(read_address(send), title, tls=context)


def check_titles(*titles: str) -> None:
    """Raises `UsageError` for what is no AE title."""
    for title in titles:
        if (
            not 1 <= len(title.strip()) <= 16
            or "\\" in title
            or not title.isascii()
            or not title.isprintable()
        ):
            raise UsageError(f"AE title {title!r}: expected 1 to 16 ASCII letters, without a backslash")


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and a request to end set: the image that is being answered is answered first."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


class ResultPrinter:
    """Prints results and problems as they come, from any thread.

    Args:
        as_json: As JSON, an object a line.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.count = 0
        self.lock = threading.Lock()

    def show(self, result: Any) -> None:
        """Prints one line.

        Args:
            result: What was stored, an image that a dry run would answer, or a problem.
        """
        from lentigo.images.problems import Problem

        with self.lock:
            if isinstance(result, Problem):
                if self.as_json:
                    print_json(asdict(result))
                print_message(f"{result.image}: {result.error}")
                return
            facts = asdict(result)
            self.count += 1
            if self.as_json:
                print_json(facts)
            else:
                image = facts.get("image") or facts["uid"]
                print_line(f"{facts.get('label') or 'to be answered':<14}  {image}")

    def check(self, destination: Any) -> None:
        """Says whether somebody takes results, for a dry run.

        Args:
            destination: Where they would go.
        """
        from lentigo.errors import HospitalError

        if not hasattr(destination, "echo"):
            return
        try:
            destination.echo()
            print_message(f"{destination.address} answers")
        except HospitalError as error:
            print_message(str(error))
