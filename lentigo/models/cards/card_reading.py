"""Reading the card of a RUN, which may come from anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lentigo.errors import ModelError
from lentigo.models.cards.card_kinds import is_count, read_json
from lentigo.models.cards.card_schema import LARGEST_CARD, find_fault

FORMAT = 2  # of the card; another one is refused
DEFAULT_OUTPUTS = ("logit", "embedding", "heatmap")  # outputs of a graph whose card does not list them


def read_card(path: Path) -> dict[str, Any]:
    """Reads the card of a RUN.

    Args:
        path: The file, in the folder of the RUN.

    Returns:
        The card as written.

    Raises:
        ModelError: There is none, it is damaged, or of another format.
    """
    if not path.is_file():
        raise explain_unfinished(path)
    card = parse_card(path)
    # The format first: of a newer one the entries may well be others
    require_format(path, card["format"])
    fault = find_fault(card)
    if fault:
        raise damaged_card(path, fault)
    require_entries(path, card)
    return card


def explain_unfinished(path: Path) -> ModelError:
    """The error of a folder without a card."""
    has_checkpoint = (path.parent / "checkpoint").is_dir()
    cure = "finish it with --resume" if has_checkpoint else "give a folder that `lentigo train` wrote"
    return ModelError(f"{path.parent}: is no finished RUN (no {path.name}); {cure}")


def parse_card(path: Path) -> dict[str, Any]:
    """The object in a card's file, which has a format at least."""
    try:
        if path.stat().st_size > LARGEST_CARD:  # a RUN may come from anybody
            raise ValueError(f"more than {LARGEST_CARD >> 20} MB")
        card = read_json(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise damaged_card(path, str(error)) from error
    if not isinstance(card, dict) or not is_count(card.get("format")):
        raise damaged_card(path, "no card, or one without a format")
    return card


def require_entries(path: Path, card: dict[str, Any]) -> None:
    """Raises `ModelError` where a card lacks what no RUN can be used without."""
    required = ["files", "backbone"]
    if "logit" in card.get("outputs", DEFAULT_OUTPUTS):
        required += ["threshold", "calibration"]
    missing = [name for name in required if name not in card]
    if missing:
        raise damaged_card(path, f"entries are missing: {', '.join(missing)}")


def damaged_card(path: Path, reason: str) -> ModelError:
    """The error of a card that cannot be used."""
    return ModelError(f"{path}: is damaged ({reason}); copy the RUN again from its source")


def require_format(path: Path, number: int) -> None:
    """Raises `ModelError` for a card of another format than `FORMAT`."""
    if number > FORMAT:
        raise ModelError(
            f"{path}: was made by a newer Lentigo (format {number}, this one reads {FORMAT}); update Lentigo"
        )
    if number < FORMAT:
        raise ModelError(
            f"{path}: has format {number}, expected {FORMAT}; train again, or run `python "
            f"bench/upgrade_run.py {path.parent}`"
        )
