"""The command line: its commands by their names, each imported when it is asked for, and the entry point."""

from __future__ import annotations

import os
import signal
import sys
from collections import UserDict
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer import Option
from typer.core import TyperGroup
from typer.main import get_group

from lentigo._version import __version__
from lentigo.cli.completion import HELP as COMPLETION_HELP
from lentigo.cli.completion import complete, find_completion
from lentigo.cli.output.terminal import (
    flush_stdout,
    leave_stdout,
    open_closed_streams,
    print_line,
    print_message,
    show_own_warnings,
)
from lentigo.errors import LentigoError, SpaceError, UnusableError, explain_missing

STOPPED = 130  # exit code after Ctrl-C
# A request to end, and a terminal that was closed; Windows lacks the second
ENDING_SIGNALS = ("SIGTERM", "SIGHUP")
RUNTIME_COMMANDS = ("predict", "segment", "detect")  # which end without taking the runtime down
# Where each command stands: a module below lentigo.cli and the Typer app in it. In the order of the help
PLACES = {
    "fit": "fit:fit_app",
    "index": "similarity:similarity_app",
    "train": "training:training_app",
    "evaluate": "evaluation:evaluation_app",
    "predict": "prediction:prediction_app",
    "explain": "prediction:prediction_app",
    "segment": "lesions:lesions_app",
    "detect": "lesions:lesions_app",
    "audit": "audit:audit_app",
    "data": "data:data_app",
    "worklist": "hospital.worklist:worklist_app",
    "receive": "hospital.receive:receive_app",
    "compare": "selection.comparison:comparison_app",
    "tune": "selection.tuning:tuning_app",
    "export": "models:models_app",
    "info": "models:models_app",
    "bench": "benchmark.bench:bench_app",
    "serve": "service.serve:serve_app",
    "history": "service.history:history_app",
    "keys": "service.keys:keys_app",
}


class CommandTable(UserDict[str, Any]):
    """What Typer's group of commands keeps as a dictionary: a value is made when it is first read."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(PLACES))

    def __getitem__(self, name: str) -> Any:
        """Imports a command.

        Args:
            name: Of the command.

        Returns:
            The command, or the group of those below it.

        Raises:
            KeyError: There is none of that name.
        """
        if self.data[name] is None:
            self.data[name] = import_command(name)
        return self.data[name]


def import_command(name: str) -> Any:
    """A command as Typer runs it.

    Args:
        name: One of `PLACES`.

    Returns:
        The command; for `data` and `keys` the group of the commands below it.
    """
    module, _, app = PLACES[name].partition(":")
    group = get_group(getattr(import_module(f"lentigo.cli.{module}"), app))
    group.name = name
    # A group of its own holds no command of its own name
    return group.commands.get(name, group)


class Commands(TyperGroup):
    """The commands, with a word where Typer has none: after Ctrl-C, and for a reader of stdout that has
    left.

    Args:
        **settings: Of Typer.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = CommandTable()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Answers a request for shell completion before Typer reads the words."""
        request = find_completion(args)
        if request is not None:
            option, shell = request
            print_line(complete(option, shell))
            raise typer.Exit
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; Ctrl-C and a reader that has left end it with a word or none."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            print_message(f"lentigo: stopped{stopped}")
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


def show_version(requested: bool) -> None:
    """Prints the version and ends, where that is requested."""
    if requested:
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
    open_closed_streams()  # before any file is opened, which would take their place
    show_own_warnings()
    ended_by = stop_on_signals()
    code = run_command()
    try:
        flush_stdout()
    except SpaceError as error:
        print_message(f"lentigo: {error}")
        code = error.exit_code
    if ended_by:
        die_of(ended_by[0])
    # What is buffered is written by now: nothing is lost
    if len(sys.argv) > 1 and sys.argv[1] in RUNTIME_COMMANDS:
        leave_process(code)
    sys.exit(code)


def stop_on_signals() -> list[int]:
    """Has a request to end stop a command as Ctrl-C does: files that are being written are removed on the way.

    What is ignored, as by `nohup`, stays ignored. A second request ends the process at once.

    Returns:
        The signals that came; it fills as they come.
    """
    came: list[int] = []

    def stop(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        came.append(number)
        raise KeyboardInterrupt(f" ({signal.Signals(number).name})")

    for name in ENDING_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)
    return came


def die_of(number: int) -> None:
    """Ends the process by the signal that it got, as who sent it expects: a shell then sees 128 + its number."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def run_command() -> int:
    """Runs the command that `sys.argv` names; gives its exit code. A bug is raised."""
    try:
        app(prog_name="lentigo")
    except SystemExit as end:
        return read_exit_code(end)
    except LentigoError as error:
        return print_error(error, error.exit_code)
    except ModuleNotFoundError as error:
        missing = explain_missing(error, sys.argv[1])
        if missing is None:
            raise
        return print_error(missing, missing.exit_code)
    except OSError as error:
        explanation = explain_system_error(error)
        if explanation is None:
            raise
        return print_error(explanation, UnusableError.exit_code)
    return 0


def print_error(error: LentigoError | str, code: int) -> int:
    """Prints what a user can mend; gives the exit code."""
    print_message(f"lentigo: {error}")
    return code


def read_exit_code(end: SystemExit) -> int:
    """The exit code of a `SystemExit`; one that carries words prints them, and is 1."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    print_message(end.code)
    return 1


def explain_system_error(error: OSError) -> str | None:
    """What a user can do about an error of the system that no command names; None where it is a bug."""
    if is_folder_gone():
        return "the folder in which this was called is gone; call it in one that is there"
    if "--install-completion" in sys.argv:
        return (
            f"--install-completion: could not be written ({error}); expected a home folder that can be: "
            "--show-completion prints it instead"
        )
    return None


def is_folder_gone() -> bool:
    """Whether the current folder was deleted meanwhile."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def leave_process(code: int) -> NoReturn:
    """Ends the process without taking OpenVINO down piece by piece, which is a fifth of the time that one
    photograph takes.
    """
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)
