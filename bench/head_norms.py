"""Whether it matters that a batch norm's moving statistics follow the raw weights while the averaged weights
are saved: a simulation of a head.

    python bench/head_norms.py

A layer, ReLU, batch norm and one logit learn from points of two classes by Adam, batch 32, with a moving
average of the weights (0.99) and of the batch norm's statistics (0.99). After each epoch the averaged network
answers new points twice: with the statistics that it has, and with those that its own weights give on the
training points.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from tables import make_parser, print_table

POINTS, FEATURES, UNITS, BATCH = 2112, 64, 256, 32
MOMENTUM = 0.99
EPSILON = 1e-3  # Keras' of a batch norm


def main() -> None:
    """Prints, for each rate and epoch, both AUROCs and how far the answers lie apart."""
    parser = make_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    direction = rng.normal(0, 2.2 / np.sqrt(FEATURES), FEATURES)
    learn, check = (draw(count, direction, rng) for count in (POINTS, 5000))
    rows = []
    for rate in (1e-4, 1e-3):
        rows += train(rate, options.epochs, learn, check)
    print_table(
        ["rate", "epoch", "AUROC, as saved", "own statistics", "P apart, mean", "largest", "decisions alike"],
        rows,
    )


def draw(count: int, direction: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points, float (n, d), and their class, int (n,)."""
    labels = rng.integers(0, 2, count)
    return rng.normal(0, 1, (count, FEATURES)) + (labels - 0.5)[:, None] * direction, labels


def train(
    rate: float, epochs: int, learn: tuple[np.ndarray, np.ndarray], check: tuple[np.ndarray, np.ndarray]
) -> list[list[str]]:
    """A row for each epoch."""
    rng = np.random.default_rng(1)
    weights = {
        "first": rng.normal(0, np.sqrt(2 / FEATURES), (FEATURES, UNITS)),
        "bias": np.zeros(UNITS),
        "gamma": np.ones(UNITS),
        "beta": np.zeros(UNITS),
        "last": rng.normal(0, np.sqrt(1 / UNITS), UNITS),
        "end": np.zeros(1),
    }
    averaged = {name: values.copy() for name, values in weights.items()}
    moments = {name: (np.zeros_like(values), np.zeros_like(values)) for name, values in weights.items()}
    mean, variance, step, rows = np.zeros(UNITS), np.ones(UNITS), 0, []
    for epoch in range(epochs):
        for batch in np.split(rng.permutation(POINTS), POINTS // BATCH):
            gradients, batch_mean, batch_variance = differentiate(weights, learn[0][batch], learn[1][batch])
            step += 1
            for name, gradient in gradients.items():
                first, second = moments[name]
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient**2 - second)
                weights[name] -= (
                    rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-7)
                )
                averaged[name] += (1 - MOMENTUM) * (weights[name] - averaged[name])
            mean += (1 - MOMENTUM) * (batch_mean - mean)
            variance += (1 - MOMENTUM) * (batch_variance - variance)
        hidden = activate(averaged, learn[0])
        saved = answer(averaged, check[0], mean, variance)
        own = answer(averaged, check[0], hidden.mean(axis=0), hidden.var(axis=0))
        apart = np.abs(expit(saved) - expit(own))
        alike = ((saved > 0) == (own > 0)).mean()
        aurocs = [f"{roc_auc_score(check[1], logits):.4f}" for logits in (saved, own)]
        rows.append(
            [
                f"{rate:g}",
                str(epoch + 1),
                *aurocs,
                f"{apart.mean():.4f}",
                f"{apart.max():.4f}",
                f"{alike:.2%}",
            ]
        )
    return rows


def activate(weights: dict[str, np.ndarray], points: np.ndarray) -> np.ndarray:
    """What the batch norm sees, float (n, units)."""
    return np.maximum(points @ weights["first"] + weights["bias"], 0)


def answer(
    weights: dict[str, np.ndarray], points: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """Logits, float (n,), with given statistics."""
    normal = (activate(weights, points) - mean) / np.sqrt(variance + EPSILON)
    return (normal * weights["gamma"] + weights["beta"]) @ weights["last"] + weights["end"]


def differentiate(
    weights: dict[str, np.ndarray], points: np.ndarray, labels: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The gradients of the cross-entropy of a batch, and its means and variances."""
    hidden = activate(weights, points)
    mean, variance = hidden.mean(axis=0), hidden.var(axis=0)
    spread = np.sqrt(variance + EPSILON)
    normal = (hidden - mean) / spread
    scaled = normal * weights["gamma"] + weights["beta"]
    error = (expit(scaled @ weights["last"] + weights["end"]) - labels) / len(labels)
    back = error[:, None] * weights["last"]
    inner = back * weights["gamma"]
    before = (inner - inner.mean(axis=0) - normal * (inner * normal).mean(axis=0)) / spread * (hidden > 0)
    gradients = {
        "first": points.T @ before,
        "bias": before.sum(axis=0),
        "gamma": (back * normal).sum(axis=0),
        "beta": back.sum(axis=0),
        "last": scaled.T @ error,
        "end": np.array([error.sum()]),
    }
    return gradients, mean, variance


if __name__ == "__main__":
    main()
