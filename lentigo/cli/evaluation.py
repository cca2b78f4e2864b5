"""`lentigo evaluate`: a classifier, or a mask decoder, on labelled photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from lentigo.cli.options import (
    Alpha,
    Device,
    Fp32,
    Json,
    OperatingPoint,
    Run,
    TestTimeAugmentation,
    load_data,
    load_mask_pairs,
    refuse_beside,
    table_options,
)
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.evaluations import print_limits, print_mask_scores, print_scores
from lentigo.cli.output.terminal import (
    PAGE_SUFFIXES,
    print_json,
    print_message,
    report_problems,
    require_ending,
)

if TYPE_CHECKING:
    from lentigo.datasets.masks import MaskSet
    from lentigo.datasets.tables.options import TableOptions
    from lentigo.inference.predictor import Predictor

evaluation_app = typer.Typer(rich_markup_mode=None)


@evaluation_app.command(epilog="Example: lentigo evaluate runs/first photos/ --split test --out report.html")
@table_options
def evaluate(
    run: Run,
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    split: Annotated[
        str, Option("--split", help="train, validation, test or all; data without splits are all taken.")
    ] = "test",
    out: Annotated[
        Path | None, Option("--out", help="Writes a report (HTML), its figures beside it.")
    ] = None,
    stress: Annotated[
        bool,
        Option(
            "--stress",
            help="Asks again about blurred, turned, tinted, inked ... photographs (twenty times the work).",
        ),
    ] = False,
    duplicates: Annotated[
        bool,
        Option(
            "--duplicates/--no-duplicates",
            help="Looks for photographs that show the same picture, those of the training among them where "
            "their files still are.",
        ),
    ] = True,
    against: Annotated[
        str | None,
        Option("--against", help="Another RUN, asked about the same photographs: is the difference luck?"),
    ] = None,
    masks: Annotated[
        bool,
        Option(
            "--masks", help="DATA is a manifest of photographs and masks (image,mask): measures the decoder."
        ),
    ] = False,
    operating_point: OperatingPoint = None,
    alpha: Alpha = None,
    tta: TestTimeAugmentation = False,
    fp32: Fp32 = False,
    device: Device = "cpu",
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Measures a model, with 95 % intervals. Each call is one look at the set, and is counted."""
    require_ending("--out", out, PAGE_SUFFIXES, "a report in HTML")
    from lentigo.common.files import write_text
    from lentigo.evaluation.analysis import analyse
    from lentigo.evaluation.assessment import evaluate as measure
    from lentigo.evaluation.report import write_report
    from lentigo.inference.predictor import Predictor

    if masks:
        others = {
            "--stress": stress,
            "--against": against is not None,
            "--operating-point": operating_point is not None,
            "--alpha": alpha is not None,
        }
        refuse_beside("--masks", others)
    predictor = Predictor(
        run, tta=tta, fp32=fp32, device=device, operating_point=operating_point, alpha=alpha
    )
    if masks:
        return evaluate_decoder(predictor, run, load_mask_pairs(data, columns), split, out, as_json)
    other = None
    if against is not None:
        other = Predictor(against, tta=tta, fp32=fp32, device=device)
    with Bars() as bars:
        dataset = load_data(data, columns)
        assessment = measure(predictor, dataset, split=split, duplicates=duplicates, progress=bars)
        analysis = analyse(predictor, assessment, stress=stress, against=other, progress=bars)
    facts = assessment.to_json() | analysis.to_json()
    if as_json:
        print_json(facts)
    else:
        print_scores(f"{run}, {assessment.split}", assessment.to_json())
        print_limits(facts)
    if out is not None:  # after the results, which a full disk must not take along
        figures = out.with_suffix("") / "figures"
        write_text(out, write_report(predictor.bundle, assessment, figures, closer=(predictor, analysis)))
        print_message(f"report: {out}; figures: {figures}")
    report_problems(assessment.problems)


def evaluate_decoder(
    predictor: Predictor, run: str, data: Path | MaskSet, split: str, out: Path | None, as_json: bool
) -> None:
    """`lentigo evaluate --masks`: masks and boxes against those drawn by hand.

    Args:
        predictor: The RUN.
        run: Its name as it was given.
        data: Photographs and their masks.
        split: Which of them.
        out: The report; None for none.
        as_json: Whether machines read the answer.
    """
    from lentigo.common.files import write_text
    from lentigo.evaluation.masks.mask_assessment import evaluate_masks
    from lentigo.evaluation.masks.mask_report import write_mask_report

    with Bars() as bars:
        assessment = evaluate_masks(predictor, data, split=split, progress=bars)
    if as_json:
        print_json(assessment.to_json())
    else:
        print_mask_scores(f"{run}, {assessment.split}", assessment.to_json())
    if out is not None:  # after the results, which a full disk must not take along
        figures = out.with_suffix("") / "figures"
        write_text(out, write_mask_report(predictor, assessment, figures))
        print_message(f"report: {out}; figures: {figures}")
    report_problems(assessment.problems)
