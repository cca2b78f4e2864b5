import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_curve

from lentigo.evaluation.decision_figures import draw_decision_curve, draw_risk_coverage
from lentigo.evaluation.figures import draw_reliability, draw_roc
from lentigo.evaluation.history_figures import draw_history
from lentigo.evaluation.scores.curves import tabulate_reliability, trace_bands, trace_net_benefit, trace_risk

PROBABILITY = np.random.default_rng(0).beta(0.6, 0.8, 400)
TRUTH = (np.random.default_rng(1).uniform(size=400) < PROBABILITY).astype(int)


def count_ink(path, colour):
    """Pixels of about one colour."""
    return (np.abs(np.asarray(Image.open(path).convert("RGB")).astype(int) - colour).max(axis=2) < 12).sum()


@pytest.mark.parametrize("n", [3, 40, 400])
def test_each_figure_is_drawn_of_few_photographs_and_of_many(tmp_path, n):
    truth, probability = TRUTH[:n], PROBABILITY[:n]
    dark, red = (0x37, 0x47, 0x4F), (0xC8, 0x55, 0x3D)
    assert (
        count_ink(draw_reliability(tabulate_reliability(truth, probability), tmp_path / "a.png"), dark) > 100
    )
    assert (
        count_ink(draw_decision_curve(trace_net_benefit(truth, probability), tmp_path / "b.png"), red) > 500
    )
    assert (
        count_ink(
            draw_risk_coverage(
                trace_risk((probability >= 0.5) == truth, np.abs(probability - 0.5)), tmp_path / "c.png"
            ),
            dark,
        )
        > 500
    )


def test_the_operating_point_is_marked(tmp_path):
    curve, dark, red = trace_net_benefit(TRUTH, PROBABILITY), (0x37, 0x47, 0x4F), (0xC8, 0x55, 0x3D)
    bare, marked = (
        draw_decision_curve(curve, tmp_path / "a.png"),
        draw_decision_curve(curve, tmp_path / "b.png", 0.3),
    )
    assert count_ink(marked, dark) > count_ink(bare, dark) + 200
    alpha = trace_risk((PROBABILITY >= 0.5) == TRUTH, np.abs(PROBABILITY - 0.5))
    bare, marked = (
        draw_risk_coverage(alpha, tmp_path / "c.png"),
        draw_risk_coverage(alpha, tmp_path / "d.png", (0.8, 0.1)),
    )
    assert count_ink(bare, red) == 0 < count_ink(marked, red)


def test_no_error_can_be_drawn(tmp_path):
    draw_risk_coverage(trace_risk(np.ones(20, bool), np.arange(20.0)), tmp_path / "a.png")
    draw_decision_curve(trace_net_benefit(np.zeros(20, int), np.linspace(0, 1, 20)), tmp_path / "b.png")
    draw_reliability(tabulate_reliability(np.zeros(20, int), np.linspace(0, 1, 20)), tmp_path / "c.png")


def test_the_roc_has_a_band_and_the_vectors_follow_the_page(tmp_path):
    truth, probability = np.repeat([0, 1], 30), np.linspace(0, 1, 60)
    bands = trace_bands(truth, probability, np.arange(60))
    svg = draw_roc(truth, probability, 0.5, tmp_path / "roc.png", bands).with_suffix(".svg").read_text()
    assert "95 % interval" in svg and "AUROC 1.000" in svg
    assert "var(--ink, #000000)" in svg and "var(--curve, #37474f)" in svg
    assert "#000000;" not in svg.replace("var(--ink, #000000)", "")


def test_bands_hold_the_curve_and_are_open_where_few_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    probability = np.clip(0.3 * truth + rng.normal(0.4, 0.2, 300), 0, 1)
    bands = trace_bands(truth, probability, np.arange(300))
    x, y, _ = roc_curve(truth, probability)
    inside = np.interp(bands.grid, x, y)
    low, high = bands.sensitivity
    assert np.mean((low <= inside + 1e-9) & (inside <= high + 1e-9)) > 0.95
    assert np.isnan(bands.precision[:, 0]).all() and np.isfinite(bands.precision[:, 50:]).all()


def test_the_history_names_its_lines_and_the_best_epoch(tmp_path):
    history = pd.DataFrame(
        {
            "stage": ["head"] * 2 + ["fine-tuning"] * 3,
            "epoch": [1, 2, 1, 2, 3],
            "loss": [0.9, 0.8, 0.7, 0.6, 0.5],
            "val_loss": [0.9, 0.8, 0.7, 0.7, 0.8],
            "val_accuracy": [0.5, 0.6, 0.7, 0.8, 0.7],
            "val_auroc": [0.99, 0.7, 0.8, 0.9, 0.85],
        }
    )
    svg = draw_history(history, tmp_path / "history.png").with_suffix(".svg").read_text()
    for words in ("training", "validation", "accuracy", "AUROC", "best epoch: 2 of fine-tuning"):
        assert f">{words}<" in svg, words
