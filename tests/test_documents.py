"""What the README and the pages of docs/ say: each command is one, and each link leads somewhere."""

import re
import subprocess
import sys

import page_outputs
import pytest
import shared_tables
import typer
from command_blocks import HOUSE, find_blocks, find_calls, list_pages
from typer.main import get_command

from lentigo.cli.app import app

PAGES = [*list_pages(), *sorted(HOUSE.glob("*.md"))]
LENTIGO = get_command(app)
CALLS = []
for page in list_pages():
    for block in find_blocks(page):
        for number, call in enumerate(find_calls(block.commands)):
            CALLS.append(pytest.param(call, id=f"{block.name}+{number}"))


@pytest.mark.parametrize("call", CALLS)
def test_a_command_of_a_page_is_one_that_lentigo_takes(call):
    context = LENTIGO.make_context("lentigo", list(call))
    while isinstance(context.command, typer.core.TyperGroup):
        words = [*context._protected_args, *context.args]
        if not words:
            break
        name, command, rest = context.command.resolve_command(context, words)
        context = command.make_context(name, rest, parent=context)


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
