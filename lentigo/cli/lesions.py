"""`lentigo segment` and `lentigo detect`: where the lesions of a photograph are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer import Option

from lentigo.cli.options import Device, Fp32, Images, Json, Model, TestTimeAugmentation
from lentigo.cli.output.predictions import find_inputs, list_readable, print_predictions
from lentigo.cli.output.terminal import print_json, print_line, report_problems
from lentigo.common.file_names import spell_controls
from lentigo.common.results.summaries import format_count
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.images.problems import Problem
    from lentigo.inference.lesions.detection import DetectedLesion, Detection
    from lentigo.inference.lesions.segmentation import Segmentation

Found = TypeVar("Found", bound="Segmentation | Detection")
lesions_app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True)
class ResultLine:
    """What is printed of a photograph: for machines and for people. What else was found is large, and not
    kept.
    """

    facts: dict[str, Any]
    words: str


@lesions_app.command(epilog="Example: lentigo segment photo.jpg --out masks/ --model runs/first --json")
def segment(
    images: Images,
    out: Annotated[
        Path, Option("--out", help="Folder for a mask (white is lesion) and an outline of each photograph.")
    ],
    model: Model = "bundled",
    mm_per_pixel: Annotated[
        float | None,
        Option("--mm-per-pixel", help="Scale of all the photographs; without one lengths are in pixels."),
    ] = None,
    scales: Annotated[
        Path | None,
        Option(
            "--scales", help="Scale of each: CSV with image (or isic_id) and mm_per_pixel (or pixels_per_mm)."
        ),
    ] = None,
    tta: TestTimeAugmentation = False,
    fp32: Fp32 = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Outlines the lesion of each photograph and measures it: size, border, asymmetry, colours."""
    from lentigo.inference.opening import begin_opening

    if mm_per_pixel is not None and scales is not None:
        raise UsageError("--mm-per-pixel and --scales: expected one of them")
    paths, count = find_inputs(images, whole=True)
    opening = begin_opening(model, fp32=fp32, tta=tta, device=device, count=count)
    # Imported while the graph is opened
    from lentigo.images.measures.scales import read_scales
    from lentigo.inference.lesions.segmentation import ENDINGS, segment_images
    from lentigo.inference.output_names import name_files
    from lentigo.inference.predictor import Predictor

    files = name_files(list_readable(paths), out, *ENDINGS)
    predictor = Predictor(opening)
    scale = mm_per_pixel if scales is None else read_scales(scales)
    lesions = segment_images(predictor, paths, files, scale)
    print_results(lesions, format_lesion, count, as_json)


@lesions_app.command(epilog="Example: lentigo detect back.jpg --model runs/first --out boxes/ --json")
def detect(
    images: Images,
    model: Model = "bundled",
    out: Annotated[Path | None, Option("--out", help="Folder for the photographs with boxes drawn.")] = None,
    fp32: Fp32 = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Finds each lesion of close-ups and of overviews: boxes in pixels of the upright original, with
    P(malignant).
    """
    from lentigo.inference.opening import begin_opening

    paths, count = find_inputs(images, whole=True)
    opening = begin_opening(model, fp32=fp32, device=device, count=count)
    # Imported while the graph is opened
    from lentigo.inference.lesions.detection import ENDING, detect_images
    from lentigo.inference.output_names import name_files
    from lentigo.inference.predictor import Predictor

    files = {} if out is None else name_files(list_readable(paths), out, ENDING)
    predictor = Predictor(opening)
    detections = detect_images(predictor, paths, files)
    print_results(detections, format_detection, count, as_json)


def print_results(
    results: Iterable[Found | Problem],
    format_result: Callable[[Found], str],
    count: int | None,
    as_json: bool,
) -> None:
    """Prints each result as it comes, and lists the problems at the end."""
    collected: list[ResultLine | Problem] = []
    print_predictions(collected, shorten_results(results, format_result), count, as_json, print_result)
    report_problems(collected)


def shorten_results(
    results: Iterable[Found | Problem], format_result: Callable[[Found], str]
) -> Iterator[tuple[ResultLine | Problem, dict[str, Any]]]:
    """The line of each result; problems stay as they are."""
    from lentigo.images.problems import Problem

    for result in results:
        if isinstance(result, Problem):
            yield result, {}
        else:
            yield ResultLine(result.to_json(), format_result(result)), {}


def print_result(result: ResultLine | Problem, added: dict[str, Any], as_json: bool) -> None:
    """One line, or a problem as JSON; for people problems come at the end."""
    if isinstance(result, ResultLine):
        if as_json:
            print_json(result.facts)
        else:
            print_line(result.words)
    elif as_json:
        print_json(asdict(result))


def format_lesion(lesion: Segmentation) -> str:
    """A segmented lesion in a line: size, border, colours, photograph and figure."""
    image = spell_controls(lesion.image)
    measures = lesion.measures
    if measures is None:
        return f"{lesion.describe_absence()}  {image}"
    size = f"{measures.diameter_px:.0f} px"
    if measures.diameter_mm is not None:
        size = f"{measures.diameter_mm:.1f} mm"
    across = f"{size} across"
    if measures.cut_off:
        across += " (cut off)"
    facts = [across, f"{measures.area_share:.1%} of the photograph"]
    if measures.asymmetry is not None:
        facts.append(f"border {measures.border_irregularity:.2f}")
        facts.append(f"asymmetry {measures.asymmetry:.2f}")
    facts.append(", ".join(measures.colours))
    return f"{', '.join(facts)}  {image}  {spell_controls(str(lesion.overlay))}"


def format_detection(detection: Detection) -> str:
    """The lesions of a photograph in lines: their number, then one for each."""
    names = detection.image
    if detection.figure_file is not None:
        names = f"{detection.image}  {detection.figure_file}"
    number = "no lesions"
    if detection.lesions:
        number = format_count(len(detection.lesions), "lesion")
    lines = [f"{number}  {spell_controls(names)}"]
    for spot in detection.lesions:
        lines.append(f"  {format_spot(spot)}")
    return "\n".join(lines)


def format_spot(spot: DetectedLesion) -> str:
    """A box in a line."""
    box = spot.box
    words = f"{box.width} x {box.height} at {box.x}, {box.y}: score {spot.score:.2f}"
    if spot.malignant_probability is not None:
        words += f", P(malignant) {spot.malignant_probability:.3f}"
    return words
