"""Names of files as text: a name need not be UTF-8 on a disk, but in tables, JSON, HTML and databases it has
to be.

Python has a lone surrogate for each byte of a name that is not UTF-8, which no text file may hold and Arrow
refuses. So a name is spelled where it is found (`l\\udce4sion.png` for the byte E4), is text from then on,
and leads to its file again where that is opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from typing import Any

SPELLED = re.compile(r"\\udc([89a-f][0-9a-f])")
COMMANDS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
)  # control letters, line ends and turns of direction in Unicode
MAX_STEM_BYTES = 180  # of a name that is made of a photograph's: endings and temporary names are longer
OLD_CODES = ("latin-1", "cp1252", "cp437")  # of ZIPs and disks before UTF-8


def spell_name(name: str | os.PathLike[str]) -> str:
    r"""A name as text, with `\udcXX` for each byte XX that is not UTF-8.

    >>> spell_name("l\udce4sion.png"), spell_name("läsion.png")
    ('l\\udce4sion.png', 'läsion.png')
    """
    text = os.fspath(name)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def spell_controls(text: str, keep: str = "") -> str:
    r"""Words without letters that command a terminal, or that turn the order in which others are shown: each
    is spelled.

    Args:
        text: words for people, with names of files that anybody may have chosen.
        keep: letters that stay, such as the line feeds of a text of several lines.

    Returns:
        The text with `\n`, `\x1b`, `\u202e` and the like as letters.

    >>> print(spell_controls("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter in keep or not COMMANDS.match(letter) else letter.encode("unicode_escape").decode()
        for letter in text
    )


def resolve_name(name: str | os.PathLike[str]) -> str:
    """The one name of a file, whatever path or link leads to it; never raises, not for links that lead to
    themselves either.

    Args:
        name: a path as text.

    Returns:
        The absolute path without links; without a look at the disk for a name that no file can have.
    """
    try:
        return os.path.realpath(name)
    except (OSError, ValueError):
        return os.path.abspath(name)


def find_name(name: str | os.PathLike[str]) -> str:
    """The name by which a file is opened: as it is written where that is there, else as one that is spelled
    so, or the same letters in another code.

    Args:
        name: a path as text.

    Returns:
        The path of a file or folder that is there, or else the name as it is written.
    """
    text = os.fspath(name)
    if not isinstance(text, str) or (text.isascii() and "\\udc" not in text) or exists(text):
        return text
    return next((other for other in list_spellings(text) if exists(other)), text)


def list_spellings(text: str) -> list[str]:
    """Other names that a text may stand for on a disk."""
    spellings = [SPELLED.sub(lambda match: chr(0xDC00 + int(match.group(1), 16)), text)]
    spellings += [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    for code in OLD_CODES:
        try:
            spellings.append(os.fsdecode(text.encode(code)))
        except UnicodeError:
            continue
    return [other for other in spellings if other != text]


def exists(name: str) -> bool:
    """Whether something has that name; never raises."""
    try:
        return os.path.lexists(name)
    except (OSError, ValueError):
        return False


def is_file(name: str | os.PathLike[str]) -> bool:
    """Whether a name, as it is spelled in text, leads to a file; never raises."""
    try:
        return os.path.isfile(find_name(name))
    except (OSError, ValueError):
        return False


def spell_all(value: Any) -> Any:
    """A value of JSON with all its words spelled as text.

    >>> spell_all({"image": ["a\\udce4.png"]})
    {'image': ['a\\\\udce4.png']}
    """
    if isinstance(value, str):
        return spell_name(value)
    if isinstance(value, dict):
        return {spell_all(key): spell_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spell_all(item) for item in value]
    return value


def shorten_name(name: str, most: int = MAX_STEM_BYTES) -> str:
    """A name of a file that leaves room for an ending: names have 255 bytes at most.

    Args:
        name: without an ending.
        most: bytes at most.

    Returns:
        The name, or its beginning and eight digits of its hash.

    >>> shorten_name("mole"), len(shorten_name("m" * 255))
    ('mole', 180)
    """
    content = os.fsencode(name)
    if len(content) <= most:
        return name
    ending = "-" + hashlib.sha256(content).hexdigest()[:8]
    return content[: most - len(ending)].decode("utf-8", "ignore") + ending
