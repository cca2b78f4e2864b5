"""How a package reads, in numbers, beside others. Example:

    pip download --no-deps --no-binary :all: httpx equinox isic-cli
    python bench/style.py lentigo httpx-0.28.1/httpx equinox-0.13.2/equinox isic_cli-12.4.0/isic_cli

Each folder is a package of Python files; its tests are not read.

* Modules a room: the most Python files in one folder, beside `__init__.py`.
* Tokens a function: what Python's tokenizer finds in the body, without docstring and comments; the median.
* Comprehensions: of lists, sets and dicts, and generator expressions, for each 100 functions.
* Comments: lines with a comment, for each 1,000 lines that are not blank.
* Documented: public functions with parameters, and how many of them have a docstring with an entry for each.
  Public is what another file of the package imports, or what `__init__.py` names. Commands of Typer and Click
  are left out: each of their options has a text of its own, which `--help` shows.
* Parameters: functions with more than seven, `self` and `cls` not counted.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tables import make_parser, print_table

COLUMNS = 110
MAX_PARAMETERS = 7
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Tally:
    """What was counted in a package."""

    rooms: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    long_lines: int = 0
    comments: int = 0
    comprehensions: int = 0
    tokens: list[int] = field(default_factory=list)
    public: int = 0
    documented: int = 0
    many_parameters: list[str] = field(default_factory=list)

    def describe(self, name: str) -> list[object]:
        """A row of the table."""
        functions = len(self.tokens)
        return [
            name,
            functions,
            max(self.rooms.values()),
            f"{100 * self.long_lines / self.lines:.1f}",
            statistics.median(self.tokens),
            round(100 * self.comprehensions / functions),
            round(1000 * self.comments / self.lines),
            f"{self.documented} of {self.public}",
            len(self.many_parameters),
        ]


def main() -> None:
    """Prints one row for each package."""
    parser = make_parser(__doc__)
    parser.add_argument("packages", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--list", action="store_true", help="names the functions with too many parameters")
    options = parser.parse_args()
    rows = []
    for package in options.packages:
        tally = count_package(package)
        rows.append(tally.describe(package.name))
        if options.list:
            print("\n".join(tally.many_parameters))
    titles = [
        "package",
        "functions",
        "modules a room",
        f"lines over {COLUMNS} columns, %",
        "tokens a function",
        "comprehensions per 100",
        "comments per 1,000 lines",
        "documented",
        f"over {MAX_PARAMETERS} parameters",
    ]
    print_table(titles, rows)


def count_package(package: Path) -> Tally:
    """Counts in every Python file below a folder but those of tests."""
    tally = Tally()
    paths = list_modules(package)
    imported = find_imported(paths)
    for path in paths:
        if path.name != "__init__.py":
            tally.rooms[str(path.parent)] += 1
        count_module(path, imported, tally)
    return tally


def list_modules(package: Path) -> list[Path]:
    """The Python files below a folder but those of tests."""
    paths = []
    for path in sorted(package.rglob("*.py")):
        below = path.relative_to(package)
        if "tests" not in below.parts and not below.name.startswith("test_"):
            paths.append(path)
    return paths


def find_imported(paths: list[Path]) -> set[str]:
    """Every name that one file imports from another."""
    names: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names.update(alias.name for alias in node.names)
    return names


def count_module(path: Path, imported: set[str], tally: Tally) -> None:
    """Adds what one file holds; `imported` are the names that other files take from somewhere."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    tally.lines += sum(bool(line.strip()) for line in lines)
    tally.long_lines += sum(len(line) > COLUMNS for line in lines)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    tally.comments += sum(token.type == tokenize.COMMENT for token in tokens)
    tree = ast.parse(source)
    tally.comprehensions += sum(isinstance(node, COMPREHENSIONS) for node in ast.walk(tree))
    for function in find_functions(tree):
        tally.tokens.append(count_tokens(function, tokens))
        parameters = list_parameters(function)
        if len(parameters) > MAX_PARAMETERS:
            tally.many_parameters.append(f"{path}:{function.lineno} {function.name}: {len(parameters)}")
    for function in find_public(tree, imported):
        parameters = list_parameters(function)
        if parameters:
            tally.public += 1
            tally.documented += documents_all(function, parameters)


def find_functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, inner ones too."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def count_tokens(function: Function, tokens: list[tokenize.TokenInfo]) -> int:
    """The tokens of a function's body, without its docstring and comments."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    first = body[0].lineno
    last = body[-1].end_lineno or body[-1].lineno
    return sum(first <= token.start[0] <= last and token.type not in LAYOUT for token in tokens)


def list_parameters(function: Function) -> list[str]:
    """The names of a function's parameters."""
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    names = [parameter.arg for parameter in parameters]
    return [name for name in names if name not in ("self", "cls")]


def find_public(tree: ast.Module, imported: set[str]) -> Iterator[Function]:
    """The functions that other files import, and the methods of classes that they import."""
    for node in tree.body:
        if isinstance(node, Function) and node.name in imported and not is_command(node):
            yield node
        elif isinstance(node, ast.ClassDef) and node.name in imported:
            for inner in node.body:
                if isinstance(inner, Function) and not inner.name.startswith("_"):
                    yield inner


def is_command(function: Function) -> bool:
    """Whether a function is a command of a command line, as its decorator `....command(...)` says."""
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr == "command":
            return True
    return False


def documents_all(function: Function, parameters: list[str]) -> bool:
    """Whether the docstring has a line `name: ...` for every parameter."""
    text = ast.get_docstring(function) or ""
    entries = {line.strip().partition(":")[0].lstrip("*") for line in text.splitlines() if ":" in line}
    named = {name.strip() for entry in entries for name in entry.split(",")}
    return named.issuperset(parameters)


if __name__ == "__main__":
    main()
