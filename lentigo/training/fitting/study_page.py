"""The page of a study: what each step found, where its report is, and the command that does it alone."""

from __future__ import annotations

import os
from typing import Any

from lentigo._version import __version__
from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.common.html import render_page
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.training.card import DISCLAIMER
from lentigo.training.fitting.study_folder import STEPS, StudyFolder
from lentigo.training.fitting.study_plan import StudyPlan

MAX_PROBLEMS = 20  # that are listed
SHOWN_FIGURES = ("roc.png", "reliability.png", "probabilities.png")


def write_page(
    folder: StudyFolder, plan: StudyPlan, done: dict[str, dict[str, Any]], commands: dict[str, str]
) -> str:
    """Writes the page of a study as far as it has come.

    Args:
        folder: Of the study; figures and reports are linked relative to it.
        plan: Its choices.
        done: The facts of each finished step.
        commands: The single command of each step.

    Returns:
        HTML.
    """
    evaluation = done.get("evaluate")
    rows = []
    if evaluation is not None:
        for name, title in TITLES.items():
            rows.append((title, evaluation[name], evaluation["ci"][name]))
    # Of every step: whoever reads the page should not have to open each report
    problems = []
    for facts in done.values():
        problems += facts.get("problems", [])
    return render_page(
        "lentigo.training.fitting",
        "study.html",
        version=__version__,
        disclaimer=DISCLAIMER,
        study_name=os.path.basename(folder.path.resolve()),
        recipe=plan.recipe,
        run=folder.run,
        # All steps are rows, those that are not done yet with gaps
        done={step: done.get(step) for step in STEPS},
        commands={step: commands.get(step, "") for step in STEPS},
        rows=rows,
        baselines=list_baselines(done.get("audit")),
        figures=list_figures(folder),
        problems=problems[:MAX_PROBLEMS],
        problem_count=len(problems),
    )


def list_baselines(audited: dict[str, Any] | None) -> list[tuple[str, float]]:
    """Titles and AUROCs of the shortcut baselines that could be measured, the highest first."""
    facts = (audited or {}).get("shortcut_baselines") or {}
    found = []
    for name, title in BASELINE_TITLES.items():
        auroc = facts.get(f"{name}_auroc")
        if auroc is not None:
            found.append((title, auroc))
    return sorted(found, key=lambda baseline: -baseline[1])


def list_figures(folder: StudyFolder) -> list[tuple[str, str]]:
    """Paths relative to the page, and names, of the figures of the evaluation that are there."""
    figures = folder.evaluation_report.with_suffix("") / "figures"
    found = []
    for name in SHOWN_FIGURES:
        if (figures / name).is_file():
            # Relative, so that the folder can be moved or sent as a whole
            relative = (figures / name).relative_to(folder.path).as_posix()
            found.append((relative, name.removesuffix(".png").replace("_", " ")))
    return found
