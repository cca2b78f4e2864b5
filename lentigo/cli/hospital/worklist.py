"""`lentigo worklist`."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from lentigo.cli.options import Fp32, Json, Model
from lentigo.cli.output.terminal import print_json, print_line, print_message, report_problems
from lentigo.common.results.summaries import format_count
from lentigo.errors import UsageError

worklist_app = typer.Typer(rich_markup_mode=None)
DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})$")


@worklist_app.command(
    epilog="Example: lentigo worklist --dicomweb http://127.0.0.1:8042/dicom-web --since 2026-11-01 --dry-run"
)
def worklist(
    dicomweb: Annotated[str, Option("--dicomweb", help="Address of the server's DICOMweb.")],
    since: Annotated[
        str, Option("--since", help="Day of the first studies, YYYY-MM-DD; all unless said.")
    ] = "",
    model: Model = "bundled",
    dry_run: Annotated[
        bool, Option("--dry-run", help="Says what would be answered; reads no pixels and stores nothing.")
    ] = False,
    sop_class: Annotated[
        list[str] | None,
        Option(
            "--sop-class", help="UID of images that are answered; may be repeated. Photographs unless said."
        ),
    ] = None,
    token_file: Annotated[
        Path | None, Option("--token-file", help="File that holds a bearer token, and nothing else.")
    ] = None,
    certificate: Annotated[
        Path | None, Option("--client-cert", help="Client certificate (PEM), with its key or --client-key.")
    ] = None,
    key: Annotated[Path | None, Option("--client-key", help="Key of the client certificate (PEM).")] = None,
    authority: Annotated[
        Path | None, Option("--ca", help="Certificates of the authorities to trust (PEM).")
    ] = None,
    fp32: Fp32 = False,
    as_json: Json = False,
) -> None:
    """Answers the images of a DICOMweb server, and stores structured reports and segmentations there."""
    from lentigo.clinical.dicomweb import Access, DicomWebServer
    from lentigo.clinical.worklist import PHOTOGRAPHS, work_through
    from lentigo.images.problems import Problem
    from lentigo.inference.predictor import Predictor

    access = Access(dicomweb, read_token(token_file), certificate, key, authority)
    day = read_day(since)
    for file in (certificate, key, authority):
        if file is not None and not file.is_file():
            raise UsageError(f"{file}: no such file; expected a certificate or key as PEM")
    server = DicomWebServer(access)
    predictor = Predictor(model, fp32=fp32, count=1)
    results: list[Any] = []
    for result in work_through(server, predictor, day, sop_class or PHOTOGRAPHS, dry_run=dry_run):
        results.append(result)
        if as_json:
            print_json(asdict(result))
        elif not isinstance(result, Problem):
            print_line(f"{result.label or 'to be answered':<14}  {result.image}")
    done = sum(not isinstance(result, Problem) for result in results)
    verb = "to be answered" if dry_run else "answered; research output, unverified"
    print_message(f"{format_count(done, 'image')} {verb}")
    report_problems(results)


def read_token(file: Path | None) -> str:
    """The token in a file; "" without one."""
    if file is None:
        return ""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read ({error}); expected a file with a bearer token") from error


def read_day(text: str) -> str:
    """A day as DICOM writes it; "" stays.

    >>> read_day("2026-11-01")
    '20261101'
    """
    if not text:
        return ""
    found = DAY.match(text)
    if found is None:
        raise UsageError(f"--since {text!r}: expected a day such as 2026-11-01")
    return "".join(found.groups())
