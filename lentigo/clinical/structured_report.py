"""A prediction as a DICOM Comprehensive 3D SR by template TID 1500, preliminary and unverified."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lentigo._version import __version__
from lentigo.clinical.codes import ARTIFICIAL_INTELLIGENCE, COMMENT, SKIN, SKIN_LESION, Code
from lentigo.clinical.findings import Findings
from lentigo.clinical.identifiers import derive_uid
from lentigo.clinical.sources import Source

if TYPE_CHECKING:
    from highdicom import sr
    from pydicom import Dataset

SERIES_NUMBER = 9002  # beyond those that cameras use
IMAGING_PROCEDURE: Code = ("363679005", "SCT", "Imaging procedure")
MAX_PARAMETER_LETTERS = 64


def make_report(source: Source, findings: Findings, segmentation: Dataset | None = None) -> Dataset:
    """A structured report on one image.

    Args:
        source: the image.
        findings: what is said of it.
        segmentation: the lesion's outline, to which the report refers; None where there is none.

    Returns:
        highdicom's report: PRELIMINARY and UNVERIFIED.
    """
    import highdicom
    from highdicom.sr import Comprehensive3DSR, MeasurementReport, TextContentItem

    # highdicom takes images of a few classes alone; `name_class` puts the source's own back
    dataset = source.stand_in()
    frame = str(source.frame or 1)
    group = make_group(source, findings, segmentation)
    report = MeasurementReport(
        observation_context=make_context(findings.model),
        procedure_reported=highdicom.sr.CodedConcept(*IMAGING_PROCEDURE),
        imaging_measurements=[group],
        referenced_images=[dataset],
    )
    for remark in findings.remarks:
        item = TextContentItem(
            name=highdicom.sr.CodedConcept(*COMMENT), value=remark, relationship_type="CONTAINS"
        )
        report[0].ContentSequence.append(item)
    evidence = [dataset] if segmentation is None else [dataset, segmentation]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on patients' names of one part, which are the source's
        made = Comprehensive3DSR(
            evidence=evidence,
            content=report[0],
            series_instance_uid=derive_uid("sr series", findings.model, dataset.SeriesInstanceUID),
            series_number=SERIES_NUMBER,
            sop_instance_uid=derive_uid("sr", findings.model, dataset.SOPInstanceUID, frame),
            instance_number=int(frame),
            manufacturer="Lentigo",
            is_complete=True,
            is_final=False,  # PRELIMINARY: a reader has to look at it
            is_verified=False,
        )
    source.name_class(made)
    content = "No answer" if findings.is_refused else "Lesion"
    made.SeriesDescription = f"{content}; research output, unverified"
    made.ManufacturerModelName = f"Lentigo {findings.model}"[:64]
    made.SoftwareVersions = __version__
    made.DeviceSerialNumber = "none"
    return made


def make_context(model: str) -> sr.ObservationContext:
    """Who observed: this program."""
    from highdicom import sr

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derive_uid("device", model, __version__),
        name="Lentigo",
        manufacturer_name="Lentigo",
        model_name=model[:64],
        serial_number=__version__,
    )
    observer = sr.ObserverContext(
        observer_type=sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=device
    )
    return sr.ObservationContext(observer_device_context=observer)


def make_group(
    source: Source, findings: Findings, segmentation: Dataset | None
) -> sr.MeasurementsAndQualitativeEvaluations | sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """The measurements and judgements of one lesion, with what they were made on."""
    from highdicom import sr

    dataset = source.stand_in()
    frames = None if source.frame is None else [source.frame]
    common = describe_group(dataset, source, findings)
    if segmentation is None:
        image = sr.SourceImageForMeasurementGroup(
            referenced_sop_class_uid=dataset.SOPClassUID,
            referenced_sop_instance_uid=dataset.SOPInstanceUID,
            referenced_frame_numbers=frames,
        )
        return sr.MeasurementsAndQualitativeEvaluations(source_images=[image], **common)
    segment = sr.ReferencedSegmentationFrame(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        frame_number=1,
        segment_number=1,
        source_image=sr.SourceImageForSegmentation(
            referenced_sop_class_uid=dataset.SOPClassUID,
            referenced_sop_instance_uid=dataset.SOPInstanceUID,
            referenced_frame_numbers=frames,
        ),
    )
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **common)
    # highdicom names the segment twice, which the template does not allow
    drop_segment_numbers(group[0])
    return group


def describe_group(dataset: Dataset, source: Source, findings: Findings) -> dict[str, Any]:
    """What a group says of a lesion, whether or not it is outlined, or of a refused photograph: as highdicom's
    arguments.
    """
    from highdicom import sr

    tracked = "photograph" if findings.is_refused else "lesion"
    # The same UID for it in every report on this frame
    described: dict[str, Any] = {
        "tracking_identifier": sr.TrackingIdentifier(
            uid=derive_uid(tracked, dataset.SOPInstanceUID, str(source.frame or 1)), identifier=tracked
        ),
        "algorithm_id": sr.AlgorithmIdentification(
            name=f"Lentigo {findings.model}"[:MAX_PARAMETER_LETTERS],
            version=__version__,
            family=sr.CodedConcept(*ARTIFICIAL_INTELLIGENCE),
            manufacturer="Lentigo",
        ),
        "measurements": list_measurements(findings),
        "qualitative_evaluations": list_evaluations(findings),
    }
    if not findings.is_refused:
        described["finding_type"] = sr.CodedConcept(*SKIN_LESION)
        described["finding_sites"] = [sr.FindingSite(sr.CodedConcept(*SKIN))]
    return described


def list_measurements(findings: Findings) -> list[sr.Measurement]:
    """The numbers of a finding, each with its name and unit in codes.

    Args:
        findings: what is said of the image.
    """
    from highdicom import sr

    measurements = []
    for number in findings.numbers:
        name = sr.CodedConcept(*number.name)
        unit = sr.CodedConcept(*number.unit)
        measurements.append(sr.Measurement(name, value=shorten_number(number.value), unit=unit))
    return measurements


def list_evaluations(findings: Findings) -> list[sr.QualitativeEvaluation]:
    """The judgements of a finding, in codes."""
    from highdicom import sr

    evaluations = []
    for evaluation in findings.evaluations:
        name = sr.CodedConcept(*evaluation.name)
        evaluations.append(sr.QualitativeEvaluation(name, sr.CodedConcept(*evaluation.value)))
    return evaluations


def drop_segment_numbers(item: Dataset) -> None:
    """Leaves the frame of a segmentation as the only reference to it.

    DICOM PS3.3, table C.18.4-1, forbids a segment's number beside a frame's; highdicom writes both.
    """
    for content in item.ContentSequence:
        for reference in content.get("ReferencedSOPSequence", ()):
            if "ReferencedFrameNumber" in reference and "ReferencedSegmentNumber" in reference:
                del reference.ReferencedSegmentNumber


def shorten_number(value: float) -> float:
    """A number that a decimal string of DICOM holds: six digits after the point.

    >>> shorten_number(1 / 3)
    0.333333
    """
    return round(float(value), 6)
