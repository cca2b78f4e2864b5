import json

import numpy as np
import pytest
from scipy.stats import binomtest

from lentigo.common.json_values import list_fields
from lentigo.errors import UsageError
from lentigo.evaluation.scores.curves import (
    tabulate_reliability,
    trace_net_benefit,
    trace_risk,
)
from lentigo.evaluation.scores.metrics import calibration_error
from lentigo.inference.decisions.prevalence import shift_prevalence

RNG = np.random.default_rng(0)
PROBABILITY = RNG.beta(0.6, 0.8, 500)
TRUTH = (RNG.uniform(size=500) < PROBABILITY).astype(int)


def test_bins_of_reliability_hold_equally_many_and_all():
    bins = tabulate_reliability(TRUTH, PROBABILITY)
    assert {row.n for row in bins} == {33, 34} and sum(row.n for row in bins) == 500
    assert sum(row.n * row.observed for row in bins) == pytest.approx(TRUTH.sum())
    assert [row.probability for row in bins] == sorted(row.probability for row in bins)


def test_bins_of_reliability_are_those_of_the_calibration_error():
    bins = tabulate_reliability(TRUTH, PROBABILITY)
    assert sum(row.n * abs(row.probability - row.observed) for row in bins) / 500 == pytest.approx(
        calibration_error(TRUTH, PROBABILITY)
    )


def test_a_bins_interval_is_that_of_a_share():
    row = tabulate_reliability(np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 1]), np.full(10, 0.7), bins=1)[0]
    fp32 = binomtest(8, 10).proportion_ci()
    assert (row.low, row.high) == pytest.approx((fp32.low, fp32.high))


def test_photographs_of_one_patient_do_not_narrow_a_bins_interval():
    truth, probability = np.repeat([0, 1, 1, 0, 1, 1], 5), np.full(30, 0.6)
    alone, grouped = (
        tabulate_reliability(truth, probability, groups)[0] for groups in (None, np.repeat(np.arange(6), 5))
    )
    assert grouped.low < alone.low and alone.high < grouped.high


def test_bins_of_reliability_do_not_depend_on_the_order_of_rows():
    probability, order = np.round(PROBABILITY, 1), np.random.default_rng(1).permutation(500)
    first, second = (
        tabulate_reliability(TRUTH, probability),
        tabulate_reliability(TRUTH[order], probability[order]),
    )
    assert [row.n for row in first] == [row.n for row in second]
    assert [row.observed for row in first] == pytest.approx([row.observed for row in second])


def test_intervals_of_reliability_hold_true_probabilities():
    rng = np.random.default_rng(1)
    probability = rng.uniform(size=40_000)
    bins = tabulate_reliability((rng.uniform(size=40_000) < probability).astype(int), probability, bins=200)
    assert 0.93 <= np.mean([row.low <= row.probability <= row.high for row in bins]) <= 0.99


def test_a_bin_holds_ten_photographs_or_all_of_them():
    assert [row.n for row in tabulate_reliability(TRUTH[:43], PROBABILITY[:43])] == [11, 11, 11, 10]
    assert [row.n for row in tabulate_reliability(TRUTH[:4], PROBABILITY[:4])] == [4]
    assert tabulate_reliability(TRUTH[:0], PROBABILITY[:0]) == ()
    assert json.loads(json.dumps(list_fields(tabulate_reliability(TRUTH, PROBABILITY))))[0]["n"] == 34


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.8])
def test_net_benefit_is_true_less_weighed_false_alarms(threshold):
    alarms = [(p >= threshold, t) for p, t in zip(PROBABILITY, TRUTH)]
    expected = (
        sum(a and t for a, t in alarms) - sum(a and not t for a, t in alarms) * threshold / (1 - threshold)
    ) / 500
    assert trace_net_benefit(TRUTH, PROBABILITY, np.array([threshold])).model[0] == pytest.approx(expected)


def test_treating_all_is_worth_nothing_at_the_prevalence():
    curve = trace_net_benefit(TRUTH, PROBABILITY, np.array([0.01, TRUTH.mean(), 0.6]))
    assert curve.treat_all[1] == pytest.approx(0) and curve.treat_all[0] > 0 > curve.treat_all[2]


def test_a_threshold_below_every_probability_treats_all():
    curve = trace_net_benefit(TRUTH, np.clip(PROBABILITY, 0.02, 1), np.array([0.01, 0.02]))
    assert curve.model == pytest.approx(curve.treat_all)


def test_net_benefit_at_a_prevalence_is_that_of_a_population_with_it():
    study = np.append(np.flatnonzero(TRUTH == 1)[:100], np.flatnonzero(TRUTH == 0)[:100])
    population = np.append(study[:100], np.repeat(study[100:], 49))
    probability = shift_prevalence(PROBABILITY, 0.5, 0.02)
    found, expected = (
        trace_net_benefit(TRUTH[study], probability[study], prevalence=0.02),
        trace_net_benefit(TRUTH[population], probability[population]),
    )
    assert found.model == pytest.approx(expected.model) and found.treat_all == pytest.approx(
        expected.treat_all
    )
    assert found.prevalence == expected.prevalence == 0.02


def test_one_class_has_a_decision_curve():
    curve = trace_net_benefit(np.zeros(4, int), np.array([0.1, 0.2, 0.3, 0.6]), np.array([0.5]))
    assert (curve.model[0], curve.treat_all[0]) == (-0.25, -1.0)
    json.dumps(curve.to_json(), allow_nan=False)


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1.2])
def test_thresholds_without_odds_are_refused(threshold):
    with pytest.raises(UsageError, match="between 0 and 1, both excluded"):
        trace_net_benefit(TRUTH, PROBABILITY, np.array([threshold]))


def test_risk_by_hand():
    curve = trace_risk(np.array([True, False, True, True]), np.array([0.9, 0.8, 0.7, 0.6]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.error == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4]) and curve.aurc == pytest.approx(
        (0 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    )
    assert curve.least == pytest.approx([0, 0, 0, 1 / 4])


def test_equal_confidence_is_the_mean_of_all_orders():
    rng = np.random.default_rng(3)
    right, confidence = rng.uniform(size=40) < 0.7, rng.integers(0, 5, 40).astype(float)
    shuffled = [trace_risk(right, confidence + 1e-6 * rng.permutation(40)) for _ in range(3000)]
    found = trace_risk(right, confidence)
    assert found.error == pytest.approx(np.mean([curve.error for curve in shuffled], axis=0), abs=0.02)
    assert found.aurc == pytest.approx(np.mean([curve.aurc for curve in shuffled]), abs=0.003)


def test_confidence_that_says_nothing_has_the_error_rate_everywhere():
    curve = trace_risk(np.arange(10) < 7, np.ones(10))
    assert curve.error == pytest.approx([0.3] * 10) and curve.aurc == pytest.approx(0.3)


def test_a_long_curve_is_thinned_but_not_its_area():
    right, confidence = (
        np.random.default_rng(4).uniform(size=5000) < 0.9,
        np.random.default_rng(5).uniform(size=5000),
    )
    curve = trace_risk(right, confidence)
    assert (
        len(curve.coverage) == 100
        and curve.coverage[-1] == 1
        and curve.error[-1] == pytest.approx(1 - right.mean())
    )
    errors = np.cumsum(~right[np.argsort(-confidence)]) / np.arange(1, 5001)
    assert curve.aurc == pytest.approx(errors.mean())
    json.dumps(curve.to_json(), allow_nan=False)
