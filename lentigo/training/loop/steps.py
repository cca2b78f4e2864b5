"""One step of training, as fast as the backend allows.

Keras' `train_on_batch` and its Adam take half of the time of a small network: many passes over each variable,
metrics and conversions at every step. On TensorFlow the same step is one compiled function with TensorFlow's
own fused Adam; on other backends Keras' own is used. Where all inputs are in memory a whole epoch is one function.
Tests hold that all of them give the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

from lentigo.models.networks.deep_learning import keras

# Of inputs, labels (n, 1) and weights (n,) the mean loss and the accuracy.
Step = Callable[[Any, np.ndarray, np.ndarray], tuple[float, float]]
# Of the rows of each batch, int (n,), the sums of loss and accuracy over photographs.
Epoch = Callable[[list[np.ndarray]], np.ndarray]


class FusedAdamW(keras.optimizers.AdamW):
    """AdamW whose update of a variable is one pass, by TensorFlow's ResourceApplyAdam: the same formula
    (Kingma 2015, section 2).
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        index = self._get_variable_index(variable)
        number = tf.cast(self.iterations.value + 1, tf.float32)  # of this step, from 1
        tf.raw_ops.ResourceApplyAdam(
            var=find_handle(variable),
            m=find_handle(self._momentums[index]),
            v=find_handle(self._velocities[index]),
            grad=gradient,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            # Adam's correction of the first steps, when its averages are still near 0
            beta1_power=tf.pow(self.beta_1, number),
            beta2_power=tf.pow(self.beta_2, number),
        )


def find_handle(variable: Any) -> Any:
    """TensorFlow's handle of a variable of its own or of Keras."""
    return variable.value.handle if isinstance(variable, keras.Variable) else variable.handle


def find_adamw() -> type[keras.optimizers.AdamW]:
    """Finds the fastest AdamW of this backend.

    Returns:
        Its class.
    """
    return FusedAdamW if keras.backend.backend() == "tensorflow" else keras.optimizers.AdamW


def make_step(model: keras.Model) -> Step:
    """Makes the training step of a compiled model.

    Args:
        model: With one logit, or with the logit first.

    Returns:
        The step; it gives the mean loss and the accuracy of its batch.
    """
    if keras.backend.backend() == "tensorflow":
        return make_tensorflow_step(model)
    return make_keras_step(model)


def make_keras_step(model: keras.Model) -> Step:
    """`train_on_batch`."""

    def step(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        # Keras would else average over all batches since the last epoch
        model.reset_metrics()
        loss, accuracy = model.train_on_batch(inputs, labels, sample_weight=weights)
        return float(loss), float(accuracy)

    return step


def make_tensorflow_step(model: keras.Model) -> Step:
    """Forward, backward and update in one compiled function."""
    import tensorflow as tf

    # One trace for all sizes of a batch
    update = tf.function(make_update(model), reduce_retracing=True)

    def step(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        loss, accuracy = update(inputs, labels, weights)
        return float(loss), float(accuracy)

    return step


def make_epoch(model: keras.Model, inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Epoch:
    """Makes what trains a compiled model for the batches of an epoch by one compiled function, TensorFlow's.

    The same updates as those of `make_tensorflow_step`, batch after batch. Nothing goes back to Python
    between two of them, which for a small network takes as long as the update itself.

    Args:
        model: With one logit.
        inputs: Of all photographs, float32 (n, d); they are held in memory.
        labels: 0 or 1, float32 (n, 1).
        weights: Of each in the loss, float32 (n,).

    Returns:
        The function of the batches.
    """
    import tensorflow as tf

    update = make_update(model)
    # On the device once; rows are gathered there
    held = [tf.constant(array, tf.float32) for array in (inputs, labels, weights)]

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def run_batches(batches: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(2)
        for number in tf.range(tf.shape(batches)[0]):
            rows = batches[number]
            loss, accuracy = update(*[tf.gather(array, rows) for array in held])
            sums += tf.stack([loss, accuracy])
        return sums

    def epoch(orders: list[np.ndarray]) -> np.ndarray:
        sums = np.zeros(2)
        # A tensor has rows of one length: the last batch, which may be shorter, is a call of its own
        for size, batches in groupby(orders, key=len):
            rows = np.stack(list(batches)).astype(np.int32)
            sums += size * run_batches(tf.constant(rows)).numpy()
        return sums

    return epoch


def make_update(model: keras.Model) -> Callable[..., tuple[Any, Any]]:
    """Forward, backward and update of a compiled model as TensorFlow's operations; loss and accuracy."""
    import tensorflow as tf

    variables = model.trainable_variables
    optimizer = model.optimizer
    values = [variable.value for variable in variables]

    def update(inputs: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The values themselves: on Keras' variables the tape would record reads
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logits = model(inputs, training=True)
            loss = model.loss(labels, logits, sample_weight=weights)
        optimizer.apply(tape.gradient(loss, values), variables)
        return loss, measure_accuracy(logits, labels)

    return update


def measure_accuracy(logits: Any, labels: Any) -> Any:
    """The accuracy of the classes, at 0.5, of a batch; tensors of TensorFlow."""
    import tensorflow as tf

    if logits.shape.rank == 2:  # the first column is the class, others are diagnoses
        logits = logits[:, :1]
        labels = labels[:, :1]
    correct = (logits > 0) == (labels > 0.5)
    return tf.reduce_mean(tf.cast(correct, tf.float32))
