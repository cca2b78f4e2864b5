"""Figures of tuning: what is on them."""

import numpy as np
import pandas as pd

from lentigo.common.plots import new_figure
from lentigo.training.selection.tuning.tuning_charts import draw_slice, plot_progress

TRIALS = pd.DataFrame(
    {"number": range(4), "auroc": [0.8, 0.9, 0.85, 0.95], "learning_rate": [1e-3, 1e-4, 1e-2, 1e-5]}
)


def test_the_best_so_far_is_a_step():
    axes = new_figure().subplots()
    plot_progress(axes, TRIALS)
    step = next(line for line in axes.lines if line.get_label() == "best so far")
    assert step.get_drawstyle() == "steps-post"
    assert np.allclose(step.get_ydata(), [0.8, 0.9, 0.9, 0.95])


def test_a_slice_of_a_learning_rate_is_logarithmic_and_says_what_its_marks_are():
    axes = new_figure().subplots()
    draw_slice(axes, TRIALS, "learning_rate", True)
    assert axes.get_xscale() == "log"
    assert axes.get_legend_handles_labels()[1] == ["a trial, the later the darker", "the default recipe"]
