"""Two RUNs as one: their networks stand side by side in one graph, and a weighted mean of their logits
answers.

    python bench/join.py runs/first runs/second --data sources.csv --not-lesions flowers \\
        --branch efficientnetlite2.npz --out runs/joined

The first RUN gives the embedding. Where both have a decoder the mask is the weighted mean of both before its
sigmoid; where one has, it is that one's. A linear head on one embedding or both gives the diagnosis.
The heatmap is the same mean as the logit: it is exact, since each heatmap is linear in its logit's gradient.
Both RUNs are judged on the validation photographs of the second that the first has not learned from: they
choose the mean's share, calibrate it and set its threshold.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from known import find_learned, gather_learned, take_split
from onnx import TensorProto, helper, numpy_helper
from packing import LICENCE_FILE, forget_photographs, pack_weights
from rejudge import move_prevalence, rejudge
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tables import describe_machine, print_table, require_readable

from lentigo.common.files import write_text, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.staging import stage_folder
from lentigo.datasets.dataset import Dataset
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.scores.diagnoses import measure_diagnoses
from lentigo.images.photographs import stream_images
from lentigo.inference.decisions.refusal import load_reference
from lentigo.models.bundle import (
    GRAPH,
    HISTORY,
    LEARNED,
    MODEL_CARD,
    REFERENCE,
    Bundle,
    amend_bundle,
    finish_bundle,
    open_bundle,
)
from lentigo.models.exports.agreement import measure_logits
from lentigo.models.runtime import Session
from lentigo.models.training_record import USES, TrainingRecord
from lentigo.training.loop.sampling import average_auroc

PREFIX = "second/"  # of the names of the second network in the joined graph
MOST_EACH = 1400  # photographs of a diagnosis to fit its head on
PENALTY = 0.001  # of its logistic regression, inverse
SHARES = tuple(number / 10 for number in range(11))  # of the first network's logit, each in its own spread
JOINED = ("logit", "heatmap")  # outputs that are weighted means
MASK = "mask"
DIAGNOSIS = "diagnosis"
MASK_SHARE = 0.5  # of the first RUN's mask; chosen among quarters on validation drawings of six sets
MIN_MATRIX = 500_000  # values of a matrix from which it is stored in 8 bits
COPIED = (HISTORY, LICENCE_FILE)  # of the first RUN


@dataclass(frozen=True)
class DiagnosisHead:
    """A linear head of the seven diagnoses.

    Attributes:
        weights: Float32 (d, 7), of both embeddings; 0 for one that it does not use.
        intercepts: Float32 (7,).
    """

    weights: np.ndarray
    intercepts: np.ndarray


def main() -> None:
    """Chooses the share, writes the joined RUN and judges it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--data", required=True, help="the manifest that the second RUN has learned from")
    parser.add_argument("--not-lesions", required=True, help="a folder of pictures of other things")
    parser.add_argument("--branch", required=True, help="EfficientNet-Lite2's ImageNet weights")
    parser.add_argument(
        "--refuse-as", type=Path, help="a RUN with the same branch, whose limits and known lesions are kept"
    )
    parser.add_argument("--prevalence", type=float, default=0.45, help="that probabilities are stated for")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    print(describe_machine())
    first = open_bundle(options.first)
    second = open_bundle(options.second)
    for bundle in (first, second):
        if "joined" in bundle.card:
            raise SystemExit(f"{bundle.folder}: has two networks already; expected a RUN of one")
    dataset = load_dataset(options.data)
    judged = choose_judged(dataset, first, second)
    logits = [
        measure_logits(Session(bundle.graph, precision="f32"), judged.table["image"]).ravel()
        for bundle in (first, second)
    ]
    factors = choose_factors(logits, judged)
    joined_logits = factors[0] * logits[0] + factors[1] * logits[1]
    head = fit_diagnosis(first, second, dataset, judged)
    with tempfile.TemporaryDirectory() as folder:
        packed = first if is_packed(first) else pack_weights(first, folder)
        write_joined(packed, second, factors, head, joined_logits, judged, options.out)
    rejudge(options.out, [options.data], options.not_lesions, options.branch)
    if options.refuse_as:
        keep_refusal(options.out, open_bundle(options.refuse_as))
    move_prevalence(options.out, options.prevalence)


def keep_refusal(folder: Path, earlier: Bundle) -> None:
    """Makes a judged RUN refuse as an earlier one with the same frozen branch does.

    Another sample of the known lesions moves the limits: the share refused of a source would change though
    neither the branch nor the photographs have.
    """
    bundle = open_bundle(folder)
    judged = load_reference(bundle.folder / REFERENCE)
    kept = replace(
        load_reference(earlier.folder / REFERENCE), benign=judged.benign, malignant=judged.malignant
    )
    with stage_folder(folder / REFERENCE) as staged:
        kept.save(staged / REFERENCE)
        whole = amend_bundle(bundle, [staged / REFERENCE], refusal=earlier.card["refusal"])
    write_text(bundle.folder / MODEL_CARD, write_card(whole))


def is_packed(run: Bundle) -> bool:
    """Whether a RUN was made small by `pack_bundle`."""
    return "packed_from" in run.card


def choose_judged(dataset: Dataset, first: Bundle, second: Bundle) -> Dataset:
    """The validation photographs of the second RUN that the first has not learned from."""
    validation = take_split(dataset, second, "validation")
    return validation.take(~find_learned(validation, first))


def choose_factors(logits: list[np.ndarray], judged: Dataset) -> tuple[float, float]:
    """The factors of both logits: by the AUROC within sources, each logit in its own spread."""
    sources = judged.table["source"].to_numpy()
    rows = []
    for share in SHARES:
        mean = mix_logits(logits[0], logits[1], share)
        rows.append([share, average_auroc(mean, judged.malignant, sources)])
    print_table([f"share of the first, {len(judged)} photographs", "AUROC within sources"], rows)
    best = max(rows, key=lambda row: row[1])[0]
    spreads = [float(np.std(each)) for each in logits]
    # Both logits keep the scale of the second one's
    return best * spreads[1] / spreads[0], 1 - best


def mix_logits(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """The mean of two networks' logits (n,), each in its own spread, with a share of the first."""
    return share * first / np.std(first) + (1 - share) * second / np.std(second)


def fit_diagnosis(first: Bundle, second: Bundle, dataset: Dataset, judged: Dataset) -> DiagnosisHead:
    """Fits a linear head of the seven diagnoses, each with the same weight: on the first embedding, on the second or on
    both, whichever the judged photographs tell apart best by.

    It learns from training photographs of the second RUN, at most `MOST_EACH` of a diagnosis.
    """
    training = take_split(dataset, second, "train")
    rng = np.random.default_rng(0)
    rows = []
    for number, diagnosis in enumerate(DIAGNOSES):
        of_diagnosis = rng.permutation(np.flatnonzero(training.diagnosis_numbers == number))
        if not len(of_diagnosis):
            raise SystemExit(
                f"{dataset.name}: no training photograph of {diagnosis}; expected some of each diagnosis"
            )
        rows.append(of_diagnosis[:MOST_EACH])
    training = training.take(np.concatenate(rows))
    print(f"{len(training)} photographs to fit the diagnosis on")
    first_embeddings, second_embeddings = measure_embeddings(first, second, training)
    length = first_embeddings.shape[1]
    learned = np.concatenate([first_embeddings, second_embeddings], axis=1)
    shown = np.concatenate(measure_embeddings(first, second, judged), axis=1)
    fits = {}
    for name, part in {"first": slice(0, length), "second": slice(length, None), "both": slice(None)}.items():
        head = fit_head(learned, training.diagnosis_numbers, part)
        shares = softmax(shown @ head.weights + head.intercepts, axis=1)
        scores = measure_diagnoses(judged.diagnosis_numbers, shares, judged.groups)
        if scores is None:
            raise SystemExit(
                f"{judged.name}: no judged photograph has a diagnosis; expected some to measure it on"
            )
        fits[name] = (scores, head)
    print_table(
        ["diagnosis from the embedding of", "balanced accuracy", "95 % interval"],
        [
            [name, scores.balanced_accuracy, "{:.3f} to {:.3f}".format(*scores.ci)]
            for name, (scores, _) in fits.items()
        ],
    )
    scores, head = max(fits.values(), key=lambda fit: fit[0].balanced_accuracy)
    results = [[each.name, each.n, each.sensitivity, each.auroc] for each in scores.each]
    print_table(["diagnosis", "n", "sensitivity", "AUROC"], results)
    return head


def fit_head(embeddings: np.ndarray, diagnoses: np.ndarray, part: slice) -> DiagnosisHead:
    """Fits a head on some columns of both embeddings, float (n, d); the weights of the others are 0."""
    scaler = StandardScaler().fit(embeddings[:, part])
    regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=300)
    regression.fit(scaler.transform(embeddings[:, part]), diagnoses)
    weights = np.zeros((embeddings.shape[1], len(DIAGNOSES)), np.float32)
    weights[part] = (regression.coef_ / scaler.scale_).T
    intercepts = regression.intercept_ - scaler.mean_ @ weights[part]
    return DiagnosisHead(weights, intercepts.astype(np.float32))


def measure_embeddings(first: Bundle, second: Bundle, dataset: Dataset) -> list[np.ndarray]:
    """The embeddings of each photograph by the first and by the second network, float32 (n, d) each."""
    embeddings = []
    for bundle in (first, second):
        session = Session(bundle.graph, precision="f32", outputs=("embedding",))
        pixels = (require_readable(image).pixels for image in stream_images(dataset.table["image"]))
        embeddings.append(np.stack([outputs["embedding"] for outputs in session.stream(pixels)]))
    return embeddings


def write_joined(
    first: Bundle,
    second: Bundle,
    factors: tuple[float, float],
    head: DiagnosisHead,
    logits: np.ndarray,
    judged: Dataset,
    out: Path,
) -> None:
    """Writes the joined RUN, not yet calibrated: its scores are the sigmoids of the joined logits."""
    from lentigo.models.graphs.graph_weights import halve_weights

    out.mkdir(parents=True, exist_ok=True)
    graph = join_graphs(onnx.load(first.graph), halve_weights(onnx.load(second.graph)), factors, head)
    with write_whole(out / GRAPH) as temporary:
        temporary.write_bytes(graph.SerializeToString())
    for name in COPIED:
        (out / name).write_bytes((first.folder / name).read_bytes())
    add_records(gather_learned(first), gather_learned(second)).write(out / LEARNED)
    reference = load_reference(first.folder / REFERENCE)
    scores = expit(logits)
    changed = replace(
        reference,
        benign=np.sort(scores[judged.malignant == 0]),
        malignant=np.sort(scores[judged.malignant == 1]),
    )
    with write_whole(out / REFERENCE) as temporary:
        changed.save(temporary)
    validation = {
        **first.card["metrics"]["validation"],
        "n": len(judged),
        "n_malignant": int(judged.malignant.sum()),
        "data_fingerprint": judged.fingerprint,
        "leaks": None,
        "problems": [],
    }
    card = {
        **first.card,
        "architecture": f"{first.card['architecture']}; beside it {second.card['architecture']}",
        "parameters": first.card["parameters"] + second.card["parameters"],
        "outputs": sorted({*first.card["outputs"], *second.card["outputs"], DIAGNOSIS}),
        "decoder": describe_decoders(first, second),
        "calibration": {"kind": "platt", "slope": 1.0, "intercept": 0.0, "n": len(judged)},
        "prevalence": float(judged.malignant.mean()),
        "joined": {
            "first": describe_network(first, factors[0]),
            "second": describe_network(second, factors[1]),
        },
        "files": {name: hash_file(out / name) for name in (GRAPH, REFERENCE, HISTORY, LEARNED)},
    }
    for name in ("measured", "halved", "packed_from"):
        card.pop(name, None)
    card["bf16"] = None  # not measured
    whole = finish_bundle(Bundle(out, card), {"validation": validation})
    write_text(out / MODEL_CARD, write_card(whole))


def describe_decoders(first: Bundle, second: Bundle) -> dict | None:
    """The card's entry on the decoder of two joined RUNs: the second one's where both have one."""
    entries = [forget_photographs(bundle.card.get("decoder")) for bundle in (first, second)]
    if None in entries:
        return entries[0] or entries[1]
    joined = {"first": entries[0]["architecture"], "share_of_the_first": MASK_SHARE}
    return {**entries[1], "joined": joined}


def describe_network(bundle: Bundle, factor: float) -> dict:
    """What the joined card says of one of its networks."""
    card = forget_photographs(bundle.card)
    return {
        "model": bundle.name,
        "backbone": card["backbone"],
        "factor": factor,
        "recipe": card["recipe"],
        "weights": card["weights"],
        "data": card["data"],
        "best_epoch": card["best_epoch"],
    }


def join_graphs(
    first: onnx.ModelProto, second: onnx.ModelProto, factors: tuple[float, float], head: DiagnosisHead
) -> onnx.ModelProto:
    """Puts two graphs that take one image side by side.

    Args:
        first: Its outputs stay, but for those that are joined.
        second: Gives its embedding, and its share of the joined outputs.
        factors: Of the first and of the second logit.
        head: Of the diagnosis, on both embeddings.

    Returns:
        The joined graph.
    """
    from lentigo.models.graphs.frozen_branch import rename_nodes

    image = first.graph.input[0].name
    taken = [*JOINED, "embedding"]
    have_masks = [MASK in {output.name for output in graph.graph.output} for graph in (first, second)]
    if have_masks[1]:
        taken.append(MASK)
    # A diagnosis of the first network alone gives way to that of both
    joined = prune(first, [output.name for output in first.graph.output if output.name != DIAGNOSIS])
    other = prune(rename_nodes(second, {image}, PREFIX), [PREFIX + name for name in taken])
    for node in joined.graph.node:
        node.output[:] = [f"first/{name}" if name in JOINED else name for name in node.output]
        node.input[:] = [f"first/{name}" if name in JOINED else name for name in node.input]
    joined.graph.node.extend(other.graph.node)
    joined.graph.initializer.extend(other.graph.initializer)
    for number, factor in enumerate(factors):
        joined.graph.initializer.append(
            numpy_helper.from_array(np.array(factor, np.float32), f"factor_{number}")
        )
    resize_heatmap(joined, second)
    for name in JOINED:
        parts = []
        for number, prefix in enumerate(("first/", PREFIX)):
            part = f"{prefix}{name}_weighted"
            joined.graph.node.append(helper.make_node("Mul", [prefix + name, f"factor_{number}"], [part]))
            parts.append(part)
        joined.graph.node.append(helper.make_node("Add", parts, [name]))
    if all(have_masks):
        join_masks(joined)
    elif have_masks[1]:
        take_mask(joined, second)
    add_diagnosis(joined, head)
    shorten_matrices(joined)
    onnx.checker.check_model(joined)
    return joined


def join_masks(joined: onnx.ModelProto) -> None:
    """Makes the mask the weighted mean of both networks' logits, through a sigmoid."""
    parts = []
    for name, share in ((MASK, MASK_SHARE), (PREFIX + MASK, 1 - MASK_SHARE)):
        sigmoid = next(node for node in joined.graph.node if name in node.output)
        if sigmoid.op_type != "Sigmoid":
            raise SystemExit(f"{name} comes from a {sigmoid.op_type}; expected a Sigmoid")
        joined.graph.node.remove(sigmoid)
        joined.graph.initializer.append(numpy_helper.from_array(np.array(share, np.float32), f"{name}_share"))
        parts.append(f"{name}_weighted")
        joined.graph.node.append(helper.make_node("Mul", [sigmoid.input[0], f"{name}_share"], [parts[-1]]))
    joined.graph.node.append(helper.make_node("Add", parts, ["mask_mean"]))
    joined.graph.node.append(helper.make_node("Sigmoid", ["mask_mean"], [MASK]))


def take_mask(joined: onnx.ModelProto, second: onnx.ModelProto) -> None:
    """Makes the mask of the second network that of the joined graph."""
    joined.graph.node.append(helper.make_node("Identity", [PREFIX + MASK], [MASK]))
    joined.graph.output.append(next(output for output in second.graph.output if output.name == MASK))


def resize_heatmap(joined: onnx.ModelProto, second: onnx.ModelProto) -> None:
    """Brings the heatmap of the second network to the size of the first one's, (n, h, w)."""
    sides = [find_side(joined, "heatmap"), find_side(second, "heatmap")]
    if sides[0] == sides[1]:
        return
    own_size = f"{PREFIX}heatmap_own_size"
    for node in joined.graph.node:
        node.output[:] = [own_size if name == f"{PREFIX}heatmap" else name for name in node.output]
    scale = np.nextafter(np.float32(sides[0] / sides[1]), np.float32(np.inf))
    constants = {
        "heatmap_channel": np.array([1]),
        "heatmap_scales": np.array([1, 1, scale, scale], np.float32),
    }
    for name, value in constants.items():
        joined.graph.initializer.append(numpy_helper.from_array(value, name))
    maps = f"{own_size}_maps"
    resized = f"{own_size}_resized"
    joined.graph.node.extend(
        [
            helper.make_node("Unsqueeze", [own_size, "heatmap_channel"], [maps]),
            helper.make_node("Resize", [maps, "", "heatmap_scales"], [resized], mode="linear"),
            helper.make_node("Squeeze", [resized, "heatmap_channel"], [f"{PREFIX}heatmap"]),
        ]
    )


def find_side(model: onnx.ModelProto, output: str) -> int:
    """The side of a square output, (n, side, side)."""
    found = next(value for value in model.graph.output if value.name == output)
    return found.type.tensor_type.shape.dim[1].dim_value


def add_diagnosis(model: onnx.ModelProto, head: DiagnosisHead) -> None:
    """Puts the head of the diagnosis upon both embeddings."""
    weights = numpy_helper.from_array(head.weights, "diagnosis_weights")
    intercepts = numpy_helper.from_array(head.intercepts, "diagnosis_intercepts")
    model.graph.initializer.extend([weights, intercepts])
    both = ["embedding", f"{PREFIX}embedding"]
    model.graph.node.append(helper.make_node("Concat", both, ["embeddings"], axis=1))
    inputs = ["embeddings", "diagnosis_weights", "diagnosis_intercepts"]
    model.graph.node.append(helper.make_node("Gemm", inputs, ["diagnosis_logits"]))
    model.graph.node.append(helper.make_node("Softmax", ["diagnosis_logits"], [DIAGNOSIS], axis=1))
    batch = model.graph.output[0].type.tensor_type.shape.dim[0]
    size = batch.dim_param or batch.dim_value
    shape = [size, len(DIAGNOSES)]
    model.graph.output.append(helper.make_tensor_value_info(DIAGNOSIS, TensorProto.FLOAT, shape))


def shorten_matrices(model: onnx.ModelProto) -> None:
    """Stores the large matrices of a head in 8 bits, each column in its own scale."""
    casts = {node.input[0]: node for node in model.graph.node if node.op_type == "Cast"}
    for constant in list(model.graph.initializer):
        if len(constant.dims) != 2 or np.prod(constant.dims) < MIN_MATRIX or constant.name not in casts:
            continue
        matrix = numpy_helper.to_array(constant).astype(np.float32)
        scale = np.maximum(np.abs(matrix).max(axis=0) / 127, np.float32(1e-12)).astype(np.float32)
        name = f"{constant.name}_8"
        constant.CopyFrom(numpy_helper.from_array(np.rint(matrix / scale).astype(np.int8), name))
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        cast = casts[name.removesuffix("_8")]
        read = helper.make_node("DequantizeLinear", [name, f"{name}_scale"], [cast.output[0]], axis=1)
        cast.CopyFrom(read)


def prune(model: onnx.ModelProto, outputs: list[str]) -> onnx.ModelProto:
    """A graph without the nodes, constants and outputs that none of some outputs needs."""
    needed = set(outputs)
    kept = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    pruned = onnx.ModelProto()
    pruned.CopyFrom(model)
    del pruned.graph.node[:]
    pruned.graph.node.extend(reversed(kept))
    constants = [constant for constant in model.graph.initializer if constant.name in needed]
    del pruned.graph.initializer[:]
    pruned.graph.initializer.extend(constants)
    kept_outputs = [output for output in model.graph.output if output.name in outputs]
    del pruned.graph.output[:]
    pruned.graph.output.extend(kept_outputs)
    return pruned


def add_records(first: TrainingRecord, second: TrainingRecord) -> TrainingRecord:
    """What both have learned from: a photograph that one of them was trained on is a training photograph."""
    joined = first.add(second)
    train = USES.index("train")
    for record in (first, second):
        trained = {record.digests[row].tobytes() for row in np.flatnonzero(record.uses[:, 0] == train)}
        rows = [row for digest, row in joined.rows.items() if digest in trained]
        joined.uses[rows, 0] = train
    return joined


if __name__ == "__main__":
    main()
