"""Letters in figures: the font, what it can write, and how long a text may be."""

from __future__ import annotations

import unicodedata
from functools import cache

from PIL import ImageFont

REPLACEMENT = "?"  # for a letter that the font lacks
MISSING_LETTER = "\uffff"  # no font has it: it is drawn as the sign for a missing letter


@cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Loads the font that Pillow brings, Aileron, so that figures look alike on every machine.

    Args:
        size: Pixels.
    """
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("expected Pillow with FreeType; install it from its wheel")
    return loaded


@cache
def has_letter(letter: str) -> bool:
    """Whether the font has a letter, and not its sign for a missing one."""
    if not letter.isprintable():
        return False
    letters = load_font(20)  # of any size: a font has the same letters in all
    return bytes(letters.getmask(letter)) != bytes(letters.getmask(MISSING_LETTER))


def spell(name: str) -> str:
    """Spells a name as the font can write it: accents are dropped, unknown letters are question marks.

    Args:
        name: Any text.

    >>> spell("mélanome \u75e3.jpg")
    'melanome ?.jpg'
    """
    spelled = ""
    for letter in unicodedata.normalize("NFKD", name):
        if unicodedata.combining(letter):
            continue
        spelled += letter if has_letter(letter) else REPLACEMENT
    return spelled


def shorten(text: str, letters: ImageFont.FreeTypeFont, room: float) -> str:
    """Leaves out the middle of a text that is too wide.

    Args:
        text: The text.
        letters: Its font.
        room: Pixels.
    """
    short = text
    kept = len(text) // 2  # letters on either side
    while letters.getlength(short) > room and kept > 1:
        kept -= 1
        short = f"{text[:kept]}...{text[-kept:]}"
    return short
