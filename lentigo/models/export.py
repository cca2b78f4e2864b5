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
from lentigo.common.json_values import replace_nan
from lentigo.common.results.summaries import Summarized, format_count
from lentigo.datasets.dataset import CLASSES
from lentigo.errors import DataError, ModelError, UsageError, tell_install
from lentigo.images.listing import find_images
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.models.bundle import CLASSIFIER, INT8_GRAPH, INT8_WEIGHTS, Bundle, amend_bundle, open_bundle
from lentigo.models.engine import openvino
from lentigo.models.networks.backbones import find_backbone
from lentigo.models.quantization import (
    QuantizationLoss,
    list_validation,
    quantize_bundle,
    read_some,
    save_model,
)

MAX_DIFFERENCE = 1e-3  # of P(malignant)
MAX_DEVIATION = 1e-2  # of embedding and heatmap, as a share of their largest value
MIN_IMAGES = 16  # to compare on: synthetic lesions fill them up
MAX_IMAGES = 64  # to compare on
BATCH = 16
Outputs = dict[str, np.ndarray]  # of a model, by name


@dataclass(frozen=True, repr=False, eq=False)
class Export(Summarized):
    """A model that was exported.

    With int8 the differences are between int8 and fp32, over all validation photographs.

    Attributes:
        path: The file or folder.
        format: A key of `FORMATS`.
        largest_difference: Of P(malignant) before calibration from the RUN's model; of P(lesion) where the
            RUN has no classifier.
        photographs: How many it was compared on.
        megabytes: Of all its files.
        deviations: Of the other outputs, as a share of their largest value.
        int8: What int8 costs, where it was asked for.
    """

    path: Path
    format: str
    largest_difference: float
    photographs: int
    megabytes: float
    deviations: dict[str, float]
    int8: QuantizationLoss | None = None

    def summarize(self) -> str:
        """What matters most, in a few words."""
        return (
            f"{str(self.path)!r}: {self.format}, {self.megabytes:.1f} MB, at most {self.largest_difference:.2g} off on "
            f"{format_count(self.photographs, 'photograph')}"
        )

    def to_json(self) -> dict[str, Any]:
        """The fields, paths as text."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class Format:
    """How a form is written from a RUN, and run by its own runtime.

    Attributes:
        suffix: Of the file; "" where it is a folder.
        write: Writes a RUN with its Keras model to a place.
        run: Runs what stands at a place on pixels, uint8 (n, side, side, 3).
    """

    suffix: str
    write: Callable[[Bundle, Any, Path], None]
    run: Callable[[Path, np.ndarray], Outputs]


def export(
    run: str | Path | Bundle,
    format: str,
    out: str | Path,
    *,
    int8: bool = False,
    images: str | Path | Iterable[str | Path] | None = None,
) -> Export:
    """Writes a RUN in another form, whole or not at all, and compares it with the RUN's Keras model.

    Args:
        run: The RUN, or its folder.
        format: A key of `FORMATS`.
        out: A file with the format's suffix, else a folder to be made.
        int8: Quantises, with the format openvino; the card says what that costs. The int8 form is kept in the
            RUN too, and used by default, where 99.5 % of the decisions stay and the upper limit of the loss
            of AUROC is below 0.002.
        images: Files or folders of photographs to compare on; else the RUN's validation photographs where
            they still are, filled up with synthetic lesions to at least 16.

    Raises:
        UsageError: The format is unknown, or the place is taken.
        ModelError: The RUN cannot be used, a library is missing, or a probability differs by more than 1e-3.
    """
    kind = find_format(format, int8)
    out = Path(out)
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
    model = load_model(bundle)
    pixels = choose_pixels(bundle, images)
    with stage_folder(out) as folder:
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        kind.write(bundle, model, staged)
        deviations = compare(run_keras(model, pixels), kind.run(staged, pixels))
        refuse_difference(format, deviations, len(pixels))
        megabytes = measure_megabytes(folder)
        publish(folder, out)
    main_output = "probability" if "probability" in deviations else "mask"
    largest_difference = deviations.pop(main_output)
    return Export(place, format, largest_difference, len(pixels), megabytes, deviations)


def export_int8(bundle: Bundle, out: Path, place: Path) -> Export:
    """Quantises a RUN's graph and writes the int8 form to `place`; where it is as good as the graph it is kept
    in the RUN, too, which then predicts with it.
    """
    with stage_folder(bundle.folder / INT8_GRAPH) as int8_folder, stage_folder(out) as folder:
        loss = quantize_bundle(bundle, int8_folder)
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        shutil.copyfile(int8_folder / INT8_WEIGHTS, staged.with_suffix(".bin"))
        shutil.copyfile(int8_folder / INT8_GRAPH, staged)
        megabytes = measure_megabytes(folder)
        entry = replace_nan(asdict(loss))
        if loss.neutral:
            amend_bundle(bundle, (int8_folder / INT8_WEIGHTS, int8_folder / INT8_GRAPH), int8=entry)
        else:
            amend_bundle(bundle, (), drop=(INT8_GRAPH, INT8_WEIGHTS), int8=entry)
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
    taken = [out]
    if is_file and kind.suffix == ".xml":
        taken.append(out.with_suffix(".bin"))  # OpenVINO's weights
    for path in taken:
        if path.exists() and not empty:
            raise UsageError(
                f"{path}: is there already; expected a new name or an empty folder: choose another, or "
                "remove it"
            )
    suffixes = {other.suffix for other in FORMATS.values()} - {""}
    if not is_file and out.suffix in suffixes:
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
    images: list[str] = []
    if given is None:
        images = list(list_validation(bundle)["image"])
    else:
        for name in given:
            images += [str(file) for file in find_images(name)]
    pixels = [image.pixels for image in read_some(images, MAX_IMAGES)]
    if given is not None and not pixels:
        raise DataError(
            f"none of the {len(images)} photographs to compare on can be read; expected JPEG, PNG, TIFF, "
            "WebP or BMP"
        )
    for seed in range(MIN_IMAGES - len(pixels)):
        pixels.append(draw_synthetic_lesion(CLASSES[seed % 2], seed).image)
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


def run_keras(model: Any, pixels: np.ndarray) -> Outputs:
    """The outputs of the Keras model."""
    from lentigo.models.networks.deep_learning import ops

    def run(batch: np.ndarray) -> Outputs:
        outputs = model(batch, training=False)
        return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}

    return run_batches(run, pixels)


def run_openvino(path: Path, pixels: np.ndarray) -> Outputs:
    """Outputs of an ONNX graph or an OpenVINO model in fp32."""
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(batch: np.ndarray) -> Outputs:
        return {output.get_any_name(): value for output, value in compiled(batch).items()}

    return run_batches(run, pixels)


def run_litert(path: Path, pixels: np.ndarray) -> Outputs:
    """Outputs of a LiteRT model."""
    run = load_interpreter()(model_path=str(path)).get_signature_runner("serving_default")
    return run_batches(lambda batch: run(image=batch), pixels)


def run_tensorflow(path: Path, pixels: np.ndarray) -> Outputs:
    """Outputs of a SavedModel."""
    import tensorflow

    serve = tensorflow.saved_model.load(str(path)).signatures["serving_default"]

    def run(batch: np.ndarray) -> Outputs:
        outputs = serve(image=tensorflow.constant(batch))
        return {name: value.numpy() for name, value in outputs.items()}

    return run_batches(run, pixels)


def run_batches(run: Callable[[np.ndarray], Outputs], pixels: np.ndarray) -> Outputs:
    """Outputs batch by batch, joined."""
    batches = [run(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    return {name: np.concatenate([outputs[name] for outputs in batches]) for name in batches[0]}


def compare(expected: Outputs, received: Outputs) -> dict[str, float]:
    """Compares the outputs of two models.

    Args:
        expected: Of the RUN's model.
        received: Of its other form.

    Returns:
        The largest difference of each output, as a share of its largest value; of the logit that of
        P(malignant), as "probability". Infinite for one that is missing.
    """
    deviations = {}
    for name, values in expected.items():
        is_logit = name == "logit"
        shown_name = "probability" if is_logit else name
        if name not in received:
            deviations[shown_name] = np.inf
        elif is_logit:
            deviations[shown_name] = find_largest_difference(expit(values), expit(received[name]))
        else:
            scale = float(np.abs(values).max()) or 1.0
            deviations[shown_name] = find_largest_difference(values / scale, received[name] / scale)
    return deviations


def find_largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where shapes differ or a value is no number."""
    if a.shape != b.shape:
        return np.inf
    difference = float(np.abs(a - b).max())
    return np.inf if np.isnan(difference) else difference


def refuse_difference(format: str, deviations: dict[str, float], count: int) -> None:
    """Raises `ModelError` where an artefact does not answer as the RUN does."""
    for name, value in deviations.items():
        limit = MAX_DIFFERENCE if name == "probability" else MAX_DEVIATION
        if value > limit:
            raise ModelError(
                f"format {format}: the {name} differs from {CLASSIFIER}'s by {value:.2g} on {count} "
                f"photographs, expected at most {limit:g}; "
                "nothing was written: report it with the RUN's card.json, and use the RUN's model.onnx "
                "meanwhile"
            )


def measure_megabytes(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def publish(folder: Path, out: Path) -> None:
    """Moves what was made to its place; of two files the one that names the artefact last."""
    if out.is_dir():
        out.rmdir()  # empty
    for path in sorted(folder.iterdir()):
        os.replace(path, out.parent / path.name)


FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", write_onnx, run_openvino),
    "openvino": Format(".xml", write_openvino, run_openvino),
    "litert": Format(".tflite", write_litert, run_litert),
    "savedmodel": Format("", write_savedmodel, run_tensorflow),
}
