"""The bundled weights judged anew, without training: a frozen branch to refuse by, both limits, calibration
by slope and intercept, the threshold.

    python bench/rejudge.py --known photographs/malignant_vs_benign/train photographs/more_training \
        --not-lesions flowers --branch efficientnetlite2.npz --out lentigo/models/bundled

`--known` are folders of photographs that the weights have learned from, in class folders. The validation
scores are those that the RUN carries: the logits behind them come from the calibration that the card has now.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from scipy.special import logit
from tables import describe_machine, print_table, require_readable

from lentigo.common.files import write_text, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.scores.metrics import estimate_intervals, measure
from lentigo.images.listing import list_images
from lentigo.images.non_lesions import draw_no_lesions
from lentigo.images.photographs import SIDE, DecodedImage, stream_images
from lentigo.inference.decisions.calibration import Calibration, read_calibration
from lentigo.inference.decisions.decision_rule import DecisionRule
from lentigo.inference.decisions.operating_point import choose_threshold
from lentigo.inference.decisions.prevalence import shift_prevalence
from lentigo.inference.decisions.refusal import Reference, load_reference
from lentigo.models.bundle import (
    ARTEFACT_HEAD,
    BUNDLED,
    GRAPH,
    MODEL_CARD,
    REFERENCE,
    Bundle,
    finish_bundle,
    open_bundle,
)
from lentigo.models.runtime import Session
from lentigo.training.calibration.calibration_fit import fit_calibration
from lentigo.training.calibration.reference_fit import fit_reference, set_limits

OUTPUT = "reference"  # of the graph: what the frozen branch gives
RULE = "sensitivity=0.95"
SAMPLE = 4096  # known photographs, half of them to fit on and half to set the limit of a shift


def main() -> None:
    """Writes graph, reference and card, and prints what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--known", nargs="+", required=True)
    parser.add_argument("--not-lesions", required=True, help="a folder of pictures of other things")
    parser.add_argument("--branch", required=True, help="EfficientNet-Lite2's ImageNet weights")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    print(describe_machine())
    rejudge(options.out, options.known, options.not_lesions, options.branch)


def rejudge(folder: Path, known: list[str], not_lesions: str, branch: str) -> None:
    """Judges a RUN anew. Its probabilities stay stated for the share of malignant lesions that its card has.

    Args:
        folder: The RUN, which is changed.
        known: Data sets that its weights have learned from.
        not_lesions: A folder of pictures of other things.
        branch: EfficientNet-Lite2's ImageNet weights, for a RUN without a frozen branch.
    """
    bundle = open_bundle(folder)
    before = load_reference(bundle.folder / REFERENCE)
    if OUTPUT not in bundle.outputs:
        join_branch(bundle.graph, branch)
        take_head(bundle.folder)

    malignant = np.repeat([0, 1], [len(before.benign), len(before.malignant)])
    logits = find_logits(bundle, np.concatenate([before.benign, before.malignant]))
    calibration = fit_calibration(logits, malignant, np.arange(len(logits)))
    probability = calibration.apply(logits)

    session = Session(bundle.graph, precision="f32")
    points, truth = measure_known(session, known)
    fitted = np.arange(len(points)) % 2 == 0
    reference = fit_reference(
        points[fitted], truth[fitted], points[~fitted], truth[~fitted], np.zeros((~fitted).sum()), OUTPUT
    )
    no_lesions = measure_no_lesions(session, not_lesions)
    reference = replace(
        set_limits(reference, reference.measure_distance(points[~fitted]), no_lesions),
        benign=np.sort(probability[malignant == 0]),
        malignant=np.sort(probability[malignant == 1]),
    )
    with write_whole(bundle.folder / REFERENCE) as temporary:
        reference.save(temporary)

    threshold = choose_threshold(RULE, malignant, probability)
    card = describe(bundle, calibration, threshold, reference)
    card["prevalence"] = float(malignant.mean())  # which the calibration has learned
    rule = DecisionRule(threshold, float(bundle.card["alpha"]), reference)
    validation = measure_validation(bundle.card["metrics"]["validation"], malignant, probability, rule)
    print_table(["validation", "before", "now"], compare(bundle.card["metrics"]["validation"], validation))
    whole = finish_bundle(Bundle(bundle.folder, card), {"validation": validation})
    write_text(bundle.folder / MODEL_CARD, write_card(whole))
    move_prevalence(folder, bundle.card["prevalence"])
    print_table(
        ["limit of", "distance"], [["a refusal", reference.limit], ["a shift", reference.shift_limit]]
    )


def move_prevalence(folder: Path, prevalence: float) -> None:
    """States the probabilities of a judged RUN for another share of malignant lesions.

    The share among the photographs that it was judged on is an accident of their sources. Decisions stay as
    they are: threshold and scores move with the probabilities.
    """
    bundle = open_bundle(folder)
    before = bundle.card["prevalence"]
    if before == prevalence:
        return

    def move(probability: float | np.ndarray) -> np.ndarray:
        return shift_prevalence(probability, before, prevalence)

    reference = load_reference(folder / REFERENCE)
    moved = replace(reference, benign=move(reference.benign), malignant=move(reference.malignant))
    with write_whole(folder / REFERENCE) as temporary:
        moved.save(temporary)
    calibration = shift_calibration(read_calibration(bundle.card["calibration"]), before, prevalence)
    threshold = float(move(bundle.card["threshold"]))
    validation = dict(bundle.card["metrics"]["validation"])
    validation["threshold"] = threshold
    validation["notes"] = [
        *validation["notes"],
        f"Brier score and ECE at the photographs' own share of malignant lesions, {before:.2f}; probabilities "
        f"are stated for {prevalence:.2f}",
    ]
    card = {
        **bundle.card,
        "calibration": calibration.to_card(),
        "threshold": threshold,
        "prevalence": prevalence,
        "files": bundle.card["files"] | {REFERENCE: hash_file(folder / REFERENCE)},
    }
    whole = finish_bundle(Bundle(folder, card), {"validation": validation})
    write_text(folder / MODEL_CARD, write_card(whole))


def shift_calibration(calibration: Calibration, before: float, after: float) -> Calibration:
    """The map to probabilities for another share of malignant lesions: all log-odds move by one constant."""
    if calibration.kind == "isotonic":
        moved = shift_prevalence(np.array(calibration.values), before, after)
        return replace(calibration, values=tuple(moved.tolist()))
    kind = "platt" if calibration.kind == "none" else calibration.kind  # none has no intercept to move
    intercept = calibration.intercept + float(logit(after) - logit(before))
    return replace(calibration, kind=kind, intercept=intercept)


def take_head(folder: Path) -> None:
    """Copies the head that finds artefacts, which belongs to the branch, from the bundled weights, where
    there is none.
    """
    if (BUNDLED / ARTEFACT_HEAD).is_file() and not (folder / ARTEFACT_HEAD).is_file():
        shutil.copy(BUNDLED / ARTEFACT_HEAD, folder / ARTEFACT_HEAD)


def join_branch(path: Path, weights: str) -> None:
    """Gives a graph the output of a frozen branch, whose weights have 16 bits."""
    import onnx

    from lentigo.models.graphs.frozen_branch import add_branch, build_frozen_branch
    from lentigo.models.graphs.graph_weights import halve_weights
    from lentigo.models.graphs.onnx_graph import to_onnx

    branch = halve_weights(to_onnx(build_frozen_branch(weights)))
    joined = add_branch(onnx.load(path), branch)
    with write_whole(path) as temporary:
        temporary.write_bytes(joined.SerializeToString())


def find_logits(bundle: Bundle, probability: np.ndarray) -> np.ndarray:
    """The logits behind calibrated probabilities, float (n,), by the calibration that the card has."""
    known = bundle.card["calibration"]
    if known["kind"] == "none":
        return logit(probability)
    if known["kind"] == "temperature":
        return known["temperature"] * logit(probability)
    if known["kind"] == "platt":
        return (logit(probability) - known["intercept"]) / known["slope"]
    raise SystemExit(
        f"{bundle.folder}: calibrated by {known['kind']}; expected temperature or platt, whose logits can "
        "be found again"
    )


def measure_known(session: Session, folders: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The reference output for known photographs, float (n, d), and their truth, int (n,); a sample that is
    spread over the folders.
    """
    datasets = [load_dataset(folder) for folder in folders]
    images = np.concatenate([dataset.table["image"].to_numpy() for dataset in datasets])
    malignant = np.concatenate([dataset.malignant for dataset in datasets])
    rows = spread_rows(len(images), SAMPLE)
    pixels = (require_readable(image).pixels for image in stream_images(images[rows]))
    return np.stack([answer[OUTPUT] for answer in session.stream(pixels)]), malignant[rows]


def measure_no_lesions(session: Session, folder: str) -> np.ndarray:
    """The reference output for pictures of other things, and for those that are drawn, float (k, d)."""
    images = [
        image.pixels for image in stream_images(list_images([folder])) if isinstance(image, DecodedImage)
    ]
    images += list(draw_no_lesions(SIDE))
    return np.stack([answer[OUTPUT] for answer in session.stream(images)])


def describe(bundle: Bundle, calibration: Calibration, threshold: float, reference: Reference) -> dict:
    """The card's entries that change."""
    entries = {
        "threshold": threshold,
        "threshold_rule": f"{RULE}, on validation",
        "logit_threshold": calibration.invert(threshold),
        "calibration": calibration.to_card(),
        "outputs": sorted({*bundle.card["outputs"], OUTPUT}),
        "refusal": {
            "output": OUTPUT,
            "distance_limit": reference.limit,
            "shift_limit": reference.shift_limit,
            "alpha": bundle.card["refusal"]["alpha"],
        },
    }
    names = [GRAPH, REFERENCE]
    if (bundle.folder / ARTEFACT_HEAD).is_file():
        names.append(ARTEFACT_HEAD)
    files = bundle.card["files"] | {name: hash_file(bundle.folder / name) for name in names}
    kept = {key: value for key, value in bundle.card.items() if key not in ("temperature", "measured")}
    return {**kept, **entries, "files": files}


def measure_validation(
    before: dict, malignant: np.ndarray, probability: np.ndarray, rule: DecisionRule
) -> dict:
    """The card's validation results, from the scores alone: each photograph is its own group, and none is
    taken for another thing than a lesion.
    """
    answered = np.array([rule.decide(float(each)).label != "uncertain" for each in probability])
    groups = np.arange(len(malignant))
    found = asdict(measure(malignant, probability, rule.threshold, answered))
    intervals = estimate_intervals(malignant, probability, rule.threshold, groups, answered)
    decided = (probability >= rule.threshold).astype(int)
    confusion = [
        [int(((malignant == truth) & (decided == said)).sum()) for said in (0, 1)] for truth in (0, 1)
    ]
    kept = {
        key: before[key]
        for key in ("n", "n_malignant", "split", "data_fingerprint", "times_test_opened", "leaks", "problems")
    }
    note = "from the scores that the RUN carries: photographs of one lesion count as if they were of several"
    return (
        kept
        | found
        | {
            "threshold": rule.threshold,
            "ci": intervals,
            "confusion": confusion,
            "model": before["model"],
            "notes": [note],
        }
    )


def compare(before: dict, now: dict) -> list[list]:
    """Rows of a table: each metric before and now."""
    return [[name, before.get(name), value] for name, value in now.items() if isinstance(value, float)]


if __name__ == "__main__":
    main()
