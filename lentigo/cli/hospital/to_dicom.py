"""`lentigo data to-dicom`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from lentigo.cli.options import Json
from lentigo.cli.output.terminal import print_json, print_line, report_problems

if TYPE_CHECKING:
    from lentigo.clinical.photograph_object import Subject

to_dicom_app = typer.Typer(rich_markup_mode=None)


@to_dicom_app.command("to-dicom", epilog="Example: lentigo data to-dicom mole.jpg --out mole.dcm")
def data_to_dicom(
    images: Annotated[list[str], Argument(help="Photographs and folders.")],
    out: Annotated[Path, Option("--out", help="A file for one photograph, a folder for several.")],
    kind: Annotated[
        str,
        Option("--kind", help="dermoscopic, photographic (VL Photographic) or capture (Secondary Capture)."),
    ] = "photographic",
    study_uid: Annotated[str, Option("--study-uid", help="The study; a new one for each unless said.")] = "",
    patient_id: Annotated[
        str, Option("--patient-id", help="The patient's identifier; none unless said.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Writes photographs as DICOM objects, without what EXIF says of place and person."""
    from lentigo.clinical.photograph_object import Subject
    from lentigo.errors import ImageError
    from lentigo.images.listing import collect_images
    from lentigo.images.problems import Problem
    from lentigo.inference.output_names import name_files

    paths, problems = collect_images(images)
    files: dict[str, tuple[Path, ...]] = {str(paths[0]): (out,)}
    if len(paths) > 1 or out.is_dir():
        files = name_files(paths, out, ".dcm")
    for path in map(str, paths):
        try:
            facts = write_photograph(path, files[path][0], kind, Subject(study_uid, patient_id))
        except ImageError as error:
            problems.append(Problem.from_error(path, error))
            continue
        if as_json:
            print_json(facts)
        else:
            print_line(f"{facts['file']}  {facts['sop_instance_uid']}")
    if as_json:
        for problem in problems:
            print_json(asdict(problem))
    report_problems(problems)


def write_photograph(path: str, file: Path, kind: str, subject: Subject) -> dict[str, str]:
    """Writes a photograph as a DICOM object, whole or not at all; says where, and which."""
    from lentigo.clinical.photograph_object import make_photograph, write_object
    from lentigo.images.image_contents import read_content

    made = make_photograph(read_content(path), path, kind, subject)
    write_object(file, made)
    return {
        "image": path,
        "file": str(file),
        "study_uid": made.StudyInstanceUID,
        "sop_instance_uid": made.SOPInstanceUID,
    }
