"""The report of an audit: one HTML file with the pairs beside one another, grids of flaws, and the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import PurePath

import numpy as np

from lentigo.audit.audit import Audit
from lentigo.audit.inspection_table import FLAWS
from lentigo.audit.pair_views import name_images, show_pair
from lentigo.audit.shortcut_baselines import BASELINE_TITLES
from lentigo.audit.thumbnails import show_image
from lentigo.common.html import render_page
from lentigo.common.statistics.resampling import spread_rows
from lentigo.duplicates.duplicates import KINDS, Duplicate
from lentigo.splits.conflicts import Conflict

MAX_PAIRS = 48  # shown in a section: the others are in the JSON
MAX_GRID = 24  # photographs shown of a flaw, or conflicts
FLAG_TITLES = {
    "empty": "Empty: one even surface",
    "tiny": "Tiny",
    "blurred": "Blurred",
    "dark": "Dark",
    "over-exposed": "Over-exposed",
    "small": "Small originals",
    "cut off": "Lesions cut off by the edge",
    "hair": "Hair",
    "ruler": "Rulers",
    "ink": "Ink",
    "dark_corners": "Dark corners",
    "white_frame": "White frames",
    "colour_cast": "A cast of colour",
    "gel_bubbles": "Bubbles in the gel",
    "patches": "Coloured patches",
}
ADVICE = {  # by finding: what to do about it
    "leaks": "`lentigo data split DATA --out manifest.csv` writes a split that keeps duplicates, lesions and "
    "patients together. Results measured on the old split do not count.",
    "conflicts": "look each group up in its source (histology first) and correct the label there; leave out "
    "what cannot be settled.",
    "duplicates": "keep them: `train` and `evaluate` count a group of duplicates as one. Look at the weakest "
    "pairs yourself, and delete exact copies at the source.",
    "shortcuts": "where a bar is far above 0.5, crop or mask what it saw, train with `--artefacts` and "
    "`--balance source`, and test on photographs from another place.",
    "artefacts": "where the classes differ and the intervals do not overlap, train with `--artefacts`, and "
    "read the results of `lentigo evaluate --stress`.",
    "skin_tone": "collect more of the tones that are rare, report results by tone, and make no claim for "
    "tones with few photographs.",
    "flaws": "look at the photographs; take out those that nobody could judge, and keep the rest: a model "
    "will meet them.",
    "unreadable": "copy the files again from their source, or take them out of the data set.",
}


def write_audit(audit: Audit) -> str:
    """Writes the report of an audit. The photographs must still be where they were.

    Args:
        audit: What was found.

    Returns:
        HTML that holds everything it shows.
    """
    leaking, others = part_leaking(audit)
    show = partial(show_pair, audit, audit.images.set_index("image"))
    return render_page(
        "lentigo.audit",
        "audit.html",
        audit=audit,
        facts=audit.to_json(),
        kinds=KINDS,
        flaws=FLAWS,
        artefacts=list(audit.artefact_detectors),
        titles=FLAG_TITLES,
        shortcut_baselines=BASELINE_TITLES,
        counts=count_kinds(audit, leaking),
        leaking=list(map(show, pick_pairs(leaking))),
        leaking_total=len(leaking),
        duplicates=list(map(show, pick_pairs(others))),
        duplicates_total=len(others),
        conflicts=list(map(show_conflict, audit.conflicts[:MAX_GRID])),
        grids=show_flaws(audit),
        baseline_bars=list_bars(audit),
        advice=ADVICE,
        short=partial(shorten, audit.name),
    )


def show_flaws(audit: Audit) -> dict[str, list[tuple[str, str]]]:
    """Some photographs of each flaw and artefact, with their thumbnails."""
    grids = {}
    for flag in (*FLAWS, *audit.artefact_detectors):
        images = spread_out(audit.list_flawed(flag))
        grids[flag] = list(zip(images, map(show_image, images), strict=True))
    return grids


def part_leaking(audit: Audit) -> tuple[list[Duplicate], list[Duplicate]]:
    """The duplicates that leak, and the others."""
    leaks = {(leak.a, leak.b) for leak in audit.leaks}
    leaking = []
    others = []
    for duplicate in audit.duplicates.pairs:
        if name_images(audit, duplicate) in leaks:
            leaking.append(duplicate)
        else:
            others.append(duplicate)
    return leaking, others


def count_kinds(audit: Audit, leaking: Sequence[Duplicate]) -> dict[str, tuple[int, int]]:
    """How many pairs are of each kind, and how many of them leak."""
    counts = {}
    for kind in KINDS:
        counts[kind] = (count_kind(audit.duplicates.pairs, kind), count_kind(leaking, kind))
    return counts


def count_kind(duplicates: Iterable[Duplicate], kind: str) -> int:
    """How many pairs are of a kind."""
    return sum(duplicate.kind == kind for duplicate in duplicates)


def get_score(duplicate: Duplicate) -> float:
    """What pairs of a kind are sorted by."""
    return duplicate.score


def pick_pairs(duplicates: Sequence[Duplicate]) -> list[Duplicate]:
    """At most `MAX_PAIRS`, of each kind in turn, the weakest first, since those are the ones to be checked.

    Far kinds come before near ones.
    """
    by_kind = []
    for kind in reversed(KINDS):
        of_kind = [duplicate for duplicate in duplicates if duplicate.kind == kind]
        by_kind.append(sorted(of_kind, key=get_score))
    rounds = zip_longest(*by_kind)
    in_turn = list(filter(None, chain.from_iterable(rounds)))
    return sorted(in_turn[:MAX_PAIRS], key=lambda duplicate: (-KINDS.index(duplicate.kind), duplicate.score))


def spread_out(images: list[str]) -> list[str]:
    """At most `MAX_GRID`, evenly from the whole list."""
    rows = spread_rows(len(images), MAX_GRID)
    return np.array(images, dtype=object)[rows].tolist()


def shorten(folder: str, image: str) -> str:
    """The name of a photograph below the folder of its set.

    Args:
        folder: Of the set.
        image: The photograph's path.

    >>> shorten("photos", "photos/benign/1.jpg"), shorten("photos", "others/1.jpg")
    ('benign/1.jpg', 'others/1.jpg')
    """
    if PurePath(image).is_relative_to(folder):
        return str(PurePath(image).relative_to(folder))
    return image


def show_conflict(conflict: Conflict) -> list[tuple[str, str, str]]:
    """Name, label and thumbnail of each photograph."""
    rows = []
    for image, label in zip(conflict.images, conflict.labels, strict=True):
        rows.append((image, label, show_image(image)))
    return rows


def list_bars(audit: Audit) -> list[tuple[str, float, float, float]]:
    """Title, AUROC and the ends of its interval of each shortcut baseline, for bars."""
    if audit.shortcut_baselines is None:
        return []
    bars = []
    for name, baseline in audit.shortcut_baselines.baselines.items():
        if baseline is None:
            continue
        low, high = baseline.ci["auroc"]
        if not np.isnan(low):
            bars.append((BASELINE_TITLES[name], baseline.auroc, low, high))
    return bars
