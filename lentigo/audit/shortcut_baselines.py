"""The shortcut baselines: how well benign and malignant can be told apart without looking at the lesion.

A set where the border of the picture alone tells the class apart teaches a network the border. What a model
reaches says something about lesions only in so far as it is above these numbers, and whatever is near 1 here
says that the set is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from lentigo.common.json_values import replace_nan
from lentigo.common.progress import Progress, show_nothing
from lentigo.common.statistics.intervals import measure_scores
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.errors import DataError, ImageError
from lentigo.images.decoding.formats import FORMATS
from lentigo.images.decoding.opening import name_damage, open_image
from lentigo.images.photographs import SIDE, decode_image, read_content
from lentigo.images.problems import Problem
from lentigo.images.skin_tone import mask_ring

CELLS = 8  # along a side of the thumbnail
RING = 1 / CELLS  # width of the border: the outermost cells of the thumbnail
BASELINES = ("file_only", "header_only", "border_only", "corners_only", "thumbnail_only", "source_only")
BASELINE_TITLES = {
    "file_only": "the file: its size in bytes and its header",
    "header_only": "the file's header alone",
    "border_only": "the outer border of the picture",
    "corners_only": "the corners of the picture",
    "thumbnail_only": "a thumbnail of 8 x 8 pixels",
    "source_only": "where the picture comes from",
}
FOLDS = 5
_RING = mask_ring(SIDE, SIDE, RING)
_EDGE = mask_ring(CELLS, CELLS, RING)


@dataclass(frozen=True)
class Baseline:
    """What a model of these facts alone reaches on photographs that it was not fitted to, with 95 % intervals
    over groups.
    """

    accuracy: float
    auroc: float
    ci: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class ShortcutBaselines:
    """The shortcut baselines of a set of `n` photographs. A floor is None where it cannot be had: no sources,
    too few groups of a class.

    `file_only` knows the size in bytes and what the file's header says (`header_only` is that without the
    size, which tells of the picture, too: fine texture takes more bytes); `border_only` colours and their
    spread in the outer eighth, which large lesions reach; `corners_only` the mean colours of its four
    corners, which few do; `thumbnail_only` 8 x 8 colours; `source_only` the column `source`. `folds` is 0
    where the models were fitted to another set, `fitted_to`; else an AUROC counts the pairs within a fold.
    """

    n: int
    n_malignant: int
    groups: int
    majority_accuracy: float
    majority_ci: tuple[float, float]
    shortcut_baselines: dict[str, Baseline | None]
    folds: int
    fitted_to: str | None = None
    problems: tuple[Problem, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """One flat object: `majority_accuracy`, `file_only_auroc`, `file_only_accuracy`, ..., and `ci` with
        the same keys.
        """
        values: dict[str, float | None] = {"majority_accuracy": self.majority_accuracy}
        ci: dict[str, list[float] | None] = {"majority_accuracy": list(self.majority_ci)}
        for name, floor in self.shortcut_baselines.items():
            for score in ("auroc", "accuracy"):
                values[f"{name}_{score}"] = replace_nan(getattr(floor, score)) if floor else None
                ci[f"{name}_{score}"] = (
                    list(floor.ci[score]) if floor and replace_nan(floor.ci[score][0]) is not None else None
                )
        counts = {name: getattr(self, name) for name in ("n", "n_malignant", "groups", "folds", "fitted_to")}
        return {**counts, **values, "ci": ci, "problems": [asdict(problem) for problem in self.problems]}


def measure_shortcut_baselines(
    data: str | Path | Dataset,
    *,
    against: str | Path | Dataset | None = None,
    seed: int = 0,
    progress: Progress = show_nothing,
) -> ShortcutBaselines:
    """The shortcut baselines of a data set, cross-validated in five folds that keep a group on one side, or
    of `against`, fitted to `data`.

    Gradient-boosted trees of scikit-learn; for `source` the share that is malignant in each. Photographs that
    cannot be read are left out and listed. Raises `DataError` as `load_dataset` does, and where none can be
    read.
    """
    fitted, facts, problems = read_set(data, progress)
    if against is None:
        return summarize(
            fitted, fitted, cross_validate(fitted, facts, seed), problems, folds=divide(fitted, seed)
        )
    measured, others, more = read_set(against, progress)
    answers = {name: fit_once(name, facts[name], fitted.malignant, others[name], seed) for name in BASELINES}
    return summarize(measured, fitted, answers, problems + more)


def measure_baselines(
    dataset: Dataset, answers: Sequence[dict[str, np.ndarray] | Problem], *, seed: int = 0
) -> ShortcutBaselines:
    """As `measure_shortcut_baselines`, of photographs that were opened before: `answers` has what
    `describe_facts` said of each, or why there is nothing.
    """
    kept, facts, problems = gather_facts(dataset, answers)
    return summarize(kept, kept, cross_validate(kept, facts, seed), problems, folds=divide(kept, seed))


def read_set(
    data: str | Path | Dataset, progress: Progress
) -> tuple[Dataset, dict[str, np.ndarray | None], tuple[Problem, ...]]:
    """Opens the photographs of a set; see `gather_facts`."""
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    with ThreadPoolExecutor() as pool:
        return gather_facts(
            dataset,
            list(
                progress(
                    pool.map(read_facts, dataset.table["image"]),
                    total=len(dataset),
                    label="shortcut_baselines",
                )
            ),
        )


def gather_facts(
    dataset: Dataset, answers: Sequence[dict[str, np.ndarray] | Problem]
) -> tuple[Dataset, dict[str, np.ndarray | None], tuple[Problem, ...]]:
    """The readable photographs of a set, a table of facts for each shortcut baseline, (n, d), and what cannot
    be read.
    """
    found = [answer for answer in answers if isinstance(answer, dict)]
    if not found:
        raise DataError(
            f"{dataset.name}: none of its {len(answers)} photographs can be read ({answers[0].error})"
        )
    kept = dataset.take(np.array([isinstance(answer, dict) for answer in answers]))
    facts: dict[str, np.ndarray | None] = {
        name: np.stack([row[name] for row in found]) for name in BASELINES[:-1]
    }
    facts["source_only"] = read_sources(kept)
    return kept, facts, dataset.problems + tuple(answer for answer in answers if isinstance(answer, Problem))


def read_sources(dataset: Dataset) -> np.ndarray | None:
    """The sources, object (n, 1), or None where all photographs have the same, or none."""
    if "source" not in dataset.table or dataset.table["source"].nunique() < 2:
        return None
    return dataset.table[["source"]].fillna("").astype(str).to_numpy(dtype=object)


def read_facts(path: str) -> dict[str, np.ndarray] | Problem:
    """The facts of one photograph, see `describe_facts`, or why it cannot be read."""
    try:
        content = read_content(path)
        return describe_facts(content, decode_image(content, path), path)
    except ImageError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))


def describe_facts(content: bytes, pixels: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Of a file's bytes and its pixels, uint8 (side, side, 3), float32 (d,) for each shortcut baseline but
    `source_only`. Raises `ImageError`.
    """
    with name_damage(content, name), open_image(content, name) as image:
        header = describe_header(image)
        area = image.width * image.height
    thumbnail = pixels.reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, 3).mean(
        axis=(1, 3), dtype=np.float32
    )
    border = np.concatenate([describe_colours(pixels[_RING]), thumbnail[_EDGE].ravel()])
    file = np.float32([len(content), len(content) / area, *header])
    corners = thumbnail[[0, 0, -1, -1], [0, -1, 0, -1]].ravel()
    return {
        "file_only": file,
        "header_only": header,
        "border_only": border,
        "corners_only": corners,
        "thumbnail_only": thumbnail.ravel(),
    }


def describe_header(image: Image.Image) -> np.ndarray:
    """What a file says of itself, float32 (d,): size in pixels, format, quantisation tables, subsampling,
    metadata.
    """
    tables = [np.asarray(table, float) for table in getattr(image, "quantization", {}).values()][:2]
    tables += [np.zeros(64)] * (2 - len(tables))
    layers = getattr(image, "layer", None) or [(0, 0, 0, 0)]
    info = image.info
    density = info.get("jfif_density") or info.get("dpi") or (0, 0)
    return np.float32(
        [
            image.width,
            image.height,
            image.width / image.height,
            FORMATS.index(image.format) if image.format in FORMATS else -1,
            len(image.getbands()),
            *(value for table in tables for value in (table.mean(), table[0], table[-1])),
            layers[0][1],
            layers[0][2],
            "progressive" in info,
            "exif" in info,
            "icc_profile" in info,
            "comment" in info,
            "adobe" in info,
            density[0],
            len(info),
        ]
    )


def describe_colours(pixels: np.ndarray) -> np.ndarray:
    """Mean, spread, seven percentiles and a histogram of eight bins of each channel, float32 (51,), of
    pixels, uint8 (m, 3).
    """
    values = np.arange(256)
    rows = []
    for channel in pixels.T:
        share = np.bincount(channel, minlength=256) / len(channel)
        mean = share @ values
        percentiles = np.searchsorted(np.cumsum(share), (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98))
        rows += [mean, np.sqrt(share @ (values - mean) ** 2), *percentiles, *share.reshape(8, 32).sum(axis=1)]
    return np.float32(rows)


def count_folds(dataset: Dataset) -> int:
    """Folds such that each class can stand in each; 0 where there are not two groups of each class."""
    groups = [len(np.unique(dataset.groups[dataset.malignant == name])) for name in (0, 1)]
    return min(FOLDS, *groups) if min(groups) >= 2 else 0


def divide(dataset: Dataset, seed: int) -> np.ndarray | None:
    """The fold of each photograph, int (n,), stratified by class, a group in one fold; None where there are
    too few groups.
    """
    count = count_folds(dataset)
    if not count:
        return None
    folds = np.zeros(len(dataset), int)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(
        splitter.split(dataset.malignant, dataset.malignant, dataset.groups)
    ):
        folds[held_out] = fold
    return folds


def cross_validate(
    dataset: Dataset, facts: dict[str, np.ndarray | None], seed: int
) -> dict[str, np.ndarray | None]:
    """P(malignant), float (n,), of each photograph by models fitted to other groups."""
    folds = divide(dataset, seed)
    answers: dict[str, np.ndarray | None] = dict.fromkeys(BASELINES)
    if folds is None:
        return answers
    for name in (name for name in BASELINES if facts[name] is not None):
        answers[name] = np.full(len(dataset), dataset.malignant.mean())
        if (
            facts[name] == facts[name][0]
        ).all():  # nothing to learn: else the folds' own shares of malignant would rank photographs
            continue
        for fold in np.unique(folds):
            fit, rest = folds != fold, folds == fold
            answers[name][rest] = fit_once(
                name, facts[name][fit], dataset.malignant[fit], facts[name][rest], seed
            )
    return answers


def fit_once(
    name: str, facts: np.ndarray | None, malignant: np.ndarray, others: np.ndarray | None, seed: int
) -> np.ndarray | None:
    """P(malignant), float (m,), of `others` by a model fitted to `facts`, (n, d); None where either is, or a
    class is missing.
    """
    if facts is None or others is None or len(np.unique(malignant)) < 2:
        return None
    with threadpool_limits(1):  # on busy machines OpenMP's threads wait for one another: fifty times as long
        return MODELS[name](len(facts), seed).fit(facts, malignant).predict_proba(others)[:, 1]


def boost(n: int, seed: int) -> HistGradientBoostingClassifier:
    """Trees of eight leaves, a hundred of them; leaves are smaller in small sets."""
    return HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        max_leaf_nodes=8,
        max_bins=63,
        max_features=0.3,
        min_samples_leaf=int(np.clip(n // 40, 2, 20)),
        early_stopping=False,
        random_state=seed,
    )


def weigh_sources(n: int, seed: int) -> Any:
    """About the share that is malignant in each source."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=10.0))


MODELS: dict[str, Callable[[int, int], Any]] = {
    **dict.fromkeys(BASELINES, boost),
    "source_only": weigh_sources,
}


def summarize(
    measured: Dataset,
    fitted: Dataset,
    answers: dict[str, np.ndarray | None],
    problems: tuple[Problem, ...],
    *,
    folds: np.ndarray | None = None,
) -> ShortcutBaselines:
    """The shortcut baselines from the answers for the photographs of `measured`; `folds`, int (n,), where
    those come from cross-validation.
    """
    malignant, groups = measured.malignant, measured.groups
    shortcut_baselines: dict[str, Baseline | None] = {}
    for name, answer in answers.items():
        shortcut_baselines[name] = None
        if answer is not None:
            values, ci = measure_scores(malignant, answer, answer > 0.5, groups, folds)
            shortcut_baselines[name] = Baseline(
                values["accuracy"], values["auroc"], {score: ci[score] for score in ("accuracy", "auroc")}
            )
    always = np.full(len(measured), fitted.malignant.mean() > 0.5)
    values, ci = measure_scores(malignant, always.astype(float), always, groups)
    return ShortcutBaselines(
        n=len(measured),
        n_malignant=int(malignant.sum()),
        groups=len(np.unique(groups)),
        majority_accuracy=values["accuracy"],
        majority_ci=ci["accuracy"],
        shortcut_baselines=shortcut_baselines,
        folds=0 if folds is None else len(np.unique(folds)),
        fitted_to=None if fitted is measured else fitted.name,
        problems=problems,
    )
