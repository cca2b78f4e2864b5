"""The page of commands, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

INTRODUCTION = """# Commands

This page is made from the commands themselves; `lentigo COMMAND --help` says the same.
Results go to stdout, words for people and progress to stderr. `--json` prints results for machines.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a bug |
| 2 | the call is wrong |
| 3 | done, but some photographs failed and are listed |
| 4 | the input or the model cannot be used; one line says why |
| 130 | stopped by Ctrl-C; what was answered is kept |
"""
LEFT_OUT = ("--help",)


def write_command_reference() -> str:
    """The page as Markdown."""
    from lentigo.cli.app import app

    sections = [INTRODUCTION]
    for context in list_commands(get_command(app), "lentigo"):
        sections.append(describe_command(context))
    return "\n".join(sections)


def list_commands(command: Any, name: str, parent: Any = None) -> Iterator[Any]:
    """The contexts of all commands below one, groups left out."""
    context = command.context_class(command, info_name=name, parent=parent)
    if not isinstance(command, TyperGroup):
        yield context
        return
    for inner in command.list_commands(context):
        yield from list_commands(command.get_command(context, inner), inner, context)


def describe_command(context: Any) -> str:
    """One command: what it does, its arguments and options, an example."""
    command = context.command
    rows = [describe_parameter(parameter, context) for parameter in command.params]
    lines = [
        f"## {context.command_path}",
        "",
        " ".join((command.help or "").split()),
        "",
        "| argument or option | default | what |",
        "|---|---|---|",
        *[row for row in rows if row],
        "",
    ]
    if command.epilog:
        lines += ["```sh", command.epilog.removeprefix("Example: "), "```", ""]
    return "\n".join(lines)


def describe_parameter(parameter: Any, context: Any) -> str:
    """A row of the table of a command; "" for what every command has."""
    names = [*parameter.opts, *parameter.secondary_opts]
    if set(names) & set(LEFT_OUT):
        return ""
    metavar = parameter.make_metavar(context) if hasattr(parameter, "make_metavar") else ""
    if parameter.param_type_name == "argument":
        title = f"`{metavar}`"
    else:
        is_flag = getattr(parameter, "is_flag", False)
        title = " / ".join(f"`{name}`" for name in names) + ("" if is_flag else f" {escape(metavar)}")
    default = "required" if parameter.required else format_default(parameter.default)
    words = " ".join((getattr(parameter, "help", None) or "").split())
    return f"| {title} | {default} | {escape(words)} |"


def format_default(value: Any) -> str:
    """A default for people; nothing where there is none."""
    if value is None or value is False or callable(value) or value in ("", (), []):
        return ""
    if value is True:
        return "yes"
    text = str(value)
    return "" if "UNSET" in text.upper() else f"`{text}`"


def escape(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
