"""`lentigo predict` and `lentigo explain`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from lentigo.cli.hospital.reports import (
    FhirReport,
    SegmentationFile,
    StructuredReport,
    StudyUid,
    choose_output,
    predict_reports,
)
from lentigo.cli.options import (
    Alpha,
    Device,
    Fp32,
    Images,
    Json,
    Model,
    OnCluster,
    OperatingPoint,
    TestTimeAugmentation,
)
from lentigo.cli.output.evaluations import format_predictive_values
from lentigo.cli.output.predictions import (
    Answer,
    PredictionRecord,
    draw_explanations,
    find_inputs,
    list_readable,
    open_cluster,
    print_predictions,
)
from lentigo.cli.output.terminal import (
    FAILED_INPUTS,
    TABLE_SUFFIXES,
    print_message,
    print_problems,
    report_problems,
    require_ending,
)
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.images.problems import Problem
    from lentigo.inference.prediction_settings import SettingFields
    from lentigo.inference.predictor import Predictor
    from lentigo.inference.results import Prediction
    from lentigo.inference.similarity.case_search import CaseSearch

prediction_app = typer.Typer(rich_markup_mode=None)


@prediction_app.command(epilog="Example: lentigo predict photo.jpg --model runs/first --json")
def predict(
    images: Images,
    model: Model = "bundled",
    figures: Annotated[
        Path | None,
        Option("--explain", help="Draws into this folder what speaks for malignant and what against."),
    ] = None,
    csv_file: Annotated[Path | None, Option("--csv", help="Writes the answers as a table too.")] = None,
    prevalence: Annotated[
        float | None,
        Option("--prevalence", help="Share of malignant lesions where the model is used, such as 0.02."),
    ] = None,
    operating_point: OperatingPoint = None,
    alpha: Alpha = None,
    similar: Annotated[
        int, Option("--similar", help="Known lesions of an index that are shown beside each photograph.")
    ] = 0,
    index: Annotated[
        Path | None, Option("--index", help="Folder of known lesions, made by `lentigo index`.")
    ] = None,
    patient: Annotated[
        str, Option("--patient", help="Of the photographs: known lesions of this patient_id are left out.")
    ] = "",
    tta: TestTimeAugmentation = False,
    fp32: Fp32 = False,
    device: Device = "cpu",
    cluster: OnCluster = None,
    sr: StructuredReport = None,
    seg: SegmentationFile = None,
    fhir: FhirReport = None,
    study_uid: StudyUid = "",
    as_json: Json = False,
) -> None:
    """Says what a model thinks of photographs."""
    from lentigo.inference.opening import begin_opening

    require_ending("--csv", csv_file, TABLE_SUFFIXES, "a table as text (CSV)")
    clinical = choose_output(sr, seg, fhir, study_uid)
    has_clinical = clinical is not None
    has_figures = figures is not None
    has_index = index is not None
    refuse_combinations(cluster, device, has_clinical, has_figures, has_index)
    # Files are named before the first photograph, so that no two have one name
    paths, count = find_inputs(images, whole=has_figures or has_clinical)
    settings: SettingFields = {
        "fp32": fp32,
        "tta": tta,
        "device": device,
        "operating_point": operating_point,
        "alpha": alpha,
        "prevalence": prevalence,
        "explained": has_clinical or has_figures or has_index,
    }
    opening = begin_opening(model, count=count, **settings)
    # Imported while the graph is opened
    from lentigo.inference.predictor import Predictor
    from lentigo.inference.similarity.case_search import open_search

    # The predictor before the index: an index is of one model, and is held against it
    predictor = Predictor(opening)
    search = open_search(predictor.bundle, similar, index, patient)
    # On stderr, before the first prediction: whoever pipes the output sees them too
    print_caveats(predictor)
    more_columns = () if search is None else ("similar",)
    with PredictionRecord(csv_file, more_columns) as record, open_cluster(cluster) as joined:
        stream: Iterable[Answer]
        if joined is not None:
            from lentigo.inference.distributed import predict_on

            stream = add_nothing(predict_on(joined, predictor.bundle, paths, count=count, **settings))
        elif clinical is not None:
            stream = predict_reports(predictor, paths, clinical)
        elif figures is not None:
            stream = draw_explanations(predictor, paths, figures)
        elif search is not None:
            stream = add_nothing(find_similar_cases(predictor, paths, search))
        else:
            stream = add_nothing(predictor.predict(paths))
        print_predictions(record, stream, count, as_json)
    end_predictions(record)


def refuse_combinations(
    cluster: str | None, device: str, has_clinical: bool, has_figures: bool, has_index: bool
) -> None:
    """Raises `UsageError` for options of `predict` that do not go together."""
    if has_clinical and (cluster is not None or has_figures):
        raise UsageError("--sr, --seg and --fhir go with neither --cluster nor --explain; leave one out")
    if cluster is not None and (has_figures or device != "cpu"):
        raise UsageError(
            "--cluster: expected neither --explain nor --device; figures are drawn and other devices asked "
            "on one machine"
        )
    if has_index and (cluster is not None or has_figures or has_clinical):
        raise UsageError("--index goes with none of --cluster, --explain, --sr, --seg, --fhir; leave one out")


def print_caveats(predictor: Predictor) -> None:
    """What a reader of predictions should know of a model beforehand: that its training leaked, and what its
    answers are worth at the prevalence that was asked for.
    """
    from lentigo.splits.leak_words import mark_leaks

    leak_mark = mark_leaks(predictor.bundle.card)
    if leak_mark:
        print_message(leak_mark)
    if predictor.decider.prevalence is not None:
        print_message(format_predictive_values(predictor.decider.estimate_values()))


def find_similar_cases(
    predictor: Predictor, images: Iterable[str | Problem], search: CaseSearch
) -> Iterator[Prediction | Problem]:
    """Predictions with similar cases."""
    from lentigo.inference.prediction import show_result

    predictor.require_classifier()
    for result in predictor.infer(images):
        yield show_result(result, search=search)


def add_nothing(predictions: Iterable[Prediction | Problem]) -> Iterator[Answer]:
    """Predictions beside which nothing goes into the JSON."""
    for prediction in predictions:
        yield prediction, {}


def end_predictions(record: PredictionRecord) -> None:
    """The problems, the summary, and the exit code where there were problems."""
    # Listed at the end: among thousands of lines they would not be seen
    if record.problems:
        print_problems(record.problems)
    record.print_summary()
    if record.problems:
        raise typer.Exit(FAILED_INPUTS)


@prediction_app.command(epilog="Example: lentigo explain photo.jpg --model runs/first --out heat.png")
def explain(
    images: Images,
    out: Annotated[
        Path | None,
        Option(
            "--out",
            help="A name ending in .png for one photograph, else a folder; without it NAME_explained.png or "
            "the folder explained/ where you are, and with --json nothing is drawn.",
        ),
    ] = None,
    model: Model = "bundled",
    fp32: Fp32 = False,
    as_json: Json = False,
) -> None:
    """Draws what in a photograph speaks for malignant, and what against."""
    from lentigo.inference.opening import begin_opening

    paths, count = find_inputs(images, whole=True)
    opening = begin_opening(model, fp32=fp32, count=count)
    # Imported while the graph is opened
    from lentigo.inference.predictor import Predictor

    # With --json the answer is the map itself, and nothing is drawn unless it is asked for
    if out is None and not as_json:
        out = name_explanation(list_readable(paths))
    predictor = Predictor(opening)
    predictions: list[Prediction | Problem] = []
    stream = draw_explanations(predictor, paths, out, heatmaps=True)
    print_predictions(predictions, stream, count, as_json)
    report_problems(predictions)


def name_explanation(images: list[str]) -> Path:
    """Where the figures go unless somebody says so: a file of a name of its own for one photograph, a folder
    for several.
    """
    if len(images) == 1:
        return Path(f"{Path(images[0]).stem}_explained.png")
    return Path("explained")
