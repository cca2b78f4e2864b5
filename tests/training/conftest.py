"""What several modules of trainings share: a RUN of the toy backbone, and trainings without tracing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def without_tracing() -> Callable[[], AbstractContextManager[None]]:
    """Gives a context in which TensorFlow's functions run step by step, as Python does.

    Toys learn in a few steps, and to trace a function for them takes longer. That traced functions train
    alike is held by `test_steps.py`; the modules of stages and of the trainer trace.
    """
    import tensorflow as tf

    @contextmanager
    def run_eagerly() -> Iterator[None]:
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)

    return run_eagerly


@pytest.fixture(scope="module")
def untraced(without_tracing) -> Iterator[None]:
    """Nothing is traced while a module's tests run."""
    with without_tracing():
        yield


@pytest.fixture(scope="module")
def split_run(toy_backbone, synthetic_lesions, make_once) -> Path:
    """A RUN with a head on a random backbone. A third of its photographs are given as validation; the test
    split is closed: whoever learns from its files, which are no photographs, has problems.

    Beside it lie `manifest.csv` and `problems.txt`, a line for each photograph that could not be read.
    """
    from lentigo.training.recipe_lookup import find_recipe
    from lentigo.training.trainer import train

    def fill(folder: Path) -> None:
        folder.mkdir()
        table = pd.read_csv(synthetic_lesions / "manifest.csv")
        place = table["patient_id"].rank(method="dense").astype(int) % 4
        table["split"] = place.map({0: "test", 1: "validation", 2: "train", 3: "train"})
        table["image"] = [str(synthetic_lesions / image) for image in table["image"]]
        for row in table.index[table["split"] == "test"]:
            closed = folder / f"closed_{row}.jpg"
            closed.write_bytes(b"closed")
            table.loc[row, "image"] = str(closed)
        manifest = folder / "manifest.csv"
        table[["image", "label", "patient_id", "split"]].to_csv(manifest, index=False)
        recipe = find_recipe("seed", backbone="toy", epochs=1)
        training = train(manifest, folder / "run", recipe, weights="none")
        (folder / "problems.txt").write_text("\n".join(problem.error for problem in training.problems))

    return make_once("split_run", fill) / "run"
