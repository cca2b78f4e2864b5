"""Fitting the map from logits to probabilities on validation photographs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit
from sklearn.isotonic import IsotonicRegression

from lentigo.inference.decisions.calibration import Calibration

MIN_PER_CLASS = 30  # photographs; with fewer of one class nothing is fitted
MIN_PER_CLASS_FREE = 1000  # photographs; from here on a map of more than two parameters may be worth it
CALIBRATION_FOLDS = 5  # of the cross-validation that chooses the map
SLOPE_BOUNDS = (0.01, 100.0)  # a calibrated probability never falls with the logit
MIN_PROBABILITY = 1e-12  # keeps the cross-entropy of a probability finite

Fit = Callable[[np.ndarray, np.ndarray], Calibration]  # logits (n,) and truth (n,) to the map


def fit_calibration(
    logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray | None = None
) -> Calibration:
    """Fits the calibration that validation photographs allow.

    Nothing is fitted with fewer than 30 photographs of one class. Below 1,000 of one class it is Platt's two
    parameters. From there on the beta map or the isotonic one takes their place where cross-validation says
    that it is better: where its cross-entropy is lower by more than the standard error of the difference.

    Args:
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).
        groups: Photographs of one patient, lesion or scene share a number, int (n,); they share a fold.
            None: each photograph is its own group.

    Returns:
        The map; its `note` says why where none was fitted.
    """
    smaller_class = int(min(malignant.sum(), (malignant == 0).sum()))
    if smaller_class < MIN_PER_CLASS:
        note = (
            f"not calibrated: validation has {smaller_class} photographs of one class, fewer than "
            f"{MIN_PER_CLASS}"
        )
        return Calibration(n=len(logits), note=note)
    if smaller_class < MIN_PER_CLASS_FREE:
        return fit_platt(logits, malignant)
    if groups is None:
        groups = np.arange(len(logits))
    return choose_map(logits, malignant, groups)


def choose_map(logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray) -> Calibration:
    """Platt's map, or a freer one that is clearly better than each that is less free, by cross-validation."""
    best_fit: Fit = fit_platt
    best_losses = cross_validate(fit_platt, logits, malignant, groups)
    for fit in (fit_beta, fit_isotonic):
        losses = cross_validate(fit, logits, malignant, groups)
        if are_clearly_lower(losses, best_losses):
            best_fit = fit
            best_losses = losses
    return best_fit(logits, malignant)


def are_clearly_lower(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether losses, float (n,), are lower than others of the same photographs."""
    gains = others - losses
    # By more than one standard error, or a freer map is only luck
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


def cross_validate(fit: Fit, logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The cross-entropy of each photograph, float (n,), by a map that was fitted without its group.

    Args:
        fit: Fits a map to logits and the truth.
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).
        groups: Photographs of one patient, lesion or scene share a number, int (n,).
    """
    names, group = np.unique(groups, return_inverse=True)
    # Whole groups in one fold: a duplicate must not calibrate its twin
    fold = np.random.default_rng(0).permutation(len(names))[group] % CALIBRATION_FOLDS
    probability = np.empty(len(logits))
    for number in range(CALIBRATION_FOLDS):
        held_out = fold == number
        fitted = fit(logits[~held_out], malignant[~held_out])
        probability[held_out] = fitted.apply(logits[held_out])
    probability = np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return -np.where(malignant == 1, np.log(probability), np.log(1 - probability))


def fit_platt(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """Fits slope and intercept by the least cross-entropy (Platt 1999).

    Args:
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).

    Returns:
        The map.
    """
    slope, intercept = fit_log_odds(logits[:, None], malignant)
    return Calibration("platt", slope=slope, intercept=intercept, n=len(logits))


def fit_beta(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """Fits the beta map (Kull, Silva Filho and Flach 2017): a slope of large logits and one of small ones.

    Args:
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).

    Returns:
        The map.
    """
    # Softplus of the logit and of its negative: the logarithms of both probabilities, (n, 2).
    columns = np.stack([np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=1)
    slope, slope_below, intercept = fit_log_odds(columns, malignant)
    return Calibration("beta", slope=slope, slope_below=slope_below, intercept=intercept, n=len(logits))


def fit_log_odds(columns: np.ndarray, malignant: np.ndarray) -> list[float]:
    """Coefficients of the columns, within `SLOPE_BOUNDS`, and the intercept of the least cross-entropy.

    The targets are Platt's: (n + 1) / (n + 2) for the n malignant and 1 / (m + 2) for the m benign
    photographs, so that classes which can be told apart without error do not lead to infinite slopes.
    """
    n_malignant = malignant.sum()
    n_benign = (malignant == 0).sum()
    # Platt's targets: a little inside 0 and 1, as if each class had one photograph more
    target = np.where(malignant == 1, (n_malignant + 1) / (n_malignant + 2), 1 / (n_benign + 2))
    design = np.column_stack([columns, np.ones(len(columns))])

    def measure_loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = design @ coefficients
        entropy = -(target * log_expit(log_odds) + (1 - target) * log_expit(-log_odds)).mean()
        gradient = design.T @ (np.exp(log_expit(log_odds)) - target) / len(target)
        return float(entropy), gradient

    n_slopes = columns.shape[1]
    found = minimize(
        measure_loss,
        # From the identity on: slope 1, intercept 0
        np.append(np.ones(n_slopes), 0.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[SLOPE_BOUNDS] * n_slopes + [(None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return [float(value) for value in found.x]


def fit_isotonic(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """Fits an isotonic map.

    Args:
        logits: What the graph gives, float (n,).
        malignant: The truth, 0 or 1, int (n,).

    Returns:
        The map; its ends stay as far from 0 and 1 as the rule of succession asks (Laplace).
    """
    # No probability of 0 or 1: the next photograph may prove it wrong
    margin = 1 / (len(logits) + 2)
    isotonic = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip")
    fitted = isotonic.fit(logits, malignant)
    knots = tuple(fitted.X_thresholds_.tolist())
    values = tuple(fitted.y_thresholds_.tolist())
    return Calibration("isotonic", knots=knots, values=values, n=len(logits))
