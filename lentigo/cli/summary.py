"""What was measured, for people: the numbers of an evaluation as lines of text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lentigo.cli.terminal import count_of, print_line
from lentigo.splits.leak_words import mark_leaks, tell_leaks, tell_start


def print_scores(title: str, scores: dict[str, Any]) -> None:
    """Metrics with their intervals, and the confusion matrix, as text."""
    print_line(f"{title}: {count_of(scores['n'], 'photograph')}, {scores['n_malignant']} malignant")
    for name, (low, high) in scores["ci"].items():
        value = scores[name]
        print_line(
            f"  {name.replace('_', ' '):<31}"
            + (
                f"{value:.4f}  ({low:.4f} to {high:.4f})"
                if value is not None
                else "not defined (one class is missing)"
            )
        )
    (tn, fp), (fn, tp) = scores["confusion"]
    print_line(
        f"  at the threshold {scores['threshold']:.3f}: {tp} malignant found, {fn} missed; {tn} benign "
        f"cleared, {fp} called malignant"
    )
    for note in filter(None, (*scores["notes"], mark_leaks(scores))):
        print_line(f"  {note}")
    print_diagnosis_scores(scores.get("diagnoses"))
    print_exposure(scores["evaluated_before"])


def print_diagnosis_scores(scores: dict[str, Any] | None) -> None:
    """How well the seven diagnoses are told apart, as text."""
    if scores is None:
        return
    low, high = scores["ci"]
    print_line(
        f"  diagnoses of {count_of(scores['n'], 'photograph')}: balanced accuracy "
        f"{scores['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"
    )


def print_exposure(facts: dict[str, Any] | None) -> None:
    """How often the photographs of a set were evaluated before, as text."""
    if facts:
        print_line(f"  {facts['note']}")


def print_training_set(facts: dict[str, Any]) -> None:
    """What a training found among its photographs, as text."""
    if facts["left_out"]:
        print_line(
            f"  {count_of(facts['left_out']['n'], 'photograph')} left out, since the given split leaks: "
            f"{tell_leaks(facts['left_out'])}"
        )
    if facts["duplicates"] and facts["duplicates"]["groups"]:
        print_line(
            f"  {facts['duplicates']['photographs']} photographs show what another shows; each of their "
            f"{facts['duplicates']['groups']} groups counts as one"
        )


def print_start(facts: dict[str, int] | None) -> None:
    """What the start of a training has learned from, and for how many photographs copies are not recognised,
    as text.
    """
    if facts:
        print_line(f"  {tell_start(facts)}")


def print_outlines(title: str, scores: dict[str, Any]) -> None:
    """Agreement with outlines that were drawn by hand, with intervals, as text."""
    print_line(f"{title}: {count_of(scores['n'], 'photograph')} with masks")
    for name, (low, high) in scores["ci"].items():
        value, form = scores[name], ".1f" if name.endswith("px") else ".4f"
        print_line(
            f"  {name.replace('_', ' '):<31}"
            + (f"{value:{form}}  ({low:{form}} to {high:{form}})" if value is not None else "not defined")
        )
    print_line(f"  no lesion seen in {scores['not_found']}; exactly one box in {scores['one_box']:.1%}")
    print_exposure(scores["evaluated_before"])
    if scores["contamination"]:
        print_contamination(scores["contamination"])


def print_limits(facts: dict[str, Any]) -> None:
    """What one gets without the lesion, and what the set shares with the training, as text."""
    print_line(f"  AUROC without the lesion: {list_baselines(facts['shortcut_baselines'])}")
    print_line(
        "  accuracy of always naming the larger class: "
        f"{facts['shortcut_baselines']['majority_accuracy']:.3f}"
    )
    print_contamination(facts["contamination"])
    duplicates = (facts["contamination"] or {}).get("duplicates")
    if duplicates:
        copied = {duplicate["image"] for duplicate in duplicates}
        print_line(
            f"  {len(copied)} show what a photograph of the training shows "
            f"({count_duplicate_kinds(duplicates)}): the numbers above are too good"
        )
    if facts["comparison"]:
        print_line(
            "  AUROC beside {names[0]}: {second_auroc:.4f} and {first_auroc:.4f}, {difference:+.4f} "
            "({ci[0]:+.4f} to {ci[1]:+.4f}), p {p:.3f}; decisions "
            "that it alone got right {only_first_right}, this one alone {only_second_right}, p "
            "{p_decisions:.3f}".format(**show_unknown(facts["comparison"]))
        )
        print_contamination(facts["contamination_of_other"])


def print_contamination(facts: dict[str, Any]) -> None:
    """Which photographs of a set a model has learned from, and of how many that is not known, as text."""
    for note in facts["notes"]:
        print_line(f"  {note}")
    if not facts["by_file"] and facts["by_picture"] == 0 and facts["learned_from"]:
        known = facts["learned_from"] - facts["not_known"]
        print_line(
            f"  none of these photographs is, in whatever file, among {known:,} that {facts['model']} has "
            "learned from"
        )


def list_baselines(shortcut_baselines: dict[str, Any]) -> str:
    """The AUROC of each shortcut baseline that is known."""
    known = {
        name.removesuffix("_auroc").replace("_", " "): value
        for name, value in shortcut_baselines.items()
        if name.endswith("_auroc") and value is not None
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in known.items())


def print_audit(facts: dict[str, Any]) -> None:
    """What an audit found, as text."""
    print_line(
        f"{facts['name']}: {count_of(facts['n'], 'photograph')}"
        + (f", with {facts['against']}" if facts["against"] else "")
    )
    print_line(
        f"  copies: {count_of(len(facts['duplicates']), 'pair')} "
        f"({count_duplicate_kinds(facts['duplicates']) or 'none'}), {count_of(facts['groups'], 'group')}"
    )
    print_line(
        f"  leaks: {len(facts['leaks'])}; groups of one lesion with two labels: "
        f"{len(facts['label_conflicts'])}; unreadable: {len(facts['unreadable'])}"
    )
    if facts["shortcut_baselines"]:
        print_line(f"  AUROC without the lesion: {list_baselines(facts['shortcut_baselines'])}")
    for title, rates in (
        ("artefacts", facts["artefacts"]),
        ("flaws", {name: {"all": {"found": len(images)}} for name, images in facts["quality"].items()}),
    ):
        print_line(
            f"  {title}: "
            + ", ".join(f"{name.replace('_', ' ')} {sides['all']['found']}" for name, sides in rates.items())
        )
    tones = {tone: sum(row.values()) for tone, row in facts["skin_tone"].items()}
    print_line("  skin: " + ", ".join(f"{tone} {count}" for tone, count in tones.items()))


def count_duplicate_kinds(copies: list[dict[str, str]]) -> str:
    """How many pairs of each kind."""
    return ", ".join(f"{kind}: {number}" for kind, number in Counter(copy["kind"] for copy in copies).items())


def show_unknown(facts: dict[str, Any]) -> dict[str, Any]:
    """The same with NaN for what is not known, so that it can be formatted."""
    unknown = float("nan")
    return {key: unknown if value is None else value for key, value in facts.items()} | {
        "ci": [unknown if end is None else end for end in facts["ci"]]
    }


def describe_values(values: Any) -> str:
    """PPV and NPV in a sentence."""
    return (
        f"at a prevalence of {values.prevalence:.1%}, from validation: of those called malignant "
        f"{values.ppv:.1%} are "
        f"({values.ppv_ci[0]:.1%} to {values.ppv_ci[1]:.1%}), of those called benign {values.npv:.2%} "
        f"({values.npv_ci[0]:.2%} to {values.npv_ci[1]:.2%})"
    )


def print_reading(description: Any) -> None:
    """The diagnoses of a data set, and how its columns and labels were understood where that was not
    plain.
    """
    print_diagnoses(description.diagnoses, description.other_diagnoses)
    if description.reading is not None and not description.reading.plain:
        print_line(description.reading.tell())
    for note in description.notes:
        print_line(note)


def print_diagnoses(diagnoses: dict[str, int], others: dict[str, int], indent: str = "") -> None:
    """Photographs by diagnosis, and the words that are none of the seven; nothing without any."""
    if diagnoses:
        print_line(f"{indent}diagnoses: {', '.join(f'{name} {count}' for name, count in diagnoses.items())}")
    if others:
        named = ", ".join(f"{word} {count}" for word, count in list(others.items())[:10])
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        print_line(f"{indent}none of the seven: {named}{more}; kept as written")


def print_import(answer: Any) -> None:
    """What was imported, which policy decided, and what to know before a training, as text."""
    print_line(
        f"{answer.manifest}: {count_of(answer.n, 'photograph')}, {answer.n_malignant} malignant, by the "
        f"policy {answer.policy.name} ({answer.policy.reason})"
    )
    for source in answer.sources:
        terms = ", ".join(source["licenses"]) or "licence not known"
        print_line(
            f"  {source['source']} from {source['given']}: {count_of(source['n'], 'photograph')}, "
            f"{source['n_malignant']} malignant; {terms}"
        )
    if answer.left_out:
        print_line(
            f"  {sum(answer.left_out.values())} without a class are left out: "
            + ", ".join(f"{word} {n}" for word, n in answer.left_out.items())
            + " (--policy changes it)"
        )
    print_diagnoses(answer.diagnoses, answer.other_diagnoses, "  ")
    if answer.duplicates["photographs"]:
        print_line(
            "  {photographs} photographs are {groups}, seen more than once, {in_several_sources} of them in "
            "several sources: "
            "they share a duplicate_group".format(**answer.duplicates)
        )
    if answer.conflicts:
        print_line(
            f"  {len(answer.conflicts)} of these are benign in one place and malignant in another: see "
            f"{answer.record}"
        )
    if answer.leaks:
        print_line(
            f"  {len(answer.leaks)} patients, lesions or duplicates stand on two sides of the published "
            "splits: import with --no-splits"
        )
    print_line(f"  {answer.record}: which diagnosis became which class")


def print_partition(facts: dict[str, Any]) -> None:
    """A split: photographs by part, class and, where there are several, source, how close to what was asked,
    and what is odd, as text.
    """
    print_line(
        f"{facts['out']}: {count_of(facts['n'], 'photograph')} in {count_of(facts['groups'], 'group')} "
        f"(patient, lesion or picture), seed {facts['seed']}"
    )
    for part, wanted in facts["wanted"].items():
        rows = [row for row in facts["counts"] if row["split"] == part]
        labels = ", ".join(
            f"{sum(row['n'] for row in rows if row['label'] == label)} {label}"
            for label in dict.fromkeys(row["label"] for row in rows)
        )
        print_line(
            f"  {part:<11}{sum(row['n'] for row in rows):>7}  {100 * facts['shares'][part]:.2f} % "
            f"({100 * wanted:g} % asked)  {labels}"
        )
        sources = (
            [f"{row['source']} {row['label']} {row['n']}" for row in rows]
            if len({row["source"] for row in facts["counts"]}) > 1
            else []
        )
        if sources:
            print_line(f"{'':<20}{', '.join(sources)}")
    print_line(
        "  furthest from its share, in photographs: "
        + ", ".join(f"{name} {value:.1f}" for name, value in facts["distance"].items())
    )
    if facts["duplicates"]:
        print_line(
            f"  {count_of(facts['duplicates']['photographs'], 'photograph')} show what another shows, in "
            f"{count_of(facts['duplicates']['groups'], 'group')} (duplicate_group)"
        )
    if facts["kept"] or facts["moved"]:
        print_line(
            f"  {facts['kept']} stay as the earlier manifest has them or their group, {len(facts['moved'])} "
            "moved to the part of photographs that they belong with"
        )
    if facts["conflicts"]:
        print_line(
            f"  both labels: {count_of(len(facts['conflicts']), 'lesion or picture', 'lesions or pictures')}; "
            f"{facts['left_out'] or 'none'} of their photographs left out:"
        )
        for conflict in facts["conflicts"]:
            named = ", ".join(
                f"{image} ({label})"
                for image, label in zip(conflict["images"], conflict["labels"], strict=True)
            )
            print_line(f"    {named}")


def print_run(facts: dict[str, Any], title: str = "RUN") -> None:
    """What a RUN is, and how good: what `describe_bundle` says, as text."""
    licence = f"; {facts['licence']}" if facts["licence"] else ""
    print_line(f"{title}: {facts['name']}, {facts['backbone']}, {facts['megabytes']} MB{licence}")
    print_line(f"  answers: {', '.join(facts['outputs'])}")
    if facts["threshold"] is not None:
        rule = f" ({facts['threshold_rule']})" if facts["threshold_rule"] else ""
        print_line(f"  threshold: {facts['threshold']:.3f}{rule}")
    if facts["data"]:
        print_line(f"  learned from: {facts['data']}")
    if facts["leaks"]:
        print_line(f"  {mark_leaks(facts)}")
    for split, found in facts["results"].items():
        if "auroc" not in found:
            continue
        low, high = found["ci"]["auroc"]
        values = f"AUROC {found['auroc']:.3f} ({low:.3f} to {high:.3f}), accuracy {found['accuracy']:.3f}"
        print_line(f"  {split}, {count_of(found['n'], 'photograph')}: {values}")
