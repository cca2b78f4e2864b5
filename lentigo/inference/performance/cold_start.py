"""The cold start: what a first prediction takes from the shell and back, in parts and beside Keras."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from lentigo.inference.performance.timing import REPEATS, run_quietly, time_command
from lentigo.models.bundle import CLASSIFIER, Bundle

# A cold `lentigo predict` in parts; prints the seconds of each as JSON
COLD_PARTS = """
import json, sys, time
laps, last = {}, time.perf_counter()
def lap(name):
    global last
    laps[name], last = time.perf_counter() - last, time.perf_counter()
import lentigo.cli.app, lentigo.cli.prediction; lap("import the command line")
import numpy, PIL.Image; lap("import numpy, pillow")
import lentigo.models.engine; lap("import openvino")
from lentigo.inference.opening import begin_opening
opening = begin_opening(sys.argv[1], count=1, explained=False); lap("read the card, begin to load the graph")
from lentigo.inference.predictor import Predictor; lap("import the rest meanwhile")
predictor = Predictor(opening); lap("wait for the graph and the hashes")
list(predictor.predict([sys.argv[2]])); lap("read and answer")
print(json.dumps(laps))
"""
# The least that a script with Keras does for one photograph
COLD_KERAS = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1])
image = keras.utils.load_img(sys.argv[2], target_size=(224, 224))
print(model.predict(np.array(image)[None], verbose=0))
"""


def measure_cold_start(bundle: Bundle, image: str | Path) -> float:
    """Seconds of `lentigo predict` for one photograph, the median of several.

    Args:
        bundle: The RUN.
        image: The photograph.
    """
    command = [sys.executable, "-m", "lentigo", "predict", str(image), "--model", str(bundle.folder)]
    return statistics.median(time_command(command) for _ in range(REPEATS))


def measure_cold_parts(bundle: Bundle, image: str | Path) -> dict[str, float]:
    """Seconds of each part of a cold start.

    Args:
        bundle: The RUN.
        image: The photograph.
    """
    printed = run_quietly([sys.executable, "-c", COLD_PARTS, str(bundle.folder), str(image)])
    return json.loads(printed)


def measure_cold_keras(bundle: Bundle, image: str | Path) -> float:
    """Seconds of a minimal Keras script for one photograph.

    Args:
        bundle: The RUN.
        image: The photograph.
    """
    return time_command([sys.executable, "-c", COLD_KERAS, str(bundle.folder / CLASSIFIER), str(image)])
