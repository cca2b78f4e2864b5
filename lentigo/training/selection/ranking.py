"""The answer of a comparison: contenders best first, with intervals, tests against the best, and costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.common.files import write_json, write_whole
from lentigo.images.problems import Problem
from lentigo.inference.performance.costs import Cost
from lentigo.training.heads import Score
from lentigo.training.selection.charts import draw_tradeoff
from lentigo.training.selection.repeated_scores import Mean, adjust_holm, average_scores, known

METHOD = (
    "means over folds and seeds; 95 % intervals and paired tests: Student's t with the variance of Nadeau "
    "and Bengio 2003, since trainings share "
    "photographs, of scores on the logit scale; p against the best, which was picked for its scores, "
    "adjusted after Holm 1979"
)


@dataclass(frozen=True)
class Missing:
    """A backbone that could not be compared, and why."""

    backbone: str
    reason: str


@dataclass(frozen=True)
class RankedBackbone:
    """One backbone: its mean scores, its AUROC less that of the best on the same photographs, and that
    difference's p, adjusted for the number of tests.

    `behind` and `p_adjusted` are None for the best, `cost` where it was not measured.
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
        p = None if self.p_adjusted is None else known(self.p_adjusted)
        return {
            "backbone": self.backbone,
            "auroc": self.auroc.to_json(),
            "accuracy": self.accuracy.to_json(),
            "behind": self.behind and {**self.behind.to_json(), "p": known(self.behind.p), "p_adjusted": p},
            "cost": self.cost and self.cost.to_json(),
            "aurocs": [score.auroc for score in self.scores],
            "accuracies": [score.accuracy for score in self.scores],
            "seconds": sum(score.seconds for score in self.scores),
        }


@dataclass(frozen=True)
class Ranking:
    """Standings, best first; backbones that are `missing`; photographs that could not be read; `facts` of the
    protocol.
    """

    ranked: tuple[RankedBackbone, ...]
    missing: tuple[Missing, ...]
    problems: tuple[Problem, ...]
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            **self.facts,
            "method": METHOD,
            "backbones": [standing.to_json() for standing in self.ranked],
            "missing": [asdict(one) for one in self.missing],
            "problems": [asdict(problem) for problem in self.problems],
        }

    def tabulate(self) -> pd.DataFrame:
        """A row for each backbone, best first."""
        return pd.DataFrame([make_row(standing) for standing in self.ranked])

    def save(self, out: str | Path) -> Path:
        """Writes `comparison.json`, `comparison.csv` and the figure into a folder; gives the figure's
        path.
        """
        out = Path(out)
        write_json(out / "comparison.json", self.to_json())
        with write_whole(out / "comparison.csv") as temporary:
            self.tabulate().to_csv(temporary, index=False)
        return draw_tradeoff(self.ranked, out / "figures" / "quality_cost.png")


def rank_backbones(
    scores: dict[str, list[Score]],
    costs: dict[str, Cost],
    ratio: float,
    *,
    missing: Sequence[Missing] = (),
    problems: Iterable[Problem] = (),
    facts: dict[str, Any] | None = None,
) -> Ranking:
    """The ranking of backbones by their mean AUROC. `scores` of each are of the same folds and seeds in the
    same order; `ratio` as in `average_scores`.
    """
    aurocs = {name: np.array([score.auroc for score in found]) for name, found in scores.items()}
    order = sorted(aurocs, key=lambda name: -aurocs[name].mean())
    behind = [average_scores(aurocs[name] - aurocs[order[0]], ratio) for name in order[1:]]
    adjusted = adjust_holm([difference.p for difference in behind])
    ranked = []
    for name, less, p in zip(order, [None, *behind], [None, *adjusted], strict=True):
        found = scores[name]
        accuracies = [score.accuracy for score in found]
        cases, photographs = count_held_out(found, ratio)
        auroc, accuracy = (
            average_scores(aurocs[name], ratio, cases),
            average_scores(accuracies, ratio, photographs),
        )
        ranked.append(RankedBackbone(name, auroc, accuracy, less, p, tuple(found), costs.get(name)))
    return Ranking(tuple(ranked), tuple(missing), tuple(problems), facts or {})


def count_held_out(scores: Sequence[Score], ratio: float) -> tuple[float, float]:
    """Photographs of the smaller class, and of both, that were held out of some training; those of another
    seed are the same ones again.

    >>> [round(count) for count in count_held_out([Score(0.9, 0.8, 0.3, 20, 8, 1, 1, 1.0)] * 10, 0.25)]  #
    five folds, two seeds [40, 100]
    """
    whole = float(np.mean([score.n for score in scores])) * (1 + 1 / ratio)  # the whole set
    photographs = min(whole, float(sum(score.n for score in scores)))
    share = float(
        np.mean([min(score.n_malignant, score.n - score.n_malignant) / score.n for score in scores])
    )
    return share * photographs, photographs


def make_row(standing: RankedBackbone) -> dict[str, Any]:
    """A row of the table; None where a value does not exist."""
    facts, cost = standing.to_json(), standing.cost
    return {
        "backbone": standing.backbone,
        "auroc": standing.auroc.mean,
        "auroc_low": facts["auroc"]["ci"][0],
        "auroc_high": facts["auroc"]["ci"][1],
        "accuracy": standing.accuracy.mean,
        "accuracy_low": facts["accuracy"]["ci"][0],
        "accuracy_high": facts["accuracy"]["ci"][1],
        "behind": standing.behind and standing.behind.mean,
        "p": standing.behind and known(standing.behind.p),
        "p_adjusted": facts["behind"] and facts["behind"]["p_adjusted"],
        "trainings": len(standing.scores),
        "seconds": facts["seconds"],
        **(cost.to_json() if cost else {}),
    }
