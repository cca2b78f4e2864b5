"""Tables as people have them: commas, semicolons or tabs, with or without a byte order mark, UTF-8 or what a
spreadsheet wrote.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

SEPARATORS = ",;\t"
HEAD_BYTES = 65536  # enough for the first line
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
BLOCK = 1 << 20  # letters read at once


def read_delimited(path: Path, words: Iterable[str] = (), names: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads a delimited file.

    Args:
        path: The file.
        words: Columns, in any case, that stay words where they look like numbers.
        names: Those of the columns where the file has no header.

    Returns:
        The table.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no table.
    """
    wanted = frozenset(words)
    header = list(names or split_header(path))
    types = {name: str for name in header if name.strip().lower() in wanted}
    options: dict[str, Any] = {"header": None, "names": header} if names else {}
    return pd.read_csv(
        path,
        sep=guess_separator(read_first_line(path)),
        encoding=guess_encoding(path),
        dtype=types,
        low_memory=False,
        **options,
    )


def guess_encoding(path: Path) -> str:
    """UTF-16 by its mark, UTF-8 where the whole file is, else the Western code page of spreadsheets."""
    with open(path, "rb") as file:
        if file.read(2) in UTF_16_MARKS:
            return "utf-16"
    try:
        with open(path, encoding="utf-8") as file:
            while file.read(BLOCK):
                pass
        return "utf-8-sig"
    except UnicodeDecodeError:
        return "cp1252"


def read_first_line(path: Path) -> str:
    """The first line that is not blank, at most 64 KiB of it, without byte order mark; undecodable bytes are
    replaced.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    encoding = "utf-16" if head[:2] in UTF_16_MARKS else "utf-8-sig"
    for line in head.decode(encoding, errors="replace").splitlines():
        if line.strip():
            return line
    return ""


def guess_separator(line: str) -> str:
    r"""The separator that a line has most of; a comma where it has none.

    >>> guess_separator("image;label"), guess_separator("image\tlabel"), guess_separator("image")
    (';', '\t', ',')
    """
    return max(SEPARATORS, key=line.count)


def split_header(path: Path) -> list[str]:
    """The cells of the first line."""
    line = read_first_line(path)
    return next(csv.reader([line], delimiter=guess_separator(line)), [])
