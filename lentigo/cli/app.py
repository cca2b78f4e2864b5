"""The command line: each command parses, makes one call and prints. People's output goes to stderr with
--json.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from lentigo._version import __version__
from lentigo.cli.completion import HELP as COMPLETION_HELP
from lentigo.cli.completion import complete, find_completion
from lentigo.cli.data import data_app
from lentigo.cli.lesions import lesions_app, measure_outlines, train_outlines
from lentigo.cli.options import (
    Alpha,
    Device,
    Fp32,
    Json,
    Model,
    OnCluster,
    OperatingPoint,
    TestTimeAugmentation,
    load_data,
    recipe_options,
    table_options,
)
from lentigo.cli.prediction_output import (
    Record,
    draw_answers,
    find_inputs,
    list_readable,
    open_cluster,
    print_answers,
)
from lentigo.cli.selection import growing_app, train_folds
from lentigo.cli.serving import serving_app
from lentigo.cli.summary import (
    describe_values,
    print_audit,
    print_limits,
    print_run,
    print_scores,
    print_start,
    print_training_set,
)
from lentigo.cli.terminal import (
    FAILED_INPUTS,
    PAGES,
    TABLES,
    Bars,
    emit,
    flush_stdout,
    leave_stdout,
    list_problems,
    mute_stderr,
    open_closed_streams,
    print_columns,
    print_line,
    report_problems,
    require_ending,
    say,
    say_notes,
    show_own_warnings,
)
from lentigo.errors import LentigoError, SpaceError, UnusableError, UsageError, explain_missing

STOPPED = 130  # exit code


class Commands(TyperGroup):
    """The commands, with a word where Typer has none: after Ctrl-C, and for a reader of stdout that has
    left.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        asked = find_completion(args)
        if asked is not None:
            print_line(complete(*asked))
            raise typer.Exit
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            say(f"lentigo: stopped{stopped}")
            raise typer.Exit(STOPPED) from stopped
        except BrokenPipeError as gone:
            leave_stdout()  # what waits to be flushed at the end goes nowhere
            raise typer.Exit from gone


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Train, evaluate and use a benign/malignant classifier for photographs of skin lesions. "
    "A research tool, not a medical device.",
    epilog=COMPLETION_HELP,
)
app.add_typer(data_app, name="data")
app.add_typer(lesions_app)
app.add_typer(serving_app)
app.add_typer(growing_app)


def show_version(asked: bool) -> None:
    """Prints the version and ends, where that is asked for."""
    if asked:
        print_line(f"lentigo {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    version: Annotated[
        bool, Option("--version", help="Show the version and end.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """What all commands share."""


def main() -> None:
    """Runs the command line; errors that a user can cause become one line and an exit code."""
    open_closed_streams()
    show_own_warnings()
    code = run_command()
    try:
        flush_stdout()
    except SpaceError as error:
        say(f"lentigo: {error}")
        code = error.exit_code
    if sys.argv[1:2] and sys.argv[1] in ("predict", "segment", "detect"):
        leave(code)
    sys.exit(code)


def run_command() -> int:
    """Runs the command that `sys.argv` names; gives its exit code. A bug is raised."""
    try:
        app(prog_name="lentigo")
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        if end.code is not None:
            say(end.code)
        return end.code is not None
    except LentigoError as error:
        say(f"lentigo: {error}")
        return error.exit_code
    except ModuleNotFoundError as error:
        missing = explain_missing(error, sys.argv[1])
        if missing is None:
            raise
        say(f"lentigo: {missing}")
        return missing.exit_code
    except OSError as error:
        if is_folder_gone():
            say("lentigo: the folder in which this was called is gone; call it in one that is there")
        elif "--install-completion" in sys.argv:
            say(
                f"lentigo: --install-completion: could not be written ({error}); expected a home folder "
                "that can be: --show-completion prints it instead"
            )
        else:
            raise
        return UnusableError.exit_code
    return 0


def is_folder_gone() -> bool:
    """Whether the current folder was deleted meanwhile."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def list_pairs(data: Path, columns: Any) -> Any:
    """The manifest of masks as it was named, or its pairs where options say how it is read."""
    if columns is None:
        return data
    from lentigo.datasets.masks import list_masks

    return list_masks(data, columns)


def leave(code: int) -> NoReturn:
    """Ends the process without taking OpenVINO down piece by piece, which is a fifth of the time that one
    photograph takes.
    """
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


@app.command(epilog="Example: lentigo train photos/ --out runs/first --recipe seed")
@recipe_options
@table_options
def train(
    data: Annotated[Path, Argument(help="Class folders, split folders, a manifest or an archive folder.")],
    out: Annotated[
        Path, Option("--out", help="The RUN folder to be made; with --masks also a finished one.")
    ],
    recipe: Annotated[
        str, Option("--recipe", help="best, seed, or a JSON file such as `lentigo tune` writes.")
    ] = "best",
    folds: Annotated[
        int | None,
        Option(
            "--folds",
            help="A head for each fold of the training photographs on the frozen backbone, all in one RUN; "
            "validation is in no fold.",
        ),
    ] = None,
    weights: Annotated[
        str, Option("--weights", help="Of the backbone: imagenet, none, bundled, a RUN or a file.")
    ] = "imagenet",
    masks: Annotated[
        bool,
        Option(
            "--masks",
            help="DATA is a manifest of photographs and masks (image,mask): trains a decoder, for a "
            "finished RUN too.",
        ),
    ] = False,
    unfreeze: Annotated[
        bool, Option("--finetune", help="With --masks and without labels: trains the backbone too.")
    ] = False,
    holdout_source: Annotated[
        list[str] | None,
        Option(
            "--holdout-source",
            help="Trains without a source, its duplicates, lesions and patients, and measures on it; may be "
            "repeated.",
        ),
    ] = None,
    not_lesions: Annotated[
        Path | None,
        Option("--not-lesions", help="Folder of pictures of other things, which the RUN is to refuse."),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with an unfinished RUN.")] = False,
    devices: Annotated[
        str,
        Option(
            "--devices",
            help="A number of GPUs that share out each batch, or all; needs Keras on JAX "
            "(KERAS_BACKEND=jax).",
        ),
    ] = "1",
    bf16: Annotated[
        bool, Option("--bf16", help="Compute in bfloat16, with weights in float32 (mixed_bfloat16).")
    ] = False,
    fp32: Fp32 = False,
    duplicates: Annotated[
        bool,
        Option(
            "--duplicates/--no-duplicates",
            help="Looks for photographs that show the same picture; --no-duplicates goes by ids alone.",
        ),
    ] = True,
    leaks: Annotated[
        str,
        Option(
            "--leaks",
            help="What to do where a given split leaks: refuse; drop (leaves out what belongs with "
            "photographs of a later split); allow (marks the RUN).",
        ),
    ] = "refuse",
    as_json: Json = False,
    columns: Any = None,
    **changes: Any,
) -> None:
    """Trains a classifier, with --masks what outlines lesions; nothing is learned or chosen on the test
    split.
    """
    from lentigo.training.recipes import find_recipe

    if unfreeze and not masks:
        raise UsageError(
            "--finetune goes with --masks; the recipe says whether a classifier's backbone learns: --finetune"
        )
    with mute_stderr():  # TensorFlow greets whoever imports it
        from lentigo.training.loop.devices import use_devices
        from lentigo.training.preparation import LeakPolicy
        from lentigo.training.trainer import train as run

    if folds is not None and masks:
        raise UsageError(
            "--folds and --masks: expected one of them; train the RUN with --folds first, then add a "
            "decoder with --masks"
        )
    options = {
        "weights": weights,
        "resume": resume,
        "fp32": fp32,
        "leak_policy": LeakPolicy(duplicates, leaks),
    }
    if masks:
        if devices != "1" or bf16:
            raise UsageError(
                "--devices and --bf16 are for classifiers; a decoder is trained on one device, in float32: "
                "leave them out with --masks"
            )
        return train_outlines(
            list_pairs(data, columns),
            out,
            find_recipe(recipe, **changes),
            options | {"unfreeze": unfreeze},
            as_json,
        )
    if (holdout_source or not_lesions) and folds is not None:
        raise UsageError(
            "--folds goes with neither --holdout-source nor --not-lesions; leave one of them out"
        )
    holdouts = holdout_source or []

    data = load_data(data, columns)
    with Bars() as bars, use_devices(devices, bf16=bf16):
        training = (
            train_folds(data, out, recipe, folds, changes, options | {"progress": bars})
            if folds is not None
            else run(
                data,
                out,
                find_recipe(recipe, **changes),
                **options,
                holdout_sources=holdouts,
                not_lesions=not_lesions,
                progress=bars,
            )
        )
    scores, training_set = training.validation.to_json(), training.training_set.describe()
    if as_json:
        holdout_scores = {name: assessment.to_json() for name, assessment in training.holdouts.items()}
        start = training.bundle.card.get("start")
        emit(
            {
                "run": str(out),
                "validation": scores,
                "holdouts": holdout_scores,
                "seconds": training.seconds,
                "start": start,
                **training_set,
                "problems": [dataclasses.asdict(p) for p in training.problems],
            }
        )
    else:
        print_scores(f"{out}, validation", scores)
        for name, assessment in training.holdouts.items():
            print_scores(f"{out}, {name}, which it was trained without", assessment.to_json())
        print_training_set(training_set)
        print_start(training.bundle.card.get("start"))
        say(f"{training.seconds:.0f} s; report: {out / 'report.html'}; figures: {out / 'figures'}")
    report_problems(training.problems)


@app.command(epilog="Example: lentigo evaluate runs/first photos/ --split test --out report.html")
@table_options
def evaluate(
    run: Annotated[str, Argument(help="A RUN folder, or 'bundled'.")],
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
    columns: Any = None,
) -> None:
    """Measures a model, with 95 % intervals. Each call is one look at the set, and is counted."""
    require_ending("--out", out, PAGES, "a report in HTML")
    if masks:
        return measure_outlines(
            run,
            list_pairs(data, columns),
            split,
            out,
            {"tta": tta, "fp32": fp32, "device": device},
            as_json,
        )
    from lentigo.common.files import write_text
    from lentigo.evaluation.analysis import analyse
    from lentigo.evaluation.assessment import evaluate as measure
    from lentigo.evaluation.report import write_report
    from lentigo.inference.prediction import Predictor

    predictor = Predictor(
        run, tta=tta, fp32=fp32, device=device, operating_point=operating_point, alpha=alpha
    )
    other = None if against is None else Predictor(against, tta=tta, fp32=fp32, device=device)
    with Bars() as bars:
        assessment = measure(
            predictor, load_data(data, columns), split=split, duplicates=duplicates, progress=bars
        )
        analysis = analyse(predictor, assessment, stress=stress, against=other, progress=bars)
    if as_json:
        emit(assessment.to_json() | analysis.to_json())
    else:
        print_scores(f"{run}, {assessment.split}", assessment.to_json())
        print_limits(assessment.to_json() | analysis.to_json())
    if out is not None:  # after the answer, which a full disk must not take along
        write_text(
            out,
            write_report(
                predictor.bundle, assessment, out.with_suffix("") / "figures", closer=(predictor, analysis)
            ),
        )
        say(f"report: {out}; figures: {out.with_suffix('') / 'figures'}")
    report_problems(assessment.problems)


@app.command(epilog="Example: lentigo predict photo.jpg --model runs/first --json")
def predict(
    images: Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")],
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
    tta: TestTimeAugmentation = False,
    fp32: Fp32 = False,
    device: Device = "cpu",
    cluster: OnCluster = None,
    as_json: Json = False,
) -> None:
    """Says what a model thinks of photographs."""
    from lentigo.inference.prediction import Predictor
    from lentigo.splits.leak_words import mark_leaks

    require_ending("--csv", csv_file, TABLES, "a table as text (CSV)")
    if cluster is not None and (figures is not None or device != "cpu"):
        raise UsageError(
            "--cluster: expected neither --explain nor --device; figures are drawn and other devices asked "
            "on one machine"
        )
    paths, count = find_inputs(images, whole=figures is not None)
    options = {
        "fp32": fp32,
        "tta": tta,
        "operating_point": operating_point,
        "alpha": alpha,
        "prevalence": prevalence,
    }
    predictor = Predictor(model, device=device, count=count, **options)
    if mark := mark_leaks(predictor.bundle.card):
        say(mark)
    if prevalence is not None:
        say(describe_values(predictor.estimate_values()))
    with Record(csv_file) as record, open_cluster(cluster) as joined:
        if joined is not None:
            from lentigo.inference.distributed import predict_on

            stream = (
                (answer, {}) for answer in predict_on(joined, predictor.bundle, paths, count=count, **options)
            )
        else:
            stream = (
                ((answer, {}) for answer in predictor.predict(paths))
                if figures is None
                else draw_answers(predictor, paths, figures)
            )
        print_answers(record, stream, count, as_json)
    if record.problems:
        list_problems(record.problems)
    record.summarise()
    if record.problems:
        raise typer.Exit(FAILED_INPUTS)


@app.command(epilog="Example: lentigo explain photo.jpg --model runs/first --out heat.png")
def explain(
    images: Annotated[list[str], Argument(help="Photographs, folders, or '-' for paths on standard input.")],
    out: Annotated[
        Path | None,
        Option(
            "--out",
            help="A name ending in .png for one photograph, else a folder; without it NAME_explained.png or "
            "the folder "
            "explained/ where you are, and with --json nothing is drawn.",
        ),
    ] = None,
    model: Model = "bundled",
    fp32: Fp32 = False,
    as_json: Json = False,
) -> None:
    """Draws what in a photograph speaks for malignant, and what against."""
    from lentigo.inference.prediction import Predictor

    paths, count = find_inputs(images, whole=True)
    if out is None and not as_json:
        out = name_explanation(paths)
    predictor = Predictor(model, fp32=fp32, count=count)
    answers: list[Any] = []
    print_answers(answers, draw_answers(predictor, paths, out, heatmaps=True), count, as_json)
    report_problems(answers)


def name_explanation(images: Iterable[Any]) -> Path:
    """Where the figures go unless somebody says so: a file of a name of its own for one photograph, a folder
    for several.
    """
    paths = list_readable(images)
    return Path(f"{Path(str(paths[0])).stem}_explained.png" if len(paths) == 1 else "explained")


@app.command(epilog="Example: lentigo audit photos/ --out audit.html")
@table_options
def audit(
    data: Annotated[str, Argument(help="Labelled photographs, or a folder of photographs without classes.")],
    against: Annotated[
        str | None,
        Option("--against", help="Another set, in which copies of these photographs are looked for, too."),
    ] = None,
    out: Annotated[
        Path | None, Option("--out", help="Writes a report (HTML) with the pairs side by side.")
    ] = None,
    cluster: OnCluster = None,
    as_json: Json = False,
    columns: Any = None,
) -> None:
    """Finds copies, leaks, labels that disagree, shortcuts, artefacts and flawed photographs."""
    from lentigo.audit.audit import audit as run
    from lentigo.audit.audit import open_set

    require_ending("--out", out, PAGES, "a report in HTML")
    if columns is not None:
        data, against = open_set(data, columns), against and open_set(against, columns)
    with open_cluster(cluster) as joined, Bars() as bars:
        found = run(data, against=against, cluster=joined, progress=bars)
    if as_json:
        emit(found.to_json())
    else:
        print_audit(found.to_json())
    if out is not None:  # after the answer, which a full disk must not take along
        from lentigo.audit.report import write_audit
        from lentigo.common.files import write_text

        write_text(out, write_audit(found))
        say(f"report: {out}")
    say_notes(found.notes)
    report_problems(found.problems)


@app.command(epilog="Example: lentigo export runs/first --format litert --out lesions.tflite")
def export(
    run: Annotated[str, Argument(help="A RUN folder, or 'bundled'.")],
    format: Annotated[str, Option("--format", help="onnx, openvino, litert or savedmodel.")],
    out: Annotated[
        Path,
        Option(
            "--out", help="A file with the format's suffix (.onnx, .xml, .tflite), or a folder to be made."
        ),
    ],
    int8: Annotated[
        bool,
        Option(
            "--int8",
            help="Quantise (openvino); kept in the RUN too, and its default, where 99.5 % of the decisions "
            "stay, AUROC loses less than 0.002, and P moves by 0.01 at most on average.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Writes a RUN for another runtime, and compares its answers with the RUN's on photographs."""
    with mute_stderr():  # converters talk
        from lentigo.models.export import export as run_export

        artefact = run_export(run, format, out, int8=int8)
    if as_json:
        return emit(artefact.to_json())
    reference = "fp32" if int8 else "model.keras"
    print_line(
        f"{artefact.path}: {artefact.format}, {artefact.megabytes:.1f} MB; "
        f"largest difference of P(malignant) from {reference}: {artefact.largest_difference:.1e} on "
        f"{artefact.photographs} photographs"
    )
    if artefact.int8 is not None:
        print_line(
            f"validation AUROC: fp32 {artefact.int8.auroc_before:.4f}, int8 {artefact.int8.auroc_after:.4f}, "
            "lost {:.4f} ({:.4f} to {:.4f})".format(artefact.int8.loss, *artefact.int8.ci_loss)
        )
        verdict = (
            "kept in the RUN, which answers with it"
            if artefact.int8.neutral
            else "too far from fp32: the RUN does not answer with it"
        )
        print(f"decisions alike: {artefact.int8.decisions_equal:.1%}; {verdict}")


@app.command(epilog="Example: lentigo bench photos/ --model runs/first")
def bench(
    images: Annotated[
        list[str], Argument(help="Photographs or folders to measure with; a few hundred are enough.")
    ],
    model: Model = "bundled",
    keras: Annotated[
        bool, Option("--keras/--no-keras", help="Compare with Keras where it is installed.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Measures how fast this machine answers: rates, one photograph, a cold start, beside Keras and the
    processor's limit.
    """
    from lentigo.inference.benchmark import measure_machine
    from lentigo.inference.prediction import gather_images
    from lentigo.models.bundle import open_bundle

    paths, problems = gather_images(images)
    with Bars() as bars, mute_stderr() if keras else nullcontext():
        result = measure_machine(open_bundle(model), paths, keras=keras, progress=bars)
    if as_json:
        emit(result.to_json())
    else:
        print_columns(*result.tabulate_rates())
        print_columns(*result.tabulate_times())
    report_problems(problems)


@app.command(epilog="Example: lentigo info runs/first --json")
def info(
    run: Annotated[
        str | None, Argument(help="A RUN folder, or 'bundled': what it is, and how good.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """This version of Lentigo, its weights, backbones and recipes; or what a RUN is."""
    from lentigo.common.user_folders import CACHE_VARIABLE, cache_folder
    from lentigo.evaluation.ledger import LEDGER_VARIABLE, ledger_path
    from lentigo.models.bundle import describe_bundle, open_bundle
    from lentigo.models.networks.backbones import BACKBONES
    from lentigo.training.recipes import RECIPES

    if run is not None:
        described = describe_bundle(open_bundle(run))
        return emit(described) if as_json else print_run(described)
    facts = {
        "lentigo": __version__,
        "backbones": list(BACKBONES),
        "recipes": {name: dataclasses.asdict(r) for name, r in RECIPES.items()},
        "cache": str(cache_folder()),
        "ledger": str(ledger_path()),
        "bundled": describe_bundle(open_bundle("bundled")),
    }
    if as_json:
        return emit(facts)
    print_line(f"lentigo {__version__}")
    print_line(f"backbones: {', '.join(BACKBONES)}")
    print_line(f"recipes: {', '.join(RECIPES)}")
    print_line(f"cache: {name_folder(cache_folder(), CACHE_VARIABLE)}")
    print_line(f"ledger: {name_folder(ledger_path(), LEDGER_VARIABLE)}")
    print_run(facts["bundled"], "bundled weights")


def name_folder(path: Path, variable: str) -> str:
    """A place for people; what to do where there is none."""
    from lentigo.common.user_folders import NO_HOME

    return (
        f"none, since no home folder is known (set {variable})" if path.is_relative_to(NO_HOME) else str(path)
    )
