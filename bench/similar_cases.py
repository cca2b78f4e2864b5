"""Similar cases: how many of the nearest known lesions have the diagnosis of a lesion that the index does not hold.

A fifth of the lesions is held out by `lesion_id`; the others are indexed. What the model has learned from (`also_in`)
is neither. Precision at 5: the share of the five nearest known lesions with the diagnosis of the lesion. A random
draw reaches the share of that diagnosis among the known lesions. Example:

    python bench/similar_cases.py --data photos/ham10000 --model bundled
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from tables import describe_machine, make_parser, print_table

from lentigo.common.statistics.resampling import resample_groups
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.images.problems import Problem
from lentigo.inference.predictor import Predictor
from lentigo.inference.similarity.case_index import CaseIndex, Query, open_index
from lentigo.inference.similarity.case_indexing import index_cases

NEAREST = 5
HELD_OUT = 0.2  # of the lesions


def main() -> None:
    """A row for each diagnosis, and the mean over photographs and over diagnoses."""
    parser = make_parser(__doc__)
    default = Path(os.environ.get("LENTIGO_DATA", ".")) / "ham10000"
    parser.add_argument("--data", type=Path, default=default, help="labelled photographs with lesion_id")
    parser.add_argument("--model", default="bundled", help="a RUN")
    parser.add_argument("--seed", type=int, default=0, help="of the lesions that are held out")
    parser.add_argument("--sample", type=int, metavar="N", help="N lesions by chance (default: all)")
    options = parser.parse_args()
    print(describe_machine())
    dataset = drop_learned(load_dataset(options.data))
    if options.sample:
        dataset = sample_lesions(dataset, options.sample, options.seed)
    held_out = hold_out_lesions(dataset, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        predictor = Predictor(options.model)
        started = time.perf_counter()
        indexed = index_cases(dataset.take(~held_out), Path(folder) / "index", predictor.bundle.folder)
        seconds = time.perf_counter() - started
        index = open_index(indexed.folder, predictor.bundle)
        print(f"{indexed.n} photographs indexed in {seconds:.0f} s by {indexed.model}")
        scores, milliseconds = score_queries(predictor, index, dataset.take(held_out))
    print(f"{len(scores)} photographs held out, {milliseconds:.1f} ms a search")
    print_table(
        ["diagnosis", "photographs", "precision at 5", "95 % interval", "random draw"],
        list_rows(scores),
    )


def drop_learned(dataset: Dataset) -> Dataset:
    """The photographs without those that stand in the training of the bundled model, and their lesions."""
    if "also_in" not in dataset.table:
        return dataset
    table = dataset.table
    known = set(table.loc[table["also_in"].notna(), "lesion_id"])
    return dataset.take(~table["lesion_id"].isin(known).to_numpy())


def sample_lesions(dataset: Dataset, count: int, seed: int) -> Dataset:
    """The photographs of so many lesions, drawn by chance."""
    lesions = np.unique(dataset.table["lesion_id"].astype(str))
    drawn = np.random.default_rng(seed).permutation(lesions)[:count]
    return dataset.take(dataset.table["lesion_id"].isin(set(drawn)).to_numpy())


def hold_out_lesions(dataset: Dataset, seed: int) -> np.ndarray:
    """The photographs of the lesions that are held out, bool (n,)."""
    lesions = np.unique(dataset.table["lesion_id"].astype(str))
    drawn = np.random.default_rng(seed).permutation(lesions)[: round(HELD_OUT * len(lesions))]
    return dataset.table["lesion_id"].isin(set(drawn)).to_numpy()


def score_queries(predictor: Predictor, index: CaseIndex, queries: Dataset) -> tuple[pd.DataFrame, float]:
    """Precision and what a random draw reaches, for each photograph; and milliseconds of a search."""
    # Of one lesion the index shows one photograph: a draw is among lesions, too
    known = pd.DataFrame([(case.lesion_id, case.diagnosis) for case in index.cases]).drop_duplicates(0)[1]
    shares = known.value_counts(normalize=True)
    rows = []
    seconds = 0.0
    results = predictor.infer(queries.table["image"])
    facts = queries.table[["diagnosis", "lesion_id"]].itertuples(index=False)
    for (diagnosis, lesion), result in zip(facts, results, strict=True):
        if isinstance(result, Problem) or result.embedding is None:
            continue
        started = time.perf_counter()
        found = index.search(Query(result.embedding, NEAREST, result.digest))
        seconds += time.perf_counter() - started
        right = np.mean([case.diagnosis == diagnosis for case in found])
        rows.append((diagnosis, lesion, right, shares.get(diagnosis, 0.0)))
    scores = pd.DataFrame(rows, columns=["diagnosis", "lesion_id", "precision", "random"])
    return scores, 1000 * seconds / max(1, len(rows))


def list_rows(scores: pd.DataFrame) -> list[list[str]]:
    """The rows of the table."""
    rows = []
    for diagnosis, part in scores.groupby("diagnosis"):
        rows.append(format_row(str(diagnosis).replace("_", " "), part, mean_of_photographs))
    rows.append(format_row("all photographs", scores, mean_of_photographs))
    rows.append(format_row("mean over diagnoses", scores, mean_of_diagnoses))
    return rows


def mean_of_photographs(scores: pd.DataFrame, column: str) -> float:
    """The mean over photographs."""
    return float(scores[column].mean())


def mean_of_diagnoses(scores: pd.DataFrame, column: str) -> float:
    """The mean over diagnoses, each counting the same."""
    return float(scores.groupby("diagnosis")[column].mean().mean())


def format_row(name: str, scores: pd.DataFrame, mean: Callable[[pd.DataFrame, str], float]) -> list[str]:
    """A row of the table; the interval is of 1,000 resamples of lesions."""
    groups = pd.factorize(scores["lesion_id"])[0]
    resampled = []
    for rows in resample_groups(groups, 1000):
        resampled.append(mean(scores.iloc[rows], "precision"))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return [
        name,
        str(len(scores)),
        f"{mean(scores, 'precision'):.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{mean(scores, 'random'):.3f}",
    ]


if __name__ == "__main__":
    main()
