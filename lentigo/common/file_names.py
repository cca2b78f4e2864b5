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
from pathlib import Path
from typing import Any

from lentigo.errors import UsageError

SPELLED = re.compile(r"\\udc([89a-f][0-9a-f])")
# Control letters, line ends and turns of direction in Unicode
COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
MAX_SHOWN_LETTERS = 40  # of a value that an error names
MAX_STEM_BYTES = 180  # of a name that is made of a photograph's: endings and temporary names are longer
FRAME = re.compile(r"#[1-9]\d*$")  # of a file that holds several images, as in scan.dcm#2
OLD_CODES = ("latin-1", "cp1252", "cp437")  # of ZIPs and disks before UTF-8


def spell_name(name: str | os.PathLike[str]) -> str:
    r"""Spells a name as text, with `\udcXX` for each byte XX that is not UTF-8.

    Args:
        name: As the system gives it, with lone surrogates.

    Returns:
        Text that can be written as UTF-8.

    >>> spell_name("l\udce4sion.png"), spell_name("läsion.png")
    ('l\\udce4sion.png', 'läsion.png')
    """
    text = os.fspath(name)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def spell_controls(text: str, keep: str = "") -> str:
    r"""Spells letters that command a terminal, or that turn the order in which others are shown.

    Args:
        text: Words for people, with names of files that anybody may have chosen.
        keep: Letters that stay, such as the line feeds of a text of several lines.

    Returns:
        The text with `\n`, `\x1b`, `\u202e` and the like as letters.

    >>> print(spell_controls("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    if text.isprintable():
        return text
    letters = []
    for letter in text:
        if COMMANDS.match(letter) and letter not in keep:
            letter = letter.encode("unicode_escape").decode()
        letters.append(letter)
    return "".join(letters)


def spell_all(value: Any) -> Any:
    """Spells all text in a value of JSON.

    Args:
        value: Nested dictionaries, lists and tuples.

    Returns:
        The same with text that can be written as UTF-8, and with lists for tuples.

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


def resolve_name(name: str | os.PathLike[str]) -> str:
    """Gives the one name of a file, whatever path or link leads to it.

    Never raises, not for links that lead to themselves either.

    Args:
        name: A path as text.

    Returns:
        The absolute path without links; without a look at the disk for a name that no file can have.
    """
    try:
        return os.path.realpath(name)
    except (OSError, ValueError):
        return os.path.abspath(name)


def take_path(value: Any, name: str, expected: str = "a path") -> Path:
    """Takes a path as a caller gives it; `~` is the home folder, unless something of that name is there.

    Args:
        value: Text or a path.
        name: Of the argument, for the error.
        expected: What the error asks for.

    Returns:
        The path.

    Raises:
        UsageError: It is no path, or an empty one.

    >>> take_path("runs/first", "model").name
    'first'
    """
    if not isinstance(value, str | os.PathLike) or os.fspath(value) in ("", b""):
        raise UsageError(f"{name} is {describe_value(value)}; expected {expected}")
    # Whoever has a folder called `~x` means it
    text = os.fsdecode(value)
    if text.startswith("~") and not os.path.lexists(text):
        text = os.path.expanduser(text)
    return Path(text)


def describe_value(value: Any) -> str:
    """A value in a few letters: itself where it is short, else its type.

    Args:
        value: Any.

    >>> describe_value(None), describe_value("0.1"), describe_value(list(range(100)))
    ('None', "'0.1'", 'a list')
    """
    spelled = repr(value)
    if len(spelled) <= MAX_SHOWN_LETTERS and not spelled.startswith("<"):
        return spelled
    return f"a {type(value).__name__}"


def find_name(name: str | os.PathLike[str]) -> str:
    """Finds the name by which a file is opened.

    It is the name as it is written where that is there, else one that is spelled so, or the same letters in
    another code.

    Args:
        name: A path as text.

    Returns:
        The path of a file or folder that is there, or else the name as it is written.
    """
    text = os.fspath(name)
    if not isinstance(text, str):
        return text
    has_one_spelling = text.isascii() and "\\udc" not in text and "#" not in text
    if has_one_spelling or exists(text):
        return text
    # In the order of likelihood: spelled bytes first, then the other normal form of Unicode
    for other in list_spellings(text):
        if exists(other):
            return other
    file = FRAME.sub("", text)
    return text if file == text else find_name(file)


def list_spellings(text: str) -> list[str]:
    """Other names that a text may stand for on a disk."""
    spellings = [SPELLED.sub(read_spelled_byte, text)]
    for form in ("NFC", "NFD"):
        spellings.append(unicodedata.normalize(form, text))
    for code in OLD_CODES:
        try:
            spellings.append(os.fsdecode(text.encode(code)))
        except UnicodeError:
            continue
    return [other for other in spellings if other != text]


def read_spelled_byte(match: re.Match[str]) -> str:
    """The lone surrogate that a spelled byte stands for."""
    return chr(0xDC00 + int(match.group(1), 16))


def exists(name: str) -> bool:
    """Whether something has that name; never raises."""
    try:
        return os.path.lexists(name)
    except (OSError, ValueError):
        return False


def is_file(name: str | os.PathLike[str]) -> bool:
    """Whether a name, as it is spelled in text, leads to a file; never raises.

    Args:
        name: A path as text.
    """
    try:
        return os.path.isfile(find_name(name))
    except (OSError, ValueError):
        return False


def shorten_name(name: str, max_bytes: int = MAX_STEM_BYTES) -> str:
    """Shortens the name of a file so that it leaves room for an ending: names have 255 bytes at most.

    Args:
        name: Without an ending.
        max_bytes: Of the result.

    Returns:
        The name, or its beginning and eight digits of its hash.

    >>> shorten_name("mole"), len(shorten_name("m" * 255))
    ('mole', 180)
    """
    # Cut by bytes, since disks count those; a letter that was cut in two is dropped
    content = os.fsencode(name)
    if len(content) <= max_bytes:
        return name
    ending = "-" + hashlib.sha256(content).hexdigest()[:8]
    return content[: max_bytes - len(ending)].decode("utf-8", "ignore") + ending
