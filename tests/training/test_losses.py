"""The loss of class and diagnosis."""

import numpy as np
import pytest
from scipy.special import log_expit, log_softmax

from lentigo.training.loop.losses import AnswerLoss, MaskLoss, OutlineLoss

LOGITS = np.array([[0.3, 1, 0, -1], [-2, 0, 0, 2], [1, 3, 1, 0]], np.float32)


def test_unknown_diagnoses_add_nothing_and_known_ones_count_as_a_whole_batch():
    truth = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]], np.float32)
    found = np.asarray(AnswerLoss(0.4).call(truth, LOGITS))
    entropy = -np.array([log_expit(0.3), log_expit(2.0), log_expit(1.0)])
    likelihood = np.array([log_softmax([1, 0, -1])[0], 0, log_softmax([3, 1, 0])[1]])
    assert found == pytest.approx(entropy - 0.4 * likelihood / (2 / 3), rel=1e-5)


def test_a_batch_without_a_diagnosis_is_the_cross_entropy_alone():
    truth = np.zeros((3, 4), np.float32)
    assert np.asarray(AnswerLoss().call(truth, LOGITS)) == pytest.approx(-log_expit(-LOGITS[:, 0]), rel=1e-5)


def test_an_outline_counts_where_there_is_a_mask():
    side = 4
    drawn = np.zeros((side, side), np.float32)
    drawn[1:3, 1:3] = 1
    masks = np.stack([drawn, np.full_like(drawn, -1), drawn])
    pixel_logits = np.random.default_rng(0).normal(0, 2, (3, side, side)).astype(np.float32)
    answers = np.zeros((3, 4), np.float32)
    truth = np.concatenate([answers, masks.reshape(3, -1)], axis=1)
    logits = np.concatenate([LOGITS, pixel_logits.reshape(3, -1)], axis=1)
    found = np.asarray(OutlineLoss(AnswerLoss(), 4, side, 0.5).call(truth, logits))
    outline = np.asarray(MaskLoss().call(masks, pixel_logits)) * [1, 0, 1]
    expected = np.asarray(AnswerLoss().call(answers, LOGITS)) + 0.5 * outline / (2 / 3)
    assert found == pytest.approx(expected, rel=1e-5)
