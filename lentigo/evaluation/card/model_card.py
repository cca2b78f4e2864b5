"""The model card: what a RUN is, what it is for, what it was made of and how good it is; every fact comes
from its `card.json`.

Sections of sentences and tables are built once; the Markdown in the RUN and the HTML in the report walk
through the same ones. After Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import jinja2

from lentigo.errors import ModelError
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.card import card_sections as parts
from lentigo.evaluation.card.checklists import CLAIM, TRIPOD
from lentigo.evaluation.card.decoder_section import describe_decoder
from lentigo.evaluation.card.diagnosis_section import describe_diagnoses
from lentigo.evaluation.card.split_sections import describe_leaks, describe_split
from lentigo.models.bundle import CARD, Bundle


def write_card(bundle: Bundle, validation: Assessment | dict[str, Any] | None = None) -> str:
    """The model card of a RUN as Markdown. `validation` is the assessment on validation photographs; by
    default the one in the card.
    """
    return render(bundle.name, build_card(bundle, validation))


def add_section(text: str, bundle: Bundle) -> str:
    """A card that people may have completed by hand, with what is to be said of the decoder at its end,
    instead of what was said there before.
    """
    section = describe_decoder(bundle)
    return (
        text.split(f"\n## {section.title}\n")[0].rstrip()
        + "\n\n"
        + render(bundle.name, (section,)).split("\n", 1)[1].lstrip()
    )


def render(name: str, sections: tuple[parts.Section, ...]) -> str:
    """Sections as Markdown, below the name."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["text"] = escape_markdown
    template = environment.from_string(
        (files("lentigo.evaluation.card") / "model_card.md").read_text("utf-8")
    )
    return template.render(name=name, sections=sections)


def build_card(
    bundle: Bundle, validation: Assessment | dict[str, Any] | None = None
) -> tuple[parts.Section, ...]:
    """The sections of the model card. What an older card does not hold is "not recorded".

    Raises `ModelError` for a card that holds half of what belongs together.
    """
    try:
        return list_sections(bundle, validation)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        words = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"{bundle.folder / CARD}: an entry is missing or of a wrong type ({words}); copy the RUN again "
            "from its source"
        ) from error


def list_sections(
    bundle: Bundle, validation: Assessment | dict[str, Any] | None
) -> tuple[parts.Section, ...]:
    """As `build_card`, for a card that is whole."""
    card = bundle.card
    if "logit" not in bundle.outputs:
        return describe_decoder(bundle), parts.describe_compute(card)
    scores = (
        validation.to_json()
        if isinstance(validation, Assessment)
        else validation or parts.find(card, "metrics", "validation") or {}
    )
    return (
        *describe_leaks(card),
        parts.describe_model(bundle),
        parts.describe_use(card),
        parts.describe_limits_of_use(card),
        parts.describe_data(card),
        describe_split(card),
        parts.describe_training(card),
        parts.describe_calibration(card),
        parts.describe_operating_point(card, scores),
        parts.describe_refusal(card, scores),
        parts.describe_precision(card),
        parts.describe_results(scores, parts.find(card, "ensemble", "folds")),
        *(
            [describe_diagnoses(scores["diagnoses"], "Diagnoses on validation")]
            if scores.get("diagnoses")
            else ()
        ),
        *([describe_decoder(bundle)] if "mask" in bundle.outputs else ()),
        parts.describe_test(card),
        parts.describe_biases(card),
        parts.describe_compute(card),
        parts.tabulate_items(CLAIM),
        parts.tabulate_items(TRIPOD),
    )


def escape_markdown(text: str) -> str:
    """Text whose signs mean themselves, but for code between backticks.

    >>> escape_markdown("a|b <i> `x_y --n`")
    'a\\\\|b \\\\<i> `x_y --n`'
    """
    parts = text.split("`")
    return "`".join(
        part if number % 2 else re.sub(r"([\\|<*\[])", r"\\\1", part) for number, part in enumerate(parts)
    )
