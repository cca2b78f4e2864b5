import shutil

import numpy as np
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.inference.predictor import Predictor
from lentigo.models.bundle import draft_bundle, open_bundle
from lentigo.training.calibration.decisions import fit_decisions
from lentigo.training.calibration.graph_outputs import measure_images
from lentigo.training.calibration.precision_check import PrecisionCheck
from lentigo.training.recipe_lookup import find_recipe

IN_F32 = PrecisionCheck(48, 0.9, 0.9, 0.8, (0.0, 0.2), 0.3, 0.1, False)


@pytest.fixture
def judged(toy_run, synthetic_lesions, tmp_path):
    """A toy RUN that was judged on the synthetic lesions, in fp32, since bf16 is not neutral."""
    folder = shutil.copytree(toy_run("logit", "embedding", "heatmap"), tmp_path / "run")
    dataset = load_dataset(synthetic_lesions)
    measured = measure_images(folder / "model.onnx", IN_F32, dataset, "embedding", tta=True)
    recipe = find_recipe("best", operating_point="sensitivity=0.95")
    entries = fit_decisions(folder, recipe, IN_F32, (measured.points, measured.malignant), measured)
    card = {
        name: value for name, value in open_bundle(folder).card.items() if name not in ("files", "format")
    }
    return draft_bundle(folder, card | entries), dataset


@pytest.mark.parametrize("tta", [False, True])
def test_what_is_stored_is_what_is_served(judged, tta):
    bundle, dataset = judged
    predictor = Predictor(bundle, tta=tta)
    served = np.array([answer.probability for answer in predictor.predict(dataset.table["image"])])
    stored = np.concatenate([predictor.decider.reference.benign, predictor.decider.reference.malignant])
    np.testing.assert_allclose(np.sort(served), np.sort(stored), atol=1e-6)
    assert (served[dataset.malignant == 1] >= predictor.decider.threshold).mean() >= 0.95


def test_the_card_says_in_which_precision_and_from_which_logit_on(judged):
    card = judged[0].card
    assert card["precision"] == "f32" and card["bf16"]["neutral"] is False
    assert card["calibration"]["n"] == card["tta"]["calibration"]["n"] == 48
    logits = [answer.logit for answer in Predictor(judged[0]).infer(judged[1].table["image"])]
    decided = [
        answer.probability >= card["threshold"]
        for answer in Predictor(judged[0]).predict(judged[1].table["image"])
    ]
    clear = np.abs(np.array(logits) - card["logit_threshold"]) > 1e-6
    assert (np.array(logits)[clear] >= card["logit_threshold"]).tolist() == np.array(decided)[clear].tolist()
