"""What a decoder leaves in a RUN: its files, its entry in the card, and what people read of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.common.files import write_csv, write_text, write_whole
from lentigo.evaluation.card.model_card import add_section, write_card
from lentigo.evaluation.history_figures import MASK_SCORES, draw_history
from lentigo.evaluation.masks.mask_assessment import MaskAssessment, assess_masks
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import CLASSIFIER, GRAPH, HISTORY, LEARNED, MASKS, MODEL_CARD, Bundle, draft_bundle
from lentigo.models.graphs.onnx_graph import save_onnx
from lentigo.models.networks.output_models import build_export_model, build_runtime_model, build_saved_model
from lentigo.models.training_record import TrainingRecord
from lentigo.models.training_record_files import write_training_record
from lentigo.training.card import describe_making
from lentigo.training.loop.stage_runs import find_best_epoch, select_last_stage
from lentigo.training.masks.mask_stages import MaskJob
from lentigo.training.masks.mask_validation import compare_precisions
from lentigo.training.validation import write_splits

MASK_DOC = "mask is P(lesion) of each pixel; lesion from 0.5 on."  # in the graph's own description


def write_files(
    folder: Path,
    job: MaskJob,
    history: pd.DataFrame,
    doc: str,
    start: TrainingRecord,
    parts: Sequence[str] = ("decoder",),
) -> None:
    """Writes the graph, the Keras model, the history, the splits of the masks and the training record.

    Args:
        folder: Where they are written.
        job: The training of the decoder.
        history: A row for each epoch.
        doc: The graph's own description; that of the mask is added.
        start: What the RUN has learned from before.
        parts: Which parts of the RUN have learned from these photographs.
    """
    # Graph and Keras model hold the classifier too, where there is one
    with write_whole(folder / CLASSIFIER) as temporary:
        build_saved_model(job.network).save(temporary)
    # A decoder that takes the place of another finds the sentence there already
    if not doc.endswith(MASK_DOC):
        doc = f"{doc} {MASK_DOC}"
    save_onnx(build_runtime_model(job.network), folder / GRAPH, doc)
    write_training_record(
        folder / LEARNED,
        job.masks.table["image"].tolist(),
        job.masks.digests,
        job.held_out,
        start=start.replace_part("decoder"),
        parts=parts,
        progress=job.progress,
    )
    write_csv(folder / HISTORY, history)
    write_splits(folder / MASKS, job.masks, job.held_out, truth="mask")


def assess_decoder(
    folder: Path, card: dict[str, Any], job: MaskJob, decoder: dict[str, Any]
) -> MaskAssessment:
    """Measures a graph that is written and not yet part of a RUN, as it will be used.

    Args:
        folder: It holds the graph.
        card: Of the RUN; without a classifier its entry on precision is set.
        job: The training of the decoder.
        decoder: The card's entry on the decoder, to which the result is added.

    Returns:
        The scores on validation.
    """
    check = compare_precisions(folder / GRAPH, job.validation)
    decoder["bf16"] = check
    # Without a classifier the decoder's precision is that of the RUN
    if "logit" not in card["outputs"]:
        card["bf16"] = check
    entries = {key: value for key, value in card.items() if key not in ("format", "files")}
    predictor = Predictor(draft_bundle(folder, entries), fp32=job.fp32)
    validation = assess_masks(predictor, job.validation, "validation")
    scores = validation.to_json()
    # What is the same for every validation is not written into the card
    for name in ("split", "model", "problems", "times_test_opened"):
        scores.pop(name, None)
    decoder["validation"] = scores
    return validation


def describe_decoder(
    job: MaskJob, history: pd.DataFrame, facts: dict[str, Any], started: float
) -> dict[str, Any]:
    """Describes a decoder for the card.

    Args:
        job: Its training.
        history: A row for each epoch.
        facts: Of leaks and duplicates.
        started: The count of seconds (`time.perf_counter`) at which the training began.

    Returns:
        The card's entry.
    """
    last_stage = select_last_stage(history)
    sides = [feature_map.shape[1] for feature_map in job.decoder.inputs]
    grids = ", ".join(map(str, sides))
    channels = job.decoder.get_layer(f"mask_{sides[0]}_project").filters
    return {
        "architecture": f"feature pyramid on maps of {grids} pixels, {channels} channels",
        "parameters": job.decoder.count_params(),
        "recipe": asdict(job.recipe),
        "stages": list(history["stage"].unique()),
        "best_epoch": find_best_epoch(last_stage, "val_jaccard"),
        "data": {
            "name": job.masks.name,
            "fingerprint": job.masks.fingerprint,
            "training": len(job.training),
            "validation": len(job.validation),
            **facts,
        },
        "seconds": round(time.perf_counter() - started, 1),
    }


def describe_alone(job: MaskJob, weights: str) -> dict[str, Any]:
    """Describes a RUN without a classifier, but for its decoder.

    Args:
        job: The training of the decoder.
        weights: The name of the weights that it started from.

    Returns:
        The card's entries.
    """
    learned = any(layer.trainable and layer.weights for layer in job.network.feature_extractor.layers)
    return {
        **describe_making(),
        "architecture": f"{job.recipe.backbone}, a decoder on its feature maps; no classifier",
        "backbone": job.recipe.backbone,
        "parameters": build_saved_model(job.network).count_params(),
        "outputs": list(build_export_model(job.network).output),
        "recipe": asdict(job.recipe),
        "weights": weights,
        "trunk": "trained" if learned else "as the weights have it",
    }


def write_pages(bundle: Bundle, history: pd.DataFrame) -> None:
    """Draws the training's figure, and adds the decoder to the model card.

    They are for people; `card.json` does not need them.

    Args:
        bundle: The finished RUN.
        history: Of the decoder, a row for each epoch.
    """
    draw_history(history, bundle.folder / "figures" / "history_masks.png", MASK_SCORES)
    path = bundle.folder / MODEL_CARD
    text = add_section(path.read_text("utf-8"), bundle) if path.is_file() else write_card(bundle)
    write_text(path, text)
