"""The sections of a model card, each a function of what `card.json` says; what an older card does not hold is
"not recorded".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lentigo.evaluation.card.checklists import EVALUATE, NOT_ANSWERED, Checklist
from lentigo.evaluation.scores.metrics import TITLES
from lentigo.evaluation.scores.subgroups import FEWEST
from lentigo.inference.calibration import Calibration, read_calibration
from lentigo.models.bundle import CARD, GRAPH, HISTORY, Bundle

NOT_RECORDED = "not recorded"
KNOWN = {  # columns of a data set, in words
    "patient_id": "patient",
    "lesion_id": "lesion",
    "duplicate_group": "duplicates",
    "source": "source",
    "license": "licence",
    "age": "age",
    "sex": "sex",
    "site": "site on the body",
    "skin_type": "skin type (Fitzpatrick)",
    "skin_tone": "skin tone",
}
PEOPLE = ("age", "sex", "site", "skin_type", "skin_tone")
SETTINGS = {  # of every recipe
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


@dataclass(frozen=True)
class Table:
    """A head, and rows of as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the card: sentences, then tables. Words between backticks are code."""

    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def find(facts: Any, *keys: str) -> Any:
    """What stands in nested objects under the keys, else None.

    >>> find({"data": {"name": "photos"}}, "data", "name"), find({}, "data", "name")
    ('photos', None)
    """
    for key in keys:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts


def tell(value: Any) -> str:
    """A fact in words.

    >>> tell(None), tell(8618561), tell(0.95), tell(["a", "b"]), tell([]), tell(True)
    ('not recorded', '8,618,561', '0.95', 'a, b', 'none', 'yes')
    """
    if value is None:
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(tell, value)) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split()).replace("`", "'")


def tell_score(value: float | None, interval: Any = None) -> str:
    """A metric, with its interval where there is one.

    >>> tell_score(0.9, [0.85, 0.94]), tell_score(None)
    ('0.900 (0.850 to 0.940)', 'not defined')
    """
    spread = tell_interval(interval)
    return "not defined" if value is None else f"{value:.3f}" + (f" ({spread})" if spread else "")


def tell_interval(interval: Any) -> str:
    """The two ends, or nothing."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval and None not in interval else ""


def list_facts(facts: dict[str, Any]) -> Table:
    """A table of names and values."""
    return Table(("Fact", "Value"), tuple((name, tell(value)) for name, value in facts.items()))


def describe_model(bundle: Bundle) -> Section:
    """What the network is and takes."""
    card = bundle.card
    shape, backbone = find(card, "input", "shape"), tell(find(card, "backbone"))
    return Section(
        "What it is",
        (
            "A deep neural network that says of one photograph of a skin lesion how likely it is malignant. "
            "The whole photograph is its only input: no age, no history, no chosen features.",
            f"`lentigo predict IMAGE --model RUN` asks it; `{GRAPH}` does so without Lentigo and gives the "
            "logit before calibration, an embedding and a heatmap. Lentigo is open source (Apache-2.0).",
        ),
        (
            list_facts(
                {
                    "Model": bundle.name,
                    "Made with": f"Lentigo {tell(find(card, 'lentigo'))}",
                    "Architecture": find(card, "architecture"),
                    "Parameters": find(card, "parameters"),
                    "Classes": find(card, "classes"),
                    "Input": f"{' x '.join(map(str, shape))} {tell(find(card, 'input', 'type'))}"
                    if shape
                    else None,
                    "Preprocessing": f"{tell(find(card, 'input', 'resize'))}; the range that {backbone} "
                    "expects is made inside the graph",
                    "Output": "P(malignant), a decision at the threshold, or a refusal",
                    f"SHA-256 of {GRAPH}": find(card, "files", GRAPH),
                }
            ),
        ),
    )


def describe_use(card: dict[str, Any]) -> Section:
    """Whom it is for."""
    prevalence = find(card, "prevalence")
    share = f"{100 * prevalence:.1f} %" if prevalence is not None else f"a share ({NOT_RECORDED})"
    return Section(
        "Intended use",
        (
            tell(find(card, "disclaimer")),
            "For research and teaching: to study how such classifiers behave, to compare recipes and data, "
            "to prepare a study.",
            "Its users frame one lesion in one photograph, know what sensitivity, specificity and "
            "calibration mean, and check every answer against other evidence.",
            f"Its probabilities are meant for a population in which {share} of the lesions are malignant, "
            "as among the validation photographs; `--prevalence` moves them to another.",
        ),
    )


def describe_limits_of_use(card: dict[str, Any]) -> Section:
    """What it is not for."""
    return Section(
        "Out of scope",
        (
            "Not a medical device: no diagnosis, no triage, no screening, no treatment decision, no advice "
            "to oneself. Nothing in this RUN shows that using it helps a patient.",
            f"Photographs unlike those of {tell(find(card, 'data', 'name'))}: other cameras, clinics, "
            "countries or people, until it has been measured on them.",
            f"Claims about groups of people: {tell_unknown_people(card)}",
            "Photographs without a lesion, with several, of mucosa, nails or eyes, of tissue under a "
            "microscope. The refusal catches some of them and promises none.",
            "Naming a disease: all that is malignant is one class, and so is all that is benign. Diseases "
            "that the data do not hold get an answer all the same.",
        ),
    )


def tell_unknown_people(card: dict[str, Any]) -> str:
    """Which facts about people the data do not hold."""
    known = find(card, "data", "known")
    if known is None:
        return "what the data say about people was not recorded."
    unknown = [KNOWN[name] for name in PEOPLE if not known.get(name)]
    return (
        f"the data do not say {', '.join(unknown)}."
        if unknown
        else "the card's results are of all people together."
    )


def describe_data(card: dict[str, Any]) -> Section:
    """The photographs."""
    data = find(card, "data") or {}
    total = (data.get("validation") or 0) + (data.get("training") or 0)
    facts = list_facts(
        {
            "Name": data.get("name"),
            "Photographs": f"{tell(data.get('training'))} to learn from, {tell(data.get('validation'))} for "
            "validation",
            "Malignant": " and ".join(
                f"{data[name]:,}" for name in ("training_malignant", "validation_malignant") if name in data
            )
            or None,
            "Licences": tell_licences(data, total),
            "Sources": "unknown: the data name none" if data.get("sources") == [] else data.get("sources"),
            "Fingerprint": data.get("fingerprint"),
        }
    )
    known = data.get("known")
    missing = {"duplicate_group": "none found"} if data.get("duplicates") else {}
    columns = (
        Table(
            ("What", "Known for"),
            tuple(
                (word, f"{known[name]:,} of {total:,}" if known.get(name) else missing.get(name, "unknown"))
                for name, word in KNOWN.items()
            ),
        )
        if known is not None
        else None
    )
    return Section(
        "Training data",
        (
            "Every photograph outside the test split that could be "
            f"read{', but for those that were left out against leaks' if data.get('left_out') else ''}. The "
            "fingerprint is a hash of their contents and labels. The network sees pixels and labels alone; "
            "the facts below serve splits and reports.",
            *(
                ()
                if columns
                else (f"What is known of patients, licences, age, sex and skin: {NOT_RECORDED}.",)
            ),
            "How the labels were made (histology, follow-up, opinion), where, when and with what the "
            "photographs were taken, and who was left out: not recorded.",
        ),
        (facts, columns) if columns else (facts,),
    )


def tell_licences(data: dict[str, Any], total: int) -> str:
    """The licences, and for how many photographs there is none."""
    licences, stated = data.get("licenses"), find(data, "known", "license")
    if licences is None:
        return NOT_RECORDED
    if not licences:
        return "unknown: the data name none"
    return tell(licences) + (
        f"; unknown for {total - stated:,} of {total:,}" if stated is not None and stated < total else ""
    )


def describe_training(card: dict[str, Any]) -> Section:
    """The recipe."""
    recipe, finetune, weights = (
        find(card, "recipe") or {},
        find(card, "recipe", "finetune"),
        find(card, "weights"),
    )
    names = SETTINGS | ({} if finetune is None else FINETUNE_SETTINGS if finetune else HEAD_SETTINGS)
    rows = tuple((word, tell(recipe.get(name))) for name, word in names.items() if name in recipe)
    return Section(
        "Training",
        (
            tell_stages(finetune, recipe.get("head_epochs")),
            "All weights started at random."
            if weights == "none"
            else f"The backbone started from the weights {tell(weights)}, the head at random.",
            "Adam with decoupled weight decay on the binary cross-entropy. "
            + {True: "Classes were weighed by their rarity.", False: "Classes were not weighed."}.get(
                recipe.get("class_weights"), f"Class weights: {NOT_RECORDED}."
            ),
            f"Kept are the weights of the epoch with the best AUROC {tell_kept(card)} What else was tried "
            "before is not recorded.",
            f"Every setting is in `{CARD}`.",
        ),
        (Table(("Setting", "Value"), rows),) if rows else (),
    )


def tell_kept(card: dict[str, Any]) -> str:
    """Which epochs, of how many networks."""
    ensemble = find(card, "ensemble")
    if ensemble is None:
        epoch = tell(find(card, "best_epoch"))
        return f"on validation, number {epoch} of the last stage in `{HISTORY}`. One network, no ensemble."
    spread = ""
    aurocs = ensemble.get("aurocs")
    if aurocs:
        spread = f" (AUROC there {min(aurocs):.3f} to {max(aurocs):.3f}, a little too good, since the epoch was chosen for it)"
    return (
        f"on the fold that a head was trained without{spread}, of each of {ensemble['folds']} heads on one "
        "backbone "
        f"(epochs {tell(ensemble['best_epochs'])} in `{HISTORY}`). "
        "The answer is the mean of their logits, the heatmap that of their heatmaps."
    )


def tell_stages(finetune: bool | None, head_epochs: int | None) -> str:
    """What learned, in which order."""
    if finetune is None:
        return f"What was trained: {NOT_RECORDED}."
    if not finetune:
        return "The backbone stayed frozen; the head learned on its features, without augmentation."
    first = (
        "The" if head_epochs == 0 else "First the head learned on features of the frozen backbone, then the"
    )
    return f"{first} whole network learned on random views, the backbone's batch norms still."


def describe_calibration(card: dict[str, Any]) -> Section:
    """What turns the logit into a probability."""
    entry = find(card, "calibration")
    line = f"What turns the logit into a probability: {NOT_RECORDED}."
    if entry is not None:
        line = tell_calibration(read_calibration(entry))
    return Section("Calibration", (line, "No other updating of the model took place."))


def tell_calibration(fit: Calibration) -> str:
    """The map in a sentence."""
    fitted = f"fitted on {fit.n:,} validation photographs"
    if fit.kind == "none":
        return f"The probability is that of the network, {fit.note or 'not calibrated'}."
    if fit.kind == "platt":
        return f"The log-odds of malignant are {tell(fit.slope)} times the logit, plus {tell(fit.intercept)}, {fitted} (Platt 1999)."
    if fit.kind == "beta":
        return (
            f"A beta map, {fitted} (Kull, Silva Filho and Flach 2017), turns the logit into a probability: "
            f"slope {tell(fit.slope)} for large logits, {tell(fit.slope_below)} for small ones, intercept "
            f"{tell(fit.intercept)}."
        )
    return f"An isotonic map of {len(fit.knots)} knots, {fitted} (Zadrozny and Elkan 2002), turns the logit into a probability."


def describe_operating_point(card: dict[str, Any], scores: dict[str, Any]) -> Section:
    """The threshold, its rule, and what it does on validation."""
    lines = (
        f"Malignant is said where P(malignant) is at least {tell(find(card, 'threshold'))}. The rule: "
        f"{tell(find(card, 'threshold_rule'))}.",
    )
    if scores.get("confusion"):
        (cleared, alarms), (missed, found) = scores["confusion"]
        lines += (
            f"On validation: {found:,} malignant found, {missed:,} missed; {cleared:,} benign cleared, "
            f"{alarms:,} called malignant.",
        )
    rows = tuple(
        (
            tell(row["rule"]),
            f"{row['threshold']:.3f}",
            *(tell_score(row[name], row["ci"][name]) for name in ("sensitivity", "specificity")),
        )
        for row in scores.get("operating_points", ())
    )
    return Section(
        "Operating point",
        lines,
        (Table(("Rule", "Threshold", "Sensitivity (95 % interval)", "Specificity (95 % interval)"), rows),)
        if rows
        else (),
    )


MEASURED = {
    "embedding": "the embedding",
    "middle": "what the feature map in the middle of the network shows on average",
    "reference": "what a frozen branch beside the network sees",
}


def describe_refusal(card: dict[str, Any], scores: dict[str, Any]) -> Section:
    """When it does not answer."""
    refusal, counts = find(card, "refusal"), scores.get("refusals")
    if refusal is None:
        return Section("Refusal", (f"When the model should not answer: {NOT_RECORDED}.",))
    lines = (
        f"It says uncertain where {MEASURED[refusal.get('output', 'embedding')]} is further than "
        f"{tell(refusal.get('distance_limit'))} (Mahalanobis distance) from both classes of the training "
        "photographs.",
        "It also does unless conformal prediction leaves exactly the label that the threshold gives: where "
        "it can exclude neither class, where it excludes both, and where it excludes that label. The risk "
        f"of excluding the true class: {tell(refusal.get('alpha'))}.",
    )
    if counts:
        lines += (
            f"Of {counts['n']:,} validation photographs {counts['out_of_distribution']:,} were too far, "
            f"{counts['uncertain']:,} in doubt; the limits were set on these photographs.",
        )
    return Section("Refusal", lines)


def describe_precision(card: dict[str, Any]) -> Section:
    """Whether bf16 may be used."""
    check = find(card, "bf16")
    if check is None:
        return Section(
            "Precision", ("Computed in fp32. How bf16 would decide was not measured when this RUN was made.",)
        )
    aurocs = [
        f"{value:.4f}" if value is not None else "not defined"
        for value in (check["auroc_bf16"], check["auroc_f32"])
    ]
    verdict = (
        "So bf16 is used where the processor has it."
        if check["neutral"]
        else "That differs too much, so fp32 is used."
    )
    return Section(
        "Precision",
        (
            f"On {check['n']:,} validation photographs bf16 decides as fp32 does for "
            f"{100 * check['decisions_equal']:.1f} % of them "
            f"(AUROC {aurocs[0]} and {aurocs[1]}). {verdict}",
        ),
    )


def describe_results(scores: dict[str, Any], folds: int | None = None) -> Section:
    """The metrics on validation; `folds` are those of an ensemble, which chooses its epochs elsewhere."""
    if not scores:
        return Section("Results on validation", (f"Results: {NOT_RECORDED}.",))
    rows = tuple(
        (title, tell_score(scores[name]), tell_interval(find(scores, "ci", name)))
        for name, title in TITLES.items()
        if name in scores
    )
    smaller = min(scores["n_malignant"], scores["n"] - scores["n_malignant"])
    chosen = "calibration, threshold and refusal" if folds else "epoch, calibration, threshold and refusal"
    few = (
        (
            f"With {smaller} photographs of one class, fewer than {FEWEST}, nothing can be claimed from "
            "these numbers.",
        )
        if smaller < FEWEST
        else ()
    )
    return Section(
        "Results on validation",
        (
            f"{scores['n']:,} photographs, {scores['n_malignant']:,} malignant. All are counted, answered "
            "or refused.",
            f"These numbers are optimistic: {chosen} were chosen on the same photographs.",
            *few,
            "Intervals: 95 %, by whole groups: exact for shares, by DeLong's variance for the AUROC, 1000 "
            "resamples for the others. They count chance alone, not other places or people.",
        ),
        (Table(("Metric", "Value", "95 % interval"), rows),),
    )


def describe_test(card: dict[str, Any]) -> Section:
    """What `lentigo evaluate` said on photographs of a test, where that was put into the card, else where to
    get it.
    """
    said = card.get("measured")
    if not said:
        return Section(
            "Results on test photographs",
            (
                "Not in this RUN: training never reads the test split.",
                f"{EVALUATE} measures it, with subgroups, floors, calibration and the worst mistakes, and "
                "counts how often the set has been opened; `--stress` adds changed photographs.",
            ),
        )
    rows = tuple(
        (title, tell_score(said[name]), tell_interval(find(said, "ci", name)))
        for name, title in TITLES.items()
        if name in said
    )
    shortcut_baselines = tuple(
        (
            what,
            tell_score(find(said, "shortcut_baselines", name), find(said, "shortcut_baselines", "ci", name)),
        )
        for what, name in (
            ("the file", "file_only_auroc"),
            ("the border of the picture", "border_only_auroc"),
            ("its corners", "corners_only_auroc"),
            ("a thumbnail", "thumbnail_only_auroc"),
        )
    )
    stress = tuple(
        (row["name"], tell_score(row["auroc"], row["auroc_ci"]), f"{row['changed']:.1%}")
        for row in said.get("stress") or ()
    )
    return Section(
        "Results on test photographs",
        (
            f"{said['data']}, {said['n']:,} photographs, {said['n_malignant']:,} malignant; by "
            f"{said['model']}. Training never read them; all are counted, answered or refused.",
            "Intervals: 95 %, by whole groups. They count chance alone, not other places or people.",
            "The second table is what a simple classifier reaches without the lesion, the third what is "
            "left when every photograph is changed.",
        ),
        (
            Table(("Metric", "Value", "95 % interval"), rows),
            Table(("Known to the classifier", "AUROC"), shortcut_baselines),
            *([Table(("Change", "AUROC", "Decisions that change"), stress)] if stress else []),
        ),
    )


def describe_biases(card: dict[str, Any]) -> Section:
    """What may be wrong with it."""
    sources = find(card, "data", "sources") or ()
    origin = (
        "Sources are unknown",
        "Photographs with a known source have the same one",
        "Photographs come from several sources",
    )[min(len(sources), 2)]
    drawn = (
        (
            "Synthetic lesions are among the photographs: drawn by Lentigo, not taken of people. What is "
            "learned from them says nothing of lesions.",
        )
        if "lentigo synthetic lesion" in sources
        else ()
    )
    return Section(
        "Limits and biases",
        (
            *drawn,
            f"{origin}. A classifier can learn where and how a picture was taken (border, ruler, ink, hair, "
            "colour, file) instead of the lesion; the shortcut baselines in the report of `lentigo "
            "evaluate` say how far that alone goes.",
            f"Of people: {tell_unknown_people(card)} Fairness was neither aimed at nor tested here.",
            "Labels are taken as they are; where they are wrong, so is the model, and no result shows it.",
            "One set, split once: at another place sensitivity, specificity and calibration will differ, "
            "mostly for the worse.",
            "A heatmap shows what moved the number, not what a dermatologist would look at.",
        ),
    )


def describe_compute(card: dict[str, Any]) -> Section:
    """Time, machine, software."""
    seconds, libraries = find(card, "seconds"), find(card, "libraries") or {}
    return Section(
        "Compute",
        (
            f"Training took {tell(seconds)}{' seconds' if seconds is not None else ''} from start to "
            f"finish, what the cache held not counted; machine: {tell(find(card, 'machine'))}. Energy was "
            "not measured.",
        ),
        (
            Table(
                ("Software", "Version"),
                tuple((tell(name), tell(version)) for name, version in libraries.items()),
            ),
        )
        if libraries
        else (),
    )


def tabulate_items(checklist: Checklist) -> Section:
    """The items of a guideline and where the card answers them."""
    items = checklist.items
    whole, part = (
        sum(bool(item.section) and bool(item.note) == noted for item in items) for noted in (False, True)
    )
    unanswered = sum(item.answer == NOT_ANSWERED for item in items)
    return Section(
        checklist.name,
        (
            f"{checklist.source}. Subjects are shortened; the guideline itself says what each item asks.",
            f"This card answers {whole} of {len(items)}, {part} in part; for "
            f"{len(items) - whole - part - unanswered} another command does, and {unanswered} only the "
            "authors of a study can answer.",
        ),
        (
            Table(
                ("Item", "Subject", "Where"),
                tuple((item.number, item.subject, item.answer) for item in items),
            ),
        ),
    )
