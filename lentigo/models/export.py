"""Export: a RUN in the form of another runtime, compared with the Keras model on photographs before it
appears.

    onnx        the RUN's own graph: ONNX Runtime, OpenVINO, TensorRT, CoreML and DirectML through ONNX Runtime
    openvino    OpenVINO's own form, fp32 or, with int8, quantised
    litert      LiteRT (TensorFlow Lite): phones and small computers
    savedmodel  TensorFlow Serving, TensorFlow.js

All take `image`, uint8 (n, 224, 224, 3) RGB, and give `logit`, `embedding`, `heatmap` and, where the RUN has
a decoder, `mask`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from lentigo.common.files import stage_folder
from lentigo.datasets.dataset import CLASSES
from lentigo.errors import DataError, ModelError, UsageError, tell_install
from lentigo.images.listing import find_images
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.models.agreement import clear_nan
from lentigo.models.bundle import CLASSIFIER, INT8_GRAPH, INT8_WEIGHTS, Bundle, amend_bundle, open_bundle
from lentigo.models.engine import openvino
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.quantization import Loss, list_validation, quantize_bundle, read_some, save_model

LARGEST_DIFFERENCE = 1e-3  # of P(malignant)
LARGEST_DEVIATION = 1e-2  # of embedding and heatmap, as a share of their largest value
FEWEST, MOST = 16, 64  # photographs to compare on
BATCH = 16
Answers = dict[str, np.ndarray]


@dataclass(frozen=True)
class Export:
    """An artefact. `largest_difference` is that of P(malignant) before calibration from the RUN's model, over
    `photographs`; of P(lesion) where the RUN has no classifier.

    `deviations` are those of the other outputs, as a share of their largest value. With int8 the differences
    are between int8 and fp32, over all validation photographs, and `int8` has the AUROCs.
    """

    path: Path
    format: str
    largest_difference: float
    photographs: int
    megabytes: float
    deviations: dict[str, float]
    int8: Loss | None = None

    def to_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class Format:
    """How a form is written from a RUN, and run by its own runtime. Without `suffix` the artefact is a
    folder.
    """

    suffix: str
    write: Callable[[Bundle, Any, Path], None]  # RUN, Keras model, place
    answer: Callable[[Path, np.ndarray], Answers]  # place, pixels uint8 (n, side, side, 3)


def export(
    run: str | Path | Bundle,
    format: str,
    out: str | Path,
    *,
    int8: bool = False,
    images: str | Path | Iterable[str | Path] | None = None,
) -> Export:
    """Writes a RUN in another form, whole or not at all.

    `out` is a file with the format's suffix, else a folder to be made. The artefact is compared with the
    Keras model on `photos` (files or folders), else on the RUN's validation photographs where they still are,
    filled up with synthetic lesions to at least 16. `int8`, of the format openvino, quantises, and the card
    says what it costs; the duplicate is kept in the RUN too, and answers by default, where 99.5 % of the
    decisions stay and the upper limit of the loss of AUROC is below 0.002.

    Raises `UsageError` for an unknown format or a place that is taken; `ModelError` for a RUN that cannot be
    used, a library that is missing, a probability that differs by more than 1e-3.
    """
    kind, out = find_format(format, int8), Path(out)
    out = out if out.name not in ("", "..") else out.resolve()
    place = find_place(out, kind)
    if int8 and images is not None:
        raise UsageError(
            "photos and int8 do not go together: int8 is calibrated and measured on the RUN's own "
            "validation photographs"
        )
    bundle = run if isinstance(run, Bundle) else open_bundle(run)
    if int8:
        return export_int8(bundle, out, place)
    model, pixels = load_model(bundle), choose_pixels(bundle, images)
    with stage_folder(out) as folder:
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        kind.write(bundle, model, staged)
        deviations = compare(answer_with_keras(model, pixels), kind.answer(staged, pixels))
        refuse_difference(format, deviations, len(pixels))
        megabytes = weigh(folder)
        publish(folder, out)
    return Export(
        place,
        format,
        deviations.pop("probability" if "probability" in deviations else "mask"),
        len(pixels),
        megabytes,
        deviations,
    )


def export_int8(bundle: Bundle, out: Path, place: Path) -> Export:
    """Quantises a RUN's graph and writes the duplicate to `place`; where it is as good as the graph it is
    kept in the RUN, too, which then answers with it.
    """
    with stage_folder(bundle.folder / INT8_GRAPH) as duplicate, stage_folder(out) as folder:
        loss = quantize_bundle(bundle, duplicate)
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        shutil.copyfile(duplicate / INT8_WEIGHTS, staged.with_suffix(".bin"))
        shutil.copyfile(duplicate / INT8_GRAPH, staged)
        megabytes = weigh(folder)
        if loss.neutral:
            amend_bundle(
                bundle, (duplicate / INT8_WEIGHTS, duplicate / INT8_GRAPH), int8=clear_nan(asdict(loss))
            )
        else:
            amend_bundle(bundle, (), drop=(INT8_GRAPH, INT8_WEIGHTS), int8=clear_nan(asdict(loss)))
        publish(folder, out)
    return Export(place, "openvino", loss.largest_difference, loss.n, megabytes, {}, loss)


def find_format(name: str, int8: bool) -> Format:
    """The table's entry. Raises `UsageError`."""
    if name not in FORMATS:
        raise UsageError(f"format {name!r} is unknown; expected one of {', '.join(FORMATS)}")
    if int8 and name != "openvino":
        raise UsageError(f"format {name} has no int8 form here; expected --format openvino with --int8")
    return FORMATS[name]


def find_place(out: Path, kind: Format) -> Path:
    """Where the artefact will be: `out` itself, or model.SUFFIX in the folder `out`. Raises `UsageError`
    where it cannot be.
    """
    empty = out.is_dir() and not any(out.iterdir())
    is_file = bool(kind.suffix) and out.suffix == kind.suffix and not empty
    for path in (out, *([out.with_suffix(".bin")] if is_file and kind.suffix == ".xml" else [])):
        if path.exists() and not empty:
            raise UsageError(
                f"{path}: is there already; expected a new name or an empty folder: choose another, or "
                "remove it"
            )
    if not is_file and out.suffix in {other.suffix for other in FORMATS.values()} - {""}:
        wanted = f"a name ending in {kind.suffix}, or a folder" if kind.suffix else "a folder"
        raise UsageError(f"{out}: is a name for another format; expected {wanted}")
    return out if is_file or not kind.suffix else out / f"model{kind.suffix}"


def load_model(bundle: Bundle) -> Any:
    """The Keras model with all answers. Raises `ModelError` where the RUN or the machine lacks what that
    takes.
    """
    if CLASSIFIER not in bundle.card["files"]:
        raise ModelError(
            f"{bundle.folder}: has no {CLASSIFIER}; expected a RUN as `lentigo train` wrote it: exports are "
            "compared with that model"
        )
    try:
        from lentigo.models.networks.network import open_network
        from lentigo.models.networks.output_models import build_export_model
    except ImportError as error:
        raise ModelError(f"export needs Keras and TensorFlow ({error}); {tell_install('train')}") from error
    return build_export_model(
        open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    )


def choose_pixels(bundle: Bundle, compare_on: str | Path | Iterable[str | Path] | None) -> np.ndarray:
    """What to compare on, uint8 (n, side, side, 3): given or validation photographs, filled up with synthetic
    lesions.

    Raises `DataError` where photographs are given and none can be read.
    """
    given = [compare_on] if isinstance(compare_on, str | Path) else compare_on
    images = (
        list_validation(bundle)["image"]
        if given is None
        else [str(file) for image in given for file in find_images(image)]
    )
    pixels = [image.pixels for image in read_some(images, MOST)]
    if given is not None and not pixels:
        raise DataError(
            f"none of the {len(images)} photographs to compare on can be read; expected JPEG, PNG, TIFF, "
            "WebP or BMP"
        )
    pixels += [draw_synthetic_lesion(CLASSES[seed % 2], seed).image for seed in range(FEWEST - len(pixels))]
    return np.stack(pixels)


def write_onnx(bundle: Bundle, model: Any, path: Path) -> None:
    shutil.copyfile(bundle.graph, path)


def write_openvino(bundle: Bundle, model: Any, path: Path) -> None:
    save_model(openvino.Core().read_model(bundle.graph), path)


def write_litert(bundle: Bundle, model: Any, path: Path) -> None:
    load_interpreter()
    export_with_tensorflow(model, path, "litert", "litert")


def write_savedmodel(bundle: Bundle, model: Any, path: Path) -> None:
    export_with_tensorflow(model, path, "savedmodel", "tf_saved_model")


def export_with_tensorflow(model: Any, path: Path, name: str, format: str) -> None:
    """Keras' own export. Raises `ModelError` where Keras computes with another framework, `OSError` on a full
    disk.
    """
    from lentigo.models.networks.deep_learning import keras

    if keras.config.backend() != "tensorflow":
        raise ModelError(
            f"format {name} needs Keras on TensorFlow, found {keras.config.backend()}; set "
            f"KERAS_BACKEND=tensorflow ({tell_install('train')})"
        )
    from tensorflow.errors import ResourceExhaustedError

    try:
        model.export(path, format=format, verbose=False)
    except ResourceExhaustedError as error:
        raise OSError("no space left on device") from error


def load_interpreter() -> Any:
    """LiteRT's interpreter. Raises `ModelError` where it is not installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ModelError(
            f"format litert is checked with LiteRT, which is not installed; {tell_install('export')}"
        ) from error
    return Interpreter


def answer_with_keras(model: Any, pixels: np.ndarray) -> Answers:
    """The Keras model's answers."""
    from lentigo.models.networks.deep_learning import ops

    return in_batches(
        lambda batch: {
            name: ops.convert_to_numpy(value) for name, value in model(batch, training=False).items()
        },
        pixels,
    )


def answer_with_openvino(path: Path, pixels: np.ndarray) -> Answers:
    """Answers of an ONNX graph or an OpenVINO model in fp32."""
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return in_batches(
        lambda batch: {output.get_any_name(): value for output, value in compiled(batch).items()}, pixels
    )


def answer_with_litert(path: Path, pixels: np.ndarray) -> Answers:
    """Answers of a LiteRT model."""
    run = load_interpreter()(model_path=str(path)).get_signature_runner("serving_default")
    return in_batches(lambda batch: run(image=batch), pixels)


def answer_with_tensorflow(path: Path, pixels: np.ndarray) -> Answers:
    """Answers of a SavedModel."""
    import tensorflow

    serve = tensorflow.saved_model.load(str(path)).signatures["serving_default"]
    return in_batches(
        lambda batch: {
            name: value.numpy() for name, value in serve(image=tensorflow.constant(batch)).items()
        },
        pixels,
    )


def in_batches(answer: Callable[[np.ndarray], Answers], pixels: np.ndarray) -> Answers:
    """Answers batch by batch, joined."""
    parts = [answer(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def compare(expected: Answers, received: Answers) -> dict[str, float]:
    """The largest difference of each output, as a share of its largest value; of the logit that of
    P(malignant). Infinite for one that is missing.
    """
    deviations = {}
    if "logit" in expected:
        deviations["probability"] = (
            largest(expit(expected["logit"]), expit(received["logit"])) if "logit" in received else np.inf
        )
    for name in expected.keys() - {"logit"}:
        scale = float(np.abs(expected[name]).max()) or 1.0
        deviations[name] = (
            largest(expected[name] / scale, received[name] / scale) if name in received else np.inf
        )
    return deviations


def largest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where shapes differ or a value is no number."""
    difference = float(np.abs(a - b).max()) if a.shape == b.shape else np.inf
    return np.inf if np.isnan(difference) else difference


def refuse_difference(format: str, deviations: dict[str, float], count: int) -> None:
    """Raises `ModelError` where an artefact does not answer as the RUN does."""
    for name, value in deviations.items():
        limit = LARGEST_DIFFERENCE if name == "probability" else LARGEST_DEVIATION
        if value > limit:
            raise ModelError(
                f"format {format}: the {name} differs from {CLASSIFIER}'s by {value:.2g} on {count} "
                f"photographs, expected at most {limit:g}; "
                "nothing was written: report it with the RUN's card.json, and use the RUN's model.onnx "
                "meanwhile"
            )


def weigh(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def publish(folder: Path, out: Path) -> None:
    """Moves what was made to its place; of two files the one that names the artefact last."""
    if out.is_dir():
        out.rmdir()  # empty
    for path in sorted(folder.iterdir()):
        os.replace(path, out.parent / path.name)


FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", write_onnx, answer_with_openvino),
    "openvino": Format(".xml", write_openvino, answer_with_openvino),
    "litert": Format(".tflite", write_litert, answer_with_litert),
    "savedmodel": Format("", write_savedmodel, answer_with_tensorflow),
}
