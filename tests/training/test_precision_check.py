import numpy as np
import pytest

from lentigo.datasets.manifests import load_dataset
from lentigo.training.calibration import precision_check as precision
from lentigo.training.calibration.precision_check import compare_logits, measure_served

LOGITS, MALIGNANT = np.linspace(-3, 3, 1000), (np.arange(1000) % 7 < np.linspace(0, 7, 1000)).astype(int)


def test_precisions_are_compared_by_decisions_and_ranking():
    assert compare_logits(LOGITS, LOGITS, MALIGNANT).neutral
    few, many = (np.where(np.arange(1000) % step == 0, -LOGITS, LOGITS) for step in (250, 100))
    assert compare_logits(LOGITS, few, MALIGNANT).decisions_equal == pytest.approx(0.996, abs=0.0011)
    assert not compare_logits(LOGITS, many, MALIGNANT).neutral
    assert compare_logits(np.array([1.0, np.nan]), np.array([1.0, np.nan]), np.array([1, 0])).n == 1


def test_a_loss_that_chance_may_hide_is_no_agreement():
    swapped = LOGITS.copy()
    low = np.flatnonzero(LOGITS < -1)
    swapped[low] = np.random.default_rng(0).permutation(
        LOGITS[low]
    )  # far from the threshold: no decision changes
    check = compare_logits(LOGITS, swapped, MALIGNANT, "0.5")
    assert check.decisions_equal == 1 and check.auroc_loss_ci[1] > 0.002 and not check.neutral


def test_the_logits_are_those_of_the_precision_that_is_served(run, synthetic_lesions, monkeypatch):
    class Session(precision.Session):
        """A processor whose bf16 moves every logit by half of the offset, to either side in turn."""

        offset = 0.0

        def __init__(self, graph, precision):
            super().__init__(graph, precision="f32")
            self.moves = precision == "bf16"

        def stream(self, images):
            for number, answer in enumerate(super().stream(images)):
                offset = Session.offset * (-1) ** number if self.moves else 0
                yield {**answer, "logit": answer["logit"] + offset}

    dataset = load_dataset(synthetic_lesions).take(np.arange(0, 48, 3))
    fp32 = measure_served(run / "model.onnx", dataset, "youden", fp32=True)
    assert fp32.precision == "f32" and fp32.check is None
    monkeypatch.setattr(precision, "fastest_precision", lambda: "bf16")
    monkeypatch.setattr(precision, "Session", Session)
    for Session.offset, served in ((0.0, "bf16"), (10.0, "f32")):
        found = measure_served(run / "model.onnx", dataset, "youden")
        assert found.precision == served and found.check.neutral == (served == "bf16")
        assert np.allclose(found.logits, fp32.logits)
