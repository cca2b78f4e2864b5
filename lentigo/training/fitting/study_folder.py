"""The folder of a study: which steps are done, what each found, and what a call that goes on must share.

A step is done when its facts are written, which is the last thing that it does: whatever stops a study, the same
call goes on with the step that was not finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lentigo.common.files import require_writable
from lentigo.common.json_values import read_json_object, write_json
from lentigo.errors import ModelError, UsageError
from lentigo.training.run_folder import keep_settings

STEPS = ("read", "audit", "split", "train", "evaluate")


@dataclass(frozen=True)
class StudyFolder:
    """Where the parts of a study are.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def index(self) -> Path:
        """The page that leads through the study."""
        return self.path / "index.html"

    @property
    def manifest(self) -> Path:
        """The photographs, where they were imported or came as a table in memory."""
        return self.path / "manifest.csv"

    @property
    def split(self) -> Path:
        """The photographs with their splits."""
        return self.path / "split.csv"

    @property
    def run(self) -> Path:
        """The model."""
        return self.path / "run"

    @property
    def audit_report(self) -> Path:
        """The report of the audit."""
        return self.path / "audit.html"

    @property
    def evaluation_report(self) -> Path:
        """The report of the evaluation."""
        return self.path / "evaluation.html"

    def name_facts(self, step: str) -> Path:
        """The file of what a step found.

        Args:
            step: One of `STEPS`.
        """
        return self.path / "steps" / f"{step}.json"

    def open(self, settings: dict[str, Any]) -> None:
        """Begins a study, or goes on with one.

        Args:
            settings: What a call that goes on must share.

        Raises:
            UsageError: The folder holds something else, or a study with other settings.
            SpaceError: It cannot be written.
        """
        settings_file = self.name_facts("settings")
        self._refuse_others(settings_file)
        # Before the first step: an audit may take hours
        require_writable(self.path)
        keep_settings(settings_file, settings)

    def _refuse_others(self, settings_file: Path) -> None:
        """Raises `UsageError` where the folder is something else than a study."""
        if self.path.is_file():
            raise UsageError(f"{self.path}: is a file; expected a folder to be made")
        # A folder with somebody's own files is not taken for a study
        if not settings_file.is_file() and self.path.is_dir() and any(self.path.iterdir()):
            raise UsageError(f"{self.path}: holds other files; expected a new folder, or one of a study")

    def recall(self, step: str) -> dict[str, Any] | None:
        """Reads what a finished step found.

        Args:
            step: One of `STEPS`.

        Returns:
            Its facts; None where it is not finished.

        Raises:
            ModelError: They are damaged.
        """
        path = self.name_facts(step)
        if not path.is_file():
            return None
        try:
            return read_json_object(path)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{path}: is damaged ({error}); remove it, and the same call does the step again"
            ) from error

    def finish(self, step: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Writes what a step found: from now on it is done.

        Args:
            step: One of `STEPS`.
            facts: What `json` takes.

        Returns:
            The facts.
        """
        write_json(self.name_facts(step), facts)
        return facts
