"""Tables as people have them: commas, semicolons, tabs or bars, with or without a byte order mark, in UTF-8,
UTF-16 or what a spreadsheet wrote, below remarks.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

SEPARATORS = ",;\t|"
HEAD_BYTES = 65536  # enough for the first line
# Byte order marks; that of UTF-32 begins as that of UTF-16 does
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
COMPRESSED_MARKS = (b"PK", b"\x1f\x8b")  # ZIP and gzip, which pandas unpacks
SAMPLE_BYTES = 64  # by which UTF-16 without a mark is known
BLOCK = 1 << 20  # letters read at once
MAX_CELL_LETTERS = 1 << 24
SEPARATOR_LINE = "sep="  # by which a line says to Excel what separates the cells of all others
REMARK = "# "


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
        ValueError: It is no table, or a quotation mark in it is not closed.
    """
    wanted = frozenset(words)
    header = list(names or split_header(path))
    types = {name: str for name in header if name.strip().lower() in wanted}  # others pandas guesses
    options: dict[str, Any] = {"header": None, "names": header} if names else {}
    remarks, line = read_head(path)
    encoding = guess_encoding(path)
    separator = guess_separator(line)
    check_quotes(path, encoding, separator)
    return pd.read_csv(
        path, sep=separator, encoding=encoding, dtype=types, skiprows=remarks, low_memory=False, **options
    )


def check_quotes(path: Path, encoding: str, separator: str) -> None:
    """Makes sure that each quotation mark that opens a cell closes it: else pandas takes rows for a part of a
    cell, and they are lost.

    Args:
        path: The file; one that is compressed is not looked at.
        encoding: Of its text.
        separator: Of its cells.

    Raises:
        ValueError: Names the line.
    """
    if is_compressed(path):
        return
    with open(path, encoding=encoding, newline="") as file:
        rows = csv.reader(file, delimiter=separator, strict=True)
        usual_limit = csv.field_size_limit(MAX_CELL_LETTERS)  # of the whole process, so put back at the end
        try:
            for _ in rows:
                pass
        except csv.Error as error:
            raise ValueError(f"the quotation marks of line {rows.line_num} do not match") from error
        finally:
            csv.field_size_limit(usual_limit)


def is_compressed(path: Path) -> bool:
    """Whether a file is one that pandas unpacks."""
    with open(path, "rb") as file:
        return file.read(2) in COMPRESSED_MARKS


def guess_encoding(path: Path) -> str:
    """Guesses the encoding of a text.

    Args:
        path: The file.

    Returns:
        UTF-16 or UTF-32 by their marks or zeros, UTF-8 where the whole file is, else the Western code page of
        spreadsheets.
    """
    with open(path, "rb") as file:
        wide = find_wide_encoding(file.read(SAMPLE_BYTES))
    if wide is not None:
        return wide
    try:
        # Read to its end: a single letter in another encoding may come late
        with open(path, encoding="utf-8") as file:
            while file.read(BLOCK):
                pass
        return "utf-8-sig"
    # Of Windows, in which every byte is a letter: spreadsheets of western Europe write it
    except UnicodeDecodeError:
        return "cp1252"


def find_wide_encoding(start: bytes) -> str | None:
    """Finds an encoding of two or four bytes a letter.

    Args:
        start: The first bytes of a text.

    Returns:
        UTF-32 or UTF-16 by its mark, UTF-16 also where every second byte is zero; None for others.

    >>> find_wide_encoding("image".encode("utf-16-le")), find_wide_encoding(b"image")
    ('utf-16-le', None)
    """
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    start = start[: len(start) // 2 * 2]  # whole letters of two bytes
    # Every second byte is 0: letters of a western alphabet in two bytes
    if len(start) > 2 and not any(start[1::2]) and all(start[0::2]):
        return "utf-16-le"
    if len(start) > 2 and not any(start[0::2]) and all(start[1::2]):
        return "utf-16-be"
    return None


def read_head(path: Path) -> tuple[int, str]:
    """Reads the beginning of a table, at most 64 KiB.

    Args:
        path: The file; undecodable bytes are replaced.

    Returns:
        The number of lines above the table that are remarks, and its first line that is not blank, without
        byte order mark.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    encoding = find_wide_encoding(head[:SAMPLE_BYTES]) or "utf-8-sig"
    remarks = 0
    for number, line in enumerate(split_lines(head.decode(encoding, errors="replace"))):
        if line.startswith(REMARK) or line.lower().startswith(SEPARATOR_LINE):
            remarks = number + 1
        elif line.strip():
            return remarks, line
    return remarks, ""


def split_lines(text: str) -> Iterator[str]:
    """The lines of a text as pandas counts them."""
    yield from text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def guess_separator(line: str) -> str:
    r"""The separator that a line has most of; a comma where it has none.

    Args:
        line: The first line that is no remark.

    >>> guess_separator("image;label"), guess_separator("image\tlabel"), guess_separator("image")
    (';', '\t', ',')
    """
    return max(SEPARATORS, key=line.count)


def split_header(path: Path) -> list[str]:
    """The cells of the first line that is no remark.

    Args:
        path: Of the table.
    """
    _, line = read_head(path)
    return next(csv.reader([line], delimiter=guess_separator(line)), [])
