"""The command blocks of a Markdown page, the output that stands below each, and the commands that a page or a
program names.

A block of commands is a fence marked `sh`. A fence marked `text` or `json` right below it is its output. A
comment `<!-- not run: REASON -->` above it says why its commands are not run by the tests.
"""

from __future__ import annotations

import ast
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
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
ASSIGNMENT = re.compile(r'^(\w+)="([^"]*)"')
SEPARATORS = {"|", "||", "&&", ";", "&", "<", ">", "(", ")"}  # of a shell


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


@dataclass(frozen=True)
class Call:
    """A command that a page or a program names.

    Attributes:
        place: The file and the line at which its block begins.
        words: The program and its arguments.
        is_mention: Whether it stands within a sentence, where it may leave out what it needs.
    """

    place: str
    words: list[str]
    is_mention: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {shlex.join(self.words)}"


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


def find_calls(page: Path) -> Iterator[Call]:
    """The commands of a page: those of its blocks, then those within its sentences.

    Args:
        page: A Markdown file. A variable that a block sets is known in the blocks below.
    """
    variables: dict[str, str] = {}
    for block in find_blocks(page):
        for words in read_commands(block.commands, variables):
            yield Call(block.name, words)
    prose = FENCE.sub(keep_lines, page.read_text(encoding="utf-8"))
    for number, line in enumerate(prose.splitlines(), 1):
        for code in INLINE.findall(line):
            for words in read_commands(code, variables):
                yield Call(f"{page.name}:{number}", words, is_mention=True)


def keep_lines(match: re.Match) -> str:
    """As many empty lines as a text has."""
    return "\n" * match[0].count("\n")


def find_docstring_calls(program: Path) -> Iterator[Call]:
    """The commands in the docstring of a program: lines that are indented.

    Args:
        program: A Python file.
    """
    text = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or ""
    indented = [line for line in text.splitlines() if line.startswith("    ")]
    for words in read_commands("\n".join(indented), {}):
        yield Call(program.name, words)


def read_commands(text: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """The commands of a shell's text.

    Args:
        text: A line may go on behind a backslash.
        variables: Values by name; those that the text sets are added.

    Returns:
        The words of each command. A variable that nothing has set stays as it is.

    >>> list(read_commands("find . | lentigo predict - --json > a.jsonl  # all of them", {}))
    [['find', '.'], ['lentigo', 'predict', '-', '--json'], ['a.jsonl']]
    >>> list(read_commands('M="--batch-size 8"\\nlentigo train $D $M', {}))
    [['lentigo', 'train', '$D', '--batch-size', '8']]
    """
    for line in text.replace("\\\n", " ").splitlines():
        assignment = ASSIGNMENT.match(line)
        if assignment:
            variables[assignment[1]] = assignment[2]
        for name, value in variables.items():
            line = re.sub(rf"\${name}\b", value, line)
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = "#"
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # no command: a word with an apostrophe
            continue
        for command in split_commands(words):
            if command:
                yield command


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
