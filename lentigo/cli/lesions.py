"""The commands that find lesions, `lentigo segment` and `lentigo detect`, and the parts of `train` and
`evaluate` that are about masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lentigo.cli.options import Device, Fp32, Json, Model, TestTimeAugmentation
from lentigo.cli.prediction_output import find_inputs, list_readable, print_answers
from lentigo.cli.summary import print_outlines, print_scores
from lentigo.cli.terminal import (
    PAGES,
    Bars,
    emit,
    mute_stderr,
    print_line,
    report_problems,
    require_ending,
    say,
)
from lentigo.common.file_names import spell_controls
from lentigo.errors import UsageError

lesions_app = typer.Typer(rich_markup_mode=None)
Images = Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")]


@dataclass(frozen=True)
class Line:
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
    from lentigo.images.scales import read_scales
    from lentigo.inference.lesions.segmentation import ENDINGS, segment_images
    from lentigo.inference.output_names import name_files
    from lentigo.inference.prediction import Predictor

    if mm_per_pixel is not None and scales is not None:
        raise UsageError("--mm-per-pixel and --scales: expected one of them")
    paths, count = find_inputs(images, whole=True)
    files = name_files(list_readable(paths), out, *ENDINGS)
    predictor = Predictor(model, fp32=fp32, tta=tta, device=device, count=count)
    found = segment_images(predictor, paths, files, read_scales(scales) if scales else mm_per_pixel)
    print_lines(found, describe_lesion, count, as_json)


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
    from lentigo.inference.lesions.detection import ENDING, detect_images
    from lentigo.inference.output_names import name_files
    from lentigo.inference.prediction import Predictor

    paths, count = find_inputs(images, whole=True)
    files = {} if out is None else name_files(list_readable(paths), out, ENDING)
    predictor = Predictor(model, fp32=fp32, device=device, count=count)
    print_lines(detect_images(predictor, paths, files), describe_boxes, count, as_json)


def measure_outlines(
    run: str, data: Path, split: str, out: Path | None, options: dict[str, Any], as_json: bool
) -> None:
    """`lentigo evaluate --masks`: masks and boxes against those drawn by hand; `options` are those of
    `Predictor`.
    """
    from lentigo.common.files import write_text
    from lentigo.evaluation.masks.mask_assessment import evaluate_masks
    from lentigo.evaluation.masks.mask_report import write_mask_report
    from lentigo.inference.prediction import Predictor

    require_ending("--out", out, PAGES, "a report in HTML")
    predictor = Predictor(run, **options)
    with Bars() as bars:
        assessment = evaluate_masks(predictor, data, split=split, progress=bars)
    if as_json:
        emit(assessment.to_json())
    else:
        print_outlines(f"{run}, {assessment.split}", assessment.to_json())
    if out is not None:  # after the answer, which a full disk must not take along
        write_text(out, write_mask_report(predictor, assessment, out.with_suffix("") / "figures"))
        say(f"report: {out}; figures: {out.with_suffix('') / 'figures'}")
    report_problems(assessment.problems)


def train_outlines(data: Path, out: Path, recipe: Any, options: dict[str, Any], as_json: bool) -> None:
    """`lentigo train --masks`: a decoder, and before it a classifier where the manifest has labels and the
    RUN is new; `options` are those of `train_masks`.
    """
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.masks.mask_training import train_masks

    with Bars() as bars:
        training = train_masks(data, out, recipe, **options, progress=bars)
    scores, first = (
        training.validation.to_json(),
        training.classifier and training.classifier.validation.to_json(),
    )
    if as_json:
        emit(
            {
                "run": str(out),
                "masks": scores,
                "validation": first,
                "seconds": training.seconds,
                "problems": [asdict(p) for p in training.problems],
            }
        )
    else:
        if first is not None:
            print_scores(f"{out}, validation", first)
        print_outlines(f"{out}, validation", scores)
        say(f"{training.seconds:.0f} s; figure: {out / 'figures' / 'history_masks.png'}")
    report_problems(training.problems)


def print_lines(
    answers: Iterable[Any], describe: Callable[[Any], str], count: int | None, as_json: bool
) -> None:
    """Prints each answer as it comes, and lists the problems at the end."""
    from lentigo.images.problems import Problem

    lines: list[Any] = []
    stream = (
        (answer if isinstance(answer, Problem) else Line(answer.to_json(), describe(answer)), {})
        for answer in answers
    )
    print_answers(lines, stream, count, as_json, show_line)
    report_problems(lines)


def show_line(line: Any, more: dict[str, Any], as_json: bool) -> None:
    """One line, or a problem as JSON; for people problems come at the end."""
    if as_json:
        emit(line.facts if isinstance(line, Line) else asdict(line))
    elif isinstance(line, Line):
        print_line(line.words)


def describe_lesion(found: Any) -> str:
    """A lesion in a line."""
    if not found.found:
        return f"no lesion found  {spell_controls(found.image)}"
    seen = found.measures
    size = f"{seen.diameter_px:.0f} px" if seen.diameter_mm is None else f"{seen.diameter_mm:.1f} mm"
    shape = (
        ""
        if seen.asymmetry is None
        else f"border {seen.border_irregularity:.2f}, asymmetry {seen.asymmetry:.2f}, "
    )
    cut = " (cut off)" if seen.cut_off else ""
    return f"{size} across{cut}, {seen.area_share:.1%} of the photograph, {shape}{', '.join(seen.colours)}  {spell_controls(found.image)}  {spell_controls(str(found.overlay))}"


def describe_boxes(found: Any) -> str:
    """The lesions of a photograph in lines."""
    names = found.image if found.figure is None else f"{found.image}  {found.figure}"
    head = f"{len(found.spots) or 'no'} lesion{'s' * (len(found.spots) != 1)}  {spell_controls(names)}"
    return "\n".join([head, *(f"  {describe_spot(spot)}" for spot in found.spots)])


def describe_spot(spot: Any) -> str:
    """A box in a line."""
    malignant = (
        "" if spot.malignant_probability is None else f", P(malignant) {spot.malignant_probability:.3f}"
    )
    box = spot.box
    return f"{box.width} x {box.height} at {box.x}, {box.y}: score {spot.score:.2f}{malignant}"
