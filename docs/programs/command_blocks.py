"""The command blocks of a Markdown page, and the output that stands below each.

A block of commands is a fence marked `sh`. A fence marked `text` or `json` right below it is its output. A
comment `<!-- not run: REASON -->` above it says why its commands are not run by the tests.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^```sh\n(?P<commands>.*?)^```\n"
    r"(?:\n?^```(?:text|json)\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
SEPARATORS = {"|", "||", "&&", ";", "&", "<", ">"}  # of a shell


@dataclass(frozen=True)
class CommandBlock:
    """Commands of a page, in the order in which a reader types them."""

    page: Path
    line: int
    commands: str
    output: str | None
    output_span: tuple[int, int] | None  # in the text of the page
    reason: str | None  # why they are not run

    @property
    def name(self) -> str:
        """The page and the line, as a test names them."""
        return f"{self.page.name}:{self.line}"


def list_pages() -> list[Path]:
    """The README and the pages that people write."""
    return [HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md"))]


def find_blocks(page: Path) -> list[CommandBlock]:
    """The command blocks of a page.

    Args:
        page: A Markdown file.

    Returns:
        The blocks in their order.
    """
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        has_output = match["output"] is not None
        block = CommandBlock(
            page=page,
            line=text.count("\n", 0, match.start("commands")),
            commands=match["commands"],
            output=match["output"],
            output_span=match.span("output") if has_output else None,
            reason=match["reason"],
        )
        blocks.append(block)
    return blocks


def find_calls(commands: str) -> Iterator[list[str]]:
    """The arguments of each `lentigo` command of a block.

    Args:
        commands: The text of the block; a line may go on behind a backslash.

    Returns:
        The words behind `lentigo`, up to the end of the command.

    >>> list(find_calls("find . | lentigo predict - --json > a.jsonl  # all of them"))
    [['predict', '-', '--json']]
    """
    for line in commands.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = "#"
        lexer.whitespace_split = True
        for command in split_commands(list(lexer)):
            if command and command[0] == "lentigo":
                yield command[1:]


def split_commands(words: list[str]) -> Iterator[list[str]]:
    """The commands of a shell's line, each without the variables that are set before it."""
    command: list[str] = []
    for word in words:
        if word in SEPARATORS:
            yield command
            command = []
        elif command or not re.match(r"\w+=", word):
            command.append(word)
    yield command
