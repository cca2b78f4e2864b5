"""Lentigo: train, audit, evaluate, explain and serve a classifier for photographs of skin lesions.

>>> import lentigo
>>> lentigo.find_recipe("seed").epochs
150
"""

from importlib import import_module
from typing import Any

from lentigo.errors import explain_missing

__version__ = "0.1.0"

_PLACES = {  # each verb is imported when it is first asked for: importing Lentigo itself costs nothing
    "load_dataset": "lentigo.data.manifests",
    "audit": "lentigo.data.audit",
    "train": "lentigo.training.trainer",
    "train_masks": "lentigo.training.masks",
    "find_recipe": "lentigo.training.recipes",
    "evaluate": "lentigo.evaluation.assessment",
    "predict": "lentigo.inference.prediction",
    "explain": "lentigo.inference.explanation",
    "segment": "lentigo.inference.segmentation",
    "detect": "lentigo.inference.detection",
    "export": "lentigo.models.export",
    "serve": "lentigo.serving.server",
}
__all__ = [*_PLACES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        try:
            return getattr(import_module(_PLACES[name]), name)
        except ModuleNotFoundError as error:
            missing = explain_missing(error, name)
            if missing is None:
                raise
            raise missing from error
    raise AttributeError(f"module 'lentigo' has no attribute {name!r}")
