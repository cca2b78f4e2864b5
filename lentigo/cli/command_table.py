"""The commands by their names, each imported when it is asked for: `predict` does not wait for the others."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

from typer.main import get_group

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
