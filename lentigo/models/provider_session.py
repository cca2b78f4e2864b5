"""ONNX Runtime: a graph on another device than the CPU that OpenVINO computes on."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lentigo.errors import ModelError
from lentigo.models.compilation import explain_failure
from lentigo.models.inference_session import BATCH, PROVIDERS, InferenceSession, Outputs, batch_images


class ProviderSession(InferenceSession):
    """A graph run by ONNX Runtime on another device, in fp32.

    Args:
        model: The file of the graph.
        device: A key of `PROVIDERS`.
        batch: Photographs in a request.
        outputs: Names of the outputs that are asked for; None for all.

    Raises:
        ModelError: ONNX Runtime or the device is not there.
    """

    precision = "f32"

    def __init__(
        self,
        model: str | Path,
        device: str,
        *,
        batch: int = BATCH,
        outputs: Collection[str] | None = None,
    ):
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"device {device} needs ONNX Runtime; install onnxruntime (-gpu, -directml), or use "
                "--device cpu"
            ) from error
        available = onnxruntime.get_available_providers()
        provider = PROVIDERS[device]
        if provider not in available:
            raise ModelError(
                f"device {device} is not there: ONNX Runtime offers {', '.join(available)}; expected "
                f"{provider}, or use --device cpu"
            )
        self.model = Path(os.path.abspath(model))
        self.device = device
        self.batch = batch
        self.names = []
        for output in self.graph.get_outputs():
            if outputs is None or output.name in outputs:
                self.names.append(output.name)

    def open_graph(self) -> Any:
        """The graph opened by ONNX Runtime in this process."""
        import onnxruntime

        try:
            return onnxruntime.InferenceSession(str(self.model), providers=[PROVIDERS[self.device]])
        except Exception as error:  # ONNX Runtime's own errors share no base class
            raise explain_failure(self.model, str(error)) from error

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[Outputs]:
        """As `InferenceSession.stream`.

        Args:
            images: Photographs, uint8 (side, side, 3).
        """
        graph = self.graph
        for pixels, count in batch_images(images, self.batch):
            arrays = graph.run(self.names, {"image": pixels})
            for row in range(count):
                yield {name: array[row] for name, array in zip(self.names, arrays, strict=True)}
