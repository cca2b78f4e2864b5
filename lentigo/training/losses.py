"""What training makes small."""

from __future__ import annotations

from typing import Any

from lentigo.models.deep_learning import keras, ops

SMOOTH = 1.0  # pixels added to areas, so that an empty mask has a loss too


@keras.saving.register_keras_serializable("lentigo")
class MaskLoss(keras.losses.Loss):
    """Cross-entropy of the pixels plus 1 - soft Jaccard of the lesion, the mean of each photograph: masks and logits (n, h, w) to (n,).

    Cross-entropy alone forgets small lesions, overlap alone learns slowly where it is nil (Rahman & Wang 2016; Taghanaki et al.
    2019 on sums of both).
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth, logits = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        entropy = ops.mean(ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits))), axis=(1, 2))
        probability = ops.sigmoid(logits)
        both = ops.sum(probability * truth, axis=(1, 2))
        either = ops.sum(probability + truth, axis=(1, 2)) - both
        return entropy + 1 - (both + SMOOTH) / (either + SMOOTH)
