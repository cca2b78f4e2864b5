"""The audit: what a set of photographs holds beside lesions. Copies, leaks, labels that disagree, shortcuts,
artefacts, skin tones, flaws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lentigo.audit.inspection import Inspection, inspect_images
from lentigo.audit.shortcut_baselines import ShortcutBaselines, measure_baselines
from lentigo.common.file_names import resolve_name
from lentigo.common.parallel.cluster import Cluster
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.intervals import estimate_share
from lentigo.datasets.dataset import Dataset, hash_image
from lentigo.datasets.folders import list_subfolders
from lentigo.datasets.groups import SPLIT_NAMES
from lentigo.datasets.manifests import MANIFESTS, find_table, load_dataset
from lentigo.datasets.tables.labels import understand_words
from lentigo.datasets.tables.options import TableOptions
from lentigo.datasets.tables.words import MAX_QUOTED_WORDS, quote
from lentigo.duplicates.duplicates import Duplicate, Duplicates, pair_fingerprints
from lentigo.errors import DataError
from lentigo.images.addresses import is_address
from lentigo.images.artefacts.artefact_detection import KINDS as ARTEFACTS
from lentigo.images.listing import find_images, list_images, scan_images
from lentigo.images.problems import Problem
from lentigo.images.quality import LIMITS
from lentigo.images.skin_tone import TONES, UNKNOWN, classify_ita
from lentigo.splits.leaks import Leak, join_duplicates, list_leaks
from lentigo.splits.partition import Conflict, find_conflicts

FLAWS = ("empty", "tiny", *(limit.kind for limit in LIMITS))


@dataclass(frozen=True)
class Rate:
    """How many of the photographs of a class, or of all, have something; `ci` is the 95 % interval of the
    share, by groups.
    """

    found: int
    n: int
    rate: float
    ci: tuple[float, float]


@dataclass(frozen=True)
class Audit:
    """What was found. `photos` has a row for each photograph that could be opened: `image`, `label`, `split`,
    `group`, a column of True and False for each of `FLAWS` and of the artefacts, `skin_tone`, and `ita`,
    degrees.

    `duplicates` and `leaks` count the photographs of `against`, too, where a second set was given; the rest
    is of the first alone. `shortcut_baselines` is None where photographs have no label, or one alone.
    """

    name: str
    against: str | None
    images: pd.DataFrame
    duplicates: Duplicates
    leaks: tuple[Leak, ...]
    conflicts: tuple[Conflict, ...]
    shortcut_baselines: ShortcutBaselines | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> int:
        """Groups of two photographs and more that are copies of one another."""
        return int((np.bincount(self.duplicates.groups) > 1).sum())

    def list_flawed(self, flaw: str) -> list[str]:
        """The photographs with a flaw or an artefact."""
        return self.images.loc[self.images[flaw], "image"].tolist()

    def rate(self, column: str) -> dict[str, Rate]:
        """How common a flaw or an artefact is, in `all` and in each class that there is."""
        sides = {"all": self.images, **dict(tuple(self.images.groupby("label")))}
        return {
            name: rate_found(side[column].to_numpy(dtype=bool), side["group"].to_numpy())
            for name, side in sides.items()
            if len(side)
        }

    def count_tones(self) -> dict[str, dict[str, int]]:
        """Photographs of each skin tone, lightest first, by class."""
        names = [*(name for name, _ in TONES), UNKNOWN]
        table = pd.crosstab(self.images["skin_tone"], self.images["label"].fillna("unlabelled")).reindex(
            names, fill_value=0
        )
        return {
            name: {str(label): int(count) for label, count in row.items()} for name, row in table.iterrows()
        }

    def to_json(self) -> dict[str, Any]:
        """The object of the contract: every pair, leak, conflict and number."""
        duplicates = self.duplicates.to_json()
        return {
            "name": self.name,
            "against": self.against,
            "n": len(self.images) + len(self.problems),
            "duplicates": duplicates["duplicates"],
            "groups": self.groups,
            "leaks": [asdict(leak) for leak in self.leaks],
            "label_conflicts": [asdict(conflict) for conflict in self.conflicts],
            "shortcut_baselines": self.shortcut_baselines and self.shortcut_baselines.to_json(),
            "artefacts": {
                name: {side: asdict(rate) for side, rate in self.rate(name).items()} for name in ARTEFACTS
            },
            "skin_tone": self.count_tones(),
            "quality": {name: self.list_flawed(name) for name in FLAWS},
            "unreadable": [asdict(problem) for problem in self.problems],
            "notes": list(self.notes),
        }


def audit(
    data: str | Path | Dataset,
    *,
    against: str | Path | Dataset | None = None,
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = show_nothing,
) -> Audit:
    """Audits a data set, or a folder of photographs without classes. `against` is another set, in which
    copies of these are looked for, too.

    Photographs that cannot be opened are listed, and are copies of nothing; each is opened by a worker of
    `cluster`, where there is one. Raises `DataError` as `load_dataset` does, and where no photograph can be
    opened.
    """
    first, second = open_set(data), None if against is None else open_set(against)
    everything = first if second is None else join_sets(first, second)
    images = everything.table["image"].tolist()
    seen = inspect_images(images, threads=threads, cluster=cluster, progress=progress)
    everything = everything.know_digests(
        [
            one.digest if isinstance(one, Inspection) else hash_image(image)
            for one, image in zip(seen, images, strict=True)
        ]
    )
    readable = np.array([isinstance(answer, Inspection) for answer in seen])
    if not readable[: len(first)].any():
        raise DataError(f"{first.name}: none of its {len(first)} photographs can be read ({seen[0].error})")
    prints = [answer.fingerprint if isinstance(answer, Inspection) else answer for answer in seen]
    duplicates = pair_fingerprints(images, prints, threads=threads, progress=progress)
    joined = join_duplicates(everything, duplicates)
    first, inspected = (
        replace(joined.take(np.arange(len(first))), problems=first.problems, notes=first.notes),
        seen[: len(first)],
    )
    return Audit(
        first.name,
        second and second.name,
        tabulate(
            first.take(readable[: len(first)]), [one for one in inspected if isinstance(one, Inspection)]
        ),
        duplicates,
        tuple(list_leaks(everything, duplicates)),
        find_conflicts(joined),
        find_baselines(first, inspected),
        first.problems + tuple(one for one in inspected if isinstance(one, Problem)),
        first.notes,
    )


def open_set(data: str | Path | Dataset, options: TableOptions = TableOptions()) -> Dataset:
    """A data set, or the photographs of a folder that has neither classes nor a manifest, with no label."""
    if isinstance(data, Dataset):
        return data
    if is_address(data):
        return open_address(data)
    path = Path(data)
    folders = [child.name for child in list_subfolders(path)] if path.is_dir() else []
    meanings, _ = understand_words(folders, options)
    known = [name for name in folders if meanings[name] is not None or name.lower() in SPLIT_NAMES]
    tables = [name for name in (*MANIFESTS, "metadata.csv") if (path / name).is_file()] or list(
        path.glob("HAM10000_metadata*")
    )
    if not path.is_dir() or known or tables or options.label is not None or find_table(path) is not None:
        return load_dataset(path, options)
    images, problems = scan_images(path)
    if not images:
        find_images(path)  # says what was expected
    unlabelled = pd.DataFrame({"image": list(map(str, images)), "label": None, "split": None}, dtype=object)
    return Dataset(str(path), unlabelled, tuple(problems), notes=tell_unlabelled(path, folders))


def tell_unlabelled(path: Path, folders: Sequence[str]) -> tuple[str, ...]:
    """What to say of a folder whose photographs are audited without classes: which folders are none that are
    known, and what makes them.
    """
    if not folders:
        return (
            f"{path}: no classes, no table: audited without labels (no conflicts of labels, no shortcut "
            "baselines)",
        )
    pairs = ",".join(f"{name}=benign" for name in folders[:2])
    return (
        f"{path}: its folders ({quote(folders, MAX_QUOTED_WORDS)}) are no classes that are known, so that it is "
        "audited without labels "
        "(no conflicts of labels, no shortcut baselines); expected benign and malignant, or diagnoses: "
        f"--map {pairs} says what they mean",
    )


def open_address(address: str) -> Dataset:
    """The photographs below an address, with no label. Raises `DataError` where there is none."""
    found = list(list_images([address]))
    images, problems = (
        [image for image in found if isinstance(image, str)],
        [problem for problem in found if isinstance(problem, Problem)],
    )
    if not images:
        raise DataError(f"{problems[0].image}: {problems[0].error}")
    return Dataset(
        address, pd.DataFrame({"image": images, "label": None, "split": None}, dtype=object), tuple(problems)
    )


def join_sets(first: Dataset, second: Dataset) -> Dataset:
    """Both sets as one; the side of a photograph is its set, and its split where it has one. A photograph of
    the first is not listed again.
    """
    here = {name_place(image) for image in first.table["image"]}
    rest = second.take(np.array([name_place(image) not in here for image in second.table["image"]], bool))
    tables = [
        one.table.assign(
            split=one.name + one.table["split"].map("/{}".format, na_action="ignore").fillna("").astype(str)
        )
        for one in (first, rest)
    ]
    return Dataset(first.name, pd.concat(tables, ignore_index=True), first.problems)


def name_place(image: str) -> str:
    """The one name of a file, whatever path leads to it; an address is that."""
    return image if is_address(image) else resolve_name(image)


def tabulate(dataset: Dataset, seen: Sequence[Inspection]) -> pd.DataFrame:
    """`Audit.photos`."""
    rows = [
        {"empty": one.empty, "tiny": one.tiny}
        | {flaw: False for flaw in FLAWS[2:]}
        | {flaw.kind: not one.empty for flaw in one.flaws}
        | one.artefacts.flags
        | {"ita": one.ita, "skin_tone": classify_ita(one.ita)}
        for one in seen
    ]
    known = dataset.table[["image", "label", "split"]].assign(group=dataset.groups)
    return pd.concat([known, pd.DataFrame(rows)], axis=1)


def find_baselines(dataset: Dataset, seen: Sequence[Inspection | Problem]) -> ShortcutBaselines | None:
    """What can be had without the lesion, where there are two classes."""
    if dataset.table["label"].nunique() < 2:
        return None
    return measure_baselines(
        replace(dataset, problems=()), [one.facts if isinstance(one, Inspection) else one for one in seen]
    )


def rate_found(found: np.ndarray, groups: np.ndarray) -> Rate:
    """A share of photographs, found bool (n,), with its interval by groups, int (n,).

    >>> rate_found(np.arange(100) < 5, np.arange(100)).ci
    (0.0164..., 0.1128...)
    """
    return Rate(int(found.sum()), len(found), float(found.mean()), estimate_share(found, groups))


def describe_transformation(duplicate: Duplicate) -> str:
    """What makes the second photograph of a pair out of the first, in words; degrees counterclockwise.

    >>> from lentigo.duplicates.duplicates import Transformation
    >>> describe_transformation(Duplicate(0, 1, "partial", 0.9, Transformation(1.25, 1.0, 30.2, True, (0.1, 0.0), 0.8)))
    'mirrored, turned by 30 degrees, 1.25 times as large, shifted by 10 % and 0 %, 80 % in common'
    """
    change = duplicate.transformation
    words = ["mirrored"] * change.mirrored
    words += [f"turned by {round(change.angle) % 360} degrees"] * (abs(change.angle) >= 1)
    words += [f"{change.scale:.2f} times as large"] * (abs(change.scale - 1) >= 0.01)
    words += [f"squeezed {change.squeeze:.2f} times"] * (change.squeeze >= 1.02)
    words += ["shifted by {:.0%} and {:.0%}".format(*change.shift).replace("%", " %")] * (
        max(map(abs, change.shift)) >= 0.01
    )
    words += [f"{change.overlap:.0%} in common".replace("%", " %")] * (change.overlap < 0.995)
    return ", ".join(words) or "as it is"
