"""Training: photographs in, a RUN folder out."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import lentigo
from lentigo.common.files import write_text, write_whole
from lentigo.common.hashing import hash_file
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import CLASSES, Dataset
from lentigo.datasets.description import describe_sides
from lentigo.datasets.diagnosis_words import DIAGNOSES
from lentigo.errors import DataError, UsageError
from lentigo.evaluation.assessment import Assessment, assess
from lentigo.evaluation.card.model_card import write_card
from lentigo.evaluation.figures import draw_history
from lentigo.evaluation.report import write_report
from lentigo.images.photographs import SIDE, read_all, read_image
from lentigo.images.problems import Problem
from lentigo.inference.calibration import explain_calibration, read_calibration
from lentigo.inference.operating_point import check_rule
from lentigo.inference.prediction import Predictor
from lentigo.inference.results import Prediction
from lentigo.models.bundle import (
    CLASSIFIER,
    CLASSIFIES,
    GRAPH,
    HISTORY,
    MODEL_CARD,
    SPLITS,
    Bundle,
    draft_bundle,
    find_bundle,
    finish_bundle,
)
from lentigo.models.graphs.graph_weights import start_network
from lentigo.models.graphs.onnx_graph import annotate_onnx, save_onnx, to_onnx
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.feature_extractor import fit_batch_norms
from lentigo.models.networks.keras_graph import cut_network, join_outputs
from lentigo.models.networks.network import Network, attach_diagnosis, unfreeze_backbone
from lentigo.models.networks.output_models import build_runtime_model, build_saved_model, build_training_model
from lentigo.models.runtime import Session
from lentigo.training.features import extract_features, find_readable, refuse_frozen_features
from lentigo.training.heads import Sample, Score, make_score, plan_head, score_logits, weigh
from lentigo.training.holdout import list_holdouts, list_sources, set_aside
from lentigo.training.judgement import choose_output, judge_network, measure_images, measure_no_lesions
from lentigo.training.loop.augmentation import (
    Mixed,
    augment_image,
    find_augmentation,
    mix_views,
    view_generator,
)
from lentigo.training.loop.devices import check_batch, count_devices
from lentigo.training.loop.losses import AnswerLoss
from lentigo.training.loop.sampling import plan_cells
from lentigo.training.loop.stages import Stage, compile_model, plan_rate, run_stages
from lentigo.training.precision_check import PrecisionCheck, check_precision, measure_served
from lentigo.training.preparation import (
    LeakPolicy,
    TrainingSet,
    check_folder,
    check_training_set,
    find_start,
    keep_settings,
    load_labelled,
    split_or_read,
)
from lentigo.training.recipes import Recipe, find_recipe

REFERENCE_SAMPLE = 4096  # photographs: the centres and the covariance of some hundred numbers need no more
DISCLAIMER = "A research tool, not a medical device: no diagnosis, no treatment decision."


@dataclass(frozen=True)
class Training:
    """A finished training: the RUN, its scores on validation, the photographs that could not be read, and
    what it was made of.

    `holdouts` are its scores on the sources that it was trained without, by their names.
    """

    bundle: Bundle
    validation: Assessment
    problems: tuple[Problem, ...]
    seconds: float
    training_set: TrainingSet
    holdouts: dict[str, Assessment] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One training run: what is trained on what, and where it goes."""

    recipe: Recipe
    network: Network
    training: Dataset
    validation: Dataset
    features: np.ndarray
    features_validation: np.ndarray
    checkpoint: Path
    fp32: bool
    progress: Progress
    output: str = "embedding"  # by which the RUN is to refuse
    not_lesions: str | Path | None = None  # a folder of pictures of other things


def train(
    data: str | Path | Dataset,
    out: str | Path,
    recipe: str | Recipe = "best",
    *,
    weights: str | Path = "imagenet",
    resume: bool = False,
    fp32: bool = False,
    leak_policy: LeakPolicy = LeakPolicy(),
    holdout_sources: Sequence[str] = (),
    not_lesions: str | Path | None = None,
    progress: Progress = show_nothing,
) -> Training:
    """Trains a classifier and writes it to the folder `out`, which must be new or, with `resume`, half
    finished.

    `holdout_sources` are left out of the training, with every duplicate, lesion and patient of theirs in
    other sources, and the RUN is measured on them. `not_lesions` is a folder of pictures of other things: the
    RUN is to refuse such pictures, and some that are drawn besides.

    Nothing is learned or chosen on the test split; `guard` says how leaks into it are kept out. `weights` are
    those of the backbone: "imagenet", "none" or a file. `exact` computes features in fp32. Raises
    `UsageError`, `DataError`, `ModelError` and `SpaceError`; photographs that cannot be read are left out and
    listed in the answer.
    """
    started, out = time.perf_counter(), Path(out)
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    check_start(out, recipe, resume)
    labelled = load_labelled(data)
    holdouts = {}
    if holdout_sources:
        labelled = set_aside(labelled, holdout_sources)
        holdouts = list_holdouts(labelled, holdout_sources)
        leak_policy = replace(leak_policy, leaks="drop")
    start = find_start(weights)
    ready = prepare_training(labelled, recipe, weights, fp32=fp32, leak_policy=leak_policy, progress=progress)
    held_out = split_or_read(
        ready.dataset, recipe, out / SPLITS, resume=resume, start=start, progress=progress
    )
    keep_settings(
        out / "checkpoint" / "settings.json", ready.settings
    )  # last: a call that cannot start leaves no unfinished RUN
    job = make_job(recipe, ready, held_out, out, fp32=fp32, not_lesions=not_lesions, progress=progress)
    head = [keras.ops.convert_to_numpy(variable) for variable in job.network.head.variables]
    history, check = learn(out, job)
    if needs_fp32_features(job, check):
        job = start_again(job, head)
        history, _ = learn(out, job)
    seconds = time.perf_counter() - started
    card = describe(job, history, {**ready.settings, "start": start.describe(), "seconds": seconds})
    bundle, validation = write_run(out, job, card, check)
    assessments = measure_holdouts(bundle, holdouts, fp32)
    if assessments:
        metrics = {f"without {name}": found.to_json() for name, found in assessments.items()}
        bundle = finish_bundle(bundle, bundle.card["metrics"] | metrics)
    shutil.rmtree(out / "checkpoint")
    return Training(bundle, validation, ready.problems, seconds, ready.training_set, assessments)


def measure_holdouts(bundle: Bundle, holdouts: dict[str, Dataset], fp32: bool) -> dict[str, Assessment]:
    """The scores of a RUN on each source that it was trained without; a source with one class has no AUROC
    and is left out.
    """
    assessments = {}
    predictor = Predictor(bundle, fp32=fp32) if holdouts else None
    for name, dataset in holdouts.items():
        answers = list(predictor.predict(dataset.table["image"]))
        readable = np.array([isinstance(answer, Prediction) for answer in answers], dtype=bool)
        kept = dataset.take(readable)
        if len(set(kept.table["label"])) == len(CLASSES):
            assessments[name] = assess(
                predictor,
                kept,
                [answer for answer in answers if isinstance(answer, Prediction)],
                f"without {name}",
            )
    return assessments


def learn(out: Path, job: Job) -> tuple[pd.DataFrame, PrecisionCheck | None]:
    """Trains, writes graph and model, and compares bf16 with fp32; the history and that check, None where
    fp32 is asked for or all there is.
    """
    history = run_stages(
        [partial(build, job) for build in plan_stages(job.recipe)], job.recipe, job.checkpoint, job.progress
    )
    write_model(out, job.network, history)
    return history, check_precision(out / GRAPH, job.validation, job.recipe.operating_point, fp32=job.fp32)


def needs_fp32_features(job: Job, check: PrecisionCheck | None) -> bool:
    """Whether a head was trained, and its epoch chosen, on features in bf16 of a trunk that will be served in
    fp32.
    """
    return not job.recipe.finetune and check is not None and not check.neutral


def start_again(job: Job, head: list[np.ndarray]) -> Job:
    """The same training of a head, from the same start, on features in fp32: those that will be served."""
    for variable, value in zip(job.network.head.variables, head, strict=True):
        variable.assign(value)
    return extract_again(replace(job, checkpoint=job.checkpoint.with_name("state_f32.npz")))


def extract_again(job: Job) -> Job:
    """The same training on features in fp32, and its RUN measured in fp32."""
    training = extract_features(job.network, job.training, fp32=True, progress=job.progress)
    validation = extract_features(job.network, job.validation, fp32=True, progress=job.progress)
    return replace(job, features=training.values, features_validation=validation.values, fp32=True)


def check_start(out: Path, recipe: Recipe, resume: bool) -> None:
    """Raises `UsageError` for what is wrong before any photograph is read."""
    if (recipe.balance != "none" or recipe.diagnosis) and not recipe.finetune:
        raise UsageError(
            "--balance source and --diagnosis are for a backbone that learns; expected a recipe with "
            "--finetune, or leave them out"
        )
    check_rule(recipe.operating_point)
    check_batch(recipe.batch_size)
    check_folder(out, resume)


@dataclass(frozen=True)
class PreparedTraining:
    """What a training starts from: the network with its frozen trunk, the readable photographs with their
    features (n, d), and the settings that a resumed training must share."""

    network: Network
    dataset: Dataset
    features: np.ndarray
    settings: dict[str, Any]
    training_set: TrainingSet
    problems: tuple[Problem, ...]
    output: str  # by which the RUN is to refuse


def prepare_training(
    labelled: Dataset,
    recipe: Recipe,
    weights: str | Path,
    *,
    fp32: bool,
    leak_policy: LeakPolicy,
    progress: Progress,
) -> PreparedTraining:
    """Builds the network, keeps leaks out, computes features. Raises `DataError` and `ModelError`."""
    network = start_network(
        find_backbone(recipe.backbone),
        weights,
        (recipe.dropout_1, recipe.dropout_2),
        recipe.seed,
        recipe.units,
    )
    training_set = check_training_set(labelled, leak_policy, progress)
    dataset = training_set.dataset
    dataset.require_both_classes()
    settle_random(network, weights, dataset)
    settings = {
        "recipe": asdict(recipe),
        "weights": name_source(weights),
        "fp32": fp32,
        "data_fingerprint": dataset.fingerprint,
        "leak_policy": asdict(leak_policy),
        **training_set.describe(),
    }
    if recipe.diagnosis:
        check_diagnosis(dataset, recipe.diagnosis)
        network = attach_diagnosis(network, seed=recipe.seed)
    output = choose_output(recipe, weights)
    if recipe.head_epochs or not recipe.finetune or output == "embedding":
        features = extract_features(network, dataset, fp32=fp32, progress=progress)
        refuse_frozen_features(features, recipe.backbone, weights)
    else:
        features = find_readable(dataset, progress)
    problems = dataset.problems + features.problems
    return PreparedTraining(
        network, dataset.take(features.readable), features.values, settings, training_set, problems, output
    )


def make_job(
    recipe: Recipe,
    ready: PreparedTraining,
    held_out: np.ndarray,
    out: Path,
    *,
    fp32: bool,
    not_lesions: str | Path | None = None,
    progress: Progress = show_nothing,
) -> Job:
    """What is trained on what: the photographs `held_out`, bool (n,), are validation, all others are learned
    from.
    """
    return Job(
        recipe,
        ready.network,
        training=ready.dataset.take(~held_out),
        validation=ready.dataset.take(held_out),
        features=ready.features[~held_out],
        features_validation=ready.features[held_out],
        checkpoint=out / "checkpoint" / "state.npz",
        fp32=fp32,
        progress=progress,
        output=ready.output,
        not_lesions=not_lesions,
    )


def check_diagnosis(dataset: Dataset, column: str) -> None:
    """Raises `DataError` where a data set does not name two of the seven diagnoses in a column."""
    if column not in dataset.table:
        raise DataError(
            f"{dataset.name}: has no column {column!r}; expected the column of the diagnosis: --diagnosis "
            "COLUMN, or leave it out"
        )
    named = set(dataset.table[column].dropna()) & set(DIAGNOSES)
    if len(named) < 2:
        raise DataError(
            f"{dataset.name}: its column {column!r} names {len(named)} of the seven diagnoses; expected two "
            f"at least of {', '.join(DIAGNOSES)}: "
            f"`lentigo data import` writes them"
        )


def settle_random(network: Network, weights: str | Path, dataset: Dataset) -> None:
    """Gives the batch norms of a trunk that starts at random the means and variances of some photographs."""
    if str(weights) == "none":
        fit_batch_norms(network.feature_extractor, read_sample(dataset))


def read_sample(dataset: Dataset) -> np.ndarray:
    """At most 64 photographs, spread over the data set, uint8 (n, side, side, 3). Raises `DataError` where
    none can be read.
    """
    rows = np.unique(np.linspace(0, len(dataset) - 1, 64).round().astype(int))
    images, problems = read_all(dataset.table["image"].iloc[rows])
    if not images:
        raise DataError(f"{dataset.name}: none of {len(rows)} photographs can be read ({problems[0].error})")
    return np.stack([image.pixels for image in images])


def name_source(weights: str | Path) -> str:
    """The source of the backbone's weights: a word, a file's name and the start of its hash, or a RUN's
    name.
    """
    path = Path(weights)
    if str(weights) == "bundled" or path.is_dir():
        return find_bundle(weights).name
    return f"{path.name}@{hash_file(path)[:16]}" if path.is_file() else str(weights)


def plan_stages(recipe: Recipe) -> list:
    """The builders of the stages of a recipe, in order."""
    if not recipe.finetune:
        return [build_head_stage]
    return (
        [build_head_stage] * bool(recipe.head_epochs)
        + [build_lowres_stage] * bool(recipe.lowres_epochs)
        + [build_finetune_stage]
    )


def build_head_stage(job: Job) -> Stage:
    """The head on the frozen trunk's features."""
    learn, check = (
        Sample(job.features, job.training.malignant),
        Sample(job.features_validation, job.validation.malignant),
    )
    return plan_head(job.network.head, job.recipe, learn, check)


def build_lowres_stage(job: Job) -> Stage:
    """The whole network on smaller views, at a fraction of the cost: it learns most of what it will know
    there.
    """
    recipe = job.recipe
    rate = recipe.lowres_learning_rate or recipe.learning_rate
    return build_view_stage(
        job, "finetune lowres", recipe.lowres_epochs, recipe.lowres_size, rate, recipe.freeze
    )


def build_finetune_stage(job: Job) -> Stage:
    """The network on random views of the photographs, all of it or what lies above its still layers."""
    recipe = job.recipe
    return build_view_stage(job, "finetune", recipe.epochs, SIDE, recipe.learning_rate, recipe.freeze)


def build_view_stage(job: Job, name: str, epochs: int, side: int, rate: float, freeze: float) -> Stage:
    """The whole network, its batch norms still, on random views of a side; validation photographs have that
    side, too. `rate` is the highest.

    With `freeze` its first layers stay as they are: OpenVINO makes their feature maps, faster than training
    could, and the others learn from those.
    """
    recipe, network = job.recipe, job.network
    unfreeze_backbone(network)
    model = build_training_model(network, side)
    judge = keras.Model(model.input, {"logit": model.outputs[0]})
    joined = join_outputs(model)
    first, learner = cut_network(joined, freeze) if freeze else (None, joined)
    loss = (
        AnswerLoss(recipe.diagnosis_weight, recipe.label_smoothing) if network.diagnosis is not None else None
    )
    cells = None
    if recipe.balance == "source":
        cells = plan_cells(list_sources(job.training), job.training.malignant)
    session = first and Session(to_onnx(first).SerializeToString(), precision="f32" if job.fp32 else None)
    steps = -(-(recipe.views or len(job.training)) // recipe.batch_size)
    compile_model(learner, recipe, plan_rate(recipe, rate, epochs, steps), recipe.ema, loss)

    weights = weigh(job.training.malignant, recipe)

    def load(epoch: int, rows: np.ndarray) -> Mixed:
        views, labels, mixed = load_views(job.training, recipe, epoch, rows, weights[rows], side)
        return (session.run(views)["map"] if session else views), labels, mixed

    return Stage(
        name,
        learner,
        epochs,
        load,
        lambda: score_logits(measure_validation(job, judge), job.validation.malignant),
        "val_auroc",
        weights,
        recipe.patience,
        watched=True,
        views=recipe.views,
        cells=cells,
    )


def measure_validation(job: Job, model: keras.Model) -> np.ndarray:
    """Logits, float (n,), of the validation photographs by the whole network as it is now, at the side that
    `model` takes, in the precision that it would be served in."""
    graph = to_onnx(model).SerializeToString()
    return measure_served(
        graph, job.validation, job.recipe.operating_point, fp32=job.fp32, side=model.input.shape[1]
    ).logits


def score_whole(
    recipe: Recipe,
    weights: str,
    dataset: Dataset,
    features: np.ndarray,
    held_out: np.ndarray,
    work: Path,
    fp32: bool = False,
    progress: Progress = show_nothing,
) -> Score:
    """Trains a whole network, as `train` would, without the photographs that are `held_out`, bool (n,), and
    scores it on them; no RUN is written.

    `features` (n, d) are those of its trunk before. `work` keeps the last epoch meanwhile, from which the
    same call goes on.
    """
    started = time.perf_counter()
    job, history = train_whole(recipe, weights, dataset, features, held_out, work, fp32, progress)
    score = make_score(
        measure_validation(job, job.network.classifier), job.validation.malignant, history, started
    )
    shutil.rmtree(work)
    return score


def answer_whole(
    recipe: Recipe,
    weights: str,
    dataset: Dataset,
    features: np.ndarray,
    held_out: np.ndarray,
    others: Dataset,
    work: Path,
    fp32: bool = False,
) -> np.ndarray:
    """Trains a whole network as `score_whole` does, and gives its logits, float (m,), of `others`, which had
    no part in it.
    """
    job, _ = train_whole(recipe, weights, dataset, features, held_out, work, fp32)
    logits = measure_validation(replace(job, validation=others), job.network.classifier)
    shutil.rmtree(work)
    return logits


def train_whole(
    recipe: Recipe,
    weights: str,
    dataset: Dataset,
    features: np.ndarray,
    held_out: np.ndarray,
    work: Path,
    fp32: bool = False,
    progress: Progress = show_nothing,
) -> tuple[Job, pd.DataFrame]:
    """A whole network that has learned from all photographs but those `held_out`, which said when to stop,
    and its history.
    """
    network = start_network(
        find_backbone(recipe.backbone),
        weights,
        (recipe.dropout_1, recipe.dropout_2),
        recipe.seed,
        recipe.units,
    )
    settle_random(network, weights, dataset)
    job = Job(
        recipe,
        network,
        dataset.take(~held_out),
        dataset.take(held_out),
        features[~held_out],
        features[held_out],
        work / "state.npz",
        fp32,
        progress,
    )
    return job, run_stages(
        [partial(build, job) for build in plan_stages(recipe)], recipe, job.checkpoint, progress
    )


def load_views(
    dataset: Dataset, recipe: Recipe, epoch: int, rows: np.ndarray, weights: np.ndarray, side: int = SIDE
) -> Mixed:
    """Random views of some photographs, uint8 (n, side, side, 3), their labels (n, 1) and what each weighs,
    (n,), `weights` before they are mixed.
    """
    augmentation = find_augmentation(recipe)
    paths = dataset.table["image"].to_numpy()
    views = np.stack(
        [
            augment_image(
                read_image(paths[n], side).pixels, augmentation, view_generator(recipe.seed, epoch, n)
            )
            for n in rows
        ]
    )
    labels = encode_labels(dataset, recipe, rows)
    if not recipe.mixup:
        return views, labels, weights
    return mix_views(views, labels, weights, recipe.mixup, view_generator(recipe.seed, epoch, *rows))


def encode_labels(dataset: Dataset, recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """What is to be learned of some photographs, float32: malignant (n, 1), and with a diagnosis also that,
    (n, 1 + 7), all 0 where it is not known.
    """
    malignant = dataset.malignant[rows, None].astype(np.float32)
    if not recipe.diagnosis:
        return malignant
    words = dataset.table[recipe.diagnosis].to_numpy(dtype=object)[rows]
    known = words[:, None] == np.array(DIAGNOSES, dtype=object)
    return np.concatenate([malignant, known.astype(np.float32)], axis=1)


def write_run(
    out: Path, job: Job, card: dict[str, Any], check: PrecisionCheck | None
) -> tuple[Bundle, Assessment]:
    """Writes what a RUN holds beside graph and model, judged by that graph; the card comes last and makes it
    valid.
    """
    card = card | judge(out, job, check)

    def measure(predictor: Predictor) -> Assessment:
        answers = predictor.predict(job.validation.table["image"])
        return assess(
            predictor,
            job.validation,
            [answer for answer in answers if isinstance(answer, Prediction)],
            "validation",
        )

    return finish_run(out, card, job.fp32, measure)


def write_model(out: Path, network: Network, history: pd.DataFrame) -> None:
    """Graph, Keras model, history and its figure."""
    with write_whole(out / CLASSIFIER) as temporary:
        build_saved_model(network).save(temporary)
    save_onnx(build_runtime_model(network), out / GRAPH, DISCLAIMER)
    with write_whole(out / HISTORY) as temporary:
        history.to_csv(temporary, index=False)
    draw_history(history, out / "figures" / "history.png")


def finish_run(
    out: Path, card: dict[str, Any], fp32: bool, measure: Callable[[Predictor], Assessment]
) -> tuple[Bundle, Assessment]:
    """Measures the model that lies in `out` on validation, and writes model card, report and, last, the
    card.
    """
    annotate_onnx(out / GRAPH, f"{DISCLAIMER} {explain_logit(card)}")
    draft = draft_bundle(out, card)
    validation = measure(Predictor(draft, fp32=fp32))
    write_text(out / MODEL_CARD, write_card(draft, validation))
    write_text(out / "report.html", write_report(draft, validation, out / "figures"))
    return finish_bundle(draft, {"validation": validation.to_json()}), validation


def judge(out: Path, job: Job, check: PrecisionCheck | None) -> dict[str, Any]:
    """The card's entries on precision, calibration, threshold and refusal, all of them from the graph as it
    is served.

    Of a frozen trunk the embeddings of the training photographs are the features that are there, in the same
    precision.
    """
    training = job.features, job.training.malignant
    if job.output == "middle":
        measured = measure_images(out / GRAPH, check, take_sample(job.training), job.output)
        training = measured.points, measured.malignant
    validation = measure_images(out / GRAPH, check, job.validation, job.output, tta=job.recipe.tta)
    validation = replace(
        validation, no_lesions=measure_no_lesions(out / GRAPH, check, job.output, job.not_lesions)
    )
    return judge_network(out, job.recipe, check, training, validation)


def take_sample(dataset: Dataset) -> Dataset:
    """The photographs by which the class centres are found: all of them, or `REFERENCE_SAMPLE` that are
    spread over the data set.
    """
    if len(dataset) <= REFERENCE_SAMPLE:
        return dataset
    return dataset.take(np.linspace(0, len(dataset) - 1, REFERENCE_SAMPLE).round().astype(int))


def explain_logit(judgement: dict[str, Any]) -> str:
    """What whoever runs the graph elsewhere must do with its logit, from the card's entries."""
    probability = explain_calibration(read_calibration(judgement["calibration"]))
    return f"P(malignant) = {probability}; decided malignant at {judgement['threshold']:.6g} or above (rule: {judgement['threshold_rule']})."


def describe(job: Job, history: pd.DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    """The card: what the model is, what it was made of, and how."""
    return {
        **describe_making(),
        "architecture": f"{job.recipe.backbone}, global average pooling, "
        f"{', '.join(map(str, (*job.recipe.units, 1)))} (sigmoid)",
        "backbone": job.recipe.backbone,
        "parameters": job.network.classifier.count_params(),
        "outputs": list(CLASSIFIES) + ["diagnosis"] * bool(job.recipe.diagnosis),
        "classes": list(CLASSES),
        "recipe": settings["recipe"],
        "weights": settings["weights"],
        "best_epoch": int(
            history["epoch"][
                history["val_auroc"].where(history["stage"] == history["stage"].iloc[-1]).idxmax()
            ]
        ),
        "data": {
            "name": job.training.name,
            "fingerprint": settings["data_fingerprint"],
            "duplicates": settings["duplicates"],
            "left_out": settings["left_out"],
            **describe_sides(job.training, job.validation),
        },
        "leaks": settings["leaks"],
        "start": settings["start"],
        "seconds": round(settings["seconds"], 1),
    }


def describe_making() -> dict[str, Any]:
    """What the card of any RUN says: with what it was made, where, and what it takes."""
    libraries = ("keras", "numpy", "openvino", "onnx", "scikit-learn", "pillow", "opencv-python-headless")
    return {
        "lentigo": lentigo.__version__,
        "disclaimer": DISCLAIMER,
        "input": {"shape": [SIDE, SIDE, 3], "type": "uint8 RGB", "resize": "squeeze to a square, bilinear"},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "training": {
            "backend": keras.backend.backend(),
            "devices": count_devices(),
            "dtype": keras.config.dtype_policy().name,
        },
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
    }
