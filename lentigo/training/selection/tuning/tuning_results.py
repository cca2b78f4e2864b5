"""What a search found, as tables, figures and files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lentigo.common.files import write_csv
from lentigo.common.json_values import list_fields, write_json
from lentigo.common.plots import ShownFigure, new_figure
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.images.problems import Problem
from lentigo.training.recipes import Recipe
from lentigo.training.selection.tuning.confirmation import Confirmation
from lentigo.training.selection.tuning.tuning_charts import (
    draw_importance,
    draw_progress,
    draw_slices,
    plot_progress,
)


@dataclass(frozen=True, repr=False, eq=False)
class Tuning(Summarized):
    """A finished search.

    Attributes:
        recipe: The best.
        auroc: Its mean over folds.
        default_auroc: That of the default recipe.
        confirmation: Of its gain; None where the default recipe is best.
        importance: The share of each field in what the trials differ by.
        table: A row for each trial, the default recipe first.
        searched: The fields that were searched.
        problems: The photographs that could not be read.
        facts: Of photographs and plan.
    """

    recipe: Recipe
    auroc: float
    default_auroc: float
    confirmation: Confirmation | None
    importance: dict[str, float]
    table: pd.DataFrame
    searched: tuple[str, ...]
    problems: tuple[Problem, ...]
    facts: dict[str, Any]

    def summarize(self) -> str:
        """What matters most, in a few words."""
        recipes = format_count(len(self.table), "recipe")
        words = f"{recipes}, AUROC {self.auroc:.3f}, default recipe {self.default_auroc:.3f}"
        return add_problems(words, self.problems)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Number and error of each trial that failed."""
        rows = self.table[self.table["state"] == "fail"]
        return [{"trial": row.number, "error": row.error} for row in rows.itertuples()]

    def to_json(self) -> dict[str, Any]:
        """Every number; the trials themselves are in the table."""
        counts = self.table["state"].value_counts()
        return {
            **self.facts,
            "recipe": asdict(self.recipe),
            "auroc": self.auroc,
            "default_auroc": self.default_auroc,
            "gain": self.auroc - self.default_auroc,
            "confirmation": self.confirmation and self.confirmation.to_json(),
            "importance": self.importance,
            "trials": counts.to_dict(),
            "failed": self.failed,
            "problems": list_fields(self.problems),
        }

    def to_frame(self) -> pd.DataFrame:
        """The table of the trials."""
        return self.table.copy()

    def figure(self) -> ShownFigure:
        """The AUROC of each finished trial and the best so far, as a Matplotlib figure."""
        figure = new_figure(6.0, 3.8)
        plot_progress(figure.subplots(), self.table[self.table["state"] == "complete"])
        return figure

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        words = (
            f"<p><b>best recipe: AUROC {self.auroc:.4f}</b>, the default {self.default_auroc:.4f}; "
            f"{len(self.table)} trials</p>"
        )
        searched = [name for name in self.searched if name in self.table]
        best = self.table.sort_values("auroc", ascending=False).head(10)[["number", "auroc", *searched]]
        table = best.to_html(index=False, float_format="{:.4g}".format)
        return words + table + self.figure().to_html()

    def save(self, out: str | Path) -> Path:
        """Writes `recipe.json`, `trials.csv`, `tuning.json` and the figures into a folder.

        Args:
            out: The folder.

        Returns:
            The recipe's path.
        """
        folder = Path(out)
        write_json(folder / "recipe.json", asdict(self.recipe))
        write_json(folder / "tuning.json", self.to_json())
        write_csv(folder / "trials.csv", self.table)
        complete = self.table[self.table["state"] == "complete"]
        draw_progress(complete, folder / "figures" / "trials.png")
        draw_slices(complete, self.searched, folder / "figures" / "slices.png")
        # With few trials nothing can be said of what mattered
        if self.importance:
            draw_importance(self.importance, folder / "figures" / "importance.png")
        return folder / "recipe.json"
