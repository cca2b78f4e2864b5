"""A prediction as a FHIR R4B DiagnosticReport that contains its Observations, the Device and the study."""

from __future__ import annotations

import datetime
from typing import Any

from lentigo._version import __version__
from lentigo.clinical.codes import DICOM, RESEARCH_ONLY, SKIN, SNOMED, Code
from lentigo.clinical.findings import Evaluation, Findings, Number
from lentigo.clinical.sources import Source

SYSTEMS = {SNOMED: "http://snomed.info/sct", DICOM: "http://dicom.nema.org/resources/ontology/DCM"}
PRIVATE_SYSTEM = "urn:lentigo:codes"
UCUM_SYSTEM = "http://unitsofmeasure.org"
UID_SYSTEM = "urn:dicom:uid"
STATUS = "preliminary"  # nobody has verified it


def make_fhir_report(source: Source, findings: Findings, objects: tuple[Any, ...] = ()) -> dict[str, Any]:
    """A DiagnosticReport as plain values, checked by fhir.resources.

    Args:
        source: the image that the report is on.
        findings: what is said of it.
        objects: DICOM objects that were made beside it, which are named in the study.

    Returns:
        JSON's values.
    """
    from fhir.resources.R4B.diagnosticreport import DiagnosticReport

    # In whole seconds, as DICOM has them
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()
    subject = describe_subject(source)
    common = {"status": STATUS, "subject": subject, "effectiveDateTime": now}
    observations = []
    for number in findings.numbers:
        observations.append(common | describe_number(number))
    for evaluation in findings.evaluations:
        observations.append(common | describe_evaluation(evaluation))
    for place, observation in enumerate(observations, start=1):
        # `#...` refers to what the report itself contains
        observation |= {
            "resourceType": "Observation",
            "id": f"observation-{place}",
            "device": {"reference": "#device"},
            "derivedFrom": [{"reference": "#study"}],
            "note": [{"text": RESEARCH_ONLY}],
        }
        if not findings.is_refused:
            observation["bodySite"] = describe_code(SKIN)
    report = {
        "resourceType": "DiagnosticReport",
        "status": STATUS,
        "code": {"text": "Classification of a photograph of a skin lesion"},
        "subject": subject,
        "effectiveDateTime": now,
        "issued": now,
        "contained": [describe_device(findings.model), describe_study(source, objects), *observations],
        "imagingStudy": [{"reference": "#study"}],
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "conclusion": " ".join(findings.remarks),
    }
    return DiagnosticReport.model_validate(report).model_dump(mode="json", exclude_none=True)


def describe_code(code: Code) -> dict[str, Any]:
    """A code as a CodeableConcept."""
    value, scheme, meaning = code
    return {"coding": [{"system": SYSTEMS.get(scheme, PRIVATE_SYSTEM), "code": value, "display": meaning}]}


def describe_number(number: Number) -> dict[str, Any]:
    """A measured value as parts of an Observation."""
    code, _, meaning = number.unit
    # Six digits, as in the structured report: both say the same number
    quantity = {"value": round(number.value, 6), "unit": meaning, "system": UCUM_SYSTEM, "code": code}
    return {"code": describe_code(number.name), "valueQuantity": quantity}


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """A judgement as parts of an Observation."""
    return {
        "code": describe_code(evaluation.name),
        "valueCodeableConcept": describe_code(evaluation.value),
    }


def describe_device(model: str) -> dict[str, Any]:
    """The program and its model as a Device."""
    return {
        "resourceType": "Device",
        "id": "device",
        "manufacturer": "Lentigo",
        "deviceName": [
            {"name": "Lentigo", "type": "manufacturer-name"},
            {"name": model, "type": "model-name"},
        ],
        "version": [{"value": __version__}],
        "note": [{"text": RESEARCH_ONLY}],
    }


def describe_subject(source: Source) -> dict[str, Any]:
    """The patient, by the identifier of the source; a word where it has none."""
    identifier = str(source.dataset.PatientID)
    if not identifier:
        return {"display": "unknown"}
    return {"identifier": {"value": identifier}}


def describe_study(source: Source, objects: tuple[Any, ...]) -> dict[str, Any]:
    """The study with the source and what was made of it."""
    series = []
    for dataset in (source.dataset, *objects):
        # The series of the image, and those of what was made of it
        entry = {
            "uid": str(dataset.SeriesInstanceUID),
            "modality": {
                "system": SYSTEMS[DICOM],
                "code": str(dataset.Modality).strip("\"' ") or "OT",
            },
            "instance": [
                {
                    "uid": str(dataset.SOPInstanceUID),
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{dataset.SOPClassUID}"},
                }
            ],
        }
        series.append(entry)
    return {
        "resourceType": "ImagingStudy",
        "id": "study",
        "status": "available",
        "subject": describe_subject(source),
        "identifier": [{"system": UID_SYSTEM, "value": f"urn:oid:{source.dataset.StudyInstanceUID}"}],
        "series": series,
    }
