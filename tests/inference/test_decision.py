from itertools import product

import numpy as np
import pytest

from lentigo.inference.decisions.decision_rule import DecisionRule
from lentigo.inference.decisions.refusal import Reference

ORDER = {"benign": 0, "uncertain": 1, "malignant": 2}


def make_reference(benign, malignant, limit=10.0):
    """A reference of these validation probabilities."""
    return Reference(np.zeros((2, 1)), np.eye(1), limit, np.sort(benign), np.sort(malignant))


def draw_rule(seed):
    """A rule of random scores, as good or bad as can be, of a random alpha and threshold."""
    rng = np.random.default_rng(seed)
    shapes = rng.uniform(0.3, 4, 4)
    benign = rng.beta(shapes[0], shapes[1], rng.integers(1, 200))
    malignant = rng.beta(shapes[2], shapes[3], rng.integers(1, 200))
    if seed % 3 == 0:  # ties, as an isotonic map gives them
        benign, malignant = benign.round(1), malignant.round(1)
    alpha = float(rng.choice([0.0, 0.01, 0.05, 0.1, 0.3, 0.5]))
    return DecisionRule(float(rng.uniform(0, 1)), alpha, make_reference(benign, malignant))


RULES = [draw_rule(seed) for seed in range(100)]


def test_the_decision_is_monotone_in_the_probability():
    for rule in RULES:
        scores = [rule.reference.benign, rule.reference.malignant, [rule.threshold]]
        probabilities = np.unique(np.concatenate([np.linspace(0, 1, 201), *scores]))
        ranks = [ORDER[rule.decide(probability).label] for probability in probabilities]
        assert (np.diff(ranks) >= 0).all(), rule


def test_an_answer_is_given_where_the_conformal_set_is_exactly_the_label_of_the_threshold():
    for rule, probability in product(RULES, np.linspace(0, 1, 101)):
        at_threshold = "malignant" if probability >= rule.threshold else "benign"
        possible = rule.reference.find_conformal_set(probability, rule.alpha)
        decision = rule.decide(probability)
        if rule.alpha == 0 or possible == (at_threshold,):
            assert decision.label == at_threshold and decision.reason == "", (rule, probability)
        else:
            assert decision.label == "uncertain" and decision.reason, (rule, probability)
            assert decision.in_distribution, (rule, probability)


def test_a_set_that_is_empty_is_uncertain():
    rule = DecisionRule(0.4, 0.1, make_reference(np.linspace(0, 0.2, 100), np.linspace(0.8, 1, 100)))
    decision = rule.decide(0.5)
    assert rule.reference.find_conformal_set(0.5, 0.1) == () and decision.label == "uncertain"
    assert "both classes are excluded at an error rate of 10 %" in decision.reason


def test_a_set_of_the_other_label_is_uncertain():
    rule = DecisionRule(0.4, 0.1, make_reference(np.linspace(0, 0.9, 100), np.linspace(0.7, 1, 100)))
    decision = rule.decide(0.5)
    assert rule.reference.find_conformal_set(0.5, 0.1) == ("benign",) and decision.label == "uncertain"
    assert "malignant by the threshold, but malignant is excluded" in decision.reason


def test_a_set_of_both_labels_is_uncertain():
    rule = DecisionRule(0.4, 0.1, make_reference(np.linspace(0, 1, 100), np.linspace(0, 1, 100)))
    assert "neither class can be excluded" in rule.decide(0.5).reason


def test_what_is_unlike_the_known_is_uncertain_whatever_its_probability():
    rule = DecisionRule(0.5, 0.0, make_reference([0.1], [0.9], limit=3.0))
    assert rule.decide(0.99, 3.0).label == "malignant"
    decision = rule.decide(0.99, 3.1)
    assert (
        decision.label == "uncertain"
        and decision.in_distribution is False
        and "unlike the photographs" in decision.reason
    )


def test_without_a_reference_the_threshold_decides():
    rule = DecisionRule(0.5, 0.1, None)
    assert [rule.decide(probability).label for probability in (0.4, 0.5)] == ["benign", "malignant"]
    assert rule.decide(0.5).in_distribution is None


@pytest.mark.parametrize(("probability", "distance"), [(np.nan, 0.0), (0.9, np.nan)])
def test_what_is_no_number_is_never_an_answer(probability, distance):
    assert (
        DecisionRule(0.5, 0.1, make_reference([0.1], [0.9])).decide(probability, distance).label
        == "uncertain"
    )


def test_the_true_class_is_answered_wrongly_no_more_often_than_alpha():
    rng = np.random.default_rng(0)
    rules = []
    for _ in range(40):
        scores = make_reference(rng.beta(2, 4, 100), rng.beta(4, 2, 100))
        rules.append(DecisionRule(0.5, 0.1, scores))
    wrong = [
        rule.decide(probability).label == "benign" for rule in rules for probability in rng.beta(4, 2, 100)
    ]
    assert np.mean(wrong) <= 0.1 + 0.01


def test_a_lesion_unlike_the_sources_is_answered_and_called_shifted():
    reference = Reference(np.zeros((2, 2)), np.eye(2), 10.0, np.array([]), np.array([]), shift_limit=5.0)
    rule = DecisionRule(0.5, 0.0, reference)
    assert [rule.decide(0.7, distance).shifted for distance in (4, 7, 12)] == [False, True, False]
    assert [rule.decide(0.7, distance).label for distance in (4, 7, 12)] == [
        "malignant",
        "malignant",
        "uncertain",
    ]


def test_a_photograph_in_which_no_lesion_is_found_is_refused():
    reference = Reference(np.zeros((2, 2)), np.eye(2), 10.0, np.array([]), np.array([]), lesion_limit=0.8)
    rule = DecisionRule(0.5, 0.0, reference)
    decisions = [rule.decide(0.7, 1.0, lesion) for lesion in (0.79, 0.8, np.nan)]
    assert [each.in_distribution for each in decisions] == [False, True, False]
    assert [each.label for each in decisions] == ["uncertain", "malignant", "uncertain"]
    assert decisions[0].reason == "no lesion found in it (P(lesion) at most 0.79, limit 0.80)"
    assert rule.decide(0.7, 1.0).in_distribution  # a graph that does not say
    assert "unlike the photographs" in rule.decide(0.7, 11.0, 0.1).reason
