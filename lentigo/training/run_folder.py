"""The folder of a RUN while it is made: whether it may be used, its settings, and the files of a classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.common.files import require_writable, write_csv, write_text, write_whole
from lentigo.common.json_values import read_json_object, write_json
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.dataset import Dataset
from lentigo.errors import ModelError, UsageError
from lentigo.evaluation.assessment import Assessment, assess
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.report import write_report
from lentigo.images.problems import separate_problems
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import (
    CARD,
    CLASSIFIER,
    GRAPH,
    HISTORY,
    MODEL_CARD,
    Bundle,
    draft_bundle,
    finish_bundle,
)
from lentigo.models.graphs.onnx_graph import annotate_onnx, save_onnx
from lentigo.models.networks.network import Network
from lentigo.models.networks.output_models import build_runtime_model, build_saved_model
from lentigo.training.calibration.decisions import fit_decisions
from lentigo.training.calibration.graph_outputs import measure_images, measure_no_lesions
from lentigo.training.calibration.precision_check import PrecisionCheck
from lentigo.training.card import DISCLAIMER, explain_logit
from lentigo.training.stage_builders import TrainingJob

CHECKPOINTS = "checkpoint"  # the folder within an unfinished RUN; a finished one has none
TRAINING_SETTINGS = "settings.json"  # in that folder: what a resumed call must share
MAX_REFERENCE_IMAGES = 4096  # the centres and the covariance of some hundred numbers need no more


def check_folder(out: Path, resume: bool) -> None:
    """Checks that a RUN may be written to a folder.

    Args:
        out: The folder.
        resume: Whether an unfinished RUN that lies there goes on.

    Raises:
        UsageError: It holds a RUN, finished or not, or cannot be written.
    """
    # Asked first: a RUN that cannot be written is better known before hours of training
    require_writable(out)
    if (out / CARD).is_file():
        raise UsageError(f"{out}: holds a finished RUN; choose another folder, or remove it")
    if out.is_file():
        raise UsageError(f"{out}: is a file; expected a folder to be made")
    if (out / CHECKPOINTS).is_dir() and not resume:
        raise UsageError(f"{out}: holds an unfinished RUN; go on with --resume, or choose another folder")


def keep_settings(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a new training, or compares them with those of the one that goes on.

    Args:
        path: The file, in a folder within the RUN.
        settings: What a resumed call must share.

    Raises:
        ModelError: The file is damaged.
        UsageError: The training was started with other settings.
    """
    if not path.is_file():
        write_json(path, settings)
        return
    changed = find_changed(settings, read_settings(path))
    if changed:
        raise UsageError(
            f"{path.parent.parent}: was started with another {', '.join(changed)}; resume with the same "
            "call, or choose another folder"
        )


def find_changed(settings: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """The settings that differ from those before; the fields of the recipe, where that differs."""
    changed = list_changed(settings, before)
    if "recipe" in changed:
        return list_changed(settings["recipe"], before.get("recipe", {}))
    return changed


def list_changed(settings: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """The keys whose values differ from those that were written before."""
    as_written = json.loads(json.dumps(settings))  # a tuple is a list there
    return [key for key, value in as_written.items() if value != before.get(key)]


def read_settings(path: Path) -> dict[str, Any]:
    """The settings that the first call wrote. Raises `ModelError` where they are damaged.

    Args:
        path: Of the settings.
    """
    try:
        settings = read_json_object(path)
        if not isinstance(settings.get("recipe", {}), dict):
            raise ValueError("its recipe is no JSON object")
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: is damaged ({error}); expected what the first call wrote there: put it back, or "
            "choose another folder"
        ) from error
    return settings


def write_model(out: Path, network: Network, history: pd.DataFrame) -> None:
    """Writes the graph, the Keras model and the history.

    Args:
        out: The RUN.
        network: The trained network.
        history: A row for each epoch.
    """
    with write_whole(out / CLASSIFIER) as temporary:
        build_saved_model(network).save(temporary)
    save_onnx(build_runtime_model(network), out / GRAPH, DISCLAIMER)
    write_csv(out / HISTORY, history)


def write_run(
    out: Path, job: TrainingJob, card: dict[str, Any], check: PrecisionCheck | None
) -> tuple[Bundle, Assessment]:
    """Writes what a RUN holds beside graph and model; the card comes last and makes it valid.

    Args:
        out: The RUN, where `write_model` has written already.
        job: Its training.
        card: What it is and how it was made.
        check: How bf16 compares with fp32.

    Returns:
        The RUN, and its scores on validation.
    """
    card = card | measure_decisions(out, job, check)
    # The graph explains its logit: whoever runs it elsewhere has no card
    annotate_onnx(out / GRAPH, f"{DISCLAIMER} {explain_logit(card)}")
    draft = draft_bundle(out, card)
    validation = assess_validation(draft, job)
    write_text(out / MODEL_CARD, write_card(draft, validation))
    write_text(out / "report.html", write_report(draft, validation, out / "figures"))
    return finish_bundle(draft, {"validation": validation.to_json()}), validation


def assess_validation(draft: Bundle, job: TrainingJob) -> Assessment:
    """The scores of a RUN that is not finished yet on the validation photographs that can be read."""
    predictor = Predictor(draft, fp32=job.fp32)
    results = predictor.predict(job.validation.table["image"])
    predictions, _, _ = separate_problems(results)
    return assess(predictor, job.validation, predictions, "validation")


def measure_decisions(out: Path, job: TrainingJob, check: PrecisionCheck | None) -> dict[str, Any]:
    """The card's entries on precision, calibration, threshold and refusal, all from the graph as it is served.

    Where the RUN refuses by the embedding of a frozen backbone, those of the training photographs are the
    features that are there, in the same precision.

    Args:
        out: The RUN's folder.
        job: Its training.
        check: How bf16 compares with fp32; None where fp32 is all there is.
    """
    graph = out / GRAPH
    output = job.refusal_output
    if output == "embedding":  # of a frozen backbone: the features that the head has learned from
        training = (job.features, job.training.malignant)
    # The photographs that the centres come from need not be all
    else:
        measured = measure_images(graph, check, take_reference_images(job.training), output)
        training = (measured.points, measured.malignant)
    validation = measure_images(graph, check, job.validation, output, tta=job.recipe.tta)
    no_lesions = measure_no_lesions(graph, check, output, job.not_lesions)
    return fit_decisions(out, job.recipe, check, training, replace(validation, no_lesions=no_lesions))


def take_reference_images(dataset: Dataset) -> Dataset:
    """The photographs that the class centres come from: all, or as many as are enough, spread over all."""
    # Spread evenly: a data set may stand in order of class or source
    return dataset.take(spread_rows(len(dataset), MAX_REFERENCE_IMAGES))
