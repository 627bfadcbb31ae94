"""What the program says of itself, as Markdown: doors, errors, settings, commands, metrics.

Everything is introspected, nothing is repeated here, so that a field, an option or an error class
that is added appears in the pages or fails their test.
"""

import importlib
import inspect
import json
import pkgutil
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
from tests.test_house import ARROWS, ROOMS
from translators.canonical.failure import STATUS, Failure, Kind
from translators.protocol import discover

Rows = Iterable[Sequence[str]]
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


def error_classes() -> list[type[BaseException]]:
    """Every public exception class of the rooms that run in production."""
    found: dict[str, type[BaseException]] = {}
    for room in ("catalog", "cli", "extproc", "ledger", "portal", "translators"):
        for module in _modules(room):
            for name, value in vars(module).items():
                own = isinstance(value, type) and value.__module__ == module.__name__
                if own and issubclass(value, BaseException) and not name.startswith("_"):
                    found[f"{module.__name__}.{name}"] = value
    return [found[name] for name in sorted(found)]


def _modules(room: str) -> Iterator[Any]:
    package = importlib.import_module(room)
    yield package
    for info in pkgutil.walk_packages(package.__path__, f"{room}."):
        if not info.name.endswith("__main__") and ".versions." not in info.name:
            if info.name != "ledger.migrations.env":  # runs as a script of Alembic
                yield importlib.import_module(info.name)


def error_trees() -> dict[str, Callable[[], str]]:
    """One part for each room: its classes as a tree, and what each means."""
    rooms = {cls.__module__.split(".")[0] for cls in error_classes()}
    return {f"errors of {room}": partial(_room_errors, room) for room in sorted(rooms)}


def _room_errors(room: str) -> str:
    classes = [cls for cls in error_classes() if cls.__module__.split(".")[0] == room]
    roots = [cls for cls in classes if not set(cls.__mro__[1:]) & set(classes)]
    tree = "\n".join(line for root in roots for line in tree_of(root, classes))
    rows = [(code(cls.__name__), code(cls.__module__), _first_words(cls)) for cls in classes]
    meanings = table(("class", "defined in", "what it means, and what to do"), rows)
    return f"```text\n{tree}\n```\n\n{meanings}"


def tree_of(root: type, classes: Sequence[type]) -> list[str]:
    """The tree below a class, drawn as the modules draw it; children as they are defined."""
    children = [cls for cls in classes if root in cls.__bases__]
    children.sort(key=lambda cls: inspect.getsourcelines(cls)[1])
    lines = [root.__name__]
    for child in children:
        last = child is children[-1]
        head, *below = tree_of(child, classes)
        lines.append(("└── " if last else "├── ") + head)
        lines += [("    " if last else "│   ") + line for line in below]
    return lines


def _first_words(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


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
        words = [_type(each) for each in node["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
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
        surfaces = codes(f"{surface} {end.base_path}" for surface, end in preset.surfaces.items())
        header = preset.auth.header if preset.auth.scheme != "none" else "none"
        rows.append((code(name), preset.title, preset.base_url or "yours", surfaces, header))
    headings = ("preset", "provider", "address", "surfaces and base paths", "key header")
    return table(headings, ((*row[:2], code(row[2]), row[3], code(row[4])) for row in rows))


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
    rows = []
    for parameter in command.params:
        argument = parameter.param_type_name == "argument"
        name = parameter.human_readable_name if argument else ", ".join(parameter.opts)
        default = "required" if parameter.required else _shown_default(parameter.default)
        again = " May be repeated." if parameter.multiple else ""
        rows.append((code(name), default, (parameter.help or "").rstrip(".") + "." + again))
    return table(("argument or option", "default", "meaning"), rows)


def _shown_default(value: object) -> str:
    return "" if value in (None, False) else code(value)


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = "one for each core" if field.default_factory else _plain(field.default)
        flag = f"--{name.replace('_', '-')}"
        offered = any(flag in p.opts for p in commands()["up"].params)
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
                codes(labels.get(metric.name, ())),
                metric.documentation,
            )
        )
    return table(("metric", "type", "labels", "meaning"), rows)
