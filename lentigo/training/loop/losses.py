"""Losses: what a training makes small."""

from __future__ import annotations

from typing import Any

from lentigo.models.networks.deep_learning import keras, ops

MIN_KNOWN_SHARE = 1e-6  # of a batch; keeps the division finite where no photograph has a diagnosis, or a mask
SMOOTHING_PIXELS = 1.0  # added to areas, so that an empty mask has a loss too


@keras.saving.register_keras_serializable("lentigo")
class AnswerLoss(keras.losses.Loss):
    """Cross-entropy of the class and, where it is known, of the diagnosis: (n, 1 + k) to (n,).

    The first column of `y_true` is 1 for malignant, the others the diagnosis, one of them 1, or all 0 where
    it is not known; those of `y_pred` are logits. A photograph without a diagnosis adds nothing to the second
    part; the others count as much as the whole batch would.

    Args:
        diagnosis_weight: Of the second part; that of the first is 1.
        label_smoothing: Share of the class that is given to the other one.
    """

    def __init__(self, diagnosis_weight: float = 0.4, label_smoothing: float = 0.0, **options: Any):
        super().__init__(**options)
        self.diagnosis_weight = diagnosis_weight
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each photograph, (n,).

        Args:
            y_true: Malignant 0 or 1, then one column for each diagnosis, (n, 1 + 7).
            y_pred: Logits of the same columns.
        """
        truth = ops.cast(y_true, "float32")
        logits = ops.cast(y_pred, "float32")
        # Smoothed: a label of 1 becomes 1 - s / 2, one of 0 becomes s / 2
        malignant = truth[:, 0] * (1 - self.label_smoothing) + self.label_smoothing / 2
        score = logits[:, 0]
        # The cross-entropy of the class, in the form that does not overflow: (n,)
        entropy = ops.relu(score) - score * malignant + ops.log1p(ops.exp(-ops.abs(score)))
        # 0 of a photograph without a diagnosis, whose columns are all 0
        likelihood = ops.sum(truth[:, 1:] * ops.log_softmax(logits[:, 1:], axis=-1), axis=-1)
        diagnosed_share = ops.mean(ops.sum(truth[:, 1:], axis=-1))
        # Divided by the share that has a diagnosis, so that the weight does not depend on how many have
        return entropy - self.diagnosis_weight * likelihood / ops.maximum(diagnosed_share, MIN_KNOWN_SHARE)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "diagnosis_weight": self.diagnosis_weight,
            "label_smoothing": self.label_smoothing,
        }


@keras.saving.register_keras_serializable("lentigo")
class MaskLoss(keras.losses.Loss):
    """Cross-entropy of the pixels plus 1 - soft Jaccard of the lesion: masks and logits (n, h, w) to (n,).

    Cross-entropy alone forgets small lesions, overlap alone learns slowly where it is nil (Rahman & Wang
    2016; Taghanaki et al. 2019 on sums of both).
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each mask, (n,).

        Args:
            y_true: 1 where the lesion is, (n, h, w).
            y_pred: Logits, (n, h, w).
        """
        truth = ops.cast(y_true, "float32")
        logits = ops.cast(y_pred, "float32")
        # The cross-entropy of a pixel, in the form that does not overflow: (n, h, w).
        pixel_entropy = ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
        entropy = ops.mean(pixel_entropy, axis=(1, 2))
        probability = ops.sigmoid(logits)
        # Soft areas: probabilities instead of decisions, so that they have a gradient
        intersection = ops.sum(probability * truth, axis=(1, 2))
        union = ops.sum(probability + truth, axis=(1, 2)) - intersection
        return entropy + 1 - (intersection + SMOOTHING_PIXELS) / (union + SMOOTHING_PIXELS)


@keras.saving.register_keras_serializable("lentigo")
class OutlineLoss(keras.losses.Loss):
    """A loss of columns plus, where there is a mask, `MaskLoss` of its outline: (n, k + side * side) to (n,).

    The last `side * side` columns are the mask, row by row: in `y_true` 1 where the lesion is, or all below 0
    where the photograph has no mask; in `y_pred` logits. A photograph without a mask adds nothing to the
    second part; the others count as much as the whole batch would.

    Args:
        first: Of the first k columns.
        columns: k, as many as `first` takes.
        side: Of the mask, in pixels.
        weight: Of the second part; that of the first is 1.
    """

    def __init__(self, first: keras.losses.Loss, columns: int, side: int, weight: float, **options: Any):
        super().__init__(**options)
        self.first = first
        self.columns = columns
        self.side = side
        self.weight = weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each photograph, (n,).

        Args:
            y_true: What `first` takes, then the mask, (n, k + side * side).
            y_pred: Logits of the same columns.
        """
        truth = ops.cast(y_true, "float32")
        logits = ops.cast(y_pred, "float32")
        loss = self.first.call(truth[:, : self.columns], logits[:, : self.columns])
        square = (-1, self.side, self.side)
        masks = ops.reshape(truth[:, self.columns :], square)
        # -1 marks a photograph without a mask, whose outline counts nothing
        has_mask = ops.cast(masks[:, 0, 0] >= 0, "float32")
        outline = MaskLoss().call(ops.relu(masks), ops.reshape(logits[:, self.columns :], square))
        masked_share = ops.maximum(ops.mean(has_mask), MIN_KNOWN_SHARE)
        return loss + self.weight * has_mask * outline / masked_share
