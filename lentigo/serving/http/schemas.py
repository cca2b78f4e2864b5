"""Schemas: what goes in and comes out, as OpenAPI describes it. The JSON itself is written by
`lentigo.serving.predictions.record_json`; tests hold the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Label = Literal["benign", "malignant", "uncertain"]
Share = Annotated[float, Field(ge=0, le=1)]
Id = Annotated[str, Field(examples=["0b0e6e4e-3c5e-4c39-9b0c-6f8f5d9b8a51"])]
LINE = r"^[^\x00-\x1f\x7f]*$"  # no control characters
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=LINE)]


class Problem(BaseModel):
    """RFC 9457. `type` names the kind for programs, `detail` says it to people, `instance` is the request's
    id in the log.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:lentigo:problem:busy",
                    "title": "The service is busy",
                    "status": 503,
                    "detail": "128 photographs wait already; try again",
                    "instance": "urn:uuid:7d1f0e9a-6a53-4f3b-a1f5-3a2b8cf0f0ab",
                }
            ]
        },
    )
    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None


class ImageProblem(BaseModel):
    """Why the photograph at `position` among those sent could not be answered."""

    type: str
    title: str
    status: int
    detail: str
    position: int


class Review(BaseModel):
    """A reader's own verdict; the last one counts."""

    created: datetime
    who: str
    verdict: Label
    note: str


class Verdict(BaseModel):
    """What a reader sends."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"verdict": "benign", "note": "seborrhoeic keratosis"}]},
    )
    verdict: Label
    note: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")] = ""


class Measures(BaseModel):
    """Of the lesion: pixels (`_px`) are those of the upright photograph, millimetres are null where no scale
    was sent; see docs/segmentation.md.
    """

    area_px: float
    area_share: Share
    area_mm2: float | None
    diameter_px: float
    diameter_mm: float | None
    border_irregularity: float | None
    asymmetry: float | None
    asymmetry_axes: list[float] | None
    colours: list[str]
    colour_spread: float
    cut_off: bool


class SimilarCase(BaseModel):
    """A known lesion that is near a photograph. `similarity` is the cosine of the angle between both
    embeddings; `sha256` names its photograph, see `GET /v1/cases/{sha256}/thumbnail`.
    """

    sha256: str
    label: Label
    diagnosis: str
    similarity: float
    source: str
    license: str


class Prediction(BaseModel):
    """What the model says of one photograph. `probability` is P(malignant), calibrated; `heatmap` what each
    cell of a grid over the photograph adds to the logit; `heatmap_centres` what its columns, and its rows,
    look at, as shares of the side; `outline` polygons (x, y) in pixels of the upright photograph; `similar`
    the nearest known lesions, none for a refused photograph, null where the service had no index."""

    id: Id
    created: datetime
    position: int
    model: str
    model_sha256: str
    sha256: str
    width: int
    height: int
    lesion: str | None
    taken: datetime | None
    label: Label
    probability: Share
    threshold: Share
    in_distribution: bool | None
    shifted: bool | None
    diagnosis: dict[str, Share] | None
    reason: str
    warnings: list[str]
    seconds: float
    measures: Measures | None
    heatmap: list[list[float]] | None
    heatmap_centres: list[float] | None
    outline: list[list[list[float]]] | None
    similar: list[SimilarCase] | None
    kept: bool
    review: Review | None


class Predictions(BaseModel):
    """The predictions, and beside them the photographs that have none; both in the order sent."""

    predictions: list[Prediction]
    problems: list[ImageProblem]


class PredictionPage(BaseModel):
    """Some predictions, newest first, and the cursor of the next page; null on the last."""

    predictions: list[Prediction]
    next: str | None


class NewLesion(BaseModel):
    """A spot that will be looked at again. `name` is a pseudonym: not the patient's name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "P017-3", "site": "left forearm"}]}
    )
    name: Name
    site: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=LINE)] = ""


class Lesion(BaseModel):
    """A spot and how many photographs there are of it."""

    id: Id
    created: datetime
    name: str
    site: str
    count: int


class LesionPage(BaseModel):
    """Some lesions, newest first, and the cursor of the next page; null on the last."""

    lesions: list[Lesion]
    next: str | None


class Change(BaseModel):
    """From one photograph of a lesion to the next. Areas are compared where both photographs have a scale,
    and nothing is compared with a photograph that was refused: null stands there.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    from_: Id = Field(alias="from")
    to: Id
    days: int
    area_ratio: float | None
    area_mm2: float | None
    probability: float | None


class LesionHistory(Lesion):
    """A lesion with its predictions, oldest first, and what changed from each to the next."""

    predictions: list[Prediction]
    changes: list[Change]


class KnownCases(BaseModel):
    """The index of known lesions: counts by diagnosis and by licence, "" for those not known."""

    data: str
    n: int
    n_malignant: int
    diagnoses: dict[str, int]
    licenses: dict[str, int]


class Model(BaseModel):
    """The facts of a model's card; `GET /v1/models/card` gives the whole card."""

    name: str
    model_sha256: str
    licence: str | None
    disclaimer: str
    not_for: list[str]
    architecture: str | None
    threshold: float
    threshold_rule: str
    prevalence: float | None
    calibration: dict[str, Any]
    refusal: dict[str, Any]
    metrics: dict[str, Any]
    test: dict[str, Any] | None
    known_cases: KnownCases | None


class Models(BaseModel):
    """The model that answers."""

    models: list[Model]


class Event(BaseModel):
    """A line of the audit trail."""

    number: int
    created: datetime
    who: str
    action: str
    subject: str


class EventPage(BaseModel):
    """Some lines of the audit trail, newest first, and the cursor of the next page; null on the last."""

    events: list[Event]
    next: str | None


class State(BaseModel):
    """How the service is."""

    status: str
