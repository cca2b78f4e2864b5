"""Keras, imported with the settings that the networks here need. Every module of this package takes it from
here.

`import keras` by itself reads `~/.keras/keras.json`, writes it where there is none, and stops where it is
damaged or names a backend that is not installed. What old projects left there (channels first, other float
types) would change the networks. So it is not read: the environment alone chooses the backend
(`KERAS_BACKEND`), and ImageNet weights still come from `~/.keras/models`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import lentigo.common.plots  # noqa: F401  Keras imports Matplotlib, which by itself makes folders in the home: it comes first, and makes none
from lentigo.common.user_folders import set_environment

KERAS_HOME = "KERAS_HOME"
TENSORFLOW_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NO_FOLDER = Path(os.devnull) / "keras"  # a folder that neither is there nor can be made


def find_keras_home() -> Path:
    """Finds the folder of Keras' own files, in which its cache of weights is.

    Returns:
        $KERAS_HOME, else `.keras` in the user's home; `NO_FOLDER` for a user without a home.
    """
    chosen = os.environ.get(KERAS_HOME)
    if chosen:
        return Path(chosen)
    try:
        return Path.home() / ".keras"
    except RuntimeError:  # neither $HOME nor the list of users says where
        return NO_FOLDER


def restore_home() -> None:
    """Gives Keras back the folder in which it looks for weights, and puts them."""
    from keras.src.backend import config

    config._KERAS_DIR = str(find_keras_home())


def set_conventions() -> None:
    """Sets what Keras takes from its settings file, to the values that the networks here are made for."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")


if "keras" in sys.modules:  # imported before by somebody else, with that one's settings
    import keras
else:
    settings = {
        KERAS_HOME: str(NO_FOLDER),  # nothing is read there, and nothing can be written
        TENSORFLOW_LOG_LEVEL: os.environ.get(TENSORFLOW_LOG_LEVEL, "2"),  # its errors, not its greetings
    }
    with set_environment(settings):  # the environment afterwards is that of before
        import keras
    restore_home()
set_conventions()
layers = keras.layers
ops = keras.ops

__all__ = ["find_keras_home", "keras", "layers", "ops"]
