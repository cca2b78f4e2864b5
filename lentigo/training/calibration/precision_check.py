"""Whether bf16 decides as fp32 does: measured for each RUN when it is made, since networks differ in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lentigo.common.statistics.aurocs import has_both_classes
from lentigo.datasets.dataset import Dataset
from lentigo.images.photographs import SIDE
from lentigo.inference.decisions.operating_point import choose_threshold
from lentigo.models.compilation import fastest_precision
from lentigo.models.exports.agreement import compare_predictions, measure_logits
from lentigo.models.runtime import Session
from lentigo.training.calibration.calibration_fit import fit_calibration


@dataclass(frozen=True)
class PrecisionCheck:
    """bf16 beside fp32 on the validation photographs.

    Attributes:
        n: The number of photographs.
        decisions_equal: The share of them that both decide alike at the operating point.
        auroc_f32: In fp32.
        auroc_bf16: In bf16.
        auroc_loss_ci: The 95 % interval of what bf16 loses of it.
        largest_difference: Of calibrated P(malignant).
        mean_difference: Of it, without its sign.
        neutral: Whether the rule of `lentigo.models.exports.agreement` holds: bf16 may be used by default.
    """

    n: int
    decisions_equal: float
    auroc_f32: float
    auroc_bf16: float
    auroc_loss_ci: tuple[float, float]
    largest_difference: float
    mean_difference: float
    neutral: bool


@dataclass(frozen=True)
class Served:
    """The logits of a graph in the precision that a RUN of it is served in.

    Attributes:
        logits: Float (n,); NaN for a photograph that cannot be read.
        check: What decided the precision; None where there was nothing to decide: fp32.
    """

    logits: np.ndarray
    check: PrecisionCheck | None

    @property
    def precision(self) -> str:
        """The precision: "bf16" or "f32"."""
        return name_precision(self.check)


def name_precision(check: PrecisionCheck | None) -> str:
    """Names the precision that a RUN is served in where the processor has it.

    Args:
        check: How bf16 compares with fp32; None where that was not measured.

    Returns:
        "bf16" or "f32".
    """
    return "bf16" if check is not None and check.neutral else "f32"


def measure_served(
    graph: Path | bytes, dataset: Dataset, rule: str, *, fp32: bool = False, side: int = SIDE
) -> Served:
    """Runs a graph on photographs in the precision that a RUN of it would be served in.

    Args:
        graph: The graph, or the file that holds it.
        dataset: The n photographs with their labels and groups.
        rule: That of the operating point, at which decisions are compared.
        fp32: Whether fp32 is served whatever bf16 would decide.
        side: That of the photographs as the graph takes them, in pixels.

    Returns:
        The logits, and how bf16 compares with fp32 where this processor computes in it.
    """
    # fp32 is always measured: it is what bf16 is compared with
    images = dataset.table["image"].tolist()
    f32 = measure_logits(Session(graph, precision="f32"), images, side)
    if fp32 or fastest_precision() != "bf16":
        return Served(f32, None)
    bf16 = measure_logits(Session(graph, precision="bf16"), images, side)
    check = compare_logits(f32, bf16, dataset.malignant, rule, dataset.groups)
    return Served(bf16 if check.neutral else f32, check)


def check_precision(graph: Path, dataset: Dataset, rule: str, *, fp32: bool = False) -> PrecisionCheck | None:
    """Compares bf16 with fp32 on photographs, as `measure_served` does.

    Args:
        graph: The file that holds the graph.
        dataset: The photographs with their labels and groups.
        rule: That of the operating point, at which decisions are compared.
        fp32: Whether fp32 is served whatever bf16 would decide.

    Returns:
        The comparison; None where there is nothing to decide.
    """
    if fp32 or fastest_precision() != "bf16":
        return None
    return measure_served(graph, dataset, rule).check


def compare_logits(
    f32: np.ndarray,
    bf16: np.ndarray,
    malignant: np.ndarray,
    rule: str = "0.5",
    groups: np.ndarray | None = None,
) -> PrecisionCheck:
    """Compares the logits of both precisions, once they are calibrated, at the operating point of a rule.

    Args:
        f32: Logits in fp32, float (n,); NaN (unreadable) is left out.
        bf16: Those in bf16.
        malignant: The truth, 0 or 1, int (n,).
        rule: That of the operating point, in fp32.
        groups: Group numbers, int (n,); None: each photograph is its own.

    Returns:
        The check.
    """
    if groups is None:
        # A photograph that cannot be read has NaN in both
        groups = np.arange(len(f32))
    readable = ~np.isnan(f32) & ~np.isnan(bf16)
    f32 = f32[readable]
    bf16 = bf16[readable]
    malignant = malignant[readable]
    groups = groups[readable]
    calibration = fit_calibration(f32, malignant, groups)
    probability_f32 = calibration.apply(f32)
    probability_bf16 = calibration.apply(bf16)
    both_classes = has_both_classes(malignant)  # without, a rule has nothing to go by
    threshold = choose_threshold(rule if both_classes else "0.5", malignant, probability_f32)
    decided = (probability_f32 >= threshold, probability_bf16 >= threshold)
    agreement = compare_predictions(malignant, (probability_f32, probability_bf16), decided, groups)
    return PrecisionCheck(
        n=agreement.n,
        decisions_equal=agreement.decisions_equal,
        auroc_f32=agreement.auroc_before,
        auroc_bf16=agreement.auroc_after,
        auroc_loss_ci=agreement.loss_ci,
        largest_difference=agreement.largest_difference,
        mean_difference=agreement.mean_difference,
        neutral=agreement.neutral,
    )
