"""Callbacks of Keras watch a training over all its stages."""

import sys

import pytest

import lentigo
from lentigo.errors import MissingError, UsageError
from lentigo.models.networks.deep_learning import keras
from lentigo.training.loop.callbacks import build_callbacks

pytestmark = pytest.mark.usefixtures("toy_backbone")


class Finished(Exception):
    """The epochs are over; what is written of a training is no matter of callbacks."""


class Recorder(keras.callbacks.Callback):
    """Writes down what it is told, and ends the training with its epochs."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_train_begin(self, logs=None):
        self.told.append(("begin", self.model.count_params() > 0))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append((epoch, sorted(logs)))

    def on_train_end(self, logs=None):
        self.told.append(("end",))
        raise Finished


def test_a_callback_is_told_of_start_epochs_and_end(synthetic_lesions, weight_file, tmp_path):
    recorder = Recorder()
    weights = weight_file("toy")
    small = {"backbone": "toy", "epochs": 2, "tta": False}
    with pytest.raises(Finished):
        lentigo.train(
            synthetic_lesions, tmp_path / "run", "seed", weights=weights, callbacks=[recorder], **small
        )
    begin, first, second, end = recorder.told
    assert begin == ("begin", True) and end == ("end",)
    assert (first[0], second[0]) == (0, 1)
    assert {"loss", "val_loss", "val_auroc"} <= set(first[1])


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboard")
    from lentigo.training.loop.callbacks import EpochWatch

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    watch = EpochWatch(build_callbacks(["tensorboard"], tmp_path))
    watch.begin_stage(model, 1)
    watch.end_epoch(0, {"stage": "head", "epoch": 1, "loss": 0.5, "val_auroc": 0.9})
    watch.end()
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


def test_what_is_not_installed_or_unknown_is_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingError, match=r"--callback mlflow needs mlflow.*pip install mlflow"):
        build_callbacks(["mlflow"], tmp_path)
    with pytest.raises(UsageError, match="callback 'x' is unknown; expected tensorboard, mlflow, wandb"):
        build_callbacks(["x"], tmp_path)
