"""Copies the tables that several pages show from BENCHMARKS.md, so that a number stands in one place.

    python docs/programs/shared_tables.py              # writes them
    python docs/programs/shared_tables.py --check      # says which page shows an older one

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`. In BENCHMARKS.md it is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from command_blocks import HOUSE, list_pages

SOURCE = HOUSE / "BENCHMARKS.md"
TABLE = re.compile(
    r"^<!-- table: (?P<name>.+?) -->\n(?P<rows>.*?)^<!-- end of table -->$", re.MULTILINE | re.DOTALL
)


def read_tables(page: Path) -> dict[str, str]:
    """The marked tables of a page by their names."""
    text = page.read_text(encoding="utf-8")
    return {match["name"]: match["rows"] for match in TABLE.finditer(text)}


def fill_tables(text: str, tables: dict[str, str]) -> str:
    """A page's text with the rows of today.

    Args:
        text: The page.
        tables: The rows by the names of their tables.

    Raises:
        KeyError: A table of the page is none of BENCHMARKS.md.
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- table: {name} -->\n{tables[name]}<!-- end of table -->"

    return TABLE.sub(fill, text)


def list_stale_pages() -> dict[Path, str]:
    """The pages whose tables are not those of BENCHMARKS.md, each with the text that it should have."""
    tables = read_tables(SOURCE)
    stale = {}
    for page in list_pages():
        text = page.read_text(encoding="utf-8")
        filled = fill_tables(text, tables)
        if filled != text:
            stale[page] = filled
    return stale


def main() -> None:
    """Writes the tables, or says which are old."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where a table is old"
    )
    options = parser.parse_args()
    stale = list_stale_pages()
    for page, text in stale.items():
        print(f"{page.name}: shows an older table than BENCHMARKS.md")
        if not options.check:
            page.write_text(text, encoding="utf-8")
    sys.exit(bool(stale) and options.check)


if __name__ == "__main__":
    main()
