"""What calibration, the conformal rule and the calibration of an ensemble's mean are worth, the former rules
beside the present ones.

    python bench/calibration.py decisions lentigo/models/bundled
    python bench/calibration.py head photographs/malignant_vs_benign --start mobilenetv2.weights.h5
    python bench/calibration.py folds photographs/malignant_vs_benign --start mobilenetv2.weights.h5 --photographs 400 --draws 4 --former

`decisions` needs a RUN alone: its validation probabilities are in it. `head` and `folds` train heads on
features of a frozen backbone, on some photographs of the training side, and measure on others of it: no test
photograph is opened. The former rules: one temperature (Guo 2017), an answer unless both classes are
possible, and an ensemble whose heads share all photographs among them. It was calibrated by what each head
says of the fold that it has not seen, later by means of heads that have learned without two folds. Now a
fifth of the photographs is held out of all folds, and the mean that is served is calibrated there. One head
that is calibrated on the same fifth stands beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, logit
from tables import describe_machine, make_parser, print_table

from lentigo.evaluation.scores.calibration_slope import measure_calibration
from lentigo.evaluation.scores.metrics import calibration_error
from lentigo.inference.decisions.calibration import Calibration
from lentigo.inference.decisions.decision_rule import DecisionRule
from lentigo.models.bundle import REFERENCE, open_bundle
from lentigo.training.calibration.calibration_fit import fit_platt

if TYPE_CHECKING:
    import keras

    from lentigo.training.heads import LabelledFeatures
    from lentigo.training.recipes import Recipe

SUMMARY = [
    "calibration",
    "draws",
    "slope that is right: mean",
    "least",
    "most",
    "intercept that is right: mean",
    "least ",
    "most ",
    "ECE: mean",
]
VALIDATION = 0.2  # share of the photographs
CALIBRATED = [
    "calibration",
    "photographs",
    "slope",
    "intercept",
    "ECE",
    "slope that is right",
    "95 %",
    "intercept that is right",
    "95 % ",
]
ANSWERED = [
    "answers where the conformal set holds",
    "answered",
    "uncertain",
    "wrong",
    "contradicted by the set",
    "of them wrong",
]
FOLDS = 5
MIN_PROBABILITY = 1e-9  # keeps the logit of a probability finite


def main() -> None:
    """Prints the table of one of the parts."""
    parser = make_parser(__doc__)
    parser.add_argument("part", choices=("decisions", "head", "folds"))
    parser.add_argument("source", help="a RUN for `decisions`, else photographs")
    parser.add_argument("--start", help="weights of the backbone")
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--photographs", type=int, default=400, help="to learn from")
    parser.add_argument("--fresh", type=int, default=800, help="further ones to measure on")
    parser.add_argument("--seed", type=int, default=0, help="draws the photographs and the folds")
    parser.add_argument("--draws", type=int, default=1, help="of `folds`: this many seeds, from --seed on")
    parser.add_argument(
        "--former",
        action="store_true",
        help="of `folds`: the former rules, too, which takes three times as long",
    )
    options = parser.parse_args()
    print(describe_machine())
    if options.part == "decisions":
        show_decisions(options.source)
    elif options.part == "head":
        show_head(options)
    else:
        show_folds(options)


@dataclass(frozen=True)
class PhotographSet:
    """Photographs as a frozen backbone gives them.

    Attributes:
        features: Float32 (n, d).
        malignant: The truth, int (n,).
        groups: Group numbers, int (n,).
        digests: Of the files, n of them.
    """

    features: np.ndarray
    malignant: np.ndarray
    groups: np.ndarray
    digests: Sequence[str]


def fit_temperature(logits: np.ndarray, malignant: np.ndarray) -> Calibration:
    """The former calibration: the temperature of the least cross-entropy."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return -np.where(malignant == 1, log_expit(scaled), log_expit(-scaled)).mean()

    found = minimize_scalar(loss, bounds=np.log([0.05, 20.0]), method="bounded")
    return Calibration("platt", slope=float(np.exp(-found.x)))


def describe_fit(
    name: str, fit: Calibration, logits: np.ndarray, malignant: np.ndarray, groups: np.ndarray
) -> list:
    """A row of `CALIBRATED`."""
    probability = fit.apply(logits)
    right = measure_calibration(malignant, probability, groups)
    ends = ["{:.2f} to {:.2f}".format(*ci) for ci in (right.slope_ci, right.intercept_ci)]
    error = calibration_error(malignant, probability)
    return [
        name,
        len(logits),
        fit.slope,
        fit.intercept,
        error,
        right.slope,
        ends[0],
        right.intercept,
        ends[1],
    ]


def show_decisions(run: str) -> None:
    """Of a RUN's own validation photographs: answers that its conformal set contradicts, and how many of them
    are wrong.
    """
    from lentigo.inference.decisions.refusal import load_reference

    bundle = open_bundle(run)
    reference = load_reference(bundle.folder / REFERENCE)
    rule = DecisionRule(bundle.threshold, float(bundle.card["alpha"]) or 0.1, reference)
    malignant = np.repeat([0, 1], [len(reference.benign), len(reference.malignant)])
    probability = np.concatenate([reference.benign, reference.malignant])
    former = []
    present = []
    contradicted = []
    for value in probability:
        label = "malignant" if value >= rule.threshold else "benign"
        possible = reference.find_conformal_set(value, rule.alpha)
        former_label = "uncertain" if len(possible) > 1 else label
        former.append(former_label)
        present.append(rule.decide(value).label)
        contradicted.append(former_label != "uncertain" and former_label not in possible)
    against = np.array(contradicted)
    rows = [
        count_answers("not both classes", np.array(former), malignant, against),
        count_answers("exactly the label", np.array(present), malignant, against),
    ]
    print_table(ANSWERED, rows)
    logits = logit(np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY))
    groups = np.arange(len(logits))
    fitted = fit_platt(logits, malignant)
    rows = [
        describe_fit("as it is", Calibration(), logits, malignant, groups),
        describe_fit("slope and intercept", fitted, logits, malignant, groups),
    ]
    print_table(CALIBRATED, rows)


def count_answers(name: str, labels: np.ndarray, malignant: np.ndarray, contradicted: np.ndarray) -> list:
    """A row of `ANSWERED` for one rule, from the labels that it gives, str (n,)."""
    answered = labels != "uncertain"
    wrong = answered & ((labels == "malignant") != (malignant == 1))
    against = answered & contradicted
    counts = [answered, ~answered, wrong, against, wrong & against]
    return [name, *(int(each.sum()) for each in counts)]


def load_features(options: argparse.Namespace) -> tuple[PhotographSet, PhotographSet]:
    """Features, truth, groups and hashes of the photographs to learn from, and of fresh ones; both are of the
    training side.
    """
    from lentigo.datasets.dataset import select_split
    from lentigo.datasets.manifests import load_dataset
    from lentigo.models.graphs.graph_weights import start_network
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.training.start.features import extract_features

    network = start_network(find_backbone(options.backbone), options.start, (0.8, 0.5), 0)
    dataset = select_split(load_dataset(options.source), "train")
    order = np.random.default_rng(options.seed).permutation(len(dataset))
    to_learn = order[: options.photographs]
    fresh = order[options.photographs :][: options.fresh]

    def extract(chosen: np.ndarray) -> PhotographSet:
        photographs = dataset.take(np.sort(chosen))
        features = extract_features(network, photographs, fp32=True)
        readable = photographs.take(features.readable)
        return PhotographSet(features.values, readable.malignant, readable.groups, readable.digests)

    return extract(to_learn), extract(fresh)


def make_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe of a head."""
    from lentigo.training.recipe_lookup import find_head_recipe

    return find_head_recipe("seed", backbone=options.backbone, epochs=options.epochs)


def show_head(options: argparse.Namespace) -> None:
    """One head: calibrated on a fifth of the photographs, looked at there and on fresh ones."""
    from lentigo.splits.splits import split_validation
    from lentigo.training.heads import LabelledFeatures, predict_logits, train_head

    learned, fresh = load_features(options)
    held_out = split_validation(learned.malignant, learned.groups, learned.digests, VALIDATION, 0)
    sample = LabelledFeatures(learned.features, learned.malignant)
    head, _ = train_head(make_recipe(options), sample, held_out)
    logits = predict_logits(head, learned.features[held_out])
    logits_fresh = predict_logits(head, fresh.features)
    truth = learned.malignant[held_out]
    rows = []
    for name, fit in (("temperature", fit_temperature), ("slope and intercept", fit_platt)):
        found = fit(logits, truth)
        rows.append(describe_fit(f"{name}, validation", found, logits, truth, learned.groups[held_out]))
        rows.append(describe_fit(f"{name}, fresh", found, logits_fresh, fresh.malignant, fresh.groups))
    print_table(CALIBRATED, rows)


def show_folds(options: argparse.Namespace) -> None:
    """Ensembles on fresh photographs, by each rule of calibration; then the same over all draws."""
    rows = []
    for seed in range(options.seed, options.seed + options.draws):
        drawn = argparse.Namespace(**{**vars(options), "seed": seed})
        for row in compare_folds(drawn):
            rows.append([seed, *row])
    print_table(["draw", *CALIBRATED], rows)
    summary = []
    for name in dict.fromkeys(row[1] for row in rows):
        same = [row for row in rows if row[1] == name]
        error = np.array([row[5] for row in same])
        slope = np.array([row[6] for row in same])
        intercept = np.array([row[8] for row in same])
        ends = [slope.mean(), slope.min(), slope.max(), intercept.mean(), intercept.min(), intercept.max()]
        summary.append([name, len(same), *ends, error.mean()])
    print_table(SUMMARY, summary)


def compare_folds(options: argparse.Namespace) -> list[list]:
    """One draw: a row of `CALIBRATED` for each rule, on fresh photographs."""
    from lentigo.splits.splits import split_validation
    from lentigo.training.heads import LabelledFeatures, predict_logits, train_head

    learned, fresh = load_features(options)
    recipe = make_recipe(options)

    def describe(name: str, logits: np.ndarray, truth: np.ndarray, served: np.ndarray) -> list:
        """What the calibration by some logits does to those that are served."""
        return describe_fit(name, fit_platt(logits, truth), served, fresh.malignant, fresh.groups)

    sample = LabelledFeatures(learned.features, learned.malignant)
    rows = []
    if options.former:
        formerly = answer_formerly(recipe, sample, learned.groups, fresh.features, options.seed)
        for name, logits, served in formerly:
            rows.append(describe(name, logits, learned.malignant, served))
    held_out = split_validation(learned.malignant, learned.groups, learned.digests, VALIDATION, options.seed)
    validation = learned.features[held_out]
    truth = learned.malignant[held_out]
    heads = learn_folds(recipe, sample.take(~held_out), draw_folds(learned.groups[~held_out], options.seed))
    mean_on_validation = answer_mean(heads, validation)
    mean_served = answer_mean(heads, fresh.features)
    rows.append(describe("the mean that is served, on validation", mean_on_validation, truth, mean_served))
    head, _ = train_head(recipe, sample, held_out)
    head_on_validation = predict_logits(head, validation)
    head_served = predict_logits(head, fresh.features)
    rows.append(describe("one head, on validation", head_on_validation, truth, head_served))
    return rows


def answer_formerly(
    recipe: Recipe, sample: LabelledFeatures, groups: np.ndarray, test: np.ndarray, seed: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The former rules: their names, the logits that they calibrate by, and those that are served for fresh
    photographs.
    """
    from lentigo.training.heads import predict_logits, train_head

    parts = draw_folds(groups, seed)
    heads = learn_folds(recipe, sample, parts)
    served = answer_mean(heads, test)
    members = np.zeros(len(parts))
    for fold, head in enumerate(heads):
        members[parts == fold] = predict_logits(head, sample.features[parts == fold])
    means = np.zeros(len(parts))
    for first, second in combinations(range(FOLDS), 2):
        here = (parts == first) | (parts == second)
        head, _ = train_head(recipe, sample, here)
        means[here] += predict_logits(head, sample.features[here]) / (FOLDS - 1)
    return [
        ("members, all photographs in folds", members, served),
        ("means of heads without two folds", means, served),
    ]


def draw_folds(groups: np.ndarray, seed: int) -> np.ndarray:
    """The fold of each photograph, int (n,); a group is in one."""
    names, group = np.unique(groups, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(names))[group] % FOLDS


def learn_folds(recipe: Recipe, sample: LabelledFeatures, parts: np.ndarray) -> list[keras.Model]:
    """A head without each fold."""
    from lentigo.training.heads import train_head

    heads = []
    for fold in range(FOLDS):
        head, _ = train_head(recipe, sample, parts == fold)
        heads.append(head)
    return heads


def answer_mean(heads: list[keras.Model], features: np.ndarray) -> np.ndarray:
    """The mean logit of the heads, float (n,)."""
    from lentigo.training.heads import predict_logits

    return np.mean([predict_logits(head, features) for head in heads], axis=0)


if __name__ == "__main__":
    main()
