"""Clinical objects: valid, read back, and saying what the prediction says."""

import json
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_toys import draw_pixels, encode, encode_jpeg, make_dataset, wrap_jpeg

from lentigo.clinical.codes import ANSWERS, DIAGNOSES, RESEARCH_ONLY
from lentigo.clinical.findings import list_findings
from lentigo.clinical.photograph_object import KINDS, Subject, encode_object, make_photograph
from lentigo.clinical.reports import make_reports
from lentigo.errors import UsageError
from lentigo.images.photographs import decode_image
from lentigo.images.synthetic_lesions import write_synthetic_lesions
from lentigo.inference.lesions.measures import Measures
from lentigo.inference.predictor import Predictor
from lentigo.inference.results import Prediction


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """The JPEG of a synthetic lesion."""
    folder = tmp_path_factory.mktemp("lesion")
    write_synthetic_lesions(folder, 1, seed=3)
    return sorted(folder.glob("malignant/synthetic_*.jpg"))[0]


@pytest.fixture(scope="module")
def scan(photograph, tmp_path_factory):
    """The same as a DICOM file of dermoscopy with a scale."""
    pixels = decode_image(photograph.read_bytes(), "", None)
    path = tmp_path_factory.mktemp("scan") / "scan.dcm"
    path.write_bytes(
        wrap_jpeg(
            photograph.read_bytes(),
            pixels=pixels,
            PixelSpacing=[0.05, 0.05],
            SOPClassUID=KINDS["photographic"].sop_class,
            Modality="XC",
        )
    )
    return path


@pytest.fixture(scope="module")
def predictor(toy_run):
    return Predictor(toy_run(), count=1)


@pytest.fixture(scope="module")
def report(predictor, scan):
    (answer,) = predictor.infer([scan])
    return make_reports(answer, predictor)


@pytest.fixture(scope="module")
def refusal(predictor, scan):
    """The objects of a photograph that was refused."""
    (answer,) = predictor.infer([scan])
    refused = replace(ANSWER, label="uncertain", in_distribution=False, reason="unlike the photographs")
    return make_reports(replace(answer, prediction=refused), predictor)


def read_back(dataset):
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(encode_object(dataset)))


def list_items(dataset):
    """All content items below a data set, by the meaning of their names."""
    found = {}
    for item in dataset.get("ContentSequence", ()):
        names = item.get("ConceptNameCodeSequence")
        if names:
            found.setdefault(names[0].CodeMeaning, []).append(item)
        for name, items in list_items(item).items():
            found.setdefault(name, []).extend(items)
    return found


def read_number(items, name):
    return float(items[name][0].MeasuredValueSequence[0].NumericValue)


def test_the_report_says_what_the_prediction_says(report, predictor, scan):
    (prediction,) = predictor.predict([scan])
    written = read_back(report.structured)
    items = list_items(written)
    assert read_number(items, "Probability of malignant") == pytest.approx(prediction.probability, abs=1e-6)
    assert read_number(items, "Threshold of the probability") == 0.5
    decision = items["Decision at the operating point"][0].ConceptCodeSequence[0]
    assert decision.CodeMeaning.lower() == prediction.label
    assert items["Comment"][0].TextValue == RESEARCH_ONLY
    assert (written.VerificationFlag, written.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")


def test_lengths_have_their_units(report):
    items = list_items(report.structured)
    units = items["Long axis"][0].MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0]
    assert units.CodeValue == "mm" and units.CodingSchemeDesignator == "UCUM"


def test_the_report_refers_to_source_and_segmentation(report, scan):
    source = pydicom.dcmread(scan, stop_before_pixels=True)
    assert report.structured.StudyInstanceUID == source.StudyInstanceUID
    assert report.structured.PatientID == source.PatientID
    text = str(report.structured)
    assert source.SOPInstanceUID in text and report.segmentation.SOPInstanceUID in text


def test_the_segmentation_has_the_sources_geometry(report, scan):
    source = pydicom.dcmread(scan, stop_before_pixels=True)
    written = highdicom.seg.Segmentation.from_dataset(read_back(report.segmentation))
    assert (written.Rows, written.Columns) == (source.Rows, source.Columns)
    mask = written.pixel_array.reshape(source.Rows, source.Columns)
    assert 0.01 < mask.mean() < 0.9
    assert "unverified" in written.SeriesDescription


def test_a_frame_of_several_is_referred_to(predictor, tmp_path):
    frames = np.stack([255 - draw_pixels(), draw_pixels(), 255 - draw_pixels()])
    frames[1, 10:30, 10:40] = 20
    path = tmp_path / "film.dcm"
    path.write_bytes(encode(make_dataset(frames, frames=3)))
    (answer,) = predictor.infer([f"{path}#2"])
    made = make_reports(answer, predictor)
    source = next(
        items
        for name, items in list_items(made.structured).items()
        if name.lower() == "source image for segmentation"
    )[0]
    assert source.ReferencedSOPSequence[0].ReferencedFrameNumber == 2
    assert made.segmentation.NumberOfFrames == 1 and made.segmentation.pixel_array.any()
    derived = made.segmentation.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert derived.SourceImageSequence[0].ReferencedFrameNumber == 2


def test_fhir_is_valid_and_says_the_same(report, predictor, scan):
    from fhir.resources.R4B.diagnosticreport import DiagnosticReport

    (prediction,) = predictor.predict([scan])
    parsed = DiagnosticReport.model_validate_json(json.dumps(report.fhir))
    assert parsed.status == "preliminary" and RESEARCH_ONLY in parsed.conclusion
    kinds = {resource["resourceType"] for resource in report.fhir["contained"]}
    assert kinds == {"Device", "ImagingStudy", "Observation"}
    values = {}
    for resource in report.fhir["contained"]:
        if "valueQuantity" in resource:
            values[resource["code"]["coding"][0]["code"]] = resource["valueQuantity"]["value"]
    assert values["probability_malignant"] == pytest.approx(prediction.probability, abs=1e-6)


def test_a_photograph_keeps_its_jpeg_and_loses_its_exif():
    from PIL import Image

    exif = Image.Exif()
    exif[0x013B] = "Jane Doe"
    jpeg = encode_jpeg(draw_pixels(), exif=exif)
    made = encode_object(make_photograph(jpeg, "mole.jpg"))
    assert b"Jane Doe" in jpeg and b"Jane Doe" not in made
    assert np.array_equal(decode_image(made, "mole.dcm", None), decode_image(jpeg, "mole.jpg", None))


def test_a_turned_photograph_is_stored_upright():
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = encode_jpeg(draw_pixels(), exif=exif)
    made = encode_object(make_photograph(jpeg, "mole.jpg", "capture"))
    assert np.array_equal(decode_image(made, "mole.dcm", None), decode_image(jpeg, "mole.jpg", None))


def test_a_plain_photograph_is_referred_to_as_to_dicom_writes_it(predictor, photograph):
    (answer,) = predictor.infer([photograph])
    made = make_reports(answer, predictor, Subject("2.25.17"))
    object_ = make_photograph(photograph.read_bytes(), "", subject=Subject("2.25.17"))
    assert object_.SOPInstanceUID in str(made.structured)
    assert made.structured.StudyInstanceUID == "2.25.17"
    with pytest.raises(UsageError):
        make_photograph(photograph.read_bytes(), "", subject=Subject("none"))


def test_predict_writes_files(toy_run, scan, tmp_path):
    from typer.testing import CliRunner

    from lentigo.cli.app import app

    words = ["predict", scan, "--model", toy_run(), "--json"]
    for kind, name in (("sr", "sr.dcm"), ("seg", "seg.dcm"), ("fhir", "report.json")):
        words += [f"--{kind}", tmp_path / name]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert pydicom.dcmread(tmp_path / "sr.dcm").Modality == "SR"
    assert pydicom.dcmread(tmp_path / "seg.dcm").Modality == "SEG"
    assert json.loads((tmp_path / "report.json").read_text())["resourceType"] == "DiagnosticReport"


def test_to_dicom_writes_what_is_read_again(photograph, tmp_path):
    from typer.testing import CliRunner

    from lentigo.cli.app import app

    words = [
        "data",
        "to-dicom",
        photograph,
        "--out",
        tmp_path / "mole.dcm",
        "--kind",
        "dermoscopic",
        "--json",
    ]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    made = (tmp_path / "mole.dcm").read_bytes()
    assert np.array_equal(decode_image(made, "", None), decode_image(photograph.read_bytes(), "", None))


def validate(path):
    """Errors that dciodvfy finds in a file."""
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    return [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("Error")]


@pytest.mark.check
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dicom3tools")
def test_dciodvfy_finds_no_error(report, refusal, photograph, tmp_path):
    objects = {"sr": report.structured, "seg": report.segmentation, "refused": refusal.structured}
    for kind in KINDS:
        objects[kind] = make_photograph(photograph.read_bytes(), "", kind)
    errors = {}
    for name, dataset in objects.items():
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(encode_object(dataset))
        errors[name] = validate(path)
    assert not any(errors.values()), errors


@pytest.mark.check
@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="needs dcmtk")
def test_dsrdump_reads_well(report, tmp_path):
    path = tmp_path / "sr.dcm"
    path.write_bytes(encode_object(report.structured))
    result = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=True)
    assert "Probability of malignant" in result.stdout and "Research output" in result.stdout


def test_a_dermoscopic_source_is_named_by_its_class(predictor, photograph, tmp_path):
    path = tmp_path / "dermoscopy.dcm"
    path.write_bytes(encode_object(make_photograph(photograph.read_bytes(), "", "dermoscopic")))
    (answer,) = predictor.infer([path])
    made = make_reports(answer, predictor)
    reference = made.segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPClassUID == KINDS["dermoscopic"].sop_class
    evidence = made.structured.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    classes = {item.ReferencedSOPClassUID for series in evidence for item in series.ReferencedSOPSequence}
    assert KINDS["dermoscopic"].sop_class in classes and KINDS["photographic"].sop_class not in classes
    said = str(made.structured)
    assert "Dermoscopy" in said and "External-camera" not in said


ANSWER = Prediction(
    image="scan.dcm",
    label="malignant",
    probability=0.7,
    threshold=0.3,
    in_distribution=True,
    model="toy",
    seconds=0.1,
    warnings=("blurred",),
    shifted=True,
    diagnosis={name: 0.1 + 0.3 * (name == "nevus") for name in DIAGNOSES},
)


def test_every_diagnosis_and_the_likeliest_are_findings():
    findings = list_findings(ANSWER, None)
    said = {number.name[0]: number.value for number in findings.numbers}
    assert {f"p_{name}": share for name, share in ANSWER.diagnosis.items()}.items() <= said.items()
    judged = {evaluation.name[0]: evaluation.value for evaluation in findings.evaluations}
    assert judged["likeliest_diagnosis"] == DIAGNOSES["nevus"] and judged["shifted"] == ANSWERS[True]
    assert "blurred" in findings.remarks


def test_the_reports_on_a_refused_photograph_say_why_and_nothing_else(refusal):
    items = list_items(read_back(refusal.structured))
    assert [item.TextValue for item in items["Comment"]] == [
        RESEARCH_ONLY,
        "Refused, no answer is given: unlike the photographs",
        "blurred",
    ]
    judged = items["Shows a lesion as the model knows them"][0].ConceptCodeSequence[0]
    assert judged.CodeMeaning == "No"
    said = str(refusal.structured) + json.dumps(refusal.fhir)
    for word in ("probability_", "Probability", "decision", "diagnosis", "threshold", "95324001"):
        assert word not in said.replace("not to be used for diagnosis", ""), word
    (observation,) = [kept for kept in refusal.fhir["contained"] if kept["resourceType"] == "Observation"]
    assert observation["code"]["coding"][0]["code"] == "in_distribution"
    assert "no answer is given: unlike the photographs" in refusal.fhir["conclusion"]
    assert refusal.segmentation is None


def test_every_field_of_an_answer_has_its_row_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "hospital.md").read_text(encoding="utf-8")
    table = page.partition("## Where each field stands")[2].partition("## ")[0]
    for field in (*fields(Prediction), *fields(Measures)):
        assert f"`{field.name}`" in table, field.name
