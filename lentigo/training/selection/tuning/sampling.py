"""What a trial draws: the fields that are searched, and a sampler that gives each number of a trial once."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from lentigo.training.recipe_fields import Search
from lentigo.training.recipes import Recipe

RANDOM_TRIALS = 10  # before the sampler has something to go by


def list_searched(recipe: Recipe) -> dict[str, BaseDistribution]:
    """Lists the fields that are worth searching, of those that a recipe makes use of.

    Args:
        recipe: That the search starts from.

    Returns:
        The distribution to draw from, by the field's name.

    >>> list_searched(Recipe(finetune=False))["head_learning_rate"].log
    True
    """
    searched = {}
    for recipe_field in fields(Recipe):
        search = recipe_field.metadata.get("search")
        # A field of the whole network has no effect while the backbone stays frozen
        if search is None or (search.whole and not recipe.finetune):
            continue
        searched[recipe_field.name] = make_distribution(str(recipe_field.type), search)
    return searched


class NumberedSampler(BaseSampler):
    """TPE (Bergstra 2011) with the joint density of all fields; what it draws for a trial is a function of
    the seed, the trial's number and the trials before.

    Each number is given once, whoever asks for it. So an interrupted search draws what an uninterrupted one
    would have drawn, and two processes that ask at the same moment draw different recipes.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.samplers: dict[int, TPESampler] = {}

    def find_sampler(self, trial: FrozenTrial) -> TPESampler:
        """Gives the sampler of one trial.

        Args:
            trial: It has a number.

        Returns:
            The same sampler each time.
        """
        if trial.number not in self.samplers:
            self.samplers[trial.number] = TPESampler(
                # By number: a trial that is made again draws the same
                seed=1000 * self.seed + trial.number,
                multivariate=True,
                n_startup_trials=RANDOM_TRIALS,
            )
        return self.samplers[trial.number]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Which fields are drawn together; Optuna calls it.

        Args:
            study: The study.
            trial: It has a number.
        """
        return self.find_sampler(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draws the fields that are drawn together; Optuna calls it.

        Args:
            study: The study.
            trial: It has a number.
            search_space: What `infer_relative_search_space` gave.
        """
        return self.find_sampler(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draws one field by itself, while there is little to go by; Optuna calls it.

        Args:
            study: The study.
            trial: It has a number.
            param_name: The field.
            param_distribution: What it is drawn from.
        """
        return self.find_sampler(trial).sample_independent(study, trial, param_name, param_distribution)


def make_distribution(kind: str, search: Search) -> BaseDistribution:
    """Optuna's form of a search."""
    if search.choices:
        return CategoricalDistribution(search.choices)
    if kind == "int":
        return IntDistribution(int(search.low), int(search.high), log=search.log)
    return FloatDistribution(search.low, search.high, log=search.log)
