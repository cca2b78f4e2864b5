"""What `card.json` may hold: a table of its entries that programs read, held against a card before any of it
is used.

Entries that are not in the table are for people, or of a newer Lentigo, and are left alone.
"""

from __future__ import annotations

from typing import Any

from lentigo.models.cards.card_kinds import (
    COUNT,
    EPOCHS,
    FILE_NAME,
    HASH,
    INTERVAL,
    NUMBER,
    PART,
    POSITIVE,
    SHARE,
    TABLE_OF_TWO,
    TEXT,
    YES_NO,
    Entries,
    Kind,
    ListOf,
    list_faults,
)

LARGEST_CARD = 64 << 20  # bytes
REFERENCE_OUTPUTS = ("embedding", "middle", "reference")  # of a graph, by which it refuses
REFERENCE_OUTPUT = Kind("embedding, middle or reference", lambda value: value in REFERENCE_OUTPUTS)

FILES = Entries({}, others=HASH, nullable=False, names=FILE_NAME)
SCORES = Entries(
    {
        "n": COUNT,
        "n_malignant": COUNT,
        "confusion": TABLE_OF_TWO.or_null(),
        "ci": Entries({}, others=INTERVAL.or_null()),
        "notes": ListOf(TEXT),
        **dict.fromkeys(
            (
                "accuracy",
                "auroc",
                "sensitivity",
                "specificity",
                "brier",
                "ece",
                "average_precision",
                "specificity_at_95_sensitivity",
                "coverage",
                "threshold",
            ),
            NUMBER.or_null(),
        ),
        "diagnoses": Entries(
            {
                "n": COUNT,
                "balanced_accuracy": NUMBER.or_null(),
                "ci": ListOf(NUMBER.or_null()),
                "names": ListOf(TEXT),
                "confusion": ListOf(ListOf(COUNT)),
                "each": Entries({}, others=Entries({"n": COUNT})),
            }
        ),
        "operating_points": ListOf(
            Entries(
                {
                    "rule": TEXT,
                    "threshold": NUMBER,
                    "sensitivity": NUMBER.or_null(),
                    "specificity": NUMBER.or_null(),
                    "ci": Entries({}, others=INTERVAL.or_null()),
                },
                nullable=False,
            )
        ),
        "refusals": Entries({"n": COUNT, "out_of_distribution": COUNT, "uncertain": COUNT}),
    }
)
LEAKS = Entries(
    {
        "n": COUNT,
        "photographs": Entries({}, others=COUNT, nullable=False),
        "of": Entries({}, others=COUNT, nullable=False),
        "kinds": Entries({}, others=COUNT, nullable=False),
        "examples": ListOf(
            Entries(
                {"a": TEXT, "b": TEXT, "splits": ListOf(TEXT, nullable=False), "kind": TEXT}, nullable=False
            ),
            nullable=False,
        ),
    }
)
DATA = Entries(
    {
        **dict.fromkeys(
            (
                "training",
                "validation",
                "training_malignant",
                "validation_malignant",
                "training_groups",
                "validation_groups",
            ),
            COUNT.or_null(),
        ),
        **dict.fromkeys(("name", "fingerprint", "split"), TEXT.or_null()),
        "known": Entries({}, others=COUNT.or_null()),
        "sources": ListOf(TEXT),
        "licenses": ListOf(TEXT),
        "left_out": LEAKS,
        "duplicates": Entries({"photographs": COUNT, "groups": COUNT}),
    }
)
RECIPE = Entries(
    {
        "name": TEXT.or_null(),
        "seed": COUNT.or_null(),
        "head_epochs": COUNT.or_null(),
        "finetune": YES_NO.or_null(),
        "class_weights": YES_NO.or_null(),
    }
)
CALIBRATION = Entries(
    {
        "kind": TEXT,
        "temperature": POSITIVE,
        "slope": NUMBER,
        "slope_below": NUMBER,
        "intercept": NUMBER,
        "knots": ListOf(NUMBER, nullable=False),
        "values": ListOf(SHARE, nullable=False),
        "n": COUNT,
        "note": TEXT,
    },
    nullable=False,
)
CARD = Entries(
    {
        "format": COUNT,
        "files": FILES,
        "coming": FILES,
        "backbone": TEXT,
        "outputs": ListOf(TEXT, nullable=False),
        "threshold": SHARE,
        "alpha": SHARE,
        "prevalence": PART.or_null(),
        "parameters": COUNT.or_null(),
        "best_epoch": EPOCHS,
        "logit_threshold": NUMBER,
        "precision": TEXT,
        "int8": Entries({"neutral": YES_NO}),
        "seconds": NUMBER.or_null(),
        **dict.fromkeys(
            ("lentigo", "disclaimer", "architecture", "licence", "threshold_rule", "machine"), TEXT.or_null()
        ),
        "classes": ListOf(TEXT),
        "libraries": Entries({}, others=TEXT.or_null()),
        "input": Entries({"shape": ListOf(COUNT), "type": TEXT.or_null(), "resize": TEXT.or_null()}),
        "calibration": CALIBRATION,
        "tta": Entries({"calibration": CALIBRATION, "threshold": SHARE}),
        "refusal": Entries(
            {
                "output": REFERENCE_OUTPUT,
                "distance_limit": NUMBER.or_null(),
                "lesion_limit": SHARE.or_null(),
            },
            nullable=False,
        ),
        "bf16": Entries(
            {
                "neutral": YES_NO,
                "n": COUNT,
                **dict.fromkeys(
                    ("decisions_equal", "auroc_f32", "auroc_bf16", "jaccard_f32", "jaccard_bf16"),
                    NUMBER.or_null(),
                ),
                "auroc_loss_ci": INTERVAL,
            }
        ),
        "metrics": Entries({}, others=SCORES, nullable=False),
        "leaks": LEAKS,
        "data": DATA,
        "recipe": RECIPE,
        "ensemble": Entries(
            {"folds": COUNT, "sizes": ListOf(COUNT), "best_epochs": ListOf(COUNT), "aurocs": ListOf(SHARE)}
        ),
        "measured": Entries(
            {
                **SCORES.known,
                "data": TEXT,
                "model": TEXT,
                "shortcut_baselines": Entries({"ci": Entries({}, others=INTERVAL.or_null())}),
                "stress": ListOf(
                    Entries(
                        {
                            "name": TEXT,
                            "auroc": NUMBER.or_null(),
                            "auroc_ci": INTERVAL.or_null(),
                            "changed": NUMBER,
                        },
                        nullable=False,
                    )
                ),
            }
        ),
        "decoder": Entries(
            {
                "architecture": TEXT.or_null(),
                "parameters": COUNT.or_null(),
                "best_epoch": COUNT.or_null(),
                "stages": ListOf(TEXT),
                "data": Entries({"training": COUNT.or_null(), "validation": COUNT.or_null()}),
                "recipe": RECIPE,
                "validation": Entries({"ci": Entries({}, others=INTERVAL.or_null())}),
            }
        ),
    },
    nullable=False,
)


def find_fault(card: Any) -> str:
    """What is wrong with a card, the first fault in a few words; "" where it is sound.

    Args:
        card: As JSON gives it.

    >>> find_fault({"threshold": "high"})
    "threshold: 'high', expected a number from 0 to 1"
    """
    for fault in list_faults(card, CARD):
        return fault
    # From here on the entries are of their kinds
    for entries in (card, card.get("tta") or {}):
        fault = find_calibration_fault(entries.get("calibration") or {})
        if fault:
            return fault
    return ""


def find_calibration_fault(calibration: dict[str, Any]) -> str:
    """What is wrong with an isotonic map, "" where there is none or it is sound."""
    if calibration.get("kind") != "isotonic":
        return ""
    for name in ("knots", "values"):
        numbers = calibration.get(name) or []
        if not numbers or numbers != sorted(numbers):
            return f"calibration.{name}: expected ascending numbers, one at least"
    if len(calibration["knots"]) != len(calibration["values"]):
        return "calibration: expected as many knots as values"
    return ""
