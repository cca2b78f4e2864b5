"""The sections of a model card on the photographs that the model learned from, and on how it was trained."""

from __future__ import annotations

from typing import Any

from lentigo.evaluation.card.sections import (
    COLUMN_TITLES,
    NOT_RECORDED,
    Section,
    Table,
    find,
    format_fact,
    list_facts,
)
from lentigo.models.bundle import CARD, HISTORY

COMMON_SETTINGS = {  # of every recipe
    "name": "Recipe",
    "batch_size": "Photographs a step",
    "dropout_1": "Dropout after 1024",
    "dropout_2": "Dropout after 512",
    "label_smoothing": "Label smoothing",
    "weight_decay": "Weight decay",
    "patience": "Epochs of patience (0: all are run)",
    "seed": "Seed",
}
HEAD_SETTINGS = {"epochs": "Epochs", "head_learning_rate": "Learning rate"}
FINETUNE_SETTINGS = {
    "head_epochs": "Epochs of the head alone",
    "head_learning_rate": "Learning rate of the head alone",
    "epochs": "Epochs of the whole network",
    "lowres_epochs": "Epochs of it on smaller views before",
    "lowres_size": "Side of those views (pixels)",
    "learning_rate": "Highest learning rate",
    "warmup_epochs": "Epochs of warm-up, then a cosine to zero",
    "ema": "Moving average of the weights (momentum)",
    "mixup": "Mixup",
    "rotation": "Views: rotation (degrees)",
    "flip": "Views: mirrored",
    "zoom": "Views: zoom (log)",
    "stretch": "Views: stretch (log)",
    "shift": "Views: shift (of the side)",
    "brightness": "Views: brightness (log)",
    "contrast": "Views: contrast (log)",
    "saturation": "Views: saturation (log)",
    "tint": "Views: tint (log)",
    "corruption": "Views: blur, noise, compression (probability)",
    "artefacts": "Views: hairs, ruler, ink, dark corners (probability)",
}


def describe_data(card: dict[str, Any]) -> Section:
    """Describes the photographs of the training.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    data = find(card, "data") or {}
    total = (data.get("validation") or 0) + (data.get("training") or 0)
    exception = ""
    if data.get("left_out"):
        exception = ", but for those that were left out against leaks"
    lines = [
        f"Every photograph outside the test split that could be read{exception}. The fingerprint is a hash "
        "of "
        "their contents and labels. The network sees pixels and labels alone; the facts below serve splits "
        "and "
        "reports."
    ]
    tables = [list_data_facts(data, total)]
    if data.get("known") is not None:
        tables.append(tabulate_columns(data, total))
    else:
        lines.append(f"What is known of patients, licences, age, sex and skin: {NOT_RECORDED}.")
    lines.append(
        "How the labels were made (histology, follow-up, opinion), where, when and with what the "
        "photographs were taken, and who was left out: not recorded."
    )
    return Section("Training data", tuple(lines), tuple(tables))


def list_data_facts(data: dict[str, Any], total: int) -> Table:
    """The table of what the data are."""
    training = format_fact(data.get("training"))
    validation = format_fact(data.get("validation"))
    malignant = [f"{data[name]:,}" for name in ("training_malignant", "validation_malignant") if name in data]
    sources = data.get("sources")
    # An empty list is known: the data name no source
    if sources == []:
        sources = "unknown: the data name none"
    return list_facts(
        {
            "Name": data.get("name"),
            "Photographs": f"{training} to learn from, {validation} for validation",
            "Malignant": " and ".join(malignant) or None,
            "Licences": describe_licences(data, total),
            "Sources": sources,
            "Fingerprint": data.get("fingerprint"),
        }
    )


def tabulate_columns(data: dict[str, Any], total: int) -> Table:
    """For how many photographs each fact about patient, lesion, licence and person is known."""
    rows = [(title, count_known(data, name, total)) for name, title in COLUMN_TITLES.items()]
    return Table(("What", "Known for"), tuple(rows))


def count_known(data: dict[str, Any], name: str, total: int) -> str:
    """For how many photographs a column is known, in words."""
    count = data["known"].get(name)
    if count:
        return f"{count:,} of {total:,}"
    # Searched and nothing found is another thing than not searched
    if name == "duplicate_group" and data.get("duplicates"):
        return "none found"
    return "unknown"


def describe_licences(data: dict[str, Any], total: int) -> str:
    """The licences, and for how many photographs there is none."""
    licences = data.get("licenses")
    if licences is None:
        return NOT_RECORDED
    if not licences:
        return "unknown: the data name none"
    words = format_fact(licences)
    n_licensed = find(data, "known", "license")
    if n_licensed is not None and n_licensed < total:
        words += f"; unknown for {total - n_licensed:,} of {total:,}"
    return words


def describe_training(card: dict[str, Any]) -> Section:
    """Describes the recipe.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    recipe = find(card, "recipe") or {}
    finetune = find(card, "recipe", "finetune")
    weights = find(card, "weights")
    start = f"The backbone started from the weights {format_fact(weights)}, the head at random."
    if weights == "none":
        start = "All weights started at random."
    lines = (
        describe_stages(finetune, recipe.get("head_epochs")),
        start,
        "Adam with decoupled weight decay on the binary cross-entropy. "
        + describe_class_weights(recipe.get("class_weights")),
        f"Kept are the weights of the epoch with the best AUROC {describe_kept_weights(card)} What else was "
        "tried before is not recorded.",
        f"Every setting is in `{CARD}`.",
    )
    tables = []
    rows = list_settings(recipe, finetune)
    if rows:
        tables.append(Table(("Setting", "Value"), tuple(rows)))
    return Section("Training", lines, tuple(tables))


def list_settings(recipe: dict[str, Any], finetune: bool | None) -> list[tuple[str, str]]:
    """The settings of a recipe that matter for its kind of training, in words.

    Args:
        recipe: Its fields by name, as the card has them.
        finetune: Whether the backbone learned; None where the card does not say.
    """
    titles = dict(COMMON_SETTINGS)
    # Settings of the other kind of training stand in the recipe, too, but did nothing
    if finetune:
        titles |= FINETUNE_SETTINGS
    elif finetune is not None:
        titles |= HEAD_SETTINGS
    return [(title, format_fact(recipe.get(name))) for name, title in titles.items() if name in recipe]


def describe_class_weights(class_weights: bool | None) -> str:
    """Whether classes were weighted."""
    if class_weights is None:
        return f"Class weights: {NOT_RECORDED}."
    if class_weights:
        return "Classes were weighed by their rarity."
    return "Classes were not weighed."


def describe_spread(aurocs: list[float] | None) -> str:
    """Between which AUROCs the heads of an ensemble are, in brackets; "" where they are not recorded."""
    if not aurocs:
        return ""
    return (
        f" (AUROC there {min(aurocs):.3f} to {max(aurocs):.3f}, a little too good, since the epoch was "
        "chosen for it)"
    )


def describe_kept_weights(card: dict[str, Any]) -> str:
    """Which epochs, of how many networks."""
    ensemble = find(card, "ensemble")
    if ensemble is None:
        epoch = format_fact(find(card, "best_epoch"))
        return f"on validation, number {epoch} of the last stage in `{HISTORY}`. One network, no ensemble."
    # With folds, each head has its own best epoch and its own AUROC
    spread = describe_spread(ensemble.get("aurocs"))
    return (
        f"on the fold that a head was trained without{spread}, of each of {ensemble['folds']} heads on one "
        f"backbone (epochs {format_fact(ensemble['best_epochs'])} in `{HISTORY}`). The answer is the mean of "
        "their logits, the heatmap that of their heatmaps."
    )


def describe_stages(finetune: bool | None, head_epochs: int | None) -> str:
    """What learned, in which order."""
    if finetune is None:
        return f"What was trained: {NOT_RECORDED}."
    if not finetune:
        return "The backbone stayed frozen; the head learned on its features, without augmentation."
    first = "First the head learned on features of the frozen backbone, then the"
    if head_epochs == 0:
        first = "The"
    return f"{first} whole network learned on random views, the backbone's batch norms frozen."
