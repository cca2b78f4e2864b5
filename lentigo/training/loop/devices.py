"""What a training runs on: threads of a processor, several GPUs side by side, numbers of half the width."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from lentigo.errors import UsageError
from lentigo.models.networks.deep_learning import keras


def set_threads(count: int) -> None:
    """Bounds TensorFlow's threads in this process; without effect once it has computed anything.

    Args:
        count: The number of threads.
    """
    # Keras on JAX and OpenMP read these when they start
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(count)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(count)
    if keras.backend.backend() == "tensorflow":
        set_tensorflow_threads(count)


def set_tensorflow_threads(count: int) -> None:
    """Bounds the threads of TensorFlow, which is imported."""
    import tensorflow as tf

    with suppress(RuntimeError):  # it has computed already, and keeps its threads
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)


@contextmanager
def use_devices(devices: str = "1", *, bf16: bool = False) -> Iterator[int]:
    """Trains on several devices, each batch shared out among them, or in bfloat16 with float32 weights.

    These are Keras' own DataParallel (JAX backend) and its policy mixed_bfloat16; what is built within the
    context keeps to them.

    Args:
        devices: Their number, or "all".
        bf16: Whether to compute in bfloat16.

    Yields:
        The number of devices.

    Raises:
        UsageError: There are not as many devices, or the backend cannot use several.
    """
    chosen = choose_devices(devices)
    with ExitStack() as stack:
        if len(chosen) > 1:
            # Batches are cut to a multiple of the devices here, so Keras need not share out a data set
            distribution = keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)
            stack.enter_context(distribution.scope())
        if bf16:
            stack.enter_context(compute_in_bf16())
        yield max(1, len(chosen))


@contextmanager
def compute_in_bf16() -> Iterator[None]:
    """Lets Keras compute in bfloat16, with float32 weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    # Put back whatever happens: the policy belongs to the whole process
    finally:
        keras.config.set_dtype_policy(before)


def choose_devices(devices: str) -> list[str]:
    """Chooses the first devices that there are.

    Args:
        devices: Their number, or "all".

    Returns:
        Their names; none for one device.

    Raises:
        UsageError: That is no number, or there are not as many, or the backend cannot use several.
    """
    if devices == "1":
        return []
    is_number = devices.isdigit() and int(devices) > 0
    if devices != "all" and not is_number:
        raise UsageError(f"devices is {devices!r}; expected a number such as 2, or all")
    if keras.backend.backend() != "jax":
        raise UsageError(
            f"several devices need Keras on JAX, not on {keras.backend.backend()}; pip install jax "
            "(jax[cuda12] for GPUs), then KERAS_BACKEND=jax"
        )
    found = keras.distribution.list_devices()
    count = len(found) if devices == "all" else int(devices)
    if count > len(found):
        raise UsageError(
            f"{count} devices; expected {len(found)} at most, as many as JAX finds ({', '.join(found)})"
        )
    return found[:count]


def check_batch(size: int) -> None:
    """Checks that the devices can share out a batch evenly.

    Args:
        size: Photographs a batch.

    Raises:
        UsageError: They cannot.
    """
    if size % count_devices():
        raise UsageError(
            f"batch size is {size}; expected a multiple of {count_devices()}, the number of devices"
        )


def count_devices() -> int:
    """The devices among which each batch is shared out."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.shape[0])
