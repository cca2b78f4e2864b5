"""The audit: what a set of photographs holds beside lesions.

It finds duplicates, leaks, labels that disagree, shortcuts, artefacts, skin tones and flaws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lentigo.audit.audited_set import join_sets, open_set
from lentigo.audit.inspection import Inspection, inspect_images
from lentigo.audit.rates import Rate, rate_found
from lentigo.audit.shortcut_baselines import Baseline, ShortcutBaselines, measure_baselines
from lentigo.common.json_values import list_fields
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.results.summaries import Summarized, add_problems, format_count
from lentigo.datasets.dataset import Dataset, DataSource, hash_image
from lentigo.duplicates.duplicates import Duplicates
from lentigo.duplicates.pairing import pair_fingerprints
from lentigo.images.artefacts.learned_artefacts import ArtefactDetector, list_detectors
from lentigo.images.measures.skin_tone import TONE_NAMES, UNKNOWN
from lentigo.images.problems import Problem, require_usable, separate_problems
from lentigo.splits.conflicts import Conflict, find_conflicts
from lentigo.splits.leaks import Leak, join_duplicates, list_leaks

if TYPE_CHECKING:
    from lentigo.common.plots import ShownFigure
from lentigo.audit.inspection_table import FLAWS, tabulate_inspections

UNLABELLED = "unlabelled"


@dataclass(frozen=True, repr=False, eq=False)
class Audit(Summarized):
    """What an audit found.

    Attributes:
        name: Of the set.
        against: The name of a second set, or None.
        images: A row for each photograph of the first set that could be opened: `image`, `label`, `split`,
            `source` where it is known, `group`, a column of True and False for each of `FLAWS` and of
            `artefact_detectors`, `skin_tone`, and `ita`, degrees.
        duplicates: Of both sets.
        leaks: Photographs of two splits, or of both sets, that belong together.
        conflicts: Photographs of one lesion or image with both labels.
        shortcut_baselines: None where photographs have no label, or all the same.
        problems: Photographs of the first set that could not be opened.
        artefact_detectors: The kinds of artefacts that were looked for, and what finds each.
        notes: Sentences on the set.
    """

    name: str
    against: str | None
    images: pd.DataFrame = field(repr=False)
    duplicates: Duplicates
    leaks: tuple[Leak, ...]
    conflicts: tuple[Conflict, ...]
    shortcut_baselines: ShortcutBaselines | None
    problems: tuple[Problem, ...]
    artefact_detectors: dict[str, str]
    notes: tuple[str, ...] = ()

    def summarize(self) -> str:
        """What matters most, in a few words."""
        words = [
            repr(self.name),
            format_count(len(self.images), "photograph"),
            format_count(self.groups, "group of duplicates", "groups of duplicates"),
            format_count(len(self.leaks), "leak"),
            format_count(len(self.conflicts), "label conflict"),
        ]
        return add_problems(", ".join(words), self.problems)

    @property
    def groups(self) -> int:
        """Groups of two photographs and more that show the same image."""
        return self.duplicates.count_groups()

    def list_flawed(self, flaw: str) -> list[str]:
        """Lists the photographs with a flaw or an artefact.

        Args:
            flaw: One of `FLAWS` or of the artefacts.

        Returns:
            Their paths.
        """
        return self.images.loc[self.images[flaw], "image"].tolist()

    def rate(self, column: str, by: str = "label") -> dict[str, Rate]:
        """Measures how common a flaw or an artefact is.

        Args:
            column: One of `FLAWS` or of the artefacts.
            by: The column by which photographs are parted: "label", or "source" where it is known.

        Returns:
            By class or source, and for `all`.
        """
        tables = {"all": self.images}
        for value, images in self.images.groupby(by):
            tables[str(value)] = images
        rates = {}
        for name, table in tables.items():
            if len(table) > 0:
                # A value without a photograph has no rate
                rates[name] = rate_found(table[column].to_numpy(dtype=bool), table["group"].to_numpy())
        return rates

    @property
    def has_sources(self) -> bool:
        """Whether the photographs come from several sources that are known."""
        return "source" in self.images and self.images["source"].nunique() > 1

    def rate_artefacts(self, by: str) -> dict[str, dict[str, dict[str, Any]]]:
        """The rates of every artefact, as JSON; `by` as for `rate`.

        Args:
            by: What `rate` takes: the column whose values the rates are of.
        """
        rates = {}
        for name in self.artefact_detectors:
            rates[name] = {value: asdict(rate) for value, rate in self.rate(name, by).items()}
        return rates

    def count_tones(self) -> dict[str, dict[str, int]]:
        """Photographs of each skin tone, lightest first, by class."""
        tones = [*TONE_NAMES, UNKNOWN]
        labels = self.images["label"].fillna(UNLABELLED)
        table = pd.crosstab(self.images["skin_tone"], labels).reindex(tones, fill_value=0)
        # Every tone is a row, those that nobody has too: what is missing is the finding
        counts: dict[str, dict[str, int]] = {}
        for name, row in table.iterrows():
            counts[str(name)] = {str(label): int(count) for label, count in row.items()}
        return counts

    def to_frame(self) -> pd.DataFrame:
        """The table `images`: what was found of each photograph."""
        return self.images.copy()

    def figure(self) -> ShownFigure:
        """How common flaws and artefacts are in each class, and what the shortcut baselines reach, as a
        Matplotlib figure.
        """
        from lentigo.audit.overview import draw_findings

        return draw_findings(self.list_rates(), self.list_baselines())

    def list_rates(self) -> dict[str, dict[str, Rate]]:
        """The rates of each flaw and artefact that was found, by class."""
        rates = {}
        for column in (*FLAWS, *self.artefact_detectors):
            if self.images[column].any():
                rates[column] = self.rate(column)
        return rates

    def list_baselines(self) -> dict[str, Baseline]:
        """The shortcut baselines that could be measured, by their names."""
        if self.shortcut_baselines is None:
            return {}
        baselines = self.shortcut_baselines.baselines
        return {name: baseline for name, baseline in baselines.items() if baseline is not None}

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from lentigo.audit.overview import show_findings

        findings = {
            "photographs": len(self.images),
            "cannot be opened": len(self.problems),
            "groups of duplicates": self.groups,
            "leaks between splits": len(self.leaks),
            "label conflicts": len(self.conflicts),
        }
        return show_findings(self.name, findings, self.notes, self.figure())

    def to_json(self) -> dict[str, Any]:
        """The object of the contract: every pair, leak, conflict and number."""
        baselines = None
        if self.shortcut_baselines is not None:
            baselines = self.shortcut_baselines.to_json()
        return {
            "name": self.name,
            "against": self.against,
            "n": len(self.images) + len(self.problems),
            "duplicates": self.duplicates.to_json()["duplicates"],
            "groups": self.groups,
            "leaks": list_fields(self.leaks),
            "label_conflicts": list_fields(self.conflicts),
            "shortcut_baselines": baselines,
            "artefacts": self.rate_artefacts("label"),
            "artefacts_by_source": self.rate_artefacts("source") if self.has_sources else {},
            "artefact_detectors": dict(self.artefact_detectors),
            "skin_tone": self.count_tones(),
            "quality": {name: self.list_flawed(name) for name in FLAWS},
            "unreadable": list_fields(self.problems),
            "notes": list(self.notes),
        }


def audit(
    data: DataSource,
    *,
    against: DataSource | None = None,
    detector: ArtefactDetector | None = None,
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Audit:
    """Audits a data set, or a folder of photographs without classes.

    Photographs that cannot be opened are listed, and are duplicates of nothing.

    Args:
        data: The set.
        against: Another set, in which duplicates of these photographs are searched, too.
        detector: Of learned artefacts; None for image processing alone.
        threads: How many work side by side; None for as many as there are processors.
        cluster: Whose workers open the photographs; None for this machine.
        progress: Shows how many photographs have been opened and how many pairs compared.

    Returns:
        What was found.

    Raises:
        DataError: See `load_dataset`; also where no photograph can be opened.
    """
    first = open_set(data)
    second = None if against is None else open_set(against)
    both = first if second is None else join_sets(first, second)
    n_first = len(first)
    images = both.table["image"].tolist()
    inspections = inspect_images(
        images, detector=detector, threads=threads, cluster=cluster, progress=progress
    )
    both = both.know_digests(list_digests(images, inspections))
    opened, unreadable, readable = separate_problems(inspections[:n_first])
    require_usable(first.name, opened, unreadable)
    fingerprints = list_measured(inspections, "fingerprint")
    duplicates = pair_fingerprints(images, fingerprints, threads=threads, progress=progress)
    joined = join_duplicates(both, duplicates)
    grouped = joined.take(np.arange(n_first))
    first = replace(grouped, problems=first.problems, notes=first.notes)
    return Audit(
        name=first.name,
        against=None if second is None else second.name,
        images=tabulate_inspections(first.take(np.array(readable)), opened),
        duplicates=duplicates,
        leaks=tuple(list_leaks(both, duplicates)),
        conflicts=find_conflicts(joined),
        shortcut_baselines=find_baselines(first, inspections[:n_first]),
        problems=(*first.problems, *unreadable),
        artefact_detectors=list_detectors(None if detector is None else detector.head),
        notes=first.notes,
    )


def list_digests(images: Sequence[str], inspections: Sequence[Inspection | Problem]) -> list[str]:
    """The SHA-256 of each file, hashed now where it could not be opened."""
    digests = []
    for image, inspection in zip(images, inspections, strict=True):
        digests.append(hash_image(image) if isinstance(inspection, Problem) else inspection.digest)
    return digests


def list_measured(inspections: Sequence[Inspection | Problem], field: str) -> list[Any]:
    """One field of each inspection; a problem stays one."""
    values = []
    for inspection in inspections:
        values.append(inspection if isinstance(inspection, Problem) else getattr(inspection, field))
    return values


def find_baselines(dataset: Dataset, inspections: Sequence[Inspection | Problem]) -> ShortcutBaselines | None:
    """The shortcut baselines, where there are two classes."""
    if dataset.table["label"].nunique() < 2:
        return None
    return measure_baselines(replace(dataset, problems=()), list_measured(inspections, "facts"))
