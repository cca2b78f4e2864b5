"""What was found in data sets, for people: an audit, an import, a split and a description as lines."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from lentigo.cli.output.evaluations import count_duplicate_kinds, format_baselines
from lentigo.cli.output.terminal import print_line
from lentigo.common.results.summaries import format_count, format_counts

MAX_WORDS = 10  # other diagnoses that are named

if TYPE_CHECKING:
    from lentigo.datasets.description import Description
    from lentigo.datasets.published.imports import Imported


def print_audit(facts: dict[str, Any]) -> None:
    """Prints what an audit found.

    Args:
        facts: `Audit.to_json()`.
    """
    against = f", with {facts['against']}" if facts["against"] else ""
    print_line(f"{facts['name']}: {format_count(facts['n'], 'photograph')}{against}")
    duplicates = facts["duplicates"]
    print_line(
        f"  duplicates: {format_count(len(duplicates), 'pair')} ({count_duplicate_kinds(duplicates) or 'none'}), "
        f"{format_count(facts['groups'], 'group')}"
    )
    print_line(
        f"  leaks: {len(facts['leaks'])}; groups of one lesion with two labels: "
        f"{len(facts['label_conflicts'])}; unreadable: {len(facts['unreadable'])}"
    )
    if facts["shortcut_baselines"]:
        print_line(f"  AUROC without the lesion: {format_baselines(facts['shortcut_baselines'])}")
    print_artefacts(facts)


def print_artefacts(facts: dict[str, Any]) -> None:
    """How many photographs have each artefact, each flaw and each tone of skin."""
    artefacts = {name: rates["all"]["found"] for name, rates in facts["artefacts"].items()}
    flaws = {name: len(images) for name, images in facts["quality"].items()}
    tones = {tone: sum(counts.values()) for tone, counts in facts["skin_tone"].items()}  # over both classes
    print_line(f"  artefacts: {format_counts(artefacts)}".replace("_", " "))
    print_line(f"  flaws: {format_counts(flaws)}".replace("_", " "))
    print_line(f"  skin: {format_counts(tones)}")


def print_description(description: Description) -> None:
    """Prints what a data set holds.

    Args:
        description: A `Description`.
    """
    print_line(
        f"{description.name}: {format_count(description.n, 'photograph')} in "
        f"{format_count(description.groups, 'group')} (patient, lesion or file)"
    )
    print_line(description.counts.to_string())
    print_diagnoses(description.diagnoses, description.other_diagnoses)
    if description.reading is not None and not description.reading.plain:
        print_line(description.reading.describe())
    for note in description.notes:
        print_line(note)
    commonest = list(description.sizes.items())[:5]
    print_line("sizes: " + ", ".join(f"{size} ({count})" for size, count in commonest))


def print_diagnoses(diagnoses: dict[str, int], others: dict[str, int], indent: str = "") -> None:
    """Photographs by diagnosis, and the words that are none of the seven; nothing without any."""
    if diagnoses:
        print_line(f"{indent}diagnoses: {format_counts(diagnoses)}")
    if others:
        named = format_counts(dict(islice(others.items(), MAX_WORDS)))
        more = f" and {len(others) - MAX_WORDS} more" if len(others) > MAX_WORDS else ""
        print_line(f"{indent}none of the seven: {named}{more}; kept as written")


def print_import(imported: Imported) -> None:
    """Prints what was imported, which policy decided, and what to know before a training.

    Args:
        imported: An `Imported`.
    """
    print_line(
        f"{imported.manifest}: {format_count(imported.n, 'photograph')}, {imported.n_malignant} malignant, "
        f"by the policy {imported.policy.name} ({imported.policy.reason})"
    )
    for source in imported.sources:
        licences = ", ".join(source["licenses"]) or "licence not known"
        print_line(
            f"  {source['source']} from {source['given']}: {format_count(source['n'], 'photograph')}, "
            f"{source['n_malignant']} malignant; {licences}"
        )
    if imported.left_out:
        words = format_counts(imported.left_out)
        total = sum(imported.left_out.values())
        print_line(f"  {total} without a class are left out: {words} (--policy changes it)")
    print_diagnoses(imported.diagnoses, imported.other_diagnoses, "  ")
    duplicates = imported.duplicates
    if duplicates["photographs"]:
        print_line(
            f"  {duplicates['photographs']} photographs are {duplicates['groups']}, seen more than once, "
            f"{duplicates['in_several_sources']} of them in several sources: they share a duplicate_group"
        )
    if imported.conflicts:
        print_line(
            f"  {len(imported.conflicts)} of these are benign in one place and malignant in another: see "
            f"{imported.record}"
        )
    if imported.leaks:
        print_line(
            f"  {len(imported.leaks)} patients, lesions or duplicates stand on two sides of the published "
            "splits: import with --no-splits"
        )
    print_line(f"  {imported.record}: which diagnosis became which class")


def print_partition(facts: dict[str, Any]) -> None:
    """Prints a split: photographs by split, class and, where there are several, source, how close to what was
    asked, and what is odd.

    Args:
        facts: `Partition.to_json()` and the name of the manifest, `out`.
    """
    print_line(
        f"{facts['out']}: {format_count(facts['n'], 'photograph')} in "
        f"{format_count(facts['groups'], 'group')} (patient, lesion or picture), seed {facts['seed']}"
    )
    for split in facts["wanted"]:
        print_split(facts, split)
    distances = ", ".join(f"{name} {value:.1f}" for name, value in facts["distance"].items())
    print_line(f"  furthest from its share, in photographs: {distances}")
    duplicates = facts["duplicates"]
    if duplicates:
        print_line(
            f"  {format_count(duplicates['photographs'], 'photograph')} show what another shows, in "
            f"{format_count(duplicates['groups'], 'group')} (duplicate_group)"
        )
    if facts["kept"] or facts["moved"]:
        print_line(
            f"  {facts['kept']} stay as the earlier manifest has them or their group, {len(facts['moved'])} "
            "moved to the part of photographs that they belong with"
        )
    print_conflicts(facts)


def print_split(facts: dict[str, Any], split: str) -> None:
    """One split of a partition: its size, its share and its classes, and its sources where there are
    several.
    """
    rows = [row for row in facts["counts"] if row["split"] == split]
    by_label: Counter[str] = Counter()
    for row in rows:
        by_label[row["label"]] += row["n"]
    labels = ", ".join(f"{count} {label}" for label, count in by_label.items())
    share = f"{100 * facts['shares'][split]:.2f} % ({100 * facts['wanted'][split]:g} % asked)"
    print_line(f"  {split:<11}{sum(by_label.values()):>7}  {share}  {labels}")
    sources = {row["source"] for row in facts["counts"]}
    if rows and len(sources) > 1:
        words = ", ".join(f"{row['source']} {row['label']} {row['n']}" for row in rows)
        print_line(f"{'':<20}{words}")


def print_conflicts(facts: dict[str, Any]) -> None:
    """The lesions of a partition that have both labels."""
    conflicts = facts["conflicts"]
    if not conflicts:
        return
    number = format_count(len(conflicts), "lesion or picture", "lesions or pictures")
    print_line(f"  both labels: {number}; {facts['left_out'] or 'none'} of their photographs left out:")
    for conflict in conflicts:
        pairs = zip(conflict["images"], conflict["labels"], strict=True)
        print_line("    " + ", ".join(f"{image} ({label})" for image, label in pairs))
