"""Lentigo: train, audit, evaluate, explain and serve a classifier for photographs of skin lesions.

>>> import lentigo
>>> lentigo.find_recipe("seed").epochs
150
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from lentigo._version import __version__
from lentigo.errors import explain_missing

_PLACES = {  # each verb is imported when it is first asked for: importing Lentigo itself costs nothing
    "load_dataset": "lentigo.datasets.manifests",
    "split_dataset": "lentigo.splits.partition",
    "audit": "lentigo.inference.auditing.dataset_audit",
    "fit": "lentigo.training.fitting.fit",
    "train": "lentigo.training.trainer",
    "train_masks": "lentigo.training.masks.mask_training",
    "find_recipe": "lentigo.training.recipe_lookup",
    "compare_backbones": "lentigo.training.selection.comparison",
    "tune": "lentigo.training.selection.tuning.tuning",
    "evaluate": "lentigo.evaluation.assessment",
    "load_model": "lentigo.inference.loaded_model",
    "index_cases": "lentigo.inference.similarity.case_indexing",
    "predict": "lentigo.inference.prediction",
    "explain": "lentigo.inference.explanation",
    "segment": "lentigo.inference.lesions.segmentation",
    "detect": "lentigo.inference.lesions.detection",
    "export": "lentigo.models.exports.export",
    "serve": "lentigo.serving.server",
    "show_progress": "lentigo.common.progress",
}
__all__ = [*_PLACES, "__version__"]


def __dir__() -> list[str]:
    """The verbs, which Tab then completes before any of them is imported."""
    return sorted(__all__)


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


class _Package(ModuleType):
    """The package: `lentigo.audit` stays the verb, though importing the room `lentigo/audit` sets an
    attribute of that name.
    """

    @property
    def audit(self) -> Any:
        return __getattr__("audit")

    @audit.setter
    def audit(self, room: ModuleType) -> None:
        """Called by the import system; the room itself is found in `sys.modules`."""


sys.modules[__name__].__class__ = _Package
