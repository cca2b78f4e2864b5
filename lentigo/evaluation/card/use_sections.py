"""The sections of a model card on what the model is, whom it is for, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lentigo.evaluation.card.sections import (
    COLUMN_TITLES,
    NOT_RECORDED,
    PEOPLE_COLUMNS,
    Section,
    Table,
    find,
    format_fact,
    list_facts,
)
from lentigo.models.bundle import GRAPH, Bundle

SYNTHETIC_SOURCE = "lentigo synthetic lesion"  # the column `source` of lesions that Lentigo drew


def describe_model(bundle: Bundle) -> Section:
    """Describes what the network is and takes.

    Args:
        bundle: The RUN.

    Returns:
        The section.
    """
    card = bundle.card
    shape = find(card, "input", "shape")
    backbone = format_fact(find(card, "backbone"))
    input_fact = None
    if shape:
        size = " x ".join(map(str, shape))
        input_fact = f"{size} {format_fact(find(card, 'input', 'type'))}"
    resize = format_fact(find(card, "input", "resize"))
    facts = {
        "Model": bundle.name,
        "Made with": f"Lentigo {format_fact(find(card, 'lentigo'))}",
        "Architecture": find(card, "architecture"),
        "Parameters": find(card, "parameters"),
        "Classes": find(card, "classes"),
        "Input": input_fact,
        "Preprocessing": f"{resize}; the range that {backbone} expects is made inside the graph",
        "Output": "P(malignant), a decision at the threshold, or a refusal",
        f"SHA-256 of {GRAPH}": find(card, "files", GRAPH),
    }
    return Section(
        "What it is",
        (
            "A deep neural network that says of one photograph of a skin lesion how likely it is malignant. "
            "The whole photograph is its only input: no age, no history, no chosen features.",
            f"`lentigo predict IMAGE --model RUN` asks it; `{GRAPH}` does so without Lentigo and gives the "
            "logit before calibration, an embedding and a heatmap. Lentigo is open source (Apache-2.0).",
        ),
        (list_facts(facts),),
    )


def describe_use(card: dict[str, Any]) -> Section:
    """Describes whom the model is for.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    prevalence = find(card, "prevalence")
    share = f"a share ({NOT_RECORDED})"
    if prevalence is not None:
        share = f"{100 * prevalence:.1f} %"
    return Section(
        "Intended use",
        (
            format_fact(find(card, "disclaimer")),
            "For research and teaching: to study how such classifiers behave, to compare recipes and data, "
            "to prepare a study.",
            "Its users frame one lesion in one photograph, know what sensitivity, specificity and "
            "calibration mean, and check every answer against other evidence.",
            f"Its probabilities are meant for a population in which {share} of the lesions are malignant, "
            "as among the validation photographs; `--prevalence` moves them to another.",
        ),
    )


def describe_limits_of_use(card: dict[str, Any]) -> Section:
    """Describes what the model is not for.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    data_name = format_fact(find(card, "data", "name"))
    return Section(
        "Out of scope",
        (
            "Not a medical device: no diagnosis, no triage, no screening, no treatment decision, no advice "
            "to oneself. Nothing in this RUN shows that using it helps a patient.",
            f"Photographs unlike those of {data_name}: other cameras, clinics, countries or people, until it "
            "has been measured on them.",
            f"Claims about groups of people: {describe_unknown_people(card)}",
            "Photographs without a lesion, with several, of mucosa, nails or eyes, of tissue under a "
            "microscope. The refusal catches some of them and promises none.",
            "Naming a disease: all that is malignant is one class, and so is all that is benign. Diseases "
            "that the data do not hold get an answer all the same.",
        ),
    )


def describe_unknown_people(card: dict[str, Any]) -> str:
    """Which facts about people the data do not hold."""
    # Counts are of the columns of the data set; a column that is missing counts as unknown
    counts = find(card, "data", "known")
    if counts is None:
        return "what the data say about people was not recorded."
    unknown = [COLUMN_TITLES[name] for name in PEOPLE_COLUMNS if not counts.get(name)]
    if not unknown:
        return "the card's results are of all people together."
    return f"the data do not say {', '.join(unknown)}."


def describe_biases(card: dict[str, Any]) -> Section:
    """Describes what may be wrong with the model.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    sources = find(card, "data", "sources") or ()
    origin = describe_origin(sources)
    lines = []
    # Drawn lesions would make every result look better than it is: said before anything else
    if SYNTHETIC_SOURCE in sources:
        lines.append(
            "Synthetic lesions are among the photographs: drawn by Lentigo, not taken of people. What is "
            "learned from them says nothing of lesions."
        )
    lines += [
        f"{origin}. A classifier can learn where and how a picture was taken (border, ruler, ink, hair, "
        "colour, file) instead of the lesion; the shortcut baselines in the report of `lentigo evaluate` say "
        "how far that alone goes.",
        f"Of people: {describe_unknown_people(card)} Fairness was neither aimed at nor tested here.",
        "Labels are taken as they are; where they are wrong, so is the model, and no result shows it.",
        "One set, split once: at another place sensitivity, specificity and calibration will differ, mostly "
        "for the worse.",
        "A heatmap shows what moved the number, not what a dermatologist would look at.",
    ]
    return Section("Limits and biases", tuple(lines))


def describe_origin(sources: Sequence[str]) -> str:
    """From how many sources photographs come, the beginning of a sentence."""
    if len(sources) == 0:
        return "Sources are unknown"
    if len(sources) == 1:
        return "Photographs with a known source have the same one"
    return "Photographs come from several sources"


def describe_compute(card: dict[str, Any]) -> Section:
    """Describes time, machine and software of the training.

    Args:
        card: Of the RUN, as `card.json` has it.

    Returns:
        The section.
    """
    seconds = find(card, "seconds")
    duration = format_fact(seconds)
    if seconds is not None:
        duration = f"{duration} seconds"
    line = (
        f"Training took {duration} from start to finish, what the cache held not counted; machine: "
        f"{format_fact(find(card, 'machine'))}. Energy was not measured."
    )
    return Section("Compute", (line,), tabulate_libraries(find(card, "libraries") or {}))


def tabulate_libraries(libraries: dict[str, Any]) -> tuple[Table, ...]:
    """A table of the versions of libraries; none where no version is recorded."""
    if not libraries:
        return ()
    rows = []
    for name, version in libraries.items():
        rows.append((format_fact(name), format_fact(version)))
    return (Table(("Software", "Version"), tuple(rows)),)
