"""The model card: what a RUN is, what it is for, what it was made of and how good it is.

Every fact comes from its `card.json`; what an older card does not hold is "not recorded". Sections of
sentences and tables are built once; the Markdown in the RUN and the HTML in the report walk through the same
ones. After Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import jinja2

from lentigo.errors import ModelError
from lentigo.evaluation.assessment import Assessment
from lentigo.evaluation.card.checklists import CLAIM, TRIPOD
from lentigo.evaluation.card.decision_sections import (
    describe_calibration,
    describe_operating_point,
    describe_precision,
    describe_refusal,
)
from lentigo.evaluation.card.decoder_section import describe_decoder
from lentigo.evaluation.card.diagnosis_section import describe_diagnoses
from lentigo.evaluation.card.result_sections import describe_results, describe_test, tabulate_items
from lentigo.evaluation.card.sections import Section, find
from lentigo.evaluation.card.split_sections import describe_leaks, describe_split
from lentigo.evaluation.card.training_sections import describe_data, describe_training
from lentigo.evaluation.card.use_sections import (
    describe_biases,
    describe_compute,
    describe_limits_of_use,
    describe_model,
    describe_use,
)
from lentigo.models.bundle import CARD, Bundle


def write_card(bundle: Bundle, validation: Assessment | dict[str, Any] | None = None) -> str:
    """Writes the model card of a RUN.

    Args:
        bundle: The RUN.
        validation: Its assessment on validation photographs, or that as JSON; by default the one in the card.

    Returns:
        Markdown.

    Raises:
        ModelError: The card holds half of what belongs together.
    """
    return render(bundle.name, build_card(bundle, validation))


def add_section(text: str, bundle: Bundle) -> str:
    """Puts the section on the decoder at the end of a card that people may have completed by hand.

    Args:
        text: The card as Markdown.
        bundle: The RUN, with a decoder.

    Returns:
        The card, with the section in place of the one that was there before.
    """
    section = describe_decoder(bundle)
    # The section stands last: what was there before it may be somebody's own words
    before = text.split(f"\n## {section.title}\n")[0].rstrip()
    _, body = render(bundle.name, (section,)).split("\n", 1)  # without the name
    return f"{before}\n\n{body.lstrip()}"


def render(name: str, sections: tuple[Section, ...]) -> str:
    """Sections as Markdown, below the name."""
    # Markdown is no HTML: Jinja's own escaping would spoil it
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["text"] = escape_markdown
    source = (files("lentigo.evaluation.card") / "model_card.md").read_text("utf-8")
    return environment.from_string(source).render(name=name, sections=sections)


def build_card(bundle: Bundle, validation: Assessment | dict[str, Any] | None = None) -> tuple[Section, ...]:
    """Builds the sections of the model card of a RUN.

    Args:
        bundle: The RUN.
        validation: See `write_card`.

    Returns:
        The sections in their order.

    Raises:
        ModelError: The card holds half of what belongs together.
    """
    try:
        return list_sections(bundle, validation)
    # Whatever a wrong entry makes of the sections, the reader learns which file to mend
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        words = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"{bundle.folder / CARD}: an entry is missing or of a wrong type ({words}); copy the RUN again "
            "from its source"
        ) from error


def list_sections(bundle: Bundle, validation: Assessment | dict[str, Any] | None) -> tuple[Section, ...]:
    """As `build_card`, for a card that is whole."""
    card = bundle.card
    if "logit" not in bundle.outputs:  # a decoder alone: what follows is of classifiers
        return describe_decoder(bundle), describe_compute(card)
    if isinstance(validation, Assessment):
        scores = validation.to_json()
    else:
        scores = validation or find(card, "metrics", "validation") or {}
    # The order of a reader who must decide: what is wrong, what it is, what it is for, how good it is
    sections = [
        *describe_leaks(card),
        describe_model(bundle),
        describe_use(card),
        describe_limits_of_use(card),
        describe_data(card),
        describe_split(card),
        describe_training(card),
        describe_calibration(card),
        describe_operating_point(card, scores),
        describe_refusal(card, scores),
        describe_precision(card),
        describe_results(scores, find(card, "ensemble", "folds")),
    ]
    if scores.get("diagnoses"):
        sections.append(describe_diagnoses(scores["diagnoses"], "Diagnoses on validation"))
    if "mask" in bundle.outputs:
        sections.append(describe_decoder(bundle))
    # At the end, since they only point to the sections before
    sections += [
        describe_test(card),
        describe_biases(card),
        describe_compute(card),
        tabulate_items(CLAIM),
        tabulate_items(TRIPOD),
    ]
    return tuple(sections)


def escape_markdown(text: str) -> str:
    """Escapes the signs of Markdown, but not in code between backticks.

    Args:
        text: A sentence.

    Returns:
        The same, to be shown as it is.

    >>> escape_markdown("a|b <i> `x_y --n`")
    'a\\\\|b \\\\<i> `x_y --n`'
    """
    parts = text.split("`")
    for number in range(0, len(parts), 2):  # every other part is code
        parts[number] = re.sub(r"([\\|<*\[])", r"\\\1", parts[number])
    return "`".join(parts)
