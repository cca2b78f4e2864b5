"""The formats of an export: how each is written from a RUN, and run by its own runtime.

    onnx        the RUN's own graph: ONNX Runtime, OpenVINO, TensorRT, CoreML and DirectML through ONNX Runtime
    openvino    OpenVINO's own form, fp32 or, with int8, quantised
    litert      LiteRT (TensorFlow Lite): phones and small computers
    savedmodel  TensorFlow Serving, TensorFlow.js

All take `image`, uint8 (n, 224, 224, 3) RGB, and give `logit`, `embedding`, `heatmap` and, where the RUN has
a decoder, `mask`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.errors import ModelError, UsageError, tell_install
from lentigo.models.bundle import Bundle
from lentigo.models.engine import openvino
from lentigo.models.exports.quantization import save_model

BATCH = 16  # photographs that a form is run on at once
Outputs = dict[str, np.ndarray]  # of a model, by name


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


def find_format(name: str, int8: bool) -> Format:
    """Finds the entry of `FORMATS`.

    Args:
        name: Its key.
        int8: Whether its int8 form is asked for.

    Raises:
        UsageError: There is no such format, or it has no int8 form.
    """
    if name not in FORMATS:
        raise UsageError(f"format {name!r} is unknown; expected one of {', '.join(FORMATS)}")
    if int8 and name != "openvino":
        raise UsageError(f"format {name} has no int8 form here; expected --format openvino with --int8")
    return FORMATS[name]


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
    require_tensorflow(name)
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


def require_tensorflow(name: str) -> None:
    """Raises `ModelError` where Keras computes with another framework; `name` is of the format."""
    from lentigo.models.networks.deep_learning import keras

    if keras.config.backend() != "tensorflow":
        raise ModelError(
            f"format {name} needs Keras on TensorFlow, found {keras.config.backend()}; set "
            f"KERAS_BACKEND=tensorflow ({tell_install('train')})"
        )


def run_keras(model: Any, pixels: np.ndarray) -> Outputs:
    """Runs the Keras model, which the other forms are compared with.

    Args:
        model: Of Keras, with all outputs of the graph.
        pixels: Photographs, uint8 (n, side, side, 3).
    """
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
    batches = []
    for start in range(0, len(pixels), BATCH):
        batches.append(run(pixels[start : start + BATCH]))
    return {name: np.concatenate([outputs[name] for outputs in batches]) for name in batches[0]}


FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", write_onnx, run_openvino),
    "openvino": Format(".xml", write_openvino, run_openvino),
    "litert": Format(".tflite", write_litert, run_litert),
    "savedmodel": Format("", write_savedmodel, run_tensorflow),
}
