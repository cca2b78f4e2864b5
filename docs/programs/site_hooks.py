"""Hooks of mkdocs: the generated pages, the pages that lie outside docs/, and links that lead out of the site."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from card_reference import write_card_reference
from command_blocks import HOUSE
from command_reference import write_command_reference
from data_sheet import write_data_sheet
from http_reference import read_interface, write_http_reference
from json_reference import write_json_reference
from mkdocs.structure.files import File, Files
from python_reference import write_python_reference

OUTSIDE = ("BENCHMARKS", "LOG", "CHANGELOG", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")
CARD = HOUSE / "lentigo" / "models" / "bundled" / "model_card.md"
CHECKLISTS = re.compile(r"^## ((?:CLAIM|TRIPOD)[^\n]*)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
NOT_RUN = re.compile(r"^<!-- not run: (.+?) -->\n", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are made here."""
    pages = {
        "reference/commands.md": write_command_reference(),
        "reference/python.md": write_python_reference(),
        "reference/json.md": write_json_reference(),
        "reference/card.md": write_card_reference(),
        "reference/http.md": write_http_reference(read_interface()),
        "model-card.md": fold_checklists(CARD.read_text(encoding="utf-8")),
        "data-sheet.md": write_data_sheet(),
        "index.md": move_readme((HOUSE / "README.md").read_text(encoding="utf-8")),
    }
    for name in OUTSIDE:
        text = (HOUSE / f"{name}.md").read_text(encoding="utf-8")
        pages[f"{name}.md"] = text.replace("](docs/", "](")
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def move_readme(text: str) -> str:
    """The README as the first page of the site."""
    return text.replace("](docs/", "](").replace('src="docs/', 'src="')


def fold_checklists(text: str) -> str:
    """A model card whose two long tables are closed until somebody opens them."""

    def fold(match: re.Match[str]) -> str:
        lines = [f"    {line}" if line else "" for line in match[2].strip().splitlines()]
        return f'## {match[1]}\n\n??? note "The table"\n\n' + "\n".join(lines) + "\n\n"

    return CHECKLISTS.sub(fold, text)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to what is no page of the site become plain words; commands that are not run say why."""
    known = {file.src_uri for file in files}

    def follow(match: re.Match[str]) -> str:
        words, target = match.groups()
        name, hash_sign, anchor = target.partition("#")
        if not name or re.match(r"\w+:", target):
            return match[0]
        name = name.removeprefix("../") if page.file.src_uri.count("/") == 0 else name
        base = Path(page.file.src_uri).parent
        if str((base / name).as_posix()) in known or "reference/" in page.file.src_uri:
            return f"[{words}]({name}{hash_sign}{anchor})"
        return words

    return NOT_RUN.sub(r"*Not run by the tests: \1.*\n\n", LINK.sub(follow, markdown))
