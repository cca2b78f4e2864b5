"""How a RUN predicts: what a caller may choose."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypedDict

from lentigo.common.file_names import describe_value
from lentigo.errors import UsageError

MAX_ALPHA = 0.5  # beyond, a conformal set misses a class more often than not


@dataclass(frozen=True)
class PredictionSettings:
    """How a RUN predicts.

    Attributes:
        fp32: Computes in fp32, also where a faster precision is as good.
        tta: Averages mask and logit over four mirrored views, the logit where the RUN has a calibration for
            that mean.
        device: One of `lentigo.models.inference_session.DEVICES`.
        operating_point: The rule of the threshold, or the threshold itself; None for the card's.
        alpha: The share of each class that the conformal set may miss; None for the card's.
        prevalence: The share of malignant lesions where the model is used: probabilities and threshold are
            shifted to it, decisions stay. None for that of validation.
        threads: How many processors are used; None for all.
        explained: Whether a pass gives heatmap and mask beside the prediction. Without them it is cheaper:
            nothing is computed that only they need.

    Raises:
        UsageError: A setting is of another type, or out of its range.
    """

    fp32: bool = False
    tta: bool = False
    device: str = "cpu"
    operating_point: str | None = None
    alpha: float | None = None
    prevalence: float | None = None
    threads: int | None = None
    explained: bool = True

    def __post_init__(self) -> None:
        point: Any = self.operating_point
        if is_number(point):
            object.__setattr__(self, "operating_point", str(float(point)))
        require_text(
            self.operating_point, "operating_point", "a rule such as 'sensitivity=0.95', or a number"
        )
        require_text(self.device, "device", "a device such as 'cpu'")
        require_number(self.alpha, "alpha", f"a share from 0 to {MAX_ALPHA}", (0, MAX_ALPHA))
        require_number(self.prevalence, "prevalence", "the share of malignant lesions, such as 0.02")
        require_count(self.threads, "threads", "a number of processors, or None for all")


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


def is_number(value: Any) -> bool:
    """Whether a value is a number, also one of NumPy; a bool is none.

    Args:
        value: Any.
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def require_text(value: Any, name: str, expected: str) -> None:
    """Raises `UsageError` for a setting that is neither text nor None.

    Args:
        value: Of the setting.
        name: Of the setting.
        expected: What the error asks for.
    """
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} is {describe_value(value)}; expected {expected}")


def require_number(
    value: Any, name: str, expected: str, limits: tuple[float, float] = (-float("inf"), float("inf"))
) -> None:
    """Raises `UsageError` for a setting that is neither a number within its limits nor None.

    Args:
        value: Of the setting.
        name: Of the setting.
        expected: What the error asks for.
        limits: The least and the most, both allowed.
    """
    if value is None:
        return
    low, high = limits
    if not is_number(value) or not (low <= value <= high or value != value):
        raise UsageError(f"{name} is {describe_value(value)}; expected {expected}")


def require_count(value: Any, name: str, expected: str) -> None:
    """Raises `UsageError` for a setting that is neither a whole number above 0 nor None.

    Args:
        value: Of the setting.
        name: Of the setting.
        expected: What the error asks for.
    """
    is_count = isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0
    if value is not None and not is_count:
        raise UsageError(f"{name} is {describe_value(value)}; expected {expected}")
