"""The steps of a study, each of which finds its own facts and writes its own files."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lentigo.audit.report import write_audit
from lentigo.common.files import write_text
from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress
from lentigo.datasets.dataset import Dataset, DataSource
from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.published.imports import import_datasets
from lentigo.datasets.tables.options import TableOptions
from lentigo.errors import DataError
from lentigo.evaluation.analysis import analyse
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.report import write_report
from lentigo.images.problems import Problem, restore_problem
from lentigo.inference.auditing.dataset_audit import audit
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import CARD, open_bundle
from lentigo.splits.frozen_splits import write_manifest
from lentigo.splits.partition import Shares, split_dataset
from lentigo.training.fitting.study_folder import StudyFolder
from lentigo.training.fitting.study_plan import StudyPlan
from lentigo.training.run_folder import CHECKPOINTS
from lentigo.training.trainer import train


def read_photographs(
    folder: StudyFolder, plan: StudyPlan, data: DataSource, progress: Progress
) -> dict[str, Any]:
    """Reads the photographs; a published data set is imported, and a table in memory is written.

    Args:
        folder: Of the study.
        plan: Its choices.
        data: The photographs.
        progress: Watches the import.

    Returns:
        `source`; `has_manifest`, whether the next steps read the manifest of the study instead; `imported`,
        `has_test`, counts and problems.

    Raises:
        DataError: They cannot be read.
    """
    is_place = isinstance(data, str | Path)
    imported = False
    # What can be read as it is needs no import; only what is refused is tried as a published data set
    try:
        dataset = load_dataset(data, plan.options)
    except DataError as error:
        if not isinstance(data, str | Path):
            raise
        dataset = import_photographs(Path(data), folder.manifest, plan.options, error, progress)
        imported = True
    # A table in memory is written, so that every command of the page can read it
    if not is_place:
        write_manifest(dataset, folder.manifest)
    return {
        "source": str(data) if is_place else dataset.name,
        "has_manifest": imported or not is_place,
        "imported": imported,
        "has_test": bool((dataset.table["split"] == "test").any()),
        "n": len(dataset),
        "n_malignant": int(dataset.malignant.sum()),
        "problems": list_fields(dataset.problems),
        "notes": list(dataset.notes),
    }


def import_photographs(
    source: Path, manifest: Path, options: TableOptions, refused: DataError, progress: Progress
) -> Dataset:
    """Imports a public data set as it is published. Raises the error with which it was refused as a folder
    or table where it is none.
    """
    try:
        import_datasets([source], manifest, columns=options, progress=progress)
    except DataError as error:
        raise refused from error
    return load_dataset(manifest)


def audit_photographs(
    folder: StudyFolder, plan: StudyPlan, read: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """Audits the photographs, and writes the report.

    Args:
        folder: Of the study.
        plan: Its choices.
        read: The facts of the step `read`.
        progress: Watches the photographs go by.

    Returns:
        The counts of what was found.
    """
    found = audit(open_photographs(folder, plan, read), progress=progress)
    write_text(folder.audit_report, write_audit(found))
    facts = found.to_json()
    baselines = facts["shortcut_baselines"]
    return {
        "n": facts["n"],
        "groups": facts["groups"],
        "duplicates": len(facts["duplicates"]),
        "leaks": len(facts["leaks"]),
        "label_conflicts": len(facts["label_conflicts"]),
        "shortcut_baselines": baselines,
        "problems": facts["unreadable"],
    }


def split_photographs(
    folder: StudyFolder, plan: StudyPlan, read: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """Splits the photographs without leaks; a test split that they have is kept.

    Args:
        folder: Of the study.
        plan: Its choices.
        read: The facts of the step `read`.
        progress: Watches the search for duplicates.

    Returns:
        `kept`, whether the data have a split; what was drawn, where they have none.
    """
    # A given test split is what others compare with: it is not drawn anew
    if read["has_test"]:
        dataset = open_photographs(folder, plan, read)
        counts = dataset.table["split"].fillna("train").value_counts()
        return {"kept": True, "splits": counts.to_dict()}
    partition = split_dataset(
        open_photographs(folder, plan, read),
        # No validation here: `train` draws its own from what is left
        Shares(0.0, plan.test),
        seed=plan.recipe.seed,
        duplicates=plan.leak_policy.duplicates,
        drop_conflicts=True,
        progress=progress,
    )
    write_manifest(partition.dataset, folder.split)
    facts = partition.to_json()
    counts = partition.dataset.table["split"].value_counts()
    return {
        "kept": False,
        "splits": counts.to_dict(),
        "groups": facts["groups"],
        "duplicates": facts["duplicates"],
        "left_out": facts["left_out"],
        "problems": facts["problems"],
    }


def train_model(
    folder: StudyFolder,
    plan: StudyPlan,
    read: dict[str, Any],
    callbacks: Iterable[Any],
    progress: Progress,
) -> dict[str, Any]:
    """Trains the model, or goes on with its training.

    Args:
        folder: Of the study.
        plan: Its choices.
        read: The facts of the step `read`.
        callbacks: As `train` takes them.
        progress: Watches epochs and steps go by.

    Returns:
        Its scores on validation.
    """
    problems: list[dict[str, Any]] = []
    # A finished RUN stays: training it again would cost hours and give the same
    if not (folder.run / CARD).is_file():
        training = train(
            open_split(folder, plan, read),
            folder.run,
            plan.recipe,
            weights=plan.weights,
            resume=(folder.run / CHECKPOINTS).is_dir(),
            fp32=plan.fp32,
            leak_policy=plan.leak_policy,
            callbacks=callbacks,
            progress=progress,
        )
        problems = list_fields(training.problems)
    # A RUN that was stopped between its card and the end of `train` still has its checkpoints
    shutil.rmtree(folder.run / CHECKPOINTS, ignore_errors=True)
    bundle = open_bundle(folder.run)
    return {
        "model": bundle.name,
        "validation": bundle.card["metrics"]["validation"],
        "leaks": bundle.card.get("leaks"),
        "left_out": bundle.card.get("left_out"),
        "problems": problems,
    }


def evaluate_model(
    folder: StudyFolder, plan: StudyPlan, read: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """Evaluates the model on the test split, and writes the report. It is done once.

    Args:
        folder: Of the study.
        plan: Its choices.
        read: The facts of the step `read`.
        progress: Watches the photographs go by.

    Returns:
        Of `evaluate --json`.
    """
    predictor = Predictor(folder.run)
    assessment = evaluate(
        predictor,
        open_split(folder, plan, read),
        split="test",
        duplicates=plan.leak_policy.duplicates,
        progress=progress,
    )
    analysis = analyse(predictor, assessment, progress=progress)
    figures = folder.evaluation_report.with_suffix("") / "figures"
    report = write_report(predictor.bundle, assessment, figures, closer=(predictor, analysis))
    write_text(folder.evaluation_report, report)
    return assessment.to_json() | analysis.to_json()


def open_photographs(folder: StudyFolder, plan: StudyPlan, read: dict[str, Any]) -> Dataset:
    """The photographs that were read."""
    if read["has_manifest"]:
        return load_dataset(folder.manifest)
    return load_dataset(read["source"], plan.options)


def open_split(folder: StudyFolder, plan: StudyPlan, read: dict[str, Any]) -> Dataset:
    """The photographs with their splits."""
    if read["has_test"]:
        return open_photographs(folder, plan, read)
    return load_dataset(folder.split)


def list_problems(facts: Iterable[dict[str, Any] | None]) -> tuple[Problem, ...]:
    """The problems of all steps, each photograph once.

    Args:
        facts: Of the steps.
    """
    found: dict[str, Problem] = {}
    for step in facts:
        for problem in (step or {}).get("problems", []):
            found.setdefault(problem["image"], restore_problem(**problem))
    return tuple(found.values())
