"""The loss of masks."""

import numpy as np
import pytest
from keras import ops

from lentigo.training.losses import MaskLoss

MASK = np.zeros((2, 8, 8), np.float32)
MASK[0, 2:6, 2:6] = 1


def measure(logits: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(MaskLoss().call(MASK, logits.astype(np.float32)))


def test_it_is_nil_where_every_pixel_is_right_and_sure():
    np.testing.assert_allclose(measure(np.where(MASK == 1, 50, -50)), 0, atol=1e-6)


def test_it_is_cross_entropy_and_overlap_by_hand():
    entropy, overlap = np.log(2), 1 - (8 + 1) / (32 + 16 - 8 + 1)
    assert measure(np.zeros((2, 8, 8)))[0] == pytest.approx(entropy + overlap, rel=1e-5)


def test_it_is_one_number_a_photograph_and_never_infinite():
    wrong = measure(np.where(MASK == 1, -1e4, 1e4))
    assert wrong.shape == (2,) and np.isfinite(wrong).all()


def test_weights_count():
    loss = MaskLoss()(MASK, np.zeros((2, 8, 8), np.float32), sample_weight=np.array([0, 2], np.float32))
    assert float(loss) == pytest.approx(measure(np.zeros((2, 8, 8)))[1], rel=1e-5)
