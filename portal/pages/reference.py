"""The page that describes the API, written from the OpenAPI document: no script, no second truth.

Paths that are one operation under several prefixes stand together.
"""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from portal.pages.frame import code, row

Json = dict[str, Any]
Operation = tuple[str, list[str], Json]  # method, paths, operation


def content(document: Json) -> str:
    """The page's content."""
    info = document["info"]
    parts = [f"<h1>{escape(info['title'])} API</h1>", _paragraphs(info.get("description", ""))]
    parts.append('<p class="soft">As OpenAPI: <a href="/openapi.json">/openapi.json</a></p>')
    for tag in document.get("tags", []):
        name = tag["name"]
        parts.append(f'<h2 id="{escape(name.lower())}">{escape(name)}</h2>')
        parts.append(_paragraphs(tag.get("description", "")))
        parts += [_operation(*found) for found in _operations(document, name)]
    parts.append('<h2 id="shapes">Shapes</h2>')
    schemas = document.get("components", {}).get("schemas", {})
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    return "\n".join(parts)


def _operations(document: Json, tag: str) -> Iterator[Operation]:
    """Operations of a tag; the paths of one handler under its prefixes are taken together."""
    together: dict[tuple[str, str, str], Operation] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if tag not in operation.get("tags", ()):
                continue
            text = (method, operation.get("summary", ""), operation.get("description", ""))
            _, paths, _ = together.setdefault(text, (method, [], operation))
            paths.append(path)
    yield from together.values()


def _operation(method: str, paths: list[str], operation: Json) -> str:
    doors = "<br>".join(
        f'<span class="method">{escape(method.upper())}</span> {code(path)}' for path in paths
    )
    parts = [f"<h3>{escape(operation.get('summary', paths[0]))}</h3>", f"<p>{doors}</p>"]
    parts.append(_paragraphs(operation.get("description", "")))
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [
            row(code(each["name"]), escape(each["in"]), escape(each.get("description", "")))
            for each in parameters
        ]
        parts.append(_table(("Parameter", "In", "Meaning"), rows))
    rows = [
        row(escape(status), escape(response["description"]), _shapes(response))
        for status, response in operation["responses"].items()
    ]
    parts.append(_table(("Status", "Meaning", "Shape"), rows))
    return "\n".join(parts)


def _shapes(response: Json) -> str:
    schemas = [media.get("schema", {}) for media in response.get("content", {}).values()]
    return ", ".join(_type(schema) for schema in schemas)


def _schema(name: str, schema: Json) -> str:
    rows = [
        row(code(field), _type(part), escape(part.get("description", "")))
        for field, part in schema.get("properties", {}).items()
    ]
    parts = [f'<h3 id="{escape(name)}">{escape(name)}</h3>']
    parts.append(_paragraphs(schema.get("description", "")))
    parts.append(_table(("Field", "Type", "Meaning"), rows))
    for example in schema.get("examples", [])[:1]:
        shown = escape(json.dumps(example, indent=2, ensure_ascii=False))
        parts.append(f"<pre><code>{shown}</code></pre>")
    return "\n".join(parts)


def _type(schema: Json) -> str:
    """A schema in one line of HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " or ".join(code(json.dumps(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))


def _table(headings: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "\n".join(rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _paragraphs(text: str) -> str:
    """Text as paragraphs; what stands in backticks as code."""
    paragraphs = []
    for block in text.split("\n\n"):
        pieces = block.split("`")
        shown = [code(piece) if at % 2 else escape(piece) for at, piece in enumerate(pieces)]
        paragraphs.append(f"<p>{''.join(shown)}</p>")
    return "\n".join(paragraphs) if text else ""
