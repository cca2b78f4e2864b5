"""The few layers that Keras lacks, written in `keras.ops`, hence the same on every backend and in ONNX."""

from __future__ import annotations

from typing import Any

from lentigo.models.networks.deep_learning import keras, ops


@keras.saving.register_keras_serializable("lentigo")
class ReverseChannels(keras.layers.Layer):
    """RGB to BGR: (n, height, width, 3) to the same shape."""

    def call(self, image: Any) -> Any:
        """Images with the last axis turned round.

        Args:
            image: (n, h, w, c).
        """
        return ops.flip(image, axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape.

        Args:
            input_shape: (n, h, w, c).
        """
        return input_shape


@keras.saving.register_keras_serializable("lentigo")
class SpreadPixels(keras.layers.Layer):
    """Channels become pixels: each pixel turns into a square of its channels, row by row.

    Takes (n, h, w, factor * factor), gives (n, factor * h, factor * w). The sub-pixel convolution of Shi et
    al. 2016 (arXiv 1609.05158): what enlarges is learned, by the convolution before, and costs a copy.
    """

    def __init__(self, factor: int, **options: Any):
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        """Lays the channels of each cell out as a square.

        Args:
            x: (n, h, w, factor * factor).
        """
        _, height, width, _ = x.shape
        # (n, height, width, factor, factor)
        squares = ops.reshape(x, (-1, height, width, self.factor, self.factor))
        rows = ops.transpose(squares, (0, 1, 3, 2, 4))  # (n, height, factor, width, factor)
        return ops.reshape(rows, (-1, height * self.factor, width * self.factor))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """That of a map `factor` times as large, without channels.

        Args:
            input_shape: (n, h, w, factor * factor).
        """
        batch, height, width, _ = input_shape
        return (batch, height * self.factor, width * self.factor)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor}


class GradientMap(keras.layers.Layer):
    """What speaks for malignant and what against, where: Grad-CAM of the logit before its ReLU.

    Takes features (n, h, w, d) and their mean (n, d); gives (n, h, w). After the pooling the head is
    piecewise linear at inference, so the gradient of the logit with respect to the pooled features is a
    product of the head's weights and the masks of its ReLUs: no automatic differentiation, on any backend.
    Formula: Selvaraju et al. 2017 (Grad-CAM), with the channel weights (1/hw) d logit / d pooled.
    """

    def __init__(self, blocks: list[tuple], last: Any, **options: Any):
        super().__init__(**options)
        self.blocks = blocks  # [(dense, batch norm)] in the order of the head
        self.last = last

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """The heatmap, (n, h, w).

        Args:
            inputs: Features (n, h, w, d), and their means, (n, d).
        """
        features, pooled = inputs
        # Forwards through the head: the slope of each hidden layer at this photograph
        slopes = []
        x = pooled
        for dense, norm in self.blocks:
            x = ops.matmul(x, ops.convert_to_tensor(dense.kernel)) + dense.bias
            scale = norm.gamma / ops.sqrt(norm.moving_variance + norm.epsilon)
            slopes.append(ops.cast(x > 0, "float32") * scale)  # (n, units)
            # The batch norm at inference: its moving mean and variance
            x = ops.relu(x) * scale + (norm.beta - norm.moving_mean * scale)
        # Backwards: the gradient of the logit with respect to the pooled features
        gradient = ops.transpose(self.last.kernel)  # (1, units)
        for (dense, _), slope in zip(reversed(self.blocks), reversed(slopes), strict=True):
            gradient = ops.matmul(gradient * slope, ops.transpose(dense.kernel))  # (n, units before)
        weighted = features * gradient[:, None, None, :]  # (n, h, w, d)
        cells = features.shape[1] * features.shape[2]
        return ops.sum(weighted, axis=-1) / cells
