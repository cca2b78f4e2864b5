"""Names of files as text: a name need not be UTF-8 on a disk, but in tables, JSON, HTML and databases it has to be.

Python has a lone surrogate for each byte of a name that is not UTF-8, which no text file may hold and Arrow refuses. So a name is spelled
where it is found (`l\\udce4sion.png` for the byte E4), is text from then on, and leads to its file again where that is opened.
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Any

SPELLED = re.compile(r"\\udc([89a-f][0-9a-f])")
OLD_CODES = ("latin-1", "cp1252", "cp437")  # of ZIPs and disks before UTF-8


def spell_name(name: str | os.PathLike[str]) -> str:
    r"""A name as text, with `\udcXX` for each byte XX that is not UTF-8.

    >>> spell_name("l\udce4sion.png"), spell_name("läsion.png")
    ('l\\udce4sion.png', 'läsion.png')
    """
    text = os.fspath(name)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def find_name(name: str | os.PathLike[str]) -> str:
    """The name by which a file is opened: as it is written where that is there, else as one that is spelled so, or the same letters in another code.

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
