"""Recipes by name, from a file, and with some fields changed."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import Any

from lentigo.common.json_values import parse_json
from lentigo.errors import UsageError
from lentigo.training.recipe_fields import check_type
from lentigo.training.recipes import FIELDS, RECIPES, Recipe


def find_recipe(name: str | Path | Recipe, **changes: Any) -> Recipe:
    """Finds a recipe.

    Args:
        name: "best", "seed", a JSON file, or a recipe.
        **changes: Fields that are to differ; None leaves a field as it is.

    Returns:
        The recipe with those changes.

    Raises:
        UsageError: The name or a field is unknown, the file holds no recipe, or a value is out of range.

    >>> find_recipe("seed", epochs=3).epochs
    3
    """
    recipe = name if isinstance(name, Recipe) else load_recipe(name)
    return change_recipe(recipe, changes)


def find_head_recipe(name: str | Path | Recipe, **changes: Any) -> Recipe:
    """Finds a recipe and keeps its backbone frozen: what it does with the head alone is all there is.

    Args:
        name: As for `find_recipe`.
        **changes: Fields that are to differ; with `finetune=True` the backbone learns after all.

    Returns:
        The recipe with those changes.

    Raises:
        UsageError: As for `find_recipe`.
    """
    recipe = find_recipe(name)
    if recipe.finetune and not changes.get("finetune"):
        recipe = freeze_recipe(recipe)
    return change_recipe(recipe, changes)


def change_recipe(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """A recipe with other values of some fields; None leaves a field as it is."""
    values = {}
    for name, value in changes.items():
        if name not in FIELDS:
            raise UsageError(f"{name!r} is no field of a recipe; expected {suggest_field(name)}")
        if value is not None:
            check_type(FIELDS[name], value)
            values[name] = value
    return dataclasses.replace(recipe, **values)


def freeze_recipe(recipe: Recipe) -> Recipe:
    """Takes the part of a recipe before the backbone learns, as a recipe.

    Args:
        recipe: That fine-tunes the backbone.

    Returns:
        The recipe of its head.

    >>> frozen = freeze_recipe(RECIPES["best"])
    >>> frozen.epochs, frozen.finetune
    (100, False)
    """
    # The head's epochs become the epochs of the only stage
    return dataclasses.replace(
        recipe,
        finetune=False,
        epochs=recipe.head_epochs or recipe.epochs,
        head_epochs=0,
        lowres_epochs=0,
        ema=0.0,
    )


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by its name, or from a JSON file."""
    if str(name) in RECIPES:
        return RECIPES[str(name)]
    return read_recipe(Path(name))


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe from a JSON object of its fields; those that it leaves out are as in `best`.

    Args:
        path: The file.

    Returns:
        The recipe, named as the file unless it has a name.

    Raises:
        UsageError: There is no such file, or it holds no recipe.
    """
    if not path.is_file():
        raise UsageError(
            f"recipe {str(path)!r} is unknown; expected {' or '.join(RECIPES)}, or a JSON file such as "
            "`lentigo tune` writes"
        )
    try:
        entries = parse_json(path.read_bytes())
    except (ValueError, OSError) as error:
        raise UsageError(
            f"{path}: not readable as JSON ({error}); expected a recipe such as `lentigo tune` writes"
        ) from error
    if not isinstance(entries, dict):
        raise UsageError(f"{path}: holds no JSON object; expected the fields of a recipe and their values")
    try:
        for name, value in entries.items():
            if name not in FIELDS:
                raise UsageError(f"{name!r} is no field of a recipe; expected {suggest_field(name)}")
            check_type(FIELDS[name], value)
        # A file's name names the recipe, unless it has one
        return Recipe(**{"name": path.stem, **entries})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def suggest_field(name: str) -> str:
    """The field whose name is nearest to an unknown one, or all fields."""
    nearest = difflib.get_close_matches(name, FIELDS, n=1)
    return nearest[0] if nearest else ", ".join(FIELDS)
