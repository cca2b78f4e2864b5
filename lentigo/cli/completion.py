"""Completion by the shell: `lentigo --show-completion [SHELL]` and `lentigo --install-completion [SHELL]`.

Typer's own options take no name of a shell, and go by the process that called the command. That process is
`make` or `sh` where the command stands in a script, and neither of them completes anything. Here a name is
honoured, whoever calls.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from lentigo.errors import UsageError

OPTIONS = ("--install-completion", "--show-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
HELP = f"Completion: lentigo --install-completion [SHELL], --show-completion [SHELL]; SHELL is {', '.join(SHELLS[:-1])} or {SHELLS[-1]}."
PROGRAM = "lentigo"
VARIABLE = "_LENTIGO_COMPLETE"


def find_completion(arguments: list[str]) -> tuple[str, str] | None:
    """Finds out whether a completion is asked for, and for which shell.

    Args:
        arguments: Words of the command line, without the name of the program.

    Returns:
        The option and the name of the shell, or `None` where the first word is no such option.

    Raises:
        UsageError: The shell is none that can be served, or cannot be found out.
    """
    if not arguments:
        return None
    option, _, name = arguments[0].partition("=")
    if option not in OPTIONS:
        return None
    names = [word for word in [name, *arguments[1:]] if word]
    if not names:
        return option, detect_shell(option)
    return option, choose_shell(option, names)


def choose_shell(option: str, names: list[str]) -> str:
    """The one shell that is named. Raises `UsageError`."""
    if len(names) > 1:
        raise UsageError(f"{option}: {' '.join(names)}: expected one shell: {', '.join(SHELLS)}")
    shell = names[0].lower()
    if shell not in SHELLS:
        raise UsageError(f"{option}: {names[0]}: expected one of {', '.join(SHELLS)}")
    return shell


def detect_shell(option: str) -> str:
    """Finds the shell that calls this process, or else the one that the user's account has (`SHELL`).

    Args:
        option: The option that asks, for the error.

    Returns:
        One of `SHELLS`.

    Raises:
        UsageError: Neither is one of `SHELLS`.
    """
    import shellingham

    try:
        caller, _ = shellingham.detect_shell()
    except (shellingham.ShellDetectionFailure, OSError):
        caller = ""
    account = PurePath(os.environ.get("SHELL", "")).name
    for shell in (caller.lower(), account.lower()):
        if shell in SHELLS:
            return shell
    found = caller or account or "no shell that is known"
    raise UsageError(
        f"{option}: called from {found}; expected one of {', '.join(SHELLS)}: name it, for example `lentigo "
        f"{option} bash`"
    )


def complete(option: str, shell: str) -> str:
    """Does what is asked for.

    Args:
        option: One of `OPTIONS`.
        shell: One of `SHELLS`.

    Returns:
        What is to be printed: the script, or where it was written.
    """
    from typer.completion import get_completion_script, install

    if option == "--show-completion":
        return get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell)
    _, path = install(shell=shell, prog_name=PROGRAM, complete_var=VARIABLE)
    return (
        f"{shell} completion installed in {path}\nCompletion will take effect once you restart the terminal"
    )
