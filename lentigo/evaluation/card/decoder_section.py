"""The section of a model card on the decoder."""

from __future__ import annotations

from lentigo.evaluation.card.card_sections import (
    Section,
    Table,
    find,
    list_facts,
    tell,
    tell_interval,
    tell_score,
)
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


def describe_decoder(bundle: Bundle) -> Section:
    """What outlines lesions, what it learned from, and how well it does on validation."""
    facts = find(bundle.card, "decoder") or {}
    data, scores, recipe = (
        find(facts, "data") or {},
        find(facts, "validation") or {},
        find(facts, "recipe") or {},
    )
    rows = tuple(
        (title, tell_score(scores.get(name)), tell_interval(find(scores, "ci", name)))
        for name, title in TITLES.items()
        if name in scores
    )
    return Section(
        "Outlines of lesions",
        (
            f"A decoder on the feature maps of the same backbone ({tell(facts.get('architecture'))}; "
            f"{tell(facts.get('parameters'))} parameters) says of each pixel how likely it is lesion. "
            "`lentigo segment` and `lentigo detect` ask it.",
            tell_backbone(facts.get("stages") or ()),
            f"It learned from {tell(data.get('training'))} photographs with masks, by the sum of "
            "cross-entropy and 1 - Jaccard, on random views; kept is the epoch with the best Jaccard on "
            f"{tell(data.get('validation'))} others, number {tell(facts.get('best_epoch'))} in `{HISTORY}`. "
            f"The side of each is in `{MASKS}`; the test split, where there is one, was not read.",
            "The numbers below are optimistic: the epoch was chosen on the same photographs. `lentigo "
            "evaluate RUN MASKS --masks` measures it on others.",
            "The masks are what somebody drew; people disagree about borders, too. Every setting is in "
            f"`{CARD}`.",
        ),
        (
            list_facts({name.replace("_", " ").capitalize(): recipe.get(name) for name in SETTINGS}),
            *([Table(("Metric on validation", "Value", "95 % interval"), rows)] if rows else ()),
        ),
    )


def tell_backbone(stages: list[str] | tuple[str, ...]) -> str:
    """What learned."""
    if len(stages) > 1:
        return "First the decoder learned on features of the frozen backbone, then both together, the backbone's batch norms still."
    return "The backbone stayed as it was; the decoder alone learned."
