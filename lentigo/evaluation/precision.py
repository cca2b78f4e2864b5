"""Whether bf16 decides as fp32 does: measured for each RUN when it is made, since networks differ in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from lentigo.inference.operating_point import choose_threshold
from lentigo.models.runtime import Session, fastest_precision, measure_logits

EQUAL_DECISIONS = 0.995  # share of photographs that bf16 must decide as fp32 does
LARGEST_LOSS = 0.002  # of AUROC
SAMPLE = 256  # photographs


@dataclass(frozen=True)
class PrecisionCheck:
    """bf16 beside fp32 on `n` photographs. `neutral`: equal enough to be used by default."""

    n: int
    decisions_equal: float
    auroc_f32: float
    auroc_bf16: float
    largest_difference: float  # of P(malignant)
    neutral: bool


def check_precision(graph: Path, images: list[str], malignant: np.ndarray, rule: str = "0.5") -> PrecisionCheck | None:
    """Compares logits of both precisions on at most 256 of the photographs, and decisions at the operating point of `rule`.

    None where this processor does not compute in bf16: then nothing is known, and fp32 is used.
    """
    if fastest_precision() != "bf16":
        return None
    rows = np.unique(np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).round().astype(int))
    chosen = [images[row] for row in rows]
    f32, bf16 = (measure_logits(Session(graph, precision=precision), chosen) for precision in ("f32", "bf16"))
    return compare_logits(f32, bf16, malignant[rows], rule)


def compare_logits(f32: np.ndarray, bf16: np.ndarray, malignant: np.ndarray, rule: str = "0.5") -> PrecisionCheck:
    """Compares logits, float (n,), of the same photographs; NaN (unreadable) is left out.

    >>> compare_logits(np.array([-1.0, 2.0]), np.array([-1.1, 2.1]), np.array([0, 1])).neutral
    True
    """
    known = ~np.isnan(f32)
    f32, bf16, malignant = expit(f32[known]), expit(bf16[known]), malignant[known]
    both = 0 < malignant.sum() < len(malignant)
    threshold = choose_threshold(rule if both else "0.5", malignant, f32)
    equal = float(((f32 >= threshold) == (bf16 >= threshold)).mean())
    aurocs = [float(roc_auc_score(malignant, values)) if both else 0.5 for values in (f32, bf16)]
    neutral = equal >= EQUAL_DECISIONS and abs(aurocs[0] - aurocs[1]) <= LARGEST_LOSS
    return PrecisionCheck(len(f32), equal, *aurocs, float(np.abs(f32 - bf16).max()), bool(neutral))
