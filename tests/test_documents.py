"""What the README and the pages of docs/ say: each command is one, and each link leads somewhere."""

import re
import subprocess
import sys

import page_outputs
import pytest
import shared_tables
import typer
from command_blocks import HOUSE, Call, find_calls, find_docstring_calls, list_pages
from typer.exceptions import TyperException
from typer.main import get_command

from lentigo.cli.app import app

PAGES = [*list_pages(), *sorted(HOUSE.glob("*.md"))]
OTHERS = [
    HOUSE / "BENCHMARKS.md",
    HOUSE / "CONTRIBUTING.md",
]  # pages with commands; LOG.md has those of its day
FOLDERS = "bench|deploy|docs|lentigo|tests"  # of the house, whose files pages name
LENTIGO = get_command(app)


def parse(words):
    """Reads the words behind `lentigo` as the command line does, up to the call of the command."""
    context = LENTIGO.make_context("lentigo", list(words))
    while isinstance(context.command, typer.core.TyperGroup):
        words = [*context._protected_args, *context.args]
        if not words:
            break
        name, command, rest = context.command.resolve_command(context, words)
        context = command.make_context(name, rest, parent=context)


def check_mention(words):
    """Makes sure that the command exists, and each option that is named; a mention may leave out what else it needs."""
    command = LENTIGO
    words = list(words)
    while isinstance(command, typer.core.TyperGroup) and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--") and word not in {*known, "--help"}:
            raise KeyError(word)


def find_refusal(call):
    """Why `lentigo` does not take a command; "" where it does."""
    check = check_mention if call.is_mention else parse
    try:
        check(call.words[1:])
    except (TyperException, KeyError) as error:
        return str(error)
    return ""


def list_refused(calls):
    """The `lentigo` commands that it does not take, with the reasons."""
    refused = {}
    for call in calls:
        reason = find_refusal(call) if call.words[0] == "lentigo" else ""
        if reason:
            refused[str(call)] = reason
    return refused


@pytest.mark.parametrize("page", [*list_pages(), *OTHERS], ids=lambda page: page.name)
def test_the_commands_of_a_page_are_ones_that_lentigo_takes(page):
    assert list_refused(find_calls(page)) == {}


def test_the_commands_that_programs_show_are_ones_that_lentigo_takes():
    calls = [call for path in sorted((HOUSE / "bench").glob("*.py")) for call in find_docstring_calls(path)]
    assert list_refused(calls) == {}


def test_a_command_that_is_none_is_found():
    call = Call("page.md:1", ["lentigo", "train", "photos/", "--unfreeze"])
    assert "--unfreeze" in list_refused([call])[str(call)]


def anchors(page):
    """What a link to a heading of a page may say, as GitHub and the site make it."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", sorted(set(PAGES)), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", [*list_pages(), *OTHERS], ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"(?<![\w./$-])(?:{FOLDERS})/[\w./-]*[\w/]", text))
    assert [name for name in sorted(named) if not (HOUSE / name).exists()] == []


def test_tables_are_those_of_the_benchmarks():
    assert shared_tables.list_stale_pages() == {}, "run `python docs/programs/shared_tables.py`"


@pytest.mark.check
@pytest.mark.parametrize("page", page_outputs.list_pages_with_outputs(), ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_print(page):
    assert page_outputs.check_page(page, write=False) == [], (
        "run `python docs/programs/page_outputs.py --write`"
    )


@pytest.mark.check
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    result = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "lentigo.predict" in (tmp_path / "site" / "reference" / "python.html").read_text(encoding="utf-8")
