"""Trainings for people, and for machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lentigo.cli.output.evaluations import (
    print_mask_scores,
    print_scores,
    print_start,
    print_training_set,
)
from lentigo.cli.output.terminal import print_json, print_message, report_problems
from lentigo.common.json_values import list_fields

if TYPE_CHECKING:
    from lentigo.training.masks.mask_training import MaskTraining
    from lentigo.training.trainer import Training


def describe_training(training: Training, out: Path) -> dict[str, Any]:
    """A training for machines.

    Args:
        training: What `train` gave.
        out: The RUN.
    """
    holdout_scores = {}
    for source, assessment in training.holdouts.items():
        holdout_scores[source] = assessment.to_json()
    return {
        "run": str(out),
        "validation": training.validation.to_json(),
        "holdouts": holdout_scores,
        "seconds": training.seconds,
        "start": training.bundle.card.get("start"),
        **training.training_set.describe(),
        "problems": list_fields(training.problems),
    }


def print_training(training: Training, out: Path) -> None:
    """Prints a training.

    Args:
        training: What `train` gave.
        out: The RUN.
    """
    print_scores(f"{out}, validation", training.validation.to_json())
    for source, assessment in training.holdouts.items():
        print_scores(f"{out}, {source}, which it was trained without", assessment.to_json())
    print_training_set(training.training_set.describe())
    print_start(training.bundle.card.get("start"))
    print_message(f"{training.seconds:.0f} s; report: {out / 'report.html'}; figures: {out / 'figures'}")


def print_mask_training(training: MaskTraining, out: Path, as_json: bool) -> None:
    """Prints a decoder, and the classifier that was trained before it where there was one; then the problems.

    Args:
        training: What `train_masks` gave.
        out: The RUN.
        as_json: Whether to print for machines.
    """
    mask_scores = training.validation.to_json()
    class_scores = None
    if training.classifier is not None:
        class_scores = training.classifier.validation.to_json()
    if as_json:
        print_json(
            {
                "run": str(out),
                "masks": mask_scores,
                "validation": class_scores,
                "seconds": training.seconds,
                "problems": list_fields(training.problems),
            }
        )
    else:
        if class_scores is not None:
            print_scores(f"{out}, validation", class_scores)
        print_mask_scores(f"{out}, validation", mask_scores)
        print_message(f"{training.seconds:.0f} s; figure: {out / 'figures' / 'history_masks.png'}")
    report_problems(training.problems)
