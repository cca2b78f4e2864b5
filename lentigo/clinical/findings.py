"""What is said of one photograph, as the rows of a report: the same rows in DICOM and in FHIR."""

from __future__ import annotations

from dataclasses import dataclass

from lentigo.clinical.codes import (
    ANSWERS,
    AREA,
    AREA_SHARE,
    DECISION,
    DIAGNOSES,
    DIAMETER,
    IN_DISTRIBUTION,
    LABELS,
    LIKELIEST,
    MILLIMETRE,
    NO_UNIT,
    PIXEL,
    PROBABILITY,
    RESEARCH_ONLY,
    SHIFTED,
    SQUARE_MILLIMETRE,
    THRESHOLD,
    Code,
    name_diagnosis_probability,
)
from lentigo.inference.lesions.measures import Measures
from lentigo.inference.results import Prediction

NO_ANSWER = "Refused, no answer is given"


@dataclass(frozen=True)
class Number:
    """A measured value.

    Attributes:
        name: what was measured.
        value: how much.
        unit: a UCUM code.
    """

    name: Code
    value: float
    unit: Code


@dataclass(frozen=True)
class Evaluation:
    """A judgement.

    Attributes:
        name: what was judged.
        value: the judgement.
    """

    name: Code
    value: Code


@dataclass(frozen=True)
class Findings:
    """The rows of a report on one photograph.

    Attributes:
        numbers: probabilities, the threshold, measures of the lesion.
        evaluations: the decision, the likeliest diagnosis, what the model knows.
        remarks: sentences; the first says that this is research output.
        model: the model's name.
        is_refused: whether the photograph shows no lesion: then nothing is said of one.
    """

    numbers: tuple[Number, ...]
    evaluations: tuple[Evaluation, ...]
    remarks: tuple[str, ...]
    model: str
    is_refused: bool = False


def list_findings(prediction: Prediction, measures: Measures | None) -> Findings:
    """The rows of a report. One on a refused photograph says that there is no answer, and why: a probability
    or a decision would be read as one.

    Args:
        prediction: what the model says.
        measures: of the lesion; None where none was found, or none was looked for.

    Returns:
        The rows, in the order in which they are read.
    """
    if prediction.is_refused:
        return refuse(prediction)
    numbers = [
        Number(PROBABILITY, prediction.probability, NO_UNIT),
        Number(THRESHOLD, prediction.threshold, NO_UNIT),
    ]
    evaluations = [
        Evaluation(DECISION, LABELS[prediction.label]),
        Evaluation(IN_DISTRIBUTION, ANSWERS[prediction.in_distribution]),
        Evaluation(SHIFTED, ANSWERS[prediction.shifted]),
    ]
    if prediction.likeliest:
        evaluations.append(Evaluation(LIKELIEST, DIAGNOSES[prediction.likeliest]))
    for name, share in (prediction.diagnosis or {}).items():
        numbers.append(Number(name_diagnosis_probability(name), share, NO_UNIT))
    if measures is not None:
        numbers += list_measures(measures)
    remarks = [RESEARCH_ONLY]
    if prediction.reason:
        # Why there is no decision stands before other warnings
        remarks.append(f"No decision: {prediction.reason}")
    remarks += prediction.warnings
    return Findings(tuple(numbers), tuple(evaluations), tuple(remarks), prediction.model)


def refuse(prediction: Prediction) -> Findings:
    """The rows of a report on a photograph that shows no lesion."""
    evaluations = (Evaluation(IN_DISTRIBUTION, ANSWERS[False]),)
    remarks = (RESEARCH_ONLY, f"{NO_ANSWER}: {prediction.reason}", *prediction.warnings)
    return Findings((), evaluations, remarks, prediction.model, is_refused=True)


def list_measures(measures: Measures) -> list[Number]:
    """Area and diameter of a lesion, in millimetres where the scale is known, else in pixels."""
    numbers = [Number(AREA_SHARE, measures.area_share, NO_UNIT)]
    if measures.area_mm2 is None or measures.diameter_mm is None:
        numbers.append(Number(AREA, measures.area_px, PIXEL))
        numbers.append(Number(DIAMETER, measures.diameter_px, PIXEL))
    else:
        numbers.append(Number(AREA, measures.area_mm2, SQUARE_MILLIMETRE))
        numbers.append(Number(DIAMETER, measures.diameter_mm, MILLIMETRE))
    return numbers
