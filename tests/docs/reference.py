"""What the program says of itself, as Markdown: doors, errors, settings, commands, metrics.

Everything is introspected, nothing is repeated here, so that a field, an option or an error class
that is added appears in the pages or fails their test.
"""

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import orjson
import typer
from pydantic_core import PydanticUndefined

from catalog import json_schema
from catalog.presets import presets
from cli.main import app
from cli.settings import Settings
from extproc.doors import ACTIONS, DOORS, Door
from extproc.exchange import diagram
from extproc.telemetry import Telemetry
from tests.docs.errors import error_classes, trees
from tests.test_house import ARROWS, ROOMS
from translators.canonical.failure import STATUS, Failure, Kind
from translators.protocol import discover

Rows = Iterable[Sequence[str]]
PAGE_COLUMNS = 110
Command = Any  # typer's own copy of click has no public name


def table(headings: Sequence[str], rows: Rows) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    for row in rows:
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
    return "\n".join(lines)


def code(text: object) -> str:
    return f"`{text}`"


def codes(texts: Iterable[object]) -> str:
    return ", ".join(code(text) for text in texts)


# ---- architecture


def exchange_diagram() -> str:
    return f"```mermaid\n{diagram.mermaid()}\n```"


def exchange_table() -> str:
    return diagram.table()


def arrows() -> str:
    rows = [
        (code(room), codes(sorted(ARROWS[room])) or "none")
        for room in sorted(ARROWS, key=lambda room: (-len(ARROWS[room]), room))
    ]
    free = [code(room) for room in ROOMS if room not in ARROWS]
    return table(("room", "other rooms that it may import"), [*rows, (", ".join(free), "any")])


# ---- doors


def doors() -> str:
    """One row for each method and path, Gemini's methods written out."""
    return table(
        ("method", "path", "prefixes", "endpoint", "surface", "gate", "dialect"),
        [row for door in DOORS for row in _door_rows(door)],
    )


def _door_rows(door: Door) -> Iterator[tuple[str, ...]]:
    gemini = door.pattern[-1] == "{call...}"
    calls = [(f"{{model}}:{name}", *found) for name, found in ACTIONS.items()]
    for last, kind, surface in calls if gemini else [(door.pattern[-1], door.kind, door.surface)]:
        path = "/".join((*door.pattern[:-1], last)).replace("...", "")
        own = next((gate for gate in ("embeddings", "images") if gate == kind), door.gate)
        yield (
            ", ".join(door.methods),
            code(f"/{'v1beta' if gemini else 'v1'}/{path}"),
            codes(f"/{prefix}" for prefix in door.prefixes if prefix),
            code(kind),
            code(surface) if surface else "the portal",
            code(own) if surface else "",
            code(door.protocol) if surface else "of the prefix",
        )


# ---- errors


def kinds_of_failure() -> str:
    """How each dialect says each kind of failure, as rendered by the dialect itself."""
    return table(
        ("kind", "status", "Anthropic `type`", "OpenAI `type`, `code`", "Gemini `status`"),
        [(code(kind.value), str(STATUS[kind]), *_said(kind)) for kind in Kind],
    )


def _said(kind: Kind) -> tuple[str, str, str]:
    failure = Failure(kind, "m")
    said = {
        name: orjson.loads(protocol.render_failure(failure, "id"))["error"]
        for name, protocol in discover().items()
    }
    chat, gemini = said["openai_chat"], said["gemini"]
    assert gemini["code"] == STATUS[kind]
    return (
        code(said["anthropic"]["type"]),
        codes(word for word in (chat["type"], chat["code"]) if word),
        code(gemini["status"]),
    )


def error_parts() -> dict[str, Callable[[], str]]:
    """One part for each room that defines errors: its classes as trees, and what each means."""
    rooms = sorted({cls.room for cls in error_classes()})
    return {f"errors of {room}": partial(_room_errors, room) for room in rooms}


def _room_errors(room: str) -> str:
    drawn = "\n".join(line for tree in trees(room) for line in tree)
    rows = [
        (code(cls.name), code(cls.module), cls.meaning)
        for cls in error_classes()
        if cls.room == room
    ]
    meanings = table(("class", "defined in", "what it means, and what to do"), rows)
    return f"```text\n{drawn}\n```\n\n{meanings}"


# ---- catalog


def catalog_parts() -> dict[str, Callable[[], str]]:
    """One table for each part of the catalog's schema."""
    schema = json_schema()
    parts = {"Catalog": schema, **schema["$defs"]}
    return {f"catalog {name}": partial(_fields, part) for name, part in parts.items()}


def _fields(part: dict[str, Any]) -> str:
    required = part.get("required", ())
    return table(
        ("field", "type", "default", "meaning"),
        [
            (
                code(name),
                _type(node),
                "required" if name in required else _default(node),
                node["description"],
            )
            for name, node in part["properties"].items()
        ],
    )


def _type(node: dict[str, Any]) -> str:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in node:
        parts = [part for part in node["anyOf"] if part.get("type") != "null"]
        if {part.get("type") for part in parts} == {"number", "string"}:
            parts = parts[:1]  # a decimal may also be written as text
        return " or ".join(_type(part) for part in parts)
    if "const" in node:
        return code(node["const"])
    if "enum" in node:
        return codes(node["enum"])
    if node.get("type") == "array":
        return f"list of {_type(node['items'])}"
    if node.get("type") == "object":
        inner = next(iter(node.get("patternProperties", {}).values()), None)
        inner = inner or node.get("additionalProperties")
        return f"mapping of name to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    return _scalar(node)


def _scalar(node: dict[str, Any]) -> str:
    words = {"integer": "integer", "boolean": "boolean", "number": "number", "string": "text"}
    word = "date" if node.get("format") == "date" else words[node["type"]]
    least, most = node.get("minimum"), node.get("maximum")
    if least is None:
        return word
    bounds = f"{least:g} to {most:g}" if most is not None and most < 1e6 else f"from {least:g}"
    return f"{word}, {bounds}" if most is None or most < 1e6 else f"{word}, {least:g} to {most:.0f}"


def _default(node: dict[str, Any]) -> str:
    value = node.get("default")
    return "" if value in (None, [], "", {}) else code(json.dumps(value).strip('"'))


def presets_table() -> str:
    rows = []
    for name, preset in presets().items():
        paths = {surface: end.base_path or "(empty)" for surface, end in preset.surfaces.items()}
        surfaces = codes(f"{surface} {path}" for surface, path in paths.items())
        auth = preset.auth
        header = auth.scheme if auth.needs != "credential" else auth.header
        checked = f"[{preset.checked or 'not yet'}]({preset.source})"
        notes = f"Ended on {preset.retired}. {preset.notes}" if preset.retired else preset.notes
        rows.append(
            (
                code(name),
                preset.title,
                code(preset.base_url or "your own"),
                surfaces,
                code(header),
                code(preset.models_path) if preset.models_path else "",
                checked,
                notes.strip(),
            )
        )
    headings = (
        "preset", "provider", "address", "surfaces and base paths", "key header", "model list",
        "checked", "notes",
    )  # fmt: skip
    return table(headings, rows)


# ---- commands and settings


def commands() -> dict[str, Command]:
    """Every command of `clavis` by its words, such as `keys create`."""
    found: dict[str, Command] = {}

    def walk(command: Command, path: tuple[str, ...]) -> None:
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*path, name))
        if not hasattr(command, "commands"):
            found[" ".join(path)] = command

    walk(typer.main.get_command(app), ())
    return found


def command_tables() -> dict[str, Callable[[], str]]:
    return {f"clavis {name}": partial(_options, command) for name, command in commands().items()}


def _options(command: Command) -> str:
    """A command's own options as a table, and the names of those that settings.md describes."""
    rows, shared = [], []
    for parameter in command.params:
        if is_shared(parameter):
            shared.append(parameter.opts[0])
            continue
        argument = parameter.param_type_name == "argument"
        name = str(parameter.name) if argument else ", ".join(parameter.opts)
        default = "required" if parameter.required else _shown_default(parameter.default)
        meaning = _meaning(parameter)
        if parameter.multiple and "repeat" not in meaning:
            meaning += " May be repeated."
        rows.append((code(name), default, meaning))
    own = table(("argument or option", "default", "meaning"), rows) if rows else ""
    also = f"Settings and output: {codes(shared)}." if shared else ""
    also = textwrap.fill(also, PAGE_COLUMNS, break_on_hyphens=False, break_long_words=False)
    return "\n\n".join(part for part in (own, also) if part)


def is_shared(parameter: Any) -> bool:
    """Whether an option is a setting (its help names the variable) or `--json`."""
    return "[CLAVIS_" in (parameter.help or "") or parameter.opts == ["--json"]


def _meaning(parameter: Any) -> str:
    field = Settings.model_fields.get(str(parameter.name))
    text = parameter.help or ((field and field.description) or "").split(";")[0]
    return text.rstrip(".") + "."


def _shown_default(value: object) -> str:
    return "" if value in (None, False) else code(value)


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = "one for each core" if field.default_factory else _plain(field.default)
        flag = f"--{name.replace('_', '-')}"
        offered = any(flag in p.opts for c in commands().values() for p in c.params)
        rows.append(
            (
                code(f"CLAVIS_{name.upper()}"),
                code(flag) if offered else "",
                default,
                field.description or "",
            )
        )
    return table(("variable", "flag", "default", "meaning"), rows)


def _plain(value: object) -> str:
    return "" if value in (None, PydanticUndefined) else code(value)


# ---- metrics


def metrics() -> str:
    """Names as Prometheus reads them: a counter ends in `_total`."""
    telemetry = Telemetry()
    labels = {
        collector._name: collector._labelnames
        for collector in vars(telemetry).values()
        if hasattr(collector, "_labelnames")
    }
    rows = []
    for metric in telemetry.registry.collect():
        suffix = "_total" if metric.type == "counter" else ""
        rows.append(
            (
                code(metric.name + suffix),
                metric.type,
                codes(labels.get(metric.name, getattr(metric, "_labelnames", ()))),
                metric.documentation,
            )
        )
    return table(("metric", "type", "labels", "meaning"), rows)
