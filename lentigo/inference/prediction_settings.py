"""How a RUN predicts: what a caller may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from lentigo.errors import UsageError


@dataclass(frozen=True)
class PredictionSettings:
    """How a RUN predicts.

    Attributes:
        fp32: Computes in fp32, also where a faster precision is as good.
        tta: Averages mask and logit over four mirrored views, the logit where the RUN has a calibration for
            that mean.
        device: One of `lentigo.models.inference_session.DEVICES`.
        operating_point: The rule of the threshold; None for the card's.
        alpha: The share of each class that the conformal set may miss; None for the card's.
        prevalence: The share of malignant lesions where the model is used: probabilities and threshold are
            shifted to it, decisions stay. None for that of validation.
        threads: How many processors are used; None for all.
        explained: Whether a pass gives heatmap and mask beside the prediction. Without them it is cheaper:
            nothing is computed that only they need.
    """

    fp32: bool = False
    tta: bool = False
    device: str = "cpu"
    operating_point: str | None = None
    alpha: float | None = None
    prevalence: float | None = None
    threads: int | None = None
    explained: bool = True


class SettingFields(TypedDict, total=False):
    """The fields of `PredictionSettings` as keyword arguments: a type checker knows their names and types."""

    fp32: bool
    tta: bool
    device: str
    operating_point: str | None
    alpha: float | None
    prevalence: float | None
    threads: int | None
    explained: bool


def read_settings(settings: SettingFields) -> PredictionSettings:
    """Reads the settings of a call.

    Args:
        settings: Fields of `PredictionSettings`.

    Raises:
        UsageError: A name is none of theirs.
    """
    known = PredictionSettings.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise UsageError(f"{name!r} is no setting of a model; expected one of {', '.join(known)}")
    return PredictionSettings(**settings)
