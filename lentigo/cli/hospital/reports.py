"""The parts of the command line that are the hospital's: reports beside predictions, and photographs as
DICOM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from lentigo.cli.output.predictions import list_readable
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.images.problems import Problem
    from lentigo.inference.predictor import Predictor
    from lentigo.inference.results import Prediction

StructuredReport = Annotated[
    Path | None,
    Option("--sr", help="Writes a DICOM structured report (TID 1500); a folder for several photographs."),
]
SegmentationFile = Annotated[
    Path | None,
    Option("--seg", help="Writes the outline as a DICOM Segmentation; a folder for several photographs."),
]
FhirReport = Annotated[
    Path | None,
    Option("--fhir", help="Writes a FHIR R4B DiagnosticReport; a folder for several photographs."),
]
StudyUid = Annotated[
    str, Option("--study-uid", help="Study of plain photographs in --sr, --seg and --fhir; new unless said.")
]
ENDINGS = {"sr": "_sr.dcm", "seg": "_seg.dcm", "fhir": "_fhir.json"}


@dataclass(frozen=True)
class ClinicalOutput:
    """Where clinical objects go: files for one photograph, folders for several.

    Attributes:
        places: by kind ("sr", "seg", "fhir"); kinds that are not wanted are missing.
        study_uid: of plain photographs; "" for new studies.
    """

    places: dict[str, Path]
    study_uid: str


def choose_output(
    sr: Path | None, seg: Path | None, fhir: Path | None, study_uid: str
) -> ClinicalOutput | None:
    """What options ask for; None where they ask for nothing.

    Args:
        sr: Where the structured report goes.
        seg: Where the segmentation goes.
        fhir: Where the FHIR bundle goes.
        study_uid: Of the study; "" for a new one.
    """
    places = {}
    for kind, place in (("sr", sr), ("seg", seg), ("fhir", fhir)):
        if place is not None:
            places[kind] = place
    if study_uid and not places:
        raise UsageError("--study-uid goes with --sr, --seg or --fhir; name one of them")
    return ClinicalOutput(places, study_uid) if places else None


def predict_reports(
    predictor: Predictor, paths: Iterable[str | Problem], output: ClinicalOutput
) -> Iterator[tuple[Prediction | Problem, dict[str, Any]]]:
    """Predictions with the files that were written of them.

    Args:
        predictor: a RUN with a classifier; with a decoder too where "seg" is wanted.
        paths: photographs and problems.
        output: where the objects go.

    Yields:
        As `print_predictions` takes them.
    """
    from lentigo.clinical.photograph_object import Subject
    from lentigo.clinical.reports import write_reports
    from lentigo.inference.output_names import name_files

    if "seg" in output.places:
        predictor.require_decoder()
    images = list_readable(paths)
    files: dict[str, dict[str, Path]] = {str(image): {} for image in images}
    for kind, place in output.places.items():
        if len(images) == 1 and not place.is_dir():  # a place is a file for one photograph alone
            files[str(images[0])][kind] = place
            continue
        for image, (file,) in name_files(images, place, ENDINGS[kind]).items():
            files[image][kind] = file
    return write_reports(predictor, paths, files, Subject(output.study_uid))
