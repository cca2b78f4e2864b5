"""The entries of a RUN's card that say what it is and how it was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import pandas as pd

import lentigo
from lentigo.datasets.dataset import CLASSES
from lentigo.datasets.description import describe_sides
from lentigo.images.photographs import SIDE
from lentigo.inference.decisions.calibration import explain_calibration, read_calibration
from lentigo.models.cards.card_reading import DEFAULT_OUTPUTS
from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.devices import count_devices
from lentigo.training.loop.stage_runs import find_best_epoch, select_last_stage
from lentigo.training.stage_builders import TrainingJob

DISCLAIMER = "A research tool, not a medical device: no diagnosis, no treatment decision."
LIBRARIES = ("keras", "numpy", "openvino", "onnx", "scikit-learn", "pillow", "opencv-python-headless")


def describe_training(job: TrainingJob, history: pd.DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    """Describes a classifier: what it is, what it was made of, and how.

    Args:
        job: Its training.
        history: A row for each epoch.
        settings: Those of the prepared training, with `start` and `seconds`.

    Returns:
        The card's entries.
    """
    units = ", ".join(map(str, (*job.recipe.units, 1)))
    # In the graph's order, so that the card can be compared with it
    outputs = list(DEFAULT_OUTPUTS)
    if job.recipe.diagnosis:
        outputs.append("diagnosis")
    best_epoch = find_best_epoch(select_last_stage(history), "val_auroc")
    return {
        **describe_making(),
        "architecture": f"{job.recipe.backbone}, global average pooling, {units} (sigmoid)",
        "backbone": job.recipe.backbone,
        "parameters": job.network.require_classifier().count_params(),
        "outputs": outputs,
        "classes": list(CLASSES),
        "recipe": settings["recipe"],
        "weights": settings["weights"],
        "best_epoch": best_epoch,
        "data": {
            "name": job.training.name,
            "fingerprint": settings["data_fingerprint"],
            "duplicates": settings["duplicates"],
            "left_out": settings["left_out"],
            **describe_sides(job.training, job.validation),
        },
        "leaks": settings["leaks"],
        "start": settings["start"],
        "seconds": round(settings["seconds"], 1),
    }


def describe_making() -> dict[str, Any]:
    """Describes with what a RUN was made, where, and what it takes.

    Returns:
        The entries that the card of every RUN has.
    """
    # Versions explain why the same recipe gives other weights elsewhere
    libraries = {"python": platform.python_version()}
    for name in LIBRARIES:
        libraries[name] = version(name)
    return {
        "lentigo": lentigo.__version__,
        "disclaimer": DISCLAIMER,
        "input": {"shape": [SIDE, SIDE, 3], "type": "uint8 RGB", "resize": "squeeze to a square, bilinear"},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "training": {
            "backend": keras.backend.backend(),
            "devices": count_devices(),
            "dtype": keras.config.dtype_policy().name,
        },
        "libraries": libraries,
    }


def explain_logit(card: dict[str, Any]) -> str:
    """Explains what whoever runs the graph elsewhere must do with its logit.

    Args:
        card: Its entries on calibration and threshold.

    Returns:
        One sentence with the formula.
    """
    probability = explain_calibration(read_calibration(card["calibration"]))
    return (
        f"P(malignant) = {probability}; decided malignant at {card['threshold']:.6g} or above "
        f"(rule: {card['threshold_rule']})."
    )
