import os
import platform
import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState

from lentigo.errors import StoreError, UsageError
from lentigo.training.recipe_lookup import find_head_recipe
from lentigo.training.recipes import BEST, Recipe
from lentigo.training.selection.tuning.sampling import list_searched
from lentigo.training.selection.tuning.study import (
    DEFAULT,
    ERROR,
    FOLDS,
    WORKER,
    advance_study,
    begin_study,
    count_finished,
    find_default,
    rate_importance,
)
from lentigo.training.selection.tuning.study_database import StudyAddress, explain_failure, open_study

HEAD = find_head_recipe("best")
DIFFICULTY = (0.3, 0.0, 0.2)  # of each fold


def measure(recipe, watch):
    """A toy whose best dropout is 0.3; the first fold is the hardest."""
    aurocs = [1 - abs(recipe.dropout_1 - 0.3) / 2 - hard for hard in DIFFICULTY]
    for fold, auroc in enumerate(aurocs):
        watch(fold, auroc)
    return aurocs


@pytest.fixture
def place(tmp_path):
    return StudyAddress(f"sqlite:///{tmp_path / 'trials.db'}", "toy")


def run(place, count, measure=measure):
    study = open_study(place)
    begin_study(study, HEAD)
    while count_finished(study) < count:
        advance_study(place, HEAD, measure, 0)
    return study.get_trials()


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A study of 25 trials: its address and they."""
    place = StudyAddress(f"sqlite:///{tmp_path_factory.mktemp('searched') / 'trials.db'}", "toy")
    return place, run(place, 25)


def test_the_default_recipe_is_the_first_trial(place):
    first = run(place, 2)[0]
    assert DEFAULT in first.user_attrs and first.params == {
        name: getattr(HEAD, name) for name in list_searched(HEAD)
    }


def test_every_default_lies_where_it_is_searched():
    for name, distribution in list_searched(BEST).items():
        assert distribution._contains(distribution.to_internal_repr(getattr(BEST, name))), name


def test_every_end_of_a_search_is_a_recipe():
    for name, distribution in list_searched(BEST).items():
        for value in getattr(distribution, "choices", None) or (distribution.low, distribution.high):
            Recipe(**{name: value})


def test_a_frozen_backbone_searches_nothing_of_the_views():
    assert {"dropout_1", "head_learning_rate"} <= set(list_searched(HEAD)) and not {
        "rotation",
        "learning_rate",
        "mixup",
    } & set(list_searched(HEAD))
    assert {"rotation", "learning_rate", "mixup"} <= set(list_searched(BEST))


def test_better_recipes_are_found(searched):
    _, trials = searched
    assert max(trial.value for trial in trials if trial.value) > trials[0].value + 0.1


def test_the_same_trials_follow_whether_the_study_was_stopped_or_not(tmp_path):
    whole = run(StudyAddress(f"sqlite:///{tmp_path / 'whole.db'}", "toy"), 12)
    parted = StudyAddress(f"sqlite:///{tmp_path / 'parted.db'}", "toy")
    for count in (3, 11, 12):
        stopped = run(parted, count)
    assert [trial.params for trial in whole] == [trial.params for trial in stopped]


def test_two_processes_that_ask_at_the_same_moment_draw_different_recipes(place):
    begin_study(open_study(place), HEAD)
    first, second = open_study(place), open_study(place)
    trials = [study.ask(list_searched(HEAD)) for study in (first, first, second)]
    assert trials[1].params != trials[2].params


def test_a_recipe_that_is_worse_on_the_folds_so_far_is_pruned_though_the_first_fold_is_hard(searched):
    _, trials = searched
    pruned = [trial for trial in trials if trial.state is TrialState.PRUNED]
    assert pruned and all(abs(trial.params["dropout_1"] - 0.3) > 0.1 for trial in pruned)
    assert all(len(trial.user_attrs[FOLDS]) < 3 for trial in pruned)


def test_a_trial_that_fails_is_recorded_and_the_others_go_on(place):
    def fail(recipe, watch):
        if recipe.dropout_1 < 0.5:
            raise ValueError("not a number")
        return measure(recipe, watch)

    trials = run(place, 12, fail)
    failed = [trial for trial in trials if trial.state is TrialState.FAIL]
    assert (
        failed
        and {trial.user_attrs[ERROR] for trial in failed} == {"ValueError: not a number"}
        and count_finished(open_study(place)) == 12
    )


def test_what_a_killed_process_left_is_made_again(place):
    study = open_study(place)
    begin_study(study, HEAD)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    study.ask(list_searched(HEAD)).set_user_attr(WORKER, f"{platform.node()}:{gone.pid}")
    trials = run(place, 2)
    assert [trial.state for trial in trials[:2]] == [TrialState.FAIL, TrialState.COMPLETE] and trials[
        1
    ].params == trials[0].params
    assert find_default(open_study(place)).number == 1 and count_finished(open_study(place)) == 2


def test_what_another_process_is_at_is_left_to_it(place):
    study = open_study(place)
    begin_study(study, HEAD)
    study.ask(list_searched(HEAD)).set_user_attr(WORKER, f"{platform.node()}:{os.getppid()}")
    assert run(place, 1)[0].state is TrialState.RUNNING


def test_the_field_that_decides_is_the_most_important(searched):
    place, _ = searched
    importance = rate_importance(open_study(place))
    assert max(importance, key=importance.get) == "dropout_1"


@pytest.mark.parametrize("address", ["trials.db", "nosql://here/there", "sqlite:/"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="is no address of a database"):
        open_study(StudyAddress(address, "toy"))


def test_a_database_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(
        StoreError, match=r"postgresql://me:\*\*\*@127.0.0.1:1/trials: does not answer"
    ) as failure:
        open_study(StudyAddress("postgresql://me:secret@127.0.0.1:1/trials", "toy"))
    assert "secret" not in str(failure.value)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "trials.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"trials.db: does not answer"):
        open_study(StudyAddress(f"sqlite:///{tmp_path / 'trials.db'}", "toy"))


def test_an_error_without_words_is_still_one_line():
    assert "\n" not in str(explain_failure("sqlite:///x", optuna.exceptions.StorageInternalError()))
