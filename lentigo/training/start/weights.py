"""The weights that a backbone starts from: where they are to be had, and by what name a card records them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lentigo.common.hashing import hash_file
from lentigo.errors import ModelError, UsageError
from lentigo.images.photographs import SIDE
from lentigo.models.bundle import find_bundle, is_run, open_bundle
from lentigo.models.networks.backbones import Backbone
from lentigo.training.recipes import RECIPES, Recipe


def find_weights(backbone: Backbone, folder: str | Path | None) -> str | Path:
    """Finds the weights of a backbone in a folder.

    Args:
        backbone: An entry of the backbone table.
        folder: Holds files named `NAME*.h5`, in any case; None for Keras' own weights.

    Returns:
        The file, or "imagenet" where there is none: Keras' cache, or its download.

    Raises:
        ModelError: Several files fit.
        UsageError: There is no such folder.
    """
    if folder is None:
        return "imagenet"
    if not Path(folder).is_dir():
        raise UsageError(
            f"{folder}: no such folder; expected one with weight files such as {backbone.name}.weights.h5"
        )
    found = list_weight_files(backbone, Path(folder))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelError(f"{folder}: {names} are all for {backbone.name}; expected one: move the others away")
    return found[0] if found else "imagenet"


def list_weight_files(backbone: Backbone, folder: Path) -> list[Path]:
    """The files of a folder that are named as weights of a backbone, sorted."""
    found = []
    for path in sorted(folder.glob("*.h5")):
        if path.name.lower().startswith(backbone.name):
            found.append(path)
    return found


def take_backbone(recipe: str | Path | Recipe, weights: str | Path, fields: dict[str, Any]) -> dict[str, Any]:
    """Changes of a recipe for a training that starts from some weights: where they are a RUN's, the backbone
    and the size at which it sees photographs are that RUN's, unless others were asked for.

    Args:
        recipe: "best" or "seed", whose backbone is a default; a file or a recipe has its own.
        weights: A word, a file, or a RUN.
        fields: Fields of the recipe that are to differ.

    Returns:
        The fields, and maybe backbone and input size.

    Raises:
        ModelError: The RUN cannot be used.
    """
    # Whoever names a backbone, or a recipe of one's own, means it
    asked = fields.get("backbone") is not None or str(recipe) not in RECIPES
    if asked or not is_run(weights):
        return fields
    card = open_bundle(weights).card
    taken = {**fields, "backbone": card["backbone"]}
    if taken.get("input_size") is None:
        # Photographs must be as large as those that the weights have learned from
        taken["input_size"] = card["recipe"].get("input_size", SIDE)
    return taken


def name_source(weights: str | Path) -> str:
    """Names the source of a backbone's weights for a card.

    Args:
        weights: A word, a file, or a RUN.

    Returns:
        The word, the file's name with the start of its hash, or the RUN's name.
    """
    path = Path(weights)
    if str(weights) == "bundled" or path.is_dir():
        return find_bundle(weights).name
    if path.is_file():
        return f"{path.name}@{hash_file(path)[:16]}"
    return str(weights)
