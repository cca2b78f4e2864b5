"""What a decoder leaves in a RUN: its files, its entry in the card, and what people read of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.files import write_text, write_whole
from lentigo.evaluation.card.model_card import add_section, write_card
from lentigo.evaluation.figures import MASK_SCORES, draw_history
from lentigo.evaluation.masks.mask_assessment import MaskAssessment, assess_masks
from lentigo.inference.prediction import Predictor
from lentigo.models.bundle import CLASSIFIER, GRAPH, HISTORY, LEARNED, MASKS, MODEL_CARD, Bundle, draft_bundle
from lentigo.models.graphs.onnx_graph import save_onnx
from lentigo.models.networks.mask_decoder import GRIDS
from lentigo.models.networks.output_models import build_export_model, build_runtime_model, build_saved_model
from lentigo.models.training_record import TrainingRecord, write_training_record
from lentigo.training.masks.mask_stages import MaskJob, compare_precisions
from lentigo.training.trainer import describe_making

MEANING = "mask is P(lesion) of each pixel; lesion from 0.5 on."


def write_files(
    folder: Path,
    job: MaskJob,
    history: pd.DataFrame,
    doc: str,
    start: TrainingRecord,
    parts: Sequence[str] = ("decoder",),
) -> None:
    """Graph, Keras model, history, the sides of the masks, and what the RUN knows: these photographs, from
    which `parts` have learned, and what its `start` knows."""
    with write_whole(folder / CLASSIFIER) as temporary:
        build_saved_model(job.network).save(temporary)
    save_onnx(
        build_runtime_model(job.network), folder / GRAPH, doc if doc.endswith(MEANING) else f"{doc} {MEANING}"
    )
    sides = job.masks.table.assign(
        split=np.where(job.held_out, "validation", "train"), group=job.masks.groups, sha256=job.masks.digests
    )
    images = job.masks.table["image"].tolist()
    write_training_record(
        folder / LEARNED,
        images,
        job.masks.digests,
        job.held_out,
        start=start.replace_part("decoder"),
        parts=parts,
        progress=job.progress,
    )
    for name, table in ((HISTORY, history), (MASKS, sides[["image", "mask", "split", "group", "sha256"]])):
        with write_whole(folder / name) as temporary:
            table.to_csv(temporary, index=False)


def judge(folder: Path, card: dict[str, Any], job: MaskJob, decoder: dict[str, Any]) -> MaskAssessment:
    """Measures a graph that is written and not yet part of a RUN, as it will be used; adds the result to the
    card's entry on the decoder.
    """
    check = compare_precisions(folder / GRAPH, job.validation)
    decoder["bf16"] = check
    if "logit" not in card["outputs"]:
        card["bf16"] = check
    predictor = Predictor(
        draft_bundle(folder, {key: value for key, value in card.items() if key not in ("format", "files")}),
        fp32=job.fp32,
    )
    validation = assess_masks(predictor, job.validation, "validation")
    decoder["validation"] = {
        name: value
        for name, value in validation.to_json().items()
        if name not in ("split", "model", "problems", "times_test_opened")
    }
    return validation


def describe_decoder(
    job: MaskJob, history: pd.DataFrame, facts: dict[str, Any], started: float
) -> dict[str, Any]:
    """The card's entry on the decoder; `facts` are those of leaks and twins."""
    last = history[history["stage"] == history["stage"].iloc[-1]]
    return {
        "architecture": f"feature pyramid on maps of {', '.join(map(str, GRIDS))} pixels, "
        f"{job.decoder.get_layer(f'mask_{GRIDS[0]}_project').filters} channels",
        "parameters": job.decoder.count_params(),
        "recipe": asdict(job.recipe),
        "stages": list(dict.fromkeys(history["stage"])),
        "best_epoch": int(last["epoch"][last["val_jaccard"].idxmax()]),
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
    """The card of a RUN without a classifier, but for its entry on the decoder."""
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


def finish_papers(bundle: Bundle, history: pd.DataFrame) -> None:
    """The figure of the training, and what the model card says of the decoder; for people, so the card in
    JSON does not need them.
    """
    draw_history(history, bundle.folder / "figures" / "history_masks.png", MASK_SCORES)
    paper = bundle.folder / MODEL_CARD
    write_text(
        paper, add_section(paper.read_text("utf-8"), bundle) if paper.is_file() else write_card(bundle)
    )
