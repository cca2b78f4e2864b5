"""The page of the HTTP interface, made from the OpenAPI document that the service gives."""

from __future__ import annotations

import json
from typing import Any

INTRODUCTION = """# HTTP

This page is made from the OpenAPI document, which the service gives at `/openapi.json`.
How to use it: [the service](../service.md). Every error is `application/problem+json` (RFC 9457).
"""
METHODS = ("get", "post", "put", "delete", "patch")


def read_interface() -> dict[str, Any]:
    """The OpenAPI document; no service is started and no store is opened."""
    from lentigo.serving.http.app import make_app

    return make_app().openapi()


def write_http_reference(document: dict[str, Any]) -> str:
    """The page as Markdown.

    Args:
        document: The OpenAPI document.
    """
    sections = [INTRODUCTION]
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                sections.append(describe_operation(path, method, item[method]))
    sections.append("## Objects\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        sections.append(describe_object(name, schema))
    return "\n".join(sections)


def describe_operation(path: str, method: str, operation: dict[str, Any]) -> str:
    """A route: what it does, its parameters, what comes back."""
    lines = [f"## {method.upper()} {path}", "", " ".join((operation.get("description") or "").split()), ""]
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["| parameter | in | type | what |", "|---|---|---|---|"]
        for parameter in parameters:
            kind = name_type(parameter.get("schema", {}))
            words = cell(parameter.get("description", ""))
            lines.append(f"| `{parameter['name']}` | {parameter['in']} | {kind} | {words} |")
        lines.append("")
    lines += ["| status | comes back | when |", "|---|---|---|"]
    for status, response in sorted(operation["responses"].items()):
        kinds = [name_type(content.get("schema", {})) for content in response.get("content", {}).values()]
        lines.append(f"| {status} | {', '.join(kinds)} | {cell(response.get('description', ''))} |")
    return "\n".join([*lines, ""])


def describe_object(name: str, schema: dict[str, Any]) -> str:
    """An object of the interface: its fields."""
    lines = [f"### {name}", "", " ".join((schema.get("description") or "").split()), ""]
    if "enum" in schema:
        lines.append(", ".join(f"`{json.dumps(value)}`" for value in schema["enum"]))
    fields = schema.get("properties", {})
    if fields:
        lines += ["| field | type | what |", "|---|---|---|"]
        for field, facts in fields.items():
            lines.append(f"| `{field}` | {name_type(facts)} | {cell(facts.get('description', ''))} |")
    return "\n".join([*lines, ""])


def name_type(schema: dict[str, Any]) -> str:
    """The type of a JSON value in words; an object of the interface links to its fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(name_type(inner) for inner in schema[choice])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {name_type(schema.get('items', {}))}"
    kind = schema.get("type", "any value")
    return " or ".join(kind) if isinstance(kind, list) else kind


def cell(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())
