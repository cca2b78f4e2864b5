import numpy as np
import pytest
from PIL import Image

from lentigo.evaluation.figures import draw_decision_curve, draw_reliability, draw_risk_coverage
from lentigo.evaluation.scores.curves import tabulate_reliability, trace_net_benefit, trace_risk

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
