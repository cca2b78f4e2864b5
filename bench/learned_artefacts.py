"""The head that finds artefacts by the frozen branch: learned from labels, measured on photographs of other
lesions, and put into a RUN.

    python bench/learned_artefacts.py photographs/isic2018 --other photographs/ham10000 photographs/isic2020 \
        --without-gel photographs/phone --out lentigo/models/bundled

The manifest has a column of 0 and 1 for each of `COLUMNS`. Half of its lesions teach the head and choose its
limits, half measure it. `--other` are sets without such labels: a head that learns from one source alone
learns the source. So artefacts are drawn on their photographs, and each is learned from both, with and
without. `--without-gel` is a set taken without a dermatoscope: no gel, no patch. Half of the lesions of these
sets, too, only measure: how often the head flags what image processing does not, and finds what is drawn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from artefacts import Draw, add_cast, add_white_frame
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import describe_machine, make_parser, print_table, require_readable, show_share, show_value

from lentigo.common.progress import show_nothing
from lentigo.common.statistics.intervals import estimate_auroc
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.manifests import load_dataset
from lentigo.images.artefacts import drawn_artefacts
from lentigo.images.artefacts.artefact_detection import LIMITS, Artefacts, find_artefacts
from lentigo.images.artefacts.learned_artefacts import ArtefactHead, describe_measured
from lentigo.images.photographs import stream_images
from lentigo.inference.auditing.artefact_embedding import ArtefactEmbedder
from lentigo.models.bundle import ARTEFACT_HEAD, amend_bundle, open_bundle
from lentigo.splits.leaks import join_duplicates, search_dataset

COLUMNS = {  # of the manifest, by kind
    "hair": "hair",
    "ruler": "ruler",
    "ink": "ink",
    "dark_corners": "dark_corner",
    "gel_border": "gel_border",
    "gel_bubbles": "gel_bubble",
    "patches": "patches",
}
DRAWINGS = {  # of the last two, image processing knows enough: they are not to be taken for another kind
    "hair": drawn_artefacts.add_hairs,
    "ruler": drawn_artefacts.add_ruler,
    "ink": drawn_artefacts.add_ink,
    "dark_corners": drawn_artefacts.add_dark_corners,
    "gel_bubbles": drawn_artefacts.add_bubbles,
    "patches": drawn_artefacts.add_patch,
    "white_frame": add_white_frame,
    "colour_cast": add_cast,
}
# Kinds that are written. Of hair and rulers image processing is more precise, and what the head adds in other
# sources is, by eye, mostly neither. Of the gel's edge it finds too little.
KEPT = ("ink", "dark_corners", "gel_bubbles", "patches")
OF_THE_DERMATOSCOPE = ("gel_border", "gel_bubbles", "patches")
USUAL_PRECISION = 0.9  # of all flags, at least, on the lesions that teach
MIN_PRECISION = {"gel_border": 0.75}  # of a kind that the branch hardly sees
MAX_ALONE = 0.02  # of the photographs of other sets, that the head flags and image processing does not
OTHER_WEIGHT = 2.0  # of an example of another set, where one with a label has 1
INVERSE_PENALTY = 0.02  # C of the logistic regression
FOLDS = 5
SAMPLE = 100  # photographs of each other set
NO_LIMIT = 1e9  # a score that nothing reaches


@dataclass(frozen=True)
class Photographs:
    """Measured photographs.

    Attributes:
        features: Embedding and measured values, (n, d + m).
        found: The flags of image processing, by kind, bool (n,).
        groups: Of lesions and duplicates, int (n,).
    """

    features: np.ndarray
    found: dict[str, np.ndarray]
    groups: np.ndarray

    def take(self, rows: np.ndarray) -> Photographs:
        """Some of them."""
        found = {kind: flags[rows] for kind, flags in self.found.items()}
        return Photographs(self.features[rows], found, self.groups[rows])


@dataclass(frozen=True)
class OtherSet:
    """Photographs of a set without labels, as they are, and with each artefact drawn on them."""

    name: str
    plain: Photographs
    drawn: dict[str, Photographs]
    has_gel: bool

    def take(self, rows: np.ndarray) -> OtherSet:
        """Some of its photographs."""
        drawn = {kind: photographs.take(rows) for kind, photographs in self.drawn.items()}
        return OtherSet(self.name, self.plain.take(rows), drawn, self.has_gel)


@dataclass(frozen=True)
class Examples:
    """What one kind is learned from: features (n, d + m), truth, groups, weights, and whether a photograph of
    another set was drawn upon (n,).
    """

    features: np.ndarray
    truth: np.ndarray
    groups: np.ndarray
    weights: np.ndarray
    drawn: np.ndarray


def main() -> None:
    """Learns, prints what came of it, and writes the head into the RUN."""
    parser = make_parser(__doc__)
    parser.add_argument("data")
    parser.add_argument("--other", nargs="*", default=[])
    parser.add_argument("--without-gel", nargs="*", default=[])
    parser.add_argument("--out", required=True, type=Path, help="the RUN, with a frozen branch")
    options = parser.parse_args()
    print(describe_machine())
    bundle = open_bundle(options.out)
    embed = ArtefactEmbedder(bundle)
    dataset = group_lesions(load_dataset(options.data))
    labelled = measure_images(embed, dataset)
    teaches = halve_groups(labelled.groups)
    fitted = []
    held_out = []
    for name in (*options.other, *options.without_gel):
        other = measure_other(embed, name, has_gel=name not in options.without_gel)
        half = halve_groups(other.plain.groups)
        fitted.append(other.take(np.flatnonzero(half)))
        held_out.append(other.take(np.flatnonzero(~half)))

    to_learn = labelled.take(np.flatnonzero(teaches))
    to_judge = labelled.take(np.flatnonzero(~teaches))
    columns = []
    biases = []
    limits = []
    rows = []
    for kind, column in COLUMNS.items():
        truth = dataset.table[column].astype(int).to_numpy()
        model, limit = learn_kind(kind, to_learn, truth[teaches], fitted)
        rows += judge_kind(kind, model, limit, to_judge, truth[~teaches])
        weights, bias = unfold(model)
        columns.append(weights)
        biases.append(bias)
        limits.append(limit)
    head = ArtefactHead(tuple(COLUMNS), np.stack(columns, axis=1), np.array(biases), np.array(limits))
    header = ["kind", "found by", "n (with it)", "AUROC", "found", "precision", "recall"]
    print_table(header, rows)
    print_table(
        ["kind", "set", "n", "flagged by the head alone", "drawn: before", "now"],
        judge_others(head, held_out),
    )
    print_table(["drawn, then flagged by the head", *head.kinds], confuse_drawings(head, held_out))
    with tempfile.TemporaryDirectory(dir=options.out.parent) as folder:
        keep_kinds(head).save(Path(folder) / ARTEFACT_HEAD)
        amend_bundle(bundle, [Path(folder) / ARTEFACT_HEAD])


def keep_kinds(head: ArtefactHead) -> ArtefactHead:
    """The head of the kinds `KEPT`."""
    places = [head.kinds.index(kind) for kind in KEPT]
    return ArtefactHead(KEPT, head.weights[:, places], head.bias[places], head.limits[places])


def group_lesions(dataset: Dataset) -> Dataset:
    """The set with duplicates in one group."""
    return join_duplicates(dataset, search_dataset(dataset, show_nothing))


def halve_groups(groups: np.ndarray) -> np.ndarray:
    """Whether each photograph is in the first half, bool (n,); a group is in one half alone."""
    names = np.unique(groups)
    first = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    return np.isin(groups, first)


def measure_images(embed: ArtefactEmbedder, dataset: Dataset) -> Photographs:
    """Measures the photographs of a set."""
    pixels = (require_readable(image).pixels for image in stream_images(dataset.table["image"]))
    return measure_pixels(embed, pixels, dataset.groups)


def measure_pixels(embed: ArtefactEmbedder, images: Iterable[np.ndarray], groups: np.ndarray) -> Photographs:
    """Measures photographs, uint8 (224, 224, 3) each."""
    features = []
    artefacts = []
    for pixels in images:
        found = find_artefacts(pixels)
        features.append(np.concatenate([embed(pixels), describe_measured(found)]))
        artefacts.append(found)
    return Photographs(np.stack(features), list_flags(artefacts), groups)


def list_flags(artefacts: list[Artefacts]) -> dict[str, np.ndarray]:
    """The flags of image processing by kind, False where it does not know the kind."""
    flags = {}
    for kind in COLUMNS:
        flags[kind] = np.array([found.flags.get(kind, False) for found in artefacts])
    return flags


def measure_other(embed: ArtefactEmbedder, name: str, *, has_gel: bool) -> OtherSet:
    """Measures a sample of a set, as it is and with each artefact drawn on it."""
    dataset = load_dataset(name)
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(dataset))[:SAMPLE])
    sample = dataset.take(rows)
    images = [require_readable(image).pixels for image in stream_images(sample.table["image"])]
    drawn = {}
    for kind, draw in DRAWINGS.items():
        changed = (draw_on(pixels, draw, rng) for pixels in images)
        drawn[kind] = measure_pixels(embed, changed, sample.groups)
    return OtherSet(Path(name).name, measure_pixels(embed, images, sample.groups), drawn, has_gel)


def draw_on(pixels: np.ndarray, draw: Draw, rng: np.random.Generator) -> np.ndarray:
    """A copy, uint8 (224, 224, 3), with an artefact drawn on it."""
    image = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    draw(image, rng)
    return np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def learn_kind(
    kind: str, photographs: Photographs, truth: np.ndarray, others: list[OtherSet]
) -> tuple[Pipeline, float]:
    """The model of one kind, and the score from which it flags: see `choose_limit`.

    The scores that choose are cross-validated; a drawing stands in the same fold as its photograph.
    """
    examples = gather_examples(kind, photographs, truth, others)
    scores = np.zeros(len(examples.truth))
    for train, test in GroupKFold(FOLDS).split(examples.features, groups=examples.groups):
        scores[test] = fit(examples, train).decision_function(examples.features[test])
    count = len(truth)
    is_other = np.arange(len(scores)) >= count
    is_without = is_other & (examples.truth == 0)
    of_others = [scores[is_without & ~examples.drawn], scores[is_without & examples.drawn]]
    limit = choose_limit(kind, scores[:count], photographs.found[kind], truth, of_others)
    return fit(examples, np.arange(len(scores))), limit


def gather_examples(
    kind: str, photographs: Photographs, truth: np.ndarray, others: list[OtherSet]
) -> Examples:
    """The labelled photographs, and those of other sets: without a kind, with one that is drawn, and with
    others that are drawn, which are not to be taken for it.
    """
    features = [photographs.features]
    truths = [truth]
    groups = [photographs.groups]
    weights = [np.ones(len(truth))]
    is_drawn = [np.zeros(len(truth), bool)]
    for other in others:
        is_known = kind in OF_THE_DERMATOSCOPE and not other.has_gel
        if kind not in other.drawn and not is_known:
            continue
        free = np.flatnonzero(~other.plain.found[kind])
        first_group = max(map(np.max, groups)) + 1
        share = OTHER_WEIGHT / len(other.drawn)  # of the weight, for each of the negatives
        for drawing, drawn in {"": other.plain, **other.drawn}.items():
            is_kind = drawing == kind
            features.append(drawn.features[free])
            truths.append(np.full(len(free), int(is_kind)))
            groups.append(first_group + other.plain.groups[free])
            weights.append(np.full(len(free), OTHER_WEIGHT if is_kind else share))
            is_drawn.append(np.full(len(free), drawing != ""))
    columns = (features, truths, groups, weights, is_drawn)
    return Examples(*map(np.concatenate, columns))


def fit(examples: Examples, rows: np.ndarray) -> Pipeline:
    """A logistic regression on standardised features of some of the examples."""
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000)
    model = make_pipeline(StandardScaler(), regression)
    weights = examples.weights[rows]
    return model.fit(examples.features[rows], examples.truth[rows], logisticregression__sample_weight=weights)


def choose_limit(
    kind: str, scores: np.ndarray, found: np.ndarray, truth: np.ndarray, of_others: list[np.ndarray]
) -> float:
    """The lowest score at which all flags together have `MIN_PRECISION`, and the head alone flags no more
    than `MAX_ALONE` of the photographs of other sets, whose scores are `of_others`: of those as they are, and of those that were drawn upon.
    """
    least = -np.inf
    for others in filter(len, of_others):
        least = max(least, np.quantile(others, 1 - MAX_ALONE))
    for limit in np.sort(scores[scores > least]):
        flagged = found | (scores >= limit)
        if truth[flagged].mean() >= MIN_PRECISION.get(kind, USUAL_PRECISION):
            return float(limit)
    return NO_LIMIT


def unfold(model: Pipeline) -> tuple[np.ndarray, float]:
    """Weights, (d + m,), and bias for features as they are, not standardised."""
    scaler = model[0]
    regression = model[1]
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_)


def judge_kind(
    kind: str, model: Pipeline, limit: float, photographs: Photographs, truth: np.ndarray
) -> list[list]:
    """Rows of the table: image processing, the head, and both."""
    scores = model.decision_function(photographs.features)
    auroc, ends = estimate_auroc(truth, scores, photographs.groups)
    by_head = scores >= limit
    ways = {"the head": by_head}
    if kind in LIMITS:
        by_shape = photographs.found[kind]
        ways = {"image processing": by_shape, "the head": by_head, "either": by_shape | by_head}
    rows = []
    for way, flags in ways.items():
        shown = show_value(auroc, ends) if way == "the head" else ""  # the other ways have no score
        precision = show_share(truth[flags] == 1, photographs.groups[flags])
        recall = show_share(flags[truth == 1], photographs.groups[truth == 1])
        rows.append([kind, way, f"{len(truth)} ({truth.sum()})", shown, int(flags.sum()), precision, recall])
    return rows


def confuse_drawings(head: ArtefactHead, others: list[OtherSet]) -> list[list]:
    """Rows of the table on what the head takes drawings of another kind for, all sets together."""
    rows = []
    for drawing in DRAWINGS:
        row: list = [drawing]
        for place, kind in enumerate(head.kinds):
            wrong = []
            for other in others:
                before = score_kind(head, place, other.plain)
                wrong.append(score_kind(head, place, other.drawn[drawing]) & ~before)
            row.append("" if kind == drawing else round(float(np.concatenate(wrong).mean()), 3))
        rows.append(row)
    return rows


def judge_others(head: ArtefactHead, others: list[OtherSet]) -> list[list]:
    """Rows of the table on sets without labels: flagged by the head alone, and drawn ones found."""
    rows = []
    for place, kind in enumerate(head.kinds):
        for other in others:
            free = ~other.plain.found[kind]
            alone = score_kind(head, place, other.plain)[free]
            before = "-"
            now = "-"
            if kind in other.drawn:
                drawn = other.drawn[kind].take(np.flatnonzero(free))
                before = show_share(drawn.found[kind], drawn.groups)
                now = show_share(drawn.found[kind] | score_kind(head, place, drawn), drawn.groups)
            rows.append(
                [kind, other.name, len(alone), show_share(alone, other.plain.groups[free]), before, now]
            )
    return rows


def score_kind(head: ArtefactHead, place: int, photographs: Photographs) -> np.ndarray:
    """Whether the head flags one of its kinds, bool (n,)."""
    return photographs.features @ head.weights[:, place] + head.bias[place] >= head.limits[place]


if __name__ == "__main__":
    main()
