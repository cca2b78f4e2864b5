"""Fitting on validation what turns logits into probabilities and says what a model knows."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit
from sklearn.covariance import LedoitWolf
from sklearn.isotonic import IsotonicRegression

from lentigo.inference.calibration import Calibration
from lentigo.inference.refusal import Reference, scale

FEWEST = 30  # of each class: with fewer nothing is fitted
ENOUGH = 1000  # of each class: then an isotonic map is worth its freedom (Niculescu-Mizil & Caruana 2005)
UNKNOWN = 0.015  # share of the validation lesions that the distance refuses
TEMPERATURES = (0.05, 20.0)


def fit_calibration(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """The calibration that validation photographs with logits (n,) and truth 0 or 1 (n,) allow.

    A temperature; an isotonic map with 1,000 photographs of each class; nothing with fewer than 30 of one.
    """
    smaller, n = int(min(malignant.sum(), (malignant == 0).sum())), len(logits)
    if smaller < FEWEST:
        return Calibration(n=n, note=f"not calibrated: validation has {smaller} photographs of one class, fewer than {FEWEST}")
    if smaller >= ENOUGH:
        return fit_isotonic(logits, malignant)
    return Calibration("temperature", fit_temperature(logits, malignant), n=n)


def fit_temperature(logits: np.ndarray, malignant: np.ndarray) -> float:
    """The temperature of the least cross-entropy (Guo 2017)."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return -np.where(malignant == 1, log_expit(scaled), log_expit(-scaled)).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def fit_isotonic(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """An isotonic map; its ends stay as far from 0 and 1 as the rule of succession asks (Laplace)."""
    margin = 1 / (len(logits) + 2)
    fitted = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(logits, malignant)
    return Calibration("isotonic", 1.0, tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()), len(logits))


def fit_reference(
    points: np.ndarray, malignant: np.ndarray, held_out: np.ndarray, malignant_held_out: np.ndarray, probability: np.ndarray, output: str = "embedding"
) -> Reference:
    """What a model knows, from an output of its graph, (n, d) for its training photographs and (m, d) for validation, whose probabilities are (m,).

    The common covariance is shrunk after Ledoit & Wolf (2004), since an embedding has about as many numbers as there are photographs.
    The limit lets all but `UNKNOWN` of the validation photographs pass.
    """
    points = scale(points, output)
    centres = np.stack([points[malignant == label].mean(axis=0) for label in (0, 1)])
    precision = LedoitWolf(assume_centered=True).fit(points - centres[malignant]).precision_
    values, vectors = np.linalg.eigh(precision)
    whitening = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    benign, positive = (np.sort(probability[malignant_held_out == label]) for label in (0, 1))
    reference = Reference(centres.astype(np.float32), whitening, np.inf, benign, positive, output)
    limit = float(np.quantile(reference.measure_distance(held_out), 1 - UNKNOWN, method="higher"))
    return Reference(reference.centres, whitening, limit, benign, positive, output)
