"""One table of diagnoses, and named policies that say which of them are malignant."""

import pandas as pd
import pytest

from lentigo.datasets.diagnoses import DEFAULT_POLICY, POLICIES, find_policy, judge_diagnoses, name_diagnoses
from lentigo.datasets.diagnosis_words import (
    CLASS_OF,
    DIAGNOSES,
    NAME_OF,
    SEVEN_OF,
    VOCABULARY,
    map_diagnosis,
    normalise,
)
from lentigo.errors import UsageError


def test_no_word_stands_for_two_diagnoses():
    words = [
        (normalise(word), name)
        for name, _, _, words in VOCABULARY
        for word in {name, *words.split(", ")}
        if word
    ]
    assert all(NAME_OF[word] == name for word, name in words) and len(CLASS_OF) == len(VOCABULARY)


@pytest.mark.parametrize("policy", POLICIES)
def test_exceptions_of_a_policy_are_diagnoses_of_the_table(policy):
    assert set(POLICIES[policy].exceptions) <= set(CLASS_OF) and POLICIES[policy].reason


@pytest.mark.parametrize(
    "policy, word, label",
    [
        ("archive", "akiec", "indeterminate"),
        ("archive", "ACK", "indeterminate"),
        ("archive", "Solar or actinic keratosis", "indeterminate"),
        ("archive", "atypical melanocytic proliferation", "indeterminate"),
        ("ham10000", "akiec", "malignant"),
        ("ham10000", "AK", "malignant"),
        ("ham10000", "atypical melanocytic proliferation", "indeterminate"),
        ("pad-ufes-20", "ACK", "benign"),
        ("pad-ufes-20", "akiec", "indeterminate"),
    ],
)
def test_policies_differ_in_actinic_keratosis(policy, word, label):
    assert find_policy(policy).judge(NAME_OF[normalise(word)], None) == label


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "word, label",
    [
        ("Melanoma, NOS", "malignant"),
        ("BCC", "malignant"),
        ("scc", "malignant"),
        ("Bowen's disease", "malignant"),
        ("naevus", "benign"),
        ("SEK", "benign"),
        ("dysplastic nevus", "benign"),
        ("vasc", "benign"),
    ],
)
def test_policies_agree_in_all_else(policy, word, label):
    assert find_policy(policy).judge(NAME_OF[normalise(word)], None) == label


def test_the_default_takes_no_side_where_data_sets_disagree():
    disputed = {name for policy in POLICIES.values() for name in policy.exceptions}
    assert {find_policy(DEFAULT_POLICY).judge(name, None) for name in disputed} == {"indeterminate"}


def test_an_unknown_word_has_the_class_that_its_data_set_gives_it():
    names = name_diagnoses(pd.Series(["Porokeratosis", "Porokeratosis", None]))
    assert judge_diagnoses(
        names, pd.Series(["benign", None, "indeterminate"]), find_policy("archive")
    ).tolist() == ["benign", "unknown", "indeterminate"]


def test_a_data_set_that_contradicts_its_own_diagnosis_is_believed_in_neither():
    answers = judge_diagnoses(
        pd.Series(["melanoma", "nevus", "melanoma"]),
        pd.Series(["benign", "malignant", "malignant"]),
        find_policy("archive"),
    )
    assert answers.tolist() == ["contradictory", "contradictory", "malignant"]


def test_an_unknown_policy_is_a_usage_error_that_lists_them():
    with pytest.raises(UsageError, match="policy 'mine' is unknown; expected archive, ham10000, pad-ufes-20"):
        find_policy("mine")


# --- the seven


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (
            "melanoma",
            "mel, MEL, Melanoma Invasive, melanoma (less than 0.76 mm), melanoma-in-situ, "
            "nodular-melanoma-(nm), lentigo maligna, superficial spreading melanoma ssm",
        ),
        (
            "nevus",
            "nv, NV, NEV, Clark nevus, reed or spitz nevus, melanocytic-nevi, nevocytic nevus, "
            "dysplastic-nevus, Atypical Nevus",
        ),
        ("basal_cell_carcinoma", "bcc, BCC, basal-cell-carcinoma-nodular, basal cell carcinoma morpheiform"),
        (
            "squamous_cell_carcinoma",
            "scc, SCCKA, akiec, AK, ACK, Bowen's disease, squamous-cell-carcinoma-in-situ, keratoacanthoma, "
            "actinic-keratosis",
        ),
        (
            "benign_keratosis",
            "bkl, BKL, SEK, seborrheic keratosis, solar-lentigo, lichenoid keratosis, "
            "seborrheic-keratosis-irritated, lentigo NOS",
        ),
        ("dermatofibroma", "df, DF, dermatofibroma"),
        ("vascular_lesion", "vasc, VASC, angioma, pyogenic-granuloma, vascular lesion"),
        (
            None,
            "unknown, neurofibroma, BEN_OTH, MAL_OTH, INF, UNK, benign, malignant, epidermal nevus, nevus "
            "sebaceous of jadassohn, psoriasis",
        ),
    ],
)
def test_words_of_the_public_sets_are_one_of_the_seven_or_none(key, words):
    assert {word: map_diagnosis(word) for word in words.split(", ")} == dict.fromkeys(words.split(", "), key)


@pytest.mark.parametrize("nothing", [None, float("nan"), "", " ", pd.NA, pd.NaT])
def test_nothing_is_no_diagnosis(nothing):
    assert map_diagnosis(nothing) is None


@pytest.mark.parametrize("key", DIAGNOSES)
def test_the_keys_stand_for_themselves(key):
    assert map_diagnosis(key) == key


def test_the_order_of_the_seven_is_that_of_the_networks_output():
    assert DIAGNOSES == (
        "melanoma",
        "nevus",
        "basal_cell_carcinoma",
        "squamous_cell_carcinoma",
        "benign_keratosis",
        "dermatofibroma",
        "vascular_lesion",
    )
    assert set(SEVEN_OF.values()) == {*DIAGNOSES, None}


def test_the_finest_level_that_is_known_counts():
    path = "Malignant::Malignant adnexal epithelial proliferations - Follicular::Basal cell carcinoma::Basal cell carcinoma, Of a new kind"
    assert map_diagnosis(path) == "basal_cell_carcinoma"
