import numpy as np
import pytest

from lentigo.evaluation.precision import compare_logits


def test_precisions_are_compared_by_decisions_and_ranking():
    logits, malignant = np.linspace(-3, 3, 1000), np.tile([0, 1], 500)
    assert compare_logits(logits, logits, malignant).neutral
    few, many = (np.where(np.arange(1000) % step == 0, -logits, logits) for step in (250, 100))
    assert compare_logits(logits, few, malignant).decisions_equal == pytest.approx(0.996)
    assert not compare_logits(logits, many, malignant).neutral
    assert compare_logits(np.array([1.0, np.nan]), np.array([1.0, np.nan]), np.array([1, 0])).n == 1
