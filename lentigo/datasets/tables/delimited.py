"""Tables as people have them: commas, semicolons or tabs, with or without a byte order mark, UTF-8 or what a
spreadsheet wrote.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

SEPARATORS = ",;\t"
HEAD = 65536  # bytes, enough for the first line


def read_delimited(path: Path, words: Iterable[str] = (), names: Sequence[str] | None = None) -> pd.DataFrame:
    """A delimited file as a table; columns called as in `words`, in any case, stay words where they look like
    numbers.

    `names` are those of the columns where the file has no header. Raises `OSError` or `ValueError` where it
    is no table.
    """
    encoding = guess_encoding(path)
    header = list(names or split_header(path))
    separator = guess_separator(read_first_line(path))
    wanted = frozenset(words)
    types = {name: str for name in header if name.strip().lower() in wanted}
    return pd.read_csv(
        path,
        sep=separator,
        encoding=encoding,
        dtype=types,
        low_memory=False,
        **({"header": None, "names": header} if names else {}),
    )


def guess_encoding(path: Path) -> str:
    """UTF-16 by its mark, UTF-8 where the whole file is, else the Western code page of spreadsheets."""
    with open(path, "rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    try:
        with open(path, encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
        return "utf-8-sig"
    except UnicodeDecodeError:
        return "cp1252"


def read_first_line(path: Path) -> str:
    """The first line that is not blank, at most 64 KiB of it, without byte order mark; undecodable bytes are
    replaced.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    return next((line for line in text.splitlines() if line.strip()), "")


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
