"""The section of a model card on the mask decoder."""

from __future__ import annotations

from collections.abc import Sequence

from lentigo.evaluation.card.sections import Section, find, format_fact, list_facts, tabulate_scores
from lentigo.evaluation.masks.mask_assessment import TITLES
from lentigo.models.bundle import CARD, HISTORY, MASKS, Bundle

SETTINGS = (
    "mask_epochs",
    "mask_learning_rate",
    "mask_width",
    "batch_size",
    "ema",
    "rotation",
    "flip",
    "zoom",
    "stretch",
    "shift",
    "seed",
)


# The settings that change what is learned; where files lay, for instance, is not among them
def describe_decoder(bundle: Bundle) -> Section:
    """Describes what outlines lesions, what it learned from, and how well it does on validation.

    Args:
        bundle: A RUN with a decoder.

    Returns:
        The section.
    """
    # A card may have been edited by hand, so each part may be missing
    facts = find(bundle.card, "decoder") or {}
    data = find(facts, "data") or {}
    scores = find(facts, "validation") or {}
    recipe = find(facts, "recipe") or {}
    architecture = format_fact(facts.get("architecture"))
    parameters = format_fact(facts.get("parameters"))
    training = format_fact(data.get("training"))
    validation = format_fact(data.get("validation"))
    best_epoch = format_fact(facts.get("best_epoch"))
    settings = {name.replace("_", " ").capitalize(): recipe.get(name) for name in SETTINGS}
    tables = [list_facts(settings)]
    results = tabulate_scores(scores, TITLES, ("Metric on validation", "Value", "95 % interval"))
    if results.rows:
        tables.append(results)
    return Section(
        "Outlines of lesions",
        (
            f"A decoder on the feature maps of the same backbone ({architecture}; {parameters} parameters) "
            "says of each pixel how likely it is lesion. `lentigo segment` and `lentigo detect` ask it.",
            describe_stages(facts.get("stages") or ()),
            f"It learned from {training} photographs with masks, by the sum of cross-entropy and 1 - "
            f"Jaccard, on random views; kept is the epoch with the best Jaccard on {validation} others, "
            f"number {best_epoch} in `{HISTORY}`. The split of each is in `{MASKS}`; the test split, where "
            "there is one, was not read.",
            "The numbers below are optimistic: the epoch was chosen on the same photographs. `lentigo "
            "evaluate RUN MASKS --masks` measures it on others.",
            "The masks are what somebody drew; people disagree about borders, too. Every setting is in "
            f"`{CARD}`.",
        ),
        tuple(tables),
    )


def describe_stages(stages: Sequence[str]) -> str:
    """What learned, in which order."""
    if len(stages) > 1:
        return (
            "First the decoder learned on features of the frozen backbone, then both together, the "
            "backbone's batch norms frozen."
        )
    return "The backbone stayed as it was; the decoder alone learned."
