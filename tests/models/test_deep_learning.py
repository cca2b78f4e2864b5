"""Keras without the settings of other projects."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
from lentigo.models.networks.deep_learning import find_keras_home, keras
from keras.src.backend import config
print(keras.config.image_data_format(), keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy().name, keras.config.backend())
print(config.keras_home())
"""
OWN_SETTINGS = "channels_last float32 1e-07 float32 tensorflow"
OLD = {
    "floatx": "float16",
    "epsilon": 1,
    "backend": "theano",
    "image_data_format": "channels_first",
    "max_epochs": 1,
}


@pytest.mark.check
def test_settings_of_other_projects_change_nothing_and_nothing_is_written(tmp_path):
    settings = tmp_path / ".keras" / "keras.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps(OLD))
    result = run_keras(HOME=str(tmp_path))
    assert result.stdout.splitlines() == [OWN_SETTINGS, str(settings.parent)], result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [settings]
    assert settings.read_text() == json.dumps(OLD)


# The file is not read at all: what it holds makes no difference.
@pytest.mark.check
@pytest.mark.parametrize("settings", [json.dumps(OLD), "[}"], ids=["old project", "damaged"])
def test_a_home_of_keras_that_was_named_changes_nothing(settings, tmp_path):
    (tmp_path / "keras.json").write_text(settings)
    result = run_keras(KERAS_HOME=str(tmp_path))
    assert result.stdout.splitlines() == [OWN_SETTINGS, str(tmp_path)], result.stderr
    assert (tmp_path / "keras.json").read_text() == settings


@pytest.mark.check
def test_a_home_without_settings_stays_empty(tmp_path):
    result = run_keras(HOME=str(tmp_path))
    assert result.stdout.splitlines()[1] == str(tmp_path / ".keras"), result.stderr
    assert list(tmp_path.iterdir()) == []


def run_keras(**variables):
    """The settings that Keras ends up with in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERAS")}
    return subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=kept | variables, timeout=300
    )
