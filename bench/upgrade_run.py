"""A RUN of an earlier format in the format of today: its card gets the names that this version reads.
Example:

    python bench/upgrade_run.py runs/first

The card is replaced whole; the files that it names stay as they are, and so do their hashes.
The model card, which people may have completed by hand, is not touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tables import make_parser

from lentigo.common.json_values import write_json
from lentigo.models.bundle import CARD, open_bundle
from lentigo.models.cards.card_kinds import read_json
from lentigo.models.cards.card_reading import FORMAT

NAMES = {  # of entries, whatever they stand in
    "twins": "duplicates",
    "risk": "alpha",
    "guard": "leak_policy",
    "still_share": "freeze",
    "small_epochs": "lowres_epochs",
    "small_side": "lowres_size",
    "small_learning_rate": "lowres_learning_rate",
    "average": "ema",
    "degradation": "corruption",
    "floors": "shortcut_baselines",
    "sides": "splits",
    "outside": "out_of_distribution",
    "doubtful": "uncertain",
}


def main() -> None:
    """Rewrites the cards of the RUNs that are named."""
    parser = make_parser(__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    for run in parser.parse_args().runs:
        print(upgrade(run))


def upgrade(run: Path) -> str:
    """Rewrites the card of one RUN, and says what was done."""
    path = run / CARD
    card = read_json(path.read_text(encoding="utf-8"))
    if card["format"] == FORMAT:
        return f"{run}: has format {FORMAT} already"
    write_json(path, rename(card) | {"format": FORMAT})
    open_bundle(run)
    return f"{run}: format {card['format']} became {FORMAT}"


def rename(entry: Any) -> Any:
    """An entry of a card with the names of today, at any depth.

    >>> rename({"data": {"twins": {"groups": 2}}, "risk": 0.1})
    {'data': {'duplicates': {'groups': 2}}, 'alpha': 0.1}
    """
    if isinstance(entry, dict):
        return {NAMES.get(name, name): rename(value) for name, value in entry.items()}
    if isinstance(entry, list):
        return [rename(value) for value in entry]
    return entry


if __name__ == "__main__":
    main()
