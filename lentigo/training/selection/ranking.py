"""The result of a comparison: backbones best first, with intervals, tests against the best, and costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.files import write_csv
from lentigo.common.json_values import list_fields, replace_nan, write_json
from lentigo.common.plots import ShownFigure, new_figure
from lentigo.common.results.summaries import Summarized, add_problems
from lentigo.images.problems import Problem
from lentigo.inference.performance.costs import Cost
from lentigo.training.heads import Score
from lentigo.training.selection.charts import draw_tradeoff, plot_tradeoff
from lentigo.training.selection.repeated_scores import Mean, adjust_holm, average_scores

METHOD = (
    "means over folds and seeds; 95 % intervals and paired tests: Student's t with the variance of Nadeau "
    "and Bengio 2003, since trainings share "
    "photographs, of scores on the logit scale; p against the best, which was picked for its scores, "
    "adjusted after Holm 1979"
)


@dataclass(frozen=True)
class Missing:
    """A backbone that could not be compared.

    Attributes:
        backbone: Its name.
        reason: Why.
    """

    backbone: str
    reason: str


@dataclass(frozen=True)
class RankedBackbone:
    """One backbone of a comparison.

    Attributes:
        backbone: Its name.
        auroc: The mean over its trainings.
        accuracy: Likewise.
        behind: Its AUROC less that of the best on the same photographs; None for the best.
        p_adjusted: The p of that difference, adjusted for the number of tests; None for the best.
        scores: Of each training.
        cost: What it costs on this machine; None where it was not measured.
    """

    backbone: str
    auroc: Mean
    accuracy: Mean
    behind: Mean | None
    p_adjusted: float | None
    scores: tuple[Score, ...]
    cost: Cost | None

    def to_json(self) -> dict[str, Any]:
        """Means, intervals and costs; `seconds` are those of all its trainings."""
        behind = None
        if self.behind is not None:
            p_values = {"p": self.behind.p, "p_adjusted": self.p_adjusted}
            behind = {**self.behind.to_json(), **replace_nan(p_values)}
        return {
            "backbone": self.backbone,
            "auroc": self.auroc.to_json(),
            "accuracy": self.accuracy.to_json(),
            "behind": behind,
            "cost": self.cost and self.cost.to_json(),
            "aurocs": [score.auroc for score in self.scores],
            "accuracies": [score.accuracy for score in self.scores],
            "seconds": sum(score.seconds for score in self.scores),
        }

    def to_row(self) -> dict[str, Any]:
        """The row of the table; None where a value does not exist."""
        facts = self.to_json()
        behind = facts["behind"] or {}
        costs = facts["cost"] or {}
        auroc_low, auroc_high = facts["auroc"]["ci"]
        accuracy_low, accuracy_high = facts["accuracy"]["ci"]
        return {
            "backbone": self.backbone,
            "auroc": self.auroc.mean,
            "auroc_low": auroc_low,
            "auroc_high": auroc_high,
            "accuracy": self.accuracy.mean,
            "accuracy_low": accuracy_low,
            "accuracy_high": accuracy_high,
            "behind": behind.get("mean"),
            "p": behind.get("p"),
            "p_adjusted": behind.get("p_adjusted"),
            "trainings": len(self.scores),
            "seconds": facts["seconds"],
            **costs,
        }


@dataclass(frozen=True, repr=False, eq=False)
class Ranking(Summarized):
    """A finished comparison.

    Attributes:
        ranked: The backbones, best first.
        missing: Those that could not be compared.
        problems: The photographs that could not be read.
        facts: Of photographs and protocol.
    """

    ranked: tuple[RankedBackbone, ...]
    missing: tuple[Missing, ...]
    problems: tuple[Problem, ...]
    facts: dict[str, Any]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        ranked = [f"{one.backbone} {one.auroc.mean:.3f}" for one in self.ranked]
        missing = [f"{one.backbone} not compared" for one in self.missing]
        return add_problems(f"AUROC: {', '.join([*ranked, *missing])}", self.problems)

    def to_json(self) -> dict[str, Any]:
        """Every number, and the method of intervals and tests."""
        return {
            **self.facts,
            "method": METHOD,
            "backbones": list_fields(self.ranked),
            "missing": list_fields(self.missing),
            "problems": list_fields(self.problems),
        }

    def tabulate(self) -> pd.DataFrame:
        """Makes a table with a row for each backbone, best first.

        Returns:
            The table.
        """
        return pd.DataFrame([backbone.to_row() for backbone in self.ranked])

    def save(self, out: str | Path) -> Path:
        """Writes `comparison.json`, `comparison.csv` and the figure into a folder.

        Args:
            out: The folder.

        Returns:
            The figure's path.
        """
        folder = Path(out)
        write_json(folder / "comparison.json", self.to_json())
        write_csv(folder / "comparison.csv", self.tabulate())
        return draw_tradeoff(*self._list_tradeoff(), folder / "figures" / "quality_cost.png")

    def to_frame(self) -> pd.DataFrame:
        """The table of `tabulate`."""
        return self.tabulate()

    def figure(self) -> ShownFigure:
        """AUROC against the milliseconds of a photograph, as a Matplotlib figure."""
        figure = new_figure(7.2, 5.0)
        plot_tradeoff(figure.subplots(), *self._list_tradeoff())
        return figure

    def _list_tradeoff(self) -> tuple[list[str], list[Mean], list[float] | None]:
        """Names, AUROCs and milliseconds; None where a backbone was not timed."""
        names = [backbone.backbone for backbone in self.ranked]
        aurocs = [backbone.auroc for backbone in self.ranked]
        costs = [backbone.cost for backbone in self.ranked if backbone.cost is not None]
        milliseconds = None
        if len(costs) == len(self.ranked):
            milliseconds = [cost.milliseconds_among_many for cost in costs]
        return names, aurocs, milliseconds

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        shown = self.to_frame().dropna(axis="columns", how="all")
        return shown.to_html(index=False, float_format="{:.4g}".format) + self.figure().to_html()


def rank_backbones(
    scores: dict[str, list[Score]],
    costs: dict[str, Cost],
    ratio: float,
    *,
    missing: Sequence[Missing] = (),
    problems: Iterable[Problem] = (),
    facts: dict[str, Any] | None = None,
) -> Ranking:
    """Ranks backbones by their mean AUROC.

    Args:
        scores: Of each backbone by its name, of the same folds and seeds in the same order.
        costs: Of each backbone, as far as they were measured.
        ratio: Held-out photographs by those that are learned from, as in `average_scores`.
        missing: Backbones that could not be compared.
        problems: Photographs that could not be read.
        facts: Of photographs and protocol.

    Returns:
        The ranking, best first.
    """
    aurocs = {}
    for name, found in scores.items():
        aurocs[name] = np.array([score.auroc for score in found])
    # By the mean, the best first
    order = sorted(aurocs, key=lambda name: -aurocs[name].mean())
    best = order[0]
    # Paired by fold and seed: what makes a fold hard is hard for both
    differences = [average_scores(aurocs[name] - aurocs[best], ratio) for name in order[1:]]
    adjusted = adjust_holm([difference.p for difference in differences])
    ranked = []
    # The best has no difference from itself
    for name, behind, p in zip(order, [None, *differences], [None, *adjusted], strict=True):
        accuracies = [score.accuracy for score in scores[name]]
        n_smaller_class, n = count_held_out(scores[name], ratio)
        backbone = RankedBackbone(
            backbone=name,
            auroc=average_scores(aurocs[name], ratio, n_smaller_class),
            accuracy=average_scores(accuracies, ratio, n),
            behind=behind,
            p_adjusted=p,
            scores=tuple(scores[name]),
            cost=costs.get(name),
        )
        ranked.append(backbone)
    return Ranking(tuple(ranked), tuple(missing), tuple(problems), facts or {})


def count_held_out(scores: Sequence[Score], ratio: float) -> tuple[float, float]:
    """Photographs of the smaller class, and of both, that were held out of some training; those of another
    seed are the same ones again.

    >>> five_folds_two_seeds = [Score(0.9, 0.8, 0.3, 20, 8, 1, 1, 1.0)] * 10
    >>> [round(count) for count in count_held_out(five_folds_two_seeds, 0.25)]
    [40, 100]
    """
    # The ratio says how many photographs there are in all: held out ones and those learned from
    whole_set = float(np.mean([score.n for score in scores])) * (1 + 1 / ratio)
    n = min(whole_set, float(sum(score.n for score in scores)))
    shares = []
    for score in scores:
        smaller_class = min(score.n_malignant, score.n - score.n_malignant)
        shares.append(smaller_class / score.n)
    return float(np.mean(shares)) * n, n
