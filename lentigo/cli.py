"""The command line: each command parses, makes one call and prints. People's output goes to stderr with --json."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from lentigo import __version__
from lentigo.errors import LentigoError, explain_missing
from lentigo.options import Device, Exact, Flips, Json, Model, OperatingPoint, Risk, recipe_options
from lentigo.terminal import Bars, emit, mute_stderr, print_columns, say

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Train, evaluate and use a benign/malignant classifier for photographs of skin lesions. "
                       "A research tool, not a medical device.")  # fmt: skip
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at photographs, split them, draw synthetic ones.")
app.add_typer(data_app, name="data")

FAILED_INPUTS = 3


def main() -> None:
    """Runs the command line; errors that a user can cause become one line and an exit code."""
    try:
        app()
    except LentigoError as error:
        print(f"lentigo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        missing = explain_missing(error, sys.argv[1])
        if missing is None:
            raise
        print(f"lentigo: {missing}", file=sys.stderr)
        sys.exit(missing.exit_code)
    except KeyboardInterrupt:
        print("lentigo: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # whoever read stdout has left
        sys.stderr.close()
        sys.exit(0)


def report_problems(problems: Iterable[Any]) -> None:
    """Lists what could not be used, and ends with exit code 3 where there was any."""
    problems = list(problems)
    if problems:
        say(f"{len(problems)} left out:")
        for problem in problems:
            say(f"  {problem.image}: {problem.error}")
        raise typer.Exit(FAILED_INPUTS)


@app.command(epilog="Example: lentigo train photos/ --out runs/first --recipe seed")
@recipe_options
def train(
    data: Annotated[Path, Argument(help="Class folders, split folders, a manifest or an archive folder.")],
    out: Annotated[Path, Option("--out", help="The RUN folder to be made.")],
    recipe: Annotated[str, Option("--recipe", help="best or seed.")] = "best",
    weights: Annotated[str, Option("--weights", help="Of the backbone: imagenet, none or a file.")] = "imagenet",
    resume: Annotated[bool, Option("--resume", help="Go on with an unfinished RUN.")] = False,
    exact: Exact = False,
    as_json: Json = False,
    **changes: Any,
) -> None:
    """Trains a classifier; the test split is never read."""
    from lentigo.training.recipes import find_recipe

    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.trainer import train as run

    with Bars() as bars:
        training = run(data, out, find_recipe(recipe, **changes), weights=weights, resume=resume, exact=exact, progress=bars)
    scores = training.validation.to_json()
    if as_json:
        emit({"run": str(out), "validation": scores, "seconds": training.seconds, "problems": [dataclasses.asdict(p) for p in training.problems]})
    else:
        print_scores(f"{out}, validation", scores)
        say(f"{training.seconds:.0f} s; report: {out / 'report.html'}; figures: {out / 'figures'}")
    report_problems(training.problems)


@app.command(epilog="Example: lentigo evaluate runs/first photos/ --split test --out report.html")
def evaluate(
    run: Annotated[str, Argument(help="A RUN folder, or 'bundled'.")],
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    split: Annotated[str, Option("--split", help="train, validation, test or all; data without splits are all taken.")] = "test",
    out: Annotated[Path | None, Option("--out", help="Writes a report (HTML), its figures beside it.")] = None,
    operating_point: OperatingPoint = None,
    risk: Risk = None,
    flips: Flips = False,
    exact: Exact = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Measures a model, with 95 % intervals. Each call is one look at the set, and is counted."""
    from lentigo.data.files import write_text
    from lentigo.evaluation.assessment import evaluate as measure
    from lentigo.evaluation.report import write_report
    from lentigo.inference.prediction import Predictor

    predictor = Predictor(run, flips=flips, exact=exact, device=device, operating_point=operating_point, risk=risk)
    with Bars() as bars:
        assessment = measure(predictor, data, split=split, progress=bars)
    if out is not None:
        write_text(out, write_report(predictor.bundle, assessment, out.with_suffix("") / "figures"))
        say(f"report: {out}; figures: {out.with_suffix('') / 'figures'}")
    if as_json:
        emit(assessment.to_json())
    else:
        print_scores(f"{run}, {split}", assessment.to_json())
    report_problems(assessment.problems)


def print_scores(title: str, scores: dict[str, Any]) -> None:
    """Metrics with their intervals, and the confusion matrix, as text."""
    print(f"{title}: {scores['n']} photographs, {scores['n_malignant']} malignant")
    for name, (low, high) in scores["ci"].items():
        value = scores[name]
        print(f"  {name.replace('_', ' '):<31}" + (f"{value:.4f}  ({low:.4f} to {high:.4f})" if value is not None else "not defined (one class is missing)"))
    (tn, fp), (fn, tp) = scores["confusion"]
    print(f"  at the threshold {scores['threshold']:.3f}: {tp} malignant found, {fn} missed; {tn} benign cleared, {fp} called malignant")
    if scores["times_test_opened"]:
        print(f"  this set has been opened {scores['times_test_opened']} time(s) on this machine")


@app.command(epilog="Example: lentigo predict photo.jpg --model runs/first --json")
def predict(
    images: Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")],
    model: Model = "bundled",
    figures: Annotated[Path | None, Option("--explain", help="Draws into this folder what speaks for malignant and what against.")] = None,
    csv_file: Annotated[Path | None, Option("--csv", help="Writes the answers as a table too.")] = None,
    operating_point: OperatingPoint = None,
    risk: Risk = None,
    flips: Flips = False,
    exact: Exact = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Says what a model thinks of photographs."""
    from lentigo.data.photos import Problem
    from lentigo.inference.prediction import Predictor, gather_photos

    paths, problems = gather_photos(read_names(images))
    predictor = Predictor(model, exact=exact, flips=flips, device=device, count=len(paths), operating_point=operating_point, risk=risk)
    stream = ((answer, {}) for answer in predictor.predict(paths)) if figures is None else draw_answers(predictor, paths, figures)
    answers = print_answers(problems, stream, len(paths), as_json)
    if csv_file is not None:
        write_answers(csv_file, [a for a in answers if not isinstance(a, Problem)])
    report_problems(a for a in answers if isinstance(a, Problem))


@app.command(epilog="Example: lentigo explain photo.jpg --model runs/first --out heat.png")
def explain(
    images: Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")],
    out: Annotated[Path, Option("--out", help="A name ending in .png for one photograph, else a folder.")],
    model: Model = "bundled",
    exact: Exact = False,
    as_json: Json = False,
) -> None:
    """Draws what in a photograph speaks for malignant, and what against."""
    from lentigo.data.photos import Problem
    from lentigo.inference.prediction import Predictor, gather_photos

    paths, problems = gather_photos(read_names(images))
    predictor = Predictor(model, exact=exact, count=len(paths))
    answers = print_answers(problems, draw_answers(predictor, paths, out, heatmaps=True), len(paths), as_json)
    report_problems(a for a in answers if isinstance(a, Problem))


def draw_answers(predictor: Any, paths: list[Path], out: Path, *, heatmaps: bool = False) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Predictions and problems, each with what its explanation adds to the JSON; figures are drawn on the way."""
    from lentigo.inference.explanation import Explanation, explain_photos, name_figures

    def describe(answer: Explanation) -> dict[str, Any]:
        return {"figure": str(answer.figure)} | ({"heatmap": answer.heatmap.tolist()} if heatmaps else {})

    answers = explain_photos(predictor, paths, name_figures(paths, out))
    return ((a.prediction, describe(a)) if isinstance(a, Explanation) else (a, {}) for a in answers)


def print_answers(problems: list[Any], stream: Iterable[tuple[Any, dict[str, Any]]], total: int, as_json: bool) -> list[Any]:
    """Prints answers as they come, and gives the predictions and problems back: they are small, whatever else came with them is not."""
    from lentigo.data.photos import Problem

    answers = []
    with Bars() as bars:
        for answer, more in chain(((p, {}) for p in problems), bars(stream, total=total, label="photographs")):
            answers.append(answer)
            if as_json:
                emit(dataclasses.asdict(answer) | more)
            elif not isinstance(answer, Problem):
                print(f"{answer.label:<10} {answer.probability:.3f}  {answer.image}", *([more["figure"]] if more else []), answer.reason, sep="  ")
    return answers


def read_names(images: Iterable[str]) -> Iterator[str]:
    """The names given, '-' replaced by the lines of standard input."""
    for name in images:
        if name == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield name


def write_answers(path: Path, answers: list[Any]) -> None:
    """Predictions as CSV."""
    from lentigo.data.files import write_whole
    from lentigo.inference.prediction import Prediction

    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Prediction)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(answer) for answer in answers)


@app.command(epilog="Example: lentigo export runs/first --format litert --out lesions.tflite")
def export(
    run: Annotated[str, Argument(help="A RUN folder, or 'bundled'.")],
    format: Annotated[str, Option("--format", help="onnx, openvino, litert or savedmodel.")],
    out: Annotated[Path, Option("--out", help="A file with the format's suffix (.onnx, .xml, .tflite), or a folder to be made.")],
    int8: Annotated[bool, Option("--int8", help="Quantise (openvino); kept in the RUN too, refused where it costs over 0.005 of AUROC.")] = False,
    as_json: Json = False,
) -> None:
    """Writes a RUN for another runtime, and compares its answers with the RUN's on photographs."""
    from lentigo.inference.prediction import find_model

    with mute_stderr():  # converters talk
        from lentigo.models.export import export as run_export

        artefact = run_export(find_model(run), format, out, int8=int8)
    if as_json:
        return emit(artefact.to_json())
    reference = "fp32" if int8 else "model.keras"
    print(f"{artefact.path}: {artefact.format}, {artefact.megabytes:.1f} MB; "
          f"largest difference of P(malignant) from {reference}: {artefact.largest_difference:.1e} on {artefact.photographs} photographs")  # fmt: skip
    if artefact.int8 is not None:
        print(f"validation AUROC: fp32 {artefact.int8.auroc_before:.4f}, int8 {artefact.int8.auroc_after:.4f}, "
              "lost {:.4f} ({:.4f} to {:.4f})".format(artefact.int8.loss, *artefact.int8.ci_loss))  # fmt: skip


@app.command(epilog="Example: lentigo bench photos/ --model runs/first")
def bench(
    images: Annotated[list[str], Argument(help="Photographs or folders to measure with; a few hundred are enough.")],
    model: Model = "bundled",
    keras: Annotated[bool, Option("--keras/--no-keras", help="Compare with Keras where it is installed.")] = True,
    as_json: Json = False,
) -> None:
    """Measures how fast this machine answers: rates, one photograph, a cold start, beside Keras and the processor's limit."""
    from lentigo.inference.benchmark import measure_machine
    from lentigo.inference.prediction import find_model, gather_photos

    paths, problems = gather_photos(images)
    with Bars() as bars, mute_stderr() if keras else nullcontext():
        result = measure_machine(find_model(model), paths, keras=keras, progress=bars)
    if as_json:
        emit(result.to_json())
    else:
        print_columns(*result.tabulate_rates())
        print_columns(*result.tabulate_times())
    report_problems(problems)


@data_app.command("info", epilog="Example: lentigo data info photos/ --out figures/")
def data_info(
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    out: Annotated[Path | None, Option("--out", help="Folder for two pictures: samples and counts.")] = None,
    as_json: Json = False,
) -> None:
    """Counts by split and class, sizes, groups."""
    from lentigo.data.description import describe_dataset, draw_counts, draw_samples
    from lentigo.data.manifests import load_dataset

    dataset = load_dataset(data)
    with Bars() as bars:
        description = describe_dataset(dataset, progress=bars)
    if as_json:
        emit(description.to_json())
    else:
        print(f"{description.name}: {description.n} photographs in {description.groups} groups (patient, lesion or file)")
        print(description.counts.to_string())
        print("sizes:", ", ".join(f"{size} ({count})" for size, count in list(description.sizes.items())[:5]))
    if out is not None:
        say(draw_samples(dataset, out / "samples.png"), draw_counts(description, out / "counts.png"))
    report_problems(description.problems)


@data_app.command("synth", epilog="Example: lentigo data synth --out phantoms/ --count 100")
def data_synth(
    out: Annotated[Path, Option("--out", help="The folder to be written.")],
    count: Annotated[int, Option("--count", help="Phantoms of each class.")] = 100,
    seed: Annotated[int, Option("--seed", help="Decides what is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Draws synthetic lesions with masks, for a try without photographs."""
    from lentigo.data.phantoms import write_phantoms

    with Bars() as bars:
        table = write_phantoms(out, count, seed=seed, progress=bars)
    if as_json:
        emit({"out": str(out), "n": len(table), "manifest": str(out / "manifest.csv")})
    else:
        print(f"{out}: {len(table)} phantoms, {out / 'manifest.csv'}")


@app.command(epilog="Example: lentigo info --json")
def info(as_json: Json = False) -> None:
    """This version of Lentigo, its backbones and recipes."""
    from lentigo.data.files import cache_folder
    from lentigo.evaluation.ledger import ledger_path
    from lentigo.models.backbones import BACKBONES
    from lentigo.training.recipes import RECIPES

    facts = {
        "lentigo": __version__, "backbones": list(BACKBONES), "recipes": {name: dataclasses.asdict(r) for name, r in RECIPES.items()},
        "cache": str(cache_folder()), "ledger": str(ledger_path()), "bundled": None,
    }  # fmt: skip
    if as_json:
        emit(facts)
    else:
        print(f"lentigo {__version__}\nbackbones: {', '.join(BACKBONES)}\nrecipes: {', '.join(RECIPES)}\ncache: {cache_folder()}\nledger: {ledger_path()}")
