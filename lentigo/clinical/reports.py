"""Predictions with the clinical objects that are made of them, one photograph after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lentigo.clinical.findings import list_findings
from lentigo.clinical.photograph_object import Subject, write_object
from lentigo.clinical.sources import Source, open_source
from lentigo.common.json_values import write_json
from lentigo.errors import ImageError
from lentigo.images.dicom.dicom_files import find_file_spacing
from lentigo.images.problems import Problem
from lentigo.inference.lesions.segmentation import segment_result
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import InferenceResult, Prediction

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Report:
    """What was made of one photograph.

    Attributes:
        source: the image that it is on.
        structured: the structured report.
        segmentation: the lesion's outline; None where no lesion was found, or the model outlines none.
        fhir: the FHIR DiagnosticReport as plain values.
    """

    source: Source
    structured: Dataset
    segmentation: Dataset | None
    fhir: dict[str, Any]


def make_reports(result: InferenceResult, predictor: Predictor, subject: Subject = Subject()) -> Report:
    """The clinical objects of one result.

    Args:
        result: of a RUN with a classifier.
        predictor: that gave it.
        subject: patient and study of a plain photograph; a DICOM file has its own.

    Returns:
        The objects, not written.

    Raises:
        ImageError: where the source cannot be read again, or referred to.
    """
    # Imported here: highdicom and fhir.resources take seconds, which nobody else should wait for
    from lentigo.clinical.fhir_report import make_fhir_report
    from lentigo.clinical.segmentation_object import make_segmentation
    from lentigo.clinical.structured_report import make_report

    source = open_source(result.image, subject)
    segmentation = None
    measures = None
    if result.mask is not None:
        # In millimetres only where the file says how large a pixel is
        scale = find_file_spacing(result.image)
        lesion = segment_result(result, predictor.name, scale)
        measures = lesion.measures
        if lesion.found:
            mask = lesion.draw_mask(source.dataset.Columns, source.dataset.Rows)
            segmentation = make_segmentation(source, mask, predictor.name)
    findings = list_findings(result.get_prediction(), measures)
    structured = make_report(source, findings, segmentation)
    # Report and outline alike refer to the image, and FHIR to all of them
    objects = (structured,) if segmentation is None else (structured, segmentation)
    return Report(source, structured, segmentation, make_fhir_report(source, findings, objects))


def write_reports(
    predictor: Predictor,
    paths: Iterable[str | Path | Problem],
    files: Mapping[str, Mapping[str, Path]],
    subject: Subject = Subject(),
) -> Iterator[tuple[Prediction | Problem, dict[str, str]]]:
    """Predictions, each with the files that were written of it.

    Args:
        predictor: a RUN with a classifier.
        paths: photographs.
        files: by photograph, where "sr", "seg" and "fhir" go; those that are missing are not written.
        subject: patient and study of plain photographs.

    Yields:
        The prediction and the paths of its files by their kind; a problem without files.
    """
    predictor.require_classifier()
    for result in predictor.infer(paths):
        if isinstance(result, Problem):
            yield result, {}
            continue
        try:
            report = make_reports(result, predictor, subject)
        except ImageError as error:
            yield Problem.from_error(result.image, error), {}
            continue
        yield result.get_prediction(), write_files(report, files.get(result.image, {}))


def write_files(report: Report, files: Mapping[str, Path]) -> dict[str, str]:
    """Writes the objects of a report whole or not at all; gives the files by their kind.

    Args:
        report: The objects of one photograph.
        files: Where "sr", "seg" and "fhir" go; a kind that is missing is not written.
    """
    written = {}
    objects = {"sr": report.structured, "seg": report.segmentation}
    for kind, made in objects.items():
        if kind in files and made is not None:
            write_object(files[kind], made)
            written[kind] = str(files[kind])
    if "fhir" in files:
        write_json(files["fhir"], report.fhir)
        written["fhir"] = str(files["fhir"])
    return written
