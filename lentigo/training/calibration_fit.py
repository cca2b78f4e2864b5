"""Fitting on validation what turns logits into probabilities and says what a model knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit
from sklearn.covariance import LedoitWolf
from sklearn.isotonic import IsotonicRegression

from lentigo.inference.calibration import Calibration
from lentigo.inference.refusal import Reference, list_parts, scale

FEWEST = 30  # of each class: with fewer nothing is fitted
ENOUGH = 1000  # of each class: from here on a map of more than two parameters may be worth its freedom
FOLDS = 5  # of the cross-validation that chooses the map
TYPICAL = 0.95  # quantile of the training photographs' distances that is the unit of each part
SHIFTED = 0.015  # share of the validation lesions that are called shifted
ADMITTED = 0.01  # share of the pictures without a lesion that may pass for a lesion
SLOPES = (0.01, 100.0)  # a calibrated probability never falls with the logit


def fit_calibration(
    logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray | None = None
) -> Calibration:
    """The calibration that validation photographs allow.

    Nothing is fitted with fewer than 30 photographs of one class. Below 1,000 of one class it is Platt's two
    parameters. From there on the beta map or the isotonic one takes their place where cross-validation says
    that it is better: where its cross-entropy is lower by more than the standard error of the difference.

    Args:
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).
        groups: Photographs of one patient, lesion or picture share a number, int (n,); they share a fold.
            None: each photograph is its own group.

    Returns:
        The map; its `note` says why where none was fitted.
    """
    smaller = int(min(malignant.sum(), (malignant == 0).sum()))
    if smaller < FEWEST:
        note = f"not calibrated: validation has {smaller} photographs of one class, fewer than {FEWEST}"
        return Calibration(n=len(logits), note=note)
    if smaller < ENOUGH:
        return fit_platt(logits, malignant)
    return choose_map(logits, malignant, np.arange(len(logits)) if groups is None else groups)


def choose_map(logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray) -> Calibration:
    """Platt's map, or a freer one that is clearly better than each that is less free, in cross-validation
    over groups.
    """
    best = fit_platt
    losses = cross_entropies(best, logits, malignant, groups)
    for fit in (fit_beta, fit_isotonic):
        freer = cross_entropies(fit, logits, malignant, groups)
        gains = losses - freer
        if gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)):
            best, losses = fit, freer
    return best(logits, malignant)


def cross_entropies(
    fit: Callable[[np.ndarray, np.ndarray], Calibration],
    logits: np.ndarray,
    malignant: np.ndarray,
    groups: np.ndarray,
) -> np.ndarray:
    """The cross-entropy of each photograph, float (n,), by a map that was fitted without its group."""
    names, group = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names))[group] % FOLDS
    probability = np.empty(len(logits))
    for number in range(FOLDS):
        held_out = fold == number
        fitted = fit(logits[~held_out], malignant[~held_out])
        probability[held_out] = fitted.apply(logits[held_out])
    probability = np.clip(probability, 1e-12, 1 - 1e-12)
    return -np.where(malignant == 1, np.log(probability), np.log(1 - probability))


def fit_platt(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """Slope and intercept of the least cross-entropy (Platt 1999)."""
    slope, intercept = fit_log_odds(np.stack([logits], axis=1), malignant)
    return Calibration("platt", slope=slope, intercept=intercept, n=len(logits))


def fit_beta(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """The beta map (Kull, Silva Filho and Flach 2017): two slopes, that of large logits and that of small
    ones.
    """
    softplus = np.stack([np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=1)
    slope, slope_below, intercept = fit_log_odds(softplus, malignant)
    return Calibration("beta", slope=slope, slope_below=slope_below, intercept=intercept, n=len(logits))


def fit_log_odds(columns: np.ndarray, malignant: np.ndarray) -> list[float]:
    """Coefficients of the columns, none below `SLOPES`, and the intercept of the least cross-entropy.

    The targets are Platt's: (n + 1) / (n + 2) for the n malignant and 1 / (m + 2) for the m benign
    photographs, so that classes which can be told apart without error do not lead to infinite slopes.
    """
    positives, negatives = malignant.sum(), (malignant == 0).sum()
    target = np.where(malignant == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.column_stack([columns, np.ones(len(columns))])

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = design @ coefficients
        value = -(target * log_expit(log_odds) + (1 - target) * log_expit(-log_odds)).mean()
        gradient = design.T @ (np.exp(log_expit(log_odds)) - target) / len(target)
        return float(value), gradient

    slopes = columns.shape[1]
    start = np.append(np.ones(slopes), 0.0)
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[SLOPES] * slopes + [(None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return [float(value) for value in found.x]


def fit_isotonic(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """An isotonic map; its ends stay as far from 0 and 1 as the rule of succession asks (Laplace)."""
    margin = 1 / (len(logits) + 2)
    isotonic = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip")
    fitted = isotonic.fit(logits, malignant)
    knots, values = tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist())
    return Calibration("isotonic", knots=knots, values=values, n=len(logits))


def fit_reference(
    points: np.ndarray,
    malignant: np.ndarray,
    held_out: np.ndarray,
    malignant_held_out: np.ndarray,
    probability: np.ndarray,
    output: str = "embedding",
    no_lesions: np.ndarray | None = None,
) -> Reference:
    """What a model knows, from an output of its graph.

    The common covariance is shrunk after Ledoit & Wolf (2004), since an embedding has about as many numbers
    as there are photographs.

    Args:
        points: The output for the training photographs, (n, d).
        malignant: Their truth, 0 or 1, int (n,).
        held_out: The output for the validation photographs, (m, d).
        malignant_held_out: Their truth, int (m,).
        probability: Their calibrated P(malignant), float (m,).
        output: Its name: what is measured of it `Reference` says.
        no_lesions: The output for pictures that show no lesion, (k, d). They set the limit of what is
            refused: all but the share `ADMITTED` of them lie beyond it. The limit of a shift lets all but the
            share `SHIFTED` of the validation photographs pass. Without such pictures, or where they lie as
            near as lesions do, the limit of a shift is that of the refusal, too.
    """
    points = scale(points, output)
    centres = np.stack([points[malignant == label].mean(axis=0) for label in (0, 1)])
    whitening = np.zeros((points.shape[1], points.shape[1]), np.float32)
    parts = list_parts(output, points.shape[1])
    for part in parts:
        residuals = points[:, part] - centres[malignant][:, part]
        whitening[part, part] = find_whitening(residuals)
        if len(parts) > 1:  # distances in spaces of other dimensions are made comparable
            distance = np.linalg.norm(residuals @ whitening[part, part], axis=1)
            whitening[part, part] /= np.quantile(distance, TYPICAL)
    benign, positive = (np.sort(probability[malignant_held_out == label]) for label in (0, 1))
    reference = Reference(centres.astype(np.float32), whitening, np.inf, benign, positive, output)
    return set_limits(reference, reference.measure_distance(held_out), no_lesions)


def find_whitening(residuals: np.ndarray) -> np.ndarray:
    """What makes the Euclidean distance of residuals, float (n, d), their Mahalanobis distance: (d, d)."""
    precision = LedoitWolf(assume_centered=True).fit(residuals).precision_
    values, vectors = np.linalg.eigh(precision)
    whitening = vectors * np.sqrt(np.maximum(values, 0))
    return whitening


def set_limits(reference: Reference, distance: np.ndarray, no_lesions: np.ndarray | None) -> Reference:
    """The reference with both limits, from the distances of lesions that it has not seen, float (m,), and
    pictures without a lesion, (k, d).
    """
    shift_limit = float(np.quantile(distance, 1 - SHIFTED, method="higher"))
    limit = shift_limit
    if no_lesions is not None:
        limit = max(
            limit, float(np.quantile(reference.measure_distance(no_lesions), ADMITTED, method="lower"))
        )
    return replace(reference, limit=limit, shift_limit=shift_limit)
